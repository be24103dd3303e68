"""What makes two deliveries the same event, and what happens to another payload under a known id."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import override_settings

from gcp_event_router import Event, EventRouter, Reject, Retry
from gcp_event_router.inbox.models import Delivery, StoredEvent
from gcp_event_router.inbox.workers import process
from gcp_event_router.outcomes import Outcome
from gcp_event_router.utils import make_pubsub_message

from ..conftest import Post, post_wsgi
from ..support.deliveries import (
    PATH,
    Stall,
    both_doors,
    effects,
    end_leases,
    push,
    register,
    rows,
    sync_or_async,
    take_effect,
    together,
    where_handlers_overlap,
    with_databases,
)

pytestmark = with_databases


def test_another_attempt_of_a_message_is_the_same_event(
    inbox: str, router: EventRouter, post: Post, lines: Callable[[], list[str]]
) -> None:
    """The envelope may differ from one delivery to the next; the id and the data count."""
    register(router, lambda event: take_effect(inbox, "h"), is_async=False)
    first = make_pubsub_message({"a": 1}, "s", {"x": "1"}, "17", publish_time=datetime(2026, 1, 1, tzinfo=UTC))
    again = {**json.loads(make_pubsub_message({"a": 1}, "s", {"x": "2"}, "17")), "deliveryAttempt": 2}

    assert [post(PATH, body).status_code for body in (first, json.dumps(again).encode())] == [201, 200]
    assert effects(inbox) == ["h"]
    assert [line.split()[0] for line in lines()] == ["INFO", "INFO"]


CAME = "ERROR A redelivery of an event of kind 'k' with reference 'r' has another payload, which"
BODIES = [push(1, "first"), push(1, "second"), push(1, "first")]


@sync_or_async
def test_the_first_payload_of_an_id_wins_once_it_is_handled(
    inbox: str, router: EventRouter, post: Post, lines: Callable[[], list[str]], is_async: bool
) -> None:
    """Once the first payload is done, the inbox logs another one under the same id, acknowledges it, and does not handle it."""
    seen: list[object] = []
    register(router, lambda event: seen.append(event.payload), is_async=is_async)

    assert [post(PATH, body).status_code for body in BODIES] == [201, 200, 200]
    assert (seen, rows(inbox)) == (["first"], [("h", "done", 1)])
    assert bytes(StoredEvent.objects.using(inbox).get().body) == BODIES[0]
    assert [line for line in lines() if line.startswith(CAME)] == [f"{CAME} is not handled"]


@pytest.mark.parametrize("problem", [RuntimeError(), Retry(), SystemExit()], ids=["failed", "asked to wait", "lost"])
@sync_or_async
def test_another_payload_is_handled_where_nothing_was_done_by_the_first(
    inbox: str, router: EventRouter, post: Post, lines: Callable[[], list[str]], is_async: bool, problem: BaseException
) -> None:
    """If no handler has used the first payload, the inbox stores and handles the second."""
    seen: list[object] = []

    def work(event: Event[Any]) -> None:
        seen.append(event.payload)
        if len(seen) == 1:
            raise problem

    register(router, work, is_async=is_async)
    with suppress(SystemExit):
        assert post(PATH, BODIES[0]).status_code in {400, 503}
    end_leases(inbox)

    assert [post(PATH, body).status_code for body in BODIES[1:]] == [201, 200]
    assert (seen, [row[:2] for row in rows(inbox)]) == (["first", "second"], [("h", "done")])
    assert bytes(StoredEvent.objects.using(inbox).get().body) == BODIES[1]
    assert [line for line in lines() if line.startswith(CAME)] == [f"{CAME} is handled instead", f"{CAME} is not handled"]


@pytest.mark.parametrize("problem", [Reject(), RuntimeError()], ids=["rejected", "parked"])
def test_what_is_settled_is_settled_by_its_first_payload(inbox: str, router: EventRouter, post: Post, problem: Exception) -> None:
    """A rejected or parked event keeps the payload for which it was rejected or parked, for people to look at."""

    @router.on("k", name="h", max_attempts=1)
    def _(event: Event[Any]) -> None:
        raise problem

    assert [post(PATH, body).status_code for body in BODIES] == [200, 200, 200]
    assert bytes(StoredEvent.objects.using(inbox).get().body) == BODIES[0]


@where_handlers_overlap
@both_doors
def test_another_payload_is_refused_while_the_first_is_handled(
    inbox: str, router: EventRouter, post: Post, is_async: bool
) -> None:
    """While the first payload runs, the sender has to keep the second."""
    stall = Stall()
    seen: list[object] = []

    def work(event: Event[Any]) -> None:
        seen.append(event.payload)
        stall()

    register(router, work, is_async=is_async)

    with stall.during(lambda: post(PATH, BODIES[0])) as first:
        assert post(PATH, BODIES[1]).status_code == 409

    assert (first.result().status_code, seen, rows(inbox)) == (201, ["first"], [("h", "done", 1)])
    assert post(PATH, BODIES[1]).status_code == 200


def test_another_payload_is_refused_while_workers_have_the_first(inbox: str, router: EventRouter, post: Post) -> None:
    """Another payload does not replace one that was acknowledged; the inbox refuses it until a worker is done."""
    seen: list[object] = []

    @router.on("k", name="h", deferred=True)
    def _(event: Event[Any]) -> None:
        seen.append(event.payload)

    with override_settings(TASKS={"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}}):
        assert [post(PATH, body).status_code for body in BODIES] == [201, 409, 200]
        assert [result.outcome for _, result in process(inbox)] == [Outcome.HANDLED]
        assert [post(PATH, body).status_code for body in BODIES[1:]] == [200, 200]
    assert seen == ["first"]


def test_what_the_first_payload_has_left_open_is_for_workers_once_another_came(
    inbox: str, router: EventRouter, post: Post
) -> None:
    """If one handler is done and another failed, the inbox acknowledges another payload, and continues with the first."""
    seen: list[object] = []

    def work(event: Event[Any]) -> None:
        seen.append(event.payload)
        if len(seen) == 1:
            raise RuntimeError

    register(router, lambda event: None, is_async=False, name="done")
    register(router, work, is_async=False, name="failed")

    assert [post(PATH, body).status_code for body in BODIES[:2]] == [400, 200]
    Delivery.objects.using(inbox).update(not_before=None)
    assert [result.outcome for _, result in process(inbox)] == [Outcome.HANDLED]
    assert seen == ["first", "first"]


def test_a_later_handler_sees_the_first_payload_only(inbox: str, router: EventRouter, post: Post) -> None:
    """A handler that was added since the first delivery gets the first payload, not another one under the same id."""
    seen: list[object] = []
    register(router, lambda event: None, is_async=False, name="old")
    assert post(PATH, push(1, "first")).status_code == 201
    register(router, lambda event: seen.append(event.payload), is_async=False, name="new")

    assert [post(PATH, push(1, "second")).status_code, post(PATH, push(1, "first")).status_code] == [200, 200]
    assert seen == ["first"]


def test_of_many_payloads_at_once_one_wins(inbox: str, router: EventRouter) -> None:
    """Twenty threads post two payloads under one id: the handler runs once, with the stored payload."""
    seen: list[object] = []
    register(router, lambda event: seen.append(event.payload), is_async=False)
    bodies = {name: push(1, name) for name in ("first", "second")}

    statuses = Counter(together(20, lambda thread: post_wsgi(PATH, bodies["first" if thread % 2 else "second"]).status_code))

    assert (statuses[201], statuses[200] + statuses[409], len(seen)) == (1, 19, 1)
    assert bytes(StoredEvent.objects.using(inbox).get().body) == bodies[str(seen[0])]


def test_another_payload_may_be_long(inbox: str, router: EventRouter) -> None:
    """A payload that replaces the first is stored exactly, however long it is."""
    problems: list[Exception] = [RuntimeError()]

    @router.on("k", name="h")
    def _(event: Event[Any]) -> None:
        if problems:
            raise problems.pop()

    long = push(1, "x" * 5_000_000)
    assert [post_wsgi(PATH, body).status_code for body in (push(1, "first"), long)] == [400, 201]
    assert bytes(StoredEvent.objects.using(inbox).get().body) == long
