"""Statements for PostgreSQL: for a new event with its deliveries, the end of a marked run, and a business key.

PostgreSQL plans each statement again, which takes longer than executing it, so they are few and short.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connections

from .._boxes.clock import LONGEST
from .._boxes.states import OPEN, State
from .._boxes.stored_errors import StoredError
from .errors import RolledBackError
from .leases import LOST, Claim, ClaimRequest, DeliveryTerms, KeyRequest
from .models import DELIVERIES, EVENTS, KEYS

# ruff: noqa: S608 -- the names and states in the statements are our own; values are parameters
_EVENT = ("key", "kind", "reference", "message_id", "parameters", "body", "form", "meta", "principal", "digest")
# Of several at once, one inserts the event with all of its deliveries; the others wait for it, and get no row.
_NEW = f"""
WITH event AS (
    INSERT INTO {EVENTS} ({", ".join(_EVENT)}, received_at)
    VALUES (%s::uuid, {", ".join(["%s"] * (len(_EVENT) - 1))}, statement_timestamp())
    ON CONFLICT (key) DO NOTHING
    RETURNING key{{sync}}
)
INSERT INTO {DELIVERIES} (
    event_id, sender_attempt, lost, error_type, error, error_text, once_key, created_at,
    handler, max_attempts, deferred, state, attempts, token, lease_until, started_at, order_digest, order_key
)
SELECT key, %s::integer, 0, '', '', '', '', statement_timestamp(), wanted.*
FROM event, (VALUES {{wanted}}) AS wanted
RETURNING id, handler
"""
# A claim need not be on the disk at once, since the end of its run is before the sender is answered, and the log is written in
# order. If the database crashes in between, the sender tries again, and its first attempt does not count.
_NO_SYNC = ", set_config('synchronous_commit', 'off', true)"
_WAITING = f"(%s, %s, {{deferred}}, '{State.PENDING}', 0, NULL::uuid, NULL::timestamptz, NULL::timestamptz, {{order}})"
_LEASE = "statement_timestamp() + make_interval(secs => %s)"
_CLAIMED = f"(%s, %s, FALSE, '{State.RUNNING}', 1, %s::uuid, {_LEASE}, {{begun}}, NULL::uuid, '')"

_OPEN = ", ".join(f"'{state}'" for state in OPEN)
_LOST_RUN = f"state = '{State.RUNNING}' AND started_at IS NOT NULL"
_LOST_ERROR = StoredError(trail=LOST).columns
# It does what `claims` does with several deliveries elsewhere, and `orders.IS_TURN`.
_CLAIM_ONE = f"""
UPDATE {DELIVERIES} AS delivery
SET state = '{State.RUNNING}', max_attempts = %s, token = %s::uuid, lease_until = {_LEASE}, started_at = statement_timestamp(),
    not_before = NULL, finished_at = NULL, running_digest = order_digest,
    attempts = attempts + CASE WHEN state = '{State.RUNNING}' AND started_at IS NULL THEN 0 ELSE 1 END,
    lost = lost + CASE WHEN {_LOST_RUN} THEN 1 ELSE 0 END,
    {", ".join(f"{name} = CASE WHEN {_LOST_RUN} THEN %s ELSE {name} END" for name in _LOST_ERROR)}
WHERE id = %s
    AND (state IN ('{State.PENDING}', '{State.FAILED}') OR (state = '{State.RUNNING}' AND lease_until < statement_timestamp()))
    AND (%s OR not_before IS NULL OR not_before <= statement_timestamp())
    AND NOT ({_LOST_RUN} AND lost >= %s)
    AND (order_digest IS NULL OR NOT EXISTS (
        SELECT FROM {DELIVERIES} AS earlier
        WHERE earlier.order_digest = delivery.order_digest AND earlier.handler = delivery.handler
            AND earlier.state IN ({_OPEN}) AND earlier.id < delivery.id
    ))
RETURNING attempts, lost, CASE WHEN deferred THEN statement_timestamp() - waiting_since END{{sync}}
"""
_READ = f"""
SELECT
    digest, statement_timestamp(), id, handler, state, token, attempts, lost, max_attempts, deferred, order_digest, lease_until,
    not_before
FROM {EVENTS}
LEFT JOIN {DELIVERIES} ON event_id = key
WHERE key = %s::uuid
"""

_FINISH = f"""
UPDATE {DELIVERIES} AS delivery
SET state = '{State.DONE}', finished_at = statement_timestamp(), token = NULL, lease_until = NULL, running_digest = NULL,
    error_type = '', error = '', error_text = ''
"""
_WHERE_HELD = "WHERE delivery.id = %s AND delivery.token = %s::uuid"
# If another delivery has taken one of the two, the caller undoes the change of the other one.
_WIN_KEY = f"""
WITH won AS (
    UPDATE {KEYS}
    SET token = NULL, lease_until = NULL, done_at = statement_timestamp(),
        kept_until = statement_timestamp() + make_interval(secs => %s)
    WHERE id = %s AND token = %s::uuid
    RETURNING text
)
{_FINISH}, once_key = won.text FROM won
"""
_HOLD_KEY = f"""
INSERT INTO {KEYS} AS stored (handler, digest, text, delivery, token, lease_until, kept_until)
SELECT
    %s, %s::uuid, %s, id, token,
    statement_timestamp() + make_interval(secs => %s), statement_timestamp() + make_interval(secs => %s)
FROM {DELIVERIES}
WHERE id = %s AND token = %s::uuid
ON CONFLICT (digest, handler) DO UPDATE
SET delivery = excluded.delivery, token = excluded.token, lease_until = excluded.lease_until, kept_until = excluded.kept_until,
    done_at = CASE
        WHEN stored.delivery = excluded.delivery AND stored.kept_until >= statement_timestamp() THEN stored.done_at
    END
WHERE stored.delivery = excluded.delivery
    OR ((stored.token IS NULL OR stored.lease_until < statement_timestamp())
        AND (stored.done_at IS NULL OR stored.kept_until < statement_timestamp()))
RETURNING id{{sync}}
"""
_SETTING = "current_setting(%s, true)"  # NULL or empty in a transaction without a mark


def insert_new(request: ClaimRequest) -> dict[str, Claim]:
    """Insert a new event, and claim it for all its handlers but ordered ones; returns nothing for an existing event."""
    row, token = request.row, request.token
    parameters = [str(row.key), *(getattr(row, name) for name in _EVENT[1:]), request.sender_attempt]
    for terms in request.wanted:
        key = request.order_keys.get(terms.handler)
        parameters += [terms.handler, terms.max_attempts]
        if key is not None:
            parameters += [str(key.digest), key.text]
        elif not terms.deferred:
            parameters += [str(token), terms.lease.total_seconds()]
    forms = tuple((terms.deferred, terms.handler in request.order_keys) for terms in request.wanted)
    # a deferred event is answered after this commit; and an outer transaction belongs to somebody else
    sync = any(deferred for deferred, _ in forms) or not connections[request.alias].get_autocommit()
    claims: dict[str, Claim] = {}
    for pk, handler in _fetch(request.alias, _new_statement(forms, begun=request.begun, sync=sync), parameters):
        terms = next(terms for terms in request.wanted if terms.handler == handler)
        is_ordered = handler in request.order_keys
        if terms.deferred or is_ordered:
            claims[handler] = Claim(
                pk, State.PENDING, max_attempts=terms.max_attempts, is_new=terms.deferred, is_ordered=is_ordered
            )
        else:
            claims[handler] = Claim(pk, State.RUNNING, token, 1, max_attempts=terms.max_attempts)
    return claims


def read_rows(request: ClaimRequest) -> list[tuple[Any, ...]]:
    """Read a stored event with its deliveries, as `claims` reads them on other databases."""
    return _fetch(request.alias, _READ, [str(request.row.key)])


def claim_one(alias: str, delivery: int, terms: DeliveryTerms, token: UUID, *, early: bool) -> Claim | None:
    """Claim a delivery that is open, due unless it runs early, was not lost too often, and whose turn has come."""
    sync = not connections[alias].get_autocommit()  # as in insert_new()
    times = [terms.max_attempts, str(token), terms.lease.total_seconds()]
    parameters = [*times, *_LOST_ERROR.values(), delivery, early, terms.max_lost - 1]
    for attempts, lost, waited, *_ in _fetch(alias, _CLAIM_ONE.format(sync="" if sync else _NO_SYNC), parameters):
        since: timedelta = waited or timedelta()
        return Claim(delivery, State.RUNNING, token, attempts, lost, terms.max_attempts, waited=since)
    return None


def hold_key(alias: str, request: KeyRequest, digest: UUID, text: str) -> int | None:
    """Insert a key, or take a free one. Returns its number, or None."""
    times = [min(time, LONGEST).total_seconds() for time in (request.lease, request.kept_for)]
    parameters = [request.handler, str(digest), text, *times, request.delivery, str(request.token)]
    sync = not connections[alias].get_autocommit()  # as in insert_new()
    rows = _fetch(alias, _HOLD_KEY.format(sync="" if sync else _NO_SYNC), parameters)
    return rows[0][0] if rows else None


def finish(alias: str, held: Claim, setting: str) -> bool:
    """Do `endings.finish`."""
    token, key = str(held.token), held.key
    statement = f"{_FINISH} {_WHERE_HELD}"
    parameters: list[Any] = [held.delivery, token]
    if key is not None:
        statement = f"{_WIN_KEY} {_WHERE_HELD}"
        parameters = [min(key.kept_for, LONGEST).total_seconds(), key.number, token, *parameters]
    with connections[alias].cursor() as cursor:
        if not setting:
            cursor.execute(statement, parameters)
            return bool(cursor.rowcount)
        cursor.execute(f"{statement} AND {_SETTING} = %s", [*parameters, setting, token])
        if cursor.rowcount:
            return True
        cursor.execute(f"SELECT {_SETTING}", [setting])
        if cursor.fetchone() != (token,):
            raise RolledBackError
        return False


def _fetch(alias: str, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connections[alias].cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


@cache
def _new_statement(forms: tuple[tuple[bool, bool], ...], *, begun: bool, sync: bool) -> str:
    """Write the statement for deliveries that are deferred, ordered, both or neither."""
    claimed = _CLAIMED.format(begun="statement_timestamp()" if begun else "NULL::timestamptz")
    deliveries = [
        _WAITING.format(deferred=deferred, order="%s::uuid, %s" if ordered else "NULL::uuid, ''")
        if deferred or ordered
        else claimed
        for deferred, ordered in forms
    ]
    return _NEW.format(sync="" if sync else _NO_SYNC, wanted=", ".join(deliveries))
