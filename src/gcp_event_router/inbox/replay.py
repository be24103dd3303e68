"""Runs deliveries again, and discards them: what a person decides in the command, the admin, or a project's own code.

    for delivery, result in replay(Selection(kind="order-*", states=["parked"]).deliveries()):
        print(delivery, result.outcome.value)

A delivery is validated and run by the current code. If the process is killed, `manage.py inbox process` or another replay runs
the delivery that had begun, once its lease has expired.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

from django.db.models import QuerySet

from .._boxes.batches import each
from .._boxes.states import State
from .._dispatch.dispatch import Dispatch
from .._dispatch.lookup import find_everywhere
from .._dispatch.store import Result
from ..outcomes import Outcome, classify, worst
from . import decisions
from .deferral import enqueue_next
from .errors import ErasedEventError
from .models import Delivery
from .serialization import raw_events_of
from .workers import work

__all__ = ["DISCARDED", "REPLAYED", "SUCCEEDED", "discard", "replay"]

#: The states from which a delivery can be discarded; from `RUNNING` once its lease has expired.
DISCARDED: Final = (State.PENDING, State.RUNNING, State.FAILED, State.REJECTED, State.PARKED, State.UNHANDLED)
#: The states that are replayed by default.
REPLAYED: Final = DISCARDED
#: The outcomes of a replay after which a delivery is done.
SUCCEEDED: Final = frozenset({Outcome.HANDLED, Outcome.DUPLICATE})


def replay(deliveries: QuerySet[Delivery], *, force: bool = False) -> Generator[tuple[Delivery, Result]]:
    """Run deliveries again, one after the other, while the result is iterated.

    Several replays may run at once: each delivery runs once.

    Args:
        deliveries: The deliveries, such as `Selection(...).deliveries()`. Those that match only later are not run.
        force: Whether to run deliveries that are done, too.

    Yields:
        Each delivery as it was, and its result: an `outcome` and an `error`. The outcome is `DUPLICATE` if it is done, and
        `force` is not set; `UNHANDLED` if its handler is not registered, and it is unchanged; `BUSY` if another worker runs it,
        or an earlier one with its key is open: then workers run it; `REJECTED` with an `ErasedEventError` if the event was
        erased.

    Raises:
        DatabaseError: The database is unavailable.

    """
    alias = deliveries.db
    for delivery in each(deliveries.select_related("event")):
        if delivery.event.erased_at is not None:
            yield delivery, Result(Outcome.REJECTED, ErasedEventError())
        elif State(delivery.state) is State.DONE and not force:
            yield delivery, Result(Outcome.DUPLICATE)
        elif delivery.handler:
            yield delivery, work(alias, delivery, rerun=True)
        else:
            yield delivery, _dispatch(alias, delivery)


def discard(deliveries: QuerySet[Delivery]) -> int:
    """Discard deliveries that are pending, failed, rejected, parked or without a handler: they never run.

    The inbox acknowledges their redeliveries. Running ones are discarded, too, once their lease has expired; their workers then
    change nothing.

    Returns:
        The number of discarded deliveries.

    """
    return sum(_discard(deliveries.db, delivery) for delivery in each(deliveries))


def _discard(alias: str, delivery: Delivery) -> bool:
    if not decisions.discard(alias, delivery.pk):
        return False
    enqueue_next(alias, delivery)
    return True


def _dispatch(alias: str, delivery: Delivery) -> Result:
    """Dispatch an event that no handler took to the current handlers, each with a delivery of its own."""
    events = raw_events_of(delivery.event)
    for _, _, raw_event in events:
        if raw_event.problem is not None:
            return Result(Outcome.REJECTED, raw_event.problem)
    outcomes: list[Outcome] = []
    errors: list[Exception] = []
    for kind, reference, raw_event in events:
        for handlers in find_everywhere(kind, raw_event.envelope):
            if any(handlers):
                try:
                    outcomes.append(Dispatch(kind, reference, raw_event, handlers).complete())
                except Exception as error:  # noqa: BLE001 -- returned as the result
                    errors.append(error)
    if errors:
        return Result(classify(errors[0]), errors[0])
    if not outcomes:
        return Result(Outcome.UNHANDLED)
    decisions.settle(alias, delivery.pk)
    return Result(worst(outcomes))
