"""`claims.open_event` in one statement, for PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connections

from .leases import LOST, Claim, Wanted
from .models import DELIVERIES, EVENTS, State, StoredEvent

__all__ = ["open_event"]

_EVENT = ("key", "kind", "reference", "message_id", "parameters", "body", "form", "meta", "principal", "digest")
_WANTED = "(%s::varchar, %s::boolean, make_interval(secs => %s), %s::smallint)"
_LOST = f"(old.state = '{State.RUNNING}' AND old.started_at IS NOT NULL)"
_UNBEGUN = f"(old.state = '{State.RUNNING}' AND old.started_at IS NULL)"
_SPENT = f"({_LOST} AND old.lost >= GREATEST(2, EXCLUDED.max_attempts) - 1)"

# A delivery that is there and open is taken by the UPDATE, whose WHERE PostgreSQL checks once more on the newest version of
# the row, after waiting for whoever is writing it: so of many at once, one gets it. GREATEST is `leases.lost_runs`.
_OPEN = f"""
WITH event AS (
    INSERT INTO {EVENTS} ({", ".join(_EVENT)}, received_at)
    VALUES (%s::uuid, {", ".join(["%s"] * (len(_EVENT) - 1))}, statement_timestamp())
    ON CONFLICT (key) DO NOTHING
)
INSERT INTO {DELIVERIES} AS old (
    event_id, handler, deferred, state, attempts, lost, max_attempts, lease_until, token, sender_attempt,
    error_type, error, created_at, started_at
)
SELECT %s::uuid, handler, deferred,
    CASE WHEN deferred THEN '{State.PENDING}' ELSE '{State.RUNNING}' END,
    CASE WHEN deferred THEN 0 ELSE 1 END,
    0,
    most,
    CASE WHEN NOT deferred THEN statement_timestamp() + lease END,
    CASE WHEN NOT deferred THEN %s::uuid END,
    %s::integer, '', '',
    statement_timestamp(),
    CASE WHEN NOT deferred AND %s::boolean THEN statement_timestamp() END
FROM (VALUES {{wanted}}) AS wanted (handler, deferred, lease, most)
WHERE NOT EXISTS (SELECT 1 FROM {EVENTS} AS kept WHERE kept.key = %s::uuid AND kept.digest <> %s)
ON CONFLICT (event_id, handler) DO UPDATE SET
    state = CASE WHEN {_SPENT} THEN '{State.PARKED}' ELSE '{State.RUNNING}' END,
    attempts = CASE WHEN {_SPENT} OR {_UNBEGUN} THEN old.attempts ELSE old.attempts + 1 END,
    lost = CASE WHEN {_LOST} THEN old.lost + 1 ELSE old.lost END,
    max_attempts = EXCLUDED.max_attempts,
    lease_until = CASE WHEN NOT {_SPENT} THEN EXCLUDED.lease_until END,
    token = CASE WHEN NOT {_SPENT} THEN EXCLUDED.token END,
    sender_attempt = EXCLUDED.sender_attempt,
    started_at = CASE WHEN {_SPENT} THEN old.started_at ELSE EXCLUDED.started_at END,
    finished_at = CASE WHEN {_SPENT} THEN statement_timestamp() END,
    error_type = CASE WHEN {_LOST} THEN '' ELSE old.error_type END,
    error = CASE WHEN {_LOST} THEN '{LOST}' ELSE old.error END,
    not_before = NULL
WHERE EXCLUDED.state = '{State.RUNNING}'
    AND (
        old.state IN ('{State.PENDING}', '{State.FAILED}')
        OR old.state = '{State.RUNNING}' AND old.lease_until < statement_timestamp()
    )
RETURNING id, handler, state, token, attempts, lost, max_attempts
"""  # noqa: S608 -- names and states of our own; values are parameters


def open_event(
    alias: str, row: StoredEvent, wanted: Sequence[Wanted], sender_attempt: int | None, token: UUID, *, begun: bool
) -> dict[str, Claim]:
    """What `claims.open_event` does; of the handlers that cannot be claimed nothing is said."""
    parameters: list[Any] = [str(row.key), *(getattr(row, name) for name in _EVENT[1:])]
    parameters += [str(row.key), str(token), sender_attempt, begun]
    for each in wanted:
        parameters += [each.handler, each.deferred, each.lease.total_seconds(), each.max_attempts]
    parameters += [str(row.key), row.digest]
    with connections[alias].cursor() as cursor:
        cursor.execute(_statement(len(wanted)), parameters)
        found = cursor.fetchall()
    return {
        handler: Claim(pk, state, its, attempts, lost, most, is_new=state == State.PENDING)
        for pk, handler, state, its, attempts, lost, most in found
    }


@cache
def _statement(count: int) -> str:
    """The statement for a number of handlers."""
    return _OPEN.format(wanted=", ".join([_WANTED] * count))
