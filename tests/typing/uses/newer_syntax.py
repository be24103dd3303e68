"""The syntax of Python 3.12: aliases and generics without TypeVars."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from tests.typing.uses.payloads import CUSTOMER, ORDER, WHERE, Customer, Order, Paid, Refunded, Where
from typing_extensions import assert_type

from gcp_event_router import Event, EventRouter, events
from gcp_event_router.kinds import Kind

type OrderEvent = Event[Order]
type In[T] = Event[T, Where]
type Payload = Order
type Payment = Annotated[Paid | Refunded, Field(discriminator="state")]
type Switch = Literal["on", "off"]


@events.on("a")
def of_alias(event: OrderEvent) -> None:
    assert_type(event.payload, Order)


@events.on("a")
async def of_generic_alias(event: In[Order]) -> None:
    assert_type(event.parameters, Where)


@events.on("a")
def of_payload_alias(event: Event[Payload]) -> None:
    assert_type(event.payload.order_id, int)


@events.on("a", payload=Order)
def with_payload(event: OrderEvent) -> None: ...


@events.on("a", payload=Order)  # good: a generic function with payload=
def audit[T](event: Event[T]) -> None: ...


@events.on("a")
def of_model[M: BaseModel](event: Event[M]) -> None: ...


OrderPlaced = events.kind("order-placed", Order)
Paying = events.kind("paying", Paid | Refunded)


@OrderPlaced.on
def of_kind(event: OrderEvent) -> None: ...


@OrderPlaced.on
async def of_kind_in(event: In[Order]) -> None: ...


@Paying.on
def of_payment(event: Event[Payment]) -> None: ...


def saver[M: BaseModel](model: type[M]) -> Callable[[Event[M]], None]:
    def save(event: Event[M]) -> None: ...

    return save


class Repository[T]:
    def __init__(self, kind: Kind[T]) -> None:
        kind.on(self.save)

    def save(self, event: Event[T]) -> None: ...


def declares[T](router: EventRouter, name: str, model: type[T]) -> Kind[T]:
    return router.kind(name, model)


events.on("a", payload=Order)(saver(Order))
Repository(OrderPlaced)
assert_type(declares(events, "a", Order), Kind[Order])
events.kind("aliased", Payload)
events.kind("payment", Payment)
events.kind("switch", Switch)
of_alias(Event("a", "1", ORDER))
pair: In[Order] = Event("a", "1", ORDER, WHERE)
switch: Event[Switch] = Event("a", "1", "on")

# --- bad


@events.on("a", payload=Customer)  # bad: payload= and an alias of another
def wrong_alias(event: OrderEvent) -> None: ...


@OrderPlaced.on  # bad: a kind's handler of an alias of another
def wrong_kind(event: In[Customer]) -> None: ...


@events.on("a")  # bad: a generic handler of a payload
def of_any_payload[T](payload: T, more: T) -> None: ...


of_alias(Event("a", "1", CUSTOMER))  # bad: an alias called with another payload
no_parameters: In[Order] = Event("a", "1", ORDER)  # bad: an alias without parameters
Repository[Customer](OrderPlaced)  # bad: a generic class of another kind
declared: Kind[Any, Any]  # bad: a kind with two type arguments
