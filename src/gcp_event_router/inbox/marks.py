"""The mark of a sync handler's run: made first in its transaction, and required at its end. Called by `execution`.

A transaction can end without the handler's noticing: MySQL and MariaDB roll all of it back after a deadlock, SQLite does so
when the disk is full, DDL commits it on MySQL, and a handler may execute a COMMIT or a ROLLBACK. What the handler wrote before
is then undone, or committed by itself, and "done" must not be noted. The mark ends with the transaction, so its absence tells.

The mark is a savepoint. On PostgreSQL with psycopg 3 it is a setting of the transaction instead, which travels with its BEGIN
and is looked at by the statement that notes "done", so that it costs no round trip.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from .._database_errors import code
from .errors import RolledBackError

__all__ = ["Mark"]

_SETTING = "gcp_event_router.run"
"""Its value is the token of the claim."""

_NO_SAVEPOINT = frozenset({"1305", "3B001", "25P01"})
"""What MySQL, MariaDB and PostgreSQL call a savepoint that is not there, and a transaction that is not."""


class Mark:
    """The mark of one run, made in the transaction that has just begun."""

    def __init__(self, alias: str, token: str) -> None:
        self._alias = alias
        self._connection = connections[alias]
        self._name = f"gcp_{token}"
        #: The setting that is the mark, which `claims.finish` has to look at; empty if it is a savepoint.
        self.setting: str = _SETTING if self._connection.vendor == "postgresql" and _begin_with(self._connection, token) else ""
        if not self.setting:
            self._execute(self._connection.ops.savepoint_create_sql(self._name))

    def guarded(self) -> AbstractContextManager[None]:
        """Have nothing more executed in here once the transaction is gone, where each statement would then commit by itself."""
        return self._connection.execute_wrapper(self._guard) if self._connection.vendor == "sqlite" else nullcontext()

    def require(self) -> None:
        """Raise `RolledBackError` if the transaction is not the one that the mark was made in, as far as a savepoint tells."""
        if connections[self._alias] is not self._connection or self._connection.get_rollback():
            raise RolledBackError
        if self.setting:
            return
        try:
            self._execute(self._connection.ops.savepoint_commit_sql(self._name))
        except DatabaseError as error:
            if code(error) in _NO_SAVEPOINT or str(error).startswith("no such savepoint"):
                raise RolledBackError from error
            raise

    def _execute(self, statement: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)

    def _guard(self, execute: Callable[..., Any], *args: Any) -> Any:
        self._look()
        self._connection.validate_no_broken_transaction()
        try:
            return execute(*args)
        finally:
            self._look()

    def _look(self) -> None:
        if not self._connection.connection.in_transaction:
            self._connection.set_rollback(True)


def _begin_with(connection: BaseDatabaseWrapper, token: str) -> bool:
    """Begin the transaction that psycopg 3 would begin with its first statement, with the mark. False where that cannot be."""
    begin = _psycopg()
    if begin is None:
        return False
    with connection.wrap_database_errors:
        return begin(connection.connection, token)


@cache
def _psycopg() -> Callable[[object, str], bool] | None:
    try:
        from psycopg import Connection, IsolationLevel, errors, generators  # noqa: PLC0415 -- Django's may be psycopg2
        from psycopg.pq import ExecStatus, TransactionStatus  # noqa: PLC0415 -- as above
    except ImportError:
        return None

    def begin(found: object, token: str) -> bool:
        if not isinstance(found, Connection) or found.info.transaction_status != TransactionStatus.IDLE:
            return False
        words = ["BEGIN"]
        if found.isolation_level is not None:
            words.append(f"ISOLATION LEVEL {IsolationLevel(found.isolation_level).name.replace('_', ' ')}")
        if found.read_only is not None:
            words.append("READ ONLY" if found.read_only else "READ WRITE")
        if found.deferrable is not None:
            words.append("DEFERRABLE" if found.deferrable else "NOT DEFERRABLE")
        found.pgconn.send_query(f"{' '.join(words)}; SET LOCAL {_SETTING} = '{token}'".encode())
        for result in found.wait(generators.execute(found.pgconn)):
            if result.status != ExecStatus.COMMAND_OK:
                raise errors.error_from_result(result)
        return True

    return begin
