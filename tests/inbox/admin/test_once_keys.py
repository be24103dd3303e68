"""Business keys in the admin and in `inbox show`: each delivery with its key, and a duplicate with the delivery before it."""

from __future__ import annotations

import json
import re
from io import StringIO

import pytest
from django.core.management import call_command
from pydantic import BaseModel

from gcp_event_router import Event, EventRouter
from gcp_event_router.inbox.models import Delivery, OnceKey, StoredEvent

from ...conftest import post_wsgi
from ...support.admin_pages import LIST, Pages, page_of, references, rows, section, with_admin
from ...support.deliveries import push

pytestmark = [with_admin, pytest.mark.usefixtures("admin_site")]
KEY = "pay <1>\xe9"
SHOWN = r"pay <1>\xe9"


class Payment(BaseModel):
    payment_id: str


@pytest.fixture
def deliveries(inbox: str, router: EventRouter) -> list[Delivery]:
    """Two deliveries with one key: one that was done, and its duplicate."""

    @router.on("paid", payload=Payment, name="shop.book", once_key=lambda event: event.payload.payment_id)
    def _(event: Event[Payment]) -> None: ...

    for number in (1, 2):
        assert post_wsgi(f"/events/paid/{number}", push(number, {"payment_id": KEY})).status_code in {200, 201}
    return list(Delivery.objects.using(inbox).select_related("event").order_by("pk"))


def show(identifier: object, *options: str) -> str:
    out = StringIO()
    call_command("inbox", "show", str(identifier), *options, stdout=out)
    return out.getvalue()


def test_the_page_of_a_duplicate(inbox: str, deliveries: list[Delivery]) -> None:
    """It shows the key, and links to the event whose delivery was done with it, unless that has been purged."""
    pages = Pages("view_storedevent")
    first, second = deliveries
    page = pages.get(page_of(second.event))

    assert f"Deliveries Handler State Attempts Times shop.book key {SHOWN} done duplicate of {first.pk} 0 of 10" in section(
        page, "Deliveries"
    )
    assert re.search(rf'<a href="{page_of(first.event)}">duplicate of {first.pk}</a>', page)
    assert f"shop.book key {SHOWN} done 1 of 10" in section(pages.get(page_of(first.event)), "Deliveries")

    StoredEvent.objects.using(inbox).filter(pk=first.event.pk).delete()
    assert f"done duplicate of {first.pk} 0 of 10" in section(pages.get(page_of(second.event)), "Deliveries")


def test_the_list(deliveries: list[Delivery], router: EventRouter) -> None:
    """It has a column of keys if a handler has them, and finds the event that was done with a key."""
    pages = Pages("view_storedevent")
    first, _ = deliveries

    assert rows(pages.get()) == [
        ["done 0 of 10", "paid/2", "shop.book", f"{SHOWN} (duplicate of {first.pk})", "-"],
        ["done 1 of 10", "paid/1", "shop.book", SHOWN, "-"],
    ]
    assert references(pages.get(LIST, q=KEY)) == ["1"]
    with router.isolated(empty=True):
        assert len(rows(pages.get())[0]) == 4


def test_show(inbox: str, deliveries: list[Delivery]) -> None:
    """`inbox show` finds an event by the key with which it was done, and shows the key and duplicates."""
    first, second = deliveries

    assert f"delivery {first.pk} to shop.book: done, attempt 1 of 10\n  key {SHOWN}\n" in show(KEY)
    assert (
        f"delivery {second.pk} to shop.book: done, attempt 0 of 10\n  key {SHOWN}\n  duplicate of delivery {first.pk}, "
        in show(second.pk)
    )
    line = json.loads(show(second.pk, "--format", "json"))
    assert (line["once_key"], line["duplicate_of"]) == (SHOWN, first.pk)

    Delivery.objects.using(inbox).filter(pk=first.pk).update(state="running", once_key="")
    OnceKey.objects.using(inbox).update(done_at=None)
    assert f"delivery {first.pk} to shop.book: running, attempt 1 of 10\n  key {SHOWN}\n" in show(first.pk)
