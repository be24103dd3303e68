"""The filter by how long ago an event came."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from gcp_event_router import EventRouter
from gcp_event_router.inbox.models import StoredEvent

from ...support.admin_pages import Pages, Shop, references, with_admin


@with_admin
@pytest.mark.usefixtures("admin_site")
def test_the_last_hour_day_and_week(inbox: str, router: EventRouter) -> None:
    """Each choice has the events of that time, and its link keeps what else the list is narrowed to."""
    shop = Shop(inbox, router)
    for number, ago in enumerate([timedelta(), timedelta(hours=2), timedelta(days=2), timedelta(days=8)]):
        shop.order(number)
        StoredEvent.objects.using(inbox).filter(reference=str(number)).update(received_at=timezone.now() - ago)
    pages = Pages("view_storedevent")

    assert 'href="?received=hour&amp;state=done"' in pages.get(state="done")
    assert references(pages.get(received="hour")) == ["0"]
    assert references(pages.get(received="day")) == ["0", "1"]
    assert references(pages.get(received="week")) == ["0", "1", "2"]
    assert references(pages.get(received="year")) == ["0", "1", "2", "3"]
