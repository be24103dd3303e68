"""Which errors of a database mean that it is away, so that a later delivery may be spared them, and which are mistakes."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, InterfaceError, OperationalError, connections, transaction

from gcp_event_router import Event, EventRouter, Outcome
from gcp_event_router._database_errors import code
from gcp_event_router.outcomes import classify

from .conftest import Post
from .support.deliveries import PATH, PUSH, on_mariadb, on_postgresql, rows, session, with_databases

pytestmark = with_databases
AWAY, OURS = Outcome.UNAVAILABLE, Outcome.FAILED


def raised(alias: str, *statements: str) -> Exception:
    """The error of the first of some statements that fails, in a session of their own."""
    with session(alias) as own, own.cursor() as cursor:
        with pytest.raises((DatabaseError, InterfaceError)) as caught:
            list(map(cursor.execute, statements))
        return caught.value


#: https://www.postgresql.org/docs/current/errcodes-appendix.html
POSTGRESQL = {
    AWAY: """
        08000 08003 08006 08001 08004 08P01 25006 25P03 25P04 28000 28P01 40000 40001 40003 40P01 53000 53100 53200 53300 55006
        55P03 57000 57P01 57P02 57P03 57P04 57P05 58000 58030 72000 HV00N
    """,
    OURS: """
        01000 0A000 21000 22001 22003 22012 22P02 22P05 23502 23503 23505 23514 25001 25P02 26000 3D000 40002 42501 42601 42703
        42704 42883 42P01 53400 54000 54001 55000 57014 58P01 58P02 F0000 HV000 P0001 P0002 XX000 XX001 XX002
    """,
}


@on_postgresql
@pytest.mark.parametrize(("outcome", "codes"), POSTGRESQL.items(), ids=["away", "a mistake"])
def test_each_sqlstate(inbox: str, outcome: Outcome, codes: str) -> None:
    """PostgreSQL's classes and codes, raised by the server: https://www.postgresql.org/docs/current/errcodes-appendix.html."""
    found = {}
    for each in codes.split():
        error = raised(inbox, f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{each}', MESSAGE = 'secret'; END $$")
        found[each] = (code(error), classify(error))

    assert found == {each: (each, outcome) for each in codes.split()}


#: https://mariadb.com/kb/en/mariadb-error-codes/ and https://dev.mysql.com/doc/mysql-errors/en/
MARIADB = {
    AWAY: """
        1020 1021 1030 1037 1040 1041 1042 1043 1045 1047 1053 1114 1129 1130 1135 1152 1158 1159 1160 1161 1180 1184 1203 1205
        1206 1213 1223 1226 1290 1613 1614 1637 1698 1792 1836 1927 3101 3572 4031
    """,
    OURS: """
        1038 1044 1046 1048 1049 1050 1052 1054 1062 1064 1072 1091 1096 1109 1118 1136 1142 1146 1153 1166 1193 1227 1235 1264
        1292 1305 1317 1364 1365 1366 1370 1406 1414 1415 1451 1452 1644 1690 1969 3024 4025
    """,
}


@on_mariadb
@pytest.mark.parametrize(("outcome", "numbers"), MARIADB.items(), ids=["away", "a mistake"])
def test_each_number(inbox: str, outcome: Outcome, numbers: str) -> None:
    """The numbers of MariaDB and MySQL, raised by the server: https://mariadb.com/kb/en/mariadb-error-codes/."""
    found = {}
    for each in numbers.split():
        error = raised(inbox, f"SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {each}, MESSAGE_TEXT = 'secret'")
        found[each] = (code(error), classify(error))

    assert found == {each: (each, outcome) for each in numbers.split()}


@pytest.mark.parametrize(
    ("inbox", "statements", "found"),
    [
        ("postgresql", ["SET statement_timeout = 1", "SELECT pg_sleep(60)"], ("57014", OURS)),
        ("postgresql", ["SET default_transaction_read_only = on", "CREATE TABLE t ()"], ("25006", AWAY)),
        ("postgresql", ["SELECT pg_terminate_backend(pg_backend_pid())"], ("57P01", AWAY)),
        (
            "postgresql",
            ["SET temp_file_limit = 64", "SELECT * FROM generate_series(1, 1000000) ORDER BY 1 DESC"],
            ("53400", OURS),
        ),
        ("postgresql", ["SELECT nothing FROM gcp_event_inbox_event"], ("42703", OURS)),
        ("postgresql", ["SELECT * FROM nowhere"], ("42P01", OURS)),
        ("mariadb", ["SELECT nothing FROM gcp_event_inbox_event"], ("1054", OURS)),
        ("mariadb", ["SELECT nothing()"], ("1305", OURS)),
        ("mariadb", ["SELECT * FROM nowhere"], ("1146", OURS)),
        ("mariadb", ["SELECT"], ("1064", OURS)),
        ("mariadb", ["SET max_statement_time = 0.01", "SELECT SLEEP(60)"], ("1969", OURS)),
        ("mariadb", ["SET SESSION TRANSACTION READ ONLY", "START TRANSACTION", "DELETE FROM effects_effect"], ("1792", AWAY)),
        ("mariadb", ["KILL CONNECTION_ID()"], ("1927", AWAY)),
        ("sqlite", ["SELECT nothing FROM gcp_event_inbox_event"], ("SQLITE_ERROR", OURS)),
        ("sqlite", ["SELECT nothing()"], ("SQLITE_ERROR", OURS)),
        ("sqlite", ["SELECT * FROM nowhere"], ("SQLITE_ERROR", OURS)),
        ("sqlite", ["PRAGMA query_only = 1", "DELETE FROM effects_effect"], ("SQLITE_READONLY", AWAY)),
        ("sqlite", ["SELECT zeroblob(2000000000)"], ("SQLITE_TOOBIG", OURS)),
        (
            "sqlite",
            # more than other tests may have left free in the file
            ["PRAGMA max_page_count = 1", "CREATE TABLE t (x)", "INSERT INTO t VALUES (zeroblob(500000000))"],
            ("SQLITE_FULL", AWAY),
        ),
    ],
    indirect=["inbox"],
)
def test_what_servers_say(inbox: str, statements: list[str], found: tuple[str, Outcome]) -> None:
    """Errors as servers really raise them."""
    error = raised(inbox, *statements)

    assert (code(error), classify(error)) == found


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (OperationalError(), AWAY),
        (InterfaceError("connection already closed"), AWAY),
        (OperationalError("connection refused"), AWAY),
        (OperationalError(2006, "Server has gone away"), AWAY),
        (OperationalError(2055, "Lost connection at reading"), AWAY),
        (OperationalError(2014, "Commands out of sync"), OURS),
        (OperationalError(2020, "Got packet bigger than max_allowed_packet"), OURS),
        (OperationalError(1054, "Unknown column"), OURS),
        (DatabaseError(), OURS),
        (psycopg.OperationalError("connection refused"), AWAY),
        (psycopg.InterfaceError("the connection is closed"), AWAY),
        (psycopg.errors.QueryCanceled(), OURS),
        (psycopg.errors.IdleInTransactionSessionTimeout(), AWAY),
        (sqlite3.OperationalError("could not decode"), OURS),
        (RuntimeError(1205), OURS),
        (ExceptionGroup("", [psycopg.errors.DiskFull(), OperationalError(1205)]), AWAY),
        (ExceptionGroup("", [OperationalError(1205), ExceptionGroup("", [OperationalError(1054)])]), OURS),
    ],
)
def test_what_drivers_say(error: Exception, outcome: Outcome) -> None:
    """An error without a code counts by its class; one of a driver that a handler uses itself counts as Django's does."""
    assert classify(error) is outcome


def test_the_handlers_own_word() -> None:
    """What a handler raises in place of a database's error is its own, whatever the cause."""
    error = RuntimeError()
    error.__cause__ = OperationalError(1205)

    assert classify(error) is OURS


def cut(alias: str) -> None:
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        cursor.execute("SET idle_in_transaction_session_timeout = 1")
        time.sleep(0.1)  # which is what the server has to notice
        cursor.execute("SELECT 1")


def no_column(alias: str) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT nothing FROM gcp_event_inbox_event")


@pytest.mark.parametrize(
    ("inbox", "work", "status", "said"),
    [
        ("mariadb", no_column, 400, "OperationalError (1054)"),
        ("sqlite", no_column, 400, "OperationalError (SQLITE_ERROR)"),
        ("postgresql", no_column, 400, "UndefinedColumn (42703)"),
        ("postgresql", cut, 503, "OperationalError"),  # or with 25P03, if the server's last word is read before the end
    ],
    indirect=["inbox"],
)
def test_in_a_handler(
    inbox: str,
    router: EventRouter,
    post: Post,
    lines: Callable[[], list[str]],
    work: Callable[[str], None],
    status: int,
    said: str,
) -> None:
    """A mistake is a failure, and counts; a session that was cut is not, and does not. The log says the code, and no text."""

    def handle(event: Event[Any]) -> None:
        work(inbox)

    router.on("k", name="h")(handle)

    assert post(PATH, PUSH).status_code == status
    (line,) = lines()
    outcome = "failed" if status == 400 else "unavailable"
    said = rf"({re.escape(said)}|IdleInTransactionSessionTimeout \(25P03\))"
    start = rf"ERROR Event of kind 'k' with reference 'r' \(message '17'\): {outcome} by h in [\d.]+ ms: h {outcome}"
    assert re.fullmatch(rf"{start}: \w+ from {said} at .+", line), line
    assert "nothing" not in line
    if status == 400:
        assert rows(inbox) == [("h", "failed", 1)]
