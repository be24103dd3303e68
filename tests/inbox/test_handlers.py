"""Handlers under the inbox beside other handlers, plain receivers, the sender and the thread. Rows D7 to D10."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar, copy_context
from typing import Any

import pytest
from django.db import connections
from django.dispatch import receiver
from django.utils import timezone, translation

from gcp_event_router import Event, EventRouter
from gcp_event_router.exceptions import BusyError
from gcp_event_router.signals import event_received
from gcp_event_router.utils import make_pubsub_message

from ..conftest import Post
from ..support.deliveries import (
    ERROR,
    PATH,
    PUSH,
    Stall,
    both_doors,
    effects,
    push,
    register,
    rows,
    settings_of,
    sync_or_async,
    take_effect,
    with_databases,
)

pytestmark = with_databases


def test_d7_a_handler_that_emits_its_own_event_is_not_run_by_it(inbox: str, router: EventRouter, post: Post) -> None:
    """An event that its own handler sends again is BUSY; nothing waits for itself, and the handler is done once."""
    runs: list[str] = []

    @router.on("k", name="sync")
    def _(event: Event[Any]) -> None:
        runs.append("sync")
        take_effect(inbox, "sync")
        with pytest.raises(ExceptionGroup) as raised:
            event_received.send(None, **AGAIN)
        assert {type(each) for each in raised.value.exceptions} == {BusyError}

    @router.on("k", name="async")
    async def _(event: Event[Any]) -> None:
        runs.append("async")
        with pytest.raises(BusyError):
            await event_received.asend(None, **AGAIN)

    assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert (runs, effects(inbox)) == (["sync", "async"], ["sync"])
    assert rows(inbox) == [("sync", "done", 1), ("async", "done", 1)]


AGAIN: dict[str, Any] = {
    "event_kind": "k",
    "event_reference": "r",
    "event_payload": make_pubsub_message({"a": 1}, message_id="17", as_dict=True),
    "event_parameters": {},
}
NEXT: dict[str, Any] = {**AGAIN, "event_kind": "next"}


def test_d7_what_a_handler_emits_is_done_when_it_is(inbox: str, router: EventRouter, post: Post) -> None:
    """An event that a sync handler sends is handled within its transaction: undone if it fails, and done once with it."""
    fails = [RuntimeError()]

    @router.on("k", name="emits")
    def _(event: Event[Any]) -> None:
        event_received.send(None, **NEXT)
        if fails:
            raise fails.pop()

    @router.on("next", name="emitted")
    def _(event: Event[Any]) -> None:
        take_effect(inbox, "emitted")

    assert post(PATH, PUSH).status_code == 400
    assert (rows(inbox), effects(inbox)) == ([("emits", "failed", 1)], [])
    assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert sorted(rows(inbox)) == [("emits", "done", 2), ("emitted", "done", 1)]
    assert effects(inbox) == ["emitted"]


def test_d7_what_an_async_handler_emits_is_handled_once(inbox: str, router: EventRouter, post: Post) -> None:
    """An event that an async handler sends is handled at once; when the next run sends it again, it is a duplicate."""
    fails = [RuntimeError()]

    @router.on("k", name="emits")
    async def _(event: Event[Any]) -> None:
        await event_received.asend(None, **NEXT)
        if fails:
            raise fails.pop()

    @router.on("next", name="emitted")
    def _(event: Event[Any]) -> None:
        take_effect(inbox, "emitted")

    assert [post(PATH, PUSH).status_code for _ in range(3)] == [400, 201, 200]
    assert rows(inbox) == [("emits", "done", 2), ("emitted", "done", 1)]
    assert effects(inbox) == ["emitted"]


def test_d8_plain_receivers_see_every_delivery(inbox: str, router: EventRouter, post: Post) -> None:
    """Plain receivers, sync and async, see duplicates, too, with unchanged arguments."""
    seen: list[dict[str, Any]] = []

    @receiver(event_received)
    def _sync(sender: type, event_kind: str, event_reference: str, event_payload: Any, event_parameters: Any) -> None:
        seen.append({"k": event_kind, "r": event_reference, "body": event_payload, "query": event_parameters})

    @receiver(event_received)
    async def _async(sender: type, **kwargs: Any) -> None:
        assert kwargs.pop("signal") is event_received
        seen.append(kwargs)

    @router.on("k", name="h")
    def _(event: Event[Any]) -> None:
        take_effect(inbox, "h")

    assert [post(f"{PATH}?a=1&a=2", PUSH).status_code for _ in range(2)] == [201, 200]

    body = make_pubsub_message({"a": 1}, message_id="17", as_dict=True)
    short = {"k": "k", "r": "r", "body": body, "query": {"a": "2"}}
    long = {"event_kind": "k", "event_reference": "r", "event_payload": body, "event_parameters": {"a": "2"}}
    assert seen == [short, long] * 2
    assert effects(inbox) == ["h"]


def test_d8_a_plain_receiver_that_fails_has_the_event_sent_again(inbox: str, router: EventRouter, post: Post) -> None:
    """Its failure is answered 400 although the handler is done; the redelivery calls only the receiver."""
    calls: list[int] = []

    @receiver(event_received)
    def _fails_once(**kwargs: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError

    @router.on("k", name="h")
    def _(event: Event[Any]) -> None:
        take_effect(inbox, "h")

    first = post(PATH, PUSH)
    assert (first.status_code, first.content, rows(inbox)) == (400, ERROR, [("h", "done", 1)])
    assert (post(PATH, PUSH).status_code, len(calls), effects(inbox)) == (200, 2, ["h"])


@pytest.fixture
def quick_to_give_up(inbox: str) -> Iterator[None]:
    """SQLite waits a second for its lock, so that a failing test ends soon."""
    options = connections[inbox].settings_dict["OPTIONS"]
    with settings_of(inbox, OPTIONS={**options, "timeout": 1} if inbox == "sqlite" else options):
        yield


@sync_or_async
@both_doors
def test_d9_a_delivery_that_comes_during_the_first_is_told_to_wait(
    inbox: str, router: EventRouter, post: Post, is_async: bool, quick_to_give_up: None
) -> None:
    """If a handler takes longer than its sender waits, the next delivery gets 409 with Retry-After, and there is one run."""
    runs: list[str] = []
    stall = Stall()

    def work(event: Event[Any]) -> None:
        runs.append(event.reference)
        stall()

    register(router, work, is_async=is_async)

    with stall.during(lambda: post(PATH, PUSH)) as first:
        second = post(PATH, PUSH)

    assert (second.status_code, second.content) == (409, ERROR)
    assert 290 <= int(second["Retry-After"]) <= 300
    assert (first.result().status_code, post(PATH, PUSH).status_code) == (201, 200)
    assert (runs, rows(inbox)) == (["r"], [("h", "done", 1)])


@sync_or_async
def test_d10_what_a_handler_activates_ends_with_it(inbox: str, router: EventRouter, post: Post, is_async: bool) -> None:
    """A language, a time zone and a context variable that a handler sets do not reach the next event in its thread."""
    seen: list[object] = []

    def work(event: Event[Any]) -> None:
        seen.append(settings_here())
        translation.activate("de")
        timezone.activate("Asia/Tokyo")
        VARIABLE.set("set")

    register(router, work, is_async=is_async)

    def in_one_thread() -> None:
        before = settings_here()
        assert [post(PATH, push(number)).status_code for number in range(2)] == [201, 201]
        assert [*seen, settings_here()] == [before] * 3

    copy_context().run(in_one_thread)  # so that what would be left behind is left to no other test


VARIABLE = ContextVar("VARIABLE", default="not set")


def settings_here() -> tuple[str | None, str, str]:
    return translation.get_language(), timezone.get_current_timezone_name(), VARIABLE.get()
