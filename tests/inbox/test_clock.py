"""Times by the database's clock, as people see them: ages are correct, even if times have no zone.

Django's documentation, "Time zones": with `USE_TZ = False`, times are naive and in `TIME_ZONE`. SQLite's clock is in UTC.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.test import override_settings
from django.utils import timezone

from gcp_event_router import Event, EventRouter
from gcp_event_router._boxes.clock import as_shown, now
from gcp_event_router.inbox.models import Delivery, State, StoredEvent

from ..conftest import Post
from ..support.admin_pages import Pages, Shop, page_of, with_admin
from ..support.deliveries import PATH, PUSH, ahead

pytestmark = [with_admin, pytest.mark.usefixtures("admin_site")]

ON_SERVER_TIME = {"mariadb"}
"""Databases whose times are in the zone of the session, and are not converted."""


@pytest.fixture(params=["Asia/Tokyo", "America/New_York", "Asia/Kolkata"])
def zone(request: pytest.FixtureRequest, inbox: str) -> Iterator[str]:
    """A site without time zones, far from UTC."""
    with override_settings(USE_TZ=False, TIME_ZONE=request.param):
        yield request.param


def is_now(time: datetime) -> bool:
    return abs(timezone.now() - time) < timedelta(minutes=5)


def test_the_list_of_the_command(inbox: str, router: EventRouter, zone: str) -> None:
    """`inbox list` shows the age of an event; as JSON, its local time."""
    Shop(inbox, router).order(1)
    out = io.StringIO()
    call_command("inbox", "list", stdout=out)
    assert re.search(r"  \d+ s  ", out.getvalue())

    out = io.StringIO()
    call_command("inbox", "list", "--format", "json", stdout=out)
    if inbox not in ON_SERVER_TIME:
        delivery = json.loads(out.getvalue())
        assert all(is_now(datetime.fromisoformat(delivery[name])) for name in ("received_at", "created_at", "finished_at"))


def test_the_admin(inbox: str, router: EventRouter, zone: str) -> None:
    """The list shows the age of an event, and its page the local time."""
    event = Shop(inbox, router).order(1)
    pages = Pages("view_storedevent")

    ((title, age),) = re.findall(r'<time [^>]*title="([^"]*)">(.*?)</time>', pages.get())
    assert age == "0\xa0minutes"
    if inbox not in ON_SERVER_TIME:
        assert is_now(datetime.fromisoformat(title))
        assert f"{timezone.now():%H}:" in pages.get(page_of(event)) or timezone.now().minute == 0


def test_selections_by_age(inbox: str, router: EventRouter, zone: str) -> None:
    """The database computes the ages in selections."""
    Shop(inbox, router).order(1)
    counts: list[int] = []
    for arguments in (("--newer-than", "5m"), ("--older-than", "5m")):
        out = io.StringIO()
        call_command("inbox", "list", "--json", *arguments, stdout=out)
        counts.append(len(out.getvalue().splitlines()))

    assert counts == [1, 0]


def test_the_wait_for_a_lease(inbox: str, router: EventRouter, zone: str, post: Post) -> None:
    """Retry-After is the time until the lease ends."""

    @router.on("k", name="h")
    def _(event: Event[Any]) -> None: ...

    post(PATH, PUSH)
    Delivery.objects.using(inbox).update(state=State.RUNNING, lease_until=ahead(1))

    assert 3_590 < int(post(PATH, PUSH)["Retry-After"]) <= 3_601


def test_the_same_clock(inbox: str, zone: str) -> None:
    """The database's clock is that of its rows, so an event that was just stored has no age."""
    time = StoredEvent.objects.using(inbox).create(key=UUID(int=1), kind="k", reference="r", body=b"", digest=b"").received_at

    assert abs(now(inbox) - time) < timedelta(minutes=5)
    if inbox not in ON_SERVER_TIME:
        assert is_now(as_shown(inbox, time))
