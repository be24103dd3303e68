"""Claims with many copies at once, several subscriptions and handlers, and poison. Rows E1, E11 and E12.

E1 over HTTP is in test_inbox_processes.py.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.db import connections, transaction
from django.test import AsyncClient
from django.test.utils import CaptureQueriesContext

from gcp_event_router import Event, EventRouter
from gcp_event_router.inbox import claims, endings
from gcp_event_router.inbox.leases import LOST_TOO_OFTEN, terms_of
from gcp_event_router.inbox.models import Delivery, State, StoredEvent

from ..conftest import Post, post_wsgi
from ..support.deliveries import (
    PATH,
    PUSH,
    ahead,
    both_doors,
    effects,
    end_leases,
    on_postgresql,
    push,
    register,
    rows,
    sync_or_async,
    take_effect,
    together,
    with_databases,
)

pytestmark = with_databases

COPIES = 50
HOUR = timedelta(hours=1)


@pytest.mark.proof
@pytest.mark.parametrize("messages", [1, 20])
def test_e1_of_many_copies_at_once_one_is_handled(inbox: str, router: EventRouter, messages: int) -> None:
    """Fifty threads post the same messages: each handler runs once for each; all answers are 201, 200 or 409."""
    runs: list[str] = []

    def work(event: Event[Any]) -> None:
        runs.append(f"sync {event.reference}")
        take_effect(inbox, "sync", event.reference)

    register(router, work, is_async=False, name="sync")
    register(router, lambda event: runs.append(f"async {event.reference}"), is_async=True, name="async")

    def post_all(thread: int) -> list[int]:
        return [post_wsgi(f"/events/k/{number}", push(number)).status_code for number in range(messages)]

    statuses = Counter(status for statuses in together(COPIES, post_all) for status in statuses)

    assert (statuses[201], statuses[200] + statuses[409]) == (messages, messages * (COPIES - 1))
    assert sorted(runs) == sorted(f"{kind} {number}" for kind in ("sync", "async") for number in range(messages))
    assert effects(inbox) == ["sync"] * messages
    assert Counter(rows(inbox)) == {("sync", "done", 1): messages, ("async", "done", 1): messages}


def test_e1_of_many_copies_on_one_loop_one_is_handled(inbox: str, router: EventRouter) -> None:
    """Fifty requests on one event loop, each with its own thread, run a sync and an async handler once each."""
    runs: list[str] = []
    register(router, lambda event: runs.append("sync"), is_async=False, name="sync")
    register(router, lambda event: runs.append("async"), is_async=True, name="async")

    async def post() -> int:
        async with ThreadSensitiveContext():
            try:
                answer = await AsyncClient().generic("POST", f"/async{PATH}", PUSH, "application/json")
            finally:
                await sync_to_async(connections.close_all)()
        return answer.status_code

    async def post_all() -> list[int]:
        return await asyncio.gather(*(asyncio.create_task(post()) for _ in range(COPIES)))

    statuses = Counter(asyncio.run(post_all()))
    assert (statuses[201], statuses[200] + statuses[409]) == (1, COPIES - 1)
    assert sorted(runs) == ["async", "sync"]
    assert rows(inbox) == [("sync", "done", 1), ("async", "done", 1)]


@sync_or_async
def test_e11_every_subscription_and_every_handler_has_the_message_once(
    inbox: str, router: EventRouter, post: Post, is_async: bool
) -> None:
    """One message by two subscriptions, or to two URLs, is two events; each of two handlers gets each of them once."""
    runs: list[str] = []

    def work_of(name: str) -> Callable[[Event[Any]], None]:
        return lambda event: runs.append(f"{name} {event.reference} {event.envelope.subscription}")

    for name in ("first", "second"):
        register(router, work_of(name), is_async=is_async, name=name)
    deliveries = [("/events/k/r", "a"), ("/events/k/r", "b"), ("/events/k/s", "a")]

    for expected in (201, 200):
        assert [post(path, push(1, None, subscription)).status_code for path, subscription in deliveries] == [expected] * 3
    assert sorted(runs) == sorted(
        f"{name} {path[-1]} {subscription}" for name in ("first", "second") for path, subscription in deliveries
    )


@sync_or_async
def test_e12_poison_is_parked(inbox: str, router: EventRouter, is_async: bool) -> None:
    """Twenty posts by four threads: a handler that always fails is parked after its last attempt, and the count is right."""
    runs: list[str] = []

    def fail(event: Event[Any]) -> None:
        runs.append(event.reference)
        raise RuntimeError

    register(router, fail, is_async=is_async, max_attempts=3)

    statuses = Counter(
        status
        for statuses in together(4, lambda thread: [post_wsgi(PATH, PUSH).status_code for _ in range(5)])
        for status in statuses
    )
    assert Delivery.objects.using(inbox).get().attempts == len(runs)
    # how many of them came during a run is not certain; so more follow, one by one
    statuses += Counter(post_wsgi(PATH, PUSH).status_code for _ in range(3))

    assert (len(runs), rows(inbox)) == (3, [("h", "parked", 3)])
    assert (statuses[400], statuses[200] + statuses[409]) == (2, 21)
    assert post_wsgi(PATH, PUSH).status_code == 200
    kept = Delivery.objects.using(inbox).get()
    assert (kept.error_type, kept.token, kept.lease_until) == ("builtins.RuntimeError", None, None)


@both_doors
def test_e12_what_ends_its_workers_is_parked(inbox: str, router: EventRouter, post: Post, settings: Any) -> None:
    """If a handler's workers all die in it, the delivery after the last allowed run parks it, and runs nothing."""
    settings.GCP_EVENT_ROUTER = {"AUTHENTICATION": [], "INBOX": {"DATABASE": inbox, "MAX_LOST": 2}}
    runs: list[str] = []

    def end(event: Event[Any]) -> None:
        runs.append(event.reference)
        raise SystemExit

    register(router, end, is_async=False, max_attempts=2)

    for _ in range(2):
        with pytest.raises(SystemExit):
            post(PATH, PUSH)
        end_leases(inbox)

    assert [post(PATH, PUSH).status_code for _ in range(2)] == [200, 200]
    assert (len(runs), rows(inbox)) == (2, [("h", "parked", 2)])
    assert Delivery.objects.using(inbox).get().error == LOST_TOO_OFTEN


@pytest.mark.parametrize("once", [False, True], ids=["not once", "once"])
def test_e12_a_handler_that_was_never_begun_is_not_parked(
    inbox: str, router: EventRouter, post: Post, settings: Any, once: bool
) -> None:
    """A handler that kills its workers does not use up the attempts of the one after it, which never began."""
    settings.GCP_EVENT_ROUTER = {"AUTHENTICATION": [], "INBOX": {"DATABASE": inbox, "MAX_LOST": 2}}
    ends: list[BaseException] = [SystemExit() for _ in range(2)]

    def end(event: Event[Any]) -> None:
        if ends:
            raise ends.pop()

    register(router, end, is_async=False, name="ends", once=once, max_attempts=2)
    register(router, lambda event: take_effect(inbox, "behind"), is_async=False, name="behind", max_attempts=2)

    for _ in range(2):
        with pytest.raises(SystemExit):
            post(PATH, PUSH)
        end_leases(inbox)

    assert post(PATH, PUSH).status_code == (200 if once else 201)
    assert effects(inbox) == ["behind"]


def test_who_holds_a_claim(inbox: str, router: EventRouter) -> None:
    """A claim is held until its lease has ended and another worker has claimed the delivery."""
    register(router, lambda event: None, is_async=False, deferred=True)
    assert post_wsgi(PATH, PUSH).status_code == 201
    terms, delivery = terms_of("h"), Delivery.objects.using(inbox).get().pk

    first = claims.claim(inbox, delivery, terms)
    assert first is not None
    assert (first.state, first.attempts, first.waited) == (State.RUNNING, 1, timedelta())
    assert claims.holds(inbox, first)
    end_leases(inbox)
    second = claims.claim(inbox, delivery, terms)
    assert second is not None
    assert (claims.holds(inbox, first), claims.holds(inbox, second)) == (False, True)


def test_the_age_of_an_event(inbox: str, router: EventRouter) -> None:
    """It is what the database's clock says; an event that was purged has none."""
    register(router, lambda event: None, is_async=False, deferred=True)
    assert post_wsgi(PATH, PUSH).status_code == 201
    held = claims.claim(inbox, Delivery.objects.using(inbox).get().pk, terms_of("h"))
    assert held is not None

    StoredEvent.objects.using(inbox).update(received_at=ahead(-1))
    age = endings.age(inbox, held)
    assert age is not None
    assert HOUR <= age < 2 * HOUR
    StoredEvent.objects.using(inbox).all().delete()
    assert endings.age(inbox, held) is None


@on_postgresql
@pytest.mark.parametrize(
    ("deferred", "within", "waits"), [(False, False, False), (True, False, True), (False, True, True), (True, True, True)]
)
def test_which_claims_wait_for_the_disk(inbox: str, router: EventRouter, deferred: bool, within: bool, waits: bool) -> None:
    """An event that workers run is acknowledged after its commit, and a transaction of the caller's stays as the caller has it.

    A crash may undo other claims, since their sender has no answer yet, and sends the event again.
    """
    register(router, lambda event: None, is_async=False, deferred=deferred)
    connections[inbox].close()  # another session has prepared nothing yet

    with CaptureQueriesContext(connections[inbox]) as captured, transaction.atomic(using=inbox) if within else nullcontext():
        assert post_wsgi(PATH, PUSH).status_code == 201

    insertion = next(query["sql"] for query in captured.captured_queries if "INSERT INTO gcp_event_inbox_event" in query["sql"])
    assert ("synchronous_commit" not in insertion) is waits
