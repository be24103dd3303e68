"""Discarding a running delivery: only after its lease; then its worker changes nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from gcp_event_router import Event, EventRouter
from gcp_event_router.inbox.models import Delivery, State
from gcp_event_router.inbox.purge import purge
from gcp_event_router.inbox.replay import DISCARDED, discard, replay
from gcp_event_router.inbox.selections import Selection
from gcp_event_router.outcomes import Outcome

from ..conftest import post_wsgi
from ..support.deliveries import (
    PATH,
    PUSH,
    Stall,
    effects,
    end_leases,
    ends,
    register,
    rows,
    sync_or_async,
    take_effect,
    where_handlers_overlap,
    with_databases,
)

pytestmark = with_databases


def discarded(alias: str) -> int:
    """Discard all deliveries that can be discarded, and return their number."""
    return discard(Selection(states=DISCARDED).deliveries(alias))


@ends
@where_handlers_overlap
def test_a_worker_whose_delivery_is_discarded_changes_nothing(
    inbox: str, router: EventRouter, is_async: bool, fails: bool
) -> None:
    """It can be discarded only after its lease, and stays discarded when its worker returns."""
    stall = Stall()

    def work(event: Event[Any]) -> None:
        if not is_async:
            take_effect(inbox, "h")
        stall()
        if fails:
            raise RuntimeError

    register(router, work, is_async=is_async)
    with stall.during(lambda: post_wsgi(PATH, PUSH)) as answer:
        assert (discarded(inbox), rows(inbox)) == (0, [("h", "running", 1)])
        end_leases(inbox)
        assert (discarded(inbox), rows(inbox)) == (1, [("h", "discarded", 1)])
        found = list(Delivery.objects.using(inbox).values())
        assert [(each["token"], each["lease_until"]) for each in found] == [(None, None)]

    assert answer.result().status_code == 409
    assert list(Delivery.objects.using(inbox).values()) == found
    assert effects(inbox) == []
    assert post_wsgi(PATH, PUSH).status_code == 200


@sync_or_async
def test_a_worker_does_not_begin_what_is_discarded(inbox: str, router: EventRouter, is_async: bool) -> None:
    """If its lease ends in an earlier handler, and it is discarded, its handler is not called."""
    stall = Stall()
    runs: list[str] = []
    register(router, lambda event: stall(), is_async=False, name="waits", once=False)
    for name in ("one", "two"):
        register(router, lambda event: runs.append(event.reference), is_async=is_async, name=name)

    with stall.during(lambda: post_wsgi(PATH, PUSH)):
        end_leases(inbox)
        assert discarded(inbox) == 2

    assert (runs, rows(inbox)) == ([], [("one", "discarded", 1), ("two", "discarded", 1)])


def test_what_a_killed_worker_left_can_be_discarded_purged_and_replayed(inbox: str, router: EventRouter) -> None:
    """If its sender has stopped, and no worker runs it, it can be discarded like a failure."""
    register(router, lambda event: take_effect(inbox, "h"), is_async=False)
    post_wsgi(PATH, PUSH)
    Delivery.objects.using(inbox).update(state=State.RUNNING)
    end_leases(inbox)

    assert discarded(inbox) == 1
    assert discarded(inbox) == 0
    assert list(purge(inbox, timedelta(0), dry_run=True)) == [1]
    assert [result.outcome for _, result in replay(Selection().deliveries(inbox))] == [Outcome.HANDLED]
    assert rows(inbox) == [("h", "done", 2)]
