"""The date hierarchy of the list of events: what there is to choose from, and where it leads."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from gcp_event_router import EventRouter
from gcp_event_router.inbox.admin.date_hierarchy import Dates, dates
from gcp_event_router.inbox.models import StoredEvent

from ...support.admin_pages import Pages, Shop, references, with_admin

DAY, NEXT_DAY, NEXT_MONTH, NEXT_YEAR = date(2026, 2, 27), date(2026, 2, 28), date(2026, 4, 1), date(2027, 1, 1)


def told(found: Dates) -> tuple[list[str], str | None]:
    """Titles and addresses, and the way back."""
    choices = [f"{choice.title} {choice.link or ''}".strip() for choice in found.choices]
    return choices, found.back and f"{found.back.title} {found.back.link}".strip()


@pytest.mark.parametrize(
    ("last", "chosen", "choices", "back"),
    [
        (NEXT_YEAR, {}, ["2026 2026", "2027 2027"], None),
        (NEXT_MONTH, {}, ["February 2026 2026-2", "March 2026 2026-3", "April 2026 2026-4"], "All dates"),
        (NEXT_DAY, {}, ["February 27 2026-2-27", "February 28 2026-2-28"], "2026 2026"),
        (NEXT_YEAR, {"year": 2027}, ["January 2027 2027-1"], "All dates"),
        (NEXT_MONTH, {"year": 2026, "month": 4}, ["April 1 2026-4-1"], "2026 2026"),
        (NEXT_DAY, {"year": 2026, "month": 2, "day": 28}, ["February 28"], "February 2026 2026-2"),
        (NEXT_YEAR, {"year": 2020}, [], "All dates"),
        (NEXT_DAY, {"day": 99}, ["February 27 2026-2-27", "February 28 2026-2-28"], "2026 2026"),
    ],
)
def test_what_can_be_chosen(last: date, chosen: dict[str, int], choices: list[str], back: str | None) -> None:
    """Years, or months of a year, or days of a month, from the first event to the last; a year or a month alone is chosen."""

    def address(**parts: int) -> str:
        return "-".join(map(str, parts.values()))

    assert told(dates(DAY, last, chosen.get, address)) == (choices, back)


@with_admin
@pytest.mark.usefixtures("admin_site")
def test_the_list_of_a_day(inbox: str, router: EventRouter) -> None:
    """A day's link keeps what else the list is narrowed to, and leads to the events of that day."""
    shop = Shop(inbox, router)
    for number, day in ((1, DAY), (2, NEXT_DAY)):
        shop.order(number)
        noon = datetime(day.year, day.month, day.day, 18, tzinfo=UTC)
        StoredEvent.objects.using(inbox).filter(reference=str(number)).update(received_at=noon)
    pages = Pages("view_storedevent")
    link = "?received_at__day=27&amp;received_at__month=2&amp;received_at__year=2026&amp;state=done"

    assert f'<a href="{link}">February 27</a>' in pages.get(state="done")
    assert references(pages.get(received_at__year=2026, received_at__month=2, received_at__day=27)) == ["1"]
    assert references(pages.get(received_at__year=2026, received_at__month=2)) == ["2", "1"]
    assert references(pages.get(received_at__year=2025)) == []
    assert '<nav class="toplinks"' in pages.get(received_at__year=2025)


@with_admin
@pytest.mark.usefixtures("admin_site")
def test_an_empty_list_has_no_dates(inbox: str) -> None:
    """Without events there is nothing to choose."""
    assert '<nav class="toplinks"' not in Pages("view_storedevent").get()
