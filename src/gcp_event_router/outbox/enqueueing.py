"""Hands the relay to the engine in the settings, if there is one, after each transaction that has published."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any, Final, cast

from django.db import connections

from .._boxes.task_backend import after_commit

_OTHERWISE: Final = "The relay cannot be enqueued, so `manage.py outbox relay` has to send the events"


class _Enqueueing:
    """Enqueues the relay once, however many hooks of a transaction call it."""

    is_done = False

    def __call__(self) -> None:
        if not self.is_done:
            self.is_done = True
            task: Any = import_module(".relay_task", __package__)  # creates a task, for which the settings have to be valid
            task.relay_outbox.enqueue()


def enqueue_relay(alias: str) -> None:
    """Enqueue the relay once the current transaction is committed; once, however much it publishes."""
    connection = connections[alias]
    hooks: list[tuple[set[str], object, bool]] = cast("Any", connection).run_on_commit
    enqueueing = _Enqueueing()
    for savepoints, function, _ in reversed(hooks):
        if isinstance(function, partial) and isinstance(last := function.args[0] if function.args else None, _Enqueueing):
            if not last.is_done:  # a test may have called it before the end of the transaction
                if savepoints <= set(connection.savepoint_ids):  # a rollback that undoes this hook undoes the event, too
                    return
                enqueueing = last
            break
    after_commit(alias, enqueueing, _OTHERWISE)
