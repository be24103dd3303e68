"""Order on an event's page in the admin: the key of each delivery, and the delivery for which it waits."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from gcp_event_router import Event, EventRouter
from gcp_event_router.inbox.models import Delivery, State

from ...conftest import post_wsgi
from ...support.admin_pages import Pages, page_of, section, with_admin
from ...support.deliveries import push

pytestmark = [with_admin, pytest.mark.usefixtures("admin_site")]


class Change(BaseModel):
    customer: str


def test_the_page_of_a_delivery_that_waits(inbox: str, router: EventRouter) -> None:
    """It shows the key without its control characters, and the first open delivery of that key, unless it is this one."""

    @router.on("changed", payload=Change, name="follow", order_by=lambda event: event.payload.customer, deferred=True)
    def _(event: Event[Change]) -> None: ...

    for number in (1, 2):
        assert post_wsgi(f"/events/changed/{number}", push(number, {"customer": "<1>\x00\xe9"})).status_code == 201
    first, second = Delivery.objects.using(inbox).select_related("event").order_by("pk")
    pages = Pages("view_storedevent")

    def shown(delivery: Delivery) -> str:
        return section(pages.get(page_of(delivery.event)), "Deliveries")

    begin = r"Deliveries Handler State Attempts Times follow deferred ordered by <1>\x00\xe9 pending"
    assert shown(first).startswith(f"{begin} 0 of 1")
    assert shown(second).startswith(f"{begin} waits for delivery {first.pk} 0 of 1")

    Delivery.objects.using(inbox).filter(pk=first.pk).update(state=State.DONE)
    assert shown(second).startswith(f"{begin} 0 of 1")
