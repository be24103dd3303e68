"""What people decide about deliveries: to run them again, to leave them, or to discard them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from django.db.models import (
    Q,
    QuerySet,
)
from django.db.models.functions import Now

from .conflicts import asked_again
from .errors import KeptError
from .models import SETTLED, Delivery, State

__all__ = ["IS_OPEN", "discard", "discardable", "leave", "reopen", "settle"]

#: The condition that a delivery can be claimed: it waits, it failed, or the lease of whoever runs it has run out.
IS_OPEN: Final = Q(state__in=[State.PENDING, State.FAILED]) | Q(state=State.RUNNING, lease_until__lt=Now())


@asked_again
def reopen(alias: str, delivery: Delivery) -> bool:
    """Have a settled delivery be run once more, by a worker. False if it was run since it was read."""
    rows = Delivery.objects.using(alias).filter(pk=delivery.pk, state=delivery.state, attempts=delivery.attempts)
    return bool(rows.update(state=State.PENDING, deferred=True, finished_at=None, waiting_since=None))


@asked_again
def leave(alias: str, deliveries: Collection[int]) -> int:
    """Leave what is open of some deliveries to the workers. Returns how many were not theirs before."""
    rows = Delivery.objects.using(alias).filter(pk__in=deliveries, deferred=False).exclude(state__in=SETTLED)
    return rows.update(deferred=True)


@asked_again
def settle(alias: str, delivery: int) -> bool:
    """Note that an event which is for no handler, and was read again, is done. False if it is settled otherwise by now."""
    rows = Delivery.objects.using(alias).filter(pk=delivery, state__in=[State.REJECTED, State.DISCARDED, State.UNHANDLED])
    return bool(rows.update(state=State.DONE, **KeptError().columns, finished_at=Now()))


def discardable(rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Those of some deliveries that can be given up: what is open and nobody is at, and what waits for a person."""
    return rows.filter(IS_OPEN | Q(state__in=[State.REJECTED, State.PARKED, State.UNHANDLED]))


@asked_again
def discard(alias: str, delivery: int) -> bool:
    """Give up a delivery, which is nobody's then. False if it cannot be by now."""
    rows = discardable(Delivery.objects.using(alias).filter(pk=delivery))
    return bool(rows.update(state=State.DISCARDED, not_before=None, finished_at=Now(), token=None, lease_until=None))
