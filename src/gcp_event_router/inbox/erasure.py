"""Erases a person's payloads, and keeps the fact that the events were handled, so that a redelivery is still a duplicate.

    numbers = erase([Match("customer_id", "42")], dry_run=False)

An erased event has no body, no headers, no parameters and no sender. Nothing can run it again.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Collection, Iterator
from functools import partial
from typing import Any, Final, cast
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from .._boxes.conflicts import retry_conflicts
from .._boxes.erasing import Erased, Match, erase_matching, json_of, require_matches, without_values
from .._boxes.selecting import matching
from .._boxes.states import State
from .._globs.glob import Glob
from ..envelopes import CloudTask, read
from ..envelopes.pubsub import shape_of
from .database import database
from .decisions import discardable
from .facts import envelope_of
from .models import Delivery, OnceKey, StoredEvent
from .renewals import hash_of_labels
from .replay import discard
from .selections import kinds

__all__ = ["Erased", "Match", "erase"]

#: The ends of the headers by which a task is recognised, besides its kind and reference.
_LABELS: Final = ("QUEUENAME", "TASKNAME")
_TIME: Final = "TASKETA"
#: The members with the payload in the bodies of pushes and CloudEvents.
_WRAPPERS: Final = ("message", "data", "data_base64")
#: Stands for a payload that is not JSON.
_NOT_JSON: Final = object()
_NOTHING: Final[dict[str, Any]] = {"body": b"", "parameters": "", "meta": "", "principal": "", "digest": b""}


def erase(matches: Collection[Match], *, kind: str = "", alias: str | None = None, dry_run: bool = True) -> Erased:
    """Erase the events that have all of these values, or only count them.

    Their deliveries keep their states, except those that are open or wait for a person, which are discarded. An event that a
    worker is running stays as it is, and is counted as `in_use`.

    Args:
        matches: The values; at least one.
        kind: A glob of kinds; empty for all.
        alias: The database; by default the inbox's.
        dry_run: Whether to count only, as by default.

    Returns:
        How many events were erased, or would be, and how many could not be.

    Raises:
        ValueError: `matches` is empty.
        GlobError: The glob is malformed.
        DatabaseError: The database is unavailable.

    """
    require_matches(matches)
    alias = alias or database()
    rows = StoredEvent.objects.using(alias).filter(erased_at=None)
    if kind:
        rows = matching(rows, "kind", Glob(kind), kinds)
    end = partial(_count, alias) if dry_run else partial(_erase, alias, matches)
    return erase_matching(matches, rows, "body", _documents_of, end)


def _documents_of(event: StoredEvent) -> tuple[Collection[object], bool]:
    """The documents in which an event may have a value, and whether its payload is JSON."""
    envelope = envelope_of(event)
    payload = [*_unread(bytes(event.body))] if envelope is None else json_of(envelope.data or b"null")
    attributes: list[object] = []
    if envelope is not None:
        attributes = [envelope.attributes, envelope.routed]
    elif push := shape_of(bytes(event.body)):
        attributes = [push["message"].get("attributes")]
    documents = [*payload, *json_of(event.parameters.encode()), *attributes]
    return documents, bool(payload) and _NOT_JSON not in payload


def _unread(body: bytes) -> Iterator[object]:
    """Find what may be a payload in a body that cannot be read: the body, and what pushes, CloudEvents and batches wrap."""
    waiting: list[object] = [*json_of(body)]
    while waiting:  # a sender could wrap more often than Python can recurse
        document = waiting.pop()
        yield document
        if isinstance(document, list):
            waiting += cast("list[object]", document)
        members = cast("dict[str, object]", document) if isinstance(document, dict) else {}
        for value in (members[name] for name in _WRAPPERS if name in members):
            inner = json_of(_decoded(value)) if isinstance(value, str) else (value,)
            waiting += inner or (_NOT_JSON,)


def _decoded(text: str) -> bytes:
    """Decode base64, as far as it can be decoded."""
    try:
        return b64decode(text.encode("ascii", "replace") + b"==")
    except ValueError:
        return b""


def _running(alias: str, keys: Collection[UUID]) -> set[UUID]:
    """The events that a worker is running."""
    rows = Delivery.objects.using(alias).filter(event__in=keys, state=State.RUNNING, lease_until__gte=Now())
    return set(rows.values_list("event_id", flat=True))


def _count(alias: str, keys: Collection[UUID]) -> Erased:
    running = _running(alias, keys)
    idle = set(keys) - running
    number = discardable(Delivery.objects.using(alias).filter(event__in=idle)).count()
    return Erased(erased=len(idle), discarded=number, in_use=len(running))


@retry_conflicts
def _erase(alias: str, matches: Collection[Match], keys: Collection[UUID]) -> Erased:
    with transaction.atomic(using=alias):
        events = StoredEvent.objects.using(alias).filter(key__in=keys, erased_at=None)
        number = events.update(erased_at=Now())  # first, since SQLite has one writer, whom this statement makes us
        events = StoredEvent.objects.using(alias).filter(key__in=keys)
        deliveries = Delivery.objects.using(alias)
        list(deliveries.filter(event__in=keys).select_for_update().values_list("pk"))
        running = _running(alias, keys)
        if running:
            number -= events.filter(key__in=running).update(erased_at=None)
        idle = events.exclude(key__in=running)
        own = deliveries.filter(event__in=idle.values("key"))
        discarded = discard(own)
        for event in list(idle.only("kind", "reference", "message_id", "form", "meta")):
            labels = {name: without_values(getattr(event, name), matches) for name in ("reference", "message_id")}
            events.filter(key=event.key).update(**{**_NOTHING, **labels, **_task_to_keep(event, matches)})
        numbers = list(own.values_list("pk", flat=True))
        OnceKey.objects.using(alias).filter(delivery__in=numbers).update(text="")
        deliveries.filter(pk__in=numbers).update(error_text="", once_key="", order_key="", order_digest=None)
    return Erased(erased=number, discarded=discarded, in_use=len(running))


def _task_to_keep(event: StoredEvent, matches: Collection[Match]) -> dict[str, str]:
    """By what an erased task is recognised, since its name may be used again: its time, and its labels or a hash of them."""
    task = read(b"", json.loads(event.meta)) if event.form == CloudTask.form else None
    if not isinstance(task, CloudTask) or task.identity is None:
        return {}
    labels = {name: text for name, text in task.meta.items() if name.endswith(_LABELS)}
    times = {name: text for name, text in task.meta.items() if name.endswith(_TIME)}
    if all(without_values(text, matches) == text for text in (event.reference, task.queue, task.task_name)):
        return {"meta": json.dumps({**labels, **times})}
    return {"meta": json.dumps({**dict.fromkeys(labels, ""), **times}), "message_id": hash_of_labels(event, task.identity)}
