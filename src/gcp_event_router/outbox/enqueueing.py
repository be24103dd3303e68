"""Hands the relay to the engine in the settings, if there is one, after each transaction that has published."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any, Final, cast

from django.db import connections

from .._boxes.task_backend import after_commit

_OTHERWISE: Final = "The relay cannot be enqueued, so `manage.py outbox relay` has to send the events"


def enqueue_relay(alias: str) -> None:
    """Enqueue the relay once the current transaction is committed; once, however much it publishes."""
    connection = connections[alias]
    current = set(connection.savepoint_ids)
    hooks: list[tuple[set[str], object, bool]] = cast("Any", connection).run_on_commit
    for savepoints, function, _ in reversed(hooks):
        # a rollback that undoes this hook undoes the event, too
        if isinstance(function, partial) and _enqueue in function.args and savepoints <= current:
            return
    after_commit(alias, _enqueue, _OTHERWISE)


def _enqueue() -> None:
    task: Any = import_module(".relay_task", __package__)  # creates a task, for which the settings have to be valid
    task.relay_outbox.enqueue()
