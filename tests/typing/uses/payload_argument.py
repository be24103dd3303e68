"""The argument `payload=` of `on`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, PositiveInt, TypeAdapter
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

from gcp_event_router import Event, events


class Color(Enum):
    RED = "red"


# --- types


@events.on("a", payload=Order)
def model(event: Event[Order]) -> None: ...


@events.on("a", "b", payload=Order)
async def model_async(event: Event[Order, Where]) -> None: ...


@events.on("a", payload=Parcel)
def dataclass(event: Event[Parcel]) -> None: ...


@events.on("a", payload=Row)
def typed_dict(event: Event[Row]) -> None: ...


@events.on("a", payload=Point)
def named_tuple(event: Event[Point]) -> None: ...


@events.on("a", payload=OrderId)
def new_type(event: Event[OrderId]) -> None: ...


@events.on("a", payload=Color)
def enum(event: Event[Color]) -> None: ...


@events.on("a", payload=Orders)
def root_model(event: Event[Orders]) -> None: ...


@events.on("a", payload=list[Row])
def rows(event: Event[list[Row]]) -> None: ...


@events.on("a", payload=dict[str, Order])
def mapping(event: Event[dict[str, Order]]) -> None: ...


@events.on("a", payload=bytes)
def raw(event: Event[bytes]) -> None: ...


@events.on("a", payload=int)
def number(event: Event[int]) -> None: ...


@events.on("a", payload=tuple[int, str])
def pair(event: Event[tuple[int, str]]) -> None: ...


@events.on("a", payload=UUID)
def uuid(event: Event[UUID]) -> None: ...


@events.on("a", payload=None)
def nothing(event: Event[None]) -> None: ...


# --- forms of types


@events.on("a", payload=Paid | Refunded)
def union(event: Event[Paid | Refunded]) -> None: ...


@events.on("a", "b", payload=Order | None)
async def optional(event: Event[Order | None]) -> None: ...


@events.on("a", payload=int | str)
def builtins(event: Event[int | str]) -> None: ...


@events.on("a", payload=Payment)
def annotated_alias(event: Event[Payment]) -> None: ...


@events.on("a", payload=Annotated[Order, "documented"])
def annotated(event: Event[Order]) -> None: ...


@events.on("a", payload=Annotated[int, Field(gt=0)])
def annotated_number(event: Event[int]) -> None: ...


@events.on("a", payload=Switch)
def literal_alias(event: Event[Switch]) -> None: ...


@events.on("a", payload=Literal["on", "off"])
def literal(event: Event[Literal["on", "off"]]) -> None: ...


@events.on("a", payload=list[Paid | Refunded])
def list_of_union(event: Event[list[Paid | Refunded]]) -> None: ...


@events.on("a", payload=PositiveInt)
def positive(event: Event[int]) -> None: ...


@events.on(ce_type="com.example.*", payload=Paid | Refunded)
def union_by_type(event: Event[Paid | Refunded]) -> None: ...


# --- adapters

PAYMENT: TypeAdapter[Paid | Refunded] = TypeAdapter(Paid | Refunded)


@events.on("a", payload=TypeAdapter(list[Order]))
def adapted(event: Event[list[Order]]) -> None: ...


@events.on("a", payload=PAYMENT)
def adapted_union(event: Event[Paid | Refunded]) -> None: ...


@events.on("a", payload=TypeAdapter(Order))
async def adapted_model(event: Event[Order]) -> None: ...


# --- wider handlers


@events.on("a", payload=BigOrder)
def of_base(event: Event[Order]) -> None: ...


@events.on("a", payload=Order)
def of_model(event: Event[BaseModel]) -> None: ...


@events.on("a", payload=Order)
def of_any(event: Event[Any]) -> None: ...


@events.on("a", payload=Order)
def of_object(event: Event[object]) -> None: ...


@events.on("a", payload=Order)
def of_optional(event: Event[Order | None]) -> None: ...


@events.on("a", payload=Paid)
def of_union(event: Event[Paid | Refunded]) -> None: ...


# --- with other arguments


@events.on("a", payload=Order, name="a", once=False)
def with_options(event: Event[Order]) -> None: ...


@events.on("a", payload=Paid | Refunded, max_attempts=3)
def union_with_options(event: Event[Payment]) -> None: ...


@events.on("a", ce_type="b", payload=Order)
def with_type(event: Event[Order]) -> None: ...


@events.on(ce_type="b", payload=Order)
async def with_type_only(event: Event[Order, Where]) -> None: ...


@events.on("a", payload=Order)
@events.on("b", payload=Order)
def decorated_twice(event: Event[Order]) -> None: ...


# --- what is inferred

events.on("a", payload=Order)(lambda event: print(assert_type(event.payload.total, Decimal)))
events.on("a", payload=Order)(lambda event: print(assert_type(event.payload, Order)))
events.on("a", payload=None)(lambda event: assert_type(event.payload, None))
events.on("a", payload=PAYMENT)(lambda event: print(assert_type(event.payload, Paid | Refunded)))
events.on("a", payload=Paid | Refunded)(lambda event: print(event.payload.state))
events.on("a", payload=int | str)(lambda event: print(assert_type(event.payload, int | str)))  # good: a lambda of a union
events.on("a", payload=datetime)(lambda event: print(assert_type(event.payload.year, int)))
model(Event("a", "1", ORDER))
model(Event("a", "1", BIG_ORDER))
union(Event("a", "1", Paid(state="paid", amount=1)))
asyncio.run(model_async(Event("a", "1", ORDER, WHERE)))
is_function: Callable[[Event[Order]], None] = model


# --- functions of other kinds


class Service:
    def handle(self, event: Event[Order]) -> None: ...

    async def handle_async(self, event: Event[Order]) -> None: ...

    def with_context(self, event: Event[Order], context: str) -> None: ...

    async def __call__(self, event: Event[Order]) -> None: ...


def loud(event: Event[Order], *, loud: bool = False) -> None: ...


events.on("a", payload=Order)(Service().handle)
asyncio.run(events.on("a", payload=Order)(Service().handle_async)(Event("a", "1", ORDER)))
events.on("a", payload=Order)(Service())
events.on("a", payload=Order)(loud)
events.on("a", payload=Order)(partial(loud, loud=True))
events.on("a", payload=Order)(partial(Service().with_context, context="a"))


# --- bad


def of_order(event: Event[Order]) -> None: ...


@events.on("a", payload=Customer)  # bad: payload= and another annotation
def wrong(event: Event[Order]) -> None: ...


@events.on("a", payload=Customer)  # bad: payload= and another annotation, async
async def wrong_async(event: Event[Order]) -> None: ...


@events.on("a", payload=TypeAdapter(list[Order]))  # bad: an adapter of a list, and a handler of an item
def wrong_adapter(event: Event[Order]) -> None: ...


@events.on("a", payload=Order)  # bad: an item, and a handler of a list
def wrong_list(event: Event[list[Order]]) -> None: ...


@events.on("a", payload=list[Order])  # bad: a list of orders, and a handler of another list
def wrong_items(event: Event[list[Customer]]) -> None: ...


@events.on("a", payload=Order)  # bad: a base, and a handler of what is derived
def narrower(event: Event[BigOrder]) -> None: ...


@events.on("a", payload=Paid | Refunded)  # bad: a union, and a handler of a part
def part_of_union(event: Event[Paid]) -> None: ...


@events.on("a", payload=Order | None)  # bad: an optional payload, and a handler that needs it
def not_optional(event: Event[Order]) -> None: ...


@events.on("a", payload=PAYMENT)  # bad: an adapter of a union, and a handler of a part
def part_of_adapter(event: Event[Refunded]) -> None: ...


@events.on("a", payload=Payment)  # bad: an annotated union, and a handler of a part
def part_of_annotated(event: Event[Paid]) -> None: ...


@events.on("a", payload=Switch)  # bad: a literal, and a handler of another
def other_literal(event: Event[Literal["open"]]) -> None: ...


@events.on("a", payload=Row)  # bad: a TypedDict, and a handler of a model
def wrong_typed_dict(event: Event[Order]) -> None: ...


@events.on("a", payload=Parcel)  # bad: a dataclass, and a handler of a model
def wrong_dataclass(event: Event[Order]) -> None: ...


@events.on("a", payload=int)  # bad: a number, and a handler of text
def wrong_builtin(event: Event[str]) -> None: ...


@events.on("a", payload=int)  # bad: a number, and a handler of a NewType
def wrong_new_type(event: Event[OrderId]) -> None: ...


@events.on("a", payload=None)  # bad: no payload, and a handler of one
def wrong_none(event: Event[Order]) -> None: ...


@events.on("a", payload=Order)  # bad: a payload, and a handler of none
def wrong_payload_of_none(event: Event[None]) -> None: ...


@events.on(ce_type="b", payload=Customer)  # bad: payload= and another annotation, by type
def wrong_by_type(event: Event[Order]) -> None: ...


@events.on("a", payload=Order)  # bad: a handler of a payload, with payload=
def of_payload(order: Order) -> None: ...


@events.on("a", payload=Order)  # bad: a handler without a parameter, with payload=
def no_parameter() -> None: ...


@events.on("a", payload=Order)  # bad: a result, with payload=
def returns(event: Event[Order]) -> int:
    return 1


@events.on("a", payload=Order)  # bad: a result of an async handler, with payload=
async def returns_async(event: Event[Order]) -> int:
    return 1


@events.on("a", payload=Order)  # bad: a second parameter, with payload=
def two_parameters(event: Event[Order], more: int) -> None: ...


events.on("a", payload=Customer)(of_order)  # bad: payload= of another model, called
model(Event("a", "1", CUSTOMER))  # bad: a handler of payload=, called with another payload
events.on("a", payload=Customer)(Service().handle)  # bad: payload= and a bound method of another
events.on("a", payload=Customer)(Service())  # bad: payload= and an object of another
events.on("a", payload=Customer)(partial(loud, loud=True))  # bad: payload= and a partial of another
events.on("a", payload=Order)(lambda event: print(event.payload.name))  # bad: a lambda that reads another field
events.on("a", payload=Paid | Refunded)(lambda event: print(event.payload.amount))  # bad: a lambda that reads a part's field
events.on("a", payload=Order)(lambda: None)  # bad: a lambda without a parameter, with payload=
events.on("a", payload=Order)("handler")  # bad: the name of a handler, with payload=
events.on("a", payload=Order)(Order)  # bad: a model as a handler, with payload=
events.on("a", payload=ORDER)(of_order)  # bad: an instance as payload=
events.on("a", payload="Order")(of_order)  # bad: a type's name as payload=
events.on("a", payload=5)(of_order)  # bad: a number as payload=
events.on("a", payload=[Order])(of_order)  # bad: a list of types as payload=
events.on("a", payload=(Paid, Refunded))(of_order)  # bad: a tuple of types as payload=
events.on("a", payload=lambda: Order)(of_order)  # bad: a function as payload=
events.on("a", payload=Event[Order])(of_order)  # bad: an event as payload=
events.on("a", payload=Order, lease=60)(of_order)  # bad: a wrong option beside payload=
events.on("a", payload=Order, onse=False)(of_order)  # bad: an unknown option beside payload=
events.on(payload=Order)(of_order)  # bad: payload= without a kind
events.on(1, payload=Order)(of_order)  # bad: a number as a kind, with payload=
events.on("a", Order)(of_order)  # bad: a payload by position
events.on("a", payload=Order, ce_type=1)(of_order)  # bad: a number as a type, with payload=
events.fallback(payload=Order)(of_order)  # bad: payload= of a fallback
model(Event("a", "1", CUSTOMER := Customer(name="a")))  # bad: a call with another payload, with payload=


async def calls() -> None:
    model_async(Event("a", "1", ORDER, WHERE))  # bad: an async handler with payload= that nobody awaits
    await model(Event("a", "1", ORDER))  # bad: a sync handler with payload= that somebody awaits
