"""Undoes the registrations of a test."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial, wraps
from typing import Any, cast

from typing_extensions import TypeVar

from .._concurrency import is_async_function
from ..router import EventRouter, events

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def isolated(router: EventRouter = events, *, empty: bool = False) -> Isolation:
    """Undo changes of registrations at the end of a `with` block, or of a function that this decorates.

    Args:
        router: The router.
        empty: Whether to begin without any registration.

    """
    return Isolation(router, empty=empty)


class Isolation:
    """The result of `isolated`: a context manager, and a decorator of functions, sync and async."""

    def __init__(self, router: EventRouter, *, empty: bool) -> None:
        self._isolated = partial(router.isolated, empty=empty)
        self._entered = ExitStack()

    def __enter__(self) -> EventRouter:
        """Begin, and return the router."""
        return self._entered.enter_context(self._isolated())

    def __exit__(self, *_: object) -> None:
        """End."""
        self._entered.close()

    def __call__(self, function: FunctionT) -> FunctionT:
        """Decorate a function. Raises `TypeError` for classes and generators, which would run after the end."""
        if inspect.isclass(function) or inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            msg = f"isolated() cannot decorate {function.__qualname__}, a class or a generator. Write `with isolated():`."
            raise TypeError(msg)

        @wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            with self._isolated():
                return function(*arguments, **named)

        @wraps(function)
        async def acall(*arguments: Any, **named: Any) -> Any:
            with self._isolated():
                return await function(*arguments, **named)

        return cast("FunctionT", acall if is_async_function(function) else call)
