"""A schema for each tenant, which middleware chooses, while the inbox's tables are in the schema of all."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from django.db import connections

from gcp_event_router import Event, EventRouter
from gcp_event_router.router import CallNext

from ..conftest import post_wsgi
from ..support.deliveries import PATH, PUSH, effects, on_postgresql, rows, take_effect, with_databases

pytestmark = [with_databases, on_postgresql]


@pytest.fixture
def tenant(inbox: str) -> Generator[str]:
    """A schema that has the table of effects, too, but none of the inbox."""
    with connections[inbox].cursor() as cursor:
        cursor.execute("CREATE SCHEMA blue")
        cursor.execute("CREATE TABLE blue.effects_effect (LIKE public.effects_effect INCLUDING ALL)")
        yield "blue"
        cursor.execute("SET search_path = public")
        cursor.execute("DROP SCHEMA blue CASCADE")


@pytest.mark.parametrize("comes_back", [True, False], ids=["comes back", "stays in the tenant's schema"])
def test_effects_are_the_tenants_and_the_inbox_is_shared(inbox: str, router: EventRouter, tenant: str, comes_back: bool) -> None:
    """The handler writes to the tenant's table, and its delivery is done in the shared one, in the same transaction."""

    @router.use
    def in_tenant(event: Event[Any], call_next: CallNext) -> None:
        with connections[inbox].cursor() as cursor:
            cursor.execute(f"SET search_path = {tenant}, public")
            call_next(event)
            if comes_back:
                cursor.execute("SET search_path = public")

    @router.on("k", name="h")
    def handle(event: Event[Any]) -> None:
        take_effect(inbox, "h")

    answers = [post_wsgi(PATH, PUSH).status_code for _ in range(2)]
    with connections[inbox].cursor() as cursor:
        cursor.execute("SELECT handler FROM blue.effects_effect")
        written = cursor.fetchall()
        cursor.execute("SET search_path = public")

    assert (answers, rows(inbox), written, effects(inbox)) == ([201, 200], [("h", "done", 1)], [("h",)], [])
