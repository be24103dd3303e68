"""The testing kit: pushing, recording, the mixin and the fixtures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.test import AsyncClient, Client, TestCase
from hypothesis.strategies import SearchStrategy
from tests.typing.uses.payloads import BIG_ORDER, CUSTOMER, ORDER, WHERE, Order, Paid, Refunded, Row, Where
from typing_extensions import assert_type, override

from gcp_event_router import Event, EventRouter, Outcome, Principal, events
from gcp_event_router.auth import GitHub, SharedToken, Stripe
from gcp_event_router.outbox.models import OutgoingEvent
from gcp_event_router.outbox.transports import Local, Transport
from gcp_event_router.testing import (
    FORMS,
    CloudEventMessage,
    CloudEventRequest,
    EventMessage,
    EventTestMixin,
    Published,
    PublishedEvent,
    Pushed,
    Recording,
    Rejection,
    TokenSigner,
    apush,
    batch,
    examples,
    isolated,
    published,
    push,
    record,
    relay_now,
)
from gcp_event_router.testing.plugin import APush, Push

OrderPlaced = events.kind("order-placed", Order)
StockMoved = events.kind("stock-moved", Row)
Stock = events.kind("stock", list[Row])
Payments = events.kind("payments", Paid | Refunded)
Nothing = events.kind("nothing", None)
SENDER = Principal("test")


@events.on("order-placed")
def handled(event: Event[Order]) -> None: ...


@events.on("order-placed")
async def handled_async(event: Event[Order, Where]) -> None: ...


@OrderPlaced.on
def of_kind(event: Event[Order]) -> None: ...


@OrderPlaced.on
def of_kind_with_parameters(event: Event[Order, Where]) -> None: ...


@events.on("row")
def of_row(event: Event[Row]) -> None: ...


@events.on("text")
def of_text(event: Event[str]) -> None: ...


class Sends(Transport):
    @override
    def send(self, event: OutgoingEvent) -> str:
        return ""


class Service:
    def handle(self, event: Event[Order]) -> None: ...


# --- pushing

pushed = push("order-placed", 4711, {"order_id": 1}, envelope="plain", principal=SENDER, parameters={"a": [1]})
assert_type(pushed, Pushed)
assert_type(pushed.outcome, Outcome)
assert_type(pushed.handled, tuple[Callable[..., Any], ...])
assert_type(push(OrderPlaced, "1", ORDER), Pushed)
assert_type(push(OrderPlaced, "1", BIG_ORDER, raises=False), Pushed)
assert_type(push(OrderPlaced, UUID(int=1), ORDER, headers={"X-A": "b"}, client=Client()), Pushed)
assert_type(push(OrderPlaced, payload=ORDER), Pushed)
assert_type(push(None, None, b"", ce_type="com.example.a").errors, tuple[Exception, ...])
push("order-placed")
push("order-placed", "1", CUSTOMER)
push("order-placed", "1", b"{")
push("order-placed", "1", ORDER, publish_time=datetime.min, message_id="17", ordering_key="k", attributes={"a": "b"})
push("order-placed", "1", ORDER, envelope="cloud-task", queue="q")
push("order-placed", "1", ORDER, envelope="scheduler-job", job_name="j")
push(Payments, "1", Paid(state="paid", amount=1))
push(Nothing, "1", None)
push(StockMoved, "1", {"sku": "a", "count": 1})  # good: a TypedDict that is pushed
push(Stock, "1", [{"sku": "a", "count": 1}])  # good: a list of TypedDicts that is pushed
moved: Row = {"sku": "a", "count": 1}
push(StockMoved, "1", moved)
push(Stock, "1", [moved])
GITHUB = GitHub(secrets=["a secret of enough length"])
assert_type(push("github", "main", ORDER, signed_by=GITHUB, attributes={"event": "push"}, message_id="17"), Pushed)
push(OrderPlaced, "1", ORDER, signed_by=Stripe(secrets=["a secret of enough length"]), publish_time=datetime.min)
for form in FORMS:
    push("order-placed", "1", ORDER, envelope=form)


async def pushes(event_push: Push, event_apush: APush) -> None:
    assert_type(await apush(OrderPlaced, "1", ORDER, raises=False), Pushed)
    assert_type(await apush("order-placed", client=AsyncClient()), Pushed)
    assert_type(event_push("order-placed"), Pushed)
    assert_type(event_push(OrderPlaced, "1", ORDER), Pushed)
    assert_type(event_push(None, None, ORDER, ce_type="a"), Pushed)
    assert_type(await event_apush("order-placed", message_id="17"), Pushed)
    assert_type(await event_apush(OrderPlaced, "1", BIG_ORDER, raises=False), Pushed)
    assert_type(event_push("github", "main", ORDER, signed_by=GITHUB), Pushed)
    assert_type(await event_apush("github", "main", ORDER, signed_by=GITHUB), Pushed)
    assert_type(await apush(OrderPlaced, "1", ORDER, signed_by=GITHUB), Pushed)


# --- what is published

with published() as recorded:
    assert_type(recorded, Published)
    assert_type(recorded.of(OrderPlaced), list[PublishedEvent[Order]])
    assert_type(recorded.of(OrderPlaced)[0].payload, Order)
    assert_type(recorded.of(Stock)[0].payload, list[Row])
    assert_type(recorded.of(Nothing), list[PublishedEvent[None]])
    assert_type([event.due for event in recorded], list[datetime | None])
    assert_type([event.payload for event in recorded], list[Any])
    assert_type(recorded.assert_published(OrderPlaced, payload=ORDER, topic="t", ordering_key="k", times=1).payload, Order)
    assert_type(recorded.assert_published(OrderPlaced, payload=BIG_ORDER).attributes, Mapping[str, str])
    assert_type(recorded.assert_published(Stock), PublishedEvent[list[Row]])
    recorded.assert_not_published(OrderPlaced)
    recorded.of("order-placed")  # bad: the name of a published kind
    recorded.of(Order)  # bad: the payload of a published kind
    recorded.of(OrderPlaced)[0].payload.name  # bad: a field that a published payload lacks
    recorded.of(OrderPlaced)[0].payload = ORDER  # bad: a published payload replaced
    recorded.assert_published(OrderPlaced, payload=CUSTOMER)  # bad: another model that should have been published
    recorded.assert_published(OrderPlaced, ORDER)  # bad: a published payload by position
    recorded.assert_published(OrderPlaced, times="once")  # bad: a number of publications in words
    recorded.assert_not_published("order-placed")  # bad: the name of a kind that should not be published

assert_type(relay_now(), list[PublishedEvent[Any]])
assert_type([event.cause for event in relay_now(Local(), raises=False)], list[str])
assert_type(relay_now(Sends())[0].due, datetime | None)
relay_now(Local)  # bad: a transport's class to relay with
relay_now("Local")  # bad: the name of a transport to relay with
relay_now(raises="no")  # bad: a word for whether the relay raises


# --- recording

with record() as recording:
    assert_type(recording, Recording)
assert_type(recording.assert_handled(handled, payload=ORDER), Event[Order])
recording.assert_handled(handled, payload=BIG_ORDER, reference="1", times=2)
assert_type(recording.assert_handled(handled_async, payload=ORDER, parameters=WHERE), Event[Order, Where])
assert_type(recording.assert_handled(of_kind, payload=ORDER).payload, Order)
assert_type(recording.assert_handled(of_kind_with_parameters, parameters=WHERE).parameters, Where)
assert_type(recording.assert_handled(Service().handle).payload, Order)
assert_type(recording.assert_handled(handled).parameters, dict[str, str])
recording.assert_handled(of_row, payload={"sku": "a", "count": 1})  # good: a TypedDict that was handled
recording.assert_handled(handled, payload=ORDER, parameters={"a": "b"})
assert_type(recording.assert_outcome(handled, Outcome.RETRY).error, Exception | None)
assert_type(recording.assert_outcome(handled, Outcome.INVALID).event, Event[Order] | None)
assert_type(recording.assert_rejected(), Rejection)
assert_type(recording.assert_rejected(Outcome.INVALID).kind, str)
assert_type(recording.assert_not_called(handled), None)
assert_type([delivery.kind for delivery in recording.of(handled)], list[str])
assert_type(recording.of(handled)[0].event, Event[Order] | None)
with isolated(empty=True) as scope:
    assert_type(scope, EventRouter)

# --- the mixin


class KitTests(EventTestMixin, TestCase):
    event_principal = SENDER

    @override
    def setUp(self) -> None:
        super().setUp()
        assert_type(self.recording, Recording)

    def test_push(self) -> None:
        assert_type(self.push("order-placed", "1", envelope="cloud-task"), Pushed)
        assert_type(self.push(OrderPlaced, "1", ORDER), Pushed)
        assert_type(self.push(OrderPlaced, 1, BIG_ORDER, raises=False), Pushed)
        assert_type(self.push("github", "main", ORDER, signed_by=GITHUB), Pushed)
        assert_type(self.assertHandled(handled, times=1).payload, Order)
        assert_type(self.assertHandled(of_kind, payload=ORDER), Event[Order])
        self.assertNotCalled(handled_async)
        assert_type(self.published.of(OrderPlaced), list[PublishedEvent[Order]])
        assert_type(self.assertPublished(OrderPlaced, payload=ORDER, times=1).payload, Order)
        self.assertNotPublished(Payments)
        assert_type(self.relay_now(raises=False), list[PublishedEvent[Any]])

    async def test_apush(self) -> None:
        assert_type(await self.apush("order-placed"), Pushed)
        assert_type(await self.apush(OrderPlaced, "1", ORDER), Pushed)


# --- messages, tokens and examples

assert_type(examples(handled), SearchStrategy[Order])
assert_type(examples(OrderPlaced), SearchStrategy[Order])
assert_type(examples(handled_async, router=EventRouter()), SearchStrategy[Order])
assert_type(EventMessage(b"", attributes={"a": "b"}).written("plain").headers, Mapping[str, str])
assert_type(EventMessage(b"", queue="q").written("cloud-task"), CloudEventRequest)
message = CloudEventMessage(id="1", source="s", type="t", data={"a": 1}, time=datetime.min, extensions={"mine": "x"})
assert_type(message.binary(), CloudEventRequest)
assert_type(message.structured().headers, Mapping[str, str])
assert_type(batch([message, message]).body, bytes)
with TokenSigner() as signer:
    assert_type(signer.token(email="a@example.com", audience="https://shop.example", iat=1, sub=None), str)
    assert_type(signer.headers(email="a@example.com", audience="b", expires_in=timedelta(hours=1)), Mapping[str, str])
    assert_type(signer.jwks(), bytes)

# --- bad: pushing

push()  # bad: a push without a kind
push(1, "1", ORDER)  # bad: a push of a number
push(handled, "1", ORDER)  # bad: a push to a handler
push("a", 1.5)  # bad: a push with a float as reference
push("a", "1", envelope="pub-sub")  # bad: a push in an unknown envelope
push("a", "1", messageid="17")  # bad: a push with an unknown option
push("a", "1", raises="no")  # bad: a push with text for raises
push("a", "1", principal="a@example.com")  # bad: a push with an address as principal
push("a", "1", signed_by="github")  # bad: a push signed by a name
push("a", "1", signed_by=GitHub)  # bad: a push signed by a class
push("a", "1", signed_by=SharedToken(tokens=["t"], header="X-T"))  # bad: a push signed by a shared token
push(OrderPlaced, "1", CUSTOMER, signed_by=GITHUB)  # bad: a signed push of another model
push("a", "1", attributes={"a": 1})  # bad: a push with a number as an attribute
push("a", "1", publish_time="2026-01-01")  # bad: a push with text as a time
push("a", "1", ORDER, {"a": 1})  # bad: a push with parameters by position
push(OrderPlaced, "1", CUSTOMER)  # bad: a push of another model
push(OrderPlaced, "1", {"order_id": 1})  # bad: a push of a dict for a model
push(OrderPlaced, "1", [ORDER])  # bad: a push of a list for a model
push(OrderPlaced, "1", payload=CUSTOMER)  # bad: a push of another model by name
push(OrderPlaced, None, ORDER)  # bad: a push of a kind without a reference
push(Stock, "1", moved)  # bad: a push of an item for a list
push(StockMoved, "1", {"sku": "a"})  # bad: a push of a TypedDict without a key
push(Payments, "1", ORDER)  # bad: a push outside of a union
push(Nothing, "1", ORDER)  # bad: a push of a payload for a kind without one
push("a").handler  # bad: an attribute that a result lacks
push("a").outcome.upper()  # bad: an outcome that is text


async def bad_pushes(event_push: Push, event_apush: APush) -> None:
    apush("a")  # bad: a push that nobody awaits
    await push("a")  # bad: a push that somebody awaits
    await apush(OrderPlaced, "1", CUSTOMER)  # bad: an async push of another model
    event_push(OrderPlaced, "1", CUSTOMER)  # bad: a fixture's push of another model
    event_push("a", "1", messageid="17")  # bad: a fixture's push with an unknown option
    event_push("a", "1", signed_by=GitHub)  # bad: a fixture's push signed by a class
    await event_apush("a", "1", signed_by="github")  # bad: an async fixture's push signed by a name
    event_push(1)  # bad: a fixture's push of a number
    await event_apush(OrderPlaced, "1", CUSTOMER)  # bad: an async fixture's push of another model
    event_apush("a")  # bad: a fixture's push that nobody awaits
    await event_push("a")  # bad: a fixture's push that somebody awaits


class BadTests(EventTestMixin, TestCase):
    event_principal = "a@example.com"  # bad: an address as the mixin's principal

    def test_push(self) -> None:
        self.push(OrderPlaced, "1", CUSTOMER)  # bad: the mixin's push of another model
        self.push("a", "1", messageid="17")  # bad: the mixin's push with an unknown option
        self.push("a", "1", signed_by="github")  # bad: the mixin's push signed by a name
        self.push(1)  # bad: the mixin's push of a number
        self.assertHandled(handled, payload=CUSTOMER)  # bad: the mixin's assertion of another payload
        self.assertHandled("handled")  # bad: the mixin's assertion of a name
        self.assertHandled(handled).payload.name  # bad: the mixin's event with another field
        self.assertPublished(OrderPlaced, payload=CUSTOMER)  # bad: the mixin's assertion of another model that was published
        self.assertNotPublished("order-placed")  # bad: the mixin's assertion that a name was not published
        self.assertNotCalled("handled")  # bad: the mixin's assertion that a name was not called

    async def test_apush(self) -> None:
        await self.apush(OrderPlaced, "1", CUSTOMER)  # bad: the mixin's async push of another model
        self.apush("a")  # bad: the mixin's push that nobody awaits


# --- bad: recording, messages, tokens and examples

recording.assert_handled(of_text, payload=1)  # bad: an assertion of another payload
recording.assert_handled(handled, payload=CUSTOMER)  # bad: an assertion of another model
recording.assert_handled(of_kind, payload=CUSTOMER)  # bad: an assertion of another model than the kind's
recording.assert_handled(handled_async, parameters={"warehouse": 1})  # bad: an assertion of other parameters
recording.assert_handled(of_row, payload={"sku": "a"})  # bad: an assertion of a short TypedDict
recording.assert_handled(handled, ORDER)  # bad: an assertion of a payload by position
recording.assert_handled(handled, reference=1)  # bad: an assertion of a number as reference
recording.assert_handled(handled, times="2")  # bad: an assertion of text as times
recording.assert_handled("handled")  # bad: an assertion of a handler's name
recording.assert_handled()  # bad: an assertion of nothing
recording.assert_handled(of_text).payload.order_id  # bad: an asserted event with another field
recording.assert_outcome(handled, "retry")  # bad: an outcome as text
recording.assert_outcome(handled)  # bad: an assertion without an outcome
recording.assert_rejected("invalid")  # bad: a rejection as text
recording.assert_not_called("handled")  # bad: an assertion that a name was not called
recording.deliveries[0].payload  # bad: an attribute that a delivery lacks
recording.of(handled)[0].event.payload  # bad: an event that may be missing
examples(Order)  # bad: examples of a model
examples("handled")  # bad: examples of a name
examples(handled, router="billing")  # bad: examples of a router's name
EventMessage(b"").written("pub-sub")  # bad: an unknown form
EventMessage("{}")  # bad: text as a message's body
CloudEventMessage(source="s", type="t")  # bad: a CloudEvent without an id
CloudEventMessage(id="1", source="s", type="t").id = "2"  # bad: a new id
CloudEventMessage(id="1", source="s", type="t", extensions={"a": 1})  # bad: a number as an extension
CloudEventRequest("{}", "application/json")  # bad: text as a request's body
batch([message.binary()])  # bad: a batch of requests
TokenSigner().token(email="a@example.com")  # bad: a token without an audience
with isolated(clear=True):  # bad: an unknown option of isolated
    pass
assert_type(partial(handled), Awaitable[None])  # bad: a partial that is awaited
