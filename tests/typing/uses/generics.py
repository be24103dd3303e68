"""Factories and classes that are generic in the payload."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, TypeAdapter
from tests.typing.uses.payloads import CUSTOMER, ORDER, WHERE, Customer, Order, Paid, Refunded, Where
from typing_extensions import assert_type, override

from gcp_event_router import Event, EventRouter, events
from gcp_event_router.kinds import Kind

PayloadT = TypeVar("PayloadT")
ParametersT = TypeVar("ParametersT")
ModelT = TypeVar("ModelT", bound=BaseModel)
HandlerT = TypeVar("HandlerT", bound=Callable[[Event[Any, Any]], Awaitable[None] | None])
PayloadT_contra = TypeVar("PayloadT_contra", contravariant=True)


class Saves(Protocol[PayloadT_contra]):
    def __call__(self, event: Event[PayloadT_contra], /) -> None: ...


class Handler(ABC, Generic[PayloadT]):
    def register(self, kind: Kind[PayloadT]) -> None:
        kind.on(self.handle)

    @abstractmethod
    def handle(self, event: Event[PayloadT]) -> None: ...


class OrderHandler(Handler[Order]):
    @override
    def handle(self, event: Event[Order]) -> None:
        assert_type(event.payload, Order)


class Box(Generic[PayloadT]):
    def __init__(self, payload: PayloadT) -> None:
        self.payload = payload

    def event(self) -> Event[PayloadT]:
        return Event("box", "1", self.payload)


def saver(model: type[ModelT]) -> Callable[[Event[ModelT]], None]:
    def save(event: Event[ModelT]) -> None:
        event.payload.model_dump()

    return save


def async_saver(model: type[ModelT]) -> Callable[[Event[ModelT]], Awaitable[None]]:
    async def save(event: Event[ModelT]) -> None: ...

    return save


def saves(model: type[ModelT]) -> Saves[ModelT]:
    return saver(model)


def registers(router: EventRouter, kind: str, model: type[ModelT]) -> None:
    router.on(kind, payload=model)(saver(model))


def declares(router: EventRouter, name: str, model: type[PayloadT]) -> Kind[PayloadT]:
    return router.kind(name, model)


def adapted(adapter: TypeAdapter[PayloadT], function: Callable[[Event[PayloadT]], None]) -> None:
    events.on("adapted", payload=adapter)(function)


def first(received: list[Event[PayloadT, ParametersT]]) -> Event[PayloadT, ParametersT]:
    return received[0]


def payload_of(event: Event[PayloadT, Any]) -> PayloadT:
    return event.payload


def on_billing(kind: str) -> Callable[[HandlerT], HandlerT]:
    def register(function: HandlerT) -> HandlerT:
        return events.on(f"billing-{kind}")(function)

    return register


def audit(event: Event[PayloadT]) -> None:
    print(event.kind)


async def audit_async(event: Event[PayloadT, ParametersT]) -> None:
    print(event.kind)


@on_billing("paid")
def paid(event: Event[Paid]) -> None: ...


@on_billing("refunded")
async def refunded(event: Event[Refunded, Where]) -> None: ...


OrderPlaced = declares(events, "order-placed", Order)
assert_type(OrderPlaced, Kind[Order])
OrderHandler().register(OrderPlaced)
events.on("a")(OrderHandler().handle)
events.on("a")(saver(Order))
events.on("a")(async_saver(Order))
events.on("a")(audit)
events.on("a", payload=Order)(saver(Order))
events.on("a", payload=Order)(async_saver(Order))
events.on("a", payload=Order)(saves(Order))
events.on("a", payload=Order)(audit)
OrderPlaced.on(saver(Order))
OrderPlaced.on(audit)
OrderPlaced.on(audit_async)
registers(events, "a", Order)
adapted(TypeAdapter(list[Order]), lambda event: print(assert_type(event.payload, list[Order])))
assert_type(first([Event("a", "1", ORDER, WHERE)]), Event[Order, Where])
assert_type(payload_of(Event("a", "1", ORDER, WHERE)), Order)
assert_type(Box(ORDER).event(), Event[Order])
assert_type(saver(Order), Callable[[Event[Order]], None])
paid(event=Event("billing-paid", "1", Paid(state="paid", amount=1)))
asyncio.run(refunded(event=Event("a", "1", Refunded(state="refunded", reason="late"), WHERE)))

# --- bad


class WrongHandler(Handler[Order]):
    @override
    def handle(self, event: Event[Customer]) -> None: ...  # bad: an override of another payload


OrderHandler().register(events.kind("customer", Customer))  # bad: a generic handler of another kind
OrderPlaced.on(saver(Customer))  # bad: a factory's handler of another payload
events.on("a", payload=Customer)(saver(Order))  # bad: payload= and a factory's handler of another
events.on("a", payload=Order)(saver)  # bad: a factory that nobody called
events.on("a")(saver)  # bad: a factory as a handler
events.on("a")(saver(int))  # bad: a factory of a number
declares(events, "a", ORDER)  # bad: an instance that is declared
customer: Event[Customer] = Box(ORDER).event()  # bad: a box of another payload
name: str = payload_of(Event("a", "1", ORDER))  # bad: a generic function's other result
first([CUSTOMER])  # bad: a list of payloads as events


@on_billing("a")  # bad: a handler of a payload, by a factory
def of_payload(order: Order) -> None: ...


@on_billing("a")  # bad: a result, by a factory
def returns(event: Event[Order]) -> int:
    return 1


@on_billing  # bad: a factory of a decorator that nobody called
def not_called(event: Event[Order]) -> None: ...
