"""The list of events in the admin: what it says of each, and how it is narrowed."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from django.utils.html import escape

from gcp_event_router import Event, EventRouter, Reject
from gcp_event_router.inbox.models import Delivery, State, StoredEvent

from ...conftest import post_wsgi
from ...support.admin_pages import LIST, Pages, Shop, references, rows, text, with_admin
from ...support.deliveries import PUSH, push

pytestmark = [with_admin, pytest.mark.usefixtures("admin_site")]


def nothing(event: Event[Any]) -> None: ...


class Nothing:
    """One of several handlers that do nothing."""

    def __call__(self, event: Event[Any]) -> None: ...


@pytest.fixture
def shop(inbox: str, router: EventRouter) -> Shop:
    return Shop(inbox, router)


@pytest.fixture
def pages(inbox: str) -> Pages:
    return Pages("view_storedevent")


ERRORS = {State.PARKED: "RuntimeError", State.REJECTED: "Reject"}


def test_each_event_is_listed_with_its_state(shop: Shop, pages: Pages) -> None:
    """An event is a row: state with attempts, kind and reference, handler, error and age, the newest first."""
    for number, state in enumerate(State):
        shop.order_in(state, number)
    page = pages.get()

    assert rows(page) == [
        [f"{state.label} 1 of 1", f"order-placed/{number}", "shop.record", ERRORS.get(state, "-")]
        for number, state in reversed(list(enumerate(State)))
    ]
    assert re.findall(r"<time [^>]*>(.*?)</time>", page) == ["0\xa0minutes"] * len(State)


def test_the_worst_delivery_speaks_for_an_event(inbox: str, router: EventRouter, pages: Pages) -> None:
    """The worst delivery gives an event its state; if states differ, each handler has its own; many handlers are counted."""
    for name, *kinds in (("a", "two", "four"), ("b", "two", "four"), ("c", "four"), ("d", "four")):
        router.on(*kinds, name=name)(Nothing())
    router.on("none", once=False)(nothing)
    for kind in ("four", "two"):
        post_wsgi(f"/events/{kind}/r", PUSH)
    StoredEvent.objects.using(inbox).create(key=UUID(int=0), kind="none", body=b"", digest=b"")
    Delivery.objects.using(inbox).filter(handler="b").update(state=State.PARKED, attempts=4)

    assert rows(pages.get()) == [
        ["-", "none/", "-", "-"],
        ["parked 4 of 10", "two/r", "b parked a done", "-"],
        ["parked 4 of 10", "four/r", "b parked a done c done and 1 more", "-"],
    ]


def test_what_came_from_outside_is_text(inbox: str, router: EventRouter, pages: Pages) -> None:
    """A kind and a reference that are markup are shown as what they are."""
    hostile = "<script>alert(1)</script>"
    router.on("*", name=hostile)(nothing)
    assert post_wsgi("/events/%3Cb%3Ex/%22%3E%3Cimg%20src=x%3E", PUSH).status_code == 201
    page = pages.get()

    assert rows(page) == [["done 1 of 10", '<b>x/"><img src=x>', hostile, "-"]]
    assert (hostile in page, "<img src=x" in page, "<b>" in page, escape(hostile) in page) == (False, False, False, True)


def test_by_state_and_handler(shop: Shop, router: EventRouter, pages: Pages) -> None:
    """A state and a handler together are those of one delivery."""
    router.on("order-*", name="shop.mail")(nothing)
    shop.order(1)
    shop.order(2, RuntimeError)

    assert references(pages.get(state="parked")) == ["2"]
    assert references(pages.get(state="done")) == ["2", "1"]
    assert references(pages.get(handler="shop.mail")) == ["2", "1"]
    assert references(pages.get(handler="shop.mail", state="parked")) == []
    assert references(pages.get(handler="shop.record", state="done")) == ["1"]
    assert references(pages.get(handler="nobody")) == []


def test_filters_name_what_there_is(shop: Shop, router: EventRouter, pages: Pages) -> None:
    """All states can be chosen, the worst first; and the kinds and handlers of the events that there are."""
    router.on("invoice-*", name="shop.pay")(nothing)
    shop.order(1, RuntimeError)
    shop.order(2, Reject)
    post_wsgi("/events/invoice-sent/9", push(9))
    (choices,) = re.findall(
        r'<(?:nav|search) id="changelist-filter".*?</(?:nav|search)>', pages.get(kind="invoice-sent"), re.DOTALL
    )

    assert text(choices).partition("By state ")[2] == (
        "All parked rejected no handler failed running pending discarded done By received All Last hour Last day Last week "
        "By kind All invoice-sent order-placed "
        "By handler All shop.pay shop.record By error All Reject RuntimeError"
    )
    assert references(pages.get(kind="invoice-sent")) == ["9"]


def test_by_error(shop: Shop, router: EventRouter, pages: Pages) -> None:
    """An error is found by its type, with a state or a handler in one delivery; actions are for those deliveries alone."""
    router.on("order-*", name="shop.mail")(nothing)
    shop.order(1, RuntimeError)
    shop.order(2, Reject)
    shop.order(3)
    name = "builtins.RuntimeError"

    assert references(pages.get(error=name)) == ["1"]
    assert references(pages.get(error="gcp_event_router.outcomes.Reject")) == ["2"]
    assert references(pages.get(error=name, state="parked", handler="shop.record")) == ["1"]
    assert [pages.get(error=name, **more).count("field-error") for more in ({"state": "done"}, {"handler": "shop.mail"})] == [
        0,
        0,
    ]
    assert references(pages.get(error="RuntimeError")) == []


def test_types_of_one_name_are_told_apart(shop: Shop, pages: Pages) -> None:
    """Where two modules have a type of one name, the choices say which is which."""
    for number, name in enumerate(["shop.errors.StockError", "mail.StockError", "builtins.KeyError"]):
        event = shop.order(number, RuntimeError)
        Delivery.objects.using(shop.alias).filter(event=event.pk).update(error_type=name)

    assert re.findall(r'\?error=([\w.]+)"[^>]*>([^<]*)<', pages.get()) == [
        ("builtins.KeyError", "KeyError"),
        ("mail.StockError", "mail.StockError"),
        ("shop.errors.StockError", "shop.errors.StockError"),
    ]


@pytest.mark.parametrize("inbox", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("kind", "error", "text", "shown"),
    [
        ("shop.StockError", "StockError at ...", "shop.StockError: no <b> for 4711\n  File ...", "StockError: no <b> for 4711"),
        ("shop.StockError", "StockError at ...", "shop.StockError", "StockError"),
        ("shop.StockError", "StockError at ...", "", "StockError"),
        ("shop.StockError", "", "shop.StockError: " + "x" * 1000, f"StockError: {'x' * 88}…"),
        ("shop.StockError", "", "shop.StockError: a\x1b\u202eb", "StockError: a\\u001b\\u202eb"),
        ("", "the worker ended", "", "the worker ended"),
        (
            "g.InvalidEventError",
            '[{"loc": ["items", 3, "price"], "msg": "no", "type": "decimal_parsing"}, {"loc": ["' + "x" * 500,
            "g.InvalidEventError: invalid payload: 2 errors",
            "InvalidEventError: items.3.price (decimal_parsing)",
        ),
        ("g.InvalidEventError", '[{"loc": [], "msg": "no", "type": "missing"}]', "", "InvalidEventError: (missing)"),
        (
            "g.InvalidEventError",
            '[{"loc": ["' + "x" * 500,
            "g.InvalidEventError: invalid payload",
            "InvalidEventError: invalid payload",
        ),
    ],
)
def test_what_went_wrong_is_in_the_list(shop: Shop, pages: Pages, kind: str, error: str, text: str, shown: str) -> None:
    """Rows of one state are told apart by their errors: the type, and its text's first line or what was invalid first."""
    shop.order(1, RuntimeError)
    Delivery.objects.using(shop.alias).update(error_type=kind, error=error, error_text=text)

    assert [row[3] for row in rows(pages.get())] == [shown]


def test_choices_are_bounded(shop: Shop, pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more kinds are looked up than can be chosen from; the address takes the others."""
    monkeypatch.setattr("gcp_event_router.inbox.admin.filters.CHOICES", 1)
    shop.order(1)
    post_wsgi("/events/order-sent/2", push(2, {"order_id": 2}))

    assert re.findall(r'\?kind=([\w-]+)"', pages.get()) == ["order-placed"]
    assert references(pages.get(kind="order-sent")) == ["2"]


@pytest.mark.parametrize(("term", "found"), [("2", ["2"]), (" 102 ", ["2"]), ("10", []), ("2*", []), ("   ", ["2", "1"])])
def test_search(shop: Shop, pages: Pages, term: str, found: list[str]) -> None:
    """A reference or a message id is found in full, and not a part of one."""
    shop.order(1)
    shop.order(2)

    assert references(pages.get(q=term)) == found


def test_search_by_key(shop: Shop, pages: Pages) -> None:
    """A key is found, with hyphens and without."""
    shop.order(1)
    key = shop.order(2).pk

    assert [references(pages.get(q=each)) for each in (key, key.hex)] == [["2"], ["2"]]


@pytest.mark.parametrize(
    "query",
    [
        "state=gone",
        "state=%00",
        "handler=%00",
        "kind=%00",
        "q=%00",
        "received=x",
        "received_at__year=0",
        "p=7",
        "received_at__month=5",
        "received_at__year__gt=5",
        "body=x",
    ],
)
def test_addresses_that_mean_nothing(shop: Shop, pages: Pages, query: str) -> None:
    """Whatever an address says, the answer is a list, the way back to the list, or a refusal; and never an error."""
    shop.order(1)
    response = pages.client.get(f"{LIST}?{query}")

    assert (response.status_code, response.headers.get("Location")) in {(302, f"{LIST}?e=1"), (400, None), (200, None)}


def test_long_lists_are_cut(shop: Shop, pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is more than is counted can be narrowed; the page says so."""
    monkeypatch.setattr("gcp_event_router._boxes.admin.lists.MOST", 2)
    for number in range(3):
        shop.order(number)
    more = "There are more than 2. Filter by time, kind, handler or error to see the others."

    assert (more in pages.get(), more in pages.get(q="1")) == (True, False)


@pytest.mark.proof
@pytest.mark.parametrize(("few", "some", "subqueries"), [(9, 9, True), (0, 9, True), (0, 1, True), (0, 9, False)])
def test_many_deliveries(
    shop: Shop, pages: Pages, monkeypatch: pytest.MonkeyPatch, few: int, some: int, subqueries: bool
) -> None:
    """However many deliveries are in a state, the same events are found; the newest, where it is said that there are more."""
    features = connections[shop.alias].features
    if subqueries and not features.allow_sliced_subqueries_with_in:
        pytest.skip("this database has no LIMIT in such a subquery")
    monkeypatch.setattr(features, "allow_sliced_subqueries_with_in", subqueries)
    monkeypatch.setattr("gcp_event_router.inbox.admin.changelist._FEW", few)
    for name in ("MOST", "_SOME"):
        monkeypatch.setattr(f"gcp_event_router.inbox.admin.changelist.{name}", some)
    for number in (1, 2):
        shop.order(number, RuntimeError)
    shop.order(3)

    alone = pages.get(state="parked")
    assert references(alone) == ["2", "1"][:some]
    assert ("There are more than" in alone) is (some == 1)
    assert references(pages.get(state="parked", kind="order-placed")) == ["2", "1"]
    assert references(pages.get(state="parked", q="1")) == ["1"]
