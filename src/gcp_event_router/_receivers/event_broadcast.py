"""Sends an event signal to plain receivers and to routers, even if other software wraps the routers' receivers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextvars import ContextVar
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from typing_extensions import override

from .._concurrency import RAISED, as_failure, is_meant
from ..exceptions import Answer
from .base import Receiver, Responses, RouterReceiver, TwoPhase, is_router_receiver
from .broadcast import Broadcast
from .kwargs_adapter import SENT, original

T = TypeVar("T")

_EVENT = SENT[2:]
#: The most wrappers around a receiver.
_WRAPPERS = 20


class _Left:
    """Stands for the response of a router with async handlers that have not run yet."""


_LEFT = _Left()


class EventBroadcast(Broadcast):
    """The broadcast of one event, which brings routers the raw event, even through wrappers.

    Args:
        named: The arguments of plain receivers; the payload and the parameters may be missing if only routers listen.
        raw_event: The raw event, if the endpoint sends it.
        connected: The connected receivers, if other software may wrap them.

    """

    _answers = (Answer,)

    def __init__(self, named: dict[str, Any], raw_event: Any = None, connected: list[Receiver] | None = None) -> None:
        super().__init__("event_received", named)
        self.raw_event: Any = raw_event
        self.signal: object = named["signal"]
        self._is_delivered = raw_event is not None
        self._all_connected = connected
        self._failures: list[Exception] = []
        #: The outcome or the failure of the router that the current call has reached, or `_LEFT`.
        self._noted: object = None
        self._trace: TracebackType | None = None
        self._leaves = False
        self._blocking: list[Receiver] = []
        self._awaited: list[Receiver] = []
        self._splits: list[tuple[Receiver, TwoPhase]] = []

    def __enter__(self) -> Self:
        """Let `find_broadcast` find it, in this context and in threads without it."""
        self._token = _current.set(self)
        if self._is_delivered:  # the parameters belong to this event only
            self._key = id(self.named.get("event_parameters"))
            self._outer = _broadcasts.get(self._key)
            _broadcasts[self._key] = self
        return self

    def __exit__(self, *_: object) -> None:
        self._noted = self._trace = None
        _current.reset(self._token)
        if self._is_delivered:
            if self._outer is None:
                _broadcasts.pop(self._key, None)
            else:
                _broadcasts[self._key] = self._outer

    def sends(self, named: Mapping[str, Any]) -> bool:
        """Whether arguments are those of this event, or copies of them."""
        mine = self.named
        return ("event_payload" in mine) == ("event_payload" in named) and all(
            mine.get(name) is named.get(name) or (self._is_delivered and mine.get(name) == named.get(name)) for name in _EVENT
        )

    def through(self, router: RouterReceiver) -> object:
        """Bring the event to a router, even through a wrapper; under `asend`, `finish` awaits its async handlers."""
        named = self.named
        try:
            if self.raw_event is None:
                self.raw_event = router.read(named.get("event_payload"), named.get("event_parameters"))
            split = router.split(named["event_kind"], named["event_reference"], self.raw_event)
            if self._leaves and split.awaits:
                split.run()
                self._splits.append((router, split))
                self._noted = _LEFT
                return None
            outcome = split.complete()
        except Exception as error:
            self._noted, self._trace = error, error.__traceback__
            raise
        self._noted = outcome
        return outcome

    def part(self, blocking: list[Receiver], awaited: list[Receiver]) -> bool:
        """Divide the work into `run_parted`, for a thread, and `finish_parted`; returns whether the first has anything to do."""
        for receiver in sorted(blocking, key=self._is_router):
            if is_router_receiver(receiver):
                self._part(receiver)
            else:
                self._blocking.append(receiver)
        self._awaited = awaited
        return bool(self._blocking) or any(split.blocking for _, split in self._splits)

    def _is_router(self, receiver: Receiver) -> bool:
        return is_router_receiver(self._connected(receiver))

    def _part(self, receiver: Any) -> None:
        named = self.named
        try:
            if self.raw_event is None:
                self.raw_event = receiver.read(named.get("event_payload"), named.get("event_parameters"))
            self._splits.append((receiver, receiver.split(named["event_kind"], named["event_reference"], self.raw_event)))
        except Exception as error:  # noqa: BLE001 -- as in call()
            self._failed(receiver, error)

    def run_parted(self) -> None:
        """Call all sync receivers and handlers."""
        direct = list(self._splits)
        self._leaves = True
        self.run(self._blocking)
        self._leaves = False
        for _, split in direct:
            split.run()

    async def finish_parted(self) -> None:
        """Await all async receivers and handlers at once."""
        await asyncio.gather(
            *(self._await(router, split.finish) for router, split in self._splits),
            *(self._await(receiver, partial(receiver, **self.named)) for receiver in self._awaited),
        )

    def raised(self) -> Responses:
        """Return the responses, or raise the receivers' exceptions."""
        if self._failures:
            raise self._failure()
        return self.responses

    def settled(self) -> Responses:
        """Return the responses, with exceptions in the place of missing ones."""
        self._failures = []
        return self._taken()

    def _failure(self) -> Exception:
        """Give away the exception to raise, since its traceback refers to this broadcast."""
        failures, self._failures = self._failures, []
        self._taken()
        if len(failures) == 1:
            return failures[0]
        msg = "several receivers of event_received failed"
        return ExceptionGroup(msg, failures)

    @override
    def call(self, receiver: Any) -> None:
        try:
            response = self.through(receiver) if is_router_receiver(receiver) else receiver(**self.named)
        except RAISED as error:
            if is_meant(error):
                raise
            self._raised(receiver, as_failure(error))
        else:
            self._returned(receiver, response)

    def _returned(self, receiver: Receiver, response: object) -> None:
        """Keep a response; a router's own outcome counts more than its wrapper's response."""
        noted = self._take_noted()
        if isinstance(noted, Exception):
            self._keep(receiver, noted)
        elif noted is not _LEFT:
            self._answered(receiver, response if noted is None else noted)

    def _take_noted(self) -> object:
        noted, trace, self._noted, self._trace = self._noted, self._trace, None, None
        # without the frames of wrappers
        return noted.with_traceback(trace) if isinstance(noted, Exception) else noted

    def _raised(self, receiver: Receiver, error: Exception) -> None:
        noted = self._take_noted()
        if isinstance(noted, Exception):
            self._keep(receiver, noted)
            if _stems(error, noted):
                return
        self._failed(receiver, error)

    @override
    def _failed(self, receiver: Receiver, error: Exception) -> None:
        if is_router_receiver(receiver):  # it has its own log line
            self._keep(receiver, error)
        else:
            self._failures.append(error)
            super()._failed(receiver, error)

    def _keep(self, receiver: Receiver, error: Exception) -> None:
        self._failures.append(error)
        self._answered(receiver, error)

    @override
    def _connected(self, receiver: Receiver) -> Receiver:
        current: Any = receiver
        for _ in range(_WRAPPERS if self._all_connected else 0):
            if current is None or current in (self._all_connected or ()):
                break
            current = getattr(current, "__wrapped__", None)
        return original(receiver if current is None else current)


_current: ContextVar[EventBroadcast | None] = ContextVar("gcp_event_router.broadcast", default=None)
#: Broadcasts by the id of their parameters, for code that runs without the caller's context.
_broadcasts: dict[int, EventBroadcast] = {}


def find_broadcast(named: Mapping[str, Any]) -> EventBroadcast | None:
    """Find the broadcast to which a receiver's arguments belong, if any."""
    for broadcast in (_current.get(), _broadcasts.get(id(named.get("event_parameters")))):
        if broadcast is not None and broadcast.sends(named):
            return broadcast
    return None


def _stems(error: BaseException | None, origin: Exception) -> bool:
    """Whether an exception is `origin`, or was raised because of it."""
    for _ in range(_WRAPPERS):
        if error is None or error is origin:
            break
        error = error.__cause__ or error.__context__
    return error is origin
