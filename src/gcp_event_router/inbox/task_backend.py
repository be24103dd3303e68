"""Finds Django's Tasks framework, and the engine in the settings."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final


def framework() -> Any:
    """Return the module of the framework, Django's own or else the package's; None without either."""
    for module in ("django.tasks", "django_tasks"):
        try:
            return import_module(module)
        except ImportError:
            continue
    return None


IMMEDIATE: Final = "ImmediateBackend"
DUMMY: Final = "DummyBackend"
_IDLE: Final = frozenset(
    f"{package}.backends.{name}"
    for package in ("django.tasks", "django_tasks")
    for name in (f"immediate.{IMMEDIATE}", f"dummy.{DUMMY}")
)


def idle_engine() -> str | None:
    """Return the name of the engine in the settings, if it runs tasks at once or never, or derives from one that does.

    Raises the exception of an engine that cannot be created.
    """
    tasks = framework()
    if tasks is None:
        return None
    classes = type(tasks.task_backends[tasks.DEFAULT_TASK_BACKEND_ALIAS]).__mro__
    return next((base.__name__ for base in classes if f"{base.__module__}.{base.__qualname__}" in _IDLE), None)
