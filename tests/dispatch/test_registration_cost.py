"""The cost of many registrations: `make bench` prints the time, and these tests count what takes most of it."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Callable, Iterator
from typing import Any, get_type_hints

import pytest
from pydantic import BaseModel
from typing_extensions import override

from gcp_event_router import Event, EventRouter
from gcp_event_router._schema import aliases


class Order(BaseModel):
    order_id: int


class Refund(BaseModel):
    refund_id: int


def handler_of(annotation: object, **names: object) -> Callable[[Event[Any]], None]:
    """Make a function with an annotation, in a module of its own that has the names."""
    namespace: dict[str, Any] = {"Event": Event, **names}
    exec("def handle(event) -> None: pass", namespace)
    handle: Callable[[Event[Any]], None] = namespace["handle"]
    handle.__annotations__["event"] = annotation
    return handle


def payload_type(router: EventRouter, function: object) -> object:
    return next(entry.handler.payload_type for entry in router if entry.handler.function is function)


@pytest.mark.parametrize("annotation", [Event[Order], "Event[Order]", "'Event[Order]'"])
def test_a_type_is_resolved_once(annotation: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first handler of a type asks `get_type_hints`, which takes longer than the rest of a registration."""
    router = EventRouter()
    router.on("first")(handler_of(Event[Order]))
    asked: list[object] = []
    monkeypatch.setattr(aliases, "get_type_hints", asked.append)
    function = handler_of(annotation, Order=Order)
    router.on("second")(function)
    assert (payload_type(router, function), asked) == (Order, [])


def test_the_same_text_in_two_modules() -> None:
    """An annotation that is a string means what its own module's names mean."""
    router = EventRouter()
    functions = [handler_of("Event[Payload]", Payload=Order), handler_of("Event[Payload]", Payload=Refund)]
    for function in functions:
        router.on("changed")(function)
    types: list[object] = [Order, Refund]
    assert [payload_type(router, function) for function in functions] == types


def test_a_name_that_changes() -> None:
    """A string means what its names mean when the function is registered."""
    router = EventRouter()
    function = handler_of("Event[Payload]", Payload=Order)
    router.on("first")(function)
    again = handler_of("Event[Payload]", Payload=Refund)
    again.__globals__["Payload"] = Order
    router.on("second")(again)
    again.__globals__["Payload"] = Refund
    assert [payload_type(router, each) for each in (function, again)] == [Order, Order]


def test_a_string_inside_an_annotation() -> None:
    """A string inside a type is resolved for each function, even if an equal type is known."""
    router = EventRouter()
    annotation: Any = Event["Payload"]  # type: ignore[name-defined]  # pyright: ignore[reportUndefinedVariable] -- each module has its own
    functions = [handler_of(annotation, Payload=Order), handler_of(annotation, Payload=Refund)]
    for function in functions:
        router.on("changed")(function)
    types: list[object] = [Order, Refund]
    assert [payload_type(router, function) for function in functions] == types


def test_a_module_of_many_names() -> None:
    """A registration reads the names in its annotation, and does not copy those of the module and the caller."""

    class Names(UserDict[str, Any]):
        @override
        def __iter__(self) -> Iterator[str]:
            raise AssertionError

    hints: Any = aliases.resolved("Event[Order]", Names(Event=Event, Order=Order))
    assert hints == get_type_hints(handler_of("Event[Order]", Order=Order))["event"]


def test_known_types_are_bounded() -> None:
    """Types that nobody uses any more do not fill the memory."""
    for number in range(3000):
        aliases.resolved(list[type(f"Model{number}", (), {})], {})  # type: ignore[misc]  # made here
    assert len(aliases._WITHOUT_STRINGS) <= 1024  # pyright: ignore[reportPrivateUsage] -- what is bounded
