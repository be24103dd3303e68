"""Counts the deliveries, for `manage.py inbox stats` and for alerts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .._boxes.counts import Counts, count
from .._boxes.display import printable
from .._boxes.states import OPEN, State
from .models import Delivery
from .names import unregistered

_MAX_NAMES: Final = 5


@dataclass(frozen=True, slots=True)
class Stats:
    """The figures at one moment."""

    deliveries: Counts
    #: The number of open deliveries that workers have to run.
    waiting: int
    #: The number of these for each name that is not registered.
    unregistered: Mapping[str, int]

    def text(self) -> Iterator[str]:
        """Format the figures for a terminal."""
        yield self.deliveries.table("deliveries")
        if self.waiting:
            yield f"Waiting for a worker: {self.waiting}."
        if self.unregistered:
            names = [f"{number} for {printable(name)}" for name, number in self.unregistered.items()]
            more = f" and {len(names) - _MAX_NAMES} more names" if len(names) > _MAX_NAMES else ""
            yield f"Waiting for a handler that is not registered: {', '.join(names[:_MAX_NAMES])}{more}."

    def fields(self) -> dict[str, Any]:
        """The figures for scripts, with ages in seconds."""
        return self.deliveries.fields("deliveries") | {
            "waiting_for_worker": self.waiting,
            "unregistered": dict(self.unregistered),
        }


def stats(alias: str) -> Stats:
    """Count the deliveries. Raises the database's errors."""
    rows = Delivery.objects.using(alias)
    waiting = rows.filter(deferred=True, state__in=OPEN).count()
    return Stats(count(rows, list(State)), waiting, unregistered(alias) if waiting else {})
