"""Registrations that the router refuses, with whole messages."""

# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false
# functions without types are what some of these tests are about

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from typing import Any, cast

import pytest
from pydantic import BaseModel

from gcp_event_router import Event, EventRouter
from gcp_event_router._dispatch.handler import Handler
from gcp_event_router.exceptions import RegistrationError


class Order(BaseModel):
    order_id: int


class Where(BaseModel):
    warehouse: int


def good(event: Event[Order]) -> None: ...


def none() -> None: ...


def keywords(**kwargs: Any) -> None: ...


def by_name(*, event: Event[Order]) -> None: ...


def variadic(*args: Any) -> None: ...


def optional(event: Event[Order] | None) -> None: ...


def optional_where(event: Event[Order, Where] | None = None) -> None: ...


def nothing(event: None) -> None: ...


def bare(event: Event) -> None: ...  # type: ignore[type-arg]  # pyright: ignore[reportMissingTypeArgument] -- what is tested


def model(order: Order) -> None: ...


def untyped(event): ...  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201  # pyright: ignore[reportMissingParameterType, reportUnknownParameterType] -- what is tested


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


def passing_on(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator without `functools.wraps`."""

    def inner(*args: Any, **kwargs: Any) -> None:
        function(*args, **kwargs)

    return inner


def timed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Another one."""

    def inner(event: Any) -> None:
        function(event)

    inner.__annotations__.clear()  # as if it had none
    return inner


HOW = "Write it as `def handler(event: Event[Model]) -> None`."
#: What `@events.on` above `@classmethod` gets.
CLASS_METHOD: Any = classmethod(cast("Any", good))
WRAPS = f"If a decorator made it of {__name__}.good, decorate its `def inner` with `@functools.wraps(function)`."
HERE = __file__


def line(function: Callable[..., Any]) -> str:
    """Return the location of a function, as in messages."""
    return f"({HERE}:{function.__code__.co_firstlineno})"


@pytest.mark.parametrize(
    ("function", "payload", "message"),
    [
        (
            passing_on(good),
            None,
            f"{__name__}.passing_on.<locals>.inner has no parameter for a single positional argument, "
            f"so it cannot take an event. {HOW} {WRAPS}",
        ),
        (
            timed(good),
            None,
            f"{__name__}.timed.<locals>.inner {line(timed(good))} does not annotate its parameter, "
            f"so its payload's type is unknown. {HOW} {WRAPS}",
        ),
        (none, None, f"{__name__}.none takes no parameter, so it cannot take an event. {HOW}"),
        *(
            (
                function,
                None,
                f"{__name__}.{function.__name__} has no parameter for a single positional argument, "
                f"so it cannot take an event. {HOW}",
            )
            for function in (keywords, by_name, variadic)
        ),
        (
            dict[str, int].update,
            None,
            f"?.dict.update is not written in Python and has no signature, so it cannot take an event. {HOW}",
        ),
        (
            optional,
            None,
            f"{__name__}.optional {line(optional)} annotates its parameter {Event[Order] | None}, but it gets an Event. "
            "Write Event[Order].",
        ),
        (
            optional_where,
            None,
            f"{__name__}.optional_where {line(optional_where)} annotates its parameter {Event[Order, Where] | None}, "
            "but it gets an Event. Write Event[Order, Where].",
        ),
        (
            nothing,
            None,
            f"{__name__}.nothing {line(nothing)} annotates its parameter None, but it gets an Event. Write Event[None].",
        ),
        (
            bare,
            None,
            f"{__name__}.bare {line(bare)} annotates its parameter Event, without the payload's type. "
            "Write Event[Model], or Event[Any].",
        ),
        (
            model,
            None,
            f"{__name__}.model {line(model)} annotates its parameter Order, but it gets an Event. Write Event[Order].",
        ),
        (
            untyped,
            None,
            f"{__name__}.untyped {line(untyped)} does not annotate its parameter, so its payload's type is unknown. {HOW}",
        ),
        (second, None, f"{__name__}.second requires the parameter 'other' besides the event, which it would not get. {HOW}"),
        (
            Service.method,
            None,
            f"{__name__}.Service.method requires the parameter 'event' besides the event, which it would not get. "
            "If it is a method, register the bound method: `events.on(...)(instance.method)`.",
        ),
        (
            vars(Service)["of_class"].__func__,
            None,
            f"{__name__}.Service.of_class requires the parameter 'event' besides the event, which it would not get. "
            "If it is a method, register the bound method: `events.on(...)(instance.method)`.",
        ),
        (
            functools.partial(async_generator),
            None,
            f"{__name__}.async_generator is a generator function: calling it would run none of its code. Remove the `yield`.",
        ),
        (
            generator,
            None,
            f"{__name__}.generator is a generator function: calling it would run none of its code. Remove the `yield`.",
        ),
        (
            async_generator,
            None,
            f"{__name__}.async_generator is a generator function: calling it would run none of its code. Remove the `yield`.",
        ),
        (
            Order,
            None,
            f"{__name__}.Order is a class, so calling it would only make an instance. Register a function, or an instance of it.",
        ),
        (5, None, f"5, of type int, cannot be called. {HOW}"),
        (
            CLASS_METHOD,
            None,
            f"{CLASS_METHOD!r}, of type classmethod, cannot be called. "
            "If it is a method, register the bound method: `events.on(...)(instance.method)`.",
        ),
        (
            good,
            Where,
            f"{__name__}.good {line(good)} annotates its parameter Event[Order], but is registered for the payload Where. "
            "Write Event[Where], or register it for what it takes.",
        ),
    ],
)
def test_refusals(function: Any, payload: Any, message: str) -> None:
    """A function that could never be called is refused, with the reason and what to write instead."""
    router = EventRouter()

    with pytest.raises(RegistrationError) as refused:
        cast("Any", router.on)("a", **({} if payload is None else {"payload": payload}))(function)

    assert str(refused.value) == message
    assert len(router) == 0


def test_none_is_a_type() -> None:
    """Events without a payload are declared by `payload=None`, as by `Event[None]`: https://peps.python.org/pep-0484/#using-none."""
    router = EventRouter()

    untyped = cast("Any", lambda event: None)  # pyright: ignore[reportUnknownLambdaType] -- without annotations

    def typed(event: Event[None]) -> None: ...
    def other(event: Event[Order]) -> None: ...

    router.on("a", payload=None)(untyped)
    router.on("b", payload=None)(typed)
    router.kind("c", type(None)).on(untyped)
    with pytest.raises(RegistrationError) as refused:
        router.on("d", payload=None)(cast("Any", other))

    assert [registration.handler.payload_type for registration in router] == [type(None)] * 3
    assert "but is registered for the payload None. Write Event[None], or register it for what it takes." in str(refused.value)


def test_a_fallback_of_a_kind_is_refused(router: EventRouter) -> None:
    """A fallback takes events of any kind, so a kind is refused."""
    with pytest.raises(RegistrationError) as refused:
        router.fallback(cast("Any", "order-*"))

    assert str(refused.value) == (
        "'order-*', of type str, cannot be called. A fallback takes no kinds: write `@events.fallback` above a function."
    )


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


def registered(function: Callable[..., Any], payload: Any = None) -> Handler:
    """Return the handler of a function in a router of its own."""
    router = EventRouter()
    router.on("a", payload=payload)(function)
    (registration,) = router
    return registration.handler


def test_annotation_that_cannot_be_read_is_refused() -> None:
    """A string that is not an annotation is refused."""

    def handler(event: Any) -> None: ...

    handler.__annotations__["event"] = "Event[Order"
    with pytest.raises(RegistrationError) as refused:
        registered(handler)

    assert str(refused.value) == (
        f"{__name__}.test_annotation_that_cannot_be_read_is_refused.<locals>.handler annotates its parameter Event[Order, "
        f"which cannot be read. {HOW}"
    )
