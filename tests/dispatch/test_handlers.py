"""Handler: one registered function, and what it declares."""

# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false
# functions without types are what some of these tests are about

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import pytest
from pydantic import BaseModel, Field, TypeAdapter

from gcp_event_router import Event, EventRouter
from gcp_event_router._dispatch.event_types import UNSET
from gcp_event_router._dispatch.handler import Handler
from gcp_event_router._dispatch.raw_event import RawEvent
from gcp_event_router.envelopes import Envelope
from gcp_event_router.exceptions import ConfigurationError

if TYPE_CHECKING:
    from decimal import Decimal


class Order(BaseModel):
    order_id: int


class Where(BaseModel):
    warehouse: int


def good(event: Event[Order]) -> None: ...


def bare(event: Event) -> None: ...  # type: ignore[type-arg]  # pyright: ignore[reportMissingTypeArgument] -- what is tested


def untyped(event): ...  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201  # pyright: ignore[reportMissingParameterType, reportUnknownParameterType] -- what is tested


def line(function: Callable[..., Any]) -> str:
    """Return the location of a function, as in messages."""
    return f"({HERE}:{function.__code__.co_firstlineno})"


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


HERE = __file__


def read(handler: Handler, data: bytes = b'{"order_id": 1}', **query: list[str]) -> Event[Any, Any]:
    """Return the event that a handler would get."""
    return handler.event("k", "r", RawEvent(Envelope(data), query))


def registered(function: Callable[..., Any], payload: Any = UNSET) -> Handler:
    """Return the handler of a function in a router of its own."""
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
    """An annotation may refer to a local model at the registration."""

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
    """An annotation with names that are unknown at registration is resolved for the first event."""
    assert read(early, b'{"n": 1}').payload == Later(n=1)


def annotated(event: Annotated[Event[Order], "said twice"]) -> None: ...


def test_annotated_event_is_an_event() -> None:
    """An Annotated around Event[...] changes nothing."""
    assert registered(annotated).payload_type is Order


def quoted(event: Event["list[Order]"]) -> None: ...  # noqa: UP037 -- what is tested


def test_quoted_types_are_resolved() -> None:
    """A type in quotes within Event[...] is read, too."""
    assert read(registered(quoted), b'[{"order_id": 1}]').payload == [Order(order_id=1)]


def for_checkers_only(event: Event[Decimal]) -> None: ...


def test_name_that_only_type_checkers_know_is_a_configuration_error() -> None:
    """The error of an unresolved annotation names it and its location, and says what to do."""
    handler = registered(for_checkers_only)

    with pytest.raises(ConfigurationError) as refused:
        handler.prepare()

    assert str(refused.value) == (
        f"{__name__}.for_checkers_only {line(for_checkers_only)} annotates its parameter Event[Decimal], but the name "
        "'Decimal' is not known in its module. Import it there, outside `if TYPE_CHECKING`, "
        "or leave the annotation out and pass the type as `payload=`."
    )


def strange(event: Event[Callable[[], None]]) -> None: ...


class Opaque: ...


def opaque(event: Event[Opaque]) -> None: ...


def test_type_that_pydantic_cannot_validate_is_a_configuration_error() -> None:
    """The error of a type that pydantic does not know names the type."""
    with pytest.raises(ConfigurationError) as refused:
        registered(opaque).prepare()

    assert str(refused.value) == (
        f"{__name__}.opaque {line(opaque)} declares Event[Opaque], which pydantic cannot validate "
        "(PydanticSchemaGenerationError). Declare a model, a dataclass, a TypedDict or a built-in type."
    )


class Invoice(BaseModel):
    total: Decimal


def charge(event: Event[list[Invoice]]) -> None: ...


def test_name_in_a_model_that_only_type_checkers_know() -> None:
    """The error of a model whose own annotations cannot be resolved names what is missing there."""
    with pytest.raises(ConfigurationError) as refused:
        registered(charge).prepare()

    assert str(refused.value).startswith(f"{__name__}.charge {line(charge)} declares Event[list[")
    assert str(refused.value).partition("which pydantic cannot validate (Pydantic")[2].partition("). ")[2] == (  # by its release
        "Its annotations use the name 'Decimal', which is not known in its module. Import it there, outside `if TYPE_CHECKING`."
    )


class Moved(TypedDict):
    warehouse: int


def moved(event: Event[Moved]) -> None: ...


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="pydantic reads it there")
def test_typings_own_typed_dict() -> None:
    """The error of a TypedDict that pydantic cannot read says which TypedDict to use."""
    with pytest.raises(ConfigurationError) as refused:
        registered(moved).prepare()

    assert str(refused.value) == (
        f"{__name__}.moved {line(moved)} declares Event[Moved], which pydantic cannot validate "
        "(PydanticUserError). Import TypedDict from typing_extensions: pydantic reads typing.TypedDict from Python 3.12 on."
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
    """payload= is the type of a function without annotation, as a type or as a TypeAdapter."""
    assert read(registered(function, payload), data).payload == expected


def with_parameters(event: Event[Order, Where]) -> None: ...


def test_second_type_is_that_of_the_parameters() -> None:
    """Event[Model, Params] declares both, and Event[Model] leaves the parameters a dict of strings."""
    assert read(registered(with_parameters), warehouse=["1", "2"]).parameters == Where(warehouse=2)
    assert read(registered(good), a=["1", "2"]).parameters == {"a": "2"}
    assert registered(with_parameters).parameters_type is Where


def test_handler_says_what_it_is() -> None:
    """A handler's repr has its kinds, and its str has its location."""
    router = EventRouter()
    router.on("a", "b-*")(good)
    router.fallback(good)
    first, fallback = (registration.handler for registration in router)

    assert repr(first) == f"<Handler {__name__}.good for 'a', 'b-*'>"
    assert repr(fallback) == f"<Handler {__name__}.good for all other events>"
    assert str(first) == f"{__name__}.good {line(good)}"
