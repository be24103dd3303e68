"""Deferred deliveries: handed to Django's Tasks framework, and so to whichever engine the project runs.

Django 6 has the framework; for Django 5.2 the package `django-tasks` is it (extra `tasks`). Without either, and when an
engine loses a task, `manage.py inbox process` runs the deliveries.

Django's default engine runs a task at once, and so within the request: it is not given any.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from importlib import import_module
from typing import Any

from django.db import transaction

from .._log import logger, trail
from .task_backend import framework, idle_engine

__all__ = ["defer"]


def defer(alias: str, deliveries: Iterable[int]) -> None:
    """Have deliveries run by an engine, once they are committed."""
    for delivery in deliveries:
        transaction.on_commit(partial(_enqueue, delivery), using=alias)


def _enqueue(delivery: int) -> None:
    if framework() is None:
        return
    try:
        if idle_engine() is not None:
            return
        tasks: Any = import_module(".tasks", __package__)  # it makes a task, for which the settings have to be right
        tasks.run_delivery.enqueue(delivery)
    except Exception as error:  # noqa: BLE001 -- the delivery is kept; it is only later than it might be
        logger.warning("A delivery cannot be enqueued, and is left to `manage.py inbox process`: %s", trail(error))
        logger.debug("A delivery cannot be enqueued", exc_info=error)
