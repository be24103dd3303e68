"""Reads and deletes many rows in bounded batches."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from django.core.exceptions import ObjectDoesNotExist
from django.db import connections, transaction
from django.db.models import Max, Model, QuerySet

RowT = TypeVar("RowT", bound=Model)

#: How many rows are read at once.
_READ: Final = 200
#: How many rows a statement names at most: SQLite has a limit for that.
NAMED: Final = 10_000
#: Longer than the precision of times in any database.
_OVERLAP: Final = timedelta(seconds=1)


def batches(rows: QuerySet[Any]) -> Iterator[list[int]]:
    """Iterate over the numbers of the rows that exist now, in order and in bounded batches."""
    numbers = rows.order_by("pk").values_list("pk", flat=True)
    every: Any = rows.model
    last = every.objects.using(rows.db).aggregate(last=Max("pk"))["last"]  # of all, so that the index suffices
    passed = 0
    while last is not None and (batch := list(numbers.filter(pk__gt=passed, pk__lte=last)[:_READ])):
        passed = batch[-1]
        yield batch


def each(rows: QuerySet[RowT]) -> Iterator[RowT]:
    """Iterate over the rows that exist now, in the order of their numbers, and read each one when its turn comes."""
    for batch in batches(rows):
        for number in batch:
            with suppress(ObjectDoesNotExist):  # purged, or settled by somebody else
                yield rows.get(pk=number)


def lock(rows: QuerySet[RowT]) -> QuerySet[RowT]:
    """Lock rows, and skip those that others have locked; SQLite has only one writer at a time."""
    skips = connections[rows.db].features.has_select_for_update_skip_locked
    return rows.select_for_update(skip_locked=True) if skips else rows


def delete_oldest(
    rows: QuerySet[RowT], column: str, batch: int, delete: Callable[[Sequence[Any]], Collection[Any]]
) -> Iterator[int]:
    """Delete rows by an indexed column of times, while the result is iterated; each batch is a transaction.

    Args:
        rows: What to delete.
        column: The name of the column.
        batch: How many rows a transaction reads; at most 10,000.
        delete: Deletes the rows with some primary keys, which are locked, as far as it can, and returns the keys of those.

    Yields:
        The number of rows that each batch deleted.

    """
    begin: datetime | None = None  # older ones are deleted or skipped
    skipped: set[Any] = set()
    while True:
        left = rows.exclude(pk__in=skipped)
        if begin is not None:
            left = left.filter(**{f"{column}__gte": begin})
        with transaction.atomic(using=rows.db):
            candidates = dict(lock(left.order_by(column)).values_list("pk", column)[: min(batch, NAMED)])
            deleted = delete(list(candidates))
        if not candidates:
            return
        begin = max(candidates.values()) - _OVERLAP
        skipped.update(candidates.keys() - set(deleted))  # others have locked them
        if deleted:
            yield len(deleted)


def delete_all(rows: QuerySet[Any], batch: int) -> int:
    """Delete rows in batches, except those that others have locked; each batch is a transaction. Returns how many."""
    total = 0
    deleted = batch
    while deleted:
        with transaction.atomic(using=rows.db):
            numbers = list(lock(rows).values_list("pk", flat=True)[: min(batch, NAMED)])
            deleted, _ = rows.filter(pk__in=numbers).delete()
        total += deleted
    return total
