"""Hands deferred deliveries to Django's Tasks framework, and so to the engine in the settings.

Django 6 contains the framework; for Django 5.2, the package `django-tasks` has it (extra `tasks`). Without it, or if an engine
loses a task, `manage.py inbox process` runs the deliveries.

Django's default engine would run a task within the request, so it gets none.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from importlib import import_module
from typing import Any, Final

from django.db import transaction

from .._log import logger, trail

#: The engine that runs a task when it is enqueued; the dummy engine never does.
IMMEDIATE: Final = "ImmediateBackend"
_IDLE: Final = frozenset({IMMEDIATE, "DummyBackend"})
_PACKAGES: Final = ("django.tasks", "django_tasks")


def framework() -> Any:
    """Return the module of the framework, Django's own or else the package's; None without either."""
    for module in _PACKAGES:
        try:
            return import_module(module)
        except ImportError:
            continue
    return None


def idle_engine() -> str | None:
    """Return the name of the engine in the settings, if it runs tasks at once or never, or derives from one that does.

    Raises the exception of an engine that cannot be created.
    """
    tasks = framework()
    if tasks is None:
        return None
    classes = type(tasks.task_backends[tasks.DEFAULT_TASK_BACKEND_ALIAS]).__mro__
    return next((base.__name__ for base in classes if base.__name__ in _IDLE and base.__module__.startswith(_PACKAGES)), None)


def enqueue(alias: str, deliveries: Iterable[int]) -> None:
    """Enqueue deliveries once they are committed."""
    for delivery in deliveries:
        transaction.on_commit(partial(_enqueue, delivery), using=alias)


def _enqueue(delivery: int) -> None:
    try:
        if framework() is not None and idle_engine() is None:
            tasks: Any = import_module(".tasks", __package__)  # creates a task, for which the settings have to be valid
            tasks.run_delivery.enqueue(delivery)
    except Exception as error:  # noqa: BLE001 -- the delivery is stored; it only runs later
        logger.warning("A delivery cannot be enqueued, so `manage.py inbox process` has to run it: %s", trail(error))
        logger.debug("A delivery cannot be enqueued", exc_info=error)
