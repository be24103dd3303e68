"""Handlers under the inbox: whatever one of them does, the work of each is done once. Rows D1 to D3 and D5 to D7.

Row D4, clients that hang up, is about real servers: test_inbox_processes.py. Rows D7 to D10 go on in test_inbox_handlers.py.
"""

from __future__ import annotations

import asyncio
import re
from asyncio import CancelledError
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import SynchronousOnlyOperation, ValidationError
from django.db import OperationalError
from typing_extensions import override

from gcp_event_router import Event, EventRouter, Reject, Retry
from gcp_event_router.inbox.models import Delivery, StoredEvent
from gcp_event_router.signals import event_received

from ..conftest import Post
from ..support.deliveries import (
    ERROR,
    PATH,
    PUSH,
    both_doors,
    effects,
    end_leases,
    register,
    rows,
    sync_or_async,
    take_effect,
    together,
    with_databases,
)

pytestmark = with_databases

SECRET = "s3cr3t"
SENT: dict[str, Any] = {"event_kind": "k", "event_reference": "r", "event_parameters": {}}


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a"], "duplicate by a in N ms"),
        (["a", "b"], "duplicate by a, b in N ms: a duplicate; b duplicate"),
    ],
)
def test_the_log_names_duplicates_where_there_are_several_handlers(
    inbox: str, router: EventRouter, post: Post, lines: Callable[[], list[str]], names: list[str], said: str
) -> None:
    """The line of one handler has its outcome already."""
    for name in names:
        register(router, lambda event: None, is_async=False, name=name)

    assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert re.sub(r"\d+\.\d ms", "N ms", lines()[-1]) == f"INFO Event of kind 'k' with reference 'r' (message '17'): {said}"


def test_d1_what_a_failing_handler_did_is_undone_and_the_next_one_runs(
    inbox: str, router: EventRouter, post: Post, lines: Callable[[], list[str]]
) -> None:
    """A failure is answered 400, stored and undone, and the next handler runs; its text is neither sent nor logged."""

    @router.on("k", name="fails")
    def _(event: Event[Any]) -> None:
        take_effect(inbox, "fails")
        raise RuntimeError(SECRET)

    @router.on("k", name="works")
    def _(event: Event[Any]) -> None:
        take_effect(inbox, "works")

    answer = post(PATH, PUSH)

    assert (answer.status_code, answer.content) == (400, ERROR)
    assert rows(inbox) == [("fails", "failed", 1), ("works", "done", 1)]
    assert effects(inbox) == ["works"]
    kept = Delivery.objects.using(inbox).get(handler="fails")
    assert (kept.error_type, kept.error.startswith("RuntimeError at ")) == ("builtins.RuntimeError", True)
    assert SECRET not in f"{answer.content!r} {kept.error} {lines()}"


def test_d2_a_redelivery_runs_only_what_is_not_done(inbox: str, router: EventRouter, post: Post) -> None:
    """Of three handlers, sync and async, the one that failed runs again, and the others do not."""
    runs: list[str] = []

    @router.on("k", name="sync")
    def _(event: Event[Any]) -> None:
        runs.append("sync")

    @router.on("k", name="fails once")
    def _(event: Event[Any]) -> None:
        runs.append("fails once")
        if runs.count("fails once") == 1:
            raise RuntimeError

    @router.on("k", name="async")
    async def _(event: Event[Any]) -> None:
        runs.append("async")

    assert [post(PATH, PUSH).status_code for _ in range(3)] == [400, 200, 200]
    assert runs == ["sync", "fails once", "async", "fails once"]
    assert rows(inbox) == [("sync", "done", 1), ("fails once", "done", 2), ("async", "done", 1)]


@sync_or_async
@pytest.mark.parametrize("raised", [SystemExit, KeyboardInterrupt])
@both_doors
def test_d3_what_ends_a_worker_keeps_its_lease(
    inbox: str, router: EventRouter, post: Post, raised: type[BaseException], is_async: bool
) -> None:
    """It passes through, undoes a sync handler's writes, and holds the delivery until the lease ends; then it runs again."""
    ends = [raised()]

    def work(event: Event[Any]) -> None:
        if not is_async:
            take_effect(inbox, "h")
        if ends:
            raise ends.pop()

    register(router, work, is_async=is_async)

    with pytest.raises(raised):
        post(PATH, PUSH)
    assert (rows(inbox), effects(inbox)) == ([("h", "running", 1)], [])
    answer = post(PATH, PUSH)
    assert (answer.status_code, 0 < int(answer["Retry-After"]) <= 300) == (409, True)

    end_leases(inbox)
    assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert (rows(inbox), effects(inbox)) == ([("h", "done", 2)], [] if is_async else ["h"])


@sync_or_async
@pytest.mark.parametrize("raised", [CancelledError, GeneratorExit])
@both_doors
def test_a_stray_cancellation_is_a_failure(
    inbox: str, router: EventRouter, post: Post, raised: type[BaseException], is_async: bool
) -> None:
    """A handler that raises it although its task is not cancelled (asyncio.Task.cancelling()) has failed: it runs again."""
    ends = [raised()]

    def work(event: Event[Any]) -> None:
        if not is_async:
            take_effect(inbox, "h")
        if ends:
            raise ends.pop()

    register(router, work, is_async=is_async)

    assert post(PATH, PUSH).status_code == 400
    assert (rows(inbox), effects(inbox)) == ([("h", "failed", 1)], [])
    assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert (rows(inbox), effects(inbox)) == ([("h", "done", 2)], [] if is_async else ["h"])


@pytest.mark.parametrize("raised", [RecursionError, MemoryError])
def test_d3_what_a_worker_survives_is_a_failure(inbox: str, router: EventRouter, post: Post, raised: type[Exception]) -> None:
    """A handler that runs out of stack or memory has failed, and its writes are undone."""

    @router.on("k", name="h")
    def _(event: Event[Any]) -> None:
        take_effect(inbox, "h")
        raise raised

    assert post(PATH, PUSH).status_code == 400
    assert (rows(inbox), effects(inbox)) == ([("h", "failed", 1)], [])


class IncomparableError(Exception):
    """Cannot be compared, like a dataclass with a field that is an array."""

    __hash__ = Exception.__hash__

    @override
    def __eq__(self, other: object) -> bool:
        raise ValueError


def incomparable() -> None:
    try:
        raise IncomparableError
    except IncomparableError as error:
        raise IncomparableError from error


def nested() -> None:
    error: Exception = RuntimeError()
    for _each in range(5_000):
        error = around(error)
    raise error


def around(error: Exception) -> Exception:
    return ExceptionGroup("", [error])


@sync_or_async
@pytest.mark.parametrize("fail", [incomparable, nested])
def test_d3_whatever_is_raised_is_noted_and_the_next_one_runs(
    inbox: str, router: EventRouter, post: Post, fail: Callable[[], None], is_async: bool
) -> None:
    """An exception that cannot be compared, or a group that is deeper than the stack, is a failure like any other."""
    register(router, lambda event: fail(), is_async=is_async)
    register(router, lambda event: None, is_async=is_async, name="next")

    assert post(PATH, PUSH).status_code == 400
    assert rows(inbox) == [("h", "failed", 1), ("next", "done", 1)]


def raises(error: Exception | None) -> Callable[[Event[Any]], None]:
    def work(event: Event[Any]) -> None:
        if error is not None:
            raise error

    return work


@pytest.mark.parametrize(
    ("raised", "status", "state", "attempts"),
    [
        (None, 201, "done", 1),
        (Reject("never"), 200, "rejected", 1),
        (ValidationError("no"), 200, "rejected", 1),
        (Retry("later", after=timedelta(seconds=7)), 503, "pending", 0),
        (OperationalError("away"), 503, "pending", 0),
        (RuntimeError("no"), 400, "failed", 1),
        (ExceptionGroup("both", [Retry("later"), RuntimeError("no")]), 400, "failed", 1),
    ],
)
@sync_or_async
def test_d5_the_outcome_is_the_same_through_every_door(
    inbox: str, router: EventRouter, post: Post, is_async: bool, raised: Exception | None, status: int, state: str, attempts: int
) -> None:
    """An exception has the same answer and the same row, whether its handler is sync or async, under WSGI or ASGI."""
    register(router, raises(raised), is_async=is_async)

    answer = post(PATH, PUSH)

    assert (answer.status_code, rows(inbox)) == (status, [("h", state, attempts)])
    assert answer.get("Retry-After") == ("7" if isinstance(raised, Retry) else None)


@sync_or_async
@pytest.mark.parametrize("raised", [None, RuntimeError("no")])
@pytest.mark.parametrize("where", ["thread", "loop"])
def test_d5_the_outcome_is_the_same_without_a_request(
    inbox: str, router: EventRouter, where: str, is_async: bool, raised: Exception | None
) -> None:
    """An event that is sent by the signal, in a thread or on a loop, is stored and handled like a posted one."""
    register(router, raises(raised), is_async=is_async)

    def send(number: int) -> Exception | None:
        try:
            if where == "loop":
                asyncio.run(event_received.asend(None, event_payload=1, **SENT))
            else:
                event_received.send(None, event_payload=1, **SENT)
        except RuntimeError as error:
            return error
        return None

    assert together(1, send) == [raised]
    assert rows(inbox) == [("h", "failed" if raised else "done", 1)]


@sync_or_async
def test_d5_a_blocking_send_on_a_loop_is_refused(inbox: str, router: EventRouter, is_async: bool) -> None:
    """Django refuses database queries on an event loop: `send` raises there before anything is stored or run; use `asend`."""
    runs: list[str] = []
    register(router, lambda event: runs.append(event.reference), is_async=is_async)

    async def send() -> None:
        event_received.send(None, event_payload=1, **SENT)

    with pytest.raises(SynchronousOnlyOperation):
        asyncio.run(send())
    assert (runs, rows(inbox)) == ([], [])


def test_d6_all_async_handlers_are_awaited_and_noted(inbox: str, router: EventRouter, post: Post) -> None:
    """If one of three async handlers fails, the others still finish, and each has its own outcome."""

    @router.on("k", name="first")
    async def _(event: Event[Any]) -> None:
        await asyncio.sleep(0)

    @router.on("k", name="fails")
    async def _(event: Event[Any]) -> None:
        await asyncio.sleep(0)
        raise RuntimeError

    @router.on("k", name="last")
    async def _(event: Event[Any]) -> None:
        await asyncio.sleep(0)

    assert post(PATH, PUSH).status_code == 400
    assert rows(inbox) == [("first", "done", 1), ("fails", "failed", 1), ("last", "done", 1)]


def test_d7_what_a_handler_does_to_its_payload_no_other_sees(inbox: str, router: EventRouter, post: Post) -> None:
    """Each handler, and each run of it, gets the payload that was sent."""
    seen: list[object] = []

    @router.on("k", name="changes")
    def _(event: Event[dict[str, int]]) -> None:
        seen.append(dict(event.payload))
        event.payload["a"] = 2
        if len(seen) == 1:
            raise RuntimeError

    @router.on("k", name="sees")
    def _(event: Event[dict[str, int]]) -> None:
        seen.append(dict(event.payload))

    assert [post(PATH, PUSH).status_code for _ in range(2)] == [400, 200]
    assert seen == [{"a": 1}] * 3
    assert bytes(StoredEvent.objects.using(inbox).get().body) == PUSH
