"""Sends an event to plain receivers and to routers, even if other software wraps the routers' receivers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Any, Final, Self

from typing_extensions import override

from .._concurrency import RAISED, as_failure, is_meant, reset
from ..exceptions import take_error
from .base import Receiver, Responses, RouterReceiver, TwoPhase, is_router_receiver, labels
from .broadcast import Broadcast
from .kwargs_adapter import SENT

_EVENT: Final = SENT[2:]
#: How many causes of a wrapper's exception are searched for the router's.
_MAX_CAUSES: Final = 20
#: Stands for the outcome of a router whose async handlers are still to run.
_UNFINISHED: Final = object()


class EventBroadcast(Broadcast):
    """The broadcast of one event, which brings routers the raw event, even through wrappers.

    Args:
        signal: The signal that sends the event.
        arguments: The arguments of `send`; the payload and the parameters may be missing if only routers listen.
        raw_event: The raw event, if the endpoint sends it.

    """

    def __init__(self, signal: object, arguments: dict[str, Any], raw_event: Any = None) -> None:
        super().__init__("event_received", {"signal": signal, **arguments})
        self.signal: object = signal
        self.raw_event: Any = raw_event
        self._is_delivered = raw_event is not None
        self._failures: list[Exception] = []
        #: The outcome or the failure of the router that the current call has reached, or `_UNFINISHED`.
        self._noted: object = None
        self._is_async = False
        self._unfinished: list[tuple[RouterReceiver, TwoPhase]] = []

    def __enter__(self) -> Self:
        """Let `find_broadcast` find it, in this context and in threads without it."""
        self._token = _current.set(self)
        parameters = self.named.get("event_parameters")
        self._key = id(parameters) if self._is_delivered and parameters is not None else None  # they are this event's only
        if self._key is not None:
            self._outer = _broadcasts.get(self._key)
            _broadcasts[self._key] = self
        return self

    def __exit__(self, *_: object) -> None:
        reset(self._token)
        if self._key is not None:
            del _broadcasts[self._key]
            if self._outer is not None:
                _broadcasts[self._key] = self._outer

    def sends(self, named: Mapping[str, Any]) -> bool:
        """Whether arguments are those of this event, or copies of them."""
        mine = self.named
        return ("event_payload" in mine) == ("event_payload" in named) and all(
            mine.get(name) is named.get(name) or (self._is_delivered and mine.get(name) == named.get(name)) for name in _EVENT
        )

    def through(self, router: RouterReceiver) -> object:
        """Bring the event to a router, even through a wrapper; under `asend`, `finish` awaits its async handlers."""
        try:
            work = self._split(router)
            if self._is_async and work.awaits:
                work.run()
                self._unfinished.append((router, work))
                self._noted = _UNFINISHED
                return None
            outcome = work.complete()
        except Exception as error:
            self._noted = error
            raise
        self._noted = outcome
        return outcome

    def _split(self, router: RouterReceiver) -> TwoPhase:
        named = self.named
        try:
            if self.raw_event is None:
                self.raw_event = router.read(named.get("event_payload"), named.get("event_parameters"))
            return router.split(*labels(named), self.raw_event)
        except Exception as error:  # the arguments are wrong, and no dispatch has begun that would log it
            self._log_failure(router, error)
            raise

    def result(self) -> Responses:
        """Return the responses, or raise the receivers' exceptions: one as itself, several as an `ExceptionGroup`."""
        responses, self.responses = self.responses, []
        if self._failures:
            responses.clear()  # the frames of the exceptions refer to all of this
            raise take_error(self._failures, "several receivers of event_received failed")
        return responses

    @override
    async def arun(self, blocking: Sequence[Receiver], awaited: Sequence[Receiver]) -> None:
        self._is_async = True
        await super().arun(blocking, awaited)

    @override
    async def finish(self, awaited: Sequence[Receiver]) -> None:
        """Await async receivers and handlers, all at once."""
        await asyncio.gather(
            *(self._await(router, work.finish) for router, work in self._unfinished),
            *(self._await(receiver, partial(receiver, **self.named)) for receiver in awaited),
        )

    @override
    def call(self, receiver: Any) -> None:
        try:
            response = self.through(receiver) if is_router_receiver(receiver) else self._response(receiver)
        except RAISED as error:
            if is_meant(error):
                raise
            self._ended(receiver, None, as_failure(error))
        else:
            self._ended(receiver, response, None)

    def _ended(self, receiver: Receiver, response: object, error: Exception | None) -> None:
        """Keep how a call ended; a router's own outcome or failure counts more than that of its wrapper."""
        noted, self._noted = self._noted, None
        if isinstance(noted, Exception):
            self._failures.append(noted)
            self._answered(receiver, noted)
        elif error is None and noted is not _UNFINISHED:
            self._answered(receiver, response if noted is None else noted)
        if error is not None and not (isinstance(noted, Exception) and _stems_from(noted, error)):
            self._failed(receiver, error)

    @override
    def _failed(self, receiver: Receiver, error: Exception) -> None:
        self._failures.append(error)
        if is_router_receiver(receiver):  # it has its own log line
            self._answered(receiver, error)
        else:
            super()._failed(receiver, error)


_current: ContextVar[EventBroadcast | None] = ContextVar("gcp_event_router.broadcast", default=None)
#: Broadcasts by the id of their parameters, for code that runs without the caller's context.
_broadcasts: Final[dict[int, EventBroadcast]] = {}


def find_broadcast(named: Mapping[str, Any]) -> EventBroadcast | None:
    """Find the broadcast to which a receiver's arguments belong, if any."""
    for broadcast in (_current.get(), _broadcasts.get(id(named.get("event_parameters")))):
        if broadcast is not None and broadcast.sends(named):
            return broadcast
    return None


def _stems_from(origin: Exception, error: BaseException | None) -> bool:
    """Whether an exception is `origin`, or was raised because of it."""
    for _ in range(_MAX_CAUSES):
        if error is None or error is origin:
            break
        error = error.__cause__ or error.__context__
    return error is origin
