"""The one receiver that a router connects to a signal: find the handlers, make each its event, call them, collect.

`signals` calls it for each event, by `__call__` from `send` and by `split` from `asend`. Every handler runs, whichever of
them fail: the sync ones in order of registration, then the async ones in order of registration.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextvars import copy_context
from inspect import isawaitable
from time import perf_counter
from typing import Any, NamedTuple

from typing_extensions import override

from . import conf
from .envelopes import from_payload
from .event import Arrival, Event
from .exceptions import EnvelopeError, InvalidEventError, UnhandledEventError
from .handlers import Handler
from .logs import log_event, logger, trail
from .outcomes import Outcome, classify, worst
from .receivers import TwinReceiver, wait_for

__all__ = ["Dispatcher", "Found"]


class Found(NamedTuple):
    """The handlers of a kind, in order of registration."""

    blocking: tuple[Handler, ...]
    awaited: tuple[Handler, ...]

    @classmethod
    def of(cls, handlers: list[Handler]) -> Found:
        """Sort handlers into sync and async ones."""
        return cls(
            tuple(handler for handler in handlers if not handler.is_async),
            tuple(handler for handler in handlers if handler.is_async),
        )


class Dispatcher(TwinReceiver):
    """Brings the events of a signal to the handlers that `find` names for their kind."""

    def __init__(self, find: Callable[[str], Found]) -> None:
        self._find = find
        self.__qualname__ = "EventRouter"  # the name by which Django's send_robust logs a failing receiver

    @override
    def __call__(self, *, event_kind: str, event_reference: str, arrival: Arrival | None = None, **named: Any) -> Outcome:
        """Handle an event to its end and return its outcome, or raise what the handlers raised."""
        delivery = Delivery(event_kind, event_reference, arrival or _arrival(**named), self._find(event_kind))
        delivery.run()
        if delivery.found.awaited:
            wait_for(delivery.run_awaited)
        return delivery.conclude()

    @override
    def split(self, *, event_kind: str, event_reference: str, arrival: Arrival | None = None, **named: Any) -> Delivery:
        """Prepare to handle an event on an event loop."""
        return Delivery(event_kind, event_reference, arrival or _arrival(**named), self._find(event_kind))


class Delivery:
    """One event on its way through its handlers."""

    __slots__ = ("_arrival", "_failures", "_kind", "_reference", "_started", "found")

    def __init__(self, kind: str, reference: str, arrival: Arrival, found: Found) -> None:
        self._kind = kind
        self._reference = reference
        self._arrival = arrival
        self.found: Found = found
        self._failures: list[tuple[Handler, Exception]] = []
        self._started = perf_counter()

    @property
    def blocking(self) -> bool:
        """Whether there are sync handlers."""
        return bool(self.found.blocking)

    def run(self) -> None:
        """Call the sync handlers."""
        for handler in self.found.blocking:
            try:
                # in a context of its own, so that a language or time zone that it activates ends with it
                result = copy_context().run(handler.function, self._event(handler))
                if result is not None and isawaitable(result):
                    _refuse_awaitable(handler, result)
            except Exception as error:  # noqa: BLE001 -- kept until all have run, then raised by conclude()
                self._failures.append((handler, error))

    async def run_awaited(self) -> None:
        """Call the async handlers."""
        for handler in self.found.awaited:
            try:
                await handler.function(self._event(handler))
            except Exception as error:  # noqa: BLE001 -- as in run()
                self._failures.append((handler, error))

    async def finish(self) -> Outcome:
        """Do what `run` left."""
        await self.run_awaited()
        return self.conclude()

    def conclude(self) -> Outcome:
        """Log the event's line, and return its outcome or raise what was not settled here.

        Of several exceptions an `ExceptionGroup` is raised; a `Reject` is an outcome and not raised.
        """
        if not self._failures:
            if not self.found.blocking and not self.found.awaited:
                return self._unhandled()
            self._log(logging.INFO, Outcome.HANDLED)
            return Outcome.HANDLED
        outcome = worst(classify(error) for _, error in self._failures)
        self._log(_LEVELS.get(outcome, logging.ERROR), outcome, "; ".join(_problem(*each) for each in self._failures))
        for handler, error in self._failures:
            logger.debug("Handler %s did not finish", handler.name, exc_info=error)
        open_errors = [error for _, error in self._failures if classify(error) is not Outcome.REJECTED]
        if not open_errors:
            return outcome
        if len(open_errors) == 1:
            raise open_errors[0]
        msg = "several handlers failed"
        raise ExceptionGroup(msg, open_errors)

    def _event(self, handler: Handler) -> Event[Any, Any]:
        return handler.event(self._kind, self._reference, self._arrival)

    def _unhandled(self) -> Outcome:
        try:
            self._arrival.document()  # nobody looked at the body so far; a broken one is refused all the same
        except EnvelopeError as error:
            self._log(logging.WARNING, Outcome.INVALID, str(error))
            raise
        if conf.current().UNHANDLED == "error":
            self._log(logging.WARNING, Outcome.UNHANDLED)
            msg = "nothing handles this kind of event"
            raise UnhandledEventError(msg)
        self._log(logging.INFO, Outcome.UNHANDLED)
        return Outcome.UNHANDLED

    def _log(self, level: int, outcome: Outcome, problem: str = "") -> None:
        if logger.isEnabledFor(level):
            log_event(
                level,
                outcome.value,
                kind=self._kind,
                reference=self._reference,
                message_id=self._arrival.envelope.message_id,
                handler=", ".join(handler.name for handlers in self.found for handler in handlers),
                duration=perf_counter() - self._started,
                problem=problem,
            )


def _arrival(event_payload: object = None, event_parameters: Mapping[str, str] | None = None, **_: Any) -> Arrival:
    """What the views would have made of an event that somebody else sent."""
    return Arrival(from_payload(event_payload), {name: [value] for name, value in (event_parameters or {}).items()})


#: Outcomes that are somebody's ordinary answer; all others are logged as errors.
_LEVELS = {
    Outcome.RETRY: logging.INFO,
    Outcome.REJECTED: logging.WARNING,
    Outcome.INVALID: logging.WARNING,
}


def _problem(handler: Handler, error: Exception) -> str:
    """What the line says of one handler's failure; nothing in it was written by the sender or by the exception."""
    outcome = classify(error)
    if isinstance(error, InvalidEventError):
        part = "an invalid payload" if error.part == "payload" else f"invalid {error.part}"
        first = error.errors[0]
        where = ".".join(map(str, first["loc"])) or "its root"
        return f"{handler.name} got {part}: {error.count} error(s), first {first['type']} at {where}"
    if outcome is Outcome.RETRY:
        return f"{handler.name} asked to retry"
    return f"{handler.name} {outcome.value}: {trail(error)}"


def _refuse_awaitable(handler: Handler, result: Any) -> None:
    if hasattr(result, "close"):
        result.close()  # spares the user the second complaint, that it was never awaited
    msg = (
        f"{handler} returned an awaitable, although it is not an async function, so nothing awaited it. "
        "Declare it, or whatever wraps it, with `async def`."
    )
    raise TypeError(msg)
