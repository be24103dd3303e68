"""Prepares statements on PostgreSQL, where parsing and planning the inbox's statements takes longer than executing them.

A prepared statement belongs to a session of the server. A pooler such as PgBouncer may lend a connection another session for each
transaction, so statements are prepared only if the connection's session is its own: the process that answers is the one with
which the connection was made. If a session forgets a statement nevertheless, as after `DISCARD ALL`, the whole text is sent
instead, from then on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from itertools import count
from typing import Any, Final
from weakref import WeakKeyDictionary

from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from .._database_errors import code
from .messages import can_send, rows_of, send_prepared, unwatched

#: No such statement; its result has other columns after a migration.
_GONE: Final = frozenset({"26000", "0A000"})
#: How many statements a connection prepares: one or two of each combination of handlers.
_MOST: Final = 50
#: After how many rows a session makes its plans anew. For a table of few rows, a plan reads all of them, and PostgreSQL keeps it
#: until autovacuum has counted the rows again: for a minute, in which a hundred thousand may arrive.
_ROWS: Final = 100


class Statement:
    """A statement with `%s` for each parameter, whose types PostgreSQL can infer."""

    def __init__(self, text: str) -> None:
        numbers = count(1)
        name = f"gcp_event_router_{sha256(text.encode()).hexdigest()[:16]}"
        self.text: Final = text
        self.name: Final = name
        self.preparation: Final = f"PREPARE {name} AS {re.sub('%s', lambda _: f'${next(numbers)}', text)}"
        self.execution: Final = f"EXECUTE {name}({', '.join(['%s'] * text.count('%s'))})"


@dataclass(slots=True, eq=False)
class _Session:
    """What is known of a connection's session."""

    seen: set[Statement] = field(default_factory=set[Statement])
    prepared: set[Statement] = field(default_factory=set[Statement])
    #: How many rows were fetched since its plans were made.
    rows: int = 0
    #: Whether the session is the connection's own; None until somebody asks.
    is_own: bool | None = None


_sessions: Final[WeakKeyDictionary[Any, _Session]] = WeakKeyDictionary()


def _prepare(connection: BaseDatabaseWrapper, session: _Session, first: Statement, *others: Statement) -> None:
    """Prepare statements that are often executed together, from the second time on; from time to time, have them planned anew."""
    if session.prepared and session.rows >= _ROWS:
        session.rows = 0
        with suppress(DatabaseError), connection.cursor() as cursor:  # as below
            cursor.execute("DISCARD PLANS")
    if first in session.prepared or session.is_own is False:
        return
    if first not in session.seen:
        session.seen.add(first)
        return
    new = [statement for statement in (first, *others) if statement not in session.prepared]
    if len(session.prepared) + len(new) > _MOST:
        return
    with suppress(DatabaseError):  # what follows works without, or meets the error itself
        if session.is_own is None:
            session.is_own = False  # unless nothing fails
            session.is_own = _is_own(connection)
        if session.is_own:
            session.is_own = False  # as above
            with connection.cursor() as cursor:
                for statement in new:
                    cursor.execute(statement.preparation)
                    session.prepared.add(statement)
            session.is_own = True


def sql_of(connection: BaseDatabaseWrapper, statement: Statement) -> str:
    """Return the shortest text that executes a statement in the connection's session."""
    return statement.execution if has(connection, statement) else statement.text


def has(connection: BaseDatabaseWrapper, statement: Statement) -> bool:
    """Whether a statement is prepared in the connection's session."""
    session = None if connection.connection is None else _sessions.get(connection.connection)
    return session is not None and statement in session.prepared


def forget(connection: BaseDatabaseWrapper, error: Exception) -> bool:
    """Whether a session has lost its prepared statements, by the error of executing one. It prepares none from then on."""
    if code(error) not in _GONE or connection.connection is None:
        return False
    session = _sessions.get(connection.connection)
    if session is None or not session.prepared:
        return False
    session.prepared.clear()
    session.is_own = False
    return True


def binds_on_client(connection: BaseDatabaseWrapper) -> bool:
    """Whether psycopg 3 makes parameters part of a statement's text: only then may it be `EXECUTE`, or one of several."""
    cursor = _client_cursor()
    return cursor is not None and issubclass(getattr(connection.connection, "cursor_factory", object), cursor)


def fetch(alias: str, statement: Statement, parameters: Sequence[Any], *later: Statement) -> list[tuple[Any, ...]]:
    """Execute a statement, and return its rows; prepare it together with those that follow in a transaction."""
    connection = connections[alias]
    if not connection.get_autocommit():  # an error would undo more
        return _fetch_watched(connection, statement.text, parameters)
    session = _sessions.setdefault(connection.connection, _Session())
    _prepare(connection, session, statement, *later)
    rows = _fetch_unwatched(connection, statement, parameters)
    if rows is None:
        try:
            rows = _fetch_watched(connection, sql_of(connection, statement), parameters)
        except DatabaseError as error:
            if not forget(connection, error):
                raise
            rows = _fetch_watched(connection, statement.text, parameters)
    session.rows += len(rows)
    return rows


def _fetch_watched(connection: BaseDatabaseWrapper, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _fetch_unwatched(
    connection: BaseDatabaseWrapper, statement: Statement, parameters: Sequence[Any]
) -> list[tuple[Any, ...]] | None:
    """Do it without a cursor; returns None if that is impossible."""
    if not has(connection, statement) or not all(map(can_send, parameters)):
        return None
    raw = unwatched(connection)
    if raw is None or not has(connection, statement):  # it may be connected anew
        return None
    try:
        with connection.wrap_database_errors:
            return rows_of(raw, send_prepared(raw, statement.name, parameters))
    except DatabaseError as error:
        if forget(connection, error):
            return None
        raise


def _is_own(connection: BaseDatabaseWrapper) -> bool:
    if connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS") or not binds_on_client(connection):
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return bool(cursor.fetchone() == (connection.connection.info.backend_pid,))


@cache
def _client_cursor() -> type[object] | None:
    try:
        from psycopg import ClientCursor  # noqa: PLC0415 -- Django may use psycopg2
    except ImportError:
        return None
    return ClientCursor
