"""The number of deliveries in each state, at the top of the list of events.

Nothing is counted to its end, so a busy site's page is as quick as any: a number that is too large ends in a "+".
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from django.db import connections

from ..models import Delivery, State

__all__ = ["WORST_FIRST", "StateCount", "state_counts"]

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
#: So many deliveries of a state are counted.
_MOST: Final = 10_000


class StateCount(NamedTuple):
    """How many deliveries are in a state."""

    state: State
    number: int
    has_more: bool


def state_counts(alias: str) -> list[StateCount]:
    """Count the deliveries in each state, from the worst, in one statement, for which the ORM has no form."""
    deliveries = Delivery.objects.using(alias)
    counts: list[str] = []
    values: list[Any] = []
    for place, state in enumerate(WORST_FIRST):
        rows = deliveries.filter(state=state).values_list("pk")[: _MOST + 1]
        sql, parameters = rows.query.get_compiler(alias).as_sql()
        counts.append(f"(SELECT COUNT(*) FROM ({sql}) AS n{place})")  # noqa: S608 -- Django's own
        values += parameters
    with connections[alias].cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(counts)}", values)
        numbers: list[int] = list(cursor.fetchone() or ())
    return [StateCount(state, min(number, _MOST), number > _MOST) for state, number in zip(WORST_FIRST, numbers, strict=True)]
