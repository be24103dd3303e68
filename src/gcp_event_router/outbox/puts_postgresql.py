"""The statement that stores an event on PostgreSQL."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connections

from .. import conf
from .._boxes.states import State
from .models import OUTGOING, OutgoingEvent

#: The channel of NOTIFY on which relays listen.
CHANNEL: Final = "gcp_event_outbox"
# The row's number is drawn from its sequence for each row of the join, which has a row once the lock is held.
_LOCK: Final = "WITH ordered AS MATERIALIZED (SELECT pg_advisory_xact_lock(%s::bigint))"
_INSERT: Final = f"""
INSERT INTO {OUTGOING} (
    key, kind, topic, data, metadata, order_key, cause, not_before, created_at, state, attempts,
    error_type, error, error_text, message_id
)
SELECT
    %s::uuid, %s, %s, %s::bytea, %s, %s::uuid, %s,
    COALESCE(%s::timestamptz, statement_timestamp() + make_interval(secs => %s::double precision)),
    statement_timestamp(), '{State.PENDING}', 0, '', '', '', ''
"""
_NOTIFY: Final = f"RETURNING pg_notify('{CHANNEL}', '')"


def insert(alias: str, row: OutgoingEvent, at: datetime | None, delay: timedelta | None) -> None:
    """Insert an event, after the end of all transactions that have published with its ordering key.

    Args:
        alias: The database.
        row: The event.
        at: When it is due; None for at once, or after a delay.
        delay: How long after now it is due, by the database's clock.

    """
    parts = [_INSERT]
    parameters: list[Any] = [str(row.key), row.kind, row.topic, row.data, row.metadata]
    parameters += [row.order_key and str(row.order_key), row.cause, at, delay and delay.total_seconds()]
    if row.order_key is not None:
        parts = [_LOCK, _INSERT, "FROM ordered"]
        parameters.insert(0, int.from_bytes(row.order_key.bytes[:8], signed=True))
    if conf.current().OUTBOX.NOTIFY:
        parts.append(_NOTIFY)
    with connections[alias].cursor() as cursor:
        cursor.execute(" ".join(parts), parameters)
