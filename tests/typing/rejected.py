"""Bad uses: each must be an error of the code that its ignore names."""
# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from collections.abc import AsyncGenerator

from pydantic import BaseModel

from gcp_event_router import Event, EventRouter, Principal, Retry, events
from gcp_event_router.auth import Authenticator
from gcp_event_router.conf import RouterSettings
from gcp_event_router.utils import decode_pubsub_message, get_event_url, make_pubsub_message


class Order(BaseModel):
    order_id: int


class Invoice(BaseModel):
    number: str


class Where(BaseModel):
    warehouse: int


@events.on("a")
def handler(event: Event[Order, Where]) -> None:
    event.payload.total  # type: ignore[attr-defined]  # a payload attribute that does not exist
    event.parameters.shelf  # type: ignore[attr-defined]  # a parameter that does not exist
    event.payload.order_id + "1"  # type: ignore[operator]  # a payload attribute of another type
    event.kind = "b"  # type: ignore[misc]  # an event is frozen
    event.payload = Order(order_id=1)  # type: ignore[misc]  # so is its payload
    event.envelope.message_id.upper()  # type: ignore[union-attr]  # there may be no message id
    event.envelope.message_id = "1"  # type: ignore[misc]  # and so is its envelope
    event.principal.email  # type: ignore[union-attr]  # nobody may be known


@events.on("a")
def defaults(event: Event[Order]) -> None:
    event.parameters["warehouse"] + 1  # type: ignore[operator]  # without a model, parameters are strings


@events.on("a", payload=Invoice)  # type: ignore[arg-type]  # another model than the annotation
def wrong_payload(event: Event[Order]) -> None: ...


@events.on("a", payload=Invoice)  # type: ignore[arg-type]  # the same, async
async def wrong_async_payload(event: Event[Order]) -> None: ...


@events.on("a")  # type: ignore[type-var]  # no parameter
def no_parameter() -> None: ...


@events.on("a")  # type: ignore[type-var]  # a parameter that is not an event
def no_event(order: Order) -> None: ...


@events.on("a")  # type: ignore[type-var]  # a second parameter that nothing gives
def two_parameters(event: Event[Order], more: int) -> None: ...


@events.on("a")  # type: ignore[type-var]  # a handler returns nothing
def returns(event: Event[Order]) -> int:
    return 1


@events.on("a")  # type: ignore[type-var]  # nor does an async one
async def returns_async(event: Event[Order]) -> int:
    return 1


@events.on("a")  # type: ignore[type-var]  # a generator runs nothing
async def generates(event: Event[Order]) -> AsyncGenerator[int]:
    yield 1


@events.on(1)  # type: ignore[call-overload, untyped-decorator]  # a kind is a string
def number_kind(event: Event[Order]) -> None: ...


@events.on  # type: ignore[call-overload]  # the decorator needs kinds
def not_called(event: Event[Order]) -> None: ...


@events.fallback  # type: ignore[type-var]  # a fallback takes an event, too
def bad_fallback(order: Order) -> None: ...


def sub(event: Event[object]) -> Event[Order]:
    return event  # type: ignore[return-value]  # an event of anything is not one of an order


def as_bytes() -> bytes:
    return make_pubsub_message({}, as_dict=True)  # type: ignore[return-value]  # a dict


class Async:
    async def authenticate(self) -> Principal | None: ...


authenticator: Authenticator = Async()  # type: ignore[assignment]  # an authenticator takes a request
settings: RouterSettings = {"AUTHENTICATON": []}  # type: ignore[typeddict-unknown-key]  # a typo
EventRouter(signal=5)  # type: ignore[arg-type]  # neither a signal nor its path
events.include("billing")  # type: ignore[arg-type]  # not a router
Principal()  # type: ignore[call-arg]  # how is it known?
Retry("later", after=5)  # type: ignore[arg-type]  # seconds? minutes?
Event("a", "1")  # type: ignore[call-arg]  # no payload
make_pubsub_message({}, attributes={"a": 1})  # type: ignore[dict-item]  # attributes are strings
get_event_url("a")  # type: ignore[call-arg]  # no reference
decode_pubsub_message(5)  # type: ignore[arg-type]  # no message
