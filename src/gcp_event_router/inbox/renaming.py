"""Moves deliveries to a handler's new name, for `manage.py inbox rename` and for projects.

Finished deliveries move, too, so that a redelivery is recognised as a duplicate under the new name.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet

from .models import Delivery
from .selections import idle

_BATCH: Final = 500


def renamable(alias: str, old: str, new: str) -> QuerySet[Delivery]:
    """Select the deliveries that can be moved: no worker runs them, and their events have none for the new name."""
    taken = Delivery.objects.using(alias).filter(event=OuterRef("event"), handler=new)
    return idle(Delivery.objects.using(alias).filter(handler=old)).filter(~Exists(taken)).order_by("pk")


def rename(alias: str, old: str, new: str) -> int:
    """Move deliveries from one name to another, as far as possible. Returns how many were moved."""
    rows = renamable(alias, old, new)
    moved = passed = 0
    while batch := list(rows.filter(pk__gt=passed).values_list("pk", flat=True)[:_BATCH]):
        passed = batch[-1]
        try:
            moved += _move(alias, batch, old, new)
        except IntegrityError:  # one of the events was delivered to the new name meanwhile
            for key in batch:
                with suppress(IntegrityError):
                    moved += _move(alias, [key], old, new)
    return moved


def _move(alias: str, keys: list[int], old: str, new: str) -> int:
    with transaction.atomic(using=alias):
        return idle(Delivery.objects.using(alias).filter(pk__in=keys, handler=old)).update(handler=new)
