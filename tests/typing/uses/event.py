"""Events: what they hold, and how tests make them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel
from tests.typing.uses.payloads import (
    BIG_ORDER,
    CUSTOMER,
    ORDER,
    WHERE,
    BigOrder,
    Customer,
    Order,
    Paid,
    Parcel,
    Refunded,
    Row,
    Switch,
    Where,
)
from typing_extensions import assert_never, assert_type

from gcp_event_router import Event, Principal
from gcp_event_router.envelopes import CloudEvent, CloudTask, Envelope, PubSubPush, PubSubUnwrapped, SchedulerJob

OrderEvent: TypeAlias = Event[Order, Where]

# --- what an event holds


def holds(event: Event[Order]) -> None:
    assert_type(event.kind, str)
    assert_type(event.reference, str)
    assert_type(event.payload, Order)
    assert_type(event.payload.total, Decimal)
    assert_type(event.parameters, dict[str, str])
    assert_type(event.parameters["warehouse"], str)
    assert_type(event.parameters.get("warehouse"), str | None)
    assert_type(event.principal, Principal | None)
    assert_type(event.envelope, Envelope)
    if event.principal is not None:
        assert_type(event.principal.email, str | None)
        assert_type(event.principal.claims, Mapping[str, Any])


def envelopes(event: Event[bytes]) -> None:
    envelope = event.envelope
    assert_type(envelope.form, str)
    assert_type(envelope.body, bytes)
    assert_type(envelope.data, bytes)
    assert_type(envelope.message_id, str | None)
    assert_type(envelope.publish_time, datetime | None)
    assert_type(envelope.attributes, Mapping[str, str])
    assert_type(envelope.ordering_key, str | None)
    assert_type(envelope.subscription, str | None)
    assert_type(envelope.delivery_attempt, int | None)
    assert_type(envelope.type, str | None)
    if isinstance(envelope, CloudEvent):
        assert_type(envelope.type, str)
        assert_type(envelope.subject, str | None)
        assert_type(envelope.time, datetime | None)
        assert_type(envelope.extensions, Mapping[str, str])
        assert_type(envelope.push, PubSubPush | PubSubUnwrapped | None)
    elif isinstance(envelope, CloudTask):
        assert_type(envelope.queue, str)
        assert_type(envelope.retry_count, int | None)
        assert_type(envelope.eta, datetime | None)
    elif isinstance(envelope, SchedulerJob):
        assert_type(envelope.job_name, str)
        assert_type(envelope.schedule_time, datetime | None)
    elif isinstance(envelope, PubSubPush):
        assert_type(envelope, PubSubPush)


def with_parameters(event: OrderEvent) -> None:
    assert_type(event.parameters, Where)
    assert_type(event.parameters.warehouse, int)


def of_row(event: Event[Row]) -> None:
    assert_type(event.payload["sku"], str)


def of_parcel(event: Event[Parcel | None]) -> None:
    assert_type(event.payload, Parcel | None)
    if event.payload is not None:
        assert_type(event.payload.weight, float)


def of_union(event: Event[Paid | Refunded]) -> int:
    match event.payload:
        case Paid():
            return event.payload.amount
        case Refunded():
            return len(event.payload.reason)


def by_state(event: Event[Paid | Refunded]) -> None:
    if event.payload.state == "paid":
        assert_type(event.payload, Paid)


def of_switch(event: Event[Switch]) -> None:
    assert_type(event.payload, Literal["on", "off"])


def of_none(event: Event[None]) -> None:
    assert_type(event.payload, None)


def matched(event: Event[Order]) -> Decimal:
    match event:
        case Event(kind="order-refunded", payload=payload):
            return -payload.total
        case _:
            return event.payload.total


# --- events of tests

assert_type(Event("a", "1", ORDER), Event[Order])
assert_type(Event("a", "1", ORDER, WHERE), Event[Order, Where])
assert_type(Event("a", "1", ORDER, parameters={"a": "b"}), Event[Order, dict[str, str]])
assert_type(Event("a", "1", ORDER, parameters=None), Event[Order])
assert_type(Event(kind="a", reference="1", payload=None), Event[None])
assert_type(Event("a", "1", ORDER, envelope=Envelope(b"{}"), principal=Principal("test")), Event[Order])
assert_type(Event("a", "1", ORDER, WHERE, Envelope(b""), Principal("test", "a@example.com")), Event[Order, Where])
assert_type(replace(Event("a", "1", ORDER), kind="b"), Event[Order])
assert_type(Event("a", "1", bytes(1)).payload, bytes)
assert_type(Event("a", "1", [ORDER]), Event[list[Order]])
assert_type(Event[Order]("a", "1", ORDER).payload, Order)
explicit: Event[Order, Where] = Event("a", "1", ORDER, WHERE)
optional: Event[Order | None] = Event("a", "1", ORDER)
wider: Event[Order] = Event("a", "1", BIG_ORDER)
row: Event[Row] = Event("a", "1", {"sku": "a", "count": 1})  # good: a TypedDict from the context
rows: Event[list[Row]] = Event("a", "1", [{"sku": "a", "count": 1}])
row_with_parameters: Event[Row, Where] = Event("a", "1", {"sku": "a", "count": 1}, WHERE)  # good: a TypedDict with parameters
switch: Event[Switch] = Event("a", "1", "on")
sequence: Event[Sequence[BaseModel]] = Event("a", "1", [ORDER, CUSTOMER])
of_row(Event("a", "1", {"sku": "a", "count": 1}))  # good: a TypedDict as an argument
of_switch(Event("a", "1", "on"))
of_union(Event("a", "1", Paid(state="paid", amount=1)))
batch: list[Event[Order]] = [Event("a", "1", ORDER), Event("b", "2", BIG_ORDER)]


def covariant(event: Event[BigOrder, Where]) -> Event[Order, BaseModel]:
    return event


def as_object(event: Event[Order]) -> Event[object, Mapping[str, str]]:
    return event


def made(kind: str) -> Event[Row]:
    return Event(kind, "1", {"sku": "a", "count": 1})  # good: a TypedDict that is returned


assert_type({event.kind for event in batch}, set[str])
assert_type(Event("a", "1", ORDER) == Event("a", "1", ORDER), bool)

# --- bad: what an event holds


def misread(event: Event[Order, Where]) -> None:
    event.payload.name  # bad: a payload's field that does not exist
    event.payload["total"]  # bad: a model read as a dict
    event.payload.order_id + "1"  # bad: a payload's field of another type
    event.parameters.shelf  # bad: a parameter that the model lacks
    event.parameters["warehouse"]  # bad: a parameters' model read as a dict
    event.parameters.warehouse + "1"  # bad: a parameter of another type
    event.envelope.message_id.upper()  # bad: a message id that may be missing
    event.principal.email  # bad: a principal that may be missing
    event.kind = "b"  # bad: a new kind
    event.payload = ORDER  # bad: a new payload
    event.parameters = WHERE  # bad: new parameters
    event.envelope.message_id = "1"  # bad: a new message id
    event.envelope.attributes["a"] = "b"  # bad: a new attribute
    event.data  # bad: an attribute that an event lacks
    event.event_kind  # bad: a receiver's name on an event
    event.kind + 1  # bad: a kind that is a number
    event.reference / 2  # bad: a reference that is a number
    event()  # bad: an event that is called
    event[0]  # bad: an event that is indexed


def misread_union(event: Event[Paid | Refunded]) -> None:
    event.payload.amount  # bad: a field of a union's part
    if event.payload.state == "refunded":
        event.payload.amount  # bad: a field of the other part


def misread_optional(event: Event[Order | None]) -> None:
    event.payload.order_id  # bad: a payload that may be None
    event.parameters["warehouse"] + 1  # bad: a parameter without a model
    event.parameters.warehouse  # bad: parameters without a model read as one


def misread_row(event: Event[Row]) -> None:
    event.payload["name"]  # bad: a key that a TypedDict lacks
    event.payload.sku  # bad: a TypedDict read as a model
    event.payload["count"] + "1"  # bad: a key of another type


def misread_envelope(event: Event[None]) -> None:
    event.payload.total  # bad: a field of no payload
    envelope = event.envelope
    envelope.queue  # bad: a queue of any envelope
    if isinstance(envelope, CloudEvent):
        envelope.subject.upper()  # bad: a subject that may be missing
        envelope.extensions["a"] = "b"  # bad: a new extension
    elif isinstance(envelope, CloudTask):
        envelope.retry_count + 1  # bad: a count that may be missing
    elif isinstance(envelope, SchedulerJob):
        envelope.job  # bad: a job by another name
    elif isinstance(envelope, PubSubPush):
        envelope.ordering_key.upper()  # bad: an ordering key that may be missing
    elif isinstance(envelope, PubSubUnwrapped):
        envelope.attributes["a"] + 1  # bad: an attribute that is a number


def unhandled_part(event: Event[Paid | Refunded]) -> int:
    match event.payload:
        case Paid():
            return event.payload.amount
        case _:
            assert_never(event.payload)  # bad: a match without a part


# --- bad: events of tests

Event("a", "1")  # bad: an event without a payload
Event("a")  # bad: an event without a reference
Event()  # bad: an event of nothing
Event(1, "1", None)  # bad: a number as an event's kind
Event("a", 1, None)  # bad: a number as an event's reference
Event("a", "1", ORDER, envelope=b"{}")  # bad: bytes as an envelope
Event("a", "1", ORDER, principal="a@example.com")  # bad: an address as a principal
Event("a", "1", ORDER, data=ORDER)  # bad: an event's argument that does not exist
Event("a", "1", ORDER, WHERE, Envelope(b""), None, 1)  # bad: an event with seven arguments
wrong: Event[Customer] = Event("a", "1", ORDER)  # bad: an event of another payload
narrow: Event[BigOrder] = Event("a", "1", ORDER)  # bad: an event of a derived payload
no_parameters: Event[Order, Where] = Event("a", "1", ORDER)  # bad: an event without a parameters' model
wrong_parameters: Event[Order, Where] = Event("a", "1", ORDER, {"warehouse": "1"})  # bad: an event with a dict of parameters
short_row: Event[Row] = Event("a", "1", {"sku": "a"})  # bad: a TypedDict without a key
wrong_row: Event[Row] = Event("a", "1", {"sku": 1, "count": 1})  # bad: a TypedDict with a wrong value
wrong_switch: Event[Switch] = Event("a", "1", "open")  # bad: another literal
wrong_none: Event[None] = Event("a", "1", ORDER)  # bad: a payload where there is none
of_row(Event("a", "1", {"sku": 1, "count": 1}))  # bad: a wrong TypedDict as an argument
of_union(Event("a", "1", ORDER))  # bad: an argument outside of a union
of_none(Event("a", "1", b""))  # bad: an event with a payload for a handler of none
with_parameters(Event("a", "1", ORDER))  # bad: an argument without parameters
Event[int]("a", "1", "x").payload.upper()  # bad: a type argument and another payload
Event[Order, Where, int]  # bad: a third type argument


def narrowed(event: Event[object]) -> Event[Order]:
    return event  # bad: an event of anything as one of an order


def without_parameters(event: Event[Order]) -> Event[Order, Where]:
    return event  # bad: an event without parameters as one with them


def unknown(event: Event) -> None: ...  # bad: a function of a bare event
