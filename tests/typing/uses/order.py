"""Order: `order_by`."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel

from gcp_event_router import Event, events


class Order(BaseModel):
    customer_id: str
    number: UUID


class GiftOrder(Order):
    wrapping: str


class Customer(BaseModel):
    name: str


class Params(BaseModel):
    shop: int


def customer_id(event: Event[Order]) -> str:
    return event.payload.customer_id


def number_in_shop(event: Event[Order, Params]) -> int:
    return event.parameters.shop


def weight(event: Event[Order]) -> float:
    return 1.5


async def slow_id(event: Event[Order]) -> str:
    return event.payload.customer_id


def reference(event: Event[object]) -> str:
    return event.reference


OrderPlaced = events.kind("order-placed", Order)


@OrderPlaced.on(order_by=lambda event: event.payload.customer_id, deferred=True)
def record(event: Event[Order]) -> None: ...


@OrderPlaced.on(order_by=customer_id, once_key=lambda event: event.payload.number)
async def record_async(event: Event[Order]) -> None: ...


@OrderPlaced.on(order_by="ordering_key")
def record_by_message(event: Event[Order]) -> None: ...


@OrderPlaced.on(order_by=number_in_shop)
def record_in_shop(event: Event[Order, Params]) -> None: ...


@events.on("order-*", payload=Order, order_by=lambda event: event.payload.number)
def record_payload(event: Event[Order]) -> None: ...


@events.on("order-*", payload=GiftOrder, order_by=customer_id, once_key=lambda event: event.payload.wrapping)
def record_gift(event: Event[GiftOrder]) -> None: ...


@events.on("order-*", order_by=customer_id)
def record_by_function(event: Event[Order]) -> None: ...


@events.on("order-*", order_by=customer_id, once_key=customer_id, attributes={"shop": "*"})
def record_by_functions(event: Event[Order]) -> None: ...


@events.on("order-*", order_by="ordering_key")
def record_by_ordering_key(event: Event[Order]) -> None: ...


@events.on("order-*", order_by="ordering_key", once_key=customer_id)
def record_by_both(event: Event[Order]) -> None: ...


@events.on(ce_type="order.*", order_by=number_in_shop, name="cloud")
async def record_cloud(event: Event[Order, Params]) -> None: ...


@events.on(ce_type="order.*", order_by="ordering_key", name="cloud-by-message")
async def record_cloud_by_message(event: Event[Order, Params]) -> None: ...


@events.on("order-*", order_by=lambda event: event.reference)
def record_reference(event: Event[Customer]) -> None: ...


@events.on("order-*", payload=GiftOrder, order_by=reference)
def record_any_reference(event: Event[GiftOrder]) -> None: ...


@events.fallback(order_by="ordering_key")
def record_other(event: Event[bytes]) -> None: ...


@events.fallback(order_by=lambda event: event.reference, deferred=True)
def record_others(event: Event[bytes]) -> None: ...


@OrderPlaced.on(order_by=lambda event: event.payload.name)  # bad: a field that the kind's payload lacks, as order_by
def bad_field(event: Event[Order]) -> None: ...


@OrderPlaced.on(order_by=lambda event: event.payload)  # bad: a model as a key of the order
def bad_key(event: Event[Order]) -> None: ...


@OrderPlaced.on(order_by=customer_id)  # bad: an ordered kind, and a handler of another payload
def bad_payload(event: Event[Customer]) -> None: ...


@events.on("order-*", payload=Order, order_by=lambda event: event.payload.name)  # bad: order_by reads a field that payload= lacks
def bad_payload_field(event: Event[Order]) -> None: ...


@events.on("order-*", order_by=customer_id)  # bad: order_by takes another payload than the handler
def bad_function(event: Event[Customer]) -> None: ...


@events.on("order-*", payload=Customer, order_by=customer_id)  # bad: order_by takes another payload than payload=
def bad_function_of_payload(event: Event[Customer]) -> None: ...


@events.on("order-*", order_by=lambda event: event.payload.customer_id)  # bad: order_by reads a payload of no known type
def unknown_field(event: Event[Order]) -> None: ...


@events.fallback(order_by=customer_id)  # bad: a fallback's order_by takes another payload
def bad_fallback(event: Event[bytes]) -> None: ...


events.on("order-*", order_by=weight)(record)  # bad: a float as a key of the order
events.on("order-*", order_by=slow_id)(record)  # bad: an async function as order_by
events.on("order-*", order_by="customer_id")(record)  # bad: the name of a field as order_by
OrderPlaced.on(order_by="customer_id")(record)  # bad: the name of a field as the order of a kind
events.on("order-*", order_by=True)(record)  # bad: a switch as order_by
events.on("order-*", order_by=lambda: "c1")(record)  # bad: a lambda without an event as order_by
