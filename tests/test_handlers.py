"""Handler: one registered function, and what it declares."""

# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false
# functions without types are what some of these tests are about

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from pydantic import BaseModel, Field, TypeAdapter

from gcp_event_router import Event, EventRouter
from gcp_event_router.envelopes import Envelope
from gcp_event_router.event import Arrival
from gcp_event_router.exceptions import ConfigurationError, RegistrationError
from gcp_event_router.handlers import Handler

if TYPE_CHECKING:
    from decimal import Decimal


class Order(BaseModel):
    order_id: int


class Where(BaseModel):
    warehouse: int


def good(event: Event[Order]) -> None: ...


def none() -> None: ...


def keywords(**kwargs: Any) -> None: ...


def bare(event: Event) -> None: ...  # type: ignore[type-arg]  # pyright: ignore[reportMissingTypeArgument] -- what is tested


def model(order: Order) -> None: ...


def untyped(event): ...  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201  # pyright: ignore[reportMissingParameterType, reportUnknownParameterType]


def second(event: Event[Order], other: int) -> None: ...


def generator(event: Event[Order]) -> Any:
    yield 1


async def async_generator(event: Event[Order]) -> Any:
    yield 1


class Service:
    def method(self, event: Event[Order]) -> None: ...

    async def coroutine(self, event: Event[Order]) -> None: ...

    @staticmethod
    def static(event: Event[Order]) -> None: ...

    @classmethod
    def of_class(cls, event: Event[Order]) -> None: ...


class Callable1:
    def __call__(self, event: Event[Order]) -> None: ...


class Callable2:
    async def __call__(self, event: Event[Order]) -> None: ...


HOW = "Write it as `def handler(event: Event[Model]) -> None`."
HERE = __file__


def line(function: Callable[..., Any]) -> str:
    """The place of a function, as messages have it."""
    return f"({HERE}:{function.__code__.co_firstlineno})"


@pytest.mark.parametrize(
    ("function", "payload", "message"),
    [
        (none, None, f"{__name__}.none takes no parameter, so it cannot be given an event. {HOW}"),
        (keywords, None, f"{__name__}.keywords takes no parameter, so it cannot be given an event. {HOW}"),
        (
            bare,
            None,
            f"{__name__}.bare {line(bare)} annotates its parameter Event, without the payload's type. "
            "Write Event[Model], or Event[Any].",
        ),
        (
            model,
            None,
            f"{__name__}.model {line(model)} annotates its parameter Order, and it is given an Event. Write Event[Order].",
        ),
        (
            untyped,
            None,
            f"{__name__}.untyped {line(untyped)} does not annotate its parameter, so its payload's type is unknown. {HOW}",
        ),
        (second, None, f"{__name__}.second requires the parameter 'other' beside the event, and nothing would give it. {HOW}"),
        (
            Service.method,
            None,
            f"{__name__}.Service.method requires the parameter 'event' beside the event, and nothing would give it. "
            "If it is a method, register the bound method: `events.on(...)(instance.method)`.",
        ),
        (
            generator,
            None,
            f"{__name__}.generator is a generator function: calling it would run none of its code. Take the `yield` out of it.",
        ),
        (
            async_generator,
            None,
            f"{__name__}.async_generator is a generator function: calling it would run none of its code. "
            "Take the `yield` out of it.",
        ),
        (
            Order,
            None,
            f"{__name__}.Order is a class, so calling it would only make an instance. Register a function, or an instance of it.",
        ),
        (5, None, f"5, of type int, cannot be called. {HOW}"),
        (
            good,
            Where,
            f"{__name__}.good {line(good)} annotates its parameter Event[Order], and payload= says Where: they cannot both be "
            "right. Leave payload= out, or make them the same.",
        ),
    ],
)
def test_refusals(function: Any, payload: Any, message: str) -> None:
    """What could never be called rightly is refused, with what was given, why it cannot work and what to write instead."""
    router = EventRouter()

    with pytest.raises(RegistrationError) as refused:
        router.on("a", payload=payload)(function)

    assert str(refused.value) == message
    assert len(router) == 0


def test_refusal_stands_on_the_users_line() -> None:
    """The first line of the traceback is the one with the decorator."""
    router = EventRouter()

    with pytest.raises(RegistrationError) as refused:

        @router.on("a")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType] -- what is tested
        def handler() -> None: ...

    first = traceback.extract_tb(refused.value.__traceback__)[0]
    assert (first.filename, first.line) == (HERE, first.line)
    assert first.line is not None
    assert first.line.startswith("@router.on(")


def read(handler: Handler, data: bytes = b'{"order_id": 1}', **query: list[str]) -> Event[Any, Any]:
    """The event that a handler would get."""
    return handler.event("k", "r", Arrival(Envelope(data), query))


def registered(function: Callable[..., Any], payload: Any = None) -> Handler:
    """The handler of a function in a router of its own."""
    router = EventRouter()
    router.on("a", payload=payload)(function)
    (registration,) = router
    return registration.handler


@pytest.mark.parametrize(
    ("function", "name", "is_async"),
    [
        (good, "good", False),
        (functools.partial(good), "good", False),
        (Service().method, "Service.method", False),
        (Service().coroutine, "Service.coroutine", True),
        (Service.static, "Service.static", False),
        (Service.of_class, "Service.of_class", False),
        (Callable1(), "Callable1.__call__", False),
        (Callable2(), "Callable2.__call__", True),
        (functools.partial(Service().coroutine), "Service.coroutine", True),
        (functools.wraps(good)(lambda event: None), "good", False),
    ],
)
def test_whatever_can_be_called_is_a_handler(function: Any, name: str, is_async: bool) -> None:
    """Functions, methods, partials, callable objects and decorated functions are named, placed and typed by their code."""
    handler = registered(function)

    assert (handler.name, handler.is_async, handler.payload_type) == (f"{__name__}.{name}", is_async, Order)
    assert handler.location.startswith(f"{HERE}:")
    assert read(handler).payload == Order(order_id=1)


def test_model_of_a_function_is_found() -> None:
    """A model that is local to the place of registration is known to an annotation there."""

    class Local(BaseModel):
        n: int

    router = EventRouter()

    @router.on("a")
    def handler(event: Event[Local]) -> None: ...

    (registration,) = router
    assert read(registration.handler, b'{"n": 1}').payload == Local(n=1)


def later(event: Event[Later]) -> None: ...


early = registered(later)


class Later(BaseModel):
    n: int


def test_model_further_down_in_the_file_is_found() -> None:
    """An annotation whose names are not known at registration is resolved by the first event."""
    assert read(early, b'{"n": 1}').payload == Later(n=1)


def annotated(event: Annotated[Event[Order], "said twice"]) -> None: ...


def test_annotated_event_is_an_event() -> None:
    """An Annotated around Event[...] changes nothing."""
    assert registered(annotated).payload_type is Order


def test_annotation_that_cannot_be_read_is_refused() -> None:
    """A string that is no annotation at all is refused where it is registered."""

    def handler(event: Any) -> None: ...

    handler.__annotations__["event"] = "Event[Order"
    with pytest.raises(RegistrationError) as refused:
        registered(handler)

    assert str(refused.value) == (
        f"{__name__}.test_annotation_that_cannot_be_read_is_refused.<locals>.handler annotates its parameter Event[Order, "
        f"which cannot be read. {HOW}"
    )


def quoted(event: Event["list[Order]"]) -> None: ...  # noqa: UP037 -- what is tested


def test_quoted_types_are_resolved() -> None:
    """A type in quotes within Event[...] is read, too."""
    assert read(registered(quoted), b'[{"order_id": 1}]').payload == [Order(order_id=1)]


def for_checkers_only(event: Event[Decimal]) -> None: ...


def test_name_that_only_type_checkers_know_is_a_configuration_error() -> None:
    """An annotation that cannot be resolved is named, with its place and what to do."""
    handler = registered(for_checkers_only)

    with pytest.raises(ConfigurationError) as refused:
        handler.prepare()

    assert str(refused.value) == (
        f"{__name__}.for_checkers_only {line(for_checkers_only)} annotates its parameter Event[Decimal], and the name "
        "'Decimal' is not known in its module. Import it there, outside of `if TYPE_CHECKING`, or give the type as `payload=`."
    )


def strange(event: Event[Callable[[], None]]) -> None: ...


class Opaque: ...


def opaque(event: Event[Opaque]) -> None: ...


def test_type_that_pydantic_cannot_validate_is_a_configuration_error() -> None:
    """A type that pydantic knows nothing of is refused by name."""
    with pytest.raises(ConfigurationError) as refused:
        registered(opaque).prepare()

    assert str(refused.value) == (
        f"{__name__}.opaque {line(opaque)} declares Event[Opaque], which pydantic cannot validate "
        "(PydanticSchemaGenerationError). Declare a type that it can: a model, a dataclass, a TypedDict, a built-in."
    )


Union = TypeAdapter[Any](Annotated[Order | Where, Field()])


@pytest.mark.parametrize(
    ("function", "payload", "data", "expected"),
    [
        (lambda event: None, Order, b'{"order_id": 1}', Order(order_id=1)),
        (untyped, Order, b'{"order_id": 1}', Order(order_id=1)),
        (bare, Order, b'{"order_id": 1}', Order(order_id=1)),
        (good, Order, b'{"order_id": 1}', Order(order_id=1)),
        (untyped, Union, b'{"warehouse": 2}', Where(warehouse=2)),
        (untyped, TypeAdapter(bytes), b"\xff", b"\xff"),
    ],
)
def test_payload_argument(function: Any, payload: Any, data: bytes, expected: object) -> None:
    """payload= gives the type where the function does not, as a type or as a TypeAdapter."""
    assert read(registered(function, payload), data).payload == expected


def with_parameters(event: Event[Order, Where]) -> None: ...


def test_second_type_is_that_of_the_parameters() -> None:
    """Event[Model, Params] declares both, and Event[Model] leaves the parameters a dict of strings."""
    assert read(registered(with_parameters), warehouse=["1", "2"]).parameters == Where(warehouse=2)
    assert read(registered(good), a=["1", "2"]).parameters == {"a": "2"}
    assert registered(with_parameters).parameters_type is Where


def test_handler_says_what_it_is() -> None:
    """A handler's repr names its kinds, and its str its place."""
    router = EventRouter()
    router.on("a", "b-*")(good)
    router.fallback(good)
    first, fallback = (each.handler for each in router)

    assert repr(first) == f"<Handler {__name__}.good for 'a', 'b-*'>"
    assert repr(fallback) == f"<Handler {__name__}.good for what nothing else handles>"
    assert str(first) == f"{__name__}.good {line(good)}"
