"""What stands at the top of the list of events: counts by state, and the last 24 hours."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gcp_event_router import EventRouter
from gcp_event_router.inbox.admin import summary as module
from gcp_event_router.inbox.admin.summary import Summary, last_hours
from gcp_event_router.inbox.models import State, StoredEvent

from ...support.admin_pages import HANDLERS_STATES, Pages, Shop, text, with_admin

pytestmark = [with_admin, pytest.mark.usefixtures("admin_site")]


@pytest.fixture
def shop(inbox: str, router: EventRouter) -> Shop:
    return Shop(inbox, router)


def counts(summary: Summary) -> dict[str, str]:
    return {count.state.value: f"{count.number}{'+' if count.has_more else ''}" for count in summary.counts}


def move(shop: Shop, number: int, hours: float) -> None:
    """Let an order have come some hours before this one began."""
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    StoredEvent.objects.using(shop.alias).filter(reference=str(number)).update(received_at=hour - timedelta(hours=hours))


def test_an_empty_inbox(inbox: str) -> None:
    """Without events there are zeros, and flat hours."""
    summary = Summary(inbox)

    assert counts(summary) == {state.value: "0" for state in State}
    assert (summary.total, summary.troubled, summary.has_more, len(summary.bars)) == (0, 0, False, 24)
    assert {(bar.y, bar.troubled_y) for bar in summary.bars} == {(100, 100)}


def test_counts_and_hours(shop: Shop) -> None:
    """Deliveries are counted by state, and events by the hour; those before are not in the chart."""
    for number, state in enumerate(HANDLERS_STATES):
        shop.order_in(state, number)
        move(shop, number, number * 4 - 0.5)
    shop.order_in(State.PARKED, 7)
    move(shop, 7, 22.9)
    move(shop, 6, 23.1)
    summary = Summary(shop.alias)

    assert counts(summary) == {**{state.value: "1" for state in State}, "parked": "2", "unhandled": "0"}
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    found = {round((now - bar.begins) / timedelta(hours=1)): (bar.number, bar.troubled) for bar in summary.bars if bar.number}
    assert found == {0: (1, 0), 4: (1, 0), 8: (1, 1), 12: (1, 0), 16: (1, 1), 20: (1, 1), 23: (1, 1)}
    assert (summary.total, summary.troubled, summary.highest.number) == (7, 4, 1)


def test_heights(shop: Shop) -> None:
    """The highest bar is as high as the chart, and the others in proportion; the part in trouble is never higher."""
    for number in range(4):
        shop.order_in(State.PARKED if number == 0 else State.DONE, number)
    move(shop, 3, 3)
    bars = [(bar.x, bar.y, bar.height, bar.troubled_y) for bar in Summary(shop.alias).bars if bar.number]

    assert bars == [(200, 66.7, 33.3, 100), (230, 0, 100, 66.7)]


def test_nothing_is_counted_to_its_end(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is more than is counted ends in a plus sign."""
    for name in ("_OF_A_STATE", "_OF_AN_HOUR", "_TROUBLED"):
        monkeypatch.setattr(module, name, 2)
    for number in range(3):
        shop.order_in(State.PARKED, number)
    summary = Summary(shop.alias)

    assert counts(summary)["parked"] == "2+"
    assert (summary.total, summary.troubled, summary.has_more) == (2, 2, True)


def test_a_page_has_it(shop: Shop) -> None:
    """Each count leads to the deliveries of the state; the chart is described in words."""
    shop.order_in(State.PARKED, 1)
    shop.order_in(State.DONE, 2)
    page = Pages("view_storedevent").get()
    (section,) = re.findall(r'<section class="gei-summary".*?</section>', page, re.DOTALL)

    assert re.findall(r'href="\?state=(\w+)"', section) == [state.value for state in module.WORST_FIRST]
    assert text(section).startswith("1 parked 0 rejected 0 no handler 0 failed 0 running 0 pending 0 discarded 1 done ")
    described = re.search(r"<desc[^>]*>(.*?)</desc>", section)
    assert described is not None
    assert re.fullmatch(r"2 events, most of them, 2, in the hour from \d\d:00. 1 are parked, rejected or failed.", described[1])
    assert text(section).endswith("24 hours ago 2 events, 1 in trouble now")


def test_it_costs_as_much_for_many_as_for_none(shop: Shop) -> None:
    """Counts, hours and trouble are four statements, however many events there are."""
    numbers: list[int] = []
    for number in range(2):
        with CaptureQueriesContext(connections[shop.alias]) as queries:
            Summary(shop.alias)
        numbers.append(len(queries))
        shop.order_in(State.PARKED, number)

    assert numbers == [4, 4]


@override_settings(USE_TZ=False)
def test_without_time_zones(monkeypatch: pytest.MonkeyPatch, inbox: str) -> None:
    """A site whose times have no zone has a chart by its own clock."""
    monkeypatch.setattr("django.utils.timezone.now", lambda: datetime(2026, 1, 1, 12, 30))  # noqa: DTZ001 -- as Django has it here
    found = last_hours()

    assert (found[0], found[-1], len(found)) == (datetime(2025, 12, 31, 13), datetime(2026, 1, 1, 12), 24)  # noqa: DTZ001 -- as above


@override_settings(TIME_ZONE="Asia/Kolkata")
def test_hours_are_those_of_the_clock_on_the_wall(monkeypatch: pytest.MonkeyPatch, inbox: str) -> None:
    """Where the clock is half an hour off, so are the bars."""
    monkeypatch.setattr("django.utils.timezone.now", lambda: datetime(2026, 1, 1, 12, 45, tzinfo=UTC))

    assert last_hours()[-1] == datetime(2026, 1, 1, 12, 30, tzinfo=UTC)
