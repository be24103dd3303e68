"""A message as google-cloud-pubsub hands it out, and the push that it would have been."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from ..utils import make_pubsub_message

__all__ = ["PulledMessage", "as_push"]


class PulledMessage(Protocol):
    """What we need of `google.cloud.pubsub_v1.subscriber.message.Message`."""

    message_id: str

    @property
    def data(self) -> bytes:
        """The payload."""
        ...

    @property
    def attributes(self) -> Mapping[str, str]:
        """The attributes, none of which is None."""
        ...

    @property
    def publish_time(self) -> datetime:
        """When it was published, aware."""
        ...

    @property
    def ordering_key(self) -> str:
        """Empty where there is none."""
        ...

    @property
    def delivery_attempt(self) -> int | None:
        """Only where the subscription has a dead-letter topic."""
        ...

    def ack(self) -> None:
        """Say that it is done."""

    def nack(self) -> None:
        """Have it delivered again."""


def as_push(message: PulledMessage, subscription: str) -> bytes:
    """The body of the push by which Pub/Sub would have delivered a message, both spellings of its names included.

    Called by `Puller` for each message. Envelope, identity and inbox are then those of a push. The body is the same for each
    delivery of the message, but for its delivery attempt.
    """
    push: dict[str, Any] = make_pubsub_message(
        message.data,
        subscription,
        dict(message.attributes),
        message.message_id,
        message.ordering_key or None,
        message.publish_time,
        as_dict=True,
    )
    inner = push["message"]
    inner |= {"message_id": inner["messageId"], "publish_time": inner["publishTime"]}
    if message.delivery_attempt is not None:
        push["deliveryAttempt"] = message.delivery_attempt
    return json.dumps(push).encode()
