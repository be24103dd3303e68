"""Deletes old, finished events, for `manage.py inbox purge` and for projects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from .._boxes.batches import delete_all, delete_oldest, lock
from .._boxes.clock import ago
from .._boxes.selecting import StateName, matching
from .._boxes.states import State
from .._globs.glob import Glob
from .models import Delivery, OnceKey, StoredEvent
from .once_keys import IS_IDLE

#: The states of deliveries that need no more work.
PURGED: Final = (State.DONE, State.DISCARDED)
#: These, and the states in which a delivery waits for a person, or for a sender that gave up long ago.
PURGEABLE: Final = frozenset({*PURGED, State.REJECTED, State.PARKED, State.FAILED, State.UNHANDLED})


def purge(
    alias: str,
    older_than: timedelta,
    *,
    states: Collection[State | StateName] = PURGED,
    kind: str = "",
    reference: str = "",
    batch: int = 1000,
    dry_run: bool = False,
) -> Iterator[int]:
    """Delete events whose deliveries are all in some states, the oldest first, while the result is iterated.

    Each batch is a transaction, and skips rows that others have locked, so that nobody waits for a purge. A purge can be stopped
    at any time; the next one continues. At its end, a purge deletes the business keys that are kept no longer.

    Args:
        alias: The database.
        older_than: The least age of the events. Senders deliver again for days; a later redelivery counts as a new event.
        states: Some of `PURGEABLE`.
        kind: A glob of kinds; empty for all.
        reference: The whole reference; empty for all.
        batch: How many events one transaction reads; at most 10,000.
        dry_run: Whether to count only, all at once.

    Yields:
        The number of events that each batch deleted.

    Raises:
        ValueError: One of the states is not in `PURGEABLE`.
        GlobError: The glob is malformed.

    """
    if others := sorted(set(states) - PURGEABLE):
        msg = f"Deliveries cannot be purged while they are {' or '.join(others)}: they may still run. Discard them first."
        raise ValueError(msg)
    unfinished = Delivery.objects.using(alias).filter(event=OuterRef("pk")).exclude(state__in=states)
    old = StoredEvent.objects.using(alias).filter(~Exists(unfinished), received_at__lt=ago(older_than))
    if kind:
        old = matching(old, "kind", Glob(kind))
    if reference:
        old = old.filter(reference=reference)
    return iter([old.count()]) if dry_run else _delete(alias, old, frozenset(states), batch)


def _delete(alias: str, old: QuerySet[StoredEvent], states: Collection[str], batch: int) -> Iterator[int]:
    def delete(keys: Sequence[UUID]) -> Collection[UUID]:
        finished = _finished(alias, keys, states)
        Delivery.objects.using(alias).filter(event__in=finished).delete()
        StoredEvent.objects.using(alias).filter(key__in=finished).only("key").delete()
        return finished

    yield from delete_oldest(old, "received_at", batch, delete)
    delete_all(OnceKey.objects.using(alias).filter(IS_IDLE, kept_until__lt=Now()), batch)


def _finished(alias: str, keys: Sequence[UUID], states: Collection[str]) -> list[UUID]:
    """Select the events whose deliveries are all finished and locked by us."""
    deliveries = Delivery.objects.using(alias).filter(event__in=keys)
    every = Counter(deliveries.values_list("event_id", flat=True))
    free = Counter(event for event, state in lock(deliveries).values_list("event_id", "state") if state in states)
    return [key for key in keys if free[key] == every[key]]
