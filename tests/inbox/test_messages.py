"""Messages to PostgreSQL past Django's cursors: only where nobody looks at statements."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connections
from django.db.backends.utils import CursorWrapper
from django.test.utils import CaptureQueriesContext
from typing_extensions import override

from gcp_event_router import EventRouter
from gcp_event_router.exceptions import UnavailableError
from gcp_event_router.inbox import endings_postgresql, prepared
from gcp_event_router.inbox.models import DELIVERIES, EVENTS
from gcp_event_router.signals import event_received

from ..conftest import post_wsgi
from ..support.deliveries import (
    PATH,
    PUSH,
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


@pytest.fixture
def handled(inbox: str, router: EventRouter) -> str:
    """An inbox with a handler that writes a row, and a new connection."""
    register(router, lambda event: take_effect(inbox, "h"), is_async=False)
    connections[inbox].close()
    return inbox


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is sent without a cursor."""
    sent: list[str] = []

    def recording(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def send(*args: Any) -> Any:
            sent.append(name)
            return function(*args)

        return send

    for module, name in ((prepared, "send_prepared"), (endings_postgresql, "send")):
        monkeypatch.setattr(module, name, recording(name, getattr(module, name)))
    return sent


def test_what_is_prepared_needs_no_cursor(handled: str, sent: list[str]) -> None:
    """Once they are prepared, the claim and the end of a run are sent without a cursor; a duplicate's claim, too."""
    assert [post_wsgi(PATH, push(number)).status_code for number in (1, 2, 3, 3)] == [201, 201, 201, 200]
    assert sent == ["send_prepared", "send"] * 2 + ["send_prepared"]
    assert [post_wsgi(PATH, push(3)).status_code for _ in range(2)] == [200] * 2
    assert sent[5:] == ["send_prepared"] * 4
    assert (rows(handled), effects(handled)) == ([("h", "done", 1)] * 3, ["h"] * 3)


class OtherCursor(psycopg.ClientCursor[Any]):
    """The cursor of a library that watches psycopg."""

    seen: list[str] = []  # noqa: RUF012 -- one for all

    @override
    def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        """Note a statement, and execute it."""
        self.seen.append(query)
        return super().execute(query, *args, **kwargs)


@contextmanager
def patched(alias: str, seen: list[str]) -> Any:
    """A library has replaced the method of Django's cursor, as Sentry does."""
    execute = CursorWrapper.execute

    def watching(self: CursorWrapper, sql: Any, params: Any = None) -> Any:
        seen.append(sql)
        return execute(self, sql, params)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CursorWrapper, "execute", watching)
        yield


def wrapped(alias: str, seen: list[str]) -> AbstractContextManager[None]:
    """A project watches by Django's wrapper."""

    def watch(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        seen.append(sql)
        return execute(sql, *args)

    return connections[alias].execute_wrapper(watch)


@contextmanager
def logged(alias: str, seen: list[str]) -> Any:
    """The log of queries, as with `DEBUG`."""
    with CaptureQueriesContext(connections[alias]) as captured:
        yield
    seen += [query["sql"] for query in captured.captured_queries]


@contextmanager
def exchanged(alias: str, seen: list[str]) -> Any:
    """A library has put its own cursor in the place of Django's."""
    OtherCursor.seen.clear()
    with settings_of(alias, OPTIONS={"cursor_factory": OtherCursor}):
        for number in (8, 9):
            post_wsgi(PATH, push(number))
        OtherCursor.seen.clear()
        yield
        seen += OtherCursor.seen


@pytest.mark.parametrize("watch", [patched, wrapped, logged, exchanged])
def test_who_watches_statements_sees_all(handled: str, sent: list[str], watch: Any) -> None:
    """The statements of the inbox are seen by whoever sees those of the handler."""
    for number in (1, 2):
        post_wsgi(PATH, push(number))
    seen: list[str] = []
    sent.clear()
    with watch(handled, seen):
        assert post_wsgi(PATH, push(3)).status_code == 201
    assert sent == [] or watch is exchanged
    told = [text.split("(")[0].split()[0] + text[-8:] * text.endswith("; COMMIT") for text in seen]
    end = "EXECUTE" if watch is wrapped else "EXECUTE; COMMIT"
    assert [each for each in told if each not in {"BEGIN", "COMMIT"}] == ["EXECUTE", "INSERT", end]


def test_a_wrapper_may_send_a_statement_of_its_own_first(handled: str) -> None:
    """`pghistory.context` sends each statement behind one of its own, and moves on to the last result (pghistory/runtime.py)."""

    def inject(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if sql.startswith("SELECT"):
            return execute(sql, params, many, context)
        result = execute(f"SELECT set_config('pghistory.context_id', %s, true); {sql}", ("7", *(params or ())), many, context)
        while context["cursor"].nextset():
            pass
        return result

    with connections[handled].execute_wrapper(inject):
        assert [post_wsgi(PATH, push(number)).status_code for number in (1, 2, 3, 3)] == [201, 201, 201, 200]
    assert (rows(handled), effects(handled)) == ([("h", "done", 1)] * 3, ["h"] * 3)


def test_a_cursor_that_may_not_be_used(handled: str, sent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`SimpleTestCase` forbids a database by an attribute of its connection, which holds for these messages, too."""
    for number in (1, 2):
        post_wsgi(PATH, push(number))
    sent.clear()

    def refuse() -> Any:
        msg = "Database queries are not allowed"
        raise AssertionError(msg)

    with monkeypatch.context() as patch:
        patch.setattr(connections[handled], "cursor", refuse)
        with pytest.raises(AssertionError, match="not allowed"):
            event_received.send(None, event_kind="k", event_reference="r", event_payload=PUSH, event_parameters={})
    assert (sent, len(rows(handled))) == ([], 2)


def test_a_schema_that_is_chosen_for_each_cursor(handled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenant's inbox has its events if the backend sets the schema when it makes a cursor, as django-tenants does."""
    connection: Any = connections[handled]
    make, tenant = connection._cursor, "public"

    def _cursor(name: str | None = None) -> Any:
        cursor = make(name)
        cursor.execute(f"SET search_path = {tenant}, public")
        return cursor

    for number in (1, 2):
        post_wsgi(PATH, push(number))
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA blue")
        for table in (EVENTS, DELIVERIES):
            cursor.execute(f"CREATE TABLE blue.{table} (LIKE public.{table} INCLUDING ALL)")
    try:
        with monkeypatch.context() as patch:
            patch.setattr(connection, "_cursor", _cursor)
            post_wsgi(PATH, push(3))
            tenant = "blue"
            assert [post_wsgi(PATH, push(number)).status_code for number in (4, 4)] == [201, 200]
            assert rows(handled) == [("h", "done", 1)]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SET search_path = public")
            cursor.execute("DROP SCHEMA blue CASCADE")
    assert rows(handled) == [("h", "done", 1)] * 3


@pytest.mark.parametrize("warm", [False, True], ids=["first", "prepared"])
def test_text_that_postgresql_refuses(handled: str, sent: list[str], warm: bool) -> None:
    """NUL would end a text that is sent as it is, so it is refused as by a cursor."""
    with settings_of(handled):
        for number in (1, 2) if warm else ():
            post_wsgi(PATH, push(number))
        sent.clear()
        with pytest.raises(UnavailableError):
            event_received.send(None, event_kind="k", event_reference="a\0b", event_payload=PUSH, event_parameters={})
        assert (sent, len(rows(handled))) == ([], 2 * warm)


def test_a_session_that_ends_between_two_events(handled: str, sent: list[str]) -> None:
    """With Django's health checks, the next event has a new session, which has prepared nothing; without them, it gets 503."""
    with settings_of(handled, CONN_HEALTH_CHECKS=True, CONN_MAX_AGE=None):
        for number in (1, 2):
            post_wsgi(PATH, push(number))
        sent.clear()
        with psycopg.connect(connections[handled].connection.info.dsn, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [connections[handled].connection.info.backend_pid])
        connections[handled].close_if_unusable_or_obsolete()
        assert post_wsgi(PATH, push(3)).status_code == 201
    assert (sent, effects(handled)) == ([], ["h"] * 3)


def test_nothing_is_sent_past_a_cursor_in_another_encoding(handled: str, sent: list[str]) -> None:
    """The text of a message is UTF-8, so the session has to expect that."""
    with connections[handled].cursor() as cursor:
        cursor.execute("SET client_encoding = latin1")
    assert [post_wsgi(PATH, push(number)).status_code for number in (1, 2, 3)] == [201] * 3
    connections[handled].close()
    assert (sent, len(rows(handled))) == ([], 3)
