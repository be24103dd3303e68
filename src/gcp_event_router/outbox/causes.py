"""Finds out why an event is published: the event whose handler publishes it, and the trace that it belongs to."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from .. import conf
from .._boxes.exact_text import ascii_text
from .._dispatch.context import current_raw_event
from .._dispatch.raw_event import RawEvent
from ..envelopes.trace_context import Trace, trace_of

#: The end of a trace without a span, which cannot be a parent.
_NO_SPAN: Final = "0" * 16


def cause_and_trace() -> tuple[str, dict[str, str]]:
    """Return the id of the event that is being handled, as the inbox stores it, or ""; and the headers of the trace, if any.

    Threads and tasks of a handler see its event if they have a copy of its context.
    """
    raw_event = current_raw_event()
    trace = _current_span() or (None if raw_event is None else _trace_of(raw_event))
    headers = {} if trace is None else {name: text for name, text in trace._asdict().items() if text}
    if raw_event is None:
        return "", headers
    return ascii_text(raw_event.envelope.outbox_id or raw_event.envelope.message_id or ""), headers


def _current_span() -> Trace | None:
    """Return the trace of OpenTelemetry's current span, in a handler or elsewhere; None if `TRACING` is off."""
    if not conf.current().TRACING:
        return None
    trace: Trace | None = import_module(".._dispatch.opentelemetry", __package__).current_trace()
    return trace


def _trace_of(raw_event: RawEvent) -> Trace | None:
    """Return the trace in which an event was published, or else that of the request which brought it."""
    trace = trace_of(raw_event.envelope) or raw_event.trace
    return None if trace is None or trace.traceparent.split("-")[2] == _NO_SPAN else trace
