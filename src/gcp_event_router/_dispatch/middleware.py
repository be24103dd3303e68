"""Middleware: functions of a project that surround each run of a router's handlers. `EventRouter.use` registers them.

A handler with its middleware is put together once, when a router's look-up table is built. Sync and async functions may surround
each other; neighbours of the same kind call each other directly, and each change between them costs one hop.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, Final, TypeAlias

from .._concurrency import await_guarded, call_guarded, in_thread, wait_for
from ..event import Event
from ..exceptions import Answer
from .context import note_argument
from .signature import RegisteredFunction, is_generator, readable, refuse

#: Runs the rest of what a sync middleware surrounds: the next middleware, or the handler.
CallNext: TypeAlias = Callable[[Event[Any, Any]], None]
#: The same for an async middleware, which has to await it.
AsyncCallNext: TypeAlias = Callable[[Event[Any, Any]], Coroutine[Any, Any, None]]
#: What `EventRouter.use` takes.
Middleware: TypeAlias = Callable[[Event[Any, Any], CallNext], None] | Callable[[Event[Any, Any], AsyncCallNext], Awaitable[None]]

_HOW: Final = "Write it as `def middleware(event: Event[Any], call_next: CallNext) -> None`."
_Run: TypeAlias = Callable[[Event[Any, Any]], Any]


class RegisteredMiddleware(RegisteredFunction):
    """A middleware. `EventRouter.use` makes it. Raises `RegistrationError`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        if not callable(function):
            refuse(f"Middleware must be callable, not {function!r}, of type {type(function).__name__}. {_HOW}")
        super().__init__(function)
        if isinstance(function, type):
            refuse(f"The middleware {self.name} is a class, so calling it would only make an instance. Use an instance.")
        if is_generator(function):
            refuse(f"The middleware {self.name} is a generator function: calling it runs none of its code. Remove the `yield`.")
        try:
            inspect.signature(readable(function)).bind(None, None)
        except (TypeError, ValueError, RecursionError):
            refuse(f"The middleware {self.name} cannot be called with an event and `call_next`. {_HOW}")
        self.check_declared_result()


def surround(handler: RegisteredFunction, middleware: tuple[RegisteredMiddleware, ...]) -> _Run:
    """Put middleware around a handler's function, the first outermost; the result is sync or async as the handler is."""

    def note_and_call(event: Event[Any, Any]) -> Any:
        note_argument(event)
        return handler.function(event)

    run, run_is_async = _link(handler, note_and_call), handler.is_async
    for outer in reversed(middleware):
        run = _link(outer, outer.function, _adapt(run, run_is_async, outer.is_async))
        run_is_async = outer.is_async
    return _adapt(run, run_is_async, handler.is_async)


def _link(declared: RegisteredFunction, function: Callable[..., Any], call_next: _Run | None = None) -> _Run:
    """Return a function that calls a handler or a middleware, and checks its result."""

    def run(event: Event[Any, Any]) -> None:
        result = function(event) if call_next is None else function(event, call_next)
        if result is not None:
            check_result(declared, result)

    async def arun(event: Event[Any, Any]) -> None:
        coroutines: list[Any] = []
        result = await (function(event) if call_next is None else function(event, partial(_start, call_next, coroutines)))
        if result is not None:
            check_result(declared, result)
        _check_awaited(declared, coroutines)

    return arun if declared.is_async else run


def _start(call_next: _Run, coroutines: list[Any], event: Event[Any, Any]) -> Any:
    coroutines.append(call_next(event))
    return coroutines[-1]


def _check_awaited(middleware: RegisteredFunction, coroutines: list[Any]) -> None:
    """Raise an exception unless the handler has run to its end, since the event would count as handled."""
    states = [(inspect.getcoroutinestate(coroutine), coroutine) for coroutine in coroutines]
    for state, coroutine in states:
        if state == inspect.CORO_CREATED:
            coroutine.close()  # prevents the warning that it was never awaited
    if any(state != inspect.CORO_CLOSED for state, _ in states):
        msg = f"{middleware} did not await call_next, so the handler did not run to its end. Write `await call_next(event)`."
        raise TypeError(msg)


def _adapt(run: _Run, run_is_async: bool, want_async: bool) -> _Run:
    """Make a sync function async, or an async one sync, if necessary."""
    if run_is_async == want_async:
        return run
    if not want_async:
        return lambda event: wait_for(partial(await_guarded, run, event))

    async def arun(event: Event[Any, Any]) -> None:
        await in_thread(partial(call_guarded, run, event))

    return arun


def check_result(declared: RegisteredFunction, result: object) -> None:
    """Raise `TypeError` for an answer that a handler or middleware returned, or for an awaitable that nothing awaits."""
    answer = result if isinstance(result, type) else type(result)
    if issubclass(answer, Answer):
        msg = (
            f"{declared} returned {answer.__name__} instead of raising it, so the event would count as handled. "
            f"Write `raise {answer.__name__}(...)`."
        )
        raise TypeError(msg)
    # a task that an async function returns runs in any case
    if inspect.iscoroutine(result) or (not declared.is_async and inspect.isawaitable(result)):
        close = getattr(result, "close", None)
        if close is not None:
            close()  # as in _check_awaited()
        msg = f"{declared} returned a coroutine without awaiting it, so none of its code ran. Write `await` before the call."
        if not declared.is_async:
            msg = (
                f"{declared} returned an awaitable, although it is not an async function, so nothing awaited it. "
                "Declare it, or whatever wraps it, with `async def`."
            )
        raise TypeError(msg)
