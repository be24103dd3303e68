"""Hands deferred deliveries to the engine in the settings, if there is one."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from importlib import import_module
from typing import Any, Final

from .._boxes.task_backend import after_commit
from .models import Delivery
from .orders import next_of

_OTHERWISE: Final = "A delivery cannot be enqueued, so `manage.py inbox process` has to run it"


def enqueue(alias: str, deliveries: Iterable[int]) -> None:
    """Enqueue deliveries once they are committed."""
    for delivery in deliveries:
        after_commit(alias, partial(_enqueue, delivery), _OTHERWISE)


def enqueue_next(alias: str, delivery: Delivery) -> None:
    """Enqueue the next delivery with the key of one that has ended, if any."""
    following = next_of(alias, delivery)
    if following is not None:
        enqueue(alias, [following.number])


def _enqueue(delivery: int) -> None:
    tasks: Any = import_module(".tasks", __package__)  # creates a task, for which the settings have to be valid
    tasks.run_delivery.enqueue(delivery)
