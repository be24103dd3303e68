"""The list of events in the admin: what it finds, and what its page says around that.

With a million rows, each query has to end soon. So nothing is counted to its end, and no query walks all events in order of
time, looking for the few whose deliveries are in one state or for one handler: their keys are found first, `MOST` at the most.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime
from functools import cached_property
from typing import Any, NamedTuple

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ALL_VAR, ORDER_VAR, SEARCH_VAR, ChangeList
from django.db import connections
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from typing_extensions import override

from .filters import MOST
from ..keeper import database
from ..models import Delivery, State, StoredEvent
from .summary import Summary

__all__ = ["DateLink", "Dates", "EventList", "narrowing"]

_OF_DELIVERIES = ("state", "handler")
_DATE = ("year", "month", "day")
_FEW = 500
"""So few keys are looked up as they are."""


class DateLink(NamedTuple):
    """What Django's template of a date hierarchy takes."""

    title: str
    link: str | None


class Dates(NamedTuple):
    """As above."""

    choices: list[DateLink]
    back: DateLink | None


class EventList(ChangeList):
    """Django's list, narrowed to deliveries of one state or handler without looking at all."""

    #: Whether there may be more than what was looked through.
    _is_cut = False

    @override
    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        if any("\0" in value for values in request.GET.lists() for value in values[1]):
            raise IncorrectLookupParameters  # a value that no column holds, and some databases refuse
        try:
            found: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        except (ValueError, OverflowError) as error:  # the day after the last
            raise IncorrectLookupParameters from error
        return self._narrowed(found, narrowing(request))

    @override
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        columns = ("event", "handler", "state", "attempts", "max_attempts")
        deliveries = Delivery.objects.using(database()).only(*columns).order_by("handler")
        self.result_list = self.result_list.prefetch_related(Prefetch("deliveries", deliveries))

    @property
    def has_more(self) -> bool:
        """Whether there are more events than the result's count; called by the template."""
        return self._is_cut or bool(self.paginator.has_more)

    @cached_property
    def summary(self) -> Summary:
        """What the page begins with; called by the template."""
        return Summary(database())

    @cached_property
    def dates(self) -> Dates:
        """The years, months or days to choose from, by the first and last event, whether or not the others have any."""
        events = StoredEvent.objects.using(database())
        times = (
            events.order_by(order).values_list("received_at", flat=True).first() for order in ("received_at", "-received_at")
        )
        first, last = (None if time is None else _local(time) for time in times)
        if first is None or last is None:
            return Dates([], None)
        return _dates(self, first, last)

    def _narrowed(self, found: QuerySet[Any], values: dict[str, str]) -> QuerySet[Any]:
        """The events that have a delivery with these values."""
        self._is_cut = False
        if not values:
            return found
        alias = database()
        deliveries = Delivery.objects.using(alias).filter(**values)
        few = list(deliveries.values_list("event", flat=True)[: _FEW + 1])
        if len(few) <= _FEW:
            return found.filter(key__in=few)
        if connections[alias].features.allow_sliced_subqueries_with_in:  # as on all but MySQL
            has_more = deliveries[: MOST + 1].count() > MOST
            is_alone = not self.query and set(self.filter_params) <= {*values, ORDER_VAR, SEARCH_VAR, ALL_VAR}
            if is_alone or not has_more:
                self._is_cut = has_more
                return found.filter(key__in=deliveries.order_by("-pk").values("event")[:MOST])
        return found.filter(Exists(deliveries.filter(event=OuterRef("pk"))))


def narrowing(request: HttpRequest) -> dict[str, str]:
    """What the list is narrowed to, of the deliveries: a state, a handler, both of one delivery, or nothing.

    Raises `IncorrectLookupParameters` for a state that there is not.
    """
    values = {name: request.GET[name] for name in _OF_DELIVERIES if name in request.GET}
    if values.get("state", State.DONE) not in State.values:
        raise IncorrectLookupParameters
    return values


def _dates(events: EventList, first: date, last: date) -> Dates:
    """The years; or, of one year, its months; or, of one month, its days."""

    def link(title: str, **chosen: int) -> DateLink:
        values = {f"received_at__{name}": str(number) for name, number in chosen.items()}
        return DateLink(capfirst(title), events.get_query_string(values, ["received_at__"]))

    names = [f"received_at__{name}" for name in _DATE]
    year, month, day = (int(events.params[name]) if name in events.params else None for name in names)
    if year is None and first.year == last.year:
        year = first.year
        month = first.month if first.month == last.month else None
    if year is None:
        return Dates([link(str(each), year=each) for each in range(first.year, last.year + 1)], None)
    if month is None:
        months = (date(year, each, 1) for each in range(1, 13))
        there = [each for each in months if first.replace(day=1) <= each <= last]
        choices = [link(formats.date_format(each, "YEAR_MONTH_FORMAT"), year=year, month=each.month) for each in there]
        return Dates(choices, link(_("All dates")))
    if day is None:
        days = (date(year, month, each) for each in range(1, monthrange(year, month)[1] + 1))
        there = [each for each in days if first <= each <= last]
        choices = [link(formats.date_format(each, "MONTH_DAY_FORMAT"), year=year, month=month, day=each.day) for each in there]
        return Dates(choices, link(str(year), year=year))
    chosen = date(year, month, day)
    back = link(formats.date_format(chosen, "YEAR_MONTH_FORMAT"), year=year, month=month)
    return Dates([DateLink(capfirst(formats.date_format(chosen, "MONTH_DAY_FORMAT")), None)], back)


def _local(time: datetime) -> date:
    return (timezone.localtime(time) if timezone.is_aware(time) else time).date()
