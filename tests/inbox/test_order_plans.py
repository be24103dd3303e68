"""How PostgreSQL finds the turn of an ordered delivery: by its index, with old statistics, too, however many wait behind one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connections, transaction

from gcp_event_router import Backoff
from gcp_event_router.inbox import claims
from gcp_event_router.inbox.leases import DeliveryTerms
from gcp_event_router.inbox.models import DELIVERIES, EVENTS, Delivery
from gcp_event_router.inbox.orders import next_of
from gcp_event_router.inbox.workers import due

from ..support.deliveries import on_postgresql, with_databases

pytestmark = [with_databases, pytest.mark.proof]
BEHIND, OTHERS = 20_000, 200
FEW = 60
"""Pages that a statement about one delivery may read."""
TERMS = DeliveryTerms("h", timedelta(minutes=1), max_attempts=10, max_lost=10, retry=Backoff())


def fill(alias: str, first: int, count: int, key: str, state: str = "pending") -> None:
    """Store deliveries with a key, an expression of SQL; failed ones are due in an hour."""
    with connections[alias].cursor() as cursor:
        numbers = "generate_series(%s, %s) AS number"
        cursor.execute(
            f"INSERT INTO {EVENTS}"
            " (key, kind, reference, message_id, parameters, body, form, meta, principal, digest, received_at)"
            f" SELECT md5(number::text)::uuid, 'k', '', '', '', '', 'pubsub', '', '', '', now() FROM {numbers}",
            [first, first + count - 1],
        )
        cursor.execute(
            f"INSERT INTO {DELIVERIES} (event_id, handler, state, deferred, attempts, lost, max_attempts, error_type, error,"
            " error_text, once_key, order_key, order_digest, created_at, not_before)"
            f" SELECT md5(number::text)::uuid, 'h', %s, TRUE, 0, 0, 10, '', '', '', '', '', md5({key})::uuid, now(),"
            f" CASE WHEN %s = 'failed' THEN now() + interval '1 hour' END FROM {numbers}",
            [state, state, first, first + count - 1],
        )


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", ()) for node in nodes(child))]


def explained(alias: str, sql: str, parameters: Any) -> list[dict[str, Any]]:
    """The nodes of the plan of a statement, which is executed."""
    with connections[alias].cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", parameters)
        [told] = cursor.fetchone()[0]
    found: dict[str, Any] = told["Plan"]
    return nodes(found)


def pages_of(plan: list[dict[str, Any]]) -> int:
    read: int = plan[0]["Shared Hit Blocks"] + plan[0]["Shared Read Blocks"]
    return read


def indexes(plan: list[dict[str, Any]]) -> set[str]:
    return {node["Index Name"] for node in plan if "Index Name" in node}


def plans(alias: str, call: Callable[[], object]) -> list[list[dict[str, Any]]]:
    """The plans of the statements of a call, whose changes are undone."""
    statements: list[tuple[str, Any]] = []

    def execute(run: Callable[..., Any], sql: str, parameters: Any, many: bool, context: Any) -> Any:
        statements.append((sql, parameters))
        return run(sql, parameters, many, context)

    with transaction.atomic(using=alias):
        with connections[alias].execute_wrapper(execute):
            call()
        transaction.set_rollback(True, using=alias)
    found: list[list[dict[str, Any]]] = []
    for sql, parameters in statements:
        if sql.lstrip().startswith(("SELECT", "UPDATE")):
            with transaction.atomic(using=alias):
                found.append(explained(alias, sql, parameters))
                transaction.set_rollback(True, using=alias)
    return found


@on_postgresql
@pytest.mark.parametrize("is_analyzed", [False, True], ids=["old statistics", "new statistics"])
def test_many_deliveries_behind_a_failed_one(inbox: str, is_analyzed: bool) -> None:
    """A round looks each of them up once by the index of the order; a claim, and what follows it, read a few pages."""
    fill(inbox, 1, 1, "'held'", "failed")
    fill(inbox, 2, BEHIND, "'held'")
    fill(inbox, 2 + BEHIND, OTHERS, "(number %% 100)::text")
    if is_analyzed:
        with connections[inbox].cursor() as cursor:
            cursor.execute(f"ANALYZE {EVENTS}, {DELIVERIES}")

    rows: list[tuple[int, str, str]] = []
    [round_] = plans(inbox, lambda: rows.extend(due(inbox).values_list("pk", "handler", "event__kind")[:5000]))
    assert len(rows) == OTHERS // 2
    assert "gcp_event_inbox_order" in indexes(round_)
    assert pages_of(round_) < 8 * (BEHIND + OTHERS)

    held = Delivery.objects.using(inbox).get(state="failed")
    last = Delivery.objects.using(inbox).filter(order_digest=held.order_digest).order_by("-pk")[0]
    free = Delivery.objects.using(inbox).get(pk=rows[0][0])
    for delivery, turns in ((free, True), (last, False)):
        claimed: list[object] = []

        def claim(number: int = delivery.pk, into: list[object] = claimed) -> None:
            into.append(claims.claim(inbox, number, TERMS, is_ordered=True))

        found = plans(inbox, claim)
        assert [each is not None for each in claimed] == [turns]
        assert "gcp_event_inbox_order" in indexes(found[0])
        assert [pages_of(plan) < FEW for plan in found] == [True] * len(found)
    for delivery in (held, free):
        [following] = plans(inbox, partial(next_of, inbox, delivery))
        assert indexes(following) == {"gcp_event_inbox_order", "gcp_event_inbox_event_pkey"}
        assert pages_of(following) < FEW
