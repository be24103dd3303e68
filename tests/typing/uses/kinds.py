"""Kinds that are declared once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, TypeAdapter
from tests.typing.uses.payloads import (
    BIG_ORDER,
    CUSTOMER,
    ORDER,
    WHERE,
    BigOrder,
    Customer,
    Order,
    OrderId,
    Orders,
    Paid,
    Parcel,
    Payment,
    Point,
    Refunded,
    Row,
    Switch,
    Where,
)
from typing_extensions import assert_type

from gcp_event_router import Event, EventRouter, events
from gcp_event_router.kinds import Kind

# --- declarations

OrderPlaced = events.kind("order-placed", Order)
assert_type(OrderPlaced, Kind[Order])
assert_type(events.kind("parcel", Parcel), Kind[Parcel])
assert_type(events.kind("row", Row), Kind[Row])
assert_type(events.kind("rows", list[Row]), Kind[list[Row]])
assert_type(events.kind("point", Point), Kind[Point])
assert_type(events.kind("id", OrderId), Kind[OrderId])
assert_type(events.kind("root", Orders), Kind[Orders])
assert_type(events.kind("raw", bytes), Kind[bytes])
assert_type(events.kind("text", payload=str), Kind[str])
assert_type(events.kind(name="mapping", payload=dict[str, int]), Kind[dict[str, int]])
assert_type(events.kind("nothing", None), Kind[None])
assert_type(events.kind("union", Paid | Refunded), Kind[Paid | Refunded])  # good: the kind of a union
assert_type(events.kind("optional", Order | None), Kind[Order | None])  # good: the kind of an optional payload
assert_type(events.kind("annotated", Annotated[Order, "documented"]), Kind[Order])  # good: the kind of an annotated model
assert_type(events.kind("payment", Payment), Kind[Paid | Refunded])  # good: the kind of an annotated union
assert_type(events.kind("literal", Literal["on", "off"]), Kind[Literal["on", "off"]])  # good: the kind of a literal
assert_type(events.kind("switch", Switch), Kind[Literal["on", "off"]])  # good: the kind of an alias of a literal
assert_type(events.kind("orders", TypeAdapter(list[Order])), Kind[list[Order]])
ADAPTER: TypeAdapter[Paid | Refunded] = TypeAdapter(Paid | Refunded)
assert_type(events.kind("adapted", ADAPTER), Kind[Paid | Refunded])
assert_type(events.kind("announced", Order, topic="projects/p/topics/t"), Kind[Order])
assert_type(events.kind("announced-nothing", None, topic="t"), Kind[None])
assert_type(events.kind("announced-rows", TypeAdapter(list[Row]), topic="t").topic, str)
Payments = events.kind("payments", Paid | Refunded)
Rows = events.kind("rows", list[Row])
Nothing = events.kind("nothing", None)
Switched = events.kind("switched", Switch)
annotated: Kind[Order] = EventRouter().kind("order-placed", Order)


class OrderEvents:
    placed = events.kind("placed", Order)
    changed: Kind[Order] = events.kind("changed", Order)


# --- what a kind has

assert_type(OrderPlaced.name, str)
assert_type(OrderPlaced.adapter, TypeAdapter[Order])
assert_type(OrderPlaced.adapter.validate_json(b"{}"), Order)
assert_type(OrderPlaced.url(4711, {"a": ["b", "c"]}, signed=True, max_age=timedelta(days=1)), str)
assert_type(OrderPlaced.url(UUID(int=1), base_url=""), str)
assert_type(OrderPlaced.data(ORDER), bytes)
assert_type(OrderPlaced.message(BIG_ORDER, attributes={"a": "b"}, publish_time=datetime.min), bytes)
assert_type(events.kinds, Mapping[str, Kind[Any]])
assert_type(events.kinds["order-placed"].name, str)
Payments.data(Paid(state="paid", amount=1))
Rows.data([{"sku": "a", "count": 1}])
Nothing.data(None)
Switched.data("on")

# --- handlers


@OrderPlaced.on
def record(event: Event[Order]) -> None:
    assert_type(event.payload.total, Decimal)


@OrderPlaced.on
async def notify(event: Event[Order, Where]) -> None: ...


@OrderPlaced.on(deferred=True, lease=timedelta(minutes=1))
def with_options(event: Event[Order]) -> None: ...


@OrderPlaced.on(name="async", max_attempts=3)
async def with_options_async(event: Event[Order, Where]) -> None: ...


@OrderPlaced.on(attributes={"region": "eu-*"})
def of_some_events(event: Event[Order]) -> None: ...


@OrderPlaced.on()
def without_options(event: Event[Order]) -> None: ...


@OrderPlaced.on
def of_base(event: Event[BaseModel]) -> None: ...


@OrderPlaced.on
def of_any(event: Event[Any]) -> None: ...


@OrderPlaced.on
def of_object(event: Event[object]) -> None: ...


@OrderPlaced.on
def of_optional(event: Event[Order | None]) -> None: ...


@OrderPlaced.on
def of_annotated(event: Event[Annotated[Order, "documented"]]) -> None: ...


@OrderPlaced.on
@OrderEvents.changed.on
def of_two_kinds(event: Event[Order]) -> None: ...


@OrderEvents.placed.on
def of_a_class(event: Event[Order]) -> None: ...


@Payments.on
def of_union(event: Event[Paid | Refunded]) -> None: ...


@Payments.on
def of_alias(event: Event[Payment]) -> None: ...


@Rows.on
def of_rows(event: Event[list[Row]]) -> None: ...


@Nothing.on
def of_nothing(event: Event[None]) -> None: ...


@Switched.on
def of_switch(event: Event[Switch]) -> None: ...


def with_keyword(event: Event[Order], *, loud: bool = False) -> None: ...


class Service:
    def handle(self, event: Event[Order]) -> None: ...

    async def handle_async(self, event: Event[Order, Where]) -> None: ...

    def __call__(self, event: Event[Order]) -> None: ...

    @staticmethod
    @OrderPlaced.on
    def static(event: Event[Order]) -> None: ...

    def text(self, event: Event[str]) -> None: ...


OrderPlaced.on(Service().handle)
OrderPlaced.on(Service().handle_async)
OrderPlaced.on(Service())
OrderPlaced.on(name="a")(Service().handle)
OrderPlaced.on(partial(with_keyword, loud=True))
OrderPlaced.on(lambda event: print(event.payload.total))
Payments.on(lambda event: print(event.payload.state))
OrderPlaced.on(name="lambda")(lambda event: print(assert_type(event.payload.total, Decimal)))
record(Event("order-placed", "1", ORDER))
record(Event("order-placed", "1", BIG_ORDER))
asyncio.run(notify(Event("order-placed", "1", ORDER, WHERE)))
assert_type(record(Event("order-placed", "1", ORDER)), None)
is_function: Callable[[Event[Order]], None] = record
record(event=Event("order-placed", "1", ORDER))  # good: a handler of a kind, called by its parameter's name

for declared in (OrderPlaced, OrderEvents.placed):
    declared.on(record)


def registers(kind: Kind[Order]) -> None:
    kind.on(record)
    kind.on(of_base)


registers(OrderPlaced)

# --- bad: declarations

events.kind("a")  # bad: a kind without a payload
events.kind(Order)  # bad: a kind without a name
events.kind(Order, "a")  # bad: a kind's arguments exchanged
events.kind(1, Order)  # bad: a number as a kind's name
events.kind("a", ORDER)  # bad: an instance as a kind's payload
events.kind("a", "Order")  # bad: a type's name as a kind's payload
events.kind("a", [Order])  # bad: a list as a kind's payload
events.kind("a", Order, Where)  # bad: a third argument of kind
events.kind("a", Order, once=False)  # bad: an option of kind
events.kind("a", Order, "t")  # bad: a topic by position
events.kind("a", Order, topic=b"t")  # bad: bytes as a topic
events.kind("a", None, topic=None)  # bad: None as a topic
events.kind("a", topic="t")  # bad: a topic without a payload
events.kind("a", model=Order)  # bad: a payload by another name
Kind[Order]("a", Order)  # bad: a kind without a router
of_invoices: Kind[Customer] = OrderPlaced  # bad: a kind of another payload
of_bases: Kind[BaseModel] = OrderPlaced  # bad: a kind of a base
registers(Payments)  # bad: an argument of another kind
OrderPlaced.name = "b"  # bad: a new name for a kind
OrderPlaced.payload  # bad: an attribute that a kind lacks
events.kinds["a"] = OrderPlaced  # bad: a kind put into the mapping
OrderPlaced.url()  # bad: a kind's URL without a reference
OrderPlaced.url(1.5)  # bad: a float as a kind's reference
OrderPlaced.url("1", ["a"])  # bad: a list of parameters of a kind's URL
OrderPlaced.url("1", max_age=60)  # bad: a kind's URL with an age in seconds
OrderPlaced.data({"order_id": 1})  # bad: a dict as a model's data
OrderPlaced.data(CUSTOMER)  # bad: another model's data
OrderPlaced.message("order")  # bad: text as a model's message
OrderPlaced.message(ORDER, attributes={"a": 1})  # bad: a number as an attribute of a message
OrderPlaced.message(ORDER, publish_time="2026-01-01")  # bad: text as a message's time
Rows.data([{"sku": "a"}])  # bad: a row without a count
Rows.data({"sku": "a", "count": 1})  # bad: a row in the place of rows
Nothing.data(ORDER)  # bad: a payload of a kind without one
Switched.data("open")  # bad: a literal that a kind lacks
Payments.data(ORDER)  # bad: a payload outside of a kind's union


# --- bad: handlers


@OrderPlaced.on  # bad: a handler of another payload
def wrong(event: Event[Customer]) -> None: ...


@OrderPlaced.on  # bad: an async handler of another payload
async def wrong_async(event: Event[Customer, Where]) -> None: ...


@OrderPlaced.on(name="a")  # bad: a handler of another payload, with options
def wrong_with_options(event: Event[Customer]) -> None: ...


@OrderPlaced.on()  # bad: a handler of another payload, without options
async def wrong_without_options(event: Event[Customer]) -> None: ...


@OrderPlaced.on  # bad: a handler of a derived payload
def narrower(event: Event[BigOrder]) -> None: ...


@OrderPlaced.on  # bad: a handler of a list of payloads
def of_list(event: Event[list[Order]]) -> None: ...


@Rows.on  # bad: a handler of one of the rows
def of_row(event: Event[Row]) -> None: ...


@Payments.on  # bad: a handler of a part of a kind's union
def of_part(event: Event[Paid]) -> None: ...


@Nothing.on  # bad: a handler of a payload, for a kind without one
def of_something(event: Event[Order]) -> None: ...


@Switched.on  # bad: a handler of another literal
def of_other_literal(event: Event[Literal["open"]]) -> None: ...


@OrderPlaced.on  # bad: a kind's handler of a payload
def of_payload(order: Order) -> None: ...


@OrderPlaced.on  # bad: a kind's handler without a parameter
def no_parameter() -> None: ...


@OrderPlaced.on  # bad: a kind's handler with a second parameter
def two_parameters(event: Event[Order], more: int) -> None: ...


@OrderPlaced.on  # bad: a kind's handler with a result
def returns(event: Event[Order]) -> int:
    return 1


@OrderPlaced.on  # bad: a kind's async handler with a result
async def returns_async(event: Event[Order]) -> int:
    return 1


@OrderPlaced.on(onse=False)  # bad: a kind's misspelt option
def misspelt(event: Event[Order]) -> None: ...


@OrderPlaced.on(lease=60)  # bad: a kind's lease in seconds
def seconds(event: Event[Order]) -> None: ...


@OrderPlaced.on(attributes={"region": 1})  # bad: a number as an attribute of a kind
def with_attribute_number(event: Event[Order]) -> None: ...


@OrderPlaced.on(ce_type="a")  # bad: on of a kind with a type
def with_type(event: Event[Order]) -> None: ...


@OrderPlaced.on("other")  # bad: on of a kind with a name
def named(event: Event[Order]) -> None: ...


@OrderPlaced.on(payload=Customer)  # bad: on of a kind with a payload
def with_payload(event: Event[Customer]) -> None: ...


@OrderPlaced  # bad: a kind as a decorator
def decorated(event: Event[Order]) -> None: ...


class BadService:
    @OrderPlaced.on  # bad: a kind's method without its object
    def handle(self, event: Event[Order]) -> None: ...


OrderPlaced.on(Service().text)  # bad: a bound method of another payload
OrderPlaced.on(Service.handle)  # bad: an unbound method of a kind
OrderPlaced.on(lambda event: print(event.payload.name))  # bad: a kind's lambda that reads another field
OrderPlaced.on("handler")  # bad: the name of a kind's handler
OrderPlaced.on(Order)  # bad: a model as a kind's handler
record(Event("a", "1", CUSTOMER))  # bad: a kind's handler called with another payload
notify(Event("order-placed", "1", ORDER, WHERE))  # bad: a kind's async handler that nobody awaits
