"""Statements for PostgreSQL: for a new event with its deliveries, for deliveries that workers claim, and for a business key.

PostgreSQL takes longer to plan a statement than to execute it, so there are few, and those of each request are prepared.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connections

from .._boxes.clock import LONGEST
from .._boxes.states import OPEN, State
from .._boxes.stored_errors import StoredError
from . import waking
from .endings_postgresql import END, END_WITH_KEY
from .leases import LOST, Claim, ClaimRequest, DeliveryTerms, KeyRequest
from .models import DELIVERIES, EVENTS, KEYS
from .prepared import Statement, fetch

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
RETURNING id, handler{{notify}}
"""
# A claim need not be on the disk at once, since the end of its run is before the sender is answered, and the log is written in
# order. If the database crashes in between, the sender tries again, and its first attempt does not count.
NO_SYNC = ", set_config('synchronous_commit', 'off', true)"


def _both(statement: str) -> Mapping[bool, Statement]:
    """Make the statement whose commit waits for the disk (True), and the one whose commit does not."""
    return {True: Statement(statement.format(sync="")), False: Statement(statement.format(sync=NO_SYNC))}


_WAITING = f"(%s, %s::integer, {{deferred}}, '{State.PENDING}', 0, NULL::uuid, NULL::timestamptz, NULL::timestamptz, {{order}})"
_LEASE = "statement_timestamp() + make_interval(secs => %s)"
_CLAIMED = f"(%s, %s::integer, FALSE, '{State.RUNNING}', 1, %s::uuid, {_LEASE}, {{begun}}, NULL::uuid, '')"

_OPEN = ", ".join(f"'{state}'" for state in OPEN)
_LOST_RUN = f"state = '{State.RUNNING}' AND started_at IS NOT NULL"
LOST_ERROR = StoredError(trail=LOST).columns
# They do what `takes` does elsewhere, and `orders.IS_TURN`.
TAKEN = f"""
    state = '{State.RUNNING}', not_before = NULL, finished_at = NULL, running_digest = order_digest,
    attempts = attempts + CASE WHEN state = '{State.RUNNING}' AND started_at IS NULL THEN 0 ELSE 1 END,
    lost = lost + CASE WHEN {_LOST_RUN} THEN 1 ELSE 0 END,
    {", ".join(f"{name} = CASE WHEN {_LOST_RUN} THEN %s ELSE {name} END" for name in LOST_ERROR)}
"""
CAN_BE_TAKEN = f"""
    (state IN ('{State.PENDING}', '{State.FAILED}') OR (state = '{State.RUNNING}' AND lease_until < statement_timestamp()))
    AND NOT ({_LOST_RUN} AND lost >= {{most}} - 1)
    AND (order_digest IS NULL OR NOT EXISTS (
        SELECT FROM {DELIVERIES} AS earlier
        WHERE earlier.order_digest = delivery.order_digest AND earlier.handler = delivery.handler
            AND earlier.state IN ({_OPEN}) AND earlier.id < delivery.id
    ))
"""
IS_DUE = "(not_before IS NULL OR not_before <= statement_timestamp())"
WAITED = "CASE WHEN deferred THEN statement_timestamp() - waiting_since END"
_CLAIM_ONE = _both(f"""
UPDATE {DELIVERIES} AS delivery
SET max_attempts = %s, token = %s::uuid, lease_until = {_LEASE}, started_at = statement_timestamp(), {TAKEN}
WHERE id = %s AND (%s OR {IS_DUE}) AND {CAN_BE_TAKEN.format(most="%s")}
RETURNING attempts, lost, {WAITED}{{sync}}
""")
_READ = Statement(f"""
SELECT
    digest, statement_timestamp(), id, handler, state, token, attempts, lost, max_attempts, deferred, order_digest, lease_until,
    not_before
FROM {EVENTS}
LEFT JOIN {DELIVERIES} ON event_id = key
WHERE key = %s::uuid
""")

_HOLD_KEY = _both(f"""
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
""")


def insert_new(request: ClaimRequest) -> dict[str, Claim]:
    """Insert a new event, and claim it for all its handlers but ordered ones; returns nothing for an existing event."""
    row, token, connection = request.row, str(request.token), connections[request.alias]
    parameters: list[Any] = [
        *(str(row.key), row.kind, row.reference, row.message_id, row.parameters, bytes(row.body), row.form, row.meta),
        *(row.principal, bytes(row.digest), request.sender_attempt),
    ]
    forms: list[tuple[bool, bool]] = []
    for terms in request.wanted:
        key = request.order_keys.get(terms.handler)
        forms.append((terms.deferred, key is not None))
        parameters += (terms.handler, terms.max_attempts)
        if key is not None:
            parameters += (str(key.digest), key.text)
        elif not terms.deferred:
            parameters += (token, terms.lease.total_seconds())
    # a deferred event is answered after this commit; and an outer transaction belongs to somebody else
    is_deferred = any(terms.deferred for terms in request.wanted)
    sync = is_deferred or not connection.get_autocommit()
    notify = is_deferred and waking.is_on()
    statement = _new_statement(tuple(forms), begun=request.begun, sync=sync, notify=notify)
    rows = fetch(request.alias, statement, parameters, END.marked)
    wanted = {terms.handler: terms for terms in request.wanted}
    claims: dict[str, Claim] = {}
    for number, handler, *_ in rows:
        terms, is_ordered = wanted[handler], handler in request.order_keys
        if terms.deferred or is_ordered:
            claims[handler] = Claim(
                number, State.PENDING, max_attempts=terms.max_attempts, is_new=terms.deferred, is_ordered=is_ordered
            )
        else:
            claims[handler] = Claim(number, State.RUNNING, request.token, 1, max_attempts=terms.max_attempts)
    return claims


def read_rows(request: ClaimRequest) -> list[tuple[Any, ...]]:
    """Read a stored event with its deliveries, as `claims` reads them on other databases."""
    return fetch(request.alias, _READ, [str(request.row.key)])


def claim_one(alias: str, delivery: int, terms: DeliveryTerms, token: UUID, *, early: bool) -> Claim | None:
    """Claim a delivery that is open, due unless it runs early, was not lost too often, and whose turn has come."""
    sync = not connections[alias].get_autocommit()  # as in insert_new()
    times = [terms.max_attempts, str(token), terms.lease.total_seconds()]
    parameters = [*times, *LOST_ERROR.values(), delivery, early, terms.max_lost]
    for attempts, lost, waited, *_ in fetch(alias, _CLAIM_ONE[sync], parameters, END.marked):
        since: timedelta = waited or timedelta()
        return Claim(delivery, State.RUNNING, token, attempts, lost, terms.max_attempts, waited=since)
    return None


def hold_key(alias: str, request: KeyRequest, digest: UUID, text: str) -> int | None:
    """Insert a key, or take a free one. Returns its number, or None."""
    times = [min(time, LONGEST).total_seconds() for time in (request.lease, request.kept_for)]
    parameters = [request.handler, str(digest), text, *times, request.delivery, str(request.token)]
    sync = not connections[alias].get_autocommit()  # as in insert_new()
    rows = fetch(alias, _HOLD_KEY[sync], parameters, END_WITH_KEY.marked)
    return rows[0][0] if rows else None


@cache
def _new_statement(forms: tuple[tuple[bool, bool], ...], *, begun: bool, sync: bool, notify: bool) -> Statement:
    """Write the statement for deliveries that are deferred, ordered, both or neither."""
    claimed = _CLAIMED.format(begun="statement_timestamp()" if begun else "NULL::timestamptz")
    deliveries = [
        _WAITING.format(deferred=deferred, order="%s::uuid, %s" if ordered else "NULL::uuid, ''")
        if deferred or ordered
        else claimed
        for deferred, ordered in forms
    ]
    woken = f", {waking.NOTIFICATION}" if notify else ""
    return Statement(_NEW.format(sync="" if sync else NO_SYNC, wanted=", ".join(deliveries), notify=woken))
