"""The list of outgoing events in the admin: what it says of each, and how it is narrowed."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from gcp_event_router.outbox.models import OutgoingEvent, State

from ...support.admin_pages import Pages, rows, text, with_admin
from ...support.kept import STATES, from_now, keep
from ...support.outboxes import on_sqlite

pytestmark = [with_admin, pytest.mark.usefixtures("admin_site")]
LIST = "/admin/gcp_event_outbox/outgoingevent/"


@pytest.fixture
def pages(outbox: str) -> Pages:
    return Pages("view_outgoingevent")


def test_each_event_is_listed(outbox: str, pages: Pages) -> None:
    """An event is a row: state, kind, topic, ordering key, error, attempts, next attempt and age, the newest first."""
    first = keep(
        outbox, State.FAILED, "customer-1", attempts=3, not_before=from_now(timedelta(minutes=9.5)), error_type="a.Timeout"
    )
    keep(outbox, State.RUNNING, attempts=1)
    keep(outbox, State.PENDING, "customer-1")
    keep(outbox, topic="")
    page = pages.get(LIST)

    assert rows(page) == [
        ["pending 0 of 50", "order-placed", "-", "-", "-", "now"],
        ["pending 0 of 50", "order-placed", "orders", "customer-1", "-", f"after {first}"],
        ["running 1 of 50", "order-placed", "orders", "-", "-", "-"],
        ["failed 3 of 50", "order-placed", "orders", "customer-1", "Timeout", "in 9 minutes"],
    ]
    assert re.findall(r"<time [^>]*>(.*?)</time>", page) == ["0\xa0minutes"] * 4


def test_summary(outbox: str, pages: Pages) -> None:
    """At the top, the events are counted by state; each number leads to its events."""
    for state in (*STATES, State.PARKED):
        keep(outbox, state)
    page = pages.get(LIST)
    (summary,) = re.findall(r'<section class="gei-summary".*?</section>', page, re.DOTALL)

    assert text(summary) == "2 parked 1 failed 1 running 1 pending 1 discarded 1 done"
    assert 'aria-label="Events by state"' in summary
    assert [row[0] for row in rows(pages.get(LIST, state="parked"))] == ["parked 0 of 50", "parked 0 of 50"]


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ({"state": "parked"}, ["b"]),
        ({"kind": "a"}, ["a"]),
        ({"topic": "projects/p/topics/other"}, ["c"]),
        ({"error": "a.Timeout"}, ["b"]),
        ({"published": "hour"}, ["c", "b"]),
        ({"published": "day"}, ["c", "b", "a"]),
        ({"q": " customer-1 "}, ["b"]),
        ({"q": "17"}, ["c"]),
        ({"q": "customer"}, []),
        ({"state": "parked", "kind": "a"}, []),
    ],
)
def test_filters_and_search(outbox: str, pages: Pages, query: dict[str, str], kinds: list[str]) -> None:
    """The list is narrowed by state, time, kind, topic and error; a search finds an ordering key or a cause in full."""
    keep(outbox, State.DONE, kind="a", age=timedelta(hours=3))
    keep(outbox, State.PARKED, "customer-1", kind="b", error_type="a.Timeout")
    keep(outbox, kind="c", topic="projects/p/topics/other", cause="17")

    assert [row[1] for row in rows(pages.get(LIST, **query))] == kinds


@on_sqlite
def test_search_by_id(outbox: str, pages: Pages) -> None:
    """The id that `publish` returned is found, and so is the number."""
    first, second = (keep(outbox, kind=kind) for kind in ("a", "b"))
    key = OutgoingEvent.objects.using(outbox).get(pk=second).key

    assert [row[1] for row in rows(pages.get(LIST, q=key))] == ["b"]
    assert [row[1] for row in rows(pages.get(LIST, q=first))] == ["a"]


@on_sqlite
@pytest.mark.parametrize("query", [{"state": "x"}, {"kind": "\0"}, {"data": "x"}])
def test_lookups_that_are_not_offered(outbox: str, pages: Pages, query: dict[str, str]) -> None:
    """A URL that no filter makes finds nothing, or leads back to the list or to a refusal."""
    keep(outbox)
    response = pages.client.get(LIST, query)

    assert response.status_code in {200, 302, 400}
    assert response.status_code != 200 or rows(response.content.decode()) == []


@on_sqlite
def test_filters_offer_what_there_is(outbox: str, pages: Pages) -> None:
    """The filters name the kinds, topics and errors of the newest events."""
    keep(outbox, State.PARKED, kind="<b>", error_type="a.Timeout")
    keep(outbox, error_type="b.Timeout")
    page = pages.get(LIST)

    assert re.findall(r'\?(kind|topic|error)=[^"]*">\s*(.*?)\s*</a>', page) == [
        ("kind", "&lt;b&gt;"),
        ("kind", "order-placed"),
        ("topic", "projects/p/topics/orders"),
        ("error", "a.Timeout"),
        ("error", "b.Timeout"),
    ]


def test_no_query_for_each_row(outbox: str, pages: Pages) -> None:
    """The list costs as many queries for many events as for one."""
    numbers: list[int] = []
    for _ in range(2):
        keep(outbox, State.FAILED, "customer-1", error_type="a.Timeout", error="e", error_text="t")
        with CaptureQueriesContext(connections[outbox]) as queries:
            pages.get(LIST)
        numbers.append(len(queries))

    assert numbers[0] == numbers[1]


@on_sqlite
def test_long_lists_say_so(outbox: str, pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more events are counted than can be paged through, and the page says that there are more."""
    monkeypatch.setattr("gcp_event_router._boxes.admin.lists.MOST", 2)
    for _ in range(3):
        keep(outbox)

    assert "There are more than 2. Filter by state, time, kind, topic or error to see the others." in text(pages.get(LIST))
