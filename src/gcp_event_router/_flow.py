"""A flow: steps that are described once, as a generator, and run under WSGI or on an event loop.

A flow yields what may have to wait, as `either(blocking, awaited, ...)` or `in_thread(function, ...)`, and is sent the result or
given the exception. Everything else it does itself. `run` and `arun` are the two drivers; httpx runs its `auth_flow` in the
same way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar, TypeVarTuple, cast

from . import _concurrency

__all__ = ["REST_IN_THREAD", "Flow", "Step", "arun", "either", "in_thread", "run"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

#: One step: how to take it without an event loop, how on one, and the arguments of both.
Step: TypeAlias = tuple[Callable[..., Any], Callable[..., Awaitable[Any]], tuple[Any, ...]]
#: The steps that lead to a T. Annotate the result of each `yield`.
Flow: TypeAlias = Generator[Step, Any, T]


def either(blocking: Callable[[*Ts], T], awaited: Callable[[*Ts], Awaitable[T]], *args: *Ts) -> Step:
    """Make a step of two functions that do the same: one blocks, one is awaited."""
    return blocking, awaited, args


def in_thread(function: Callable[[*Ts], object], *args: *Ts) -> Step:
    """Make a step of a function that blocks; on an event loop, it runs in a thread."""
    call = partial(function, *args)
    return call, partial(_concurrency.in_thread, call), ()


def _pass() -> None:
    """Do nothing, when no event loop runs that the rest could block."""


async def _apass() -> None:
    """Stand for the rest of the flow, which `arun` takes to a thread."""


#: The step after which a flow blocks for long: on an event loop, the rest of it runs in a thread, in one go.
REST_IN_THREAD: Final[Step] = _pass, _apass, ()


def run(flow: Flow[T]) -> T:
    """Take the steps of a flow in the caller's thread."""
    resume: Callable[[Any], Step] = flow.send
    # a list that is empty at the end: a local would keep an exception alive, whose traceback refers to this frame
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
