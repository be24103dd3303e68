"""Sends events again, and gives events up: what a person decides in the command, the admin, or a project's own code.

    number = retry(OutgoingSelection(topic="*/orders", states=["parked"]).events())

Relays may send events at the same time: an event that a relay is sending stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from .._boxes.batches import batches
from .._boxes.conflicts import retry_conflicts
from .._boxes.selecting import IS_OPEN
from .._boxes.states import State
from .enqueueing import enqueue_relay
from .models import OutgoingEvent

__all__ = ["DISCARDED", "RETRIED", "discard", "discardable", "retriable", "retry"]

#: The states from which an event can be retried; from `RUNNING` once its lease has expired.
RETRIED: Final = (State.RUNNING, State.FAILED, State.PARKED, State.DISCARDED)
#: The states from which an event can be discarded; from `RUNNING` as above.
DISCARDED: Final = (State.PENDING, State.RUNNING, State.FAILED, State.PARKED)
#: An attempt is over, or has never begun.
_NO_ATTEMPT: Final[dict[str, Any]] = {"token": None, "lease_until": None, "not_before": None}


def retriable(rows: QuerySet[OutgoingEvent]) -> QuerySet[OutgoingEvent]:
    """Select the events that can be retried: they failed, were parked or discarded, and no relay sends them; none is erased."""
    is_settled = Q(state__in=[State.PARKED, State.DISCARDED])
    return rows.filter((IS_OPEN & ~Q(state=State.PENDING)) | is_settled, erased_at=None)


def discardable(rows: QuerySet[OutgoingEvent]) -> QuerySet[OutgoingEvent]:
    """Select the events that can be discarded: they have not been sent, and no relay is sending them."""
    return rows.filter(IS_OPEN | Q(state=State.PARKED))


def retry(events: QuerySet[OutgoingEvent]) -> int:
    """Make events that failed, or were parked or discarded, due at once. They keep their ids, and get all their attempts again.

    If later events with the ordering key of a discarded one have been sent, it arrives after them.

    Returns:
        The number of events that are due now.

    """
    number = sum(_retry(events.db, batch) for batch in batches(retriable(events)))
    if number:
        enqueue_relay(events.db)
    return number


def discard(events: QuerySet[OutgoingEvent]) -> int:
    """Give up events that have not been sent. Later events with their ordering keys no longer wait for them.

    Returns:
        The number of discarded events.

    """
    number = sum(_discard(events.db, batch) for batch in batches(discardable(events)))
    if number:
        enqueue_relay(events.db)
    return number


@retry_conflicts
def _retry(alias: str, numbers: Sequence[int]) -> int:
    rows = retriable(OutgoingEvent.objects.using(alias).filter(pk__in=numbers))
    return rows.update(state=State.PENDING, attempts=0, finished_at=None, **_NO_ATTEMPT)


@retry_conflicts
def _discard(alias: str, numbers: Sequence[int]) -> int:
    rows = discardable(OutgoingEvent.objects.using(alias).filter(pk__in=numbers))
    return rows.update(state=State.DISCARDED, finished_at=Now(), **_NO_ATTEMPT)
