"""Handlers that change the transaction in which they run. Rows E7 to E9."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, connections, transaction

from gcp_event_router import Event, EventRouter
from gcp_event_router.inbox.models import Delivery
from gcp_event_router.signals import event_received

from ..conftest import Post, post_wsgi
from ..effects.models import Effect
from ..support.deliveries import (
    ERROR,
    PATH,
    PUSH,
    effects,
    register,
    rows,
    settings_of,
    sync_or_async,
    take_effect,
    with_databases,
)

pytestmark = with_databases

SECRET = "s3cr3t"


def error_type(alias: str) -> str:
    return Delivery.objects.using(alias).get().error_type


def create_twice(alias: str) -> None:
    for _each in range(2):
        Effect.objects.using(alias).create(pk=1, handler="h", reference="r")


def insert_twice(alias: str) -> None:
    with connections[alias].cursor() as cursor:
        for _each in range(2):
            cursor.execute("INSERT INTO effects_effect (id, handler, reference) VALUES (1, 'h', 'r')")


@pytest.mark.parametrize(
    ("inbox", "write", "expected"),
    [
        ("sqlite", create_twice, "gcp_event_router.inbox.errors.RolledBackError"),
        ("postgresql", create_twice, "gcp_event_router.inbox.errors.RolledBackError"),
        ("postgresql", insert_twice, "django.db.utils.InternalError"),
    ],
    indirect=["inbox"],
)
def test_e7_a_broken_transaction_is_no_success(
    inbox: str, router: EventRouter, post: Post, write: Callable[[str], None], expected: str
) -> None:
    """A handler that catches an IntegrityError of its transaction, from the ORM or from SQL, has failed: nothing is committed."""

    @router.on("k", name="h")
    def _(event: Event[Any]) -> None:
        with suppress(IntegrityError):
            write(inbox)

    assert post(PATH, PUSH).status_code == 400
    assert (rows(inbox), effects(inbox), error_type(inbox)) == ([("h", "failed", 1)], [], expected)


def test_e7_a_connection_that_its_handler_closes_is_no_success(inbox: str, router: EventRouter, post: Post) -> None:
    """A handler that closes its connection has failed, and nothing is committed; its thread continues."""
    closes = [True]

    @router.on("k", name="h")
    def _(event: Event[Any]) -> None:
        take_effect(inbox, "h")
        if closes:
            closes.clear()
            connections[inbox].close()

    assert (post(PATH, PUSH).status_code, rows(inbox), effects(inbox)) == (400, [("h", "failed", 1)], [])
    assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert (rows(inbox), effects(inbox)) == ([("h", "done", 2)], ["h"])


def test_e7_an_error_within_a_savepoint_may_be_swallowed(inbox: str, router: EventRouter, post: Post) -> None:
    """A handler that writes within its own `atomic` may continue after an IntegrityError."""

    @router.on("k", name="h")
    def _(event: Event[Any]) -> None:
        Effect.objects.using(inbox).create(pk=1, handler="h", reference="r")
        with pytest.raises(IntegrityError), transaction.atomic(using=inbox):
            create_twice(inbox)

    assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert (rows(inbox), effects(inbox)) == ([("h", "done", 1)], ["h"])


def test_e8_a_rollback_that_a_handler_asks_for_is_no_success(inbox: str, router: EventRouter, post: Post) -> None:
    """A handler that sets its transaction to be rolled back has failed, although it returns."""

    @router.on("k", name="h")
    def _(event: Event[Any]) -> None:
        take_effect(inbox, "h")
        transaction.set_rollback(True, using=inbox)

    answer = post(PATH, PUSH)
    assert (answer.status_code, answer.content, effects(inbox)) == (400, ERROR, [])
    assert rows(inbox) == [("h", "failed", 1)]
    assert error_type(inbox) == "gcp_event_router.inbox.errors.RolledBackError"
    assert Delivery.objects.using(inbox).get().error_text.splitlines()[0] == (
        "gcp_event_router.inbox.errors.RolledBackError: When the handler returned, its transaction had ended, or could only be "
        "rolled back. Leave its end to the inbox, and catch an error of the database only around an atomic block of your own."
    )


def test_e8_what_fails_after_the_commit_is_logged(
    inbox: str, router: EventRouter, post: Post, lines: Callable[[], list[str]]
) -> None:
    """A handler's `on_commit` callback raises: the handler is done and acknowledged, the failure is logged without its text."""

    def fail() -> None:
        raise RuntimeError(SECRET)

    @router.on("k", name="h")
    def _(event: Event[Any]) -> None:
        take_effect(inbox, "h")
        transaction.on_commit(fail, using=inbox)

    assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert (rows(inbox), effects(inbox)) == ([("h", "done", 1)], ["h"])
    logged = [line for line in lines() if line.startswith("ERROR")]
    name = f"{__name__}.test_e8_what_fails_after_the_commit_is_logged.<locals>.fail"
    assert [line.partition(" at ")[0] for line in logged] == [
        f"ERROR The on_commit function {name} of a handler failed: RuntimeError"
    ]
    assert SECRET not in "".join(lines())


class Callback:
    """A callable object without a name, for `on_commit`."""

    def __init__(self, called: list[str]) -> None:
        self._called = called

    def __call__(self) -> None:
        self._called.append("object")
        raise ValueError(SECRET)


def test_e8_each_function_that_is_left_for_after_the_commit_is_called(
    inbox: str, router: EventRouter, post: Post, lines: Callable[[], list[str]]
) -> None:
    """Each function runs, even if an earlier one fails, as with Django's `on_commit(robust=True)`; the log names failed ones."""
    called: list[str] = []

    def fail(name: str) -> None:
        called.append(name)
        raise RuntimeError(SECRET)

    def leave_another() -> None:
        transaction.on_commit(partial(fail, "at once"), using=inbox)

    @router.on("k", name="h")
    def _(event: Event[Any]) -> None:
        transaction.on_commit(partial(fail, "partial"), using=inbox)
        with transaction.atomic(using=inbox):
            transaction.on_commit(Callback(called), using=inbox)
        with suppress(KeyError), transaction.atomic(using=inbox):
            transaction.on_commit(partial(called.append, "undone"), using=inbox)
            raise KeyError
        transaction.on_commit(leave_another, using=inbox)
        transaction.on_commit(partial(fail, "robust"), using=inbox, robust=True)
        transaction.on_commit(partial(called.append, "last"), using=inbox)

    assert [post(PATH, PUSH).status_code for _ in range(2)] == [201, 200]
    assert called == ["partial", "object", "at once", "robust", "last"]
    place = f"{__name__}.test_e8_each_function_that_is_left_for_after_the_commit_is_called.<locals>"
    assert [line.partition(" at ")[0] for line in lines() if line.startswith("ERROR")] == [
        f"ERROR The on_commit function {place}.fail of a handler failed: RuntimeError",
        f"ERROR The on_commit function {__name__}.Callback of a handler failed: ValueError",
        f"ERROR The on_commit function {place}.leave_another of a handler failed: RuntimeError",
        f"ERROR The on_commit function {place}.fail of a handler failed: RuntimeError",
    ]
    assert SECRET not in "".join(lines())


@pytest.mark.parametrize("debug", [False, True])
def test_e9_a_failure_is_kept_under_atomic_requests(
    inbox: str, router: EventRouter, post: Post, settings: Any, debug: bool
) -> None:
    """With ATOMIC_REQUESTS, the row of a failure and the effects of other handlers stay, even if DEBUG raises the exception."""
    assert connections[inbox].settings_dict["ATOMIC_REQUESTS"] is True
    settings.DEBUG = debug

    @router.on("k", name="works")
    def _(event: Event[Any]) -> None:
        take_effect(inbox, "works")

    @router.on("k", name="fails")
    def _(event: Event[Any]) -> None:
        raise RuntimeError

    if debug:
        with pytest.raises(RuntimeError):
            post(PATH, PUSH)
    else:
        assert post(PATH, PUSH).status_code == 400
    assert (rows(inbox), effects(inbox)) == ([("works", "done", 1), ("fails", "failed", 1)], ["works"])


def test_e9_a_durable_block_is_a_failure_that_says_so(
    inbox: str, router: EventRouter, post: Post, lines: Callable[[], list[str]]
) -> None:
    """A handler cannot open a durable transaction, which is an ordinary failure; with `once=False` it can."""

    def work(event: Event[Any]) -> None:
        with transaction.atomic(using=inbox, durable=True):
            take_effect(inbox, "h")

    register(router, work, is_async=False)
    assert post(PATH, PUSH).status_code == 400
    assert (rows(inbox), effects(inbox), error_type(inbox)) == ([("h", "failed", 1)], [], "builtins.RuntimeError")
    assert "failed by h" in lines()[0]

    router._entries.clear()  # pyright: ignore[reportPrivateUsage] -- as if the project were deployed anew
    register(router, work, is_async=False, once=False)
    assert (post(PATH, PUSH).status_code, effects(inbox)) == (201, ["h"])


def test_e9_an_event_that_is_sent_in_a_transaction_shares_its_fate(inbox: str, router: EventRouter) -> None:
    """An event that is sent by the signal within a transaction is undone with it, and handled when it comes again."""
    register(router, lambda event: take_effect(inbox, "h"), is_async=False)
    sent: dict[str, Any] = {"event_kind": "k", "event_reference": "r", "event_payload": PUSH, "event_parameters": {}}

    with transaction.atomic(using=inbox):
        event_received.send(None, **sent)
        assert effects(inbox) == ["h"]
        transaction.set_rollback(True, using=inbox)

    assert (rows(inbox), effects(inbox)) == ([], [])
    event_received.send(None, **sent)
    assert (rows(inbox), effects(inbox)) == ([("h", "done", 1)], ["h"])


@sync_or_async
def test_without_autocommit_nothing_is_acknowledged(
    inbox: str, router: EventRouter, lines: Callable[[], list[str]], is_async: bool
) -> None:
    """With `AUTOCOMMIT` off, Django commits nothing by itself (documentation of the setting), so the inbox refuses each event."""
    seen: list[object] = []
    register(router, lambda event: seen.append(event.payload), is_async=is_async)

    with settings_of(inbox, AUTOCOMMIT=False):
        assert [post_wsgi(PATH, PUSH).status_code for _ in range(2)] == [400, 400]

    assert (seen, rows(inbox)) == ([], [])
    assert "ConfigurationError" in lines()[0]


def test_a_handler_that_turns_autocommit_off_keeps_the_next_from_being_acknowledged(inbox: str, router: EventRouter) -> None:
    """The next event's writes would be rolled back when the request's connection is closed (`transaction.set_autocommit`)."""

    @router.on("k", name="culprit", once=False)
    def _(event: Event[Any]) -> None:
        transaction.set_autocommit(False, using=inbox)

    register(router, lambda event: take_effect(inbox, "h"), is_async=False)

    assert post_wsgi(PATH, PUSH).status_code == 400
    connections[inbox].close()
    assert (effects(inbox), rows(inbox)) == ([], [("h", "running", 1)])


def test_a_connection_that_its_handler_drops_is_no_success(inbox: str, router: EventRouter) -> None:
    """`del connections[alias]` leaves the transaction to a connection that nobody commits (Django's `ConnectionHandler`)."""
    dropped = connections[inbox]

    def work(event: Event[Any]) -> None:
        take_effect(inbox, "h")
        del connections[inbox]
        dropped.close()

    register(router, work, is_async=False)

    try:
        assert post_wsgi(PATH, PUSH).status_code == 400
    finally:
        connections[inbox].close()
        connections[inbox] = dropped
        dropped.connect()
    assert (effects(inbox), rows(inbox)) == ([], [("h", "failed", 1)])
