"""The date hierarchy of the list of events in the admin, told from the first and the last event alone.

Django's own asks for the months and days that have events, and for that looks at all of them.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterator
from datetime import date
from typing import Final, NamedTuple

from django.utils import formats
from django.utils.text import capfirst
from django.utils.translation import gettext as _

__all__ = ["DateLink", "Dates", "dates"]

_LAST_MONTH: Final = 12


class DateLink(NamedTuple):
    """What Django's template of a date hierarchy takes. The chosen day has no link."""

    title: str
    link: str | None


class Dates(NamedTuple):
    """As above: what there is to choose from, and the way back."""

    choices: list[DateLink]
    back: DateLink | None


def dates(first: date, last: date, chosen: Callable[[str], int | None], address: Callable[..., str]) -> Dates:
    """The years from the first event to the last; or, of one year, its months; or, of one month, its days.

    Args:
        first: The day of the first event.
        last: The day of the last one.
        chosen: The `year`, `month` or `day` that the list is narrowed to.
        address: The address of the list, narrowed to the given `year`, `month` and `day`.

    """

    def link(title: str, **parts: int) -> DateLink:
        return DateLink(capfirst(title), address(**parts))

    year, month, day = chosen("year"), chosen("month"), chosen("day")
    if year is None:
        if first.year != last.year:
            return Dates([link(str(each), year=each) for each in range(first.year, last.year + 1)], None)
        year, day = first.year, None
        month = first.month if first.month == last.month else None
    if month is None:
        months = (date(year, each, 1) for each in range(1, _LAST_MONTH + 1))
        there = [each for each in months if first.replace(day=1) <= each <= last]
        return Dates([link(_month(each), year=year, month=each.month) for each in there], link(_("All dates")))
    if day is None:
        there = [each for each in _days(year, month) if first <= each <= last]
        return Dates([link(_day(each), year=year, month=month, day=each.day) for each in there], link(str(year), year=year))
    that = date(year, month, day)
    return Dates([DateLink(capfirst(_day(that)), None)], link(_month(that), year=year, month=month))


def _days(year: int, month: int) -> Iterator[date]:
    return (date(year, month, day) for day in range(1, monthrange(year, month)[1] + 1))


def _month(day: date) -> str:
    return formats.date_format(day, "YEAR_MONTH_FORMAT")


def _day(day: date) -> str:
    return formats.date_format(day, "MONTH_DAY_FORMAT")
