"""Databases that undo a transaction because of another one: the inbox repeats its own statements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connections
from psycopg.errors import SerializationFailure

from gcp_event_router import EventRouter
from gcp_event_router.inbox.models import Delivery

from ..conftest import post_wsgi
from ..support.deliveries import effects, on_postgresql, push, register, rows, settings_of, take_effect, together, with_databases

pytestmark = with_databases

#: What makes a session SERIALIZABLE from its first statement on, claims in autocommit included.
SERIALIZABLE: dict[str, dict[str, Any]] = {
    "postgresql": {"options": "-c default_transaction_isolation=serializable"},
    "mariadb": {"isolation_level": "serializable", "charset": "utf8mb4"},
}


@pytest.mark.proof
@pytest.mark.parametrize("inbox", ["postgresql", "mariadb"], indirect=True)
@pytest.mark.parametrize("is_async", [False, True])
def test_under_serializable_isolation_few_senders_hear_of_conflicts(inbox: str, router: EventRouter, is_async: bool) -> None:
    """Of a hundred events, four at a time, nearly all get 201 at once: PostgreSQL, "Serializable Isolation Level"."""
    register(router, lambda event: None if is_async else take_effect(inbox, event.reference), is_async=is_async)

    def send(number: int) -> Counter[int]:
        return Counter(post_wsgi(f"/events/k/{number}-{copy}", push(f"{number}-{copy}")).status_code for copy in range(25))

    with settings_of(inbox, OPTIONS=SERIALIZABLE[inbox]):
        answers = sum(together(4, send), Counter[int]())
    assert answers[201] >= 95
    assert answers[201] + answers[503] == 100
    assert Delivery.objects.using(inbox).filter(state="done").count() == answers[201]
    assert len(effects(inbox)) == (0 if is_async else answers[201])


@on_postgresql
def test_a_conflict_between_two_claims_undoes_the_first(inbox: str, router: EventRouter) -> None:
    """If an event's claims need two statements, and the second one meets a conflict, both are repeated at once."""
    for name, most in (("a", 2), ("b", 3)):
        register(router, lambda event: None, is_async=False, name=name, max_attempts=most)
    assert post_wsgi("/events/k/1", push(1)).status_code == 201
    Delivery.objects.using(inbox).update(state="failed")
    answers = [SerializationFailure(), None]

    def execute(run: Callable[..., Any], statement: str, *args: Any) -> Any:
        if statement.startswith("UPDATE") and "'b'" in str(args[0]) and answers and (error := answers.pop(0)):
            raise OperationalError from error
        return run(statement, *args)

    with connections[inbox].execute_wrapper(execute):
        assert post_wsgi("/events/k/1", push(1)).status_code == 201
    assert rows(inbox) == [("a", "done", 2), ("b", "done", 2)]
