"""What stands at the top of the list of events: how many deliveries are in each state, and what came in the last 24 hours.

Nothing is counted to its end, so that a busy site's page is as quick as any: what is more than can be counted ends in a "+".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connections
from django.db.models import QuerySet
from django.utils import timezone

from ..clock import as_kept, as_shown
from ..models import Delivery, State, StoredEvent

__all__ = ["HOURS", "WORST_FIRST", "Bar", "Count", "Summary", "last_hours"]

HOURS: Final = 24
_HOUR: Final = timedelta(hours=1)
#: Those first that want a person, then those that want time, then those that want nothing.
WORST_FIRST: Final = (
    State.PARKED,
    State.REJECTED,
    State.UNHANDLED,
    State.FAILED,
    State.RUNNING,
    State.PENDING,
    State.DISCARDED,
    State.DONE,
)
#: How many deliveries of a state, and how many events of an hour, are counted; and in how many deliveries of a state those
#: of the last hours are looked for.
_OF_A_STATE: Final = 10_000
_OF_AN_HOUR: Final = 50_000
_TROUBLED: Final = 2_000
_TROUBLE: Final = (State.PARKED, State.REJECTED, State.FAILED)
_HEIGHT: Final = 100
_WIDTH: Final = 10


class Count(NamedTuple):
    """How many deliveries are in a state."""

    state: State
    number: int
    has_more: bool


class Bar(NamedTuple):
    """One hour in the chart: its events, and those of them that a handler has not done, and may never do."""

    begins: datetime
    ends: datetime
    number: int
    has_more: bool
    troubled: int
    #: Its place and heights, in the chart's own units.
    x: int
    height: float
    troubled_height: float

    @property
    def y(self) -> float:
        """Where it begins, from the top."""
        return _HEIGHT - self.height

    @property
    def troubled_y(self) -> float:
        """Where its troubled part begins."""
        return _HEIGHT - self.troubled_height


class Summary:
    """The figures of one moment. Made for a page, in four statements."""

    def __init__(self, alias: str) -> None:
        begins = last_hours()
        events, deliveries = StoredEvent.objects.using(alias), Delivery.objects.using(alias)
        states = [deliveries.filter(state=state).values_list("pk") for state in WORST_FIRST]
        hours = [
            events.filter(received_at__gte=hour, received_at__lt=hour + _HOUR).values_list("received_at")
            for hour in (as_kept(alias, each) for each in begins)
        ]
        numbers = _counted(alias, [(rows, _OF_A_STATE) for rows in states] + [(rows, _OF_AN_HOUR) for rows in hours])
        #: Each state, from the worst.
        self.counts: list[Count] = [
            Count(state, min(number, _OF_A_STATE), number > _OF_A_STATE)
            for state, number in zip(WORST_FIRST, numbers, strict=False)
        ]
        #: Each hour, from the first.
        self.bars: list[Bar] = _bars(begins, numbers[len(states) :], _troubled(alias, begins[0]))

    @property
    def total(self) -> int:
        """How many events came."""
        return sum(bar.number for bar in self.bars)

    @property
    def troubled(self) -> int:
        """How many of them are not done by all their handlers."""
        return sum(bar.troubled for bar in self.bars)

    @property
    def has_more(self) -> bool:
        """Whether more came than were counted."""
        return any(bar.has_more for bar in self.bars)

    @property
    def highest(self) -> Bar:
        """The hour with the most events."""
        return max(self.bars, key=lambda bar: bar.number)

    @property
    def box(self) -> str:
        """The chart's own units."""
        return f"0 0 {HOURS * _WIDTH} {_HEIGHT}"


def last_hours() -> list[datetime]:
    """When the last hours began, the one that is not over included, by the clock on the wall."""
    now = timezone.localtime() if settings.USE_TZ else timezone.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    hour = hour.astimezone(UTC) if settings.USE_TZ else hour  # in which all hours are as long
    return [hour - ago * _HOUR for ago in reversed(range(HOURS))]


def _counted(alias: str, found: Sequence[tuple[QuerySet[Any, Any], int]]) -> list[int]:
    """How many rows each query finds, at most one more than is given with it, in one statement; the ORM has none for that."""
    counts: list[str] = []
    values: list[Any] = []
    for number, (rows, most) in enumerate(found):
        sql, parameters = rows.order_by()[: most + 1].query.get_compiler(alias).as_sql()
        counts.append(f"(SELECT COUNT(*) FROM ({sql}) AS n{number})")  # noqa: S608 -- Django's own
        values += parameters
    with connections[alias].cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(counts)}", values)
        return list(cursor.fetchone() or ())


def _troubled(alias: str, since: datetime) -> dict[UUID, datetime]:
    """The events since a time that a handler has not done, among the newest deliveries of each such state."""
    found: dict[UUID, datetime] = {}
    for state in _TROUBLE:
        newest = Delivery.objects.using(alias).filter(state=state).order_by("-pk")
        found.update(newest.values_list("event_id", "event__received_at")[:_TROUBLED])
    shown = {key: as_shown(alias, time) for key, time in found.items()}
    return {key: time for key, time in shown.items() if time >= since}


def _bars(begins: Sequence[datetime], numbers: Sequence[int], troubled: dict[UUID, datetime]) -> list[Bar]:
    highest = max(1, *numbers)
    bars: list[Bar] = []
    for place, (begin, number) in enumerate(zip(begins, numbers, strict=True)):
        count = sum(begin <= time < begin + _HOUR for time in troubled.values())
        heights = (round(_HEIGHT * min(each, number) / highest, 1) for each in (number, count))
        bars.append(Bar(begin, begin + _HOUR, min(number, _OF_AN_HOUR), number > _OF_AN_HOUR, count, place * _WIDTH, *heights))
    return bars
