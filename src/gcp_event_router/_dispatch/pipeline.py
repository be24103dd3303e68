"""The call of one handler for one event, and how it is told to those who watch: `lifecycle`'s listeners, and a trace.

`dispatch` calls handlers as events arrive, and the inbox's workers what is kept. Where nobody watches, that is `call` alone.
"""

from __future__ import annotations

from asyncio import CancelledError, create_task, current_task
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from functools import partial
from inspect import isawaitable, iscoroutine
from time import perf_counter
from typing import Any, TypeAlias

from .._concurrency import LONG, STRAYS, as_failure, in_thread, is_meant
from ..event import Event
from ..exceptions import Answer
from ..lifecycle import handler_finished, handler_started
from .context import enter
from .handler import Handler
from .raw_event import RawEvent
from .store import Result
from .tracing import Span, tracer

__all__ = ["AsyncCall", "Call", "acall", "aobserved", "call", "observed"]

#: Is given an event that was made for a handler.
Note: TypeAlias = Callable[[Event[Any, Any]], None]


def call(handler: Handler, kind: str, reference: str, raw_event: RawEvent, note: Note | None = None) -> None:
    """Make a sync handler its event, give it to `note`, and call the handler with it.

    To be run in a context of its own, `copy_context().run(call, ...)`, so that a language or time zone that the handler
    activates ends with it, and so does what is noted for its log lines.
    """
    enter((kind, reference, raw_event))
    try:
        event = handler.event(kind, reference, raw_event)
        if note is not None:
            note(event)
        result = handler.function(event)
    except STRAYS as error:
        if isinstance(error, Exception) or is_meant(error):
            raise
        raise as_failure(error) from error
    if result is not None:
        _check_result(handler, result)


async def acall(handler: Handler, kind: str, reference: str, raw_event: RawEvent, note: Note | None = None) -> None:
    """Do the same with an async handler, which is awaited in a context of its own as well."""
    try:
        await create_task(_acall(handler, kind, reference, raw_event, note), context=copy_context())
    except CancelledError as error:  # perhaps the handler has cancelled its own task, which is not this one
        if is_meant(error):
            raise
        raise as_failure(error) from error


async def _acall(handler: Handler, kind: str, reference: str, raw_event: RawEvent, note: Note | None) -> None:
    enter((kind, reference, raw_event))
    task = current_task()
    try:
        if len(raw_event.envelope.body) > LONG:
            event = await in_thread(partial(handler.event, kind, reference, raw_event))  # since validation may take long
        else:
            event = handler.event(kind, reference, raw_event)
        if note is not None:
            note(event)
        result = await handler.function(event)
    except STRAYS as error:
        if isinstance(error, (Exception, CancelledError)) or is_meant(error, task):
            raise
        raise as_failure(error) from error
    finally:
        del task  # which refers to what is raised, by whose traceback this frame is kept
    if result is not None:
        _check_result(handler, result)


def observed(handler: Handler, kind: str, reference: str, raw_event: RawEvent, run: Callable[[Call], Result]) -> Result:
    """Have `run` call a sync handler, unless it knows better, and tell those who watch how it ended."""
    made = Call(handler, kind, reference, raw_event)
    try:
        result = run(made)
    except BaseException as error:
        made.abandon(error)
        raise
    if made.is_announced:
        handler_finished.tell(handler.function, **made.ended(result))
    return result


async def aobserved(
    handler: Handler, kind: str, reference: str, raw_event: RawEvent, run: Callable[[AsyncCall], Awaitable[Result]]
) -> Result:
    """Do the same with an async handler."""
    made = AsyncCall(handler, kind, reference, raw_event)
    try:
        result = await run(made)
    except BaseException as error:
        made.abandon(error)
        raise
    if made.is_announced:
        await handler_finished.atell(handler.function, **made.ended(result))
    return result


class _Announced:
    """What the calls of sync and of async handlers have in common."""

    def __init__(self, handler: Handler, kind: str, reference: str, raw_event: RawEvent) -> None:
        self._handler = handler
        self._kind = kind
        self._reference = reference
        self._raw_event = raw_event
        self._span: Span | None = None
        self._started = 0.0
        self._event: Event[Any, Any] | None = None
        #: Whether the handler was called, or was about to be.
        self.is_announced: bool = False

    def ended(self, result: Result) -> dict[str, Any]:
        """Note how it ended, and return what listeners are told of it."""
        duration = perf_counter() - self._started
        if self._span is not None:
            self._span.end(result.outcome, result.error)
        ending = {"outcome": result.outcome, "duration": duration, "error": result.error, "event": self._event}
        return {**self._named(), **ending}

    def abandon(self, error: BaseException) -> None:
        """Note that the process, or who waited, has ended it."""
        if self._span is not None:
            self._span.abandon(error)

    def _note(self, event: Event[Any, Any]) -> None:
        self._event = event

    def _begin(self) -> dict[str, Any]:
        traced = tracer()
        if traced is not None:
            self._span = traced.handler(self._handler, self._kind, self._reference, self._raw_event)
        self.is_announced = True
        self._started = perf_counter()
        return self._named()

    def _named(self) -> dict[str, Any]:
        return {
            "handler": self._handler.name,
            "event_kind": self._kind,
            "event_reference": self._reference,
            "envelope": self._raw_event.envelope,
            "principal": self._raw_event.principal,
        }


class Call(_Announced):
    """The call of a sync handler, as keepers are given it: `keepers.Work`."""

    def announce(self) -> None:
        """Tell those who watch that the handler is about to be called."""
        handler_started.tell(self._handler.function, **self._begin())

    def __call__(self) -> None:
        """Call the handler."""
        if self._span is None:
            copy_context().run(call, self._handler, self._kind, self._reference, self._raw_event, self._note)
        else:
            with self._span.current():
                copy_context().run(call, self._handler, self._kind, self._reference, self._raw_event, self._note)


class AsyncCall(_Announced):
    """The call of an async handler: `keepers.AsyncWork`."""

    async def announce(self) -> None:
        """Tell those who watch that the handler is about to be called."""
        await handler_started.atell(self._handler.function, **self._begin())

    async def __call__(self) -> None:
        """Await the handler."""
        if self._span is None:
            await acall(self._handler, self._kind, self._reference, self._raw_event, self._note)
        else:
            with self._span.current():
                await acall(self._handler, self._kind, self._reference, self._raw_event, self._note)


def _check_result(handler: Handler, result: object) -> None:
    """Refuse what a handler may not return: an answer that it meant to raise, or what nobody would await."""
    answer = result if isinstance(result, type) else type(result)
    if issubclass(answer, Answer):
        msg = (
            f"{handler} returned {answer.__name__} instead of raising it, so the event would count as handled. "
            f"Write `raise {answer.__name__}(...)`."
        )
        raise TypeError(msg)
    if iscoroutine(result) or (not handler.is_async and isawaitable(result)):  # a task that an async one returns runs anyway
        close = getattr(result, "close", None)
        if close is not None:
            close()  # spares the user the second complaint, that it was never awaited
        msg = f"{handler} returned a coroutine without awaiting it, so none of its code ran. Write `await` before the call."
        if not handler.is_async:
            msg = (
                f"{handler} returned an awaitable, although it is not an async function, so nothing awaited it. "
                "Declare it, or whatever wraps it, with `async def`."
            )
        raise TypeError(msg)
