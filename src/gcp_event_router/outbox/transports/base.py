"""The base class of transports, which the relay hands events to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ClassVar

from django.db import connections

from ...exceptions import EventRouterError
from ...outcomes import Retry
from ..models import OutgoingEvent

__all__ = ["HeldBackError", "NotAcknowledgedError", "Transport"]


class HeldBackError(EventRouterError):
    """The result of an event that the transport held back, since an earlier one of its key failed; the attempt does not count."""


class NotAcknowledgedError(Retry):
    """The receiver of an event did not acknowledge it, and may have said how long to wait.

    It counts as a failed attempt. Like any `Retry` that `send` raises, it delays the next one by `after` at least.
    """


class Transport(ABC):
    """Sends events. A project's own transport implements `send`; `GCP_EVENT_ROUTER["OUTBOX"]["TRANSPORT"]` names it.

    The relay calls `submit` with lines of events: those of one ordering key, in order, or a single event.
    """

    #: How many lines are sent at once. With 0, the relay's own thread sends one after the other.
    concurrency: int = 8
    #: Whether each event has to name a topic.
    needs_topic: ClassVar[bool] = False

    _executor: ThreadPoolExecutor | None = None

    def open(self) -> None:  # noqa: B027 -- most transports need nothing
        """Prepare to send: called once, by each relay, before the first event. Raises `ConfigurationError` if it never could."""

    @abstractmethod
    def send(self, event: OutgoingEvent) -> str:
        """Send an event; return the id that the receiver gave it, or "".

        Called in several threads at once, unless `concurrency` is 0. Any exception means that the event has to be sent again;
        `outcomes.Retry` says after which time. Send `event.sent_attributes` along, which have the id by which an inbox
        recognises an event sent twice.
        """

    def submit(self, line: Sequence[OutgoingEvent]) -> Iterator[Future[str]]:
        """Begin to send the events of a line, each once the previous one has arrived; yield a future of each, in order.

        After a failure, the rest of the line ends with `HeldBackError`.
        """
        futures = [Future[str]() for _ in line]
        if not self.concurrency:
            yield from self._send_line(line, futures)
            return
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self.concurrency, thread_name_prefix="gcp-event-outbox")
        self._executor.submit(self._send_in_thread, line, futures)
        yield from futures

    def close(self) -> None:
        """End the threads, after what they are sending."""
        if self._executor is not None:
            self._executor.shutdown()
            self._executor = None

    def _send_in_thread(self, line: Sequence[OutgoingEvent], futures: Sequence[Future[str]]) -> None:
        try:
            for _ in self._send_line(line, futures):
                pass
        except BaseException as error:
            for future in futures:  # or the relay would wait for them for ever
                if not future.done():
                    future.set_exception(error)
                    error = HeldBackError()
            raise
        finally:
            connections.close_all()  # those of this thread, if `send` has used the database

    def _send_line(self, line: Sequence[OutgoingEvent], futures: Sequence[Future[str]]) -> Iterator[Future[str]]:
        failed = False
        for event, future in zip(line, futures, strict=True):
            if failed:
                future.set_exception(HeldBackError())
            else:
                try:
                    future.set_result(self.send(event))
                except Exception as error:  # noqa: BLE001 -- the relay stores it
                    failed = True
                    future.set_exception(error)
            yield future
