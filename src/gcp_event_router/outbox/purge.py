"""Deletes old events that were sent or discarded, for `manage.py outbox purge` and for projects."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from typing import Final

from django.db.models import QuerySet

from .._boxes.batches import delete_oldest
from .._boxes.clock import ago
from .._boxes.selecting import StateName, matching
from .._boxes.states import State
from .._globs.glob import Glob
from .models import OutgoingEvent
from .ordering_keys import purge_ordering_keys

__all__ = ["PURGED", "purge"]

#: The states of events that nobody will send.
PURGED: Final = (State.DONE, State.DISCARDED)


def purge(
    alias: str,
    older_than: timedelta,
    *,
    states: Collection[State | StateName] = PURGED,
    kind: str = "",
    topic: str = "",
    batch: int = 1000,
    dry_run: bool = False,
) -> Iterator[int]:
    """Delete events that were sent or discarded some time ago, the oldest first, while the result is iterated.

    Each batch is a transaction, and skips rows that others have locked, so that nobody waits for a purge. A purge can be stopped
    at any time; the next one continues. At its end, a purge deletes the ordering keys that no event has used for as long.

    Args:
        alias: The database.
        older_than: The least time since the events were sent or discarded.
        states: Some of `PURGED`.
        kind: A glob of kinds; empty for all.
        topic: A glob of topics; empty for all.
        batch: How many events one transaction reads; at most 10,000.
        dry_run: Whether to count only, all at once.

    Yields:
        The number of events that each batch deleted.

    Raises:
        ValueError: One of the states is not in `PURGED`.
        GlobError: A glob is malformed.

    """
    if others := sorted(set(states) - set(PURGED)):
        msg = f"Events cannot be purged while they are {' or '.join(others)}: they may still be sent. Discard them first."
        raise ValueError(msg)
    past = ago(older_than)
    # the index is of `created_at`, which is never later
    old = OutgoingEvent.objects.using(alias).filter(state__in=states, created_at__lt=past, finished_at__lt=past)
    if kind:
        old = matching(old, "kind", Glob(kind))
    if topic:
        old = matching(old, "topic", Glob(topic, f"glob {topic!r}"))
    return iter([old.count()]) if dry_run else _delete(alias, old, older_than, batch)


def _delete(alias: str, old: QuerySet[OutgoingEvent], older_than: timedelta, batch: int) -> Iterator[int]:
    def delete(numbers: Sequence[int]) -> Sequence[int]:
        old.filter(pk__in=numbers).delete()  # none that was retried meanwhile, where rows cannot be locked
        return numbers

    yield from delete_oldest(old, "created_at", batch, delete)
    purge_ordering_keys(alias, older_than, batch)
