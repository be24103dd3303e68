"""Good uses, and what the checkers know about them."""
# pyright: strict

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, NoReturn
from uuid import UUID

from django.dispatch import Signal, receiver
from django.http import HttpRequest, HttpResponse
from django_gcp.events import utils as legacy
from django_gcp.events.signals import event_received as legacy_signal
from django_gcp.events.views import GoogleCloudEventsView
from django_gcp.exceptions import InvalidPubSubMessageError as LegacyError
from django_gcp.urls import urlpatterns as legacy_urls
from hypothesis.strategies import SearchStrategy
from pydantic import BaseModel, JsonValue, TypeAdapter
from typing_extensions import TypedDict, assert_type, override

from gcp_event_router import Event, EventRouter, Outcome, Principal, Reject, Retry, events
from gcp_event_router.auth import OIDC, Authenticator, SharedToken, SignedURL
from gcp_event_router.conf import RouterSettings
from gcp_event_router.envelopes import CloudEvent, CloudTask, Envelope, PubSubPush, PubSubUnwrapped, SchedulerJob
from gcp_event_router.exceptions import ErrorDetail, InvalidEventError
from gcp_event_router.google.alerts import AlertData
from gcp_event_router.google.analytics import AnalyticsLogData
from gcp_event_router.google.artifactregistry import ImageNotification
from gcp_event_router.google.audit import LogEntryData
from gcp_event_router.google.auth import AuthEventData, AuthEventDataV2
from gcp_event_router.google.base import Bytes, Duration, Int64, Model, Struct, Timestamp
from gcp_event_router.google.billing import BudgetAttributes, BudgetNotification
from gcp_event_router.google.catalogue import model_of, types
from gcp_event_router.google.cloudbuild import BuildEventData, HashType, Status
from gcp_event_router.google.database import ReferenceEventData
from gcp_event_router.google.enums import OpenEnum
from gcp_event_router.google.firestore import DocumentEventData
from gcp_event_router.google.gmail import MailboxNotification
from gcp_event_router.google.logs import LogEntry
from gcp_event_router.google.pubsub import MessagePublishedData
from gcp_event_router.google.remoteconfig import RemoteConfigEventData, RemoteConfigUpdateType
from gcp_event_router.google.scheduler import SchedulerJobData
from gcp_event_router.google.storage import NotificationAttributes, StorageObjectData
from gcp_event_router.google.testlab import TestMatrixEventData, TestState
from gcp_event_router.kinds import Kind
from gcp_event_router.lifecycle import handler_finished
from gcp_event_router.publishing import Publisher
from gcp_event_router.router import AsyncCallNext, CallNext, Consulted, Explanation, Glob, Handler, Registration
from gcp_event_router.signals import EventSignal, event_received
from gcp_event_router.testing import (
    CloudEventMessage,
    CloudEventRequest,
    EventMessage,
    EventTestMixin,
    Pushed,
    Recording,
    Rejection,
    TokenSigner,
    apush,
    batch,
    examples,
    isolated,
    push,
)
from gcp_event_router.testing import record as watch
from gcp_event_router.testing.plugin import APush, Push
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


ORDER = Order(order_id=1, total=Decimal(2))

# --- what an event holds


@events.on("order-*")
def record(event: Event[Order]) -> None:
    assert_type(event.payload, Order)
    assert_type(event.payload.total, Decimal)
    assert_type(event.kind, str)
    assert_type(event.reference, str)
    assert_type(event.parameters, dict[str, str])
    assert_type(event.parameters["warehouse"], str)
    assert_type(event.principal, Principal | None)
    assert_type(event.envelope, Envelope)
    assert_type(event.envelope.form, str)
    assert_type(event.envelope.body, bytes)
    assert_type(event.envelope.data, bytes)
    assert_type(event.envelope.message_id, str | None)
    assert_type(event.envelope.publish_time, datetime | None)
    assert_type(event.envelope.attributes, Mapping[str, str])
    assert_type(event.envelope.ordering_key, str | None)
    assert_type(event.envelope.subscription, str | None)
    assert_type(event.envelope.delivery_attempt, int | None)
    if isinstance(event.envelope, PubSubPush):
        assert_type(event.envelope, PubSubPush)


@events.on("order-placed", "order-changed")
async def notify(event: Event[Order, Where]) -> None:
    assert_type(event.payload, Order)
    assert_type(event.parameters, Where)
    assert_type(event.parameters.warehouse, int)


@events.on("row")
def row(event: Event[Row]) -> None:
    assert_type(event.payload["sku"], str)


@events.on("point")
def point(event: Event[Point | None]) -> None:
    assert_type(event.payload, Point | None)


@events.on("raw")
def raw(event: Event[bytes]) -> None:
    assert_type(event.payload, bytes)


@events.on("empty")
def empty(event: Event[None]) -> None:
    assert_type(event.payload, None)


@events.on("any")
def anything(event: Event[Any]) -> None:
    assert_type(event.payload, Any)


def covariant(event: Event[BigOrder, Where]) -> Event[Order, BaseModel]:
    return event


def matched(event: Event[Order]) -> Decimal:
    match event:
        case Event(kind="order-refunded", payload=payload):
            return -payload.total
        case _:
            return event.payload.total


# --- events in tests, and handlers that are still themselves: their parameter's name, their result and all

assert_type(Event("a", "1", ORDER), Event[Order])
assert_type(Event("a", "1", ORDER, Where(warehouse=1)), Event[Order, Where])
assert_type(Event("a", "1", ORDER, envelope=Envelope(b"{}"), principal=Principal("test")), Event[Order])
assert_type(replace(Event("a", "1", ORDER), kind="b"), Event[Order])
record(event=Event("order-placed", "1", BigOrder(order_id=1, total=Decimal(2), approved_by="me")))
asyncio.run(notify(event=Event("order-placed", "1", ORDER, Where(warehouse=1))))


async def awaits() -> None:
    assert_type(await notify(Event("order-placed", "1", ORDER, parameters=Where(warehouse=1))), None)


# --- what a handler may be


class Service:
    def handle(self, event: Event[Order]) -> None: ...

    async def handle_async(self, event: Event[Order]) -> None: ...

    async def __call__(self, event: Event[Order]) -> None: ...

    @classmethod
    def from_class(cls, event: Event[Order]) -> None: ...

    @staticmethod
    @events.on("static")
    def static(event: Event[Order]) -> None: ...


def with_more(event: Event[Order], *, loud: bool = False) -> None: ...


async def with_more_async(event: Event[Order], loud: bool = False) -> None: ...


@events.on("never")
def gives_up(event: Event[Order]) -> NoReturn:
    raise Reject(event.kind)


events.on("method")(Service().handle)(event=Event("method", "1", ORDER))
asyncio.run(events.on("async-method")(Service().handle_async)(event=Event("async-method", "1", ORDER)))
events.on("class-method")(Service.from_class)
Service.static(event=Event("static", "1", ORDER))
assert_type(events.on("object")(Service()), Service)
assert_type(events.on("partial")(partial(with_more, loud=True)), partial[None])
events.on("async-partial")(partial(with_more_async, loud=True))
events.on("optional")(with_more)
events.on("optional-async")(with_more_async)


@events.fallback
def otherwise(event: Event[bytes]) -> None: ...


@events.fallback
async def otherwise_async(event: Event[Any]) -> None: ...


otherwise(event=Event("x", "1", b""))
asyncio.run(otherwise_async(event=Event("x", "1", b"")))

# --- payload=


@events.on("explicit", payload=Order)
def explicit(event: Event[Order]) -> None: ...


@events.on("explicit-async", "explicit-parameters", payload=Order)
async def explicit_async(event: Event[Order, Where]) -> None: ...


@events.on("rows", payload=list[Row])
def rows(event: Event[list[Row]]) -> None: ...


@events.on("adapter", payload=TypeAdapter(list[Order]))
def adapted(event: Event[list[Order]]) -> None: ...


ORDER_OR_POINT: TypeAdapter[Order | Point] = TypeAdapter(Order | Point)


@events.on("union", payload=ORDER_OR_POINT)
def union(event: Event[Order | Point]) -> None: ...


assert_type(explicit, Callable[[Event[Order]], None])
assert_type(adapted, Callable[[Event[list[Order]]], None])
events.on("nothing", payload=None)(lambda event: assert_type(event.payload, None))
events.on("lambda", payload=Order)(lambda event: print(assert_type(event.payload.total, Decimal)))
events.on("lambda-adapter", payload=ORDER_OR_POINT)(lambda event: print(assert_type(event.payload, Order | Point)))
asyncio.run(explicit_async(Event("explicit-async", "1", ORDER, Where(warehouse=1))))


# --- routers and signals

router = EventRouter()
EventRouter(signal=event_received)
EventRouter(signal=legacy_signal)
EventRouter(signal="django_gcp.events.signals.event_received")
router.listen(legacy_signal)
router.ignore("django_gcp.events.signals.event_received")
events.include(router)
events.include(router, prefix="billing-")
assert_type(list(router), list[Registration])
assert_type(len(router), int)
assert_type(record in events, bool)
for registration in events:
    assert_type(registration.handler, Handler)
    assert_type(registration.globs, tuple[Glob, ...])
explanation = events.explain("order-placed")
assert_type(explanation, Explanation)
assert_type(explanation.handlers, tuple[Handler, ...])
assert_type(explanation.consulted, tuple[Consulted, ...])
with events.isolated(empty=True) as scope:
    assert_type(scope, EventRouter)


@receiver(event_received)
def plain(
    sender: object, event_kind: str, event_reference: str, event_payload: object, event_parameters: dict[str, str]
) -> None: ...


@receiver([event_received, legacy_signal])
async def plain_async(sender: object, **named: Any) -> None: ...


assert_type(event_received, EventSignal)
assert_type(event_received.connect(plain, weak=False, dispatch_uid="plain"), None)
assert_type(event_received.disconnect(dispatch_uid="plain"), bool)

# --- how a handler is run


@events.on("a", name="a", once=False, deferred=None, lease=timedelta(minutes=1), max_attempts=3)
def with_options(event: Event[Order]) -> None: ...


@events.on("a", payload=Order, once=False)
def with_payload_and_options(event: Event[Order]) -> None: ...


@events.fallback(once=False)
def fallback_with_options(event: Event[bytes]) -> None: ...


assert_type(with_options(Event("a", "b", Order(order_id=1, total=Decimal(1)))), None)

# --- utilities

assert_type(get_event_url("a", "b", {"c": 1}, "gcp-events", "https://shop.example"), str)
assert_type(get_event_url("a", 1), str)
assert_type(get_event_url("a", UUID(int=1), base_url=""), str)
assert_type(get_event_url("a", 1, signed=True, max_age=timedelta(hours=1), single_use=True), str)
assert_type(make_pubsub_message(), bytes)
assert_type(make_pubsub_message({"a": 1}, as_dict=False), bytes)
assert_type(make_pubsub_message({"a": 1}, "projects/p/subscriptions/s", {"k": "v"}, "1", "key", datetime.now()), bytes)
assert_type(make_pubsub_message({"a": 1}, as_dict=True), dict[str, Any])
assert_type(make_pubsub_message({"a": 1}, as_dict=record in events), bytes | dict[str, Any])
assert_type(make_pubsub_message({"a": 1}, "projects/p/subscriptions/s", None, None, None, None, True), dict[str, Any])
decoded = decode_pubsub_message(b"")
assert_type(decoded, DecodedPubSubMessage)
assert_type(decoded["data"], Any)
assert_type(decoded["attributes"], dict[str, str] | None)
assert_type(decoded["message_id"], str | None)
assert_type(decoded["ordering_key"], str | None)
assert_type(decoded["publish_time"], datetime | None)
assert_type(decoded["subscription"], str)
decode_pubsub_message("{}")
decode_pubsub_message({"message": {"data": ""}, "subscription": "projects/p/subscriptions/s"})

# --- outcomes


def raises(error: InvalidEventError) -> NoReturn:
    assert_type(error.errors, tuple[ErrorDetail, ...])
    if error.count:
        raise Retry("later", after=timedelta(seconds=1)) from error
    raise Reject("never")


assert_type(Retry().after, timedelta | None)
assert_type(Outcome.HANDLED.status, int)
assert_type(Outcome.HANDLED.acknowledged, bool)

# --- the endpoint


class ByHeader:
    def authenticate(self, request: HttpRequest) -> Principal | None:
        return Principal("header", email="a@example.com") if "X-A" in request.headers else None


class ByHeaderAsync:
    async def authenticate(self, request: HttpRequest) -> Principal | None:
        return ByHeader().authenticate(request)


authenticators: list[Authenticator] = [
    ByHeader(),
    ByHeaderAsync(),
    OIDC(service_accounts=["a@example.com"], audience="event-url", leeway=timedelta(seconds=5)),
    OIDC(service_accounts=("a@example.com",), audience=["https://shop.example"], leeway=5, certs_url="http://localhost/"),
    SharedToken(tokens=["secret"], header="X-A"),
    SharedToken(tokens=["secret"], parameter="token"),
    SignedURL(cache="urls"),
]
EventView.as_view(authentication=authenticators)
AsyncEventView.as_view(authentication=[])
settings: RouterSettings = {
    "AUTHENTICATION": [{"BACKEND": "shop.auth.ByHeader"}, {"BACKEND": "shop.auth.ByToken", "OPTIONS": {"name": "X-A"}}],
    "MAX_BODY_SIZE": 1024,
    "UNHANDLED": "error",
    "FAILURE_STATUS": 500,
    "SIGNALS": ["django_gcp.events.signals.event_received"],
}

# --- Google's own payloads


@events.on("gcs-*")
def uploaded(event: Event[StorageObjectData]) -> None:
    assert_type(event.payload.size, int)
    assert_type(event.payload.time_created, datetime | None)
    assert_type(event.payload.metadata, dict[str, str])
    attributes = NotificationAttributes.of(event.envelope.attributes)
    assert_type(attributes, NotificationAttributes)
    assert_type(attributes.overwrote_generation, int | None)


events.on("gcs-*", payload=StorageObjectData)(lambda event: print(event.payload.bucket))


@events.on("build")
def built(event: Event[BuildEventData]) -> None:
    status = event.payload.status
    assert_type(status, Status | str | int)
    if isinstance(status, Status):
        assert_type(status, Status)
        assert_type(status.number, int)
        assert_type(status >= Status.SUCCESS, bool)
    assert_type(event.payload.timeout, timedelta | None)
    assert_type([step.name for step in event.payload.steps], list[str])
    assert_type(event.payload.options.source_provenance_hash if event.payload.options else [], list[HashType | str | int])


@events.on("pubsub")
def published(event: Event[MessagePublishedData]) -> None:
    assert_type(event.payload.message.data if event.payload.message else b"", bytes)


@events.on("document")
def written(event: Event[DocumentEventData]) -> None:
    if event.payload.value is not None:
        assert_type(event.payload.value.unwrap(), dict[str, Any])
        assert_type(event.payload.value.fields["a"].integer_value, int | None)


@events.on("logs")
def logged(event: Event[LogEntry]) -> None:
    assert_type(event.payload.json_payload, dict[str, JsonValue] | None)


@events.on("audit")
def audited(event: Event[LogEntryData]) -> None:
    assert_type(event.payload.proto_payload.method_name if event.payload.proto_payload else "", str)


@events.on("budget")
def spent(event: Event[BudgetNotification]) -> None:
    assert_type(event.payload.cost_amount, float)
    assert_type(event.payload.alert_threshold_exceeded, float | None)
    assert_type(BudgetAttributes.of(event.envelope.attributes).budget_id, str)


@events.on("remote-config")
def configured(event: Event[RemoteConfigEventData]) -> None:
    assert_type(event.payload.version_number, int)
    assert_type(event.payload.update_type, RemoteConfigUpdateType | str | int)


@events.on("test-lab")
def tested(event: Event[TestMatrixEventData]) -> None:
    assert_type(event.payload.state, TestState | str | int)


assert_type(AlertData().payload, dict[str, JsonValue])
assert_type([each.name for each in AnalyticsLogData().event_dim], list[str])
assert_type(ImageNotification(action="INSERT").digest, str)
assert_type(AuthEventDataV2().value, AuthEventData | None)
assert_type(ReferenceEventData(data={"a": 1}).delta, JsonValue)
assert_type(MailboxNotification(email_address="a@example.com").history_id, int)
assert_type(SchedulerJobData(custom_data=b"a").custom_data, bytes)
assert_type(Event("gcs-photos", "new", StorageObjectData(name="cat.jpg", size=352)), Event[StorageObjectData])
assert_type(AuthEventData(photo_url="https://shop.example/a.png").photo_url, str)
assert_type(Status["SUCCESS"], Status)
assert_type(model_of("google.cloud.storage.object.v1.finalized"), type[Model] | None)
assert_type(types(), frozenset[str])


class Mine(Model):
    total_count: Int64 = 0
    at: Timestamp | None = None
    status: OpenEnum[Status] = Status.STATUS_UNKNOWN
    raw: Bytes = b""
    timeout: Duration | None = None
    labels: Struct | None = None


assert_type(Mine().total_count, int)
assert_type(Mine().status, Status | str | int)
assert_type(Mine().labels, dict[str, JsonValue] | None)

# --- tests of users

with TokenSigner() as signer:
    assert_type(signer.token(email="a@example.com", audience="https://shop.example", iat=1, sub=None), str)
    assert_type(signer.headers(email="a@example.com", audience="b", expires_in=timedelta(hours=1)), Mapping[str, str])
    assert_type(signer.jwks(), bytes)

# --- legacy code, by the stubs

assert_type(legacy_signal, Signal)
assert_type(legacy.get_event_url("a", "b", {"c": 1}, "gcp-events", ""), str)
assert_type(legacy.make_pubsub_message({"a": 1}, "projects/p/subscriptions/s", {"k": "v"}), bytes)
assert_type(legacy.make_pubsub_message({"a": 1}, "projects/p/subscriptions/s", as_dict=True), dict[str, Any])
assert_type(legacy.make_pubsub_message({"a": 1}, "projects/p/subscriptions/s", as_dict=record in events), bytes | dict[str, Any])
assert_type(legacy.decode_pubsub_message(b""), dict[str, Any])
legacy_urls.append(legacy_urls[0])


class LegacyView(GoogleCloudEventsView):
    @override
    def post(self, request: HttpRequest, event_kind: str, event_reference: str) -> HttpResponse:
        try:
            return super().post(request, event_kind, event_reference)
        except LegacyError as error:
            return HttpResponse(str(error), status=400)


# --- CloudEvents, and calls of Cloud Tasks and Cloud Scheduler


@events.on(ce_type="google.cloud.storage.object.v1.*")
def stored(event: Event[StorageObjectData]) -> None:
    envelope = event.envelope
    assert_type(envelope.type, str | None)
    if isinstance(envelope, CloudEvent):
        assert_type(envelope.type, str)
        assert_type(envelope.subject, str | None)
        assert_type(envelope.time, datetime | None)
        assert_type(envelope.extensions, Mapping[str, str])
        assert_type(envelope.push, PubSubPush | PubSubUnwrapped | None)


@events.on("gcs-*", ce_type="*.deleted", max_attempts=3)
async def deleted(event: Event[StorageObjectData]) -> None: ...


events.on(ce_type="com.example.*", payload=Order)(lambda event: print(event.payload.order_id))
assert_type(events.explain("gcs-photos", "com.example.placed"), Explanation)


@events.on("mail-*")
def called(event: Event[None]) -> None:
    if isinstance(event.envelope, CloudTask):
        assert_type(event.envelope.queue, str)
        assert_type(event.envelope.retry_count, int | None)
        assert_type(event.envelope.eta, datetime | None)
    elif isinstance(event.envelope, PubSubUnwrapped):
        assert_type(event.envelope.attributes, Mapping[str, str])
    elif isinstance(event.envelope, SchedulerJob):
        assert_type(event.envelope.job_name, str)
        assert_type(event.envelope.schedule_time, datetime | None)


message = CloudEventMessage(id="1", source="s", type="t", data={"a": 1}, time=datetime.now(), extensions={"mine": "x"})
assert_type(message.binary(), CloudEventRequest)
assert_type(message.structured().headers, Mapping[str, str])
assert_type(batch([message, message]).body, bytes)

# --- kinds that are declared once

placed = events.kind("order-placed", Order)
assert_type(placed, Kind[Order])
assert_type(events.kind("orders", TypeAdapter(list[Order])), Kind[list[Order]])


@placed.on
def of_a_kind(event: Event[Order]) -> None: ...


@placed.on
async def of_a_kind_with_parameters(event: Event[Order, Where]) -> None: ...


@placed.on(deferred=True, lease=timedelta(minutes=1))
def of_a_kind_with_options(event: Event[Order]) -> None: ...


assert_type(placed.url(4711, {"a": ["b", "c"]}, signed=True, max_age=timedelta(days=1)), str)
assert_type(placed.message(BigOrder(order_id=1, total=Decimal(1), approved_by="me"), attributes={"a": "b"}), bytes)
assert_type(events.kinds["order-placed"].name, str)


async def published_by_kind(order: Order, client: Publisher) -> None:
    assert_type(placed.publish("projects/p/topics/t", order, client=client, ordering_key="k"), Future[str])
    assert_type(await placed.apublish("projects/p/topics/t", order, attributes={"a": "b"}), str)


# --- the testing kit


pushed = push("order-placed", 4711, {"order_id": 1}, envelope="plain", principal=Principal("test"), parameters={"a": [1]})
assert_type(pushed, Pushed)
assert_type(pushed.outcome, Outcome)
assert_type(pushed.handled, tuple[Callable[..., Any], ...])
assert_type(push(placed, "1", Order(order_id=1, total=Decimal(1))), Pushed)
assert_type(push(None, None, b"", ce_type="com.example.a").errors, tuple[Exception, ...])


async def pushes(event_push: Push, event_apush: APush) -> None:
    assert_type(await apush(placed, "1", Order(order_id=1, total=Decimal(1)), raises=False), Pushed)
    assert_type(event_push("order-placed"), Pushed)
    assert_type(await event_apush("order-placed", message_id="17"), Pushed)


with watch() as recording:
    assert_type(recording, Recording)
assert_type(recording.assert_handled(record, payload=Order(order_id=1, total=Decimal(1))), Event[Order, dict[str, str]])
assert_type(recording.assert_handled(of_a_kind_with_parameters, parameters=Where(warehouse=1)).parameters, Where)
assert_type(recording.assert_outcome(record, Outcome.RETRY).error, Exception | None)
assert_type(recording.assert_rejected(), Rejection)
assert_type(examples(record), SearchStrategy[Order])
assert_type(examples(placed), SearchStrategy[Order])
with isolated(empty=True) as scope:
    assert_type(scope, EventRouter)


class KitTests(EventTestMixin):
    event_principal = Principal("test")

    def test(self) -> None:
        assert_type(self.push("order-placed", "1", envelope="cloud-task"), Pushed)
        assert_type(self.assertHandled(record, times=1).payload, Order)


assert_type(EventMessage(b"", attributes={"a": "b"}).written("plain").headers, Mapping[str, str])


@receiver(handler_finished)
def watches(sender: object, handler: str, outcome: Outcome, event: Event[Any] | None, **more: object) -> None: ...


# --- middleware


@events.use
def around(event: Event[Any], call_next: CallNext) -> None:
    call_next(event)


@events.use
async def around_async(event: Event[Any], call_next: AsyncCallNext) -> None:
    await call_next(event)


assert_type(EventRouter(middleware=[around, around_async]), EventRouter)
around(Event("a", "1", 1), lambda _event: None)
