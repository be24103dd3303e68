"""The relay: takes due events, hands them to the transport, and settles them. Several may run at once.

A relay may be killed at any time. What it has taken is due again after its lease, so it may be sent twice; the event's id travels
with it, by which an inbox recognises it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, wait
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Final
from uuid import UUID

from .. import conf
from .._boxes.states import State
from .._log import logger, trail
from ..exceptions import EventRouterError
from .attempts import Failure, judge, settle
from .heartbeat import note_relay
from .models import OutgoingEvent
from .taking import MOST_BYTES, DueEvents, Taken, renew
from .transports import HeldBackError, Transport

#: How long a finished event waits, in seconds, to be settled together with others.
_SETTLE_AFTER: Final = 0.25

#: Called with an event, and the exception of its attempt, or None if it was sent.
Tell = Callable[[OutgoingEvent, "BaseException | None"], object]


class RelayGoneError(EventRouterError):
    """The failure of an event whose relay has ended, or has outlived its lease, in each of its attempts."""


@dataclass(slots=True)
class Tally:
    """What a relay has done."""

    sent: int = 0
    failed: int = 0
    parked: int = 0

    def __bool__(self) -> bool:
        return bool(self.sent or self.failed or self.parked)


def relay(alias: str, transport: Transport, stopped: Callable[[], bool] = lambda: False, tell: Tell | None = None) -> Tally:
    """Send all events that are due, and return how many.

    Args:
        alias: The outbox's database.
        transport: Sends the events; it stays open.
        stopped: Whether to end as soon as what was taken is sent or given back.
        tell: Called for each event whose attempt has been settled.

    Raises:
        DatabaseError: The database is unavailable, or refuses a statement. What the relay has taken is due again after its lease.

    """
    return _Relay(alias, transport, stopped, tell).run()


@dataclass(slots=True, eq=False)
class _Held:
    """An event in the hands of this relay."""

    event: OutgoingEvent
    token: UUID
    #: When it was due for the first time, by this process's clock.
    due_at: float
    future: Future[str] | None = None


class _Relay:
    """One run of the relay."""

    def __init__(self, alias: str, transport: Transport, stopped: Callable[[], bool], tell: Tell | None) -> None:
        self._alias = alias
        self._transport = transport
        self._stopped = stopped
        self._tell = tell
        self._settings = conf.current().OUTBOX
        self._tally = Tally()
        self._due = DueEvents(alias)
        self._held: list[_Held] = []
        self._settled_at = self._renewed_at = monotonic()

    def run(self) -> Tally:
        """Pass over all due events, until a pass finds none, or the relay is stopped."""
        has_taken = False
        while True:
            if self._stopped():
                if not self._held:
                    return self._tally
            elif 2 * len(self._held) <= self._settings.BATCH and 2 * (size := self._size()) <= MOST_BYTES:
                note_relay(self._alias)
                taken = self._due.take(self._settings.BATCH - len(self._held), MOST_BYTES - size)
                if taken is not None:
                    has_taken = has_taken or bool(taken.events)
                    self._begin(taken)
                elif has_taken or self._held:
                    self._due.restart()
                    has_taken = False
                else:
                    return self._tally
            if self._held:
                wait([held.future for held in self._held if held.future is not None], _SETTLE_AFTER)
                self._settle()

    def _size(self) -> int:
        """How many bytes the payloads in hand have."""
        return sum(len(held.event.data) for held in self._held)

    def _begin(self, taken: Taken) -> None:
        """Hand events to the transport, in lines; give back those that are left when the relay is stopped."""
        lines: dict[object, list[_Held]] = {}
        self._settled_at = monotonic()
        for event, age in taken.events.items():
            held = _Held(event, taken.token, monotonic() - age.total_seconds())
            self._held.append(held)
            lines.setdefault(event.order_key or event.pk, []).append(held)
        for line in lines.values():
            if self._stopped():
                break
            if line[0].event.attempts > self._settings.MAX_ATTEMPTS:  # it was taken alone
                line[0].future = _failed(RelayGoneError())
                continue
            for held, future in zip(line, self._submit([held.event for held in line]), strict=False):
                held.future = future
                if monotonic() - self._settled_at >= _SETTLE_AFTER:
                    self._settle()
        for held in self._held:
            if held.future is None:
                held.future = _failed(HeldBackError())

    def _submit(self, line: Sequence[OutgoingEvent]) -> Iterator[Future[str]]:
        """Yield a future of each event of a line, whatever the transport does."""
        error: Exception = TypeError("submit() has yielded too few futures")
        try:
            yield from self._transport.submit(line)
        except Exception as raised:  # noqa: BLE001 -- it is stored
            error = raised
        yield _failed(error)
        while True:
            yield _failed(HeldBackError())

    def _settle(self) -> None:
        """Settle what is finished, and renew the leases of all else in time."""
        finished: dict[UUID, list[_Held]] = {}
        rest: dict[UUID, list[_Held]] = {}
        for held in self._held:
            is_finished = held.future is not None and held.future.done()
            (finished if is_finished else rest).setdefault(held.token, []).append(held)
        for token, ended in finished.items():
            self._settle_some(token, ended)
        self._settled_at = monotonic()
        if self._settled_at - self._renewed_at >= self._settings.LEASE.total_seconds() / 3:
            self._renewed_at = self._settled_at
            note_relay(self._alias)
            for token, others in rest.items():
                renew(self._alias, token, [held.event for held in others])

    def _settle_some(self, token: UUID, ended: Sequence[_Held]) -> None:
        errors = {held.event.pk: _error_of(held.future) for held in ended if held.future is not None}
        sent = {held.event.pk: held.future.result() for held in ended if held.future and errors[held.event.pk] is None}
        held_back = [held.event for held in ended if isinstance(errors[held.event.pk], HeldBackError)]
        failed: dict[int, Failure] = {}
        for held in ended:
            error = errors[held.event.pk]
            if error is not None and not isinstance(error, HeldBackError):
                age = timedelta(seconds=max(monotonic() - held.due_at, 0))
                failed[held.event.pk] = judge(self._alias, held.event, error, age)
        number = settle(self._alias, token, sent, failed, held_back)
        settled = set(ended)
        self._held = [held for held in self._held if held not in settled]
        if number < len(ended):
            logger.warning("Events that took longer than LEASE, and may be sent twice: %d", len(ended) - number)
        self._count(len(sent), failed, ended, errors)

    def _count(
        self, sent: int, failed: Mapping[int, Failure], ended: Sequence[_Held], errors: Mapping[int, BaseException | None]
    ) -> None:
        """Count, log and tell what has become of events."""
        self._tally.sent += sent
        for held in ended:
            event, error = held.event, errors[held.event.pk]
            if event.pk in failed and error is not None:
                is_parked = failed[event.pk].state is State.PARKED
                self._tally.parked += is_parked
                self._tally.failed += not is_parked
                message = "An event of kind %r with id %s was not sent, and is parked after attempt %d: %s"
                if not is_parked:
                    message = "An event of kind %r with id %s was not sent, and waits after attempt %d: %s"
                log = logger.error if is_parked else logger.info
                log(message, event.kind, event.key, event.attempts, trail(error))
            if self._tell is not None and not isinstance(error, HeldBackError):
                self._tell(event, error)


def _failed(error: Exception) -> Future[str]:
    future = Future[str]()
    future.set_exception(error)
    return future


def _error_of(future: Future[str]) -> BaseException | None:
    return CancelledError() if future.cancelled() else future.exception()
