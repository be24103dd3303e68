"""The options of a handler: `once`, `name`, `lease`, `max_attempts`, and a later run by `Retry`."""

from __future__ import annotations

import json
from datetime import timedelta
from math import ceil
from typing import Any

import pytest
from django.db.models import DurationField, ExpressionWrapper, F
from django.test import override_settings

from gcp_event_router import Event, EventRouter, Reject, Retry
from gcp_event_router.inbox.models import Delivery, StoredEvent

from ..conftest import Post, post_wsgi
from ..support.deliveries import (
    PATH,
    PUSH,
    effects,
    end_leases,
    pass_time,
    push,
    register,
    rows,
    sync_or_async,
    take_effect,
    with_databases,
)
from ..support.statements import count_statements

pytestmark = with_databases


@sync_or_async
def test_a_handler_that_is_done_is_not_run_again(inbox: str, router: EventRouter, post: Post, is_async: bool) -> None:
    """The first delivery is handled and gets 201; the second is not handled and gets 200."""
    runs: list[str] = []
    register(router, lambda event: runs.append(event.reference), is_async=is_async)

    assert [(response.status_code, response.content) for response in (post(PATH, PUSH), post(PATH, PUSH))] == [
        (201, b"{}"),
        (200, b"{}"),
    ]
    assert (runs, rows(inbox)) == (["r"], [("h", "done", 1)])
    assert list(Delivery.objects.using(inbox).values_list("token", "lease_until", "error")) == [(None, None, "")]


@pytest.mark.parametrize("inbox", ["postgresql"], indirect=True)
def test_statements(inbox: str, router: EventRouter) -> None:
    """On PostgreSQL, a new event costs two statements beside the handler's, and a duplicate two."""

    @router.on("k")
    def _(event: Event[Any]) -> None:
        take_effect(inbox, "h")

    assert [count_statements(inbox, lambda: post_wsgi(PATH, PUSH)) for _ in range(2)] == [2 + 1, 2]


@pytest.mark.parametrize("path", [PATH, f"{PATH}?page=x"])
@sync_or_async
def test_what_is_invalid_is_kept_and_acknowledged(inbox: str, router: EventRouter, post: Post, is_async: bool, path: str) -> None:
    """An event with an invalid payload or parameters is stored with its bytes, and neither run nor sent again."""
    runs: list[object] = []
    if is_async:

        @router.on("k", name="h")
        async def _(event: Event[dict[str, int], dict[str, int]]) -> None:
            runs.append(event)
    else:

        @router.on("k", name="h")
        def _(event: Event[dict[str, int], dict[str, int]]) -> None:
            runs.append(event)

    body = push(1, {"a": "s3cr3t"} if path == PATH else {"a": 1})

    assert [(response.status_code, response.content) for response in (post(path, body), post(path, body))] == [(200, b"{}")] * 2
    assert (runs, rows(inbox)) == ([], [("h", "rejected", 1)])
    assert bytes(StoredEvent.objects.using(inbox).get().body) == body
    error = Delivery.objects.using(inbox).get().error
    assert json.loads(error)[0]["type"] == "int_parsing"
    assert "s3cr3t" not in error


@sync_or_async
def test_what_is_not_once_sees_every_delivery(inbox: str, router: EventRouter, post: Post, is_async: bool) -> None:
    """With `once=False` a handler runs for each delivery, also beside one that is done, and the inbox stores nothing of it."""
    runs: list[str] = []
    register(router, lambda event: runs.append(event.reference), is_async=is_async, name="always", once=False)

    assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 201]
    assert (len(runs), StoredEvent.objects.using(inbox).count()) == (2, 0)

    register(router, lambda event: take_effect(inbox, "once"), is_async=False, name="once")

    assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert (len(runs), rows(inbox), effects(inbox)) == (4, [("once", "done", 1)], ["once"])


@sync_or_async
def test_the_failure_of_what_is_not_once_is_answered(inbox: str, router: EventRouter, post: Post, is_async: bool) -> None:
    """If a handler with `once=False` fails, the event is sent again; handlers that are done stay done."""

    def fail(event: Event[Any]) -> None:
        raise RuntimeError

    register(router, fail, is_async=is_async, once=False)
    register(router, lambda event: take_effect(inbox, "once"), is_async=False, name="once")

    assert [post(PATH, PUSH).status_code for _ in range(2)] == [400, 400]
    assert (rows(inbox), effects(inbox)) == ([("once", "done", 1)], ["once"])


def test_a_name_survives_a_move(inbox: str, router: EventRouter, post: Post) -> None:
    """Two functions with the same `name` share their deliveries; without a name, each has its own."""
    runs: list[str] = []

    @router.on("k", name="invoices")
    def _(event: Event[Any]) -> None:
        runs.append("before")

    assert post(PATH, PUSH).status_code == 201
    router._entries.clear()  # pyright: ignore[reportPrivateUsage] -- as if the process had started anew
    router._forget()  # pyright: ignore[reportPrivateUsage] -- as above

    @router.on("k", name="invoices")
    def _(event: Event[Any]) -> None:
        runs.append("after")

    @router.on("k")
    def unnamed(event: Event[Any]) -> None: ...

    assert (post(PATH, PUSH).status_code, runs) == (200, ["before"])
    own = f"{__name__}.{unnamed.__qualname__}"
    assert rows(inbox) == [("invoices", "done", 1), (own, "done", 1)]


def test_two_bound_methods_of_one_name_are_two_handlers(inbox: str, router: EventRouter, post: Post) -> None:
    """The same method of two objects is two handlers, each done once; the second gets a number."""

    class Shop:
        def __init__(self, town: str) -> None:
            self.town = town

        def record(self, event: Event[Any]) -> None:
            take_effect(inbox, self.town)

    for town in ("Bern", "Rome"):
        router.on("k")(Shop(town).record)

    assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert effects(inbox) == ["Bern", "Rome"]
    name = f"{__name__}.{Shop.record.__qualname__}"
    assert rows(inbox) == [(name, "done", 1), (f"{name}#2", "done", 1)]


@pytest.mark.parametrize("lease", [timedelta(hours=1), timedelta(seconds=1), None])
def test_a_handler_has_its_own_lease(inbox: str, router: EventRouter, post: Post, lease: timedelta | None) -> None:
    """A lease is as long as the handler's option says, or else the setting: five minutes."""

    def end(event: Event[Any]) -> None:
        raise SystemExit

    register(router, end, is_async=False, lease=lease)

    with pytest.raises(SystemExit):
        post(PATH, PUSH)

    assert _leases(inbox) == [("h", lease or timedelta(minutes=5))]


@sync_or_async
def test_a_lease_begins_with_its_handler(inbox: str, router: EventRouter, post: Post, is_async: bool) -> None:
    """Each of several handlers has its whole lease, however long the earlier ones took."""

    def outlast(event: Event[Any]) -> None:
        end_leases(inbox)

    def end(event: Event[Any]) -> None:
        raise SystemExit

    register(router, outlast, is_async=False, name="slow", once=False)
    register(router, lambda event: None, is_async=False, name="first", lease=timedelta(minutes=1))
    register(router, end, is_async=is_async, name="second", lease=timedelta(minutes=2))

    with pytest.raises(SystemExit):
        post(PATH, PUSH)

    assert rows(inbox) == [("first", "done", 1), ("second", "running", 1)]
    assert _leases(inbox) == [("second", timedelta(minutes=2))]


def _leases(alias: str) -> list[tuple[str, timedelta]]:
    """The lease of each running handler."""
    length = ExpressionWrapper(F("lease_until") - F("started_at"), output_field=DurationField())
    running = Delivery.objects.using(alias).filter(state="running").annotate(length=length)
    return list(running.values_list("handler", "length"))


@sync_or_async
def test_each_handler_has_its_own_number_of_attempts(inbox: str, router: EventRouter, post: Post, is_async: bool) -> None:
    """A handler is parked, and so acknowledged, with its last failure; the sender continues for those with attempts left."""
    runs: list[str] = []

    def fail(event: Event[Any]) -> None:
        runs.append(event.reference)
        raise RuntimeError

    for name, attempts in (("once", 1), ("thrice", 3)):
        register(router, fail, is_async=is_async, name=name, max_attempts=attempts)

    assert [post(PATH, PUSH).status_code for _ in range(4)] == [400, 400, 200, 200]
    assert (len(runs), rows(inbox)) == (4, [("once", "parked", 1), ("thrice", "parked", 3)])


@sync_or_async
def test_a_retry_is_no_attempt(inbox: str, router: EventRouter, post: Post, is_async: bool) -> None:
    """A handler may raise Retry as often as it wants; its wait is in the answer and in the row."""
    asks = [Retry("s3cr3t", after=timedelta(seconds=90)) for _ in range(4)]

    def ask(event: Event[Any]) -> None:
        if asks:
            raise asks.pop()

    register(router, ask, is_async=is_async, max_attempts=2)

    for _ in range(4):
        answer = post(PATH, PUSH)
        assert (answer.status_code, answer["Retry-After"], rows(inbox)) == (503, "90", [("h", "pending", 0)])
        kept = Delivery.objects.using(inbox).get()
        assert kept.not_before is not None
        assert kept.started_at is not None
        assert kept.not_before - kept.started_at >= timedelta(seconds=90)
        assert "s3cr3t" not in kept.error
        pass_time(inbox, timedelta(seconds=90))

    assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert rows(inbox) == [("h", "done", 1)]


def test_of_several_handlers_each_has_its_own_state(inbox: str, router: EventRouter, post: Post) -> None:
    """Of handlers that are done, rejected, retried and failed, the worst decides each answer."""
    problems: dict[str, list[Exception]] = {"done": [], "rejected": [Reject("no")], "waits": [Retry("no")], "fails": [KeyError()]}

    def work_of(name: str) -> Any:
        def work(event: Event[Any]) -> None:
            if problems[name]:
                raise problems[name].pop()

        return work

    for name, is_async in (("done", False), ("rejected", True), ("waits", False), ("fails", True)):
        register(router, work_of(name), is_async=is_async, name=name)

    assert post(PATH, PUSH).status_code == 400
    assert rows(inbox) == [("done", "done", 1), ("waits", "pending", 0), ("rejected", "rejected", 1), ("fails", "failed", 1)]
    assert post(PATH, PUSH).status_code == 200
    assert rows(inbox) == [("done", "done", 1), ("waits", "done", 1), ("rejected", "rejected", 1), ("fails", "done", 2)]


@pytest.mark.parametrize("deferred", [False, True], ids=["now", "deferred"])
@pytest.mark.parametrize(("sent", "kept"), [(7, 7), (0, 0), (-1, None), (2**31, 2**31 - 1), (10**30, 2**31 - 1)])
def test_the_senders_own_count_is_kept(
    inbox: str, router: EventRouter, post: Post, deferred: bool, sent: int, kept: int | None
) -> None:
    """The delivery stores the sender's attempt number, bounded; a number that cannot be stored does not prevent the run."""
    register(router, lambda event: None, is_async=False, deferred=deferred)
    body = json.dumps({**json.loads(PUSH), "deliveryAttempt": sent}).encode()

    with override_settings(TASKS={"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}}):
        assert post(PATH, body).status_code == 201
    assert Delivery.objects.using(inbox).get().sender_attempt == kept


@pytest.mark.parametrize("after", [timedelta(0), timedelta(days=3_000_000), timedelta.max])
@sync_or_async
def test_any_wait_can_be_asked_for(inbox: str, router: EventRouter, post: Post, is_async: bool, after: timedelta) -> None:
    """A wait beyond the range of a database or of Python is stored as a time that both can read; zero does not wait."""
    asks = [Retry("later", after=after)]

    def ask(event: Event[Any]) -> None:
        if asks:
            raise asks.pop()

    register(router, ask, is_async=is_async)

    answer = post(PATH, PUSH)
    assert (answer.status_code, answer["Retry-After"]) == (503, str(ceil(after.total_seconds())))
    kept = Delivery.objects.using(inbox).get()
    assert (kept.state, kept.attempts, kept.token) == ("pending", 0, None)
    if after:
        assert kept.not_before is not None
        assert kept.started_at is not None
        assert (kept.not_before - kept.started_at).days == min(after, timedelta(days=36_500)).days
        pass_time(inbox, min(after, timedelta(days=36_500)))
    else:
        assert kept.not_before is None
    assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]


@sync_or_async
def test_any_lease_can_be_asked_for(inbox: str, router: EventRouter, post: Post, is_async: bool) -> None:
    """A lease that is longer than a database can count to does not end."""
    register(router, lambda event: None, is_async=is_async, name="first", lease=timedelta.max)
    register(router, lambda event: None, is_async=is_async, name="second", lease=timedelta.max)

    assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
