"""Django's Tasks framework, and the engine that the settings choose for it."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

__all__ = ["DUMMY", "IMMEDIATE", "framework", "idle_engine"]


def framework() -> Any:
    """The module of the framework that is there, Django's own before the package's; None where there is none."""
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
    """The name of the engine that the settings choose, if it runs tasks at once or never, or derives from such a one.

    Raises whatever keeps the engine from being made.
    """
    found = framework()
    if found is None:
        return None
    kinds = type(found.task_backends[found.DEFAULT_TASK_BACKEND_ALIAS]).__mro__
    return next((each.__name__ for each in kinds if f"{each.__module__}.{each.__qualname__}" in _IDLE), None)
