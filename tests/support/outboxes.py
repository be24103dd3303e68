"""What the tests of the outbox share: what its table holds, and how its time passes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import DateTimeField, ExpressionWrapper
from django.db.models.functions import Now

from gcp_event_router.outbox.models import OutgoingEvent, State

#: Emptying the tables of all other apps, too, would take most of the tests' time.
with_outboxes = pytest.mark.django_db(
    transaction=True, databases="__all__", available_apps=["gcp_event_router", "gcp_event_router.outbox", "tests.effects"]
)
on_postgresql = pytest.mark.parametrize("outbox", ["postgresql"], indirect=True)
on_sqlite = pytest.mark.parametrize("outbox", ["sqlite"], indirect=True)
on_mariadb = pytest.mark.parametrize("outbox", ["mariadb"], indirect=True)
#: SQLite has one writer at a time.
where_writers_overlap = pytest.mark.parametrize("outbox", ["postgresql", "mariadb"], indirect=True)
TOPIC = "projects/p/topics/orders"


def states(alias: str) -> list[tuple[bytes, str, int]]:
    """Of each event, in order, the payload, the state and the number of attempts."""
    rows = OutgoingEvent.objects.using(alias).order_by("pk").values_list("data", "state", "attempts")
    return [(bytes(data), str(state), attempts) for data, state, attempts in rows]


def end_leases(alias: str) -> None:
    """Let so much time pass that all leases end."""
    past = ExpressionWrapper(Now() - timedelta(seconds=1), output_field=DateTimeField())
    OutgoingEvent.objects.using(alias).filter(state=State.RUNNING).update(lease_until=past)


def end_waits(alias: str) -> None:
    """Let so much time pass that all events are due."""
    OutgoingEvent.objects.using(alias).exclude(not_before=None).update(not_before=Now())
