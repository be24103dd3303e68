"""The indexes: workers and commands find deliveries by an index, however many are settled."""

from __future__ import annotations

import io
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connections
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from gcp_event_router.inbox.models import DELIVERIES, EVENTS, Delivery, State, StoredEvent
from gcp_event_router.inbox.workers import due

from ..support.deliveries import with_databases

pytestmark = [with_databases, pytest.mark.proof]
OPEN = "gcp_event_inbox_open"
#: Either has the open deliveries together; MySQL and MariaDB choose by what they know of the rows.
FITS = {"sqlite": [OPEN], "postgresql": [OPEN], "mysql": [OPEN, "gcp_event_inbox_state"]}


@pytest.fixture
def settled(inbox: str) -> str:
    """Two thousand done deliveries, deferred and not, and one that is due."""
    events = [
        StoredEvent(key=uuid4(), kind=f"k{n}", reference=str(n), message_id=str(n), body=b"", digest=b"") for n in range(2_001)
    ]
    StoredEvent.objects.using(inbox).bulk_create(events, batch_size=400)
    made = [Delivery(event=event, handler=f"h{n}", state=State.DONE, deferred=n % 2 == 0) for n, event in enumerate(events)]
    made[0].state = State.PENDING
    Delivery.objects.using(inbox).bulk_create(made, batch_size=400)
    analyze = {
        "sqlite": "ANALYZE",
        "postgresql": f"ANALYZE {EVENTS}, {DELIVERIES}",
        "mysql": f"ANALYZE TABLE {EVENTS}, {DELIVERIES}",
    }
    with connections[inbox].cursor() as cursor:
        cursor.execute(analyze[connections[inbox].vendor])
        if cursor.description:
            cursor.fetchall()
    return inbox


def plan(rows: QuerySet[Any]) -> str:
    return rows.explain()


def test_what_is_due(settled: str) -> None:
    """A sweep reads only the open deferred deliveries, by their index."""
    rows = due(settled).exclude(handler__in=["old"]).values_list("pk", "handler", "event__kind")[:500]

    assert len(rows) == 1
    told = plan(rows)
    assert any(name in told for name in FITS[connections[settled].vendor]), told


def test_settled_deliveries_are_not_in_the_index(settled: str) -> None:
    """The index contains only open deferred deliveries: PostgreSQL's documentation, 11.8, and SQLite's, "Partial Indexes"."""
    with connections[settled].cursor() as cursor:
        found = connections[settled].introspection.get_constraints(cursor, DELIVERIES)[OPEN]
        columns = {"mysql": ["deferred", "state", "id"]}.get(connections[settled].vendor, ["state", "id"])
        assert found["columns"] == columns
        if connections[settled].vendor == "postgresql":
            cursor.execute("SELECT pg_get_expr(indpred, indrelid) FROM pg_index WHERE indexrelid = %s::regclass", [OPEN])
            assert cursor.fetchone()[0] == (
                "(deferred AND ((state)::text = ANY ((ARRAY['pending'::character varying, 'running'::character varying, "
                "'failed'::character varying])::text[])))"
            )


@pytest.mark.parametrize("by", ["number", "message id", "key"])
def test_show_looks_up_by_indexes(settled: str, by: str) -> None:
    """`inbox show` looks up a number, a message id and a key separately, each by its index."""
    delivery = Delivery.objects.using(settled).select_related("event").order_by("-pk")[0]
    text = {"number": str(delivery.pk), "message id": delivery.event.message_id, "key": str(delivery.event.key)}[by]

    with CaptureQueriesContext(connections[settled]) as captured:
        out = io.StringIO()
        call_command("inbox", "show", text, stdout=out)
    assert f"{delivery.event.kind}/{delivery.event.reference}" in out.getvalue().splitlines()

    explain = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN", "mysql": "EXPLAIN"}[connections[settled].vendor]
    scans = {"sqlite": "SCAN ", "postgresql": "Seq Scan", "mysql": "'ALL'"}[connections[settled].vendor]
    for each in captured.captured_queries:
        with connections[settled].cursor() as cursor:
            cursor.execute(f"{explain} {each['sql']}")
            told = repr(cursor.fetchall())
        assert scans not in told, (each["sql"], told)


@pytest.mark.parametrize(
    "arguments", [("--kind", "k*"), ("--handler", "h*"), ("--kind", "*1"), ("--kind", "[!x]*", "--handler", "?1*")]
)
def test_a_selection_of_very_many_names(settled: str, arguments: tuple[str, ...]) -> None:
    """However many kinds or handlers a glob matches, the query does not contain their names."""
    with CaptureQueriesContext(connections[settled]) as captured:
        out = io.StringIO()
        call_command("inbox", "list", *arguments, stdout=out)

    assert out.getvalue().splitlines()[-1] == "There are more; these are the newest 50."
    assert max(len(each["sql"]) for each in captured.captured_queries) < 3_000


def test_few_kinds_are_looked_up(inbox: str) -> None:
    """If there are few kinds, the query contains the matching ones, and so uses their index."""
    for kind in ("order-paid", "order-placed", "invoice"):
        event = StoredEvent.objects.using(inbox).create(key=uuid4(), kind=kind, reference="r", body=b"", digest=b"")
        Delivery.objects.using(inbox).create(event=event, handler="h")

    with CaptureQueriesContext(connections[inbox]) as captured:
        call_command("inbox", "list", "--kind", "order-*", stdout=io.StringIO())

    (listed,) = (each["sql"] for each in captured.captured_queries if "order-placed" in each["sql"] and "handler" in each["sql"])
    assert "invoice" not in listed
