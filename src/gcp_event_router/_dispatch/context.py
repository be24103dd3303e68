"""The event that is being handled: `handler` sets it, log lines and users read it.

Each handler runs in its own context. Tasks and threads that it starts with a copy of the context see the event, too.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple

from .raw_event import RawEvent

_current: ContextVar[tuple[str, str, RawEvent] | None] = ContextVar("gcp_event_router.event", default=None)
#: Set the kind, the reference and the raw event in the context of a handler that is about to be called.
enter: Callable[[tuple[str, str, RawEvent]], Any] = _current.set


class CurrentEvent(NamedTuple):
    """The fields of the event being handled that log lines have."""

    kind: str
    reference: str
    #: The sender's id of the message, if it has one.
    message_id: str | None
    #: The `traceparent` of the request that brought the event, if it has a valid one.
    traceparent: str | None


def current_event() -> CurrentEvent | None:
    """Return the event that the calling handler handles, or None outside handlers."""
    current = _current.get()
    if current is None:
        return None
    kind, reference, raw_event = current
    trace = raw_event.trace
    return CurrentEvent(kind, reference, raw_event.envelope.message_id, trace and trace.traceparent)
