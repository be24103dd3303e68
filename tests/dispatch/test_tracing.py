"""Spans and metrics, as OpenTelemetry's SDK exports them: names, parents, attributes and outcomes, whole."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
from django.test import override_settings
from opentelemetry import trace
from opentelemetry.sdk.metrics.export import HistogramDataPoint
from opentelemetry.sdk.trace import ReadableSpan

from gcp_event_router import Event, EventRouter, Reject, Retry
from gcp_event_router._dispatch.opentelemetry import tracer
from gcp_event_router._dispatch.pipeline import build
from gcp_event_router.formatters import CloudLoggingFormatter
from gcp_event_router.signals import event_received
from gcp_event_router.utils import make_pubsub_message

from ..conftest import Post
from ..envelopes.test_trace_context import MALFORMED, MALFORMED_STATES, OTHER, PARENT, SPAN_ID, TRACE_ID
from ..support.telemetry import SPANS, described, instruments, measured, points_of
from ..test_formatters import record

SECRET = "s3cr3t"


@pytest.fixture(autouse=True)
def _tracing() -> Iterator[None]:
    SPANS.clear()
    tracer.cache_clear()
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [], "TRACING": True}):
        yield
    SPANS.clear()


def push(**attributes: str) -> bytes:
    message = json.loads(make_pubsub_message({"a": 1}, attributes=attributes, message_id="17", ordering_key="o"))
    message |= {"subscription": "projects/my-project/subscriptions/orders", "deliveryAttempt": 3}
    return json.dumps(message).encode()


def spans() -> list[ReadableSpan]:
    """The spans that have ended, in order of their beginning."""
    return sorted(SPANS.get_finished_spans(), key=lambda span: span.start_time or 0)


def parent(span: ReadableSpan) -> str | None:
    return f"00-{span.parent.trace_id:032x}-{span.parent.span_id:016x}-{span.parent.trace_flags:02x}" if span.parent else None


def register(router: EventRouter, error: Exception | None = None, *, is_async: bool = False) -> None:
    def run() -> None:
        trace.get_tracer("shop").start_span("work").end()
        if error is not None:
            raise error

    if is_async:

        @router.on("order-*", name="shop.store")
        async def later(event: Event[dict[str, int]]) -> None:
            await asyncio.sleep(0)
            run()

    else:

        @router.on("order-*", name="shop.store")
        def store(event: Event[dict[str, int]]) -> None:
            run()


OPERATION = {
    "messaging.system": "gcp_pubsub",
    "messaging.operation.name": "process",
    "messaging.operation.type": "process",
    "messaging.destination.template": "order-*",
}
LABELS = {"gcp_event_router.kind": "order-placed", "gcp_event_router.reference": "4711"}
MESSAGE = {
    "messaging.message.id": "17",
    "messaging.message.body.size": 8,
    "messaging.gcp_pubsub.message.ordering_key": "o",
    "messaging.gcp_pubsub.message.delivery_attempt": 3,
    "messaging.destination.subscription.name": "orders",
    "gcp.project_id": "my-project",
}


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    ("error", "outcome", "status", "error_type"),
    [
        (None, "handled", "UNSET", None),
        (Retry(SECRET), "retry", "UNSET", None),
        (Reject(SECRET), "rejected", "UNSET", None),
        (KeyError(SECRET), "failed", "ERROR", "KeyError"),
    ],
    ids=str,
)
def test_an_event_and_its_handler_are_spans(
    router: EventRouter,
    post: Post,
    error: Exception | None,
    outcome: str,
    status: str,
    error_type: str | None,
    is_async: bool,
) -> None:
    """A consumer span an event, a child span a handler, whose own spans are below it; nothing of an exception but its type."""
    register(router, error, is_async=is_async)

    post("/events/order-placed/4711", push(traceparent=PARENT))

    ended: dict[str, Any] = {"gcp_event_router.outcome": outcome}
    if error_type:
        ended["error.type"] = error_type
    event, handler, work = spans()
    assert described(event) == {
        "name": "process order-*",
        "kind": "CONSUMER",
        "status": (status, None),
        "events": [],
        "attributes": OPERATION | LABELS | MESSAGE | ended,
    }
    assert described(handler) == {
        "name": "shop.store",
        "kind": "INTERNAL",
        "status": (status, None),
        "events": [],
        "attributes": {"gcp_event_router.handler": "shop.store"} | LABELS | ended,
    }
    assert parent(event) == PARENT
    assert (handler.parent, work.parent) == (event.context, handler.context)
    assert not trace.get_current_span().get_span_context().is_valid


def test_metrics(router: EventRouter, post: Post) -> None:
    """Count and duration of events, and the duration of handlers, each by outcome, without anything that a sender chose."""
    unique = uuid4().hex  # the SDK counts from the beginning of the process

    @router.on(f"{unique}-*", name=unique)
    def store(event: Event[dict[str, int]]) -> None:
        if event.reference == "bad":
            raise KeyError(SECRET)

    for reference in ("1", "2", "bad"):
        post(f"/events/{unique}-{reference}/{reference}", push(traceparent=PARENT))

    operation = OPERATION | {"messaging.destination.template": f"{unique}-*"}
    good = {"gcp_event_router.outcome": "handled"}
    bad = {"gcp_event_router.outcome": "failed", "error.type": "KeyError"}
    assert sorted((measurement for measurement in measured() if unique in str(measurement)), key=str) == [
        (name, count, labels | outcome)
        for name, labels in (
            ("gcp_event_router.handler.duration", {"gcp_event_router.handler": unique}),
            ("messaging.client.consumed.messages", operation),
            ("messaging.process.duration", operation),
        )
        for count, outcome in ((1, bad), (2, good))
    ]


def test_instruments(router: EventRouter, post: Post) -> None:
    """Each has a unit, a description and, if it counts seconds, the bounds of the conventions; all name package and version."""
    register(router)
    post("/events/order-placed/4711", push())

    bounds = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
    package = ("gcp_event_router", version("gcp-event-router"))
    assert instruments(package[0]) == {
        "gcp_event_router.handler.duration": (*package, "s", "Duration of one handler's work on one event.", bounds),
        "messaging.client.consumed.messages": (*package, "{message}", "Events that were delivered to the handlers.", None),
        "messaging.process.duration": (*package, "s", "Duration of the processing of an event by all its handlers.", bounds),
    }
    scopes = [span.instrumentation_scope for span in spans()]
    assert [(scope.name, scope.version) for scope in scopes if scope and scope.name != "shop"] == [package, package]


def test_measurements_lead_to_their_spans(router: EventRouter, post: Post) -> None:
    """The SDK can show an example of each measurement, which is a span; a duration is what has passed since it began."""
    unique = uuid4().hex

    @router.on(f"{unique}-*", name=unique)
    def store(event: Event[Any]) -> None: ...

    post(f"/events/{unique}-1/r", push())

    event, handler = spans()
    points = {name: point for name, point in points_of("gcp_event_router") if unique in str(point.attributes)}
    examples = {name: [example.span_id for example in point.exemplars] for name, point in points.items()}
    assert (event.context, handler.context) != (None, None)
    assert examples == {
        "gcp_event_router.handler.duration": [handler.context and handler.context.span_id],
        "messaging.client.consumed.messages": [event.context and event.context.span_id],
        "messaging.process.duration": [event.context and event.context.span_id],
    }
    assert all(0 <= point.sum <= monotonic() / 2 for point in points.values() if isinstance(point, HistogramDataPoint))


def test_a_fallback(router: EventRouter, post: Post, caplog: pytest.LogCaptureFixture) -> None:
    """What has no glob gives the span no template."""

    @router.fallback
    def keep(event: Event[Any]) -> None: ...

    post("/events/k/r", push())

    assert [span.name for span in spans()] == ["process", f"{__name__}.{keep.__qualname__}"]
    assert "messaging.destination.template" not in (spans()[0].attributes or {})
    assert [record.name for record in caplog.records if "opentelemetry" in record.name] == []


@pytest.mark.parametrize(
    ("attributes", "headers", "expected"),
    [
        ({"googclient_traceparent": PARENT}, {"traceparent": OTHER}, PARENT),
        ({"traceparent": PARENT}, {"traceparent": OTHER}, PARENT),
        ({}, {"traceparent": PARENT, "x_cloud_trace_context": f"{'c' * 32}/1;o=1"}, PARENT),
        ({}, {"x_cloud_trace_context": f"{TRACE_ID}/{int(SPAN_ID, 16)};o=1"}, PARENT),
        ({}, {}, None),
    ],
)
def test_parents(
    router: EventRouter, post: Post, attributes: dict[str, str], headers: dict[str, str], expected: str | None
) -> None:
    """The publisher's span is the parent, rather than the deliverer's."""
    register(router)

    post("/events/order-placed/4711", push(**attributes), **headers)

    assert (parent(spans()[0]), list(spans()[0].links)) == (expected, [])


def test_a_cloudevent(router: EventRouter, post: Post) -> None:
    """The tracing extension is the parent, and the attributes of the CloudEvent are those of the span."""

    @router.on(ce_type="com.shop.order.*", name="shop.store")
    def store(event: Event[dict[str, int]]) -> None: ...

    sent = {"id": "1", "source": "/s", "specversion": "1.0", "type": "com.shop.order.placed", "subject": "4711"}
    headers = {f"ce-{name}": value for name, value in {**sent, "traceparent": PARENT, "tracestate": "a=b"}.items()}
    post("/events/order-placed/4711", b'{"a": 1}', **headers)

    event = spans()[0]
    assert parent(event) == PARENT
    assert event.context is not None
    assert event.context.trace_state.to_header() == "a=b"
    assert described(event)["attributes"] == OPERATION | LABELS | {
        "messaging.system": "cloudevents",
        "messaging.destination.template": "com.shop.order.*",
        "messaging.message.id": "1",
        "messaging.message.body.size": 8,
        "cloudevents.event_id": "1",
        "cloudevents.event_source": "/s",
        "cloudevents.event_spec_version": "1.0",
        "cloudevents.event_subject": "4711",
        "cloudevents.event_type": "com.shop.order.placed",
        "gcp_event_router.outcome": "handled",
    }


def send(body: Mapping[str, Any]) -> None:
    event_received.send(None, event_kind="order-placed", event_reference="4711", event_payload=body, event_parameters={})


def test_a_span_around_the_request(router: EventRouter) -> None:
    """Within a span, such as one of Django's instrumentation, an event is its child; or linked to it, if it has a parent."""
    register(router)

    with trace.get_tracer("django").start_as_current_span("POST") as request:
        send(json.loads(push()))
        send(json.loads(push(traceparent=PARENT)))

    child, linked = (span for span in spans() if span.name == "process order-*")
    assert (child.parent, list(child.links)) == (request.get_span_context(), [])
    assert (parent(linked), [link.context for link in linked.links]) == (PARENT, [request.get_span_context()])


@pytest.mark.parametrize("text", [*MALFORMED[:-3], "x" * 100_000])
def test_a_hostile_traceparent_begins_a_new_trace(router: EventRouter, post: Post, text: str) -> None:
    """A malformed traceparent is ignored, and does not fail the event."""
    register(router)

    header = {} if set(text) & set("\n\r\x00") else {"traceparent": text.encode("ascii", "ignore").decode()}
    response = post("/events/order-placed/4711", push(traceparent=text, googclient_traceparent=text), **header)

    assert (response.status_code, parent(spans()[0])) == (201, None)


@pytest.mark.parametrize("state", [*MALFORMED_STATES, "a=b,a=c"])
def test_a_malformed_tracestate_is_not_logged(
    router: EventRouter, post: Post, caplog: pytest.LogCaptureFixture, state: str
) -> None:
    """OpenTelemetry's own logger never logs a malformed tracestate; the traceparent beside it is the parent."""
    register(router)

    response = post("/events/order-placed/4711", push(traceparent=PARENT, tracestate=state))

    assert (response.status_code, parent(spans()[0])) == (201, PARENT)
    assert [record.name for record in caplog.records if record.name != "gcp_event_router"] == []


def test_attributes_are_bounded(router: EventRouter, post: Post) -> None:
    """An attribute has at most 255 characters of the sender's text."""
    body = json.loads(push())
    body["message"] |= {"messageId": "7" * 10_000, "message_id": "7" * 10_000, "orderingKey": "o" * 10_000}

    post("/events/order-placed/4711", json.dumps(body | {"subscription": f"projects/{'p' * 999}/subscriptions/s"}).encode())

    (event,) = spans()
    assert {len(value) <= 255 for value in (event.attributes or {}).values() if isinstance(value, str)} == {True}
    assert described(event)["name"] == "process"


@pytest.mark.parametrize(
    ("body", "conf", "outcome", "status"),
    [
        (b"{}", {}, "unhandled", ("UNSET", None)),
        (b"{", {}, "invalid", ("ERROR", None)),
        (b"{}", {"UNHANDLED": "error"}, "invalid", ("ERROR", None)),
    ],
)
def test_an_event_without_handlers(
    router: EventRouter, post: Post, body: bytes, conf: dict[str, Any], outcome: str, status: tuple[str, str | None]
) -> None:
    """An unhandled event has a span, too, without the kind in its name, which senders choose."""
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [], "TRACING": True, **conf}):
        post("/events/k/r", body)

    (event,) = spans()
    span = described(event)
    assert (span["name"], span["status"], span["attributes"]["gcp_event_router.outcome"]) == ("process", status, outcome)
    assert span["attributes"]["messaging.system"] == "http"


def test_a_request_that_is_no_event_is_no_span(post: Post) -> None:
    """A request that does not become an event has no span of ours."""
    post("/events/k/r", b'{"message": {"data": 7}, "subscription": ""}')

    assert spans() == []


def test_all_handlers_are_children(router: EventRouter, post: Post) -> None:
    """Sync and async handlers of one event, one of which fails: each has its own outcome, and the event the worst."""
    register(router)
    register(router, KeyError(SECRET), is_async=True)

    post("/events/order-placed/4711", push())

    event, *others = spans()
    handlers = [span for span in others if span.name == "shop.store"]
    assert [span.parent for span in handlers] == [event.context] * 2
    outcomes = [(span.attributes or {})["gcp_event_router.outcome"] for span in (event, *handlers)]
    assert outcomes == ["failed", "handled", "failed"]


def test_a_cancelled_request_ends_its_spans(router: EventRouter) -> None:
    """If the caller goes away, the spans end as errors, so they are exported."""
    started = asyncio.Event()

    @router.on("order-*", name="shop.wait")
    async def wait(event: Event[Any]) -> None:
        started.set()
        await asyncio.Event().wait()

    async def cancel() -> None:
        named: dict[str, Any] = {
            "event_kind": "order-placed",
            "event_reference": "1",
            "event_payload": {},
            "event_parameters": {},
        }
        task = asyncio.create_task(event_received.asend(None, **named))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())

    ended = [(span.name, span.status.status_code.name, (span.attributes or {})["error.type"]) for span in spans()]
    assert ended == [("process order-*", "ERROR", "CancelledError"), ("shop.wait", "ERROR", "CancelledError")]


def test_log_lines_have_the_span_that_is_current() -> None:
    """Within a span, a log line has that span, not the request's header."""
    with trace.get_tracer("django").start_as_current_span("POST") as request:
        context = request.get_span_context()
        entry = json.loads(CloudLoggingFormatter("p").format(record(event_trace=OTHER)))

    assert entry["logging.googleapis.com/trace"] == f"projects/p/traces/{context.trace_id:032x}"
    assert entry["logging.googleapis.com/spanId"] == f"{context.span_id:016x}"


def test_nothing_is_traced_unless_it_is_wanted(router: EventRouter, post: Post) -> None:
    """Without the setting there is no span, however OpenTelemetry is set up."""
    register(router)

    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": []}):
        assert build().tracer is None
        post("/events/order-placed/4711", push())

    assert [span.name for span in spans()] == ["work"]


def test_the_setting_counts_from_the_next_event_on(router: EventRouter, post: Post) -> None:
    """The setting is read again after the settings change."""
    register(router)

    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": []}):
        post("/events/order-placed/1", push())
        post("/events/order-placed/2", push())
    post("/events/order-placed/3", push())

    assert [span.name for span in spans()] == ["work", "work", "process order-*", "shop.store", "work"]
