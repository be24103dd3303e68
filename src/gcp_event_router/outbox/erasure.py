"""Erases a person's payloads from the outbox, and keeps the fact that the events were sent.

    numbers = erase([Match("customer_id", "42")], dry_run=False)

An erased event has no payload, no attributes and no ordering key. Nothing can send it again.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from .._boxes.conflicts import retry_conflicts
from .._boxes.erasing import Erased, Match, erase_matching, json_of, require_matches, without_values
from .._boxes.selecting import matching
from .._boxes.states import State
from .._globs.glob import Glob
from .database import database
from .models import OutgoingEvent
from .retry import discard, discardable

__all__ = ["Erased", "Match", "erase"]

_NOTHING: Final[dict[str, Any]] = {"data": b"", "metadata": "", "order_key": None, "error_text": ""}


def erase(matches: Collection[Match], *, kind: str = "", alias: str | None = None, dry_run: bool = True) -> Erased:
    """Erase the events that have all of these values, or only count them.

    Events that have not been sent are discarded, except those that a relay is sending, which are counted as `in_use`. The other
    arguments, the result and the errors are those of `inbox.erasure.erase`; `alias` is the outbox's database by default.
    """
    require_matches(matches)
    alias = alias or database()
    rows = OutgoingEvent.objects.using(alias).filter(erased_at=None)
    if kind:
        rows = matching(rows, "kind", Glob(kind))
    end = partial(_count, alias) if dry_run else partial(_erase, alias, matches)
    return erase_matching(matches, rows, "data", _documents_of, end)


def _documents_of(event: OutgoingEvent) -> tuple[Collection[object], bool]:
    """The documents in which an event may have a value, and whether its payload is JSON."""
    payload = json_of(bytes(event.data) or b"null")
    return [*payload, event.attributes], bool(payload)


def _being_sent(rows: QuerySet[OutgoingEvent]) -> set[int]:
    return set(rows.filter(state=State.RUNNING, lease_until__gte=Now()).values_list("pk", flat=True))


def _count(alias: str, numbers: Collection[int]) -> Erased:
    rows = OutgoingEvent.objects.using(alias).filter(pk__in=numbers)
    in_use = _being_sent(rows)
    return Erased(erased=len(numbers) - len(in_use), discarded=discardable(rows).count(), in_use=len(in_use))


@retry_conflicts
def _erase(alias: str, matches: Collection[Match], numbers: Collection[int]) -> Erased:
    with transaction.atomic(using=alias):
        rows = OutgoingEvent.objects.using(alias).filter(pk__in=numbers)
        number = rows.filter(erased_at=None).update(erased_at=Now())  # locks them
        in_use = _being_sent(rows)
        if in_use:
            number -= rows.filter(pk__in=in_use).update(erased_at=None)
        idle = OutgoingEvent.objects.using(alias).filter(pk__in=set(numbers) - in_use)
        discarded = discard(idle)
        for name in ("cause", "message_id"):
            texts = idle.exclude(**{name: ""}).values_list("pk", name)
            idle.filter(pk__in=[pk for pk, text in texts if not without_values(text, matches)]).update(**{name: ""})
        idle.update(**_NOTHING)
    return Erased(erased=number, discarded=discarded, in_use=len(in_use))
