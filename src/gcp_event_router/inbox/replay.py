"""Running deliveries again, and giving them up: what a person decides. Called by the command, the admin, and projects.

    for delivery, result in replay(Selection(kind="order-*", states=["parked"]).deliveries()):
        print(delivery, result.outcome.value)

A delivery is validated and run as its handler is now. What began and did not end, for want of the process, is left to
`manage.py inbox process`, and to whoever replays it after its lease.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from django.db.models import Max, QuerySet

from .._dispatch.dispatch import Dispatch
from .._dispatch.lookup import find_everywhere
from .._dispatch.store import Result
from ..outcomes import Outcome, classify, worst
from . import decisions
from .models import Delivery, State
from .serialization import raw_events_of
from .workers import work

__all__ = ["DISCARDED", "REPLAYED", "SUCCEEDED", "discard", "replay"]

#: The states that are replayed without being forced to, where nobody says which.
REPLAYED: Final = (State.PENDING, State.RUNNING, State.FAILED, State.REJECTED, State.PARKED, State.UNHANDLED)
#: The states from which a delivery can be discarded; from `RUNNING` once its lease is over.
DISCARDED: Final = (State.PENDING, State.RUNNING, State.FAILED, State.REJECTED, State.PARKED, State.UNHANDLED)
#: The outcomes of a replay after which a delivery is done.
SUCCEEDED: Final = frozenset({Outcome.HANDLED, Outcome.DUPLICATE})
_BATCH = 200


def replay(deliveries: QuerySet[Delivery], *, force: bool = False) -> Iterator[tuple[Delivery, Result]]:
    """Run deliveries again, one after the other, as the result is iterated. Several may do so at once: each runs once.

    Args:
        deliveries: Which ones, such as `Selection(...).deliveries()`. Those that begin to fit meanwhile are not run.
        force: Whether to run those, too, that are done.

    Yields:
        Each delivery as it was, and how it ended. `DUPLICATE`: it is done, and was not forced; `UNHANDLED`: its handler is
        there no more, and it stays as it was; `BUSY`: somebody else is at it.

    Raises:
        DatabaseError: The database cannot be asked.

    """
    alias = deliveries.db
    for delivery in _one_by_one(deliveries.select_related("event")):
        if State(delivery.state) is State.DONE and not force:
            yield delivery, Result(Outcome.DUPLICATE)
        elif delivery.handler:
            yield delivery, work(alias, delivery, anew=True)
        else:
            yield delivery, _read_again(alias, delivery)


def discard(deliveries: QuerySet[Delivery]) -> int:
    """Give up deliveries that are pending, failed, rejected or parked: nobody runs them, and their senders are told to stop.

    What is running is given up, too, once its lease is over; a worker that comes back to it then changes nothing.

    Returns:
        How many were given up.

    """
    return sum(decisions.discard(deliveries.db, delivery.pk) for delivery in _one_by_one(deliveries))


def _one_by_one(deliveries: QuerySet[Delivery]) -> Iterator[Delivery]:
    """Deliveries as they are when their turn comes, in bounded batches."""
    rows = deliveries.order_by("pk")
    last = Delivery.objects.using(rows.db).aggregate(last=Max("pk"))["last"]  # of all, which no filter has to look for
    passed = 0
    while last is not None and (batch := list(rows.filter(pk__gt=passed, pk__lte=last).values_list("pk", flat=True)[:_BATCH])):
        passed = batch[-1]
        for pk in batch:
            with suppress(Delivery.DoesNotExist):  # purged, or settled by somebody else
                yield rows.get(pk=pk)


def _read_again(alias: str, delivery: Delivery) -> Result:
    """Read an event that was for no handler, and bring it to those that there are; what they do is kept as of any event."""
    events = raw_events_of(delivery.event)
    for _, _, raw_event in events:
        if raw_event.problem is not None:
            return Result(Outcome.REJECTED, raw_event.problem)
    outcomes: list[Outcome] = []
    errors: list[Exception] = []
    for kind, reference, raw_event in events:
        for found in find_everywhere(kind, raw_event.envelope.type):
            if found.blocking or found.awaited:
                try:
                    outcomes.append(Dispatch(kind, reference, raw_event, found).complete())
                except Exception as error:  # noqa: BLE001 -- it is the result
                    errors.append(error)
    if errors:
        return Result(classify(errors[0]), errors[0])
    if not outcomes:
        return Result(Outcome.UNHANDLED)
    decisions.settle(alias, delivery.pk)
    return Result(worst(outcomes))
