"""What makes two deliveries the same event, and what becomes of another payload under an id that is known."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from gcp_event_router import Event, EventRouter
from gcp_event_router.inbox.models import StoredEvent
from gcp_event_router.utils import make_pubsub_message

from .conftest import Post, post_wsgi
from .deliveries import (
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
    """What its sender writes around a message may differ from one delivery to the next: its id and data count."""
    register(router, lambda event: take_effect(inbox, "h"), is_async=False)
    first = make_pubsub_message({"a": 1}, "s", {"x": "1"}, "17", publish_time=datetime(2026, 1, 1, tzinfo=UTC))
    again = {**json.loads(make_pubsub_message({"a": 1}, "s", {"x": "2"}, "17")), "deliveryAttempt": 2}

    assert [post(PATH, body).status_code for body in (first, json.dumps(again).encode())] == [201, 200]
    assert effects(inbox) == ["h"]
    assert [line.split()[0] for line in lines()] == ["INFO", "INFO"]


WARNING = "ERROR An event of kind 'k' with reference 'r' came again with another payload, which is not handled"


@pytest.mark.parametrize("fails", [False, True], ids=["done", "failed"])
@sync_or_async
def test_the_first_payload_of_an_id_wins(
    inbox: str, router: EventRouter, post: Post, lines: Callable[[], list[str]], is_async: bool, fails: bool
) -> None:
    """Another payload under the same id is logged, acknowledged and not handled, whether the first is done or failed."""
    seen: list[object] = []

    def work(event: Event[Any]) -> None:
        seen.append(event.payload)
        if fails and len(seen) == 1:
            raise RuntimeError

    register(router, work, is_async=is_async)
    bodies = [push(1, "first"), push(1, "second"), push(1, "first")]

    assert [post(PATH, body).status_code for body in bodies] == ([400, 200, 201] if fails else [201, 200, 200])
    assert seen == ["first"] * (1 + fails)
    assert rows(inbox) == [("h", "done", 1 + fails)]
    assert bytes(StoredEvent.objects.using(inbox).get().body) == bodies[0]
    assert lines().count(WARNING) == 1


@where_handlers_overlap
@both_doors
def test_the_first_payload_of_an_id_wins_while_it_is_handled(inbox: str, router: EventRouter, post: Post, is_async: bool) -> None:
    """Another payload that comes while the first is at work, or after its lease, does not take its place."""
    stall = Stall()
    seen: list[object] = []

    def work(event: Event[Any]) -> None:
        seen.append(event.payload)
        stall()

    register(router, work, is_async=is_async)

    with stall.during(lambda: post(PATH, push(1, "first"))) as first:
        assert post(PATH, push(1, "second")).status_code == 200
        end_leases(inbox)
        assert post(PATH, push(1, "second")).status_code == 200

    assert (first.result().status_code, seen, rows(inbox)) == (201, ["first"], [("h", "done", 1)])


def test_a_later_handler_sees_the_first_payload_only(inbox: str, router: EventRouter, post: Post) -> None:
    """A handler that is new since the first delivery is not given another payload under the same id, but the first one."""
    seen: list[object] = []
    register(router, lambda event: None, is_async=False, name="old")
    assert post(PATH, push(1, "first")).status_code == 201
    register(router, lambda event: seen.append(event.payload), is_async=False, name="new")

    assert [post(PATH, push(1, "second")).status_code, post(PATH, push(1, "first")).status_code] == [200, 200]
    assert seen == ["first"]


def test_of_many_payloads_at_once_one_wins(inbox: str, router: EventRouter) -> None:
    """Twenty threads post two payloads under one id: one run, with the payload that is kept."""
    seen: list[object] = []
    register(router, lambda event: seen.append(event.payload), is_async=False)
    bodies = {name: push(1, name) for name in ("first", "second")}

    statuses = Counter(together(20, lambda thread: post_wsgi(PATH, bodies["first" if thread % 2 else "second"]).status_code))

    assert (statuses[201], statuses[200] + statuses[409], len(seen)) == (1, 19, 1)
    assert bytes(StoredEvent.objects.using(inbox).get().body) == bodies[str(seen[0])]
