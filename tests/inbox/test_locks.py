"""Conflicts with other sessions: deadlocks, changed rows, lock timeouts. Row E6."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from gcp_event_router import Event, EventRouter
from gcp_event_router.inbox.models import StoredEvent

from ..conftest import Post
from ..effects.models import Effect
from ..support.deliveries import (
    ERROR,
    PATH,
    PUSH,
    beside,
    both_doors,
    effects,
    end_leases,
    on_postgresql,
    on_sqlite,
    register,
    rows,
    session,
    settings_of,
    somebody_waits,
    take_effect,
    with_databases,
)
from ..support.own_postgres import until

pytestmark = with_databases

WRITE = "UPDATE effects_effect SET handler = handler WHERE reference = %s"
"""Locks a row."""
Problem = Callable[[str, ExitStack], None]


def write(connection: BaseDatabaseWrapper, reference: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(WRITE, [reference])


def begin(alias: str, setting: str) -> None:
    """Change a setting of the handler's transaction, and do its work."""
    with connections[alias].cursor() as cursor:
        cursor.execute(f"SET {setting}")
    take_effect(alias, "h")


@contextmanager
def open_transaction(alias: str) -> Generator[BaseDatabaseWrapper]:
    """Open a transaction of another session for the block."""
    with session(alias) as other:
        other.set_autocommit(False)
        yield other
        other.rollback()


def deadlock(alias: str, stack: ExitStack) -> None:
    """Two sessions wait for each other's locks; the handler's session detects the deadlock first."""
    begin(alias, "LOCAL deadlock_timeout = '10ms'")
    other = stack.enter_context(open_transaction(alias))
    other.inc_thread_sharing()
    with other.cursor() as cursor:  # PostgreSQL ends the session that finds the deadlock, so this one does not look for it
        cursor.execute("SET LOCAL deadlock_timeout = '1h'")
    write(other, "theirs")
    write(connections[alias], "ours")
    stack.enter_context(beside(lambda: write(other, "ours")))
    until(lambda: somebody_waits(alias))
    write(connections[alias], "theirs")


def serialization_failure(alias: str, stack: ExitStack) -> None:
    """Another session changes a row after the handler's transaction read it, and before it changes it."""
    begin(alias, "TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    list(Effect.objects.using(alias).all())
    with session(alias) as other:
        write(other, "ours")
    write(connections[alias], "ours")


def lock_timeout(alias: str, stack: ExitStack) -> None:
    """Another session locks a row for longer than the handler's transaction waits."""
    begin(alias, "LOCAL lock_timeout = '10ms'")
    with open_transaction(alias) as other:
        write(other, "ours")
        write(connections[alias], "ours")


@pytest.mark.parametrize("problem", [deadlock, serialization_failure, lock_timeout])
@on_postgresql
@both_doors
def test_e6_what_another_session_prevents_is_tried_again(inbox: str, router: EventRouter, post: Post, problem: Problem) -> None:
    """The run is undone, answered 503 and not counted; the next delivery is handled."""
    for reference in ("ours", "theirs"):
        take_effect(inbox, "before", reference)
    problems = [problem]

    @router.on("k", name="h", max_attempts=1)
    def _(event: Event[Any]) -> None:
        if problems:
            with ExitStack() as stack:
                problems.pop()(inbox, stack)
        take_effect(inbox, "h")

    answer = post(PATH, PUSH)

    assert (answer.status_code, answer.content) == (503, ERROR)
    assert (rows(inbox), effects(inbox)) == ([("h", "pending", 0)], ["before", "before"])
    assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert (rows(inbox), effects(inbox)) == ([("h", "done", 1)], ["before", "before", "h"])


@on_postgresql
@both_doors
def test_e6_a_claim_that_waits_too_long_is_tried_again(inbox: str, router: EventRouter, post: Post) -> None:
    """If another session has locked the inbox's tables, the answer is 503, and no handler runs."""
    runs: list[str] = []
    register(router, lambda event: runs.append(event.reference), is_async=False)

    with settings_of(inbox, OPTIONS={"options": "-c lock_timeout=10ms"}):
        with open_transaction(inbox) as other, other.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {StoredEvent._meta.db_table}")
            assert (post(PATH, PUSH).status_code, runs) == (503, [])
        assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert rows(inbox) == [("h", "done", 1)]


@pytest.fixture
def impatient(inbox: str) -> Iterator[None]:
    """SQLite waits for its lock for a hundredth of a second."""
    options = connections[inbox].settings_dict["OPTIONS"]
    with settings_of(inbox, OPTIONS={**options, "timeout": 0.01}):
        yield


@on_sqlite
@both_doors
def test_e6_a_locked_database_is_tried_again(inbox: str, router: EventRouter, post: Post, impatient: None) -> None:
    """If another session has SQLite's lock when an event comes, the answer is 503, nothing is stored, and no handler runs."""
    runs: list[str] = []
    register(router, lambda event: runs.append(event.reference), is_async=False)

    with locked(inbox):
        assert (post(PATH, PUSH).status_code, runs) == (503, [])
    assert rows(inbox) == []
    assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert rows(inbox) == [("h", "done", 1)]


@on_sqlite
@both_doors
@pytest.mark.parametrize("max_attempts", [1, 10])
def test_e6_a_database_that_is_locked_after_the_claim_is_tried_again(
    inbox: str, router: EventRouter, post: Post, impatient: None, max_attempts: int
) -> None:
    """If another session takes SQLite's lock before the handler, the answer is 503, and the attempt does not count."""
    stack = ExitStack()
    runs: list[str] = []

    def lock(event: Event[Any]) -> None:
        if not runs:
            runs.append("locked")
            stack.enter_context(locked(inbox))

    register(router, lock, is_async=False, once=False)
    register(router, lambda event: take_effect(inbox, "h"), is_async=False, max_attempts=max_attempts)

    assert post(PATH, PUSH).status_code == 503
    stack.close()
    end_leases(inbox)
    assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert effects(inbox) == ["h"]


@contextmanager
def locked(alias: str) -> Generator[None]:
    """Hold SQLite's lock for the block."""
    with session(alias) as other:
        other.inc_thread_sharing()
        with other.cursor() as cursor:
            cursor.execute("BEGIN IMMEDIATE")
        yield
        with other.cursor() as cursor:
            cursor.execute("ROLLBACK")
