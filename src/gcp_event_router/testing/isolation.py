"""A router whose registrations come and go within a test."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from types import TracebackType
from typing import Any, cast

from typing_extensions import TypeVar

from ..router import EventRouter, events

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def isolated(router: EventRouter = events, *, empty: bool = False) -> Isolation:
    """Within a `with`, or in a function that it decorates, let registrations come and go; after it, all is as before.

    Args:
        router: `events`, or one of your own.
        empty: Begin without any registration.

    """
    return Isolation(router, empty=empty)


class Isolation:
    """What `isolated` makes: a context manager, and a decorator of functions, sync and async."""

    def __init__(self, router: EventRouter, *, empty: bool) -> None:
        self._router = router
        self._empty = empty
        self._entered = ExitStack()

    def __enter__(self) -> EventRouter:
        """Begin; the router itself."""
        return self._entered.enter_context(self._router.isolated(empty=self._empty))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """End."""
        self._entered.close()

    def __call__(self, function: FunctionT) -> FunctionT:
        """Decorate a function. Raises `TypeError` for a class and for a generator, which would run after the block."""
        if inspect.isclass(function) or inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            what = "a class" if inspect.isclass(function) else "a generator function"
            given = f"isolated() decorates {function.__qualname__}, which is {what}"
            msg = f"{given}, and would end before it runs. Write `with isolated():`."
            raise TypeError(msg)

        @wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            with isolated(self._router, empty=self._empty):
                return function(*arguments, **named)

        @wraps(function)
        async def run(*arguments: Any, **named: Any) -> Any:
            with isolated(self._router, empty=self._empty):
                return await function(*arguments, **named)

        return cast("FunctionT", run if inspect.iscoroutinefunction(function) else call)
