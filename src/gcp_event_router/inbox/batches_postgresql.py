"""Statements for PostgreSQL with which a worker claims several deliveries at once, and releases them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connections

from .._boxes.states import State
from . import waking
from .claims_postgresql import CAN_BE_TAKEN, IS_DUE, LOST_ERROR, NO_SYNC, TAKEN, WAITED
from .endings_postgresql import END, END_AND_BEGIN
from .leases import DeliveryTerms
from .models import DELIVERIES, EVENTS
from .prepared import Statement, fetch

# ruff: noqa: S608 -- the names and states in the statements are our own; values are parameters
# It passes over what others have locked. The first delivery begins; the others do so when their turn comes.
_CLAIM_SEVERAL = f"""
WITH due AS MATERIALIZED (
    SELECT delivery.id AS number, wanted.max_attempts AS most, wanted.lease
    FROM unnest(%s::bigint[], %s::integer[], %s::float8[], %s::integer[]) AS wanted (id, max_attempts, lease, max_lost)
    JOIN {DELIVERIES} AS delivery ON delivery.id = wanted.id
    WHERE deferred AND {IS_DUE} AND {CAN_BE_TAKEN.format(most="wanted.max_lost")}
    FOR UPDATE OF delivery SKIP LOCKED
), first AS MATERIALIZED (
    SELECT min(number) AS number FROM due
)
UPDATE {DELIVERIES} AS delivery
SET max_attempts = due.most, token = gen_random_uuid(),
    lease_until = statement_timestamp()
        + make_interval(secs => CASE WHEN id = first.number THEN due.lease ELSE least(due.lease, %s) END),
    started_at = CASE WHEN id = first.number THEN statement_timestamp() END, {TAKEN}
FROM due, first, {EVENTS} AS event
WHERE id = due.number AND event.key = event_id
RETURNING id, token, attempts, lost, {WAITED}, handler, order_digest, {{columns}}{{sync}}
"""
# Those that have not begun; or all of them, if their worker itself gives them back.
_RELEASE = f"""
UPDATE {DELIVERIES}
SET state = '{State.PENDING}', attempts = attempts - 1, token = NULL, lease_until = NULL, started_at = NULL, running_digest = NULL
WHERE id IN (
    SELECT delivery.id
    FROM unnest(%s::bigint[], %s::uuid[]) AS held (id, token)
    JOIN {DELIVERIES} AS delivery ON delivery.id = held.id AND delivery.token = held.token
    WHERE %s OR started_at IS NULL
    FOR UPDATE OF delivery SKIP LOCKED
)
RETURNING {{notify}}
"""


def claim(alias: str, wanted: Mapping[int, DeliveryTerms], held_for: timedelta, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """Do `claimed_batches.claim`. A row has number, token, attempts, lost, waited, handler, order, and columns of the event."""
    by_column = [(terms.max_attempts, terms.lease.total_seconds(), terms.max_lost) for terms in wanted.values()]
    parameters = [list(wanted), *map(list, zip(*by_column, strict=True)), held_for.total_seconds(), *LOST_ERROR.values()]
    names = ", ".join(f"event.{name}" for name in columns)
    return fetch(alias, _claim(names), parameters, END.marked, END_AND_BEGIN.marked)


def release(alias: str, held: Mapping[int, UUID | None], *, begun: bool) -> None:
    """Do `claimed_batches.release`."""
    notify = waking.NOTIFICATION if waking.is_on() else "id"
    with connections[alias].cursor() as cursor:
        cursor.execute(_RELEASE.format(notify=notify), [list(held), [str(token) for token in held.values()], begun])


@cache
def _claim(columns: str) -> Statement:
    return Statement(_CLAIM_SEVERAL.format(columns=columns, sync=NO_SYNC))
