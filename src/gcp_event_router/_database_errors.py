"""Decides which database errors mean that the database is unavailable, so that a later attempt may succeed.

Then the answer is 503 and the attempt does not count. All other errors concern the statement and would recur, so they are
failures like any other, whatever class the driver gives them. docs/reference/outcomes.md has the tables in words.
"""

from __future__ import annotations

from typing import Any, Final

from django.db import Error as DjangoError
from django.db import InterfaceError, OperationalError

#: Classes of SQLSTATE, and codes: PostgreSQL, https://www.postgresql.org/docs/current/errcodes-appendix.html
_SQLSTATES: Final = (
    *("08", "28"),  # the connection failed, or the password is refused; also PgBouncer's errors
    *("53", "57"),  # no disk, memory or connection left; shut down, crashed or starting
    *("25006", "25P03", "25P04"),  # read only, like a replica; idle or busy in a transaction for too long
    *("40000", "40001", "40003", "40P01", "55006", "55P03", "72000"),  # conflicts, deadlocks, locks, an old snapshot
    *("58000", "58030", "HV00N"),  # an error of the operating system or the disk; a foreign server is unreachable
)
#: Over a configured limit, such as temp_file_limit; cancelled, as by statement_timeout.
_PERMANENT_SQLSTATES: Final = frozenset({"53400", "57014"})

#: MariaDB, https://mariadb.com/kb/en/mariadb-error-codes/, and MySQL, https://dev.mysql.com/doc/mysql-errors/en/
_NUMBERS: Final = frozenset(
    {
        *(1020, 1180, 1205, 1206, 1213, 1613, 1614, 3058, 3101, 3132, 3572),  # locks, deadlocks, conflicts of a cluster
        *(1021, 1030, 1037, 1041, 1114, 1135, 1637),  # no disk, memory or thread left
        *(1040, 1129, 1203, 1226),  # too many connections, or too much asked by one user
        *(1042, 1043, 1045, 1047, 1130, 1698),  # no connection, or no permission to connect
        *(1053, 1077, 1078, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 3168, 3169, 4031),  # shut down, or closed
        *(1223, 1290, 1792, 1836),  # read only
        *(2002, 2003, 2004, 2005, 2006, 2007, 2012, 2013, 2026, 2055),  # nothing listens, or the connection broke
        9001,  # ProxySQL has no server
    }
)

#: SQLite's primary result codes, https://www.sqlite.org/rescode.html
_RESULTS: Final = frozenset(
    {
        *(5, 6, 15, 17),  # busy, locked, a protocol of locks, a changed schema
        *(7, 10, 13),  # no memory, an error of the disk, no disk left
        *(8, 14),  # read only, or it cannot be opened
    }
)

#: PostgreSQL's undefined_table, and MariaDB's and MySQL's number; SQLite has no code of its own for it.
_NO_TABLE: Final = frozenset({"42P01", "1146"})

#: The packages of drivers, by the kind of their codes.
_MYSQL: Final = frozenset({"MySQLdb", "pymysql", "mysql"})
_POSTGRESQL: Final = frozenset({"psycopg", "psycopg2", "psycopg_pool", "asyncpg"})
#: PEP 249's names for the classes whose errors concern the connection if they have no code.
_CONNECTION_ERRORS: Final = frozenset({"OperationalError", "InterfaceError"})


def is_away(error: BaseException) -> bool:
    """Whether a later attempt may succeed, by the error's code, or by its class if it has none.

    The error may be Django's, or that of a driver that a handler uses directly.
    """
    match _code(error):
        case None:
            names = {base.__name__ for base in type(error).__mro__}
            is_drivers = names & _CONNECTION_ERRORS and _packages(error) & (_MYSQL | _POSTGRESQL)
            return bool(is_drivers) or isinstance(error, (OperationalError, InterfaceError))
        case str(sqlstate):
            return sqlstate.startswith(_SQLSTATES) and sqlstate not in _PERMANENT_SQLSTATES
        case (int(result), _):
            return result & 0xFF in _RESULTS
        case number:
            return number in _NUMBERS


def lacks_table(error: BaseException) -> bool:
    """Whether a statement failed because a table does not exist."""
    number = code(error)
    return number in _NO_TABLE or (number == "SQLITE_ERROR" and str(error).startswith("no such table"))


def code(error: BaseException) -> str:
    """Return the database's code for an error: an SQLSTATE, MySQL's or MariaDB's number, or SQLite's name; or ""."""
    value = _code(error)
    return "" if value is None else value[1] if isinstance(value, tuple) else str(value)


def _code(error: BaseException) -> str | int | tuple[int, str] | None:
    """Return the SQLSTATE, the number, or SQLite's result code and its name."""
    driver: Any = error.__cause__ if isinstance(error, DjangoError) and error.__cause__ is not None else error
    packages = _packages(driver)
    if "sqlite3" in packages:  # the module's own errors have no code, and concern its use
        return getattr(driver, "sqlite_errorcode", 1), getattr(driver, "sqlite_errorname", "SQLITE_ERROR")
    is_djangos = driver is error and isinstance(error, DjangoError)  # as some of MySQL's errors are
    if packages & _MYSQL or is_djangos:
        number = getattr(driver, "errno", None) or next(iter(driver.args), None)
        return number if isinstance(number, int) and number else None
    if packages & _POSTGRESQL:
        sqlstate = getattr(driver, "sqlstate", None) or getattr(driver, "pgcode", None)
        return sqlstate if isinstance(sqlstate, str) else None
    return None


def _packages(error: BaseException) -> set[str]:
    return {base.__module__.partition(".")[0] for base in type(error).__mro__}
