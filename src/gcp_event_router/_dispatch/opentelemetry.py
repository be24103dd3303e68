"""A consumer span for each event, a span for each handler, and their metrics, in OpenTelemetry's conventions for messaging.

They use OpenTelemetry's API only: the project's SDK decides where they go. They contain nothing of a payload and no
exception's text.

Source: semantic conventions 1.27 to 1.45, `messaging-spans.md`, `messaging-metrics.md` and `gcp-pubsub.md`.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from functools import cache, partial
from importlib.metadata import version
from time import perf_counter
from typing import Final

from opentelemetry import context, metrics, trace
from opentelemetry.metrics import Counter, Histogram
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from ..envelopes import CloudEvent, Envelope
from ..envelopes.trace_context import Trace, trace_of
from ..outcomes import Outcome, classify
from .handler import Handler
from .lookup import HandlersFound
from .raw_event import RawEvent

_NAME: Final = "gcp_event_router"
_MAX_LENGTH: Final = 255
#: Spans of all other outcomes are errors.
_EXPECTED: Final = frozenset(
    {Outcome.HANDLED, Outcome.UNHANDLED, Outcome.DUPLICATE, Outcome.REJECTED, Outcome.BUSY, Outcome.RETRY}
)
#: `messaging.system` by the form of the envelope. The conventions define `gcp_pubsub`; the others are ours.
_SYSTEMS: Final = {
    "pubsub": "gcp_pubsub",
    "pubsub-unwrapped": "gcp_pubsub",
    "cloudevents-pubsub": "gcp_pubsub",
    "cloudevents-binary": "cloudevents",
    "cloudevents-structured": "cloudevents",
    "cloud-task": "gcp_cloud_tasks",
    "scheduler-job": "gcp_cloud_scheduler",
}
#: Seconds, as the conventions recommend.
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_PROPAGATOR: Final = TraceContextTextMapPropagator()

_Attributes = dict[str, AttributeValue]


class Span:
    """An open span, and the measurements to make at its end."""

    def __init__(self, span: trace.Span, labels: _Attributes, durations: Histogram, counts: Counter | None = None) -> None:
        self._span = span
        self._labels = labels
        self._durations = durations
        self._counts = counts
        self._started = perf_counter()

    @contextmanager
    def current(self) -> Generator[None, None, None]:
        """Make it the parent of the spans that begin in the `with` block."""
        token = context.attach(trace.set_span_in_context(self._span))
        try:
            yield
        except Exception:
            raise  # it becomes an outcome
        except BaseException as error:  # the process or the request ends
            self.end(Outcome.FAILED, error)
            raise
        finally:
            context.detach(token)

    @contextmanager
    def last(self) -> Generator[None, None, None]:
        """Do the same as `current`, and end it if the block raises an exception."""
        try:
            with self.current():
                yield
        except Exception as error:
            self.end(classify(error), error)
            raise

    def end(self, outcome: Outcome, error: BaseException | None = None) -> None:
        """End it with the outcome of the event or of the handler."""
        attributes: _Attributes = {"gcp_event_router.outcome": outcome.value}
        if outcome not in _EXPECTED:
            attributes["error.type"] = type(error).__qualname__ if error is not None else outcome.value
            self._span.set_status(trace.StatusCode.ERROR)
        self._span.set_attributes(attributes)
        labels = self._labels | attributes
        within = trace.set_span_in_context(self._span)  # so that the SDK can use it as an exemplar
        self._durations.record(perf_counter() - self._started, labels, within)
        if self._counts is not None:
            self._counts.add(1, labels, within)
        self._span.end()


@cache
def tracer() -> Tracer:
    """Return the tracer of this process."""
    return Tracer()


class Tracer:
    """Makes all spans of this package, with the project's SDK, even if it is set up later."""

    def __init__(self) -> None:
        package_version = version("gcp-event-router")
        self._tracer = trace.get_tracer(_NAME, package_version)
        meter = metrics.get_meter(_NAME, package_version)
        seconds = partial(meter.create_histogram, unit="s", explicit_bucket_boundaries_advisory=_BUCKETS)
        self._durations = seconds(
            "messaging.process.duration", description="Duration of the processing of an event by all its handlers."
        )
        self._counts = meter.create_counter(
            "messaging.client.consumed.messages", unit="{message}", description="Events that were delivered to the handlers."
        )
        self._handlers = seconds("gcp_event_router.handler.duration", description="Duration of one handler's work on one event.")

    def event(self, kind: str, reference: str, raw_event: RawEvent, handlers: HandlersFound) -> Span:
        """Begin the span of an event; its parent is the publisher's span, or else the request's."""
        template = next(filter(None, map(_template, handlers.blocking + handlers.awaited)), None)
        labels = _operation(raw_event.envelope, template)
        attributes = labels | _message(kind, reference, raw_event.envelope)
        parent, links = _parent(raw_event)
        name = f"process {template}" if template else "process"
        span = self._tracer.start_span(name, parent, trace.SpanKind.CONSUMER, attributes, links)
        return Span(span, labels, self._durations, self._counts)

    def handler(self, handler: Handler, kind: str, reference: str, raw_event: RawEvent) -> Span:
        """Begin the span of a handler: a child of its event's, or, in a worker, of the publisher's."""
        labels: _Attributes = {"gcp_event_router.handler": handler.name}
        if trace.get_current_span().get_span_context().is_valid:
            attributes = labels | _labels(kind, reference)
            span = self._tracer.start_span(handler.name, None, trace.SpanKind.INTERNAL, attributes)
        else:
            envelope = raw_event.envelope
            attributes = labels | _operation(envelope, _template(handler)) | _message(kind, reference, envelope)
            span = self._tracer.start_span(handler.name, _parent(raw_event)[0], trace.SpanKind.CONSUMER, attributes)
        return Span(span, labels, self._handlers)


def current_trace() -> Trace | None:
    """Return the trace of the current span, whoever began it; None without one."""
    headers: dict[str, str] = {}
    _PROPAGATOR.inject(headers)
    return Trace(headers["traceparent"], headers.get("tracestate", "")) if "traceparent" in headers else None


def _parent(raw_event: RawEvent) -> tuple[context.Context | None, list[trace.Link]]:
    """Return the parent of an event's span, and a link to the current span if that is not the parent."""
    current = trace.get_current_span().get_span_context()
    published = trace_of(raw_event.envelope)
    if published is not None:
        return _remote(published), [trace.Link(current)] if current.is_valid else []
    if current.is_valid or raw_event.trace is None:
        return None, []
    return _remote(raw_event.trace), []


def _remote(parent: Trace) -> context.Context:
    return _PROPAGATOR.extract({"traceparent": parent.traceparent, "tracestate": parent.tracestate})


def _template(handler: Handler) -> str | None:
    """Return the glob of a handler: there are few of them, whatever senders write into URLs."""
    if handler.globs:
        return handler.globs[0].pattern
    return handler.ce_type.pattern if handler.ce_type else None


def _operation(envelope: Envelope, template: str | None) -> _Attributes:
    """Return the attributes that metrics have, too; the sender chooses none of them."""
    attributes: _Attributes = {
        "messaging.system": _SYSTEMS.get(envelope.form, "http") if envelope.subscription is None else "gcp_pubsub",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
    }
    return attributes | {"messaging.destination.template": template} if template else attributes


def _message(kind: str, reference: str, envelope: Envelope) -> _Attributes:
    attributes: dict[str, str | int | None] = {
        "messaging.message.id": envelope.message_id,
        "messaging.message.body.size": len(envelope.data),
        "messaging.gcp_pubsub.message.ordering_key": envelope.ordering_key,
        "messaging.gcp_pubsub.message.delivery_attempt": envelope.delivery_attempt,
    }
    project, _, name = (envelope.subscription or "").partition("/subscriptions/")
    if name:
        attributes |= {"gcp.project_id": project.removeprefix("projects/"), "messaging.destination.subscription.name": name}
    if isinstance(envelope, CloudEvent):
        attributes |= {
            "cloudevents.event_id": envelope.id,
            "cloudevents.event_source": envelope.source,
            "cloudevents.event_spec_version": envelope.specversion,
            "cloudevents.event_subject": envelope.subject,
            "cloudevents.event_type": envelope.type,
        }
    return _labels(kind, reference) | {
        key: value[:_MAX_LENGTH] if isinstance(value, str) else value for key, value in attributes.items() if value is not None
    }


def _labels(kind: str, reference: str) -> _Attributes:
    return {"gcp_event_router.kind": kind[:_MAX_LENGTH], "gcp_event_router.reference": reference[:_MAX_LENGTH]}
