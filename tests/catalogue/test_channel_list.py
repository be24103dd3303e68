"""The catalogue's list: what it says of each channel, what a search finds, and that it does not look at more than it shows."""

from __future__ import annotations

import re
from html import unescape
from typing import Annotated, Any

import pytest
from django.contrib.auth.models import User
from django.test import override_settings
from django.urls import include, path
from pydantic import BaseModel, Discriminator, Tag, TypeAdapter

from gcp_event_router import Event, EventRouter
from gcp_event_router.catalogue import channel_list
from gcp_event_router.signals import event_received

from ..support.admin_pages import Pages, text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("admin_site")]
HERE = "tests/catalogue/test_channel_list.py"
HOSTILE = "<script>alert('\"&')</script>"


class Order(BaseModel):
    order_id: int


class Place(BaseModel):
    warehouse: int = 1


def record(event: Event[Order]) -> None:
    """Record an `order`.

    The list has no room for more.
    """


async def bill(event: Event[Order]) -> None: ...


def of_bytes(event: Event[bytes]) -> None: ...


def plain(sender: object, event_kind: str, **_: object) -> None: ...


def lost(event: Event[Nowhere]) -> None: ...  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore[reportUndefinedVariable, reportUnknownParameterType] -- what is tested


@pytest.fixture
def shop(router: EventRouter) -> EventRouter:
    """Channels of each sort."""
    router.on("order-*")(record)
    router.on("order-placed", "invoice-due", name="billing.bill")(bill)
    router.on(ce_type="com.example.*")(of_bytes)
    router.on("gcs-*", ce_type="google.cloud.storage.*")(of_bytes)
    router.kind("never", Order)
    router.fallback(of_bytes)
    event_received.connect(plain)
    return router


def listed(html: str) -> list[list[str]]:
    """The rows of all tables, with line numbers left out."""
    found = [row for row in re.findall(r'<tr role="row">(.*?)</tr>', html, re.DOTALL) if "columnheader" not in row]
    cells = [re.findall(r"<t[hd] [^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in found]
    return [[re.sub(r"\.py:\d+", ".py:0", text(cell)) for cell in row] for row in cells]


def kinds(html: str) -> list[str]:
    return [unescape(each) for each in re.findall(r'<a class="kind" [^>]*>(.*?)</a>', html)]


def test_list(shop: EventRouter) -> None:
    """Each channel has its payload, and the handlers that run for all that it takes: kinds, types of CloudEvents, fallbacks."""
    html = Pages().get("/catalogue/")

    record_line = f"tests.catalogue.test_channel_list.record {HERE}:0 Record an order ."
    assert listed(html) == [
        ["gcs-* of the type google.cloud.storage.*", "bytes", f"tests.catalogue.test_channel_list.of_bytes {HERE}:0"],
        ["invoice-due", "Order", f"billing.bill {HERE}:0 async"],
        ["never", "Order", "nothing here handles it"],
        ["order-*", "Order", record_line],
        ["order-placed", "Order", f"{record_line} billing.bill {HERE}:0 async"],
        ["com.example.*", "bytes", f"tests.catalogue.test_channel_list.of_bytes {HERE}:0"],
        ["*", "bytes", f"tests.catalogue.test_channel_list.of_bytes {HERE}:0"],
    ]
    assert re.findall('<h2 id="(.*?)">(.*?)</h2>', html) == [
        ("kinds", "Kinds"),
        ("types", "CloudEvents types"),
        ("others", "All other events"),
        ("doors", "Who may send"),
        ("receivers", "Plain receivers, which see every event"),
    ]
    assert re.findall('<a href="#([a-z]+)">(.*?)</a>', html) == [
        ("kinds", "Kinds"),
        ("types", "CloudEvents types"),
        ("others", "All other events"),
        ("doors", "Who may send"),
        ("receivers", "Plain receivers"),
    ]
    assert "7 in all" in html
    assert "tests.catalogue.test_channel_list.plain" in html
    assert "/events/kind/reference" in html


def test_attributes(router: EventRouter) -> None:
    """Registrations of one kind for other attributes are lines of their own, which a search finds by name and value."""
    router.on("gcs-*")(of_bytes)
    router.on("gcs-*", attributes={"eventType": "OBJECT_*", "bucketId": "a"})(record)
    router.on(ce_type="com.*", attributes={"source": HOSTILE})(record)
    pages = Pages()
    html = pages.get("/catalogue/")

    assert [row[0] for row in listed(html)] == [
        "gcs-*",
        "gcs-* with bucketId=a and eventType=OBJECT_*",
        f"com.* with source={HOSTILE}",
    ]
    assert HOSTILE not in html
    assert kinds(pages.get("/catalogue/", q="object_")) == ["gcs-*"]


def test_marks(router: EventRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is special about a handler is marked; with the inbox also whether its effects happen once."""

    async def later(event: Event[Order, Place]) -> None: ...

    router.on("a", deferred=True)(later)
    router.on("b", once=False)(of_bytes)
    router.on("c", once_key=lambda event: event.reference)(record)
    router.on("d")(of_bytes)

    def marks() -> list[list[str]]:
        handlers = re.findall(r'<div class="handler">(.*?)</div>', Pages().get("/catalogue/"), re.DOTALL)
        return [re.findall('<span class="mark">(.*?)</span>', handler) for handler in handlers]

    without = marks()
    monkeypatch.setattr(channel_list, "event_store", lambda: "an inbox")
    User.objects.all().delete()

    assert without == [["async", "deferred", "parameters Place"], ["every delivery"], [], []]
    assert marks() == [["async", "deferred", "once", "parameters Place"], ["every delivery"], ["once for each key"], ["once"]]


def test_long_names_may_be_broken(router: EventRouter) -> None:
    """Names have places behind their separators where a browser may break them."""
    router.on(ce_type="google.cloud.storage.object.v1.finalized", name="shop.event_handlers.resize")(of_bytes)

    html = Pages().client.get("/catalogue/").content.decode()

    assert ">google.<wbr>cloud.<wbr>storage.<wbr>object.<wbr>v1.<wbr>finalized</a>" in html
    assert '<span class="name">shop.<wbr>event_<wbr>handlers.<wbr>resize</span>' in html


def test_unions_have_short_names(router: EventRouter) -> None:
    """The payload of a tagged union is written with its members' names."""
    tagged = Annotated[Annotated[Order, Tag("order")] | Annotated[Place, Tag("place")], Discriminator(str)]
    router.on("tagged", payload=tagged)(lambda event: None)

    assert listed(Pages().get("/catalogue/"))[0][1] == "Order | Place"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("ORDER", ["invoice-due", "never", "order-*", "order-placed"]),
        ("invoice", ["invoice-due"]),
        ("billing.bill", ["invoice-due", "order-placed"]),
        ("bytes", ["gcs-*", "com.example.*", "*"]),
        ("order-shipped", ["order-*"]),
        ("com.example.thing", ["com.example.*"]),
        ("storage", ["gcs-*"]),
        ("  gcs-*  ", ["gcs-*"]),
        ("nothing-like-it", []),
    ],
)
def test_search(shop: EventRouter, words: str, expected: list[str]) -> None:
    """A part of a kind, a type, a handler's name or a payload's finds a channel, and so does a kind that it takes."""
    html = Pages().get("/catalogue/", q=words)

    assert kinds(html) == expected
    assert f"{len(expected)} of 7" in html
    assert f'value="{words.strip()}"' in html


def test_search_for_anything(shop: EventRouter) -> None:
    """What is searched for is escaped wherever it stands, cut off where it is long, and no error whatever it is."""
    pages = Pages()

    html = pages.get("/catalogue/", q=HOSTILE)
    assert HOSTILE not in html
    assert text(html).count("Nothing fits “<script>alert('\"&')</script>”.") == 1
    assert "x" * 200 + '"' in pages.get("/catalogue/", q="x" * 5000)
    for nonsense in ("\0", "[", "\udce4".encode("utf-8", "surrogatepass").decode("latin-1"), "💥", "%", "*" * 200):
        pages.get("/catalogue/", q=nonsense, page="\0")


def test_pages(router: EventRouter) -> None:
    """A hundred channels stand on a page; the links to the others keep what is searched for; no page is too far."""
    for number in range(250):
        router.on(f"a&b-{number:03}")(record)
    pages = Pages()

    first = pages.get("/catalogue/", q="a&b")
    assert kinds(first) == [f"a&b-{number:03}" for number in range(100)]
    assert "250 of 250, page 1 of 3" in first
    assert re.findall(r'<a rel="next" href="(.*?)"', first) == ["?page=2&amp;q=a%26b"]
    last = pages.get("/catalogue/", q="a&b", page=99)
    assert kinds(last) == [f"a&b-{number:03}" for number in range(200, 250)]
    assert re.findall(r'<a rel="prev" href="(.*?)"', last) == ["?page=2&amp;q=a%26b"]


def test_nothing(router: EventRouter) -> None:
    """Without handlers the page says where to put one."""
    assert "There are no handlers. Register one in event_handlers.py of an app." in text(Pages().get("/catalogue/"))


def test_list_makes_no_schema(router: EventRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many handlers there are, no schema and no validator is made for the list, and only what is shown is looked at."""
    for number in range(1000):
        router.on(f"kind-{number}")(record)

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("made")

    monkeypatch.setattr(TypeAdapter, "__init__", refuse)
    monkeypatch.setattr(TypeAdapter, "json_schemas", refuse)

    assert len(kinds(Pages().get("/catalogue/"))) == 100


def test_list_asks_the_database_for_the_user_only(shop: EventRouter, django_assert_num_queries: Any) -> None:
    """One query, of the session's user."""
    pages = Pages()

    with django_assert_num_queries(1):
        pages.get("/catalogue/")


def test_names_are_escaped(router: EventRouter) -> None:
    """Kinds, types and names that are HTML stay text."""
    router.on("<b>[/]", ce_type="<i>*", name=HOSTILE)(record)

    html = Pages().get("/catalogue/")

    assert listed(html)[0][0] == "<b>[/] of the type <i>*"
    assert listed(html)[0][2].startswith(HOSTILE)
    assert HOSTILE not in html
    assert "<b>" not in html


def test_annotation_that_cannot_be_resolved(router: EventRouter) -> None:
    """A handler whose annotation names nothing is listed all the same."""
    router.on("lost")(lost)  # pyright: ignore[reportUnknownArgumentType] -- as above

    assert listed(Pages().get("/catalogue/"))[0][:2] == ["lost", "?"]


@override_settings(ROOT_URLCONF="tests.support.catalogue_urls")
def test_endpoints(shop: EventRouter) -> None:
    """Endpoints with the same authenticators stand together, the others by themselves; without any, the page says so."""
    said = text(Pages().get("/catalogue/"))

    assert "/events/kind/reference and /events open Open to everybody: no authenticator is configured." in said
    summary = "Open to senders that this authenticator accepts."
    assert f"/own/kind/reference guarded {summary} Authenticator SharedToken Header X-Own" in said


@override_settings(ROOT_URLCONF="tests.catalogue.test_permissions")
def test_no_endpoint(shop: EventRouter) -> None:
    """Without an endpoint, the page says that nothing comes."""
    assert "No endpoint is in the URLs, so nothing comes by HTTP." in Pages().get("/catalogue/")


CATALOGUE = include("gcp_event_router.catalogue.urls")
NAMED = include("gcp_event_router.catalogue.urls", namespace="ours")


class Mounted:
    """The catalogue within other URLs, which have a namespace; and in one of a project's own."""

    urlpatterns = [  # noqa: RUF012 -- as a module of URLs has it
        path("inner/", include(([path("catalogue/", CATALOGUE), path("named/", NAMED)], "shop"))),
        path("named/", NAMED),
        path("", include("gcp_event_router.urls")),
    ]


@override_settings(ROOT_URLCONF=Mounted)
@pytest.mark.parametrize("place", ["/inner/catalogue/", "/inner/named/", "/named/"])
def test_namespaces(router: EventRouter, place: str) -> None:
    """Within other namespaces, the pages' links lead to the pages."""
    router.on("a")(record)
    pages = Pages()

    assert f'<a class="kind" href="{place}channel/?kind=a">' in pages.get(place)
    assert f'<a href="{place}">Events</a>' in pages.get(f"{place}channel/", kind="a")
    assert f'<a href="{place}">Show all</a>' in pages.get(place, q="a")
    assert f'<a href="{place}">all events</a>' in pages.client.get(f"{place}channel/").content.decode()
