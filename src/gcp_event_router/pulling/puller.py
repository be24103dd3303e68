"""Delivers each pulled message, then acknowledges or returns it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from threading import Lock
from typing import Any, Protocol

from .._log import log_event, trail
from .._shutdown import StopFlag
from ..outcomes import Outcome
from ..utils import make_pubsub_message
from .destinations import DeliveryResult, Destination


class PulledMessage(Protocol):
    """The part of `google.cloud.pubsub_v1.subscriber.message.Message` that is used here."""

    message_id: str

    @property
    def data(self) -> bytes:
        """The payload."""
        ...

    @property
    def attributes(self) -> Mapping[str, str]:
        """The attributes."""
        ...

    @property
    def publish_time(self) -> datetime:
        """When it was published; aware."""
        ...

    @property
    def ordering_key(self) -> str:
        """The ordering key, or ""."""
        ...

    @property
    def delivery_attempt(self) -> int | None:
        """The number of the delivery, if the subscription has a dead-letter topic."""
        ...

    def ack(self) -> None:
        """Acknowledge the message."""

    def nack(self) -> None:
        """Ask for another delivery."""


def as_push(message: PulledMessage, subscription: str) -> bytes:
    """Make the body of the push, with both spellings of its names, so that its envelope and identity are those of a push.

    The body is the same for each delivery of the message, except for the delivery attempt.
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


class Puller:
    """The callback of a stream: delivers each message as a push.

    Args:
        destination: The destination.
        subscription: The full name of the subscription, as in a push.
        kind: The kind of the events, which a push has in its URL.
        reference: The reference of the events; by default each message's id.
        stop: Once it is set, no more messages are taken.
        limit: The number of messages to take before `stop` is set.
        tell: Called with each message's id and result. If it raises `OSError`, `stop` is set.

    """

    def __init__(
        self,
        destination: Destination,
        subscription: str,
        kind: str,
        reference: str | None = None,
        *,
        stop: StopFlag,
        limit: int | None = None,
        tell: Callable[[str, DeliveryResult], None] | None = None,
    ) -> None:
        self._destination = destination
        self._subscription = subscription
        self._kind = kind
        self._reference = reference
        self._stop = stop
        self._limit = limit
        self._tell = tell
        self._lock = Lock()
        self._taken = 0
        #: The number of acknowledged messages.
        self.acknowledged: int = 0
        #: The number of messages that failed, and are delivered again.
        self.given_back: int = 0

    def receive(self, message: PulledMessage) -> bool:
        """Deliver a message, then acknowledge or return it. Returns whether it was taken.

        Called in several threads at once; never raises.
        """
        with self._lock:
            if self._stop.is_set():
                return False
            self._taken += 1
            if self._taken == self._limit:
                self._stop.set()
        result = self._deliver(message)
        if result.acknowledged:
            message.ack()
        else:
            message.nack()
        with self._lock:
            if result.acknowledged:
                self.acknowledged += 1
            else:
                self.given_back += 1
            if self._tell is not None:
                try:
                    self._tell(message.message_id, result)
                except OSError:  # the reader is gone, as with `| head`
                    self._tell = None
                    self._stop.set()
        return True

    def _deliver(self, message: PulledMessage) -> DeliveryResult:
        reference = self._reference or message.message_id
        try:
            return self._destination.deliver(self._kind, reference, as_push(message, self._subscription))
        except BaseException as error:  # noqa: BLE001 -- even SystemExit: one message must not end the stream of the others
            outcome, message_id = Outcome.FAILED.value, message.message_id
            log_event(logging.ERROR, outcome, kind=self._kind, reference=reference, message_id=message_id, problem=trail(error))
            return DeliveryResult(acknowledged=False, result=outcome)
