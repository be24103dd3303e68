"""Counts the deliveries, for `manage.py inbox stats` and for alerts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db.models import Count

from .._boxes.clock import now
from .._boxes.display import printable
from .._boxes.states import OPEN, State
from ..management.output import age_text, table
from .models import Delivery
from .names import unregistered

_FINISHED: Final = frozenset({State.DONE, State.DISCARDED})
_MAX_NAMES: Final = 5


@dataclass(frozen=True, slots=True)
class Stats:
    """The figures at one moment."""

    #: The number of deliveries in each state.
    numbers: Mapping[State, int]
    #: The age of the oldest delivery in each state that needs work.
    oldest: Mapping[State, timedelta]
    #: The number of open deliveries that workers have to run.
    waiting: int
    #: The number of these for each name that is not registered.
    unregistered: Mapping[str, int]

    @property
    def oldest_open(self) -> timedelta | None:
        """The age of the oldest open delivery, if any."""
        return max((self.oldest[state] for state in OPEN if state in self.oldest), default=None)

    def text(self) -> Iterator[str]:
        """Format the figures for a terminal."""
        rows = [
            (state.value, str(self.numbers[state]), age_text(self.oldest[state]) if state in self.oldest else "-")
            for state in State
        ]
        yield table(rows, ("state", "deliveries", "oldest"))
        if self.waiting:
            yield f"Waiting for a worker: {self.waiting}."
        if self.unregistered:
            names = [f"{number} for {printable(name)}" for name, number in self.unregistered.items()]
            more = f" and {len(names) - _MAX_NAMES} more names" if len(names) > _MAX_NAMES else ""
            yield f"Waiting for a handler that is not registered: {', '.join(names[:_MAX_NAMES])}{more}."

    def fields(self) -> dict[str, Any]:
        """The figures for scripts, with ages in seconds."""
        oldest = {state: self.oldest[state].total_seconds() if state in self.oldest else None for state in State}
        return {
            "states": {state.value: {"deliveries": self.numbers[state], "oldest": oldest[state]} for state in State},
            "oldest_open": None if self.oldest_open is None else self.oldest_open.total_seconds(),
            "waiting_for_worker": self.waiting,
            "unregistered": dict(self.unregistered),
        }


def stats(alias: str) -> Stats:
    """Count the deliveries. Raises the database's errors."""
    rows = Delivery.objects.using(alias).order_by()
    counts = dict(rows.values_list("state").annotate(number=Count("pk")))
    numbers = {state: counts.get(state.value, 0) for state in State}
    time = now(alias)
    oldest: dict[State, timedelta] = {}
    for state in State:
        if state not in _FINISHED and numbers[state]:
            first = rows.filter(state=state).order_by("pk").values_list("created_at", flat=True).first()
            if first is not None:
                oldest[state] = max(time - first, timedelta(0))
    waiting = rows.filter(deferred=True, state__in=OPEN).count()
    return Stats(numbers, oldest, waiting, unregistered(alias) if waiting else {})
