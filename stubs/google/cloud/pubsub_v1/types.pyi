from typing import NamedTuple

from google.pubsub_v1.types import PubsubMessage as PubsubMessage

class FlowControl(NamedTuple):
    max_bytes: int = ...
    max_messages: int = ...

class PublisherOptions(NamedTuple):
    enable_message_ordering: bool = ...
