"""A project's own log lines have the event while a handler runs, but not before or after."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from pydantic import BaseModel, field_validator
from typing_extensions import override

from gcp_event_router import Event, EventRouter
from gcp_event_router._dispatch.context import CurrentEvent, current_event
from gcp_event_router.formatters import CloudLoggingFormatter, EventContextFilter
from gcp_event_router.signals import event_received
from gcp_event_router.utils import make_pubsub_message

from ..conftest import Post
from ..envelopes.test_trace_context import PARENT, SPAN_ID, TRACE_ID

shop = logging.getLogger("shop")
MESSAGE = make_pubsub_message({"order_id": 1}, message_id="17")
CURRENT = CurrentEvent("order-placed", "4711", "17", PARENT)
TEXT = "%(name)s %(event_kind)s %(event_reference)s %(event_message_id)s %(event_trace)s"


class Lines(logging.Handler):
    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.written: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.written.append(self.format(record))


@pytest.fixture(params=["text", "json"])
def lines(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """The lines of the shop and of this package, as text with the filter or as JSON without it."""
    handler = Lines(logging.Formatter(TEXT) if request.param == "text" else CloudLoggingFormatter("p"))
    if request.param == "text":
        handler.addFilter(EventContextFilter())
    loggers = [shop, logging.getLogger("gcp_event_router")]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    yield handler.written
    for logger in loggers:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)


def as_text(line: str) -> str:
    """Return a line of either format as text."""
    if not line.startswith("{"):
        return line.rstrip()
    entry: dict[str, Any] = json.loads(line)
    labels = entry.get("logging.googleapis.com/labels", {})
    trace = entry.get("logging.googleapis.com/trace", "").removeprefix("projects/p/traces/")
    traceparent = f"00-{trace}-{entry['logging.googleapis.com/spanId']}-01" if trace else ""
    parts = [entry["logger"], *(labels.get(f"event_{name}", "") for name in ("kind", "reference", "message_id")), traceparent]
    return " ".join(parts).rstrip()


class Order(BaseModel):
    order_id: int

    @field_validator("order_id")
    @classmethod
    def check(cls, value: int) -> int:
        shop.info("checking")
        return value


def register(router: EventRouter, *, is_async: bool) -> None:
    if is_async:

        @router.on("order-*")
        async def later(event: Event[Order]) -> None:
            shop.info("at it")
            await asyncio.gather(sync_to_async(shop.info)("in a thread"), asyncio.create_task(log()))

    else:

        @router.on("order-*")
        def store(event: Event[Order]) -> None:
            shop.info("at it")


async def log() -> None:
    shop.info("in a task")


@pytest.mark.parametrize("is_async", [False, True])
def test_log_lines_in_a_handler_carry_the_event(router: EventRouter, post: Post, lines: list[str], is_async: bool) -> None:
    """Validators, handlers, their tasks and threads see the event, and its own line has it; code after it does not."""
    register(router, is_async=is_async)

    post("/events/order-placed/4711", MESSAGE, traceparent=PARENT)
    shop.info("after it")

    own = f"order-placed 4711 17 {PARENT}"
    inside = [f"shop {own}"] * (4 if is_async else 2)
    assert [as_text(line) for line in lines] == [*inside, f"gcp_event_router {own}", "shop"]
    assert current_event() is None


def test_google_s_header_is_the_trace_where_there_is_no_other(router: EventRouter, post: Post, lines: list[str]) -> None:
    """Behind Google's older load balancers, a line has the trace that X-Cloud-Trace-Context names."""
    register(router, is_async=False)

    post("/events/order-placed/4711", MESSAGE, x_cloud_trace_context=f"{TRACE_ID}/{int(SPAN_ID, 16)};o=1")

    assert [as_text(line) for line in lines][1:] == [
        f"shop order-placed 4711 17 {PARENT}",
        f"gcp_event_router order-placed 4711 17 {PARENT}",
    ]


def test_a_refusal_has_its_trace_as_well(post: Post, lines: list[str]) -> None:
    """The line of a request that is not an event appears with the request."""
    post("/events/order-placed/4711", b'{"message": {"data": 7}, "subscription": ""}', traceparent=PARENT)

    assert [as_text(line) for line in lines] == [f"gcp_event_router order-placed 4711  {PARENT}"]


def test_each_handler_sees_its_own_event(router: EventRouter) -> None:
    """An event that a handler sends has its own context; the outer one returns after it."""
    seen: list[CurrentEvent | None] = []

    @router.on("outer")
    def outer(event: Event[Any]) -> None:
        seen.append(current_event())
        event_received.send(None, event_kind="inner", event_reference="2", event_payload={}, event_parameters={})
        seen.append(current_event())

    @router.on("inner")
    def inner(event: Event[Any]) -> None:
        seen.append(current_event())

    event_received.send(None, event_kind="outer", event_reference="1", event_payload={}, event_parameters={})

    first, second = CurrentEvent("outer", "1", None, None), CurrentEvent("inner", "2", None, None)
    assert seen == [first, second, first]
    assert current_event() is None


def test_a_failing_handler_leaves_no_context(router: EventRouter, post: Post) -> None:
    """An exception ends the handler's context, too; a thread without the context has no event."""
    seen: list[CurrentEvent | None] = []

    @router.on("order-*")
    def fail(event: Event[Any]) -> None:
        thread = Thread(target=lambda: seen.append(current_event()))
        thread.start()
        thread.join()
        seen.append(current_event())
        raise KeyError

    post("/events/order-placed/4711", MESSAGE, traceparent=PARENT)

    assert seen == [None, CURRENT]
    assert current_event() is None
