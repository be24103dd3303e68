"""The task with which an engine runs a delivery. Imported when the first one is enqueued, since the settings name the engine."""

from __future__ import annotations

from .._boxes.task_backend import framework
from ..outcomes import Outcome
from .database import database
from .models import Delivery
from .names import Names
from .workers import work

__all__ = ["run_delivery"]


def run_delivery(delivery: int) -> None:
    """Run the delivery with a number, unless it is done. The inbox stores a failure; `manage.py inbox process` tries again."""
    alias = database()
    row = Delivery.objects.using(alias).select_related("event").filter(pk=delivery).first()
    if row is not None and work(alias, row).outcome is Outcome.UNHANDLED:  # None if it was purged meanwhile
        Names().warn_unhandled(row.handler, row.event.kind)


_framework = framework()
if _framework is not None:  # workers find the task by the name of its function
    run_delivery = _framework.task(run_delivery)
