"""Dispatch: each matching handler is called with its own event, and the worst outcome counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone, translation
from pydantic import BaseModel

from gcp_event_router import Event, EventRouter, Outcome, Reject, Retry
from gcp_event_router.exceptions import EnvelopeError, InvalidEventError
from gcp_event_router.signals import EventSignal

SENT: dict[str, Any] = {"event_kind": "k", "event_reference": "r", "event_payload": {"n": 1}, "event_parameters": {"p": "1"}}
mark: ContextVar[str] = ContextVar("mark", default="unset")


class Strict(BaseModel, strict=True):
    n: int
    tags: tuple[str, ...] = ()


@pytest.fixture
def signal() -> EventSignal:
    return EventSignal()


@pytest.fixture
def router(signal: EventSignal) -> EventRouter:
    """A router that listens to the signal."""
    return EventRouter(signal=signal)


def outcomes(responses: list[tuple[Any, Any]]) -> list[Any]:
    """Return the receivers' responses."""
    return [response for _, response in responses]


async def test_sync_handlers_run_first_then_async_ones_in_order(signal: EventSignal, router: EventRouter) -> None:
    """Each group runs in order of registration, under send and asend alike."""
    ran: list[str] = []

    def register(name: str, *, is_async: bool) -> None:
        async def coroutine(event: Event[Any]) -> None:
            await asyncio.sleep(0)
            ran.append(name)

        def function(event: Event[Any]) -> None:
            ran.append(name)

        router.on("k")(coroutine if is_async else function)

    for name, is_async in (("a1", True), ("s1", False), ("a2", True), ("s2", False)):
        register(name, is_async=is_async)

    assert outcomes(await signal.asend(None, **SENT)) == [Outcome.HANDLED]
    assert outcomes(await sync_to_async(signal.send)(None, **SENT)) == [Outcome.HANDLED]
    assert outcomes(signal.send(None, **SENT)) == [Outcome.HANDLED]
    assert ran == ["s1", "s2", "a1", "a2"] * 3


def test_strict_model_is_the_same_for_an_event_sent_by_hand(signal: EventSignal, router: EventRouter) -> None:
    """A decoded payload is validated like JSON: a list becomes a tuple, and a string does not become a number."""
    seen: list[Strict] = []

    @router.on("k")
    def handler(event: Event[Strict]) -> None:
        seen.append(event.payload)

    signal.send(None, **{**SENT, "event_payload": {"n": 1, "tags": ["a"]}})
    with pytest.raises(InvalidEventError):
        signal.send(None, **{**SENT, "event_payload": {"n": "1"}})

    assert seen == [Strict(n=1, tags=("a",))]


def test_pubsub_message_sent_by_hand_is_unwrapped(signal: EventSignal, router: EventRouter) -> None:
    """A push that is sent through the signal is read like one that arrived."""
    seen: list[tuple[object, str | None]] = []
    router.on("k", payload=object)(lambda event: seen.append((event.payload, event.envelope.message_id)))

    signal.send(None, **{**SENT, "event_payload": {"message": {"data": "MQ==", "messageId": "7"}, "subscription": "s"}})

    assert seen == [(1, "7")]


def test_payload_that_json_cannot_hold_is_refused(signal: EventSignal, router: EventRouter) -> None:
    """An event_payload of Python objects is refused by its type."""
    with pytest.raises(EnvelopeError) as refused:
        signal.send(None, **{**SENT, "event_payload": object()})

    assert str(refused.value) == ("The event_payload, of type object, cannot be written as JSON. Send decoded JSON, or bytes.")


def test_handler_sees_nothing_of_what_another_changed(signal: EventSignal, router: EventRouter) -> None:
    """Each handler has a payload and parameters of its own."""
    seen: list[object] = []

    def handler(event: Event[Any]) -> None:
        seen.append((dict(event.payload), dict(event.parameters)))
        event.payload.clear()
        event.parameters.clear()

    def other(event: Event[Any]) -> None:
        handler(event)

    router.on("k")(handler)
    router.on("k")(other)
    signal.send(None, **SENT)

    assert seen == [({"n": 1}, {"p": "1"})] * 2


def test_handler_may_send_another_event(signal: EventSignal, router: EventRouter) -> None:
    """An event sent by a handler is handled within it."""
    ran: list[str] = []

    @router.on("k")
    def handler(event: Event[Any]) -> None:
        signal.send(None, **{**SENT, "event_kind": "next"})
        ran.append("k")

    router.on("next", payload=object)(lambda event: ran.append("next"))
    signal.send(None, **SENT)

    assert ran == ["next", "k"]


def test_what_a_handler_activates_ends_with_it(signal: EventSignal, router: EventRouter) -> None:
    """Language, time zone and context variables of one event do not reach the next."""
    seen: list[tuple[str, str, str]] = []

    @router.on("k")
    def handler(event: Event[Any]) -> None:
        seen.append((translation.get_language(), timezone.get_current_timezone_name(), mark.get()))
        translation.activate("fr")
        timezone.activate("Asia/Tokyo")
        mark.set("set")

    signal.send(None, **SENT)
    signal.send(None, **SENT)

    assert seen[0] == seen[1]
    assert mark.get() == "unset"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_process_is_not_kept(signal: EventSignal, router: EventRouter, error: type[BaseException]) -> None:
    """KeyboardInterrupt and SystemExit pass through at once."""
    ran: list[str] = []

    @router.on("k")
    def handler(event: Event[Any]) -> None:
        raise error

    router.on("k", payload=object)(lambda event: ran.append("next"))

    with pytest.raises(error):
        signal.send(None, **SENT)
    assert ran == []


@pytest.mark.parametrize("error", [RecursionError, MemoryError])
def test_failures_of_the_interpreter_are_failures(signal: EventSignal, router: EventRouter, error: type[Exception]) -> None:
    """RecursionError and MemoryError are raised after the other handlers ran."""
    ran: list[str] = []

    @router.on("k")
    def handler(event: Event[Any]) -> None:
        raise error

    router.on("k", payload=object)(lambda event: ran.append("next"))

    with pytest.raises(error):
        signal.send(None, **SENT)
    assert ran == ["next"]


async def test_all_async_handlers_are_awaited_whichever_fails(signal: EventSignal, router: EventRouter) -> None:
    """A failing async handler does not stop the others."""
    ran: list[str] = []

    @router.on("k")
    async def fails(event: Event[Any]) -> None:
        await asyncio.sleep(0)
        raise KeyError

    @router.on("k")
    async def works(event: Event[Any]) -> None:
        await asyncio.sleep(0)
        ran.append("works")

    with pytest.raises(KeyError):
        await signal.asend(None, **SENT)
    assert ran == ["works"]


def test_reject_is_an_outcome_and_retry_an_exception(signal: EventSignal, router: EventRouter) -> None:
    """Reject becomes a response, so that a foreign endpoint acknowledges; Retry is raised, so that it does not."""
    what: list[Exception] = [Reject("never")]

    @router.on("k")
    def handler(event: Event[Any]) -> None:
        raise what[0]

    assert outcomes(signal.send(None, **SENT)) == [Outcome.REJECTED]
    what[0] = Retry("later")
    with pytest.raises(Retry, match="later"):
        signal.send(None, **SENT)
    assert outcomes(signal.send(None, **{**SENT, "event_kind": "other"})) == [Outcome.UNHANDLED]


def test_several_failures_are_one_group(signal: EventSignal, router: EventRouter) -> None:
    """The exceptions of several handlers are raised as a group."""

    @router.on("k")
    def first(event: Event[Any]) -> None:
        raise KeyError

    @router.on("k")
    def second(event: Event[Any]) -> None:
        raise ValueError

    with pytest.raises(ExceptionGroup) as raised:
        signal.send(None, **SENT)

    assert str(raised.value) == "several handlers failed (2 sub-exceptions)"
    assert [type(error) for error in raised.value.exceptions] == [KeyError, ValueError]


class Waiting:
    """An awaitable that cannot be closed."""

    def __await__(self) -> Iterator[None]:
        yield


async def coroutine() -> None: ...


@pytest.mark.parametrize("make", [coroutine, Waiting])
def test_sync_function_that_returns_an_awaitable_fails(signal: EventSignal, router: EventRouter, make: Callable[[], Any]) -> None:
    """An awaitable that nothing awaits is a failure with a clear message, and a coroutine is closed."""

    def handler(event: Event[Any]) -> Any:
        return make()

    router.on("k")(handler)
    with pytest.raises(TypeError) as failed:
        signal.send(None, **SENT)

    (registration,) = router
    assert str(failed.value) == (
        f"{registration.handler} returned an awaitable, although it is not an async function, so nothing awaited it. "
        "Declare it, or whatever wraps it, with `async def`."
    )


class Later(Retry):
    """A project's own."""


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("returned", [Retry, Retry("s3cr3t"), Reject, Reject("s3cr3t"), Later, Later()], ids=repr)
def test_an_answer_that_is_returned_is_a_failure(signal: EventSignal, router: EventRouter, returned: Any, is_async: bool) -> None:
    """A handler that returns Retry or Reject, class or instance, fails: it meant to raise it."""

    def function(event: Event[Any]) -> Any:
        return returned

    async def coroutine(event: Event[Any]) -> Any:
        return returned

    router.on("k")(coroutine if is_async else function)
    with pytest.raises(TypeError) as failed:
        signal.send(None, **SENT)

    (registration,) = router
    name = (returned if isinstance(returned, type) else type(returned)).__name__
    assert str(failed.value) == (
        f"{registration.handler} returned {name} instead of raising it, so the event would count as handled. "
        f"Write `raise {name}(...)`."
    )


@pytest.mark.parametrize("returned", [True, 0, "Retry", {}, ValueError(), object, [Retry]], ids=repr)
def test_whatever_else_is_returned_is_nobody_s_business(signal: EventSignal, router: EventRouter, returned: Any) -> None:
    """A decorator may make a handler return any other value."""
    router.on("k", payload=object)(lambda event: returned)

    assert outcomes(signal.send(None, **SENT)) == [Outcome.HANDLED]


def test_a_coroutine_that_an_async_handler_does_not_await_is_a_failure(signal: EventSignal, router: EventRouter) -> None:
    """A handler that returns a coroutine fails, since its code would not run; a returned task runs."""

    async def work() -> None: ...

    async def forgets(event: Event[Any]) -> Any:
        return work()

    async def starts(event: Event[Any]) -> Any:
        return asyncio.create_task(work())

    with router.isolated():
        router.on("k")(starts)
        assert outcomes(signal.send(None, **SENT)) == [Outcome.HANDLED]
    router.on("k")(forgets)
    with pytest.raises(TypeError) as failed:
        signal.send(None, **SENT)

    (registration,) = router
    assert str(failed.value) == (
        f"{registration.handler} returned a coroutine without awaiting it, so none of its code ran. "
        "Write `await` before the call."
    )
