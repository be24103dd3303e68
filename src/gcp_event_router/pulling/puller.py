"""Delivers each pulled message, then acknowledges or returns it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any, Protocol

from .._log import log_event, trail
from .._shutdown import StopFlag
from ..outcomes import Outcome
from ..utils import make_pubsub_message
from .destinations import DeliveryResult, Destination


class _PulledMessage(Protocol):
    """The part of `google.cloud.pubsub_v1.subscriber.message.Message` that is used here."""

    message_id: str

    @property
    def data(self) -> bytes: ...

    @property
    def attributes(self) -> Mapping[str, str]: ...

    @property
    def publish_time(self) -> datetime: ...

    @property
    def ordering_key(self) -> str: ...

    @property
    def delivery_attempt(self) -> int | None: ...

    def ack(self) -> None: ...

    def nack(self) -> None: ...


def as_push(message: _PulledMessage, subscription: str) -> bytes:
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


@dataclass
class Puller:
    """The callback of a stream: delivers each message as a push."""

    destination: Destination
    #: The full name of the subscription, as in a push.
    subscription: str
    #: The kind of the events, which a push has in its URL.
    kind: str
    #: The reference of the events; by default each message's id.
    reference: str | None = None
    _: KW_ONLY
    #: Once it is set, no more messages are taken.
    stop: StopFlag
    #: The number of messages to take before `stop` is set.
    limit: int | None = None
    #: Called with each message's id and result. If it raises `OSError`, `stop` is set.
    tell: Callable[[str, DeliveryResult], None] | None = None
    #: The number of acknowledged messages.
    acknowledged: int = field(default=0, init=False)
    #: The number of messages that failed, and are delivered again.
    given_back: int = field(default=0, init=False)
    _taken: int = field(default=0, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def receive(self, message: _PulledMessage) -> bool:
        """Deliver a message, then acknowledge or return it. Returns whether it was taken.

        Called in several threads at once; never raises.
        """
        with self._lock:
            if self.stop.is_set():
                return False
            self._taken += 1
            if self._taken == self.limit:
                self.stop.set()
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
            if self.tell is not None:
                try:
                    self.tell(message.message_id, result)
                except OSError:  # the reader is gone, as with `| head`
                    self.tell = None
                    self.stop.set()
        return True

    def _deliver(self, message: _PulledMessage) -> DeliveryResult:
        reference = self.reference or message.message_id
        try:
            return self.destination.deliver(self.kind, reference, as_push(message, self.subscription))
        except BaseException as error:  # noqa: BLE001 -- even SystemExit: one message must not end the stream of the others
            outcome, message_id = Outcome.FAILED.value, message.message_id
            log_event(logging.ERROR, outcome, kind=self.kind, reference=reference, message_id=message_id, problem=trail(error))
            return DeliveryResult(acknowledged=False, result=outcome)
