"""The page of one event in the admin: its deliveries, its payload, its envelope."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import override_settings
from django.utils.html import escape

from gcp_event_router import Backoff, Event, EventRouter, Principal
from gcp_event_router.inbox.models import Delivery, State, StoredEvent

from ...conftest import post_wsgi
from ...support.admin_pages import LIST, Pages, Shop, page_of, section, text, with_admin
from ...support.deliveries import PATH, PUSH

pytestmark = [with_admin, pytest.mark.usefixtures("admin_site")]
BROKEN = b'{"message": {"data": "####"}, "subscription": "s"}'
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?: [A-Z]{3})?"


@pytest.fixture
def shop(inbox: str, router: EventRouter) -> Shop:
    return Shop(inbox, router)


@pytest.fixture
def pages(inbox: str) -> Pages:
    return Pages("view_storedevent")


def test_what_is_known_of_an_event(shop: Shop, pages: Pages) -> None:
    """A page has the delivery, the payload with indents, and the envelope; and no button for who may decide nothing."""
    event = shop.order(4711)
    page = pages.get(page_of(event))

    assert "<h1>Event</h1>" in page
    assert "<h2>order-placed/4711</h2>" in page
    deliveries = section(page, "Deliveries")
    assert re.sub(TIME, "TIME", deliveries) == (
        "Deliveries Handler State Attempts Times shop.record done 1 of 1 created TIME started TIME finished TIME"
    )
    assert section(page, "Payload") == 'Payload JSON, 18 bytes Download { "order_id": 4711 }'
    assert '<pre dir="ltr" class="gei-payload"' in page
    assert "{\n  &quot;order_id&quot;: 4711\n}</pre>" in page
    assert re.sub(TIME, "TIME", section(page, "Envelope")) == (
        f"Envelope Form pubsub Key {event.pk} Received TIME Message id 4811 Subscription projects/p/subscriptions/s"
    )
    assert "<button" not in page.partition('id="content"')[2]


def test_parameters_attributes_and_the_sender(shop: Shop, pages: Pages) -> None:
    """Each value of a parameter is shown, each attribute, and who sent it."""
    body = json.dumps({"message": {"messageId": "1", "attributes": {"colour": "blå", "size": "<b>"}}, "subscription": "s"})
    post_wsgi("/events/order-placed/1?a=1&a=2&b=", body.encode())
    events = StoredEvent.objects.using(shop.alias)
    principal = Principal("oidc", "push@shop.example", "17", {})
    events.update(
        principal=json.dumps({name: getattr(principal, name) for name in ("method", "email", "subject")} | {"claims": {}})
    )
    page = pages.get(page_of(events.get()))

    assert section(page, "Attributes") == "Attributes colour blå size <b>"
    assert section(page, "Parameters") == "Parameters a 1 a 2 b"
    assert section(page, "Envelope").endswith("Authenticated by oidc Sender push@shop.example Token's subject 17")
    assert section(page, "Payload") == "Payload None."


def test_errors(shop: Shop, pages: Pages) -> None:
    """What was invalid is listed with its place; another error has its type and its trail."""
    invalid, failed = shop.order(1, payload={"order_id": "one"}), shop.order(2, RuntimeError)
    Delivery.objects.using(shop.alias).filter(event=failed.pk).update(attempts=2, lost=1, sender_attempt=3)
    listed, trail = (section(pages.get(page_of(event)), "Deliveries") for event in (invalid, failed))

    assert (
        "gcp_event_router.exceptions.InvalidEventError order_id : "
        "Input should be a valid integer, unable to parse string as an integer (int_parsing) Text and traceback"
    ) in listed
    assert "shop.record parked 1 of 1 1 lost 3 by the sender created" in trail
    assert "builtins.RuntimeError" in trail
    assert "in record" in trail


def test_deferred(inbox: str, router: EventRouter, pages: Pages) -> None:
    """A deferred handler is marked as such; another one waits for a worker after a replay, and is not deferred."""

    @router.on("k", name="later", deferred=True)
    def _(event: Event[Any]) -> None: ...

    @router.on("k", name="now")
    def _(event: Event[Any]) -> None: ...

    post_wsgi(PATH, PUSH)
    event = StoredEvent.objects.using(inbox).get()
    deliveries = Delivery.objects.using(inbox)

    def shown() -> str:
        return re.sub(f" created {TIME}( started {TIME} finished {TIME})?", ",", section(pages.get(page_of(event)), "Deliveries"))

    assert "later deferred pending 0 of 10 retries at once, now done 1 of 10," in shown()
    deliveries.filter(handler="now").update(deferred=True)
    assert "later deferred pending 0 of 10 retries at once, now done 1 of 10," in shown()
    deliveries.filter(handler="now").update(state=State.PENDING)
    assert "later deferred pending 0 of 10 retries at once, now waits for a worker pending 1 of 10 retries at once" in shown()


def test_when_and_how_a_delivery_is_tried_again(inbox: str, router: EventRouter, pages: Pages) -> None:
    """The page of an event whose handler has failed has the time of the next attempt, and the policy."""

    @router.on("k", name="h", retry=Backoff(first=timedelta(hours=1), cap=timedelta(hours=1), jitter=0))
    def _(event: Event[Any]) -> None:
        raise RuntimeError

    post_wsgi(PATH, PUSH)
    deliveries = re.sub(TIME, "TIME", section(pages.get(page_of(StoredEvent.objects.using(inbox).get())), "Deliveries"))
    assert "h failed 1 of 10 retries after 1 h created TIME started TIME finished TIME next attempt TIME" in deliveries


def test_a_lost_run_has_no_type(shop: Shop, pages: Pages) -> None:
    """A run that ended without a word says so."""
    event = shop.order(1)
    Delivery.objects.using(shop.alias).update(state=State.PARKED, error_type="", error="the worker ended")

    assert section(pages.get(page_of(event)), "Deliveries").endswith("Lost the worker ended")


def test_a_request_that_could_not_be_read(inbox: str, router: EventRouter, pages: Pages) -> None:
    """Its body and its headers are shown, and why it could not be read."""
    Shop(inbox, router)
    post_wsgi("/events/order-placed/1", BROKEN, X_CloudTasks_QueueName="mail")
    event = StoredEvent.objects.using(inbox).get()
    page = pages.get(page_of(event))
    title = "Unreadable request"

    assert section(page, title) == title + ' JSON, 50 bytes Download { "message": { "data": "####" }, "subscription": "s" }'
    assert section(page, "Envelope").startswith("Envelope Form could not be read Key")
    assert "HTTP_X_CLOUDTASKS_QUEUENAME mail" in section(page, "Headers")
    assert section(page, "Deliveries").startswith("Deliveries Handler State Attempts Times none rejected 0 of 1")


@pytest.mark.parametrize("inbox", ["sqlite"], indirect=True)
def test_the_whole_envelope(inbox: str, router: EventRouter, pages: Pages) -> None:
    """Ordering key, subscription and publish time are facts of the envelope; a CloudEvent's attributes have their own section."""
    Shop(inbox, router)
    context = {"id": "7", "source": "//shop", "specversion": "1.0", "type": "order.placed", "subject": "a<b", "tenant": "north"}
    message = {
        "data": "e30=",
        "messageId": "17",
        "publishTime": "2026-03-09T12:00:00Z",
        "orderingKey": "customer-1",
        "attributes": {f"ce-{name}": value for name, value in context.items()},
    }
    post_wsgi("/events/order-placed/1", json.dumps({"message": message, "subscription": "projects/p/subscriptions/s"}).encode())

    page = pages.get(page_of(StoredEvent.objects.using(inbox).get()))

    assert re.sub(TIME, "TIME", section(page, "Envelope")).endswith(
        "Message id 7 Subscription projects/p/subscriptions/s Published TIME Ordering key customer-1"
    )
    assert section(page, "CloudEvent") == (
        "CloudEvent id 7 source //shop specversion 1.0 type order.placed subject a<b tenant north"
    )


@pytest.mark.parametrize("inbox", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("time", "zone"), [("0001-01-01T00:00:00", "America/New_York"), ("9999-12-31T23:59:59", "Asia/Tokyo")])
def test_a_time_that_no_clock_here_can_show(inbox: str, router: EventRouter, pages: Pages, time: str, zone: str) -> None:
    """Senders write the first or the last time for none; where it has no local time, it stays in UTC."""
    Shop(inbox, router)
    headers = {"ce_id": "7", "ce_source": "//shop", "ce_specversion": "1.0", "ce_type": "order.placed", "ce_time": f"{time}Z"}
    post_wsgi("/events/order-placed/1", b"{}", **headers)

    with override_settings(TIME_ZONE=zone):
        page = pages.get(page_of(StoredEvent.objects.using(inbox).get()))

    assert section(page, "Envelope").endswith(f"Message id 7 Published {time}+00:00")


@pytest.mark.parametrize("inbox", ["sqlite"], indirect=True)
def test_an_event_that_cannot_be_read_any_more(shop: Shop, pages: Pages) -> None:
    """A row that was changed by hand has a page all the same, which says so."""
    event = shop.order(1)
    StoredEvent.objects.using(shop.alias).update(meta="{", principal="[", parameters="]")

    page = pages.get(page_of(event))

    assert section(page, "Envelope").startswith("Envelope Form pubsub, which can no longer be read Key")
    assert section(page, "Headers") == "Headers {"


@pytest.mark.parametrize("inbox", ["sqlite"], indirect=True)
def test_the_text_of_an_error_is_on_the_page(shop: Shop, pages: Pages) -> None:
    """Whoever may see the payload sees the exception's text and traceback, as text."""
    event = shop.order(1, RuntimeError)
    Delivery.objects.using(shop.alias).update(error_text="builtins.RuntimeError: <b>no stock\x1b[2J</b>\n  File ...")

    page = pages.get(page_of(event))

    assert section(page, "Deliveries").endswith("Text and traceback builtins.RuntimeError: <b>no stock\\u001b[2J</b> File ...")
    assert "&lt;b&gt;no stock" in page


HOSTILE = "</pre><script>alert(1)</script>\x1b[2J\u202e"


def test_a_hostile_payload_is_text(shop: Shop, pages: Pages) -> None:
    """Markup in a payload is shown, not obeyed; what does not print or turns text around is written as JSON writes it."""
    event = shop.order(1, payload={"order_id": 1, "note": HOSTILE})
    page = pages.get(page_of(event))

    assert "<script>alert" not in page
    assert escape("</pre><script>alert(1)</script>\\u001b[2J\\u202e") in page


def test_a_long_payload_is_cut_and_can_be_downloaded(shop: Shop, pages: Pages) -> None:
    """A page shows the beginning; the file has all bytes, and no browser shows it."""
    data = json.dumps({"order_id": 1, "note": "x" * 100_000}).encode()
    post_wsgi("/events/order-placed/1", data)
    event = StoredEvent.objects.using(shop.alias).get()
    page = pages.get(page_of(event))
    (address,) = re.findall(r'href="([^"]*/payload/)"', page)
    response = pages.client.get(address)

    assert "33.7 KB omitted." in text(page)
    assert len(page) < 90_000
    assert response.content == data
    names = ("Content-Type", "Content-Disposition", "Content-Security-Policy", "X-Content-Type-Options")
    assert [response[name] for name in names] == [
        "application/octet-stream",
        f'attachment; filename="{event.pk}.bin"',
        "sandbox",
        "nosniff",
    ]


@pytest.mark.parametrize("name", ["x", "00000000-0000-0000-0000-000000000000", "_00", "%00"])
@pytest.mark.parametrize("view", ["change", "payload", "history"])
def test_no_such_event(inbox: str, pages: Pages, view: str, name: str) -> None:
    """A page of an event that there is not is not found, or leads back to the start of the admin."""
    response = pages.client.get(f"{LIST}{name}/{view}/")

    assert (response.status_code, response.headers.get("Location")) in {(404, None), (302, "/admin/")}


def test_an_event_without_deliveries(inbox: str, pages: Pages) -> None:
    """An event that was for nobody says so."""
    event = StoredEvent.objects.using(inbox).create(key=UUID(int=0), kind="k", reference="r", body=b"{}", digest=b"")

    assert section(pages.get(page_of(event)), "Deliveries") == "Deliveries Handler State Attempts Times None."
