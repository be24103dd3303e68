"""What the inbox says to PostgreSQL: prepared statements, and a COMMIT in the message that ends a run."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext

from gcp_event_router import Event, EventRouter
from gcp_event_router.inbox.models import DELIVERIES, EVENTS, State

from ..conftest import post_wsgi
from ..support.commands import keep
from ..support.deliveries import (
    PATH,
    effects,
    on_postgresql,
    push,
    register,
    rows,
    settings_of,
    take_effect,
    with_databases,
)

pytestmark = [with_databases, on_postgresql]

NEW = "WITH event"
END = "WITH ended"
WHOLE = [NEW, "BEGIN", "INSERT", f"{END}; COMMIT", "COMMIT"]
PREPARED = ["EXECUTE", "BEGIN", "INSERT", "EXECUTE; COMMIT", "COMMIT"]


def say(alias: str, call: Callable[[], object]) -> list[str]:
    """The statements of a call, each by its first word, or two of a CTE."""
    with CaptureQueriesContext(connections[alias]) as captured:
        call()
    told = (re.search(r"^\s*(WITH \w+|SELECT pg_backend_pid|\w+)(?s:.*?)(; COMMIT)?$", query["sql"]) for query in captured)
    return ["".join(filter(None, each.groups())) for each in told if each]


def send(number: int) -> Callable[[], int]:
    return lambda: post_wsgi(PATH, push(number)).status_code


@pytest.fixture
def handled(inbox: str, router: EventRouter) -> str:
    """An inbox with a handler that writes a row, and a new connection."""
    register(router, lambda event: take_effect(inbox, "h"), is_async=False)
    connections[inbox].close()
    return inbox


def test_statements_are_prepared_from_the_second_event_on(handled: str) -> None:
    """A connection that is used once prepares nothing; the second event prepares what the later ones execute."""
    assert say(handled, send(1)) == WHOLE
    assert say(handled, send(2)) == ["SELECT pg_backend_pid", "PREPARE", "PREPARE", *PREPARED]
    assert say(handled, send(3)) == PREPARED
    assert rows(handled) == [("h", "done", 1)] * 3
    assert effects(handled) == ["h"] * 3


def test_a_duplicate_takes_two_statements_and_no_transaction(handled: str) -> None:
    """A duplicate is found by an insertion that writes nothing, and read; the second one prepares the reading."""
    for number in (1, 2, 1):
        send(number)()
    assert say(handled, send(1)) == ["EXECUTE", "PREPARE", "EXECUTE"]
    assert say(handled, send(1)) == ["EXECUTE", "EXECUTE"]
    assert say(handled, lambda: [send(number)() for number in (1, 2)]) == ["EXECUTE", "EXECUTE"] * 2
    assert effects(handled) == ["h"] * 2


def test_each_number_of_handlers_has_a_statement(handled: str, router: EventRouter) -> None:
    """Two handlers of an event are claimed by one prepared statement; the end of a run is prepared already."""
    for number in (1, 2):
        send(number)()
    register(router, lambda event: None, is_async=False, name="another")
    begin = ["UPDATE", "BEGIN"]
    ends = ["EXECUTE; COMMIT", "COMMIT"]
    assert say(handled, send(3)) == [NEW, *begin, "INSERT", *ends, *begin, *ends]
    assert say(handled, send(4)) == ["PREPARE", "EXECUTE", *begin, "INSERT", *ends, *begin, *ends]


def test_in_an_outer_transaction_nothing_is_prepared(handled: str) -> None:
    """A statement that fails would undo the transaction of somebody else, whose COMMIT is not ours, either."""
    for number in (1, 2, 3):
        send(number)()
    with transaction.atomic(using=handled):
        said = say(handled, send(4))
        assert said[0] == NEW
        assert not [each for each in said if "EXECUTE" in each or "COMMIT" in each]
        transaction.set_rollback(True, using=handled)
    assert effects(handled) == ["h"] * 3


@pytest.mark.parametrize("settings", [{"OPTIONS": {"server_side_binding": True}}, {"DISABLE_SERVER_SIDE_CURSORS": True}])
def test_settings_that_exclude_prepared_statements(handled: str, settings: dict[str, Any]) -> None:
    """With parameters beside the statement, a message has one statement; Django's setting for poolers is one for us, too."""
    ends = [f"{END}; COMMIT", "COMMIT"] if "OPTIONS" not in settings else [END, "COMMIT"]
    with settings_of(handled, **settings):
        for number in (1, 2, 3):
            assert say(handled, send(number)) == [NEW, "BEGIN", "INSERT", *ends]
    assert rows(handled) == [("h", "done", 1)] * 3


@pytest.mark.parametrize("forget", ["DISCARD ALL", f"ALTER TABLE {DELIVERIES} ALTER handler TYPE text"])
def test_a_session_that_forgets_prepares_nothing_again(handled: str, forget: str) -> None:
    """If a session has lost its statements, or they have become invalid, whole ones are sent, and the sender notices nothing."""
    for number in (1, 2, 3):
        send(number)()
    try:
        with connections[handled].cursor() as cursor:
            cursor.execute(forget)
        assert say(handled, send(4)) == ["EXECUTE", *WHOLE]
        assert [say(handled, send(number)) for number in (5, 6)] == [WHOLE] * 2
    finally:
        with connections[handled].cursor() as cursor:
            cursor.execute(f"ALTER TABLE {DELIVERIES} ALTER handler TYPE varchar(255)")
        connections[handled].close()
    assert rows(handled) == [("h", "done", 1)] * 6


def test_a_handler_that_discards_statements_is_called_again(inbox: str, router: EventRouter) -> None:
    """If the end of a run is lost by then, its transaction is undone, so the handler is called again in the same request."""
    runs: list[str] = []

    @router.on("k", name="h")
    def _(event: Event[Any]) -> None:
        runs.append(event.reference)
        take_effect(inbox, "h")
        if len(runs) == 3:
            with connections[inbox].cursor() as cursor:
                cursor.execute("DEALLOCATE ALL")

    connections[inbox].close()
    assert [send(number)() for number in (1, 2, 3, 4)] == [201] * 4
    assert (len(runs), rows(inbox), effects(inbox)) == (5, [("h", "done", 1)] * 4, ["h"] * 4)


def plans(alias: str) -> str:
    """How the session executes the statements that it has prepared, whatever their parameters are."""
    with connections[alias].cursor() as cursor:
        cursor.execute("SET plan_cache_mode = force_generic_plan")
        cursor.execute("SELECT name, parameter_types FROM pg_prepared_statements")
        told: list[str] = []
        for name, types in cursor.fetchall():
            cursor.execute(f"EXPLAIN EXECUTE {name}({', '.join(['NULL'] * len(types))})")
            told += [line for (line,) in cursor.fetchall()]
    return "\n".join(told)


def test_plans_are_made_anew_after_a_hundred_rows(handled: str) -> None:
    """A session keeps its plans, so one that suits a table of few rows would be executed for many, too."""
    for number in (1, 2):
        send(number)()
    with connections[handled].cursor() as cursor:
        cursor.execute(f"ANALYZE {EVENTS}, {DELIVERIES}")
    assert "Seq Scan" in plans(handled)
    keep(handled, 1000, State.DONE)

    assert [say(handled, send(number))[0] for number in range(3, 102)] == ["EXECUTE"] * 98 + ["DISCARD"]
    told = plans(handled)
    assert "Index Scan using gcp_event_inbox_delivery_pkey" in told
    assert "Seq Scan" not in told
    connections[handled].close()
