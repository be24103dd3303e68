"""What is done with each pulled message: it is delivered, then acknowledged or given back."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from threading import Lock
from typing import Any, NamedTuple, Protocol

from .._log import log_event, trail
from .._shutdown import StopFlag
from ..outcomes import Outcome
from ..utils import make_pubsub_message

__all__ = ["DeliveryResult", "Destination", "PulledMessage", "Puller", "as_push"]


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


class DeliveryResult(NamedTuple):
    """What became of a delivery."""

    #: Whether Pub/Sub would have taken it as done.
    acknowledged: bool
    #: For people: an outcome, or an answer; nothing of the payload.
    said: str


class Destination(Protocol):
    """Where pulled messages are delivered: `Here`, or `Forward`."""

    def deliver(self, kind: str, reference: str, body: bytes) -> DeliveryResult:
        """Deliver a push; called by several threads at once."""
        ...


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


class Puller:
    """The callback of a stream: delivers each message as the push that it would have been.

    Args:
        destination: Where to.
        subscription: The full name of the subscription, as it stands in a push.
        kind: The kind of the events: a push would have it from its URL.
        reference: The reference of the events; without one, each has its message id.
        stop: Once it is set, no more messages are taken.
        limit: How many messages to take, before `stop` is set.
        tell: Called with each message's id and what became of it. An `OSError` of it sets `stop`.

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
        #: How many messages were delivered and acknowledged.
        self.acknowledged: int = 0
        #: How many messages were delivered in vain, and are delivered again.
        self.given_back: int = 0

    def receive(self, message: PulledMessage) -> bool:
        """Deliver a message, and acknowledge it or give it back; returns whether it was taken.

        Called by several threads at once; raises nothing.
        """
        if not self._take():
            return False
        reference = self._reference or message.message_id
        try:
            delivered = self._destination.deliver(self._kind, reference, as_push(message, self._subscription))
        except BaseException as error:  # noqa: BLE001 -- also SystemExit: one message must not end the others' stream
            outcome = Outcome.FAILED.value
            log_event(
                logging.ERROR,
                outcome,
                kind=self._kind,
                reference=reference,
                message_id=message.message_id,
                problem=trail(error),
            )
            delivered = DeliveryResult(acknowledged=False, said=outcome)
        if delivered.acknowledged:
            message.ack()
        else:
            message.nack()
        self._note(message, delivered)
        return True

    def _take(self) -> bool:
        with self._lock:
            if self._stop.is_set():
                return False
            self._taken += 1
            if self._taken == self._limit:
                self._stop.set()
            return True

    def _note(self, message: PulledMessage, delivered: DeliveryResult) -> None:
        with self._lock:
            if delivered.acknowledged:
                self.acknowledged += 1
            else:
                self.given_back += 1
            if self._tell is not None:
                try:
                    self._tell(message.message_id, delivered)
                except OSError:  # nobody reads it any more, as behind `| head`
                    self._tell = None
                    self._stop.set()
