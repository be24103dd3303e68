"""People's decisions about deliveries: to reopen them, to leave them to workers, or to discard them."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from .._boxes.conflicts import retry_conflicts
from .._boxes.selecting import IS_OPEN
from .._boxes.states import SETTLED, State
from .._boxes.stored_errors import StoredError
from . import once_keys
from .models import Delivery, StoredEvent
from .waking import wake_workers


@retry_conflicts
def reopen(alias: str, delivery: Delivery) -> bool:
    """Reopen a settled delivery for a worker. Returns False if it has been run, or its event erased, since it was read."""
    event = StoredEvent.objects.using(alias).filter(key=delivery.event.key, erased_at=None)
    rows = Delivery.objects.using(alias).filter(pk=delivery.pk, state=delivery.state, attempts=delivery.attempts)
    with transaction.atomic(using=alias):
        if not event.update(erased_at=None):  # locks it, as an erasure does first
            return False
        return bool(rows.update(state=State.PENDING, deferred=True, finished_at=None, waiting_since=None, duplicate_of=None))


@retry_conflicts
def leave(alias: str, deliveries: Collection[int]) -> int:
    """Leave open deliveries to the workers. Returns how many were not deferred before."""
    rows = Delivery.objects.using(alias).filter(pk__in=deliveries, deferred=False).exclude(state__in=SETTLED)
    left = rows.update(deferred=True)
    if left:
        wake_workers(alias)
    return left


@retry_conflicts
def settle(alias: str, delivery: int) -> bool:
    """Mark the delivery of an event without a handler as done. Returns False if it has been settled in another way."""
    rows = Delivery.objects.using(alias).filter(pk=delivery, state__in=[State.REJECTED, State.DISCARDED, State.UNHANDLED])
    return bool(rows.update(state=State.DONE, **StoredError().columns, finished_at=Now()))


def discardable(rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Select the deliveries that can be discarded: open ones that no worker runs, and those that wait for a person."""
    return rows.filter(IS_OPEN | Q(state__in=[State.REJECTED, State.PARKED, State.UNHANDLED]))


@retry_conflicts
def discard(alias: str, delivery: int) -> bool:
    """Discard a delivery, and free its keys. Returns False if the delivery can no longer be discarded."""
    rows = discardable(Delivery.objects.using(alias).filter(pk=delivery))
    freed = {"not_before": None, "token": None, "lease_until": None, "running_digest": None}
    if not rows.update(state=State.DISCARDED, finished_at=Now(), **freed):
        return False
    once_keys.free(alias, delivery)
    return True
