"""Middleware, sync and async."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.typing.uses.payloads import ORDER
from typing_extensions import assert_type

from gcp_event_router import Event, EventRouter, events
from gcp_event_router.router import AsyncCallNext, CallNext, Middleware


@events.use
def around(event: Event[Any], call_next: CallNext) -> None:
    call_next(event)


@events.use
async def around_async(event: Event[Any], call_next: AsyncCallNext) -> None:
    await call_next(event)


@events.use
def with_parameters(event: Event[Any, Any], call_next: Callable[[Event[Any, Any]], None]) -> None:
    if event.kind != "ignored":
        call_next(event)


@events.use
async def written_out(event: Event[Any, Any], call_next: Callable[[Event[Any, Any]], Awaitable[None]]) -> None:
    try:
        await call_next(event)
    finally:
        assert_type(event.kind, str)


@events.use
def of_objects(event: Event[object, object], call_next: CallNext) -> None:
    call_next(event)


class Timer:
    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, event: Event[Any], call_next: CallNext) -> None:
        call_next(event)

    async def measure(self, event: Event[Any], call_next: AsyncCallNext) -> None:
        await call_next(event)


def timed(name: str) -> Middleware:
    def times(event: Event[Any], call_next: CallNext) -> None:
        print(name)
        call_next(event)

    return times


assert_type(EventRouter(middleware=[around, around_async]), EventRouter)
assert_type(EventRouter(middleware=(around, Timer("a"), Timer("b").measure)), EventRouter)
assert_type(events.use(Timer("a")), Timer)
events.use(Timer("a").measure)
events.use(timed("a"))
events.use(lambda event, call_next: call_next(event))  # good: a lambda as a middleware
around(Event("a", "1", 1), lambda _event: None)
all_of_them: list[Middleware] = [around, around_async, Timer("a")]
EventRouter("a.b", middleware=all_of_them)
EventRouter(middleware=iter(all_of_them))

# --- bad


def without_next(event: Event[Any]) -> None: ...


def without_event(call_next: CallNext) -> None: ...


def exchanged(call_next: CallNext, event: Event[Any]) -> None: ...


def one_more(event: Event[Any], call_next: CallNext, more: int) -> None: ...


def keyword_only(event: Event[Any], *, call_next: CallNext) -> None: ...


async def mixed(event: Event[Any], call_next: CallNext) -> None:
    call_next(event)


def answers(event: Event[Any], call_next: CallNext) -> int:
    call_next(1)  # bad: a number that is passed on
    call_next()  # bad: nothing that is passed on
    call_next(event, event)  # bad: two events that are passed on
    return 1


async def answers_async(event: Event[Any], call_next: AsyncCallNext) -> str:
    call_next(event)  # bad: the rest of an async middleware that nobody awaits
    return "done"


def awaits(event: Event[Any], call_next: AsyncCallNext) -> None:
    result: None = call_next(event)  # bad: the rest of an async middleware as a result


async def awaits_sync(event: Event[Any], call_next: CallNext) -> None:
    await call_next(event)  # bad: the rest of a sync middleware that somebody awaits


events.use(without_next)  # bad: a middleware without call_next
events.use(without_event)  # bad: a middleware without an event
events.use(exchanged)  # bad: a middleware's arguments exchanged
events.use(one_more)  # bad: a middleware with a third parameter
events.use(keyword_only)  # bad: a middleware with a keyword-only call_next
events.use(answers)  # bad: a middleware with a result
events.use(answers_async)  # bad: an async middleware with a result
events.use(mixed)  # bad: an async middleware with a sync call_next
events.use(Timer)  # bad: a middleware's class
events.use("around")  # bad: the name of a middleware
events.use(around, around_async)  # bad: two middlewares at once
events.use()  # bad: no middleware
events.use(lambda event: None)  # bad: a lambda without call_next
EventRouter(middleware=[without_next])  # bad: a router's middleware without call_next
EventRouter(middleware=around)  # bad: a router's middleware without a list
EventRouter(middleware=["around"])  # bad: a router's middleware by name
around(Event("a", "1", ORDER))  # bad: a middleware called without call_next
around("a", lambda _event: None)  # bad: a middleware called with text


@events.use  # bad: a decorated middleware without call_next
def decorated(event: Event[Any]) -> None: ...


@events.use  # bad: a decorated async middleware without call_next
async def decorated_async(event: Event[Any]) -> None: ...
