"""The event that is being handled, for whoever is called by its handler: `handler` notes it, log lines and users read it.

A handler runs in a context of its own, so that what is noted there ends with it; tasks and threads that it starts with a copy
of its context have it, too.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple

from .raw_event import RawEvent

_current: ContextVar[tuple[str, str, RawEvent] | None] = ContextVar("gcp_event_router.event", default=None)


#: Note kind, reference and raw event of the event whose handler is about to be called, in the context that is its own.
enter: Callable[[tuple[str, str, RawEvent]], Any] = _current.set


class CurrentEvent(NamedTuple):
    """What log lines say of the event that is being handled."""

    kind: str
    reference: str
    #: The sender's id of the message, where it has one.
    message_id: str | None
    #: The `traceparent` of the request that brought the event, where it has a valid one.
    traceparent: str | None


def current_event() -> CurrentEvent | None:
    """The event whose handler is calling, or None outside of handlers."""
    current = _current.get()
    if current is None:
        return None
    kind, reference, raw_event = current
    trace = raw_event.trace
    return CurrentEvent(kind, reference, raw_event.envelope.message_id, trace and trace.traceparent)
