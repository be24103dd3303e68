"""Why an event is published: the event whose handler publishes it, and the trace, wherever in the handler that is."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from threading import Thread
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace

from gcp_event_router import Event, EventRouter
from gcp_event_router._boxes.exact_text import ascii_text
from gcp_event_router._dispatch.store import set_store
from gcp_event_router.envelopes.outbox_ids import read_cause
from gcp_event_router.inbox.models import Delivery
from gcp_event_router.inbox.store import InboxStore
from gcp_event_router.inbox.workers import process
from gcp_event_router.kinds import Kind
from gcp_event_router.outbox.causes import cause_and_trace
from gcp_event_router.outbox.models import OutgoingEvent
from gcp_event_router.outbox.relay import relay
from gcp_event_router.outbox.transports import Local
from gcp_event_router.router import CallNext
from gcp_event_router.testing import push
from gcp_event_router.utils import make_pubsub_message

from ..conftest import Post, post_wsgi
from ..support.deliveries import PATIENCE
from ..support.outboxes import on_sqlite
from ..support.outgoing import KEY, TRACE
from ..support.telemetry import SPANS

Found = tuple[str, dict[str, str]]
FROM_OUTBOX = {"event-router-id": KEY, "traceparent": TRACE, "tracestate": "a=b"}
TRACED = {"traceparent": TRACE, "tracestate": "a=b"}


@pytest.fixture
def found() -> list[Found]:
    return []


def post(attributes: dict[str, str] | None, message_id: str | None = "17", **headers: str) -> None:
    """Post a push of the kind `k`."""
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": []}):
        answer = post_wsgi("/events/k/r", make_pubsub_message({}, attributes=attributes, message_id=message_id), **headers)
    assert answer.status_code == 201


def test_in_a_handler(router: EventRouter, found: list[Found]) -> None:
    """The cause is the id from the sender's outbox, or else the sender's id of the message; the trace is the publisher's."""

    @router.on("k")
    def handle(event: Event[Any]) -> None:
        found.append(cause_and_trace())

    post(FROM_OUTBOX)
    post({})
    post({}, None)
    assert found == [(KEY, TRACED), ("17", {}), ("", {})]


def test_outside_of_handlers(found: list[Found]) -> None:
    """Elsewhere, nothing is the cause."""
    assert cause_and_trace() == ("", {})


def test_the_trace_of_the_request(router: EventRouter, found: list[Found]) -> None:
    """Without a publisher's trace, the request's is the trace; a trace without a span cannot be continued."""

    @router.on("k")
    def handle(event: Event[Any]) -> None:
        found.append(cause_and_trace())

    post({}, traceparent=TRACE, tracestate="c=d")
    post({"traceparent": TRACE}, traceparent=TRACE[:-4] + "2-01", tracestate="c=d")
    post({}, **{"X-Cloud-Trace-Context": "0af7651916cd43dd8448eb211c80319c"})
    assert found == [("17", {"traceparent": TRACE, "tracestate": "c=d"}), ("17", {"traceparent": TRACE}), ("17", {})]


def test_async_handlers(router: EventRouter, found: list[Found]) -> None:
    """An async handler's own threads and tasks see the event, under both servers' interfaces."""

    @router.on("k")
    async def handle(event: Event[Any]) -> None:
        found.append(cause_and_trace())
        found.append(await sync_to_async(cause_and_trace)())

    post(FROM_OUTBOX)
    assert found == [(KEY, TRACED)] * 2


def test_middleware(router: EventRouter, found: list[Found]) -> None:
    """Middleware publishes because of the event, too, before and after the handler."""

    def surround(event: Event[Any], call_next: CallNext) -> None:
        found.append(cause_and_trace())
        call_next(event)
        found.append(cause_and_trace())

    @router.on("k")
    async def handle(event: Event[Any]) -> None:
        found.append(cause_and_trace())

    router.use(surround)
    post(FROM_OUTBOX)
    assert found == [(KEY, TRACED)] * 3
    assert cause_and_trace() == ("", {})


def test_threads(router: EventRouter, found: list[Found]) -> None:
    """A thread of a handler sees the event if it has a copy of the handler's context."""

    @router.on("k")
    def handle(event: Event[Any]) -> None:
        for call in (lambda: found.append(cause_and_trace()), copy_of(lambda: found.append(cause_and_trace()))):
            thread = Thread(target=call)
            thread.start()
            thread.join(PATIENCE)

    post(FROM_OUTBOX)
    assert found == [("", {}), (KEY, TRACED)]


def copy_of(call: Callable[[], None]) -> Callable[[], None]:
    context = copy_context()
    return lambda: context.run(call)


def test_the_current_span(router: EventRouter, found: list[Found]) -> None:
    """With TRACING on, the trace is that of the current span, also outside of handlers; with TRACING off, nobody asks for it."""

    @router.on("k")
    def handle(event: Event[Any]) -> None:
        found.append(cause_and_trace())

    with trace.get_tracer("tests").start_as_current_span("publish") as span:
        context = span.get_span_context()
        ours = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
        assert cause_and_trace() == ("", {})
        with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [], "TRACING": True}):
            assert cause_and_trace() == ("", {"traceparent": ours})
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [], "TRACING": True}):
        assert cause_and_trace() == ("", {})
        push("k", "r", {}, attributes=FROM_OUTBOX)
    SPANS.clear()
    ((cause, headers),) = found
    assert (cause, headers["tracestate"]) == (KEY, "a=b")
    assert headers["traceparent"][:36] == TRACE[:36]
    assert headers["traceparent"] != TRACE


@given(st.text(max_size=300))
def test_any_id(text: str) -> None:
    """Whatever a sender's id is, what the boxes store of it can be read as a cause at the other end."""
    stored = ascii_text(text)
    assert read_cause(stored) == (stored or None)
    assert stored == text or not text.isascii() or not text.isprintable() or len(text) > 255


@on_sqlite
@pytest.mark.django_db(transaction=True, databases="__all__")
def test_a_chain(outbox: str, router: EventRouter, post: Post) -> None:
    """Each event of a chain names the one before it, through the outbox, the relay and deferred handlers of an inbox."""
    set_store(InboxStore())
    second: Kind[int] = router.kind("second", int)
    third: Kind[int] = router.kind("third", int)

    @router.on("first")
    def publish_second(event: Event[Any]) -> None:
        second.publish(2)

    @second.on(deferred=True)
    async def publish_third(event: Event[int]) -> None:
        await third.apublish(3)

    @third.on
    def end(event: Event[int]) -> None:
        assert event.envelope.outbox_id == event.reference

    database = {"DATABASE": outbox}
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [], "OUTBOX": database, "INBOX": database}):
        assert post("/events/first/r", make_pubsub_message({}, message_id="17")).status_code == 201
        relay(outbox, Local())
        assert len(list(process(outbox))) == 1
        relay(outbox, Local())

    outgoing = list(OutgoingEvent.objects.using(outbox).order_by("pk"))
    keys = [str(event.key) for event in outgoing]
    assert [event.cause for event in outgoing] == ["17", keys[0]]
    handled = Delivery.objects.using(outbox).order_by("pk")  # not by time: SQLite's may be equal
    assert list(handled.values_list("event__message_id", flat=True)) == ["17", *keys]
