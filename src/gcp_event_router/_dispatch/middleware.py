"""Middleware: functions of a project that surround each run of a router's handlers. `EventRouter.use` registers them.

A handler with its middleware is put together once, when a router's look-up table is built. Sync and async functions may surround
each other; neighbours of the same kind call each other directly, and each change between them costs one hop.
"""

from __future__ import annotations

import inspect
from asyncio import current_task
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial
from typing import Any, Final, Protocol, TypeAlias

from typing_extensions import override

from .._concurrency import NOT_WITH_GEVENT, STRAYS, as_failure, in_thread, is_meant, is_served_by_gevent, wait_for
from ..event import Event
from ..exceptions import Answer
from .signature import is_async, is_generator, location_of, name_of, refuse

#: Runs what a sync middleware surrounds: the next middleware, or the handler.
CallNext: TypeAlias = Callable[[Event[Any, Any]], None]
#: Runs what an async middleware surrounds.
AsyncCallNext: TypeAlias = Callable[[Event[Any, Any]], Awaitable[None]]
#: What `EventRouter.use` takes.
Middleware: TypeAlias = Callable[[Event[Any, Any], CallNext], None] | Callable[[Event[Any, Any], AsyncCallNext], Awaitable[None]]

_HOW: Final = "Write it as `def middleware(event: Event[Any], call_next: CallNext) -> None`."


class Declared(Protocol):
    """A handler or a middleware."""

    @property
    def is_async(self) -> bool:
        """Whether it was declared with `async def`."""
        ...


class RunState(Protocol):
    """Takes note of the event that a handler gets; the `Run` of `pipeline` does."""

    event: Event[Any, Any] | None


#: The run of the handler whose middleware is called: middleware may pass another event on, or none.
surrounded_run: ContextVar[RunState | None] = ContextVar("gcp_event_router.run", default=None)


class RegisteredMiddleware:
    """A middleware, its name and its place. Made by `EventRouter.use`. Raises `RegistrationError`."""

    __slots__ = ("function", "is_async", "location", "name")

    def __init__(self, function: Callable[..., Any]) -> None:
        if not callable(function):
            refuse(f"use() got {function!r}, of type {type(function).__name__}, which cannot be called. {_HOW}")
        #: The function as it was registered.
        self.function: Final = function
        #: Its module and qualified name.
        self.name: Final = name_of(function)
        #: The file and the line where it is written.
        self.location: Final = location_of(function)
        if isinstance(function, type):
            refuse(f"use() got the class {self.name}, so calling it would only make an instance. Give an instance of it.")
        if is_generator(function):
            refuse(f"use() got {self.name}, a generator function: calling it runs none of its code. Take the `yield` out of it.")
        try:
            inspect.signature(function).bind(None, None)
        except (TypeError, ValueError):
            refuse(f"use() got {self.name}, which cannot be called with an event and `call_next`. {_HOW}")
        self.is_async: Final = is_async(function)
        if self.is_async and is_served_by_gevent():
            refuse(f"{self} is async, and gunicorn's gevent workers cannot await it: {NOT_WITH_GEVENT}")

    @override
    def __str__(self) -> str:
        return f"{self.name} ({self.location})"


def surround(
    declared: Declared, function: Callable[..., Any], middleware: tuple[RegisteredMiddleware, ...]
) -> Callable[[Event[Any, Any]], Any]:
    """Put middleware around a handler's function, the first outermost; the result is sync or async as the handler is."""
    inner = (_awaiting if declared.is_async else _calling)(declared, function)
    inner_is_async = declared.is_async
    for each in reversed(middleware):
        call_next = _adapted(inner, inner_is_async, each.is_async)
        inner = (_async_link if each.is_async else _sync_link)(each, call_next)
        inner_is_async = each.is_async
    return _adapted(inner, inner_is_async, declared.is_async)


def _calling(handler: Declared, function: Callable[..., Any]) -> Callable[[Event[Any, Any]], Any]:
    def run(event: Event[Any, Any]) -> None:
        _note_argument(event)
        result = function(event)
        if result is not None:
            check_result(handler, result)

    return run


def _awaiting(handler: Declared, function: Callable[..., Any]) -> Callable[[Event[Any, Any]], Any]:
    async def arun(event: Event[Any, Any]) -> None:
        _note_argument(event)
        result = await function(event)
        if result is not None:
            check_result(handler, result)

    return arun


def _sync_link(middleware: RegisteredMiddleware, call_next: CallNext) -> Callable[[Event[Any, Any]], Any]:
    def run(event: Event[Any, Any]) -> None:
        _check_event(event)
        result = middleware.function(event, call_next)
        if result is not None:
            check_result(middleware, result)

    return run


def _async_link(middleware: RegisteredMiddleware, call_next: Callable[..., Any]) -> Callable[[Event[Any, Any]], Any]:
    async def arun(event: Event[Any, Any]) -> None:
        _check_event(event)
        calls: list[Any] = []

        def noted(event: Event[Any, Any]) -> Any:
            coroutine = call_next(event)
            calls.append(coroutine)
            return coroutine

        result = await middleware.function(event, noted)
        if result is not None:
            check_result(middleware, result)
        _check_awaited(middleware, calls)

    return arun


def _check_awaited(middleware: RegisteredMiddleware, calls: list[Any]) -> None:
    """Refuse to take an event for handled whose handler has not run to its end."""
    states = [(inspect.getcoroutinestate(coroutine), coroutine) for coroutine in calls]
    for state, coroutine in states:
        if state == inspect.CORO_CREATED:
            coroutine.close()  # spares the user the second complaint, that it was never awaited
    if any(state != inspect.CORO_CLOSED for state, _ in states):
        msg = f"{middleware} did not await call_next, so the handler did not run to its end. Write `await call_next(event)`."
        raise TypeError(msg)


def _adapted(inner: Callable[..., Any], inner_is_async: bool, wanted_async: bool) -> Callable[[Event[Any, Any]], Any]:
    """Make a sync function of an async one, or the reverse, where that is needed."""
    if inner_is_async == wanted_async:
        return inner
    if wanted_async:
        return _hop_to_thread(inner)
    return lambda event: wait_for(partial(_guarded, inner, event))


def _hop_to_thread(inner: Callable[..., Any]) -> Callable[[Event[Any, Any]], Any]:
    def guarded(event: Event[Any, Any]) -> None:
        try:
            inner(event)
        except STRAYS as error:
            if isinstance(error, Exception) or is_meant(error):
                raise
            raise as_failure(error) from error

    async def arun(event: Event[Any, Any]) -> None:
        await in_thread(partial(guarded, event))

    return arun


async def _guarded(inner: Callable[..., Any], event: Event[Any, Any]) -> None:
    """Await async code for sync code, in which a cancellation that nobody meant would end a worker."""
    task = current_task()
    try:
        await inner(event)
    except STRAYS as error:
        if isinstance(error, Exception) or is_meant(error, task):
            raise
        raise as_failure(error) from error
    finally:
        del task


def _note_argument(event: Event[Any, Any]) -> None:
    _check_event(event)
    run = surrounded_run.get()
    if run is not None:
        run.event = event


def _check_event(event: object) -> None:
    if not isinstance(event, Event):
        msg = f"call_next() got {type(event).__name__}, which is not an Event. Write `call_next(event)`."
        raise TypeError(msg)


def check_result(declared: Declared, result: object) -> None:
    """Refuse what a handler or middleware may not return: an answer that it meant to raise, or what nobody would await."""
    answer = result if isinstance(result, type) else type(result)
    if issubclass(answer, Answer):
        msg = (
            f"{declared} returned {answer.__name__} instead of raising it, so the event would count as handled. "
            f"Write `raise {answer.__name__}(...)`."
        )
        raise TypeError(msg)
    # a task that an async one returns runs anyway
    if inspect.iscoroutine(result) or (not declared.is_async and inspect.isawaitable(result)):
        close = getattr(result, "close", None)
        if close is not None:
            close()  # spares the user the second complaint, that it was never awaited
        msg = f"{declared} returned a coroutine without awaiting it, so none of its code ran. Write `await` before the call."
        if not declared.is_async:
            msg = (
                f"{declared} returned an awaitable, although it is not an async function, so nothing awaited it. "
                "Declare it, or whatever wraps it, with `async def`."
            )
        raise TypeError(msg)
