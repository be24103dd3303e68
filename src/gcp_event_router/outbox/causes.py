"""Finds out why an event is published: the event whose handler publishes it, and the trace that it belongs to."""

from __future__ import annotations

from .._boxes.stored_errors import storable
from ..contexts import current_event

_LENGTH = 255


def cause_and_trace() -> tuple[str, dict[str, str]]:
    """Return the id of the event that is being handled, or "", and the headers of its trace, if it has one."""
    event = current_event()
    if event is None:
        return "", {}
    return storable(event.message_id or "", _LENGTH), {"traceparent": event.traceparent} if event.traceparent else {}
