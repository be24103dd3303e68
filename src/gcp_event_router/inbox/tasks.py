"""The task by which an engine runs a delivery. Imported once the project is ready, since its settings say which engine."""

from __future__ import annotations

from typing import Any, Final

from .deferred import framework
from .keeper import database
from .models import Delivery
from .workers import work

__all__ = ["handle"]


def _handle(delivery: int) -> None:
    """Run a delivery, unless it is done. What fails is noted in the inbox, and tried again by the sweeper."""
    alias = database()
    row = Delivery.objects.using(alias).select_related("event").filter(pk=delivery).first()
    if row is not None:  # not purged meanwhile
        work(alias, row)


_task = framework()

#: The task, or None where there is no framework.
handle: Final[Any] = None if _task is None else _task(_handle)
