"""Pub/Sub: a message as Eventarc has it, the payload of `google.cloud.pubsub.topic.v1.messagePublished`.

A push is unwrapped on its way in: the payload is the message's data, and the rest is in the envelope. Who wants all of it as
the payload declares `MessagePublishedData`.

Facts: google/events/cloud/pubsub/v1/data.proto of googleapis/google-cloudevents.
"""

from __future__ import annotations

from typing import ClassVar

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
    """The body of a wrapped push, by Pub/Sub itself or as Eventarc's `messagePublished`.

    Handlers of any other type are given what is in the message; those of this one are given all of it.
    """

    __reads_body__: ClassVar[bool] = True

    message: PubsubMessage | None = None
    #: `projects/P/subscriptions/S`.
    subscription: str = ""
    #: Counted by subscriptions that have a dead letter topic, from 1; 0 elsewhere.
    delivery_attempt: Int32 = 0
