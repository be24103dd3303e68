"""Marks the transaction of a sync handler's run at its beginning, and requires the mark at its end.

A transaction can end without the handler noticing: MySQL and MariaDB roll it back after a deadlock, SQLite does if the disk is
full, DDL commits it on MySQL, and a handler may execute COMMIT or ROLLBACK. Then the handler's writes are undone, or committed
without the rest, so the delivery must not be marked as done. The mark ends with the transaction, so its absence shows that.

The mark is a savepoint. On PostgreSQL with psycopg 3, it is a setting of the transaction instead: it is sent with BEGIN, and the
statement that ends the delivery reads it, so it needs no extra round trip.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from .._database_errors import code
from .errors import RolledBackError
from .messages import connection_of, send

#: Its value is the token of the claim, until the transaction ends; then it is empty.
SETTING: Final = "gcp_event_router.run"
#: libpq's PQTRANS_IDLE.
_IDLE: Final = 0
#: The codes of MySQL, MariaDB and PostgreSQL for a missing savepoint, and for a missing transaction.
_NO_SAVEPOINT: Final = frozenset({"1305", "3B001", "25P01"})


class Mark:
    """The mark of one run, set at the beginning of its transaction."""

    def __init__(self, connection: BaseDatabaseWrapper, token: str) -> None:
        self._connection = connection
        #: Whether it is a setting, which `endings.finish_marked` has to check, and not a savepoint.
        self.is_setting: bool = self._connection.vendor == "postgresql" and _begin_with(self._connection, token)
        self._savepoint: str = "" if self.is_setting else self._connection.savepoint() or ""

    def guarded(self) -> AbstractContextManager[None]:
        """Refuse statements once the transaction is gone, if each would commit by itself."""
        return self._connection.execute_wrapper(self._guard) if self._connection.vendor == "sqlite" else nullcontext()

    def require(self) -> None:
        """Raise `RolledBackError` if the marked transaction has ended, as far as a savepoint shows that."""
        if connections[self._connection.alias] is not self._connection or self._connection.get_rollback():
            raise RolledBackError
        if self.is_setting:
            return
        try:
            self._connection.savepoint_commit(self._savepoint)
        except DatabaseError as error:
            if code(error) in _NO_SAVEPOINT or str(error).startswith("no such savepoint"):
                raise RolledBackError from error
            raise

    def _guard(self, execute: Callable[..., Any], *args: Any) -> Any:
        self._check()
        self._connection.validate_no_broken_transaction()
        try:
            return execute(*args)
        finally:
            self._check()

    def _check(self) -> None:
        if not self._connection.connection.in_transaction:
            self._connection.set_rollback(True)


def _begin_with(connection: BaseDatabaseWrapper, token: str) -> bool:
    """Begin the transaction with the mark, instead of leaving that to psycopg 3. Returns False if that is impossible."""
    raw = connection_of(connection)
    if raw is None or raw.pgconn.transaction_status != _IDLE:
        return False
    words = ["BEGIN"]
    if raw.isolation_level is not None:
        words.append(f"ISOLATION LEVEL {raw.isolation_level.name.replace('_', ' ')}")
    if raw.read_only is not None:
        words.append("READ ONLY" if raw.read_only else "READ WRITE")
    if raw.deferrable is not None:
        words.append("DEFERRABLE" if raw.deferrable else "NOT DEFERRABLE")
    with connection.wrap_database_errors:
        send(raw, f"{' '.join(words)}; SET LOCAL {SETTING} = '{token}'")
    return True
