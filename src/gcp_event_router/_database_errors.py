"""What the errors of databases mean: one table of those that a later try may be spared.

`outcomes` asks whether a database was away, and `_log` which code it gave; docs/outcomes.md has the table in words. A database
that is away is nobody's mistake: the answer is 503, and the attempt does not count. Whatever else a database says is about the
statement, and it will say so again: that is a failure like any other, whichever class the driver gives it.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from django.db import Error as DjangoError
from django.db import InterfaceError, OperationalError

__all__ = ["code", "is_away"]

#: Classes of SQLSTATE, and single codes: PostgreSQL, https://www.postgresql.org/docs/current/errcodes-appendix.html
_SQLSTATE_CLASSES: Final = frozenset(
    {
        "08",  # the connection failed; also what PgBouncer says of itself
        "28",  # the password is not taken (yet, or any more)
        "53",  # no disk, no memory, no connection left; but 53400
        "57",  # shut down, crashed, starting; but 57014
    }
)
_SQLSTATES: Final = frozenset(
    {
        "25006",  # read only, as a server that has become a replica
        "25P03",  # the session was idle in its transaction for too long, and was cut
        "25P04",  # the transaction took too long, and its session was cut
        "40000",
        "40001",  # serialization failure
        "40003",
        "40P01",  # deadlock
        "55006",  # in use by somebody else
        "55P03",  # the lock is somebody else's, also after lock_timeout
        "58000",  # an error of the system around the database
        "58030",  # the disk cannot be read or written
        "72000",  # the snapshot is too old
        "HV00N",  # a foreign server cannot be reached
    }
)
_OUR_SQLSTATES: Final = frozenset(
    {
        "53400",  # over a configured limit, such as temp_file_limit
        "57014",  # cancelled, as by statement_timeout
    }
)

#: MariaDB, https://mariadb.com/kb/en/mariadb-error-codes/, and MySQL, https://dev.mysql.com/doc/mysql-errors/en/
_NUMBERS: Final = frozenset(
    {
        *(1020, 1180, 1205, 1206, 1213, 1613, 1614, 3058, 3101, 3132, 3572),  # locks, deadlocks, conflicts of a cluster
        *(1021, 1030, 1037, 1041, 1114, 1135, 1637),  # no disk, no memory, no thread left
        *(1040, 1129, 1203, 1226),  # too many connections, or too much asked by one user
        *(1042, 1043, 1045, 1047, 1130, 1698),  # no connection, as yet or any more
        *(1053, 1077, 1078, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 3168, 3169, 4031),  # shut down, or cut
        *(1223, 1290, 1792, 1836),  # read only
        *(2002, 2003, 2004, 2005, 2006, 2007, 2012, 2013, 2026, 2055),  # nobody listens, or the connection broke
        9001,  # ProxySQL has no server
    }
)

#: SQLite's primary result codes, https://www.sqlite.org/rescode.html
_RESULTS: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_SCHEMA,
    }
)


#: The packages of drivers, by the codes that they give.
_MYSQL: Final = frozenset({"MySQLdb", "pymysql", "mysql"})
_POSTGRESQL: Final = frozenset({"psycopg", "psycopg2", "psycopg_pool", "asyncpg"})
_AWAY_UNLESS_TOLD: Final = frozenset({"OperationalError", "InterfaceError"})
"""PEP 249's names of the classes whose errors without a code are about the connection."""


def is_away(error: BaseException) -> bool:
    """Whether a database was away, or may later take what it refused; known by its code, or else by the error's class.

    The error may be Django's, or that of a driver that a handler used itself. One that a handler raised in its place is the
    handler's own word.
    """
    found = _code(error)
    match found:
        case None:
            return isinstance(error, (OperationalError, InterfaceError)) or _is_drivers(error)
        case str(sqlstate):
            return sqlstate in _SQLSTATES or (sqlstate[:2] in _SQLSTATE_CLASSES and sqlstate not in _OUR_SQLSTATES)
        case (int(result), _):
            return result & 0xFF in _RESULTS
        case number:
            return number in _NUMBERS


def code(error: BaseException) -> str:
    """The code that a database gave an error: an SQLSTATE, a number of MySQL's or MariaDB's, or SQLite's name; or nothing."""
    found = _code(error)
    return "" if found is None else found[1] if isinstance(found, tuple) else str(found)


def _code(error: BaseException) -> str | int | tuple[int, str] | None:
    """The SQLSTATE, the number, or SQLite's result code and its name."""
    driver: Any = error.__cause__ if isinstance(error, DjangoError) and error.__cause__ is not None else error
    if isinstance(driver, sqlite3.Error):  # what the module raises itself has no code, and is about how it is used
        return getattr(driver, "sqlite_errorcode", sqlite3.SQLITE_ERROR), getattr(driver, "sqlite_errorname", "SQLITE_ERROR")
    packages = _packages(driver)
    if packages & _MYSQL or (driver is error and isinstance(error, DjangoError)):  # Django's class alone, for some of MySQL's
        number = getattr(driver, "errno", None) or next(iter(driver.args), None)
        return number if isinstance(number, int) and number else None
    if packages & _POSTGRESQL:
        sqlstate = getattr(driver, "sqlstate", None) or getattr(driver, "pgcode", None)
        return sqlstate if isinstance(sqlstate, str) else None
    return None


def _packages(error: BaseException) -> set[str]:
    return {each.__module__.partition(".")[0] for each in type(error).__mro__}


def _is_drivers(error: BaseException) -> bool:
    names = {each.__name__ for each in type(error).__mro__}
    return bool(names & _AWAY_UNLESS_TOLD and _packages(error) & (_MYSQL | _POSTGRESQL))
