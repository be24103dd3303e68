"""The commit of a sync handler's run, which PostgreSQL gets in one message with the statement that marks the delivery as done."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connections, transaction
from psycopg import OperationalError

from gcp_event_router import Event, EventRouter
from gcp_event_router.inbox import endings_postgresql, messages
from gcp_event_router.inbox.models import Delivery, StoredEvent
from gcp_event_router.signals import event_received

from ..conftest import Post, post_wsgi
from ..support.deliveries import (
    ERROR,
    PATH,
    PUSH,
    both_doors,
    effects,
    on_postgresql,
    push,
    rows,
    session,
    take_effect,
    with_databases,
)

pytestmark = [with_databases, on_postgresql]

#: What a trigger does once at the commit of an effect; a sequence counts what is undone, too.
ONCE = "IF nextval('effects_commits') = 1 THEN {} END IF;"


@contextmanager
def at_commit(alias: str, what: str) -> Generator[None]:
    """PostgreSQL does something when the row of an effect is committed."""
    with session(alias) as other, other.cursor() as cursor:
        cursor.execute("CREATE SEQUENCE effects_commits")
        cursor.execute(
            f"CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {ONCE.format(what)} RETURN NULL; END $$"
        )
        cursor.execute(
            "CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON effects_effect DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION at_commit()"
        )
        try:
            yield
        finally:
            cursor.execute("DROP TRIGGER at_commit ON effects_effect")
            cursor.execute("DROP FUNCTION at_commit")
            cursor.execute("DROP SEQUENCE effects_commits")


@pytest.fixture(autouse=True)
def warm(inbox: str, router: EventRouter) -> None:
    """The connection of this thread has prepared its statements; those of the other door are new."""

    @router.on("warm", name="warm")
    def _(event: Event[Any]) -> None: ...

    for number in (1, 2):
        assert post_wsgi("/events/warm/r", push(number)).status_code == 201
    StoredEvent.objects.using(inbox).all().delete()


@pytest.fixture
def runs(inbox: str, router: EventRouter) -> list[str]:
    """The runs of a handler that writes a row."""
    runs: list[str] = []

    @router.on("k", name="h")
    def _(event: Event[Any]) -> None:
        runs.append(event.reference)
        take_effect(inbox, "h")

    return runs


@pytest.mark.parametrize(
    ("what", "error_type"),
    [
        ("RAISE EXCEPTION 'no' USING ERRCODE = '23514';", "django.db.utils.IntegrityError"),
        ("PERFORM 1 / 0;", "django.db.utils.DataError"),
        ("PERFORM 'x'::integer;", "django.db.utils.DataError"),
        ("PERFORM 'x'::uuid;", "django.db.utils.DataError"),
    ],
)
@both_doors
def test_a_commit_that_a_constraint_refuses_is_a_failure(
    inbox: str, runs: list[str], post: Post, what: str, error_type: str
) -> None:
    """A deferred constraint is checked by COMMIT: the handler has failed, whatever error its trigger raises."""
    with at_commit(inbox, what):
        answer = post(PATH, PUSH)
        assert (answer.status_code, answer.content) == (400, ERROR)
        assert (rows(inbox), effects(inbox)) == ([("h", "failed", 1)], [])
        assert Delivery.objects.using(inbox).get().error_type == error_type
        assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert (len(runs), rows(inbox), effects(inbox)) == (2, [("h", "done", 2)], ["h"])


@pytest.mark.parametrize("code", ["40001", "40P01"])
@both_doors
def test_a_conflict_at_the_commit_repeats_the_run(inbox: str, runs: list[str], post: Post, code: str) -> None:
    """After a serialization failure or a deadlock at the COMMIT, the handler is called again in the same request."""
    with at_commit(inbox, f"RAISE EXCEPTION 'conflict' USING ERRCODE = '{code}';"):
        assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert (len(runs), rows(inbox), effects(inbox)) == (2, [("h", "done", 1)], ["h"])


@both_doors
def test_a_connection_that_is_lost_at_the_commit(inbox: str, runs: list[str], post: Post) -> None:
    """If the session ends before the commit, nothing is done: 503, and the handler runs again."""
    with at_commit(inbox, "PERFORM pg_terminate_backend(pg_backend_pid());"):
        assert post(PATH, PUSH).status_code == 503
        assert (rows(inbox), effects(inbox)) == ([("h", "pending", 0)], [])
        assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert (len(runs), rows(inbox), effects(inbox)) == (2, [("h", "done", 1)], ["h"])


def test_an_answer_to_the_commit_that_is_lost(inbox: str, runs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """If the connection breaks after the commit, but before its answer, the delivery is done: 409, and then it is a duplicate."""

    def lose(raw: Any, text: str) -> list[Any]:
        messages.send(raw, text)
        raw.close()
        msg = "server closed the connection unexpectedly"
        raise OperationalError(msg)

    with monkeypatch.context() as patch:
        patch.setattr(endings_postgresql, "send", lose)
        assert post_wsgi(PATH, PUSH).status_code == 409
    assert (rows(inbox), effects(inbox)) == ([("h", "done", 1)], ["h"])
    assert [post_wsgi(PATH, PUSH).status_code for _ in range(2)] == [200, 200]
    assert (len(runs), effects(inbox)) == (1, ["h"])


@both_doors
@pytest.mark.parametrize("has_key", [False, True], ids=["without", "with a business key"])
def test_a_claim_that_is_stolen_before_the_end_commits_nothing(
    inbox: str, router: EventRouter, post: Post, lines: Callable[[], list[str]], has_key: bool
) -> None:
    """If another worker has the delivery when the handler returns, its writes are undone, and its functions are not called."""
    called: list[str] = []

    @router.on("k", name="h", once_key=(lambda event: "key") if has_key else None)
    def _(event: Event[Any]) -> None:
        take_effect(inbox, "h")
        transaction.on_commit(lambda: called.append("h"), using=inbox)
        with session(inbox) as other, other.cursor() as cursor:
            cursor.execute("UPDATE gcp_event_inbox_delivery SET token = gen_random_uuid()")

    assert post(PATH, PUSH).status_code == 409
    assert (rows(inbox), effects(inbox), called) == ([("h", "running", 1)], [], [])
    assert not [line for line in lines() if line.startswith("ERROR")]


@both_doors
def test_an_event_that_is_deleted_before_the_end_commits_nothing(inbox: str, router: EventRouter, post: Post) -> None:
    """If the delivery is gone when the handler returns, so are its writes."""

    @router.on("k", name="h")
    def _(event: Event[Any]) -> None:
        take_effect(inbox, "h")
        with session(inbox) as other, other.cursor() as cursor:
            cursor.execute("DELETE FROM gcp_event_inbox_delivery")

    assert post(PATH, PUSH).status_code == 409
    assert (rows(inbox), effects(inbox)) == ([], [])


@both_doors
def test_functions_for_after_the_commit_see_what_is_committed(inbox: str, router: EventRouter, post: Post) -> None:
    """Such a function is called when other sessions see the handler's writes, and when its connection commits by itself again."""
    seen: list[object] = []

    def look() -> None:
        with session(inbox) as other, other.cursor() as cursor:
            cursor.execute("SELECT state, effect.handler FROM gcp_event_inbox_delivery, effects_effect AS effect")
            seen.append(cursor.fetchall())
        seen.append(connections[inbox].get_autocommit())
        take_effect(inbox, "after")

    @router.on("k", name="h")
    def _(event: Event[Any]) -> None:
        take_effect(inbox, "h")
        transaction.on_commit(look, using=inbox)

    assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert (seen, effects(inbox)) == ([[("done", "h")], True], ["after", "h"])


def test_a_run_within_a_run_commits_with_the_outer_one(inbox: str, router: EventRouter) -> None:
    """An event that a handler sends is done when the handler is: its own end commits nothing."""
    visible: list[int] = []

    @router.on("k", name="outer")
    def _(event: Event[Any]) -> None:
        event_received.send(None, event_kind="inner", event_reference="r", event_payload=PUSH, event_parameters={})
        with session(inbox) as other, other.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM effects_effect")
            visible.append(cursor.fetchone()[0])

    @router.on("inner", name="inner")
    def _inner(event: Event[Any]) -> None:
        take_effect(inbox, "inner")

    assert post_wsgi(PATH, PUSH).status_code == 201
    assert (visible, effects(inbox)) == ([0], ["inner"])
    assert rows(inbox) == [("outer", "done", 1), ("inner", "done", 1)]
