"""Problems of the inbox's database: not migrated, missing, a replica, read only, full. Rows E14 and E15."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test import override_settings

from gcp_event_router import Event, EventRouter
from gcp_event_router.exceptions import ConfigurationError
from gcp_event_router.inbox.models import StoredEvent
from gcp_event_router.signals import event_received

from ..conftest import AT_ONCE, Post
from ..support.deliveries import (
    PATH,
    PUSH,
    both_doors,
    effects,
    end_leases,
    on_postgresql,
    on_sqlite,
    push,
    register,
    rows,
    session,
    settings_of,
    take_effect,
    with_databases,
)

pytestmark = with_databases

BROKEN = b'{"message": {"data": "####"}, "subscription": "s"}'


@pytest.fixture
def empty(inbox: str, tmp_path: Path) -> Iterator[None]:
    """A database without any table in the place of the inbox's."""
    if inbox == "sqlite":
        with settings_of(inbox, NAME=tmp_path / "empty.sqlite3"):
            yield
        return
    with session(inbox) as operator, operator.cursor() as cursor:
        cursor.execute("CREATE DATABASE empty")
        with settings_of(inbox, NAME="empty"):
            yield
        cursor.execute(f"DROP DATABASE empty{' WITH (FORCE)' if inbox == 'postgresql' else ''}")


@both_doors
def test_e14_without_its_tables_nothing_is_handled(inbox: str, router: EventRouter, post: Post, empty: None) -> None:
    """Without the migrations, any event gets 503, also an unreadable one, and no handler runs."""
    runs: list[str] = []
    register(router, lambda event: runs.append("sync"), is_async=False, name="sync")
    register(router, lambda event: runs.append("async"), is_async=True, name="async")

    assert [post(PATH, body).status_code for body in (PUSH, BROKEN)] == [503, 503]
    assert runs == []


WRONG = 'GCP_EVENT_ROUTER["INBOX"]["DATABASE"] is \'nowhere\', but must be one of ALIASES.'


def test_e14_a_wrong_alias_is_refused(inbox: str, router: EventRouter, post: Post, lines: Callable[[], list[str]]) -> None:
    """The error names an alias that is not in DATABASES, and those that are; nothing is handled or acknowledged."""
    runs: list[str] = []
    register(router, lambda event: runs.append(event.reference), is_async=False)

    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [], "INBOX": {"DATABASE": "nowhere"}}):
        with pytest.raises(ConfigurationError) as refused:
            event_received.send(None, event_kind="k", event_reference="r", event_payload=1, event_parameters={})
        assert str(refused.value) == WRONG.replace("ALIASES", ", ".join(map(repr, connections)))
        with pytest.raises(ConfigurationError):
            post(PATH, PUSH)
    assert runs == []


class ReadsElsewhere:
    """A database router for a replica: reads go to another database by default."""

    primary = ""
    reads: list[object] = []  # noqa: RUF012 -- Django makes the instance

    def db_for_read(self, model: object, **hints: object) -> str:
        self.reads.append(model)
        return "other"

    def db_for_write(self, model: object, **hints: object) -> str:
        return self.primary

    def allow_relation(self, *args: object, **hints: object) -> bool:
        return True


@both_doors
def test_e14_a_replica_is_not_asked(inbox: str, router: EventRouter, post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a router for a replica, and no alias in the settings, the inbox only uses the database of its models' writes."""
    monkeypatch.setattr(ReadsElsewhere, "primary", inbox)
    monkeypatch.setattr(ReadsElsewhere, "reads", [])
    fails: list[BaseException] = [RuntimeError(), SystemExit()]

    @router.on("k", name="h", retry=AT_ONCE)
    def _(event: Event[Any]) -> None:
        take_effect(inbox, "h")
        if fails:
            raise fails.pop()

    path = f"{__name__}.{ReadsElsewhere.__qualname__}"
    with override_settings(DATABASE_ROUTERS=[path], GCP_EVENT_ROUTER={"AUTHENTICATION": []}):
        with pytest.raises(SystemExit):
            post(PATH, PUSH)
        assert post(PATH, PUSH).status_code == 409
        end_leases(inbox)
        assert [post(PATH, PUSH).status_code for _ in range(3)] == [400, 201, 200]
        assert post(PATH, BROKEN).status_code == 200

    assert ReadsElsewhere.reads == []
    assert rows(inbox) == [("h", "done", 3), ("", "rejected", 0)]


@pytest.fixture
def read_only(inbox: str) -> Iterator[None]:
    """The database accepts no writes, like a server that became a replica."""
    options: dict[str, Any] = connections[inbox].settings_dict["OPTIONS"]
    if inbox == "sqlite":
        changed = {**options, "init_command": f"{options['init_command']}; PRAGMA query_only=ON"}
    elif inbox == "mariadb":
        changed = {**options, "init_command": f"{options['init_command']}, tx_read_only = 1"}
    else:
        changed = {"options": "-c default_transaction_read_only=on"}
    with settings_of(inbox, OPTIONS=changed):
        yield


@both_doors
def test_e15_what_cannot_be_written_is_not_handled(inbox: str, router: EventRouter, post: Post, read_only: None) -> None:
    """With a read-only database, any event gets 503, also an unreadable one, and no handler runs."""
    runs: list[str] = []
    register(router, lambda event: runs.append("sync"), is_async=False, name="sync")
    register(router, lambda event: runs.append("async"), is_async=True, name="async")

    assert [post(PATH, body).status_code for body in (PUSH, BROKEN)] == [503, 503]
    assert (runs, StoredEvent.objects.using(inbox).count()) == ([], 0)


@pytest.mark.parametrize("at", ["in the handler", "at done"])
@on_postgresql
@both_doors
def test_e15_a_failover_under_a_handler_is_tried_again(inbox: str, router: EventRouter, post: Post, at: str) -> None:
    """If a transaction becomes read-only, the run is undone, answered 503 and not counted; then the event is handled."""
    fails = [True]

    @router.on("k", name="h", max_attempts=1)
    def _(event: Event[Any]) -> None:
        take_effect(inbox, "h")
        if fails:
            fails.clear()
            with connections[inbox].cursor() as cursor:
                cursor.execute("SET TRANSACTION READ ONLY")
            if at == "in the handler":
                take_effect(inbox, "h")

    assert post(PATH, PUSH).status_code == 503
    assert (rows(inbox), effects(inbox)) == ([("h", "pending", 0)], [])
    assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert (rows(inbox), effects(inbox)) == ([("h", "done", 1)], ["h"])


BIG = "x" * 1_000_000
"""Longer than the room in a database that may hardly grow."""

ROWS = 16
"""The most pages of SQLite that the rows of an event and its delivery need, with their indexes."""


@on_sqlite
@both_doors
def test_e15_a_full_disk_is_tried_again(inbox: str, router: EventRouter, post: Post) -> None:
    """Without room for the event, or for a handler's writes, the answer is 503; once there is room, the event is handled."""
    register(router, lambda event: take_effect(inbox, "h", BIG), is_async=False, max_attempts=1)
    options: dict[str, Any] = connections[inbox].settings_dict["OPTIONS"]
    with connections[inbox].cursor() as cursor:
        cursor.execute("VACUUM")  # what earlier tests left free is room, too
        cursor.execute("PRAGMA page_count")
        ((pages,),) = cursor.fetchall()
    full = {**options, "init_command": f"{options['init_command']}; PRAGMA max_page_count={pages + ROWS}"}

    with settings_of(inbox, OPTIONS=full):
        assert post("/events/k/big", push(1, BIG)).status_code == 503
        assert StoredEvent.objects.using(inbox).count() == 0
        assert post(PATH, PUSH).status_code == 503
        assert (rows(inbox), effects(inbox)) == ([("h", "pending", 0)], [])

    assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert (rows(inbox), effects(inbox)) == ([("h", "done", 1)], ["h"])
