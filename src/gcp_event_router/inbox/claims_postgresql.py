"""Opens and finishes events on PostgreSQL in few statements, for `claims`.

PostgreSQL plans each statement again, which takes longer than executing it. So there is a short statement for a new event, a
query for an existing one, and a long statement for the deliveries that the query finds open.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.db import connections

from .errors import RolledBackError
from .leases import LOST, LOST_TOO_OFTEN, Claim, ClaimRequest
from .models import DELIVERIES, EVENTS, State

# ruff: noqa: S608 -- the names and states in the statements are our own; values are parameters
_EVENT = ("key", "kind", "reference", "message_id", "parameters", "body", "form", "meta", "principal", "digest")
_NEW_EVENT = f"""
WITH event AS (
    INSERT INTO {EVENTS} ({", ".join(_EVENT)}, received_at)
    VALUES (%s::uuid, {", ".join(["%s"] * (len(_EVENT) - 1))}, statement_timestamp())
    ON CONFLICT (key) DO NOTHING"""

# Of several at once, one inserts the event with all of its deliveries; the others wait for it, and get no row.
_NEW = f"""{_NEW_EVENT}
    RETURNING key{{sync}}
)
INSERT INTO {DELIVERIES} (
    event_id, sender_attempt, lost, error_type, error, error_text, created_at,
    handler, max_attempts, deferred, state, attempts, token, lease_until, started_at
)
SELECT key, %s::integer, 0, '', '', '', statement_timestamp(), wanted.*
FROM event, (VALUES {{wanted}}) AS wanted
RETURNING id, handler
"""
# A claim need not be on the disk at once, since the end of its run is before the sender is answered, and the log is written in
# order. If the database crashes in between, the sender tries again, and its first attempt does not count.
_NO_SYNC = ", set_config('synchronous_commit', 'off', true)"
_DEFERRED = f"(%s, %s, TRUE, '{State.PENDING}', 0, NULL::uuid, NULL::timestamptz, NULL::timestamptz)"
_CLAIMED = f"(%s, %s, FALSE, '{State.RUNNING}', 1, %s::uuid, statement_timestamp() + make_interval(secs => %s), {{begun}})"

_READ = f"""
SELECT digest, statement_timestamp(), id, handler, state, attempts, lost, max_attempts, deferred, lease_until
FROM {EVENTS}
LEFT JOIN {DELIVERIES} ON event_id = key
WHERE key = %s::uuid
"""

_WANTED = "(%s::varchar, %s::boolean, make_interval(secs => %s), %s::smallint)"
_LOST = f"(old.state = '{State.RUNNING}' AND old.started_at IS NOT NULL)"
_UNBEGUN = f"(old.state = '{State.RUNNING}' AND old.started_at IS NULL)"
_SPENT = f"({_LOST} AND old.lost >= {{max_lost}} - 1)"

# The UPDATE takes an existing open delivery. PostgreSQL waits for other writers, and then checks its WHERE on the newest version
# of the row: so only one of several gets it.
_OPEN = f"""{_NEW_EVENT}
)
INSERT INTO {DELIVERIES} AS old (
    event_id, handler, deferred, state, attempts, lost, max_attempts, lease_until, token, sender_attempt,
    error_type, error, error_text, created_at, started_at
)
SELECT %s::uuid, handler, deferred,
    CASE WHEN deferred THEN '{State.PENDING}' ELSE '{State.RUNNING}' END,
    CASE WHEN deferred THEN 0 ELSE 1 END,
    0,
    most,
    CASE WHEN NOT deferred THEN statement_timestamp() + lease END,
    CASE WHEN NOT deferred THEN %s::uuid END,
    %s::integer, '', '', '',
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
    error = CASE WHEN {_SPENT} THEN '{LOST_TOO_OFTEN}' WHEN {_LOST} THEN '{LOST}' ELSE old.error END,
    error_text = CASE WHEN {_LOST} THEN '' ELSE old.error_text END,
    not_before = NULL
WHERE EXCLUDED.state = '{State.RUNNING}'
    AND (
        old.state IN ('{State.PENDING}', '{State.FAILED}')
        OR old.state = '{State.RUNNING}' AND old.lease_until < statement_timestamp()
    )
RETURNING id, handler, state, token, attempts, lost, max_attempts
"""

_FINISH = f"""
UPDATE {DELIVERIES}
SET state = '{State.DONE}', finished_at = statement_timestamp(), token = NULL, lease_until = NULL,
    error_type = '', error = '', error_text = ''
WHERE id = %s AND token = %s::uuid
"""
_SETTING = "current_setting(%s, true)"  # NULL or empty in a transaction without a mark


def insert_new(request: ClaimRequest) -> dict[str, Claim]:
    """Insert a new event, and claim it for all its handlers; returns nothing for an existing event."""
    token, parameters = request.token, [*_event_values(request), request.sender_attempt]
    for terms in request.wanted:
        parameters += [terms.handler, terms.max_attempts]
        if not terms.deferred:
            parameters += [str(token), terms.lease.total_seconds()]
    deferred = tuple(terms.deferred for terms in request.wanted)
    # a deferred event is answered after this commit; and an outer transaction belongs to somebody else
    sync = any(deferred) or not connections[request.alias].get_autocommit()
    claims: dict[str, Claim] = {}
    for pk, handler in _fetch(request.alias, _new_statement(deferred, begun=request.begun, sync=sync), parameters):
        terms = next(terms for terms in request.wanted if terms.handler == handler)
        if terms.deferred:
            claims[handler] = Claim(pk, State.PENDING, max_attempts=terms.max_attempts, is_new=True)
        else:
            claims[handler] = Claim(pk, State.RUNNING, token, 1, max_attempts=terms.max_attempts)
    return claims


def read_rows(request: ClaimRequest) -> list[tuple[Any, ...]]:
    """Read a stored event with its deliveries, as `claims` reads them on other databases."""
    return _fetch(request.alias, _READ, [str(request.row.key)])


def take_open(request: ClaimRequest) -> dict[str, Claim]:
    """Claim the open and the missing deliveries of an event."""
    event, digest = str(request.row.key), request.row.digest
    parameters = [*_event_values(request), event, str(request.token), request.sender_attempt, request.begun]
    for terms in request.wanted:
        parameters += [terms.handler, terms.deferred, terms.lease.total_seconds(), terms.max_attempts]
    parameters += [event, digest]
    limits = frozenset((terms.max_attempts, terms.max_lost) for terms in request.wanted)
    return {
        handler: Claim(pk, state, token, attempts, lost, most, is_new=state == State.PENDING)
        for pk, handler, state, token, attempts, lost, most in _fetch(
            request.alias, _open_statement(len(request.wanted), limits), parameters
        )
    }


def finish(alias: str, held: Claim, setting: str) -> bool:
    """Do `claims.finish`."""
    token = str(held.token)
    with connections[alias].cursor() as cursor:
        if not setting:
            cursor.execute(_FINISH, [held.delivery, token])
            return bool(cursor.rowcount)
        cursor.execute(f"{_FINISH} AND {_SETTING} = %s", [held.delivery, token, setting, token])
        if cursor.rowcount:
            return True
        cursor.execute(f"SELECT {_SETTING}", [setting])
        if cursor.fetchone() != (token,):
            raise RolledBackError
        return False


def _event_values(request: ClaimRequest) -> list[Any]:
    return [str(request.row.key), *(getattr(request.row, name) for name in _EVENT[1:])]


def _fetch(alias: str, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connections[alias].cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


@cache
def _new_statement(deferred: tuple[bool, ...], *, begun: bool, sync: bool) -> str:
    """The statement for a new event."""
    claimed = _CLAIMED.format(begun="statement_timestamp()" if begun else "NULL::timestamptz")
    return _NEW.format(
        sync="" if sync else _NO_SYNC, wanted=", ".join(_DEFERRED if is_deferred else claimed for is_deferred in deferred)
    )


@cache
def _open_statement(count: int, limits: frozenset[tuple[int, int]]) -> str:
    """The statement for the open deliveries of some handlers, with the `max_lost` of each `max_attempts`."""
    cases = " ".join(f"WHEN {attempts:d} THEN {lost:d}" for attempts, lost in sorted(limits))
    return _OPEN.format(wanted=", ".join([_WANTED] * count), max_lost=f"CASE EXCLUDED.max_attempts {cases} END")
