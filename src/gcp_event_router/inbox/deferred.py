"""Deferred deliveries: handed to Django's Tasks framework, and so to whichever engine the project runs.

Django 6 has the framework; for Django 5.2 the package `django-tasks` is it (extra `tasks`). Without either, and when an
engine loses a task, `manage.py inbox process` runs the deliveries.

Django's default engine runs a task at once, and so within the request: it is not given any.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from importlib import import_module
from typing import Any, Final

from django.db import transaction

from .._log import logger, trail

__all__ = ["DUMMY", "IMMEDIATE", "defer", "framework", "idle_engine"]

IMMEDIATE: Final = "ImmediateBackend"
DUMMY: Final = "DummyBackend"
_IDLE: Final = frozenset(
    f"{package}.backends.{name}"
    for package in ("django.tasks", "django_tasks")
    for name in (f"immediate.{IMMEDIATE}", f"dummy.{DUMMY}")
)


def framework() -> Any:
    """The module of the framework that is there, Django's own before the package's; None where there is none."""
    for module in ("django.tasks", "django_tasks"):
        try:
            return import_module(module)
        except ImportError:
            continue
    return None


def idle_engine() -> str | None:
    """The name of the engine that the settings choose, if it runs tasks at once or never, or derives from such a one.

    Raises whatever keeps the engine from being made.
    """
    found = framework()
    if found is None:
        return None
    kinds = type(found.task_backends[found.DEFAULT_TASK_BACKEND_ALIAS]).__mro__
    return next((each.__name__ for each in kinds if f"{each.__module__}.{each.__qualname__}" in _IDLE), None)


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
