"""A transaction that ends without its handler noticing: its writes are gone, so the handler is not done."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.db import DatabaseError, connections, transaction

from gcp_event_router import Event, EventRouter
from gcp_event_router.inbox.models import Delivery
from gcp_event_router.signals import event_received

from ..conftest import Post, post_wsgi
from ..effects.models import Effect
from ..support.deliveries import PATH, PUSH, beside, effects, end_leases, rows, session, take_effect, with_databases

pytestmark = with_databases

ROLLED_BACK = "gcp_event_router.inbox.errors.RolledBackError"
INSERT = "INTO effects_effect (id, handler, reference) VALUES (1, 'other', 'r')"


def execute(alias: str, *statements: str) -> None:
    with connections[alias].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def roll_back(alias: str) -> None:
    execute(alias, "ROLLBACK")


def roll_back_and_begin(alias: str) -> None:
    execute(alias, "ROLLBACK", "BEGIN")


def roll_back_by_the_driver(alias: str) -> None:
    connections[alias].connection.rollback()


def roll_back_and_begin_by_the_driver(alias: str) -> None:
    cursor = connections[alias].connection.cursor()
    cursor.execute("ROLLBACK")
    cursor.execute("BEGIN")


def roll_back_by_the_driver_and_write(alias: str) -> None:
    connections[alias].connection.rollback()
    if alias != "sqlite":  # where the statement would be a transaction of its own, which Django's cursor alone can prevent
        connections[alias].connection.cursor().execute(f"INSERT {INSERT}")


def roll_back_after_a_savepoint(alias: str) -> None:
    with suppress(DatabaseError), transaction.atomic(using=alias):
        execute(alias, "ROLLBACK")


def fill_the_disk(alias: str) -> None:
    """SQLite rolls everything back then: https://sqlite.org/lang_transaction.html, "Response To Errors Within A Transaction"."""
    with connections[alias].cursor() as cursor:  # what other tests have left free in the file is taken first
        free, size = (cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_size"))
    execute(alias, f"INSERT INTO effects_effect (handler, reference) VALUES ('', zeroblob({free * size}))")
    execute(alias, "PRAGMA cache_size = 1", "PRAGMA max_page_count = 1")
    try:
        with suppress(DatabaseError):
            for _ in range(10_000):
                execute(alias, f"INSERT INTO effects_effect (handler, reference) VALUES ('{'x' * 250}', '{'y' * 250}')")
    finally:
        connections[alias].connection.execute("PRAGMA max_page_count = 1073741823")
        connections[alias].connection.execute("PRAGMA cache_size = -2000")


def insert_or_roll_back(alias: str) -> None:
    """https://sqlite.org/lang_conflict.html, ROLLBACK."""
    with suppress(DatabaseError):
        execute(alias, f"INSERT {INSERT}", f"INSERT OR ROLLBACK {INSERT}")


def raise_rollback(alias: str) -> None:
    """https://sqlite.org/lang_createtrigger.html, RAISE(ROLLBACK)."""
    trigger = "CREATE TEMP TRIGGER no BEFORE INSERT ON effects_effect WHEN new.id = 1 BEGIN SELECT RAISE(ROLLBACK, 'no'); END"
    with suppress(DatabaseError):
        execute(alias, trigger, f"INSERT {INSERT}")


def meet_a_deadlock(alias: str) -> None:
    """InnoDB rolls the smaller transaction back: https://mariadb.com/kb/en/innodb-lock-modes/, "Deadlocks"."""
    first, second = (f"UPDATE effects_effect SET reference = 'd' WHERE id = {pk}" for pk in (-1, -2))
    with session(alias) as other, other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(second)
        for _ in range(50):
            cursor.execute("INSERT INTO effects_effect (handler, reference) VALUES ('other', 'd')")
        execute(alias, first)
        with beside(lambda: cursor.execute(first)), suppress(DatabaseError):
            execute(alias, second)
            pytest.fail("no deadlock")
        cursor.execute("ROLLBACK")


EVERYWHERE = [
    roll_back,
    roll_back_and_begin,
    roll_back_by_the_driver,
    roll_back_and_begin_by_the_driver,
    roll_back_by_the_driver_and_write,
]
ENDS = [
    *((alias, end) for alias in ("sqlite", "postgresql", "mariadb") for end in EVERYWHERE),
    *((alias, roll_back_after_a_savepoint) for alias in ("postgresql", "mariadb")),
    *(("sqlite", end) for end in (fill_the_disk, insert_or_roll_back, raise_rollback)),
    ("mariadb", meet_a_deadlock),
]
by_all_ends = pytest.mark.parametrize(
    ("inbox", "end"), ENDS, ids=[f"{alias}-{end.__name__}" for alias, end in ENDS], indirect=["inbox"]
)


@by_all_ends
@pytest.mark.parametrize("writes_more", [False, True], ids=["returns", "writes more"])
def test_a_transaction_that_is_gone_is_no_success(
    inbox: str, router: EventRouter, post: Post, end: Callable[[str], None], writes_more: bool
) -> None:
    """A handler that continues after its transaction was rolled back has failed: none of its writes stay, and it runs again."""
    Effect.objects.using(inbox).bulk_create([Effect(pk=-1, handler="", reference=""), Effect(pk=-2, handler="", reference="")])
    ends = [end]

    @router.on("k", name="h")
    def _(event: Event[Any]) -> None:
        take_effect(inbox, "h")
        if ends:
            with suppress(DatabaseError):
                ends.pop()(inbox)
            with suppress(DatabaseError):
                if writes_more:
                    take_effect(inbox, "h")

    assert post(PATH, PUSH).status_code == 400
    assert (rows(inbox), effects(inbox)) == ([("h", "failed", 1)], ["", ""])
    assert Delivery.objects.using(inbox).get().error_type == ROLLED_BACK
    assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert (rows(inbox), effects(inbox)) == ([("h", "done", 2)], ["", "", "h"])


COMMITS = [
    *((alias, "COMMIT") for alias in ("sqlite", "postgresql", "mariadb")),
    ("postgresql", "COMMIT AND CHAIN"),
    ("mariadb", "COMMIT AND CHAIN"),
    ("mariadb", "ALTER TABLE effects_effect COMMENT 'implicit commit'"),
]


@pytest.mark.parametrize(("inbox", "statement"), COMMITS, indirect=["inbox"])
def test_a_transaction_that_its_handler_commits_is_no_success(inbox: str, router: EventRouter, statement: str) -> None:
    """The inbox cannot undo what a handler committed, but records a failure, and undoes what the handler wrote afterwards."""

    @router.on("k", name="h")
    def _(event: Event[Any]) -> None:
        execute(inbox, statement)
        with suppress(DatabaseError):
            take_effect(inbox, "h")

    assert post_wsgi(PATH, PUSH).status_code == 400
    assert (rows(inbox), effects(inbox)) == ([("h", "failed", 1)], [])
    assert Delivery.objects.using(inbox).get().error_type == ROLLED_BACK


@pytest.mark.parametrize("inbox", ["sqlite", "postgresql", "mariadb"], indirect=True)
def test_an_error_that_leaves_the_transaction_may_be_caught(inbox: str, router: EventRouter) -> None:
    """A handler that catches an error within its own savepoint is done."""

    @router.on("k", name="h")
    def _(event: Event[Any]) -> None:
        take_effect(inbox, "h")
        with suppress(DatabaseError), transaction.atomic(using=inbox):
            execute(inbox, "SELECT * FROM nowhere")

    assert post_wsgi(PATH, PUSH).status_code == 201
    assert (rows(inbox), effects(inbox)) == ([("h", "done", 1)], ["h"])


@pytest.mark.parametrize("inbox", ["sqlite", "postgresql", "mariadb"], indirect=True)
@pytest.mark.parametrize("culprit", ["outer", "inner", "innermost"])
def test_a_run_within_a_run_has_a_mark_too(inbox: str, router: EventRouter, culprit: str) -> None:
    """A handler sends an event, whose handler sends another: all of them are done in one transaction, or none."""
    culprits = [culprit]

    def register_sender(name: str, sends: str) -> None:
        @router.on(name, name=name)
        def _(event: Event[Any]) -> None:
            take_effect(inbox, name)
            if sends:
                event_received.send(None, event_kind=sends, event_reference="r", event_payload=PUSH, event_parameters={})
            if name in culprits:
                roll_back(inbox)

    register_sender("k", "inner")
    register_sender("inner", "innermost")
    register_sender("innermost", "")
    culprits[0] = "k" if culprit == "outer" else culprit

    assert post_wsgi(PATH, PUSH).status_code in {400, 503}
    assert effects(inbox) == []
    assert not Delivery.objects.using(inbox).filter(state="done").exists()
    culprits.clear()
    end_leases(inbox)
    assert post_wsgi(PATH, PUSH).status_code == 201
    assert effects(inbox) == ["inner", "innermost", "k"]
