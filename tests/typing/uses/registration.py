"""What may be registered with `on` and `fallback`, and with which options."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial, wraps
from types import MappingProxyType
from typing import Any, NoReturn, Protocol, TypeVar

from asgiref.sync import async_to_sync, sync_to_async
from django.db import transaction
from tests.typing.uses.payloads import BIG_ORDER, ORDER, WHERE, BigOrder, Customer, Filter, Order, Where
from typing_extensions import assert_type

from gcp_event_router import Event, EventRouter, Reject, events

router = EventRouter()

# --- functions


@events.on("order-placed")
def record(event: Event[Order]) -> None: ...


@events.on("order-placed", "order-changed", "invoice-*")
async def notify(event: Event[Order, Where]) -> None:
    await asyncio.sleep(0)


@router.on("order-*")
def by_router(event: Event[Order]) -> None: ...


@events.on("never")
def gives_up(event: Event[Order]) -> NoReturn:
    raise Reject(event.kind)


@events.on("a")
def with_default(event: Event[Order], *, loud: bool = False, times: int = 1) -> None: ...


@events.on("a")
async def with_default_async(event: Event[Order], loud: bool = False) -> None: ...


@events.on("a")
def with_more(event: Event[Order], *more: object, **named: object) -> None: ...


@events.on("a")
def positional_only(event: Event[Order], /) -> None: ...


@events.on("a")
def of_anything(event: Event[Any, Any]) -> None: ...


@events.on("a")
def of_object(event: Event[object]) -> None: ...


@events.on("a")
def filtered(event: Event[Order, Filter]) -> None:
    assert_type(event.parameters.region, str)


@events.on("once")
@events.on("twice")
def registered_twice(event: Event[Order]) -> None: ...


@events.on("a")
def may_await(event: Event[Order]) -> Awaitable[None] | None: ...


@events.on("a")
def returns_coroutine(event: Event[Order]) -> Coroutine[Any, Any, None]:
    return notify(Event(event.kind, event.reference, event.payload, WHERE))


# handlers stay what they were
record(event=Event("order-placed", "1", BIG_ORDER))
assert_type(record(Event("order-placed", "1", ORDER)), None)
with_default(Event("a", "1", ORDER), loud=True)
asyncio.run(notify(event=Event("order-placed", "1", ORDER, WHERE)))
registered_twice(event=Event("a", "1", ORDER))


async def awaits() -> None:
    assert_type(await notify(Event("order-placed", "1", ORDER, parameters=WHERE)), None)
    await with_default_async(event=Event("a", "1", ORDER), loud=True)


# --- methods and callable objects


class Service:
    def __init__(self, name: str) -> None:
        self.name = name
        events.on("in-constructor")(self.handle)

    def handle(self, event: Event[Order]) -> None: ...

    async def handle_async(self, event: Event[Order, Where]) -> None: ...

    def with_context(self, event: Event[Order], context: str) -> None: ...

    @classmethod
    def of_class(cls, event: Event[Order]) -> None: ...

    @staticmethod
    @events.on("static")
    def static(event: Event[Order]) -> None: ...


class Indexer:
    def __call__(self, event: Event[Order]) -> None: ...


class AsyncIndexer:
    async def __call__(self, event: Event[Order]) -> None: ...


class Handles(Protocol):
    def __call__(self, event: Event[Order], /) -> None: ...


service = Service("a")
events.on("method")(service.handle)(event=Event("method", "1", ORDER))
asyncio.run(events.on("async-method")(service.handle_async)(event=Event("async-method", "1", ORDER, WHERE)))
events.on("class-method")(Service.of_class)
Service.static(event=Event("static", "1", ORDER))
assert_type(events.on("object")(Indexer()), Indexer)
assert_type(events.on("object")(AsyncIndexer()), AsyncIndexer)
events.on("partial")(partial(with_default, loud=True))
events.on("partial-async")(partial(with_default_async, loud=True))
events.on("partial-method")(partial(service.with_context, context="a"))


def of_protocol(handles: Handles, function: Callable[[Event[Order]], None]) -> None:
    events.on("protocol")(handles)
    assert_type(events.on("callable")(function), Callable[[Event[Order]], None])


# --- decorated handlers


FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def traced(function: FunctionT) -> FunctionT:
    return function


def logged(function: Callable[[Event[Order]], None]) -> Callable[[Event[Order]], None]:
    @wraps(function)
    def logs(event: Event[Order]) -> None:
        function(event)

    return logs


@contextmanager
def timed() -> Generator[None]:
    yield


@events.on("a")
@traced
def handled_traced(event: Event[Order]) -> None: ...


@events.on("a")
@logged
def handled_logged(event: Event[Order]) -> None: ...


@traced
@events.on("a")
async def traced_outside(event: Event[Order]) -> None: ...


@events.on("a")
@transaction.atomic
def handled_atomic(event: Event[Order]) -> None: ...


@events.on("a")
@timed()
def handled_timed(event: Event[Order]) -> None: ...


@events.on("a")
@async_to_sync
async def made_sync(event: Event[Order]) -> None: ...


@events.on("a")
@sync_to_async
def made_async(event: Event[Order]) -> None: ...


# --- lambdas, loops and aliases of on

events.on("lambda")(lambda event: print(event.kind))  # good: a lambda that reads an event
events.on("lambda")(lambda event: None)  # good: a lambda that reads nothing
for kind in ("a", "b"):
    events.on(kind)(record)
events.on(*["a", "b"])(record)
on_invoice = events.on("invoice-*")
on_invoice(record)
on_invoice(notify)
on = events.on


@on("a")
def by_alias(event: Event[Order]) -> None: ...


# --- fallbacks


@events.fallback
def otherwise(event: Event[bytes]) -> None: ...


@events.fallback
async def otherwise_async(event: Event[Any]) -> None: ...


@events.fallback(name="otherwise", once=False)
def otherwise_with_options(event: Event[bytes]) -> None: ...


@router.fallback()
def without_options(event: Event[None]) -> None: ...


otherwise(event=Event("x", "1", b""))
asyncio.run(otherwise_async(event=Event("x", "1", b"")))
assert_type(events.fallback(Indexer()), Indexer)
events.fallback(service.handle)

# --- options


@events.on("a", name="a", once=False, deferred=None, lease=timedelta(minutes=1), max_attempts=3)
def with_options(event: Event[Order]) -> None: ...


@events.on("a", name=None, deferred=True, lease=None, max_attempts=None)
async def with_none(event: Event[Order]) -> None: ...


@events.on(ce_type="google.cloud.storage.object.v1.*")
def by_type(event: Event[Order]) -> None: ...


@events.on("a", "b", ce_type="*.deleted", max_attempts=3)
async def by_kind_and_type(event: Event[Order]) -> None: ...


events.on("a", ce_type=None)(record)


@events.on("a", attributes={"eventType": "OBJECT_*", "bucketId": "photos"}, once=False)
def by_attributes(event: Event[Order]) -> None: ...


@events.on(ce_type="google.*", attributes=MappingProxyType({"subject": "objects/*"}))
async def by_type_and_attribute(event: Event[Order]) -> None: ...


events.on("a", attributes=None)(record)

# --- bad: handlers


@events.on("a")  # bad: a handler without a parameter
def no_parameter() -> None: ...


@events.on("a")  # bad: a handler of a payload
def of_payload(order: Order) -> None: ...


@events.on("a")  # bad: an async handler of a payload
async def of_payload_async(order: Order) -> None: ...


@events.on("a")  # bad: a handler of a string
def of_string(event: str) -> None: ...


@events.on("a")  # bad: a handler of a union without an event
def of_union(event: Order | Customer) -> None: ...


@events.on("a")
def bare(event: Event) -> None: ...  # bad: an event of an unknown payload


@events.on("a")
def unannotated(event) -> None: ...  # bad: a parameter without an annotation


@events.on("a")  # bad: a second parameter
def two_parameters(event: Event[Order], more: int) -> None: ...


@events.on("a")  # bad: the payload as a second parameter
def event_and_payload(event: Event[Order], payload: Order) -> None: ...


@events.on("a")  # bad: a keyword-only event
def keyword_only(*, event: Event[Order]) -> None: ...


@events.on("a")  # bad: a required keyword
def required_keyword(event: Event[Order], *, loud: bool) -> None: ...


@events.on("a")  # bad: a class of the event as a parameter
def of_event_class(event: type[Event[Order]]) -> None: ...


@events.on("a")  # bad: a list of events
def of_list(batch: list[Event[Order]]) -> None: ...


@events.on("a")  # bad: a result
def returns(event: Event[Order]) -> int:
    return 1


@events.on("a")  # bad: a boolean result
def returns_bool(event: Event[Order]) -> bool:
    return True


@events.on("a")  # bad: an optional result
def returns_optional(event: Event[Order]) -> str | None:
    return event.kind


@events.on("a")  # bad: a result of an async handler
async def returns_async(event: Event[Order]) -> int:
    return 1


@events.on("a")  # bad: a returned rejection
def returns_reject(event: Event[Order]) -> Reject:
    return Reject("never")


@events.on("a")  # bad: a generator
def generates(event: Event[Order]) -> Iterator[None]:
    yield


@events.on("a")  # bad: an async generator
async def generates_async(event: Event[Order]) -> AsyncIterator[None]:
    yield


@events.on("a")  # bad: a decorated class
class DecoratedClass:
    def __call__(self, event: Event[Order]) -> None: ...


@events.on("a")  # bad: a property
@property
def no_function(event: Event[Order]) -> None: ...


class BadService:
    @events.on("a")  # bad: a method without its object
    def handle(self, event: Event[Order]) -> None: ...

    @events.on("a")  # bad: an async method without its object
    async def handle_async(self, event: Event[Order]) -> None: ...

    def no_event(self) -> None: ...

    def counts(self, event: Event[Order]) -> int:
        return 1

    @classmethod
    def of_class(cls, order: Order) -> None: ...

    @staticmethod  # bad: a static method of a payload
    @events.on("a")
    def static(order: Order) -> None: ...


class NotCallable:
    def handle(self, event: Event[Order]) -> None: ...


class CallableWithoutEvent:
    def __call__(self) -> None: ...


events.on("a")(BadService.handle)  # bad: an unbound method
events.on("a")(BadService().no_event)  # bad: a bound method without a parameter
events.on("a")(BadService().counts)  # bad: a bound method with a result
events.on("a")(BadService.of_class)  # bad: a class method of a payload
events.on("a")(NotCallable())  # bad: an object that cannot be called
events.on("a")(CallableWithoutEvent())  # bad: a callable object without a parameter
events.on("a")(Order)  # bad: a model
events.on("a")(CallableWithoutEvent)  # bad: a class
events.on("a")("handler")  # bad: the name of a handler
events.on("a")(None)  # bad: no handler at all
events.on("a")(record(Event("a", "1", ORDER)))  # bad: the result of a call
events.on("a")(notify(Event("a", "1", ORDER, WHERE)))  # bad: a coroutine
events.on("a")([record, notify])  # bad: a list of handlers
events.on("a")(lambda: None)  # bad: a lambda without a parameter
events.on("a")(lambda event: 1)  # bad: a lambda with a result
events.on("a")(lambda event, more: None)  # bad: a lambda with two parameters
events.on("a")(partial(two_parameters))  # bad: a partial that leaves a parameter open
events.on("a")(partial(record, Event("a", "1", ORDER)))  # bad: a partial that has the event
events.on("a")(record, notify)  # bad: two handlers at once
events.on("a")()  # bad: a decorator without a handler


def erases(function: Callable[[Event[Order]], None]) -> Callable[[], None]:
    return lambda: function(Event("a", "1", ORDER))


@events.on("a")  # bad: a decorator below that takes the event away
@erases
def erased(event: Event[Order]) -> None: ...


@events.on("a")  # bad: async_to_sync of a payload
@async_to_sync
async def made_sync_of_payload(order: Order) -> None: ...


async def calls(event: Event[Order, Where], customer: Event[Customer], big: Event[BigOrder]) -> None:
    notify(event)  # bad: an async handler that nobody awaits
    await record(big)  # bad: a sync handler that somebody awaits
    await notify(customer)  # bad: a call with another payload
    await notify(big)  # bad: a call without the parameters' model
    record(event="a")  # bad: a call with a string
    record(order=big)  # bad: a call by another name
    record()  # bad: a call without an event


# --- bad: arguments of on

events.on()(record)  # bad: neither a kind nor a type
events.on(1)(record)  # bad: a number as a kind
events.on(["a", "b"])(record)  # bad: a list of kinds
events.on("a", 1)(record)  # bad: a number as the second kind
events.on(b"a")(record)  # bad: bytes as a kind
events.on(None)(record)  # bad: None as a kind
events.on(kind="a")(record)  # bad: a kind by name
events.on(ce_type=1)(record)  # bad: a number as a type
events.on("a", ce_type=["b", "c"])(record)  # bad: a list of types
events.on(attributes={"b": "c"})(record)  # bad: attributes without a kind
events.on("a", attributes="b=c")(record)  # bad: a string as attributes
events.on("a", attributes={"b": 1})(record)  # bad: a number as the glob of an attribute
events.on("a", attributes=["b"])(record)  # bad: a list of attributes
events.fallback(attributes={"b": "c"})(record)  # bad: the attributes of a fallback
events.on("a", record)  # bad: a handler as the second kind
events.on("a", lease=60)(record)  # bad: a lease in seconds
events.on("a", onse=False)(record)  # bad: a misspelt option
events.on("a", once="no")(record)  # bad: a string for once
events.on("a", deferred=1)(record)  # bad: a number for deferred
events.on("a", max_attempts="5")(record)  # bad: a string for max_attempts
events.on("a", max_attempts=1.5)(record)  # bad: a float for max_attempts
events.on("a", name=record)(record)  # bad: a function for name
events.on("a", retries=3)(record)  # bad: an option that does not exist
events.fallback("a")  # bad: a fallback with a kind
events.fallback(max_attempts="5")(record)  # bad: a fallback with a wrong option
events.fallback(kinds=["a"])(record)  # bad: a fallback with an unknown option
events.fallback(5)  # bad: a number as a fallback


@events.on  # bad: on without a kind
def not_called(event: Event[Order]) -> None: ...


@events.fallback  # bad: a fallback of a payload
def bad_fallback(order: Order) -> None: ...


@events.fallback  # bad: a fallback with a result
def counting_fallback(event: Event[bytes]) -> int:
    return 1


@events.once("a")  # bad: a decorator that does not exist
def no_decorator(event: Event[Order]) -> None: ...
