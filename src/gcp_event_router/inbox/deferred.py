"""Hands deferred deliveries to Django's Tasks framework, and so to the project's engine.

Django 6 contains the framework; for Django 5.2, the package `django-tasks` has it (extra `tasks`). Without it, or if an engine
loses a task, `manage.py inbox process` runs the deliveries.

Django's default engine would run a task within the request, so it gets none.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from importlib import import_module
from typing import Any

from django.db import transaction

from .._log import logger, trail
from .task_backend import framework, idle_engine


def defer(alias: str, deliveries: Iterable[int]) -> None:
    """Enqueue deliveries once they are committed."""
    for delivery in deliveries:
        transaction.on_commit(partial(_enqueue, delivery), using=alias)


def _enqueue(delivery: int) -> None:
    if framework() is None:
        return
    try:
        if idle_engine() is not None:
            return
        tasks: Any = import_module(".tasks", __package__)  # creates a task, for which the settings have to be valid
        tasks.run_delivery.enqueue(delivery)
    except Exception as error:  # noqa: BLE001 -- the delivery is stored; it only runs later
        logger.warning("A delivery cannot be enqueued, so `manage.py inbox process` has to run it: %s", trail(error))
        logger.debug("A delivery cannot be enqueued", exc_info=error)
