"""Runs a flow, whose steps are described once as a generator, under WSGI or on an event loop, like httpx's `auth_flow`.

A flow yields the steps that may have to wait, and gets their results or exceptions: `either(blocking, awaited, ...)`,
`in_thread(function, ...)` or `on_loop(function, ...)`. `run` and `arun` are the two drivers.
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
    """Make a step of an async function that is only needed on an event loop; elsewhere, the result is None."""
    return _skip, function, args


def _skip(*_: object) -> None:
    """Do nothing, since there is no event loop that the flow could block."""


#: The step after which a flow blocks for long: on an event loop, the rest of it runs in one thread.
REST_IN_THREAD: Final[Step] = in_thread(_skip)


def run(flow: Flow[T]) -> T:
    """Take the steps of a flow in the caller's thread."""
    resume: Callable[[Any], Step] = flow.send
    # emptied, since the traceback of an exception in a local variable would refer to this frame
    results: list[Any] = [None]
    while True:
        try:
            step = resume(results.pop())
        except StopIteration as end:
            return cast("T", end.value)
        try:
            results.append(step[0](*step[2]))
            resume = flow.send
        except BaseException as error:  # noqa: BLE001 -- raised in the flow
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
