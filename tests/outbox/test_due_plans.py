"""How PostgreSQL finds due events: in the order of an index, with old statistics, too, however many have been sent or wait."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connections, transaction

from gcp_event_router.outbox.models import OUTGOING
from gcp_event_router.outbox.taking import due, walk_in_order

from ..support.outboxes import on_postgresql, with_outboxes

pytestmark = [with_outboxes, pytest.mark.proof]


def fill(alias: str, count: int, key: str, state: str = "pending") -> None:
    """Store events with an ordering key, an expression of SQL."""
    with connections[alias].cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {OUTGOING} (key, kind, topic, data, metadata, order_key, cause, created_at, state, attempts,"
            " error_type, error, error_text, message_id)"
            f" SELECT gen_random_uuid(), 'k', '', '', '', md5({key})::uuid, '', now(), %s, 0, '', '', '', ''"
            " FROM generate_series(1, %s) AS number",
            [state, count],
        )


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", ()) for node in nodes(child))]


def found(alias: str) -> tuple[list[tuple[str, str]], int]:
    """The scans of the plan, each with its index, and the number of pages that were read."""
    with transaction.atomic(using=alias):
        walk_in_order(alias)
        rows = due(alias, 0).values_list("pk", flat=True)[:200]
        [explained] = json.loads(rows.explain(format="json", analyze=True, buffers=True))
    plan = explained["Plan"]
    scans = [(node["Node Type"], node["Index Name"]) for node in nodes(plan) if "Scan" in node["Node Type"]]
    assert plan["Actual Rows"] == 200
    return scans, plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


BY_INDEX = [("Index Scan", "gcp_event_outbox_open"), ("Index Scan", "gcp_event_outbox_blocking")]


@on_postgresql
def test_a_sudden_backlog(outbox: str) -> None:
    """A batch reads few pages, too, if there was no unsent event when the statistics were made."""
    fill(outbox, 20_000, "(number %% 1000)::text", "done")
    with connections[outbox].cursor() as cursor:
        cursor.execute(f"ANALYZE {OUTGOING}")
    fill(outbox, 20_000, "(number %% 1000)::text")

    scans, pages = found(outbox)
    assert scans == BY_INDEX
    assert pages < 2_000


@on_postgresql
@pytest.mark.parametrize("is_analyzed", [False, True], ids=["old statistics", "new statistics"])
def test_a_backlog(outbox: str, is_analyzed: bool) -> None:
    """A batch reads its own events by one index, and looks for earlier ones of each key by the other."""
    fill(outbox, 20_000, "(number %% 1000)::text", "done")
    fill(outbox, 20_000, "(number %% 1000)::text")
    if is_analyzed:
        with connections[outbox].cursor() as cursor:
            cursor.execute(f"ANALYZE {OUTGOING}")

    scans, pages = found(outbox)
    assert scans == BY_INDEX
    assert pages < 2_000


@on_postgresql
def test_a_parked_key(outbox: str) -> None:
    """Ten thousand events behind a parked one starve no other."""
    fill(outbox, 1, "'parked'", "parked")
    fill(outbox, 10_000, "'parked'")
    fill(outbox, 200, "number::text")

    scans, _ = found(outbox)
    assert scans == BY_INDEX
