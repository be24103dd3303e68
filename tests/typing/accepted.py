"""Good uses: what the checkers know about them."""
# pyright: strict

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from django.dispatch import receiver
from django.http import HttpRequest
from django_gcp.events.signals import event_received as foreign_signal
from pydantic import BaseModel, TypeAdapter
from typing_extensions import TypedDict, assert_type

from gcp_event_router import Event, EventRouter, Outcome, Principal, Reject, Retry, events
from gcp_event_router.auth import Authenticator
from gcp_event_router.conf import RouterSettings
from gcp_event_router.envelopes import Envelope
from gcp_event_router.exceptions import ErrorDetail, InvalidEventError
from gcp_event_router.registrations import Explanation, Registration
from gcp_event_router.signals import EventSignal, event_received
from gcp_event_router.utils import DecodedPubSubMessage, decode_pubsub_message, get_event_url, make_pubsub_message
from gcp_event_router.views import AsyncEventView, EventView


class Order(BaseModel):
    order_id: int
    total: Decimal


class BigOrder(Order):
    approved_by: str


class Where(BaseModel):
    warehouse: int


class Row(TypedDict):
    sku: str


@dataclass
class Point:
    x: int


@events.on("order-*")
def record(event: Event[Order]) -> None:
    assert_type(event.payload, Order)
    assert_type(event.payload.total, Decimal)
    assert_type(event.kind, str)
    assert_type(event.reference, str)
    assert_type(event.parameters, dict[str, str])
    assert_type(event.envelope, Envelope)
    assert_type(event.envelope.message_id, str | None)
    assert_type(event.envelope.publish_time, datetime | None)
    assert_type(event.envelope.attributes, Mapping[str, str])
    assert_type(event.envelope.delivery_attempt, int | None)
    assert_type(event.principal, Principal | None)


# the function is still itself: its parameter's name and all
record(event=Event("order-placed", "1", Order(order_id=1, total=Decimal(2))))


@events.on("order-placed", "order-changed")
async def notify(event: Event[Order, Where]) -> None:
    assert_type(event.parameters, Where)
    assert_type(event.parameters.warehouse, int)


async def calls_notify(event: Event[Order, Where]) -> None:
    await notify(event=event)


@events.on("row")
def row(event: Event[Row]) -> None:
    assert_type(event.payload["sku"], str)


@events.on("point")
def point(event: Event[Point | None]) -> None:
    assert_type(event.payload, Point | None)


@events.on("raw")
def raw(event: Event[bytes]) -> None:
    assert_type(event.payload, bytes)


@events.on("any")
def anything(event: Event[Any]) -> None:
    assert_type(event.payload, Any)


@events.on("explicit", payload=Order)
def explicit(event: Event[Order]) -> None: ...


@events.on("explicit-async", payload=Order)
async def explicit_async(event: Event[Order]) -> None: ...


@events.on("base", payload=BigOrder)
def takes_the_base(event: Event[Order]) -> None: ...


@events.on("adapter", payload=TypeAdapter(list[Order]))
def adapted(event: Event[list[Order]]) -> None:
    assert_type(event.payload, list[Order])


assert_type(explicit, Callable[[Event[Order]], None])
assert_type(explicit_async, Callable[[Event[Order]], Awaitable[None]])


@events.fallback
def otherwise(event: Event[bytes]) -> None: ...


otherwise(event=Event("x", "1", b""))


class Service:
    def handle(self, event: Event[Order]) -> None: ...

    async def __call__(self, event: Event[Order]) -> None: ...


events.on("method")(Service().handle)
events.on("object")(Service())


def with_more(event: Event[Order], *, loud: bool = False) -> None: ...


events.on("partial")(partial(with_more, loud=True))


def covariance(event: Event[BigOrder]) -> Event[Order]:
    return event


router = EventRouter()
EventRouter(signal=event_received)
EventRouter(signal=foreign_signal)
EventRouter(signal="django_gcp.events.signals.event_received")
events.include(router)
events.include(router, prefix="billing-")
assert_type(list(router), list[Registration])
assert_type(events.explain("order-placed"), Explanation)
assert_type(record in events, bool)
with events.isolated(empty=True) as scope:
    assert_type(scope, EventRouter)


@receiver(event_received)
def legacy(
    sender: object, event_kind: str, event_reference: str, event_payload: object, event_parameters: dict[str, str]
) -> None: ...


assert_type(event_received, EventSignal)
assert_type(get_event_url("a", "b", {"c": 1}, base_url=""), str)
assert_type(make_pubsub_message({"a": 1}), bytes)
assert_type(make_pubsub_message({"a": 1}, "projects/p/subscriptions/s", {"k": "v"}, "1", "key", datetime.now()), bytes)
assert_type(make_pubsub_message({"a": 1}, as_dict=True), dict[str, Any])
assert_type(decode_pubsub_message(b""), DecodedPubSubMessage)
assert_type(decode_pubsub_message(b"")["publish_time"], datetime | None)


def raises(error: InvalidEventError) -> None:
    assert_type(error.errors, tuple[ErrorDetail, ...])
    if error.count:
        raise Retry("later", after=timedelta(seconds=1)) from error
    raise Reject("never")


assert_type(Outcome.HANDLED.status, int)
assert_type(Outcome.HANDLED.acknowledged, bool)


class ByHeader:
    def authenticate(self, request: HttpRequest) -> Principal | None:
        return Principal("header", email="a@example.com") if "X-A" in request.headers else None


authenticator: Authenticator = ByHeader()
EventView.as_view(authentication=[authenticator])
AsyncEventView.as_view(authentication=[])
settings: RouterSettings = {"AUTHENTICATION": [{"BACKEND": "a.b"}], "UNHANDLED": "error", "SIGNALS": ["a.b"]}
