"""Pub/Sub: a message as Eventarc has it, the payload of `google.cloud.pubsub.topic.v1.messagePublished`.

A push that is no CloudEvent is unwrapped on its way in: there the payload is the message's data, and the rest is in the envelope.

Facts: google/events/cloud/pubsub/v1/data.proto of googleapis/google-cloudevents.
"""

from __future__ import annotations

from .base import Bytes, Int32, Model, Timestamp

__all__ = ["MessagePublishedData", "PubsubMessage"]


class PubsubMessage(Model):
    """A message that was published to a topic."""

    data: Bytes = b""
    attributes: dict[str, str] = {}
    message_id: str = ""
    publish_time: Timestamp | None = None
    ordering_key: str = ""


class MessagePublishedData(Model):
    """The payload of `messagePublished`: exactly the body of a wrapped push."""

    message: PubsubMessage | None = None
    #: `projects/P/subscriptions/S`.
    subscription: str = ""
    #: Counted by subscriptions that have a dead letter topic, from 1; 0 elsewhere.
    delivery_attempt: Int32 = 0
