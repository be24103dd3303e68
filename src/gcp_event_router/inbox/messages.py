"""Sends messages to PostgreSQL past the cursors of Django and psycopg, which cost more than many a statement.

Statements go that way only where nobody looks at them: neither the log of queries, nor a wrapper of Django's, nor a library that
has put its own cursor in the place of Django's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.db.backends import utils
from django.db.backends.base.base import BaseDatabaseWrapper

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.pq.abc import PGresult

#: libpq's PGRES_COMMAND_OK and PGRES_TUPLES_OK.
_OK: Final = (1, 2)
#: Django's own methods that make cursors; django-tenants overrides the second, and chooses the schema there.
_METHODS: Final = {name: vars(BaseDatabaseWrapper)[name] for name in ("cursor", "_cursor")}


class _Driver(NamedTuple):
    """What is used of psycopg 3."""

    connection: Any
    #: The class of Django's cursors.
    cursor: Any
    execute: Any
    error: Any
    transformer: Any


@cache
def _driver() -> _Driver | None:
    try:
        from psycopg import Connection, errors, generators  # noqa: PLC0415 -- Django may use psycopg2
        from psycopg.adapt import Transformer  # noqa: PLC0415 -- as above
    except ImportError:
        return None
    from django.db.backends.postgresql.base import Cursor  # noqa: PLC0415 -- as above

    return _Driver(Connection, Cursor, generators.execute, errors.error_from_result, Transformer)


def connection_of(connection: BaseDatabaseWrapper) -> Connection[Any] | None:
    """Return the connection of psycopg 3; None if Django uses another driver, or is not connected."""
    driver, raw = _driver(), connection.connection
    return raw if driver is not None and isinstance(raw, driver.connection) else None


def unwatched(connection: BaseDatabaseWrapper) -> Connection[Any] | None:
    """Return the connection of psycopg 3, if nobody looks at its statements, after what Django does before each of them."""
    if connection.queries_logged or connection.execute_wrappers:
        return None
    execute = utils.CursorWrapper.execute  # which libraries replace, as tests replace `cursor` to forbid a database
    if type(execute) is not FunctionType or execute.__code__.co_filename != utils.__file__:
        return None
    if any(getattr(getattr(connection, name), "__func__", None) is not method for name, method in _METHODS.items()):
        return None
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    connection.validate_thread_sharing()
    connection.validate_no_broken_transaction()
    driver, raw = _driver(), connection.connection
    if driver is None or type(raw) is not driver.connection or raw.cursor_factory is not driver.cursor:
        return None
    is_plain = raw.pgconn.parameter_status(b"client_encoding") == b"UTF8" and not raw.pgconn.pipeline_status
    return raw if is_plain else None


def send(raw: Connection[Any], text: str) -> list[PGresult]:
    """Send statements without parameters. Raises the driver's error if one of them fails; the later ones are not executed."""
    raw.pgconn.send_query(text.encode())
    return _results(raw)


def can_send(parameter: object) -> bool:
    """Whether a value can be sent without a cursor. A text with NUL would end there."""
    if isinstance(parameter, str):
        return "\0" not in parameter
    return parameter is None or isinstance(parameter, bytes | int | float)


def send_prepared(raw: Connection[Any], name: str, parameters: Sequence[Any]) -> PGresult:
    """Send the values of a prepared statement. Raises the driver's error if it fails."""
    values = [value if isinstance(value, bytes) or value is None else str(value).encode() for value in parameters]
    raw.pgconn.send_query_prepared(name.encode(), values, [isinstance(value, bytes) for value in parameters])
    return _results(raw)[0]


def rows_of(raw: Connection[Any], result: PGresult) -> list[tuple[Any, ...]]:
    """Return the rows of a result, as a cursor would."""
    driver: Any = _driver()
    transformer = driver.transformer(raw)
    transformer.set_pgresult(result)
    rows: list[tuple[Any, ...]] = transformer.load_rows(0, result.ntuples, tuple)
    return rows


def _results(raw: Connection[Any]) -> list[PGresult]:
    driver: Any = _driver()
    results: list[PGresult] = raw.wait(driver.execute(raw.pgconn))
    for result in results:
        if result.status not in _OK:
            raise driver.error(result)
    return results
