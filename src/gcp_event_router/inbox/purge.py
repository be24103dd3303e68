"""Deleting events that are finished and old. Called by `manage.py inbox purge`, and by projects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

from django.db import connections, transaction
from django.db.models import Exists, Model, OuterRef, QuerySet

from .._globs.glob import Glob
from .clock import ago
from .matching import fits
from .models import Delivery, State, StoredEvent

__all__ = ["PURGEABLE", "PURGED", "purge"]

RowT = TypeVar("RowT", bound=Model)

#: The states in which nothing is left to do for anybody.
PURGED: Final = (State.DONE, State.DISCARDED)
#: These, and the states in which a delivery waits for a person, or for a sender who gave up long ago.
PURGEABLE: Final = frozenset({*PURGED, State.REJECTED, State.PARKED, State.FAILED, State.UNHANDLED})

_OVERLAP: Final = timedelta(seconds=1)
"""More than databases differ in how finely they write a time."""


def purge(
    alias: str,
    older_than: timedelta,
    *,
    states: Collection[str] = PURGED,
    kind: str = "",
    reference: str = "",
    batch: int = 1000,
    dry_run: bool = False,
) -> Iterator[int]:
    """Delete events whose deliveries are all in some states, the oldest first, as the result is iterated.

    Each batch is a transaction of its own, and what anybody else is at is passed over, so that nobody waits for a purge. One
    that is stopped has lost nothing, and the next goes on.

    Args:
        alias: The database.
        older_than: For how long an event has to be there. Senders deliver again for days; what comes again later is new.
        states: Some of `PURGEABLE`.
        kind: A glob of kinds; empty for all.
        reference: The whole reference; empty for all.
        batch: How many events one transaction looks at.
        dry_run: Whether to count only, all at once.

    Yields:
        How many events each batch deleted.

    Raises:
        ValueError: One of the states is not of `PURGEABLE`.
        GlobError: The glob is malformed.

    """
    if others := sorted(set(states) - PURGEABLE):
        msg = f"Deliveries cannot be purged while they are {' or '.join(others)}: somebody may run them. Discard them first."
        raise ValueError(msg)
    open_ones = Delivery.objects.using(alias).filter(event=OuterRef("pk")).exclude(state__in=states)
    old = StoredEvent.objects.using(alias).filter(~Exists(open_ones), received_at__lt=ago(older_than))
    if kind:
        glob = Glob(kind)
        old = old.filter(kind=kind) if glob.is_literal else old.filter(fits(alias, "kind", glob))
    if reference:
        old = old.filter(reference=reference)
    return iter([old.count()]) if dry_run else _batches(alias, old, frozenset(states), batch)


def _batches(alias: str, old: QuerySet[StoredEvent], states: Collection[str], batch: int) -> Iterator[int]:
    begin: datetime | None = None  # what is older was looked at
    passed: set[UUID] = set()
    while True:
        rows = old.exclude(key__in=passed)
        if begin is not None:
            rows = rows.filter(received_at__gte=begin)
        with transaction.atomic(using=alias):
            found = dict(_locked(rows.order_by("received_at")).values_list("key", "received_at")[:batch])
            finished = _finished(alias, list(found), states)
            Delivery.objects.using(alias).filter(event__in=finished).delete()
            StoredEvent.objects.using(alias).filter(key__in=finished).only("key").delete()
        if not found:
            return
        begin = max(found.values()) - _OVERLAP
        passed.update(found.keys() - set(finished))  # somebody is at these
        if finished:
            yield len(finished)


def _finished(alias: str, keys: Sequence[UUID], states: Collection[str]) -> list[UUID]:
    """Those of some events whose deliveries are still finished now that they are locked, and nobody else's."""
    deliveries = Delivery.objects.using(alias).filter(event__in=keys)
    there = Counter(deliveries.values_list("event_id", flat=True))
    free = Counter(event for event, state in _locked(deliveries).values_list("event_id", "state") if state in states)
    return [key for key in keys if free[key] == there[key]]


def _locked(rows: QuerySet[RowT]) -> QuerySet[RowT]:
    """The rows that nobody else is at, locked where the database can do that; SQLite has one writer at a time."""
    skips = connections[rows.db].features.has_select_for_update_skip_locked
    return rows.select_for_update(skip_locked=True) if skips else rows
