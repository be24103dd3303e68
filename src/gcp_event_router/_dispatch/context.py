"""The event that is being handled: `handler` sets it, log lines and users read it.

Each handler runs in its own context. Tasks and threads that it starts with a copy of the context see the event, too.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol

from ..event import Event
from .raw_event import RawEvent


class RunState(Protocol):
    """Has the event that a handler gets; the `Run` of `pipeline`."""

    event: Event[Any, Any] | None
    #: An event that was made before the call.
    made: Event[Any, Any] | None


_current: ContextVar[tuple[str, str, RawEvent, RunState | None] | None] = ContextVar("gcp_event_router.event", default=None)
#: Set kind, reference, raw event and run in the context of a handler that is about to be called.
enter: Callable[[tuple[str, str, RawEvent, RunState | None]], Any] = _current.set


def note_argument(event: Event[Any, Any]) -> None:
    """Note the event that middleware passes to the handler in its run."""
    current = _current.get()
    if current is not None and current[3] is not None:
        current[3].event = event


class CurrentEvent(NamedTuple):
    """The fields of the current event that log lines have."""

    kind: str
    reference: str
    #: The sender's id of the message, if it has one.
    message_id: str | None
    #: The `traceparent` of the request that brought the event, if it has a valid one.
    traceparent: str | None


def current_raw_event() -> RawEvent | None:
    """Return the event that the calling handler or middleware handles, before validation; None outside of them."""
    current = _current.get()
    return None if current is None else current[2]


def current_event() -> CurrentEvent | None:
    """Return the event that the calling handler handles, or None outside handlers."""
    current = _current.get()
    if current is None:
        return None
    kind, reference, raw_event, _ = current
    trace = raw_event.trace
    return CurrentEvent(kind, reference, raw_event.envelope.message_id, trace and trace.traceparent)
