"""The last deliveries of a kind in the catalogue: which they are, who sees them, and what they cost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from django.db import connections
from django.test import override_settings
from pydantic import BaseModel

from gcp_event_router import Event, EventRouter, Reject
from gcp_event_router._dispatch.store import History, set_history
from gcp_event_router._globs.glob import Glob
from gcp_event_router._schema.personal import HIDDEN
from gcp_event_router.inbox.apps import load_history
from gcp_event_router.inbox.history import InboxHistory
from gcp_event_router.inbox.models import Delivery, State, StoredEvent
from gcp_event_router.privacy import Personal

from ..conftest import post_wsgi
from ..support.admin_pages import Pages, text, with_admin
from ..support.deliveries import push

pytestmark = [with_admin, pytest.mark.usefixtures("admin_site")]
VIEW = "view_storedevent"
CHANNEL = "/catalogue/channel/"


def record(event: Event[Any]) -> None:
    if event.payload == "bad":
        raise Reject


def bill(event: Event[Any]) -> None: ...


@pytest.fixture(autouse=True)
def _history() -> Iterator[None]:
    yield
    set_history(load_history)


@pytest.fixture
def shop(inbox: str, router: EventRouter) -> str:
    """Twelve orders, of which the last is rejected, and a few other events."""
    router.on("order-*", name="shop.record")(record)
    router.on("order-paid", name="shop.bill")(bill)
    router.on(ce_type="com.*", name="shop.typed")(bill)
    for number in range(12):
        post_wsgi(f"/events/order-placed/{number}", push(number, "bad" if number == 11 else number))
    post_wsgi("/events/order-paid/100", push(100))
    post_wsgi("/events/com.x/300", b"{}", ce_id="1", ce_source="s", ce_type="com.x", ce_specversion="1.0")
    for place, event in enumerate(StoredEvent.objects.using(inbox).order_by("deliveries__pk")):
        time = datetime(2026, 1, 1, 12, place, tzinfo=UTC)
        StoredEvent.objects.using(inbox).filter(pk=event.pk).update(received_at=time)
    return inbox


def shown(html: str) -> list[list[str]]:
    """The rows of the table of deliveries."""
    (found,) = re.findall(r'<h2 id="lately">(.*?)</section>', html, re.DOTALL)
    rows = re.findall(r'<tr role="row">(.*?)</tr>', found, re.DOTALL)[1:]
    return [[text(cell) for cell in re.findall(r"<t[hd] [^>]*>(.*?)</t[hd]>", row, re.DOTALL)] for row in rows]


@override_settings(TIME_ZONE="UTC")
def test_deliveries(shop: str) -> None:
    """The last ten, from the newest, with all that is known of them; each leads to its page in the admin."""
    html = Pages(VIEW).get(CHANNEL, kind="order-*")

    assert [row[1] for row in shown(html)] == [
        *("order-paid/100", "order-paid/100"),
        *(f"order-placed/{number}" for number in range(11, 3, -1)),
    ]
    assert shown(html)[2] == ["rejected", "order-placed/11", "shop.record", "1 of 10", "2026-01-01 12:11:00 UTC", "Reject"]
    assert shown(html)[3][-1] == "—"
    key = StoredEvent.objects.using(shop).get(reference="11").pk
    assert f'href="/admin/gcp_event_inbox/storedevent/{key}/change/"' in html


def test_all_deliveries(router: EventRouter, shop: str) -> None:
    """Below the last ones, a link leads to all of the kind, or to all of the only handler of a pattern or a type."""
    router.on("never-*", ce_type="com.*", name="one")(bill)
    router.on("never-*", ce_type="com.*", name="other")(record)
    pages = Pages(VIEW)

    def link(**query: str) -> list[tuple[str, str]]:
        return re.findall('<a href="([^"]*)">(All deliveries [a-z ]*)</a>', pages.get(CHANNEL, **query))

    where = "/admin/gcp_event_inbox/storedevent/"
    assert link(kind="order-paid") == [(f"{where}?kind=order-paid", "All deliveries of this kind")]
    assert link(kind="*", type="com.*") == [(f"{where}?handler=shop.typed", "All deliveries to its handler")]
    assert link(kind="order-*") == [(f"{where}?handler=shop.record", "All deliveries to its handler")]
    assert link(kind="never-*", type="com.*") == []
    assert pages.get(f"{where}?kind=order-paid").count('class="field-event') == 1


def test_deliveries_of_one_kind(router: EventRouter, shop: str) -> None:
    """Those of a kind are found by its index, however many others came since; of a type, by its handlers."""
    router.on("order-placed")(bill)
    pages = Pages(VIEW)

    assert [row[1] for row in shown(pages.get(CHANNEL, kind="order-placed"))] == [str(number) for number in range(11, 1, -1)]
    assert [row[1] for row in shown(pages.get(CHANNEL, kind="order-paid"))] == ["100", "100"]
    assert [row[1] for row in shown(pages.get(CHANNEL, kind="*", type="com.*"))] == ["com.x/300"]


def test_errors_quote_nothing_personal(router: EventRouter, shop: str) -> None:
    """The error of an event with a personal field has its type only, whoever looks."""

    class Customer(BaseModel):
        name: Annotated[str, Personal()]

    def greet(event: Event[Customer]) -> None:
        raise Reject(event.payload.name)

    router.on("customer", name="shop.greet")(greet)
    post_wsgi("/events/customer/1", push(1, {"name": "Ada"}))

    assert [row[-1] for row in shown(Pages(VIEW, "view_personal").get(CHANNEL, kind="customer"))] == [f"Reject: {HIDDEN}"]


def test_unread_events_are_there(shop: str, router: EventRouter) -> None:
    """What could not be read, and so was for no handler, is among them."""
    router.on("order-sent")(record)
    post_wsgi("/events/order-sent/7", b'{"message": {"data": "####"}, "subscription": "s"}')

    assert [row[:4] for row in shown(Pages(VIEW).get(CHANNEL, kind="order-sent"))] == [["rejected", "7", "—", "0 of 1"]]


def test_references_are_escaped(shop: str) -> None:
    """A reference is text, whatever it holds; what does not print is written so that it does."""
    StoredEvent.objects.using(shop).filter(reference="11").update(reference="<script>\u202e")

    html = Pages(VIEW).get(CHANNEL, kind="order-*")

    assert "<script>" not in html
    assert "order-placed/&lt;script&gt;\\u202e" in html


def test_who_may_not_view_sees_none(shop: str) -> None:
    """Without the inbox's own permission no reference is told, and the database is not asked."""
    pages = Pages()
    html = pages.get(CHANNEL, kind="order-*")

    assert "To see them, you need the permission gcp_event_inbox.view_storedevent." in html
    assert "order-placed/" not in html


@override_settings(ROOT_URLCONF="tests.catalogue.test_permissions")
def test_without_the_admin_there_is_no_link(shop: str) -> None:
    """Where the admin is not in the URLs, deliveries are told without a link."""
    html = Pages(VIEW).get(CHANNEL, kind="order-*")

    assert len(shown(html)) == 10
    assert "/change/" not in html


def test_without_an_inbox() -> None:
    """Where nothing keeps events, the page has no such section."""
    set_history(None)

    assert "Last deliveries" not in Pages(VIEW).client.get(CHANNEL, {"kind": "x"}).content.decode()


def test_without_an_inbox_the_page_is_there(router: EventRouter) -> None:
    """All else of it is."""
    router.on("a")(record)
    set_history(None)

    html = Pages(VIEW).get(CHANNEL, kind="a")

    assert "Last deliveries" not in html  # nor is there a link to it
    assert "Who may send it" in html


def test_database_that_is_away(shop: str) -> None:
    """If the inbox cannot be read, that is said in its place, and the rest of the page is there."""
    tables = (StoredEvent._meta.db_table, Delivery._meta.db_table)
    pages = Pages(VIEW)
    with connections[shop].cursor() as cursor:
        cursor.execute(f"ALTER TABLE {tables[1]} RENAME TO gone")
    try:
        html = pages.get(CHANNEL, kind="order-*")
    finally:
        with connections[shop].cursor() as cursor:
            cursor.execute(f"ALTER TABLE gone RENAME TO {tables[1]}")

    assert "The database cannot be read now." in html
    assert "Send it" in html


@pytest.mark.parametrize(("kind", "queries"), [("order-placed", 2), ("order-*", 1)])
def test_queries(router: EventRouter, shop: str, kind: str, queries: int, django_assert_num_queries: Any) -> None:
    """So many statements, however many events there are, and none for the list; each walks an index, and no table."""
    router.on("order-placed")(bill)
    pages = Pages(VIEW)
    told: History = InboxHistory()
    only = None if "*" in kind else kind

    with django_assert_num_queries(queries, using=shop) as captured:
        assert len(told.last(Glob(kind), only, None, 10)) == 10
    if shop == "sqlite":
        for query in captured.captured_queries:
            with connections[shop].cursor() as cursor:
                cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}")
                plan = [row[3] for row in cursor.fetchall()]
            scans = [each for each in plan if each.startswith("SCAN") and "gcp_event_inbox_delivery" not in each]
            assert scans == [], plan
            assert not any("TEMP B-TREE" in each for each in plan) or only, plan
    with django_assert_num_queries(0, using=shop):
        pages.get("/catalogue/")


def test_search_of_many_ends(shop: str) -> None:
    """Of a pattern's deliveries those are told that are among the newest thousand of all."""
    event = StoredEvent.objects.using(shop).get(reference="300")
    rows = [Delivery(event=event, handler=f"h{number}", state=State.DONE) for number in range(1000)]
    Delivery.objects.using(shop).bulk_create(rows)

    assert InboxHistory().last(Glob("order-*"), None, None, 10) == []
    assert len(InboxHistory().last(Glob("order-placed"), "order-placed", None, 10)) == 10
