"""Races of replays, workers, purges and people: what changes between two statements of one is noticed by the other."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connections
from django.db.models import F
from django.test import override_settings

from gcp_event_router import Event, EventRouter
from gcp_event_router.inbox import claims
from gcp_event_router.inbox.models import Delivery, State, StoredEvent
from gcp_event_router.inbox.workers import process
from gcp_event_router.outcomes import Outcome

from .conftest import post_wsgi
from .deliveries import PATH, PUSH, beside, end_leases, on_sqlite, push, rows, sync_or_async, take_effect, with_databases
from .deliveries import register as register_work

pytestmark = with_databases
LEASE = timedelta(minutes=1)


@contextmanager
def before(alias: str, sql: str, change: Callable[[], object]) -> Generator[None]:
    """Once, right before the first statement that has some text, have somebody else change something."""
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
    with before(inbox, '"gcp_event_inbox_event"."body"', StoredEvent.objects.using(inbox).filter(reference="0").delete):
        assert [result.outcome for _, result in process(inbox)] == [Outcome.HANDLED]
    assert [(handler, state) for handler, state, _ in rows(inbox)] == [("h", "done")]


@on_sqlite
@sync_or_async
def test_a_deferred_delivery_that_a_worker_has_at_once(inbox: str, router: EventRouter, is_async: bool) -> None:
    """Two copies come at once, and a worker takes what one has noted before the other one notes it: no request runs it."""
    runs: list[str] = []
    register_work(router, lambda event: runs.append(event.reference), is_async=is_async, deferred=True)

    def be_first() -> None:
        assert post_wsgi(PATH, PUSH).status_code == 201
        assert claims.claim(inbox, Delivery.objects.using(inbox).get().pk, LEASE, 2)

    with (
        override_settings(TASKS={"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}}),
        before(inbox, "BEGIN", be_first),
    ):
        assert post_wsgi(PATH, PUSH).status_code == 200

    assert (runs, rows(inbox)) == ([], [("h", "running", 1)])


def test_a_delivery_that_is_parked_and_replayed_at_once(inbox: str, router: EventRouter) -> None:
    """Who parks a delivery that was lost too often does not take the run of who replays it right after for its own."""
    register(router, inbox)
    keep(inbox, 1, State.RUNNING)
    Delivery.objects.using(inbox).update(lost=1, max_attempts=2, started_at=F("created_at"))
    end_leases(inbox)
    delivery = Delivery.objects.using(inbox).get()

    def replay() -> None:
        delivery.refresh_from_db(using=inbox)
        assert claims.reopen(inbox, delivery)
        assert claims.claim(inbox, delivery.pk, LEASE, 2)

    with before(inbox, 'SELECT "gcp_event_inbox_delivery"."state"', replay):
        found = claims.claim(inbox, delivery.pk, LEASE, 2)

    assert found is None
