"""Hands work to Django's Tasks framework, and so to the engine in the settings.

Django 6 contains the framework; for Django 5.2, the package `django-tasks` has it (extra `tasks`). Without it, or if an engine
loses a task, a command does the work: `manage.py inbox process`, `manage.py outbox relay`.

Django's default engine would run a task within the request, so it gets none.
"""

from __future__ import annotations

from collections.abc import Callable
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


def after_commit(alias: str, enqueue: Callable[[], object], otherwise: str) -> None:
    """Enqueue a task once the transaction is committed, if an engine would run it later.

    Args:
        alias: The database.
        enqueue: Enqueues the task; called only if the settings name an engine.
        otherwise: Logged if that fails: what cannot be enqueued, and what runs it then.

    """
    transaction.on_commit(partial(_enqueue, enqueue, otherwise), using=alias)


def _enqueue(enqueue: Callable[[], object], otherwise: str) -> None:
    try:
        if framework() is not None and idle_engine() is None:
            enqueue()
    except Exception as error:  # noqa: BLE001 -- the row is stored; its work is only done later
        logger.warning("%s: %s", otherwise, trail(error))
        logger.debug("%s", otherwise, exc_info=error)
