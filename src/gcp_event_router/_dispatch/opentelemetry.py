"""One consumer span an event, one span a handler, and their metrics, by OpenTelemetry's conventions for messaging.

Made through OpenTelemetry's API alone: the project's SDK decides what becomes of them. Nothing of a payload and no exception's
text is in them. Called by `dispatch` for events and by `pipeline` for handlers.

Facts: semantic conventions 1.27 to 1.45, `messaging-spans.md`, `messaging-metrics.md` and `gcp-pubsub.md`.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
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
_LENGTH: Final = 255
#: What somebody answers on purpose; spans of all other outcomes are errors.
_ANSWERS: Final = frozenset(
    {Outcome.HANDLED, Outcome.UNHANDLED, Outcome.DUPLICATE, Outcome.REJECTED, Outcome.BUSY, Outcome.RETRY}
)
#: `messaging.system` by the form of the envelope. The conventions name the first; the others are ours.
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
    """One span on its way, and the measurements to make at its end."""

    def __init__(self, span: trace.Span, labels: _Attributes, durations: Histogram, counts: Counter | None = None) -> None:
        self._span = span
        self._labels = labels
        self._durations = durations
        self._counts = counts
        self._started = perf_counter()
        self._has_ended = False

    @contextmanager
    def current(self) -> Generator[None, None, None]:
        """Make it the current span: those that begin meanwhile are its children."""
        token = context.attach(trace.set_span_in_context(self._span))
        try:
            yield
        except Exception:
            raise  # it has an outcome, which is noted at the end
        except BaseException as error:
            self.abandon(error)
            raise
        finally:
            context.detach(token)

    @contextmanager
    def last(self) -> Generator[None, None, None]:
        """Make it the current span, and end it with what is raised meanwhile."""
        try:
            with self.current():
                yield
        except Exception as error:
            self.end(classify(error), error)
            raise

    def end(self, outcome: Outcome, error: BaseException | None = None) -> None:
        """End it, once, with what became of the event or of the handler."""
        if self._has_ended:
            return
        self._has_ended = True
        noted: _Attributes = {"gcp_event_router.outcome": outcome.value}
        if outcome not in _ANSWERS:
            noted["error.type"] = type(error).__qualname__ if error is not None else outcome.value
            self._span.set_status(trace.StatusCode.ERROR)
        self._span.set_attributes(noted)
        labels = {**self._labels, **noted}
        # within the span, so that the SDK can name it as an example
        within = trace.set_span_in_context(self._span)
        self._durations.record(perf_counter() - self._started, labels, within)
        if self._counts is not None:
            self._counts.add(1, labels, within)
        self._span.end()

    def abandon(self, error: BaseException) -> None:
        """End it because the process, or who waited, does: nobody is told an outcome."""
        self.end(Outcome.FAILED, error)


class Tracer:
    """Makes all spans of this package, with whatever SDK the project has set up, also if it does so later."""

    def __init__(self) -> None:
        own = version("gcp-event-router")
        self._tracer = trace.get_tracer(_NAME, own)
        meter = metrics.get_meter(_NAME, own)
        self._durations = meter.create_histogram(
            "messaging.process.duration",
            unit="s",
            description="Duration of the processing of an event by all its handlers.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
        self._counts = meter.create_counter(
            "messaging.client.consumed.messages", unit="{message}", description="Events that were delivered to the handlers."
        )
        self._handlers = meter.create_histogram(
            "gcp_event_router.handler.duration",
            unit="s",
            description="Duration of one handler's work on one event.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )

    def event(self, kind: str, reference: str, raw_event: RawEvent, found: HandlersFound) -> Span:
        """Begin the span of an event; its parent is who published the message, or else who delivers it."""
        template = next(filter(None, (_template(handler) for handlers in found for handler in handlers)), None)
        labels = _operation(raw_event.envelope, template)
        attributes = labels | _message(kind, reference, raw_event.envelope)
        published = trace_of(raw_event.envelope)
        parent, links = _parent(raw_event, published)
        name = f"process {template}" if template else "process"
        span = self._tracer.start_span(name, parent, trace.SpanKind.CONSUMER, attributes, links)
        return Span(span, labels, self._durations, self._counts)

    def handler(self, handler: Handler, kind: str, reference: str, raw_event: RawEvent) -> Span:
        """Begin the span of a handler: a child of its event's, or, where a worker runs it, of who published the message."""
        labels: _Attributes = {"gcp_event_router.handler": handler.name}
        attributes = labels | _labels(kind, reference)
        if trace.get_current_span().get_span_context().is_valid:
            span = self._tracer.start_span(handler.name, None, trace.SpanKind.INTERNAL, attributes)
        else:
            attributes |= _operation(raw_event.envelope, _template(handler)) | _message(kind, reference, raw_event.envelope)
            parent, _ = _parent(raw_event, trace_of(raw_event.envelope))
            span = self._tracer.start_span(handler.name, parent, trace.SpanKind.CONSUMER, attributes)
        return Span(span, labels, self._handlers)


def _parent(raw_event: RawEvent, published: Trace | None) -> tuple[context.Context | None, list[trace.Link]]:
    """The parent of an event's span, and a link to the current span where that is not the parent."""
    current = trace.get_current_span().get_span_context()
    if published is not None:
        return _remote(published), [trace.Link(current)] if current.is_valid else []
    if current.is_valid or raw_event.trace is None:
        return None, []
    return _remote(raw_event.trace), []


def _remote(found: Trace) -> context.Context:
    return _PROPAGATOR.extract({"traceparent": found.traceparent, "tracestate": found.tracestate})


def _template(handler: Handler) -> str | None:
    """What the code says of the kinds that a handler takes: few values, whatever senders write into URLs."""
    if handler.globs:
        return handler.globs[0].pattern
    return handler.ce_type.pattern if handler.ce_type else None


def _operation(envelope: Envelope, template: str | None) -> _Attributes:
    """What metrics have, too: nothing of it is the sender's."""
    system = _SYSTEMS.get(envelope.form, "http") if envelope.subscription is None else "gcp_pubsub"
    found: _Attributes = {
        "messaging.system": system,
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
    }
    return found | {"messaging.destination.template": template} if template else found


def _message(kind: str, reference: str, envelope: Envelope) -> _Attributes:
    found: dict[str, str | int | None] = {
        "messaging.message.id": envelope.message_id,
        "messaging.message.body.size": len(envelope.data),
        "messaging.gcp_pubsub.message.ordering_key": envelope.ordering_key,
        "messaging.gcp_pubsub.message.delivery_attempt": envelope.delivery_attempt,
    }
    project, _, name = (envelope.subscription or "").partition("/subscriptions/")
    if name:
        found |= {"gcp.project_id": project.removeprefix("projects/"), "messaging.destination.subscription.name": name}
    if isinstance(envelope, CloudEvent):
        found |= {
            "cloudevents.event_id": envelope.id,
            "cloudevents.event_source": envelope.source,
            "cloudevents.event_spec_version": envelope.specversion,
            "cloudevents.event_subject": envelope.subject,
            "cloudevents.event_type": envelope.type,
        }
    return _labels(kind, reference) | {
        key: value[:_LENGTH] if isinstance(value, str) else value for key, value in found.items() if value is not None
    }


def _labels(kind: str, reference: str) -> _Attributes:
    return {"gcp_event_router.kind": kind[:_LENGTH], "gcp_event_router.reference": reference[:_LENGTH]}
