"""Decides to which of several tasks with the same name a delivery belongs.

Cloud Tasks frees a name about an hour after its task is done or deleted, so a queue and a name do not identify a task for as long
as the inbox remembers it. Mostly, its headers do: the first attempt says that it is the first, and its scheduled time; a retry
says that it is one, and may have a later time.

Facts: `CreateTaskRequest` ("Task De-duplication") and `RunTask` in Cloud Tasks' reference, "Create HTTP target tasks".
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from .._boxes.clock import ago
from .._boxes.states import SETTLED
from ..envelopes import CloudTask, read
from .models import Delivery, StoredEvent
from .serialization import key_of

#: A new task is scheduled at least this much later: half the time for which Cloud Tasks reserves a name.
_APART: Final = timedelta(minutes=30)
#: A retry this long after a task is done belongs to a new one: by default, queues wait at most an hour between retries, and a
#: finished task is only retried if its answer got lost.
_LONG_APART: Final = timedelta(hours=12)
_MAX_TASKS: Final = 100


def key_of_task(alias: str, row: StoredEvent, task: CloudTask) -> UUID:
    """Return the key of a task's row: that of an earlier delivery of the task, or a new one.

    Args:
        alias: The database.
        row: The row that the task would have if its name were unique.
        task: The task.

    Raises:
        DatabaseError: The database is unavailable.

    """
    if task.identity is None:
        return row.key
    stored = _stored_tasks(alias, row, task.identity)
    dated = [(eta, key) for key, eta in stored if eta is not None]
    if not dated or task.eta is None:
        return stored[0][0] if stored else row.key
    latest, key = max(dated)
    if task.retry_count == 0:
        same = [key for eta, key in dated if abs(task.eta - eta) < _APART]
        if same:
            return same[0]
        is_new = task.eta > latest
    else:
        is_new = task.eta - latest > _LONG_APART and _is_long_done(alias, key)
    return key_of(row.kind, row.reference, (*task.identity, task.eta.isoformat())) if is_new else key


def hash_of_labels(row: StoredEvent, identity: tuple[str, ...]) -> str:
    """Return what an erased task has as its message id, if its queue, its name or its reference must not stay."""
    return str(key_of(row.kind, row.reference, identity))


def _stored_tasks(alias: str, row: StoredEvent, identity: tuple[str, ...]) -> list[tuple[UUID, datetime | None]]:
    """List the keys and times of the stored tasks with that name and URL, the newest first."""
    erased = hash_of_labels(row, identity)
    named = StoredEvent.objects.using(alias).filter(message_id__in=[row.message_id, erased], form=row.form)
    columns = ("key", "message_id", "kind", "reference", "meta")
    tasks: list[tuple[UUID, datetime | None]] = []
    for key, message_id, *url, meta in named.order_by("-received_at").values_list(*columns)[:_MAX_TASKS]:
        task = read(b"", json.loads(meta)) if message_id == erased or url == [row.kind, row.reference] else None
        if isinstance(task, CloudTask) and (message_id == erased or task.identity == identity):
            tasks.append((key, task.eta))
    return tasks


def _is_long_done(alias: str, key: UUID) -> bool:
    """Whether all deliveries of an event have been settled for long."""
    rows = Delivery.objects.using(alias).filter(event_id=key)
    return not rows.exclude(state__in=SETTLED, finished_at__lt=ago(_LONG_APART)).exists()
