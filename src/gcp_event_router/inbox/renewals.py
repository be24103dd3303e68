"""A task's name that is used again: which of several tasks of one name a delivery belongs to. Called by `store`.

Cloud Tasks frees a name about an hour after its task was done or deleted, so a name and a queue do not tell a task from all
others for as long as the inbox remembers. Its headers do, mostly: the first try of a task says that it is the first, and when it
was due; each later one says that it is not, and may say another time, since a retry is due later.

Facts: `CreateTaskRequest` ("Task De-duplication") and `RunTask` of Cloud Tasks' reference, "Create HTTP target tasks".
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Final
from uuid import UUID

from ..envelopes import CloudTask, read
from .clock import ago
from .models import SETTLED, Delivery, StoredEvent
from .serialization import key_of

__all__ = ["key_of_task"]

#: How much later the first try of a new task is due than that of the last one: half of what Cloud Tasks keeps a name for.
_APART: Final = timedelta(minutes=30)
#: How long after a task was done a retry comes that is not one of it: queues wait for an hour between retries unless they are
#: told to wait longer, and what is done is only retried if its answer got lost.
_LONG_APART: Final = timedelta(hours=12)
_MOST: Final = 100


def key_of_task(alias: str, row: StoredEvent, task: CloudTask) -> UUID:
    """The key of a task's row: that of the row of an earlier delivery, or one of its own.

    Args:
        alias: The database.
        row: The row that the task would have if its name were never used again.
        task: What arrived.

    Raises:
        DatabaseError: The database cannot be asked.

    """
    identity = task.identity
    if identity is None:
        return row.key
    known = [(key, each) for key, each in _known(alias, row) if each.identity == identity]
    dated = [(each.eta, key) for key, each in known if each.eta is not None]
    if not dated or task.eta is None:
        return known[0][0] if known else row.key
    if task.retry_count == 0:
        same = [key for eta, key in dated if abs(task.eta - eta) < _APART]
        if same:
            return same[0]
    latest, key = max(dated)
    is_first = task.retry_count == 0
    is_new = task.eta > latest if is_first else task.eta - latest > _LONG_APART and _is_long_done(alias, key)
    return key_of(row.kind, row.reference, (*identity, task.eta.isoformat())) if is_new else key


def _known(alias: str, row: StoredEvent) -> list[tuple[UUID, CloudTask]]:
    """The tasks of that name at the same URL, the newest first."""
    rows = StoredEvent.objects.using(alias).filter(message_id=row.message_id, form=row.form).order_by("-received_at")
    found: list[tuple[UUID, CloudTask]] = []
    for key, kind, reference, meta in rows.values_list("key", "kind", "reference", "meta")[:_MOST]:
        task = read(b"", json.loads(meta)) if (kind, reference) == (row.kind, row.reference) else None
        if isinstance(task, CloudTask):
            found.append((key, task))
    return found


def _is_long_done(alias: str, key: UUID) -> bool:
    """Whether nobody is to do anything for an event any more, and nobody has for long."""
    rows = Delivery.objects.using(alias).filter(event_id=key)
    return not rows.exclude(state__in=SETTLED, finished_at__lt=ago(_LONG_APART)).exists()
