"""Counts the rows of a box by state, for people and for alerts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.management.base import CommandError
from django.db.models import Count, QuerySet

from .._words import counted
from ..management.arguments import age, positive
from ..management.output import age_text, table
from ..management.subcommands import argument
from .clock import now
from .states import OPEN, State

_FINISHED: Final = frozenset({State.DONE, State.DISCARDED})


@dataclass(frozen=True, slots=True)
class Counts:
    """The numbers of rows at one moment."""

    #: The number in each state.
    numbers: Mapping[State, int]
    #: The age of the oldest in each state that needs work.
    oldest: Mapping[State, timedelta]

    @property
    def oldest_open(self) -> timedelta | None:
        """The age of the oldest open row, if any."""
        return max((self.oldest[state] for state in OPEN if state in self.oldest), default=None)

    def table(self, noun: str) -> str:
        """Format the numbers for a terminal."""
        rows = [
            (state.value, str(number), age_text(self.oldest[state]) if state in self.oldest else "-")
            for state, number in self.numbers.items()
        ]
        return table(rows, ("state", noun, "oldest"))

    def fields(self, noun: str) -> dict[str, Any]:
        """The numbers for scripts, with ages in seconds."""
        oldest = {state: self.oldest[state].total_seconds() if state in self.oldest else None for state in self.numbers}
        return {
            "states": {state.value: {noun: number, "oldest": oldest[state]} for state, number in self.numbers.items()},
            "oldest_open": None if self.oldest_open is None else self.oldest_open.total_seconds(),
        }


def first_created(rows: QuerySet[Any]) -> datetime | None:
    """Return when the oldest row was created."""
    return rows.order_by("pk").values_list("created_at", flat=True).first()


def count(
    rows: QuerySet[Any], states: Sequence[State], oldest: Callable[[QuerySet[Any]], datetime | None] = first_created
) -> Counts:
    """Count the rows of some states; `oldest` finds the time of the oldest one. Raises the database's errors."""
    counts = dict(rows.order_by().values_list("state").annotate(number=Count("pk")))
    numbers = {state: counts.get(state.value, 0) for state in states}
    time = now(rows.db)
    times = {state: oldest(rows.filter(state=state)) for state in states if state not in _FINISHED and numbers[state]}
    ages = {state: max(time - first, timedelta(0)) for state, first in times.items() if first is not None}
    return Counts(numbers, ages)


def alerts(one: str, several: str) -> tuple[Any, Any]:
    """The arguments for `fail`."""
    return (
        argument("--fail-parked", type=positive, metavar="N", help=f"exit with 1 if at least N {several} are parked"),
        argument("--fail-age", type=age, metavar="AGE", help=f"exit with 1 if an open {one} is older, such as 15m"),
    )


def fail(counts: Counts, fail_parked: int | None, fail_age: timedelta | None, nouns: tuple[str, str]) -> None:
    """Raise `CommandError` if the numbers exceed the limits."""
    problems: list[str] = []
    parked, oldest = counts.numbers[State.PARKED], counts.oldest_open
    if fail_parked is not None and parked >= fail_parked:
        verb = "is" if parked == 1 else "are"
        problems.append(f"{counted(parked, *nouns)} {verb} parked.")
    if fail_age is not None and oldest is not None and oldest > fail_age:
        problems.append(f"The oldest open {nouns[0]} is {age_text(oldest)} old.")
    if problems:
        raise CommandError(" ".join(problems))
