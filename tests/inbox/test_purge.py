"""Purge deletes old, finished events in batches, and nothing else."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.checks import Warning as Warn
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import connections, transaction
from django.db.models import DateTimeField, ExpressionWrapper
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from gcp_event_router import Event, EventRouter
from gcp_event_router.inbox.models import Delivery, State, StoredEvent
from gcp_event_router.inbox.purge import PURGEABLE, PURGED, purge

from ..checks.test_checks import told
from ..conftest import post_wsgi
from ..support.deliveries import PATH, PUSH, beside, effects, on_postgresql, push, session, take_effect, with_databases

pytestmark = with_databases
WEEK = timedelta(days=7)


def keep(alias: str, states: Sequence[str], age: timedelta, count: int = 1) -> None:
    """Store events, each with deliveries in some states."""
    events = [StoredEvent(key=uuid4(), kind="k", reference="-".join(states), body=b"", digest=b"") for _ in range(count)]
    StoredEvent.objects.using(alias).bulk_create(events)
    grow_old(alias, age, key__in=[each.key for each in events])
    Delivery.objects.using(alias).bulk_create(
        Delivery(event=event, handler=str(number), state=state) for event in events for number, state in enumerate(states)
    )


def grow_old(alias: str, age: timedelta, **which: Any) -> None:
    past = ExpressionWrapper(Now() - age, output_field=DateTimeField())
    StoredEvent.objects.using(alias).filter(**which).update(received_at=past)


def kept(alias: str) -> list[str]:
    return sorted(StoredEvent.objects.using(alias).values_list("reference", flat=True))


def test_what_is_purged(inbox: str) -> None:
    """A purge deletes old events with their deliveries, if all of them are done or discarded; batch by batch."""
    old, new = timedelta(days=8), timedelta(days=6)
    for states in (["done"], ["done", "discarded"], ["done", "failed"], ["parked"], ["rejected"], ["pending"], ["running"]):
        keep(inbox, states, old)
    keep(inbox, ["done"], new)
    keep(inbox, [], old)

    assert list(purge(inbox, timedelta.max)) == []
    assert list(purge(inbox, WEEK, dry_run=True)) == [3]
    assert list(purge(inbox, WEEK, batch=2)) == [2, 1]
    assert kept(inbox) == ["done", "done-failed", "parked", "pending", "rejected", "running"]
    assert Delivery.objects.using(inbox).count() == 7
    assert list(purge(inbox, WEEK)) == []


def test_a_large_batch(inbox: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that no statement could name is split."""
    monkeypatch.setattr("gcp_event_router._boxes.batches.NAMED", 2)
    keep(inbox, [], timedelta(days=8), count=3)

    assert list(purge(inbox, WEEK, batch=1_000)) == [2, 1]


def test_other_states(inbox: str) -> None:
    """A purge deletes what waits for a person if its state is named, but nothing that may still run."""
    keep(inbox, ["rejected"], timedelta(days=8))
    keep(inbox, ["done"], timedelta(days=8))
    assert list(purge(inbox, WEEK, states=PURGEABLE)) == [2]

    with pytest.raises(ValueError) as raised:
        purge(inbox, WEEK, states=["running", "pending", "done"])

    assert str(raised.value) == (
        "Deliveries cannot be purged while they are pending or running: they may still run. Discard them first."
    )


def test_e13_a_duplicate_on_day_six(inbox: str, router: EventRouter) -> None:
    """After six days a duplicate is still recognised; once its event is purged, it would be a new event."""
    router.on("k")(lambda_handler(inbox))
    post_wsgi(PATH, PUSH)
    grow_old(inbox, timedelta(days=6))
    assert list(purge(inbox, WEEK)) == []

    assert post_wsgi(PATH, PUSH).status_code == 200
    grow_old(inbox, timedelta(days=8))
    assert list(purge(inbox, WEEK)) == [1]
    assert post_wsgi(PATH, PUSH).status_code == 201
    assert effects(inbox) == ["h", "h"]


def lambda_handler(alias: str) -> Any:
    def work(event: Event[Any]) -> None:
        take_effect(alias, "h", event.reference)

    return work


@pytest.mark.proof
def test_e13_cleanup_while_claims_run(inbox: str, router: EventRouter) -> None:
    """While a purge deletes thousands, new events are handled once each, and no running one is deleted."""
    router.on("k")(lambda_handler(inbox))
    keep(inbox, ["done"], timedelta(days=8), count=5_000)
    keep(inbox, ["running"], timedelta(days=8), count=10)

    with beside(lambda: sum(purge(inbox, WEEK, batch=500))) as purged:
        statuses = [post_wsgi(f"/events/k/{number}", push(number)).status_code for number in range(100)]

    assert purged.result() == 5_000
    assert set(statuses) == {201}
    assert len(effects(inbox)) == 100
    assert Delivery.objects.using(inbox).filter(state=State.RUNNING).count() == 10


@on_postgresql
def test_a_purge_waits_for_nobody(inbox: str) -> None:
    """A purge skips events and deliveries that another transaction has locked, and neither waits."""
    keep(inbox, ["done"], timedelta(days=8), count=3)
    first, second = Delivery.objects.using(inbox).order_by("pk").values_list("pk", "event_id")[:2]
    with session(inbox) as other, other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT 1 FROM gcp_event_inbox_delivery WHERE id = %s FOR UPDATE", [first[0]])
        cursor.execute("SELECT 1 FROM gcp_event_inbox_event WHERE key = %s FOR UPDATE", [second[1]])
        with transaction.atomic(using=inbox), connections[inbox].cursor() as own:
            own.execute("SET LOCAL lock_timeout = '1ms'")
            assert list(purge(inbox, WEEK)) == [1]
        cursor.execute("ROLLBACK")

    assert list(purge(inbox, WEEK)) == [2]


@on_postgresql
def test_a_purge_passes_a_batch_that_others_are_at(inbox: str) -> None:
    """Locked events at the front do not end a purge, however small its batches are."""
    for days in (9, 8):
        keep(inbox, ["done"], timedelta(days=days), count=2)
    first = Delivery.objects.using(inbox).order_by("event__received_at").values_list("pk", flat=True)[:2]
    with session(inbox) as other, other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT 1 FROM gcp_event_inbox_delivery WHERE id = ANY(%s) FOR UPDATE", [list(first)])
        assert sum(purge(inbox, WEEK, batch=2)) == 2
        cursor.execute("ROLLBACK")

    assert list(purge(inbox, WEEK)) == [2]


def test_a_batch_begins_where_the_last_one_ended(inbox: str) -> None:
    """A purge reads older events that stay once, and not once for each batch."""
    keep(inbox, ["parked"], timedelta(days=9), count=5)
    keep(inbox, ["done"], timedelta(days=8), count=40)
    with CaptureQueriesContext(connections[inbox]) as queries:
        assert list(purge(inbox, WEEK, batch=10)) == [10, 10, 10, 10]

    begins = [bool(re.search(r"received_at\S* >= ", each["sql"])) for each in queries if "ORDER BY" in each["sql"]]
    assert begins == [False, True, True, True, True]


@pytest.mark.proof
@on_postgresql
def test_two_purges_at_once(inbox: str) -> None:
    """Two purges at once share the work: each event is counted once."""
    keep(inbox, ["done"], timedelta(days=8), count=2_000)
    with beside(lambda: sum(purge(inbox, WEEK, batch=100))) as other:
        own = sum(purge(inbox, WEEK, batch=100))

    rest = sum(purge(inbox, WEEK))
    assert own + other.result() + rest == 2_000
    assert kept(inbox) == []


@pytest.mark.proof
@on_postgresql
def test_its_query_reads_the_oldest_by_their_index(inbox: str) -> None:
    """A batch does not read the whole table: the plan walks the index on the time of arrival."""
    keep(inbox, ["done"], timedelta(days=8), count=2_000)
    keep(inbox, ["parked"], timedelta(days=8), count=10)
    with connections[inbox].cursor() as cursor:
        cursor.execute("ANALYZE gcp_event_inbox_event, gcp_event_inbox_delivery")
    old = StoredEvent.objects.using(inbox).filter(received_at__lt=ExpressionWrapper(Now() - WEEK, output_field=DateTimeField()))

    plan = old.order_by("received_at").values_list("key")[:100].explain()

    assert re.search(r"Index (Only )?Scan( Backward)? using gcp_event_inbox_received", plan), plan


def test_a_purge_that_is_stopped_goes_on(inbox: str) -> None:
    """Each batch is committed by itself."""
    keep(inbox, ["done"], timedelta(days=8), count=30)
    batches = purge(inbox, WEEK, batch=10)

    assert next(batches) == 10
    del batches
    assert list(purge(inbox, WEEK)) == [20]


@pytest.mark.parametrize(
    ("which", "left"),
    [
        ({"kind": "order-*"}, ["invoice/1", "invoice/2"]),
        ({"kind": "order-placed"}, ["invoice/1", "invoice/2", "order-paid/2"]),
        ({"kind": "Order-*"}, ["invoice/1", "invoice/2", "order-paid/2", "order-placed/1"]),
        ({"reference": "1"}, ["invoice/2", "order-paid/2"]),
        ({"kind": "*-*", "reference": "2"}, ["invoice/1", "invoice/2", "order-placed/1"]),
    ],
)
def test_some_kinds_or_a_reference(inbox: str, which: Any, left: list[str]) -> None:
    """Kinds are globs, as in the other commands, and a reference is the whole text; both have to match."""
    for kind, reference in (("order-placed", "1"), ("order-paid", "2"), ("invoice", "1"), ("invoice", "2")):
        StoredEvent.objects.using(inbox).create(key=uuid4(), kind=kind, reference=reference, body=b"", digest=b"")
    grow_old(inbox, timedelta(days=8))
    options = [part for name, value in which.items() for part in (f"--{name}", value)]
    out = io.StringIO()

    assert list(purge(inbox, WEEK, **which, dry_run=True)) == [4 - len(left)]
    call_command("inbox", "purge", "--older-than", "1w", *options, "--format", "json", stdout=out)

    assert json.loads(out.getvalue()) == {"purged": 4 - len(left)}
    found = StoredEvent.objects.using(inbox).values_list("kind", "reference")
    assert sorted("/".join(each) for each in found) == left


@pytest.mark.parametrize("state", sorted(PURGEABLE | {State.PENDING}))
def test_w027_nothing_purges(inbox: str, state: str) -> None:
    """A check warns if finished events exist a day after a purge would have deleted them, and otherwise says nothing."""
    keep(inbox, [state], timedelta(days=15, minutes=-1))
    assert told(run_checks(tags=["database"], databases=[inbox])) == []

    grow_old(inbox, timedelta(days=15, minutes=1))
    expected = (
        Warn,
        "gcp_event_router.W027",
        "Run manage.py inbox purge every night, by Cloud Scheduler and a Cloud Run job, or by cron.",
        "The inbox has finished events that are older than 15 days, so nothing purges it, and it grows for ever.",
    )
    assert told(run_checks(tags=["database"], databases=[inbox])) == ([expected] if state in PURGED else [])
    assert told(run_checks(tags=["database"], databases=[])) == []


def test_the_inbox_is_emptied(inbox: str, router: EventRouter) -> None:
    """The two commands in the documentation empty an inbox in development, except for running deliveries."""
    for state in State:
        keep(inbox, [state], timedelta(seconds=2))

    for command in (["discard"], ["purge", "--older-than", "1s"]):
        call_command("inbox", *command, stdout=io.StringIO())

    assert kept(inbox) == ["running"]
