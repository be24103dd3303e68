"""Moves deliveries to a handler's new name, for `manage.py inbox rename` and for projects.

Finished deliveries move, too, so that a redelivery is recognised as a duplicate under the new name.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final, TypeVar

from django.db import IntegrityError, transaction
from django.db.models import Exists, Model, OuterRef, QuerySet

from .._boxes.selecting import idle
from .models import Delivery, OnceKey

RowT = TypeVar("RowT", bound=Model)

_BATCH: Final = 500


def renamable(alias: str, old: str, new: str) -> QuerySet[Delivery]:
    """Select the deliveries that can be moved: no worker runs them, and their events have none for the new name."""
    taken = Delivery.objects.using(alias).filter(event=OuterRef("event"), handler=new)
    return idle(Delivery.objects.using(alias).filter(handler=old)).filter(~Exists(taken)).order_by("pk")


def rename(alias: str, old: str, new: str) -> int:
    """Move deliveries and business keys from one name to another, as far as possible. Returns how many deliveries were moved."""
    keys = OnceKey.objects.using(alias).filter(handler=old)
    taken = OnceKey.objects.using(alias).filter(digest=OuterRef("digest"), handler=new)
    _move_all(keys, keys.filter(~Exists(taken)).order_by("pk"), new)
    return _move_all(idle(Delivery.objects.using(alias).filter(handler=old)), renamable(alias, old, new), new)


def _move_all(rows: QuerySet[RowT], movable: QuerySet[RowT], new: str) -> int:
    """Move the rows that are movable, if they still belong to `rows` when their turn comes."""
    moved = passed = 0
    while batch := list(movable.filter(pk__gt=passed).values_list("pk", flat=True)[:_BATCH]):
        passed = batch[-1]
        try:
            moved += _move(rows, batch, new)
        except IntegrityError:  # one of them has got a row for the new name meanwhile
            for number in batch:
                with suppress(IntegrityError):
                    moved += _move(rows, [number], new)
    return moved


def _move(rows: QuerySet[RowT], numbers: list[int], new: str) -> int:
    with transaction.atomic(using=rows.db):
        return rows.filter(pk__in=numbers).update(handler=new)
