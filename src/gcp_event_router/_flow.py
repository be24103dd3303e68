"""Runs a flow, steps that are described once as a generator, under WSGI or on an event loop.

A flow yields the steps that may have to wait, as `either(blocking, awaited, ...)`, `in_thread(function, ...)` or
`on_loop(function, ...)`, and gets their result or exception. `run` and `arun` are the two drivers, as in httpx's `auth_flow`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar, TypeVarTuple, cast

from . import _concurrency

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

#: One step: a blocking function, an async one, and the arguments of both.
Step: TypeAlias = tuple[Callable[..., Any], Callable[..., Awaitable[Any]], tuple[Any, ...]]
#: The steps that lead to a T. Annotate the result of each `yield`.
Flow: TypeAlias = Generator[Step, Any, T]


def either(blocking: Callable[[*Ts], T], awaited: Callable[[*Ts], Awaitable[T]], *args: *Ts) -> Step:
    """Make a step of two functions that do the same, one blocking and one async."""
    return blocking, awaited, args


def in_thread(function: Callable[[*Ts], object], *args: *Ts) -> Step:
    """Make a step of a blocking function, which runs in a thread under an event loop."""
    call = partial(function, *args)
    return call, partial(_concurrency.in_thread, call), ()


def on_loop(function: Callable[[*Ts], Awaitable[object]], *args: *Ts) -> Step:
    """Make a step of an async function that only an event loop needs; without one, the result is None."""
    return _pass, function, args


def _pass(*_: object) -> None:
    """Do nothing, since there is no event loop that the flow could block."""


async def _apass() -> None:
    """Do nothing; `arun` recognises the step, and runs the rest of the flow in a thread."""


#: The step after which a flow blocks for long: under an event loop, the rest of it runs in one thread.
REST_IN_THREAD: Final[Step] = _pass, _apass, ()


def run(flow: Flow[T]) -> T:
    """Take the steps of a flow in the caller's thread."""
    resume: Callable[[Any], Step] = flow.send
    # a list that is emptied: a local variable would keep an exception alive, whose traceback refers to this frame
    results: list[Any] = [None]
    while True:
        try:
            step = resume(results.pop())
        except StopIteration as end:
            return cast("T", end.value)
        try:
            results.append(step[0](*step[2]))
            resume = flow.send
        except BaseException as error:  # noqa: BLE001 -- the flow raises what it does not expect
            results.append(error)
            resume = flow.throw
        del step  # it may refer to an exception, too


async def arun(flow: Flow[T]) -> T:
    """Take the steps of a flow on the event loop, without blocking it."""
    resume: Callable[[Any], Step] = flow.send
    results: list[Any] = [None]  # as above
    while True:
        try:
            step = resume(results.pop())
        except StopIteration as end:
            return cast("T", end.value)
        if step is REST_IN_THREAD:
            return await _concurrency.in_thread(partial(run, flow))
        try:
            results.append(await step[1](*step[2]))
            resume = flow.send
        except BaseException as error:  # noqa: BLE001 -- as above
            results.append(error)
            resume = flow.throw
        del step  # as above
