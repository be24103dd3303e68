"""The database becomes unavailable, or refuses: nothing is lost, nothing counts, nothing is done twice. Rows E4 to E6."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import close_old_connections, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

from gcp_event_router import Event, EventRouter
from gcp_event_router.inbox import endings, endings_postgresql
from gcp_event_router.inbox.models import Delivery, OnceKey, StoredEvent

from ..conftest import Post, post_wsgi
from ..effects.models import Effect
from ..support.deliveries import (
    ERROR,
    PATH,
    PUSH,
    both_doors,
    effects,
    end_leases,
    on_postgresql,
    register,
    rows,
    session,
    settings_of,
    sync_or_async,
    take_effect,
    with_databases,
)
from ..support.own_postgres import OwnServer, own_server

pytestmark = [with_databases, pytest.mark.proof]


@pytest.fixture(scope="module")
def own() -> Iterator[OwnServer]:
    """A server that can be stopped."""
    with own_server() as server:
        yield server


@pytest.fixture
def server(own: OwnServer, inbox: str) -> Iterator[OwnServer]:
    """The same, as the inbox's database, with empty tables."""
    own.start()
    with settings_of(inbox, HOST=own.host, NAME="postgres"):
        made = connections[inbox].introspection.table_names()
        all_models: list[type[models.Model]] = [StoredEvent, Delivery, OnceKey, Effect]
        for model in all_models:
            if model._meta.db_table not in made:
                with connections[inbox].schema_editor() as editor:
                    editor.create_model(model)
        for model in reversed(all_models):
            model._base_manager.using(inbox).all().delete()
        connections[inbox].close()
        yield own
        own.start()


@on_postgresql
@both_doors
def test_e4_without_its_database_nothing_is_handled(inbox: str, router: EventRouter, post: Post, server: OwnServer) -> None:
    """While the server is down, the answer is 503, and no handler runs; afterwards, the same thread handles the event."""
    runs: list[str] = []
    register(router, lambda event: runs.append("sync"), is_async=False, name="sync")
    register(router, lambda event: runs.append("async"), is_async=True, name="async")
    assert Delivery.objects.using(inbox).count() == 0  # so that this thread is connected

    server.stop()
    for _each in range(2):
        answer = post(PATH, PUSH)
        assert (answer.status_code, answer.content, runs) == (503, ERROR, [])
        close_old_connections()  # as Django does between requests

    server.start()
    assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert (runs, rows(inbox)) == (["sync", "async"], [("sync", "done", 1), ("async", "done", 1)])


@pytest.mark.parametrize("point", ["in the handler", "at done", "at the commit"])
@on_postgresql
@both_doors
def test_e4_a_handler_that_loses_its_database_is_undone(
    inbox: str, router: EventRouter, post: Post, server: OwnServer, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server goes down under a handler: 503, its writes are undone, and it runs again after its lease; others run."""
    outages: list[Callable[[], None]] = [server.stop]
    others: list[str] = []

    @router.on("k", name="h")
    def _(event: Event[Any]) -> None:
        take_effect(inbox, "h")
        if outages and point != "at the commit":
            outages.pop()()
            if point == "in the handler":
                take_effect(inbox, "another")

    register(router, lambda event: others.append(event.reference), is_async=False, once=False)
    finish = endings.finish_run

    def finish_late(*args: Any, **kwargs: Any) -> bool:
        done = finish(*args, **kwargs)
        if outages:
            outages.pop()()
        return done

    def binds_on_server(connection: BaseDatabaseWrapper) -> bool:
        return False

    if point == "at the commit":  # which is a message of its own with OPTIONS["server_side_binding"]
        monkeypatch.setattr(endings_postgresql, "binds_on_client", binds_on_server)
        monkeypatch.setattr(endings, "finish_run", finish_late)

    assert [post(PATH, PUSH).status_code for _ in range(2)] == [503, 503]

    assert others == ["r"]
    server.start()
    assert (rows(inbox), effects(inbox)) == ([("h", "running", 1)], [])
    assert post(PATH, PUSH).status_code == 409
    end_leases(inbox)
    assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert (rows(inbox), effects(inbox)) == ([("h", "done", 2)], ["h"])


@on_postgresql
@both_doors
def test_e4_an_async_handler_that_cannot_be_noted_runs_again(
    inbox: str, router: EventRouter, post: Post, server: OwnServer
) -> None:
    """The server goes down under an async handler: 503 although it returned, and it runs again after its lease."""
    outages: list[Callable[[], None]] = [server.stop]
    runs: list[str] = []

    def work(event: Event[Any]) -> None:
        runs.append(event.reference)
        if outages:
            outages.pop()()

    register(router, work, is_async=True)
    register(router, lambda event: runs.append("other"), is_async=True, once=False)

    assert (post(PATH, PUSH).status_code, runs) == (503, ["r", "other"])
    close_old_connections()
    server.start()
    end_leases(inbox)
    assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert (runs.count("r"), rows(inbox)) == (2, [("h", "done", 2)])


@on_postgresql
def test_e4_an_outage_is_no_attempt(inbox: str, router: EventRouter, server: OwnServer) -> None:
    """A handler with one attempt that lost its database during the run is not parked: it runs again."""
    outages: list[Callable[[], None]] = [server.stop]

    def work(event: Event[Any]) -> None:
        take_effect(inbox, "h")
        if outages:
            outages.pop()()

    register(router, work, is_async=False, max_attempts=1)

    assert post_wsgi(PATH, PUSH).status_code == 503
    server.start()
    end_leases(inbox)
    assert (post_wsgi(PATH, PUSH).status_code, effects(inbox)) == (201, ["h"])


@on_postgresql
@sync_or_async
@both_doors
def test_e5_a_session_that_is_ended_is_opened_again(inbox: str, router: EventRouter, post: Post, is_async: bool) -> None:
    """An operator ends the worker's session: the run is undone, 503, and the same thread serves the next delivery."""
    ends: list[Callable[[], None]] = [lambda: end_session(inbox)]
    if is_async:

        @router.on("k", name="h")
        async def _(event: Event[Any]) -> None:
            if ends:
                await sync_to_async(ends.pop())()
    else:

        @router.on("k", name="h")
        def _(event: Event[Any]) -> None:
            take_effect(inbox, "h")
            if ends:
                ends.pop()()

    assert post(PATH, PUSH).status_code == 503
    close_old_connections()  # as Django does between requests
    # the note that an async handler is done cannot be taken back: its lease has to end
    assert (rows(inbox), effects(inbox)) == ([("h", "running", 1) if is_async else ("h", "pending", 0)], [])
    end_leases(inbox)
    assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert effects(inbox) == ([] if is_async else ["h"])


def end_session(alias: str) -> None:
    """End this thread's session from another session."""
    with connections[alias].cursor() as own, session(alias) as operator, operator.cursor() as cursor:
        own.execute("SELECT pg_backend_pid()")
        cursor.execute("SELECT pg_terminate_backend(%s, 10000)", own.fetchone())
