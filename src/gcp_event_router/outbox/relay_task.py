"""The task with which an engine runs the relay. Imported when the first one is enqueued, since the settings name the engine."""

from __future__ import annotations

from .._boxes.task_backend import framework
from .database import database
from .relay import relay
from .transports.configured import opened_transport

__all__ = ["relay_outbox"]


def relay_outbox() -> None:
    """Send all events that are due. The outbox stores failures; `manage.py outbox relay` tries again.

    Raises `ConfigurationError` if the transport in the settings cannot be used.
    """
    with opened_transport() as transport:
        relay(database(), transport)


_framework = framework()
if _framework is not None:  # workers find the task by the name of its function
    relay_outbox = _framework.task(relay_outbox)
