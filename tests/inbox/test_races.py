"""Races of replays, workers, purges and people: each notices what another changes between two of its statements."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.db.models import F
from django.test import override_settings

from gcp_event_router import Backoff, Event, EventRouter
from gcp_event_router.inbox import claims, decisions
from gcp_event_router.inbox.leases import DeliveryTerms
from gcp_event_router.inbox.models import Delivery, State, StoredEvent
from gcp_event_router.inbox.workers import process
from gcp_event_router.outcomes import Outcome

from ..conftest import post_wsgi
from ..support.deliveries import (
    PATH,
    PUSH,
    beside,
    effects,
    end_leases,
    on_postgresql,
    on_sqlite,
    push,
    rows,
    sync_or_async,
    take_effect,
    together,
    with_databases,
)
from ..support.deliveries import register as register_work

pytestmark = with_databases
LEASE = timedelta(minutes=1)
TERMS = DeliveryTerms("h", LEASE, max_attempts=2, max_lost=2, retry=Backoff())
without_engine = override_settings(TASKS={"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}})


@contextmanager
def before(alias: str, sql: str, change: Callable[[], object]) -> Generator[None]:
    """Call a function once, right before the first statement that contains a text."""
    left = [change]

    def execute(run: Callable[..., Any], statement: str, parameters: Any, many: bool, context: Any) -> Any:
        if sql in statement and left:
            with beside(left.pop()) as changed:
                changed.result()
        return run(statement, parameters, many, context)

    with connections[alias].execute_wrapper(execute):
        yield
    assert not left


def register(router: EventRouter, alias: str) -> None:
    def work(event: Event[Any]) -> None:
        take_effect(alias, "h", event.reference)

    router.on("k", name="h", deferred=True)(work)


def keep(alias: str, count: int, state: State) -> None:
    for number in range(count):
        post_wsgi(f"/events/k/{number}", push(number))
    Delivery.objects.using(alias).update(state=state)


def test_what_is_purged_when_its_turn_comes(inbox: str, router: EventRouter) -> None:
    """A worker passes over it, and runs the others."""
    register(router, inbox)
    keep(inbox, 2, State.FAILED)
    quote = connections[inbox].ops.quote_name
    look = f"{quote('gcp_event_inbox_event')}.{quote('body')}"  # where a worker reads its next
    with before(inbox, look, StoredEvent.objects.using(inbox).filter(reference="0").delete):
        assert [result.outcome for _, result in process(inbox)] == [Outcome.HANDLED]
    assert [(handler, state) for handler, state, _ in rows(inbox)] == [("h", "done")]


@on_sqlite
@sync_or_async
@without_engine
def test_a_deferred_delivery_that_a_worker_has_at_once(inbox: str, router: EventRouter, is_async: bool) -> None:
    """A worker claims a deferred delivery between two copies of its event: no request runs it."""
    runs: list[str] = []
    register_work(router, lambda event: runs.append(event.reference), is_async=is_async, deferred=True)

    def be_first() -> None:
        assert post_wsgi(PATH, PUSH).status_code == 201
        assert claims.claim(inbox, Delivery.objects.using(inbox).get().pk, TERMS)

    with before(inbox, "BEGIN", be_first):
        assert post_wsgi(PATH, PUSH).status_code == 200

    assert (runs, rows(inbox)) == ([], [("h", "running", 1)])


@on_postgresql
@without_engine
def test_an_event_that_is_purged_while_a_handler_is_added(inbox: str, router: EventRouter) -> None:
    """A redelivery that stores nothing for a new deferred handler is not acknowledged; the next one is a new event."""
    register(router, inbox)
    keep(inbox, 1, State.DONE)
    Delivery.objects.using(inbox).update(handler="earlier")

    with before(inbox, "FOR UPDATE", StoredEvent.objects.using(inbox).all().delete):
        assert post_wsgi("/events/k/0", push(0)).status_code == 409
    assert rows(inbox) == []

    assert post_wsgi("/events/k/0", push(0)).status_code == 201
    assert rows(inbox) == [("h", "pending", 0)]


@pytest.mark.proof
@without_engine
def test_several_sweepers_share_the_work(inbox: str, router: EventRouter) -> None:
    """Four workers that begin at once run each delivery once, and report only what they ran."""
    register(router, inbox)
    keep(inbox, 40, State.FAILED)

    shares = together(4, lambda _: [(row.pk, result.outcome) for row, result in process(inbox)])

    ran = [each for share in shares for each in share]
    assert sorted(pk for pk, _ in ran) == list(Delivery.objects.using(inbox).order_by("pk").values_list("pk", flat=True))
    assert {outcome for _, outcome in ran} == {Outcome.HANDLED}
    assert (rows(inbox), effects(inbox)) == ([("h", "done", 1)] * 40, ["h"] * 40)


@without_engine
def test_what_another_sweeper_takes_first(inbox: str, router: EventRouter) -> None:
    """Between reading and claiming, a worker locks nothing: if another one claims the row, the first one passes over it."""
    register(router, inbox)
    keep(inbox, 2, State.FAILED)
    first, second = Delivery.objects.using(inbox).order_by("pk").values_list("pk", flat=True)
    others: list[int] = []

    name = "gcp_event_inbox_delivery" if inbox == "postgresql" else connections[inbox].ops.quote_name("gcp_event_inbox_delivery")
    with before(inbox, f"UPDATE {name}", lambda: others.extend(row.pk for row, _ in process(inbox))):
        own = [row.pk for row, _ in process(inbox)]

    assert (own, others) == ([], [first, second])


def test_a_delivery_that_is_parked_and_replayed_at_once(inbox: str, router: EventRouter) -> None:
    """A worker that parks a delivery does not take the run of a later replay for its own."""
    register(router, inbox)
    keep(inbox, 1, State.RUNNING)
    Delivery.objects.using(inbox).update(lost=1, max_attempts=2, started_at=F("created_at"))
    end_leases(inbox)
    delivery = Delivery.objects.using(inbox).get()

    def replay() -> None:
        delivery.refresh_from_db(using=inbox)
        assert decisions.reopen(inbox, delivery)
        assert claims.claim(inbox, delivery.pk, TERMS)

    quote = connections[inbox].ops.quote_name
    with before(inbox, f"SELECT {quote('gcp_event_inbox_delivery')}.{quote('state')}", replay):
        found = claims.claim(inbox, delivery.pk, TERMS)

    assert found is None
