"""The one receiver that a router connects to a signal: find the handlers, make each its event, call them, collect.

`signals` calls it for each event, by `__call__` from `send` and by `split` from `asend`. Every handler runs, whichever of
them fail: the sync ones in order of registration, then the async ones in order of registration.
"""

from __future__ import annotations

import logging
from asyncio import create_task
from collections.abc import Awaitable, Callable, Mapping
from contextvars import copy_context
from functools import partial
from inspect import isawaitable
from time import perf_counter
from typing import Any

from typing_extensions import override

from . import conf
from .envelopes import from_payload
from .event import Arrival
from .exceptions import EnvelopeError, InvalidEventError, UnhandledEventError
from .handlers import Handler
from .keepers import HANDLED, Result, record_of
from .logs import log_event, logger, trail
from .outcomes import Outcome, classify, worst
from .receivers import TwinReceiver, wait_for
from .registrations import Found

__all__ = ["Dispatcher", "Passage", "acall", "call"]


class Dispatcher(TwinReceiver):
    """Brings the events of a signal to the handlers that `find` names for their kind and type."""

    def __init__(self, find: Callable[[str, str | None], Found]) -> None:
        self._find = find
        self.__qualname__ = "EventRouter"  # the name by which Django's send_robust logs a failing receiver

    @override
    def __call__(self, *, event_kind: str, event_reference: str, arrival: Arrival | None = None, **named: Any) -> Outcome:
        """Handle an event to its end and return its outcome, or raise what the handlers raised."""
        return self._passage(event_kind, event_reference, arrival or _arrival(**named)).complete()

    @override
    def split(self, *, event_kind: str, event_reference: str, arrival: Arrival | None = None, **named: Any) -> Passage:
        """Prepare to handle an event on an event loop."""
        return self._passage(event_kind, event_reference, arrival or _arrival(**named))

    def _passage(self, kind: str, reference: str, arrival: Arrival) -> Passage:
        return Passage(kind, reference, arrival, self._find(kind, arrival.envelope.type))


def call(handler: Handler, kind: str, reference: str, arrival: Arrival) -> None:
    """Make a sync handler its event, and call it."""
    # in a context of its own, so that a language or time zone that it activates ends with it
    result = copy_context().run(handler.function, handler.event(kind, reference, arrival))
    if result is not None and isawaitable(result):
        _refuse_awaitable(handler, result)


async def acall(handler: Handler, kind: str, reference: str, arrival: Arrival) -> None:
    """Make an async handler its event, and await it, in a context of its own as well."""
    await create_task(_awaited(handler.function(handler.event(kind, reference, arrival))), context=copy_context())


async def _awaited(awaitable: Awaitable[None]) -> None:
    await awaitable


class Passage:
    """One event on its way through its handlers."""

    __slots__ = ("_arrival", "_closed", "_is_open", "_kind", "_record", "_reference", "_results", "_started", "found")

    def __init__(self, kind: str, reference: str, arrival: Arrival, found: Found) -> None:
        self._kind = kind
        self._reference = reference
        self._arrival = arrival
        self.found: Found = found
        self._record = record_of(kind, reference, arrival, found)
        self._is_open = self._record is None
        #: What kept the record from being opened, so that no handler was called.
        self._closed: Exception | None = None
        #: Of all handlers but those that just did their work.
        self._results: list[tuple[Handler, Result]] = []
        self._started = perf_counter()

    @property
    def blocking(self) -> bool:
        """Whether there are sync handlers."""
        return bool(self.found.blocking)

    def complete(self) -> Outcome:
        """Call all handlers, and conclude."""
        self.run()
        if self.found.awaited:
            wait_for(self.run_awaited)
        return self.conclude()

    def run(self) -> None:
        """Call the sync handlers."""
        record = self._record
        if record is None:
            for handler in self.found.blocking:
                try:
                    call(handler, self._kind, self._reference, self._arrival)
                except Exception as error:  # noqa: BLE001 -- kept until all have run, then raised by conclude()
                    self._results.append((handler, Result(classify(error), error)))
            return
        self._is_open = True
        try:
            record.open()
        except Exception as error:  # noqa: BLE001 -- as above
            self._closed = error
            return
        for handler in self.found.blocking:
            self._note(handler, record.run(handler, partial(call, handler, self._kind, self._reference, self._arrival)))

    async def run_awaited(self) -> None:
        """Call the async handlers."""
        record = self._record
        if record is None:
            for handler in self.found.awaited:
                try:
                    await acall(handler, self._kind, self._reference, self._arrival)
                except Exception as error:  # noqa: BLE001 -- as in run()
                    self._results.append((handler, Result(classify(error), error)))
            return
        if not self._is_open:
            try:
                await record.aopen()
            except Exception as error:  # noqa: BLE001 -- as in run()
                self._closed = error
        if self._closed is None:
            for handler in self.found.awaited:
                self._note(
                    handler, await record.arun(handler, partial(acall, handler, self._kind, self._reference, self._arrival))
                )

    async def finish(self) -> Outcome:
        """Do what `run` left."""
        await self.run_awaited()
        return self.conclude()

    def conclude(self) -> Outcome:
        """Log the event's line, and return its outcome or raise what was not settled here.

        Of several exceptions an `ExceptionGroup` is raised; one that is acknowledged, such as `Reject`, is not raised.
        """
        if self._closed is not None:
            self._log(logging.ERROR, classify(self._closed), trail(self._closed))
            raise self._closed
        if not self._results:
            if not self.found.blocking and not self.found.awaited:
                return self._unhandled()
            self._log(logging.INFO, Outcome.HANDLED)
            return Outcome.HANDLED
        outcome = worst(result.outcome for _, result in self._results)
        several = len(self._results) > 1 or sum(map(len, self.found)) > 1
        problems = [_problem(*each) for each in self._results if several or each[1].error is not None]
        self._log(_LEVELS.get(outcome, logging.ERROR), outcome, "; ".join(problems))
        for handler, result in self._results:
            logger.debug("Handler %s did not finish", handler.name, exc_info=result.error)
        open_errors = [result.error for _, result in self._results if result.error and not result.outcome.acknowledged]
        if not open_errors:
            return outcome
        if len(open_errors) == 1:
            raise open_errors[0]
        msg = "several handlers failed"
        raise ExceptionGroup(msg, open_errors)

    def _note(self, handler: Handler, result: Result) -> None:
        if result is not HANDLED:
            self._results.append((handler, result))

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
    Outcome.HANDLED: logging.INFO,
    Outcome.DUPLICATE: logging.INFO,
    Outcome.BUSY: logging.INFO,
    Outcome.RETRY: logging.INFO,
    Outcome.REJECTED: logging.WARNING,
    Outcome.INVALID: logging.WARNING,
    Outcome.UNSUPPORTED: logging.WARNING,
}


def _problem(handler: Handler, result: Result) -> str:
    """What the line says of one handler's failure; nothing in it was written by the sender or by the exception."""
    outcome, error = result
    if isinstance(error, InvalidEventError):
        part = "an invalid payload" if error.part == "payload" else f"invalid {error.part}"
        first = error.errors[0]
        where = ".".join(map(str, first["loc"])) or "its root"
        return f"{handler.name} got {part}: {error.count} error(s), first {first['type']} at {where}"
    if outcome is Outcome.RETRY:
        return f"{handler.name} asked to retry"
    if outcome is Outcome.BUSY:
        return f"{handler.name} is at work elsewhere"
    return f"{handler.name} {outcome.value}: {trail(error)}" if error else f"{handler.name} {outcome.value}"


def _refuse_awaitable(handler: Handler, result: Any) -> None:
    if hasattr(result, "close"):
        result.close()  # spares the user the second complaint, that it was never awaited
    msg = (
        f"{handler} returned an awaitable, although it is not an async function, so nothing awaited it. "
        "Declare it, or whatever wraps it, with `async def`."
    )
    raise TypeError(msg)
