"""Discarding what is running: only once its lease is over, after which whoever ran it changes nothing."""

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
    """How many deliveries are given up by who gives up all that can be."""
    return discard(Selection(states=DISCARDED).deliveries(alias))


@ends
@where_handlers_overlap
def test_a_worker_whose_delivery_is_discarded_changes_nothing(
    inbox: str, router: EventRouter, is_async: bool, fails: bool
) -> None:
    """Before its lease is over nobody takes it away; after that it is discarded, and stays so when its worker comes back."""
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
    """Its lease ends in another handler, before the turn of this one, which is discarded: it is not called any more."""
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
    """Its sender has given up, and no worker has it: a person decides about it as about a failure."""
    register(router, lambda event: take_effect(inbox, "h"), is_async=False)
    post_wsgi(PATH, PUSH)
    Delivery.objects.using(inbox).update(state=State.RUNNING)
    end_leases(inbox)

    assert discarded(inbox) == 1
    assert discarded(inbox) == 0
    assert list(purge(inbox, timedelta(0), dry_run=True)) == [1]
    assert [result.outcome for _, result in replay(Selection().deliveries(inbox))] == [Outcome.HANDLED]
    assert rows(inbox) == [("h", "done", 2)]
