"""The types of an event: what a handler's annotation and `payload=`, or a declared kind, say together."""

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# nothing gives the handlers of `registered` their types

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Generic, Literal, TypeAlias

import pytest
from pydantic import BaseModel, Field, TypeAdapter
from typing_extensions import TypeAliasType, TypedDict, TypeVar

from gcp_event_router import Event, EventRouter
from gcp_event_router._dispatch.event_types import UNSET, type_of
from gcp_event_router._dispatch.handler import Handler
from gcp_event_router._dispatch.raw_event import RawEvent
from gcp_event_router.envelopes import Envelope
from gcp_event_router.exceptions import ConfigurationError, RegistrationError


class Base(BaseModel):
    order_id: int


class Order(Base):
    kind: Literal["order"] = "order"


class RushOrder(Order):
    until: str


class Refund(Base):
    kind: Literal["refund"] = "refund"


class Where(BaseModel):
    warehouse: int


class Row(TypedDict):
    sku: str


T = TypeVar("T")
ModelT = TypeVar("ModelT", bound=BaseModel)
EventT = TypeVar("EventT", bound=Event[Base])
OrderEvent = TypeAliasType("OrderEvent", Event[Order])
Quoted = TypeAliasType("Quoted", "Event[Order]")
In = TypeAliasType("In", Event[T, Where], type_params=(T,))
AtHome = TypeAliasType("AtHome", Annotated[In[Order], "doc"])
Placed = TypeAliasType("Placed", Order)
Named: TypeAlias = "Event[Order]"
Either = Annotated[Order | Refund, Field(discriminator="kind")]


def handler_of(annotation: object) -> Callable[[Any], None]:
    """Make a handler with an annotation."""

    def handle(event: Any) -> None: ...

    handle.__annotations__["event"] = annotation
    return handle


def registered(function: Any, payload: object = UNSET) -> Handler:
    """Return the handler of a function in a router of its own."""
    router = EventRouter()
    router.on("a", payload=payload)(function)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue] -- of any type
    (registration,) = router
    return registration.handler


@pytest.mark.parametrize(
    ("annotation", "types"),
    [
        (OrderEvent, (Order, dict[str, str])),
        (Quoted, (Order, dict[str, str])),
        ("Named", (Order, dict[str, str])),
        (In[Order], (Order, Where)),
        (AtHome, (Order, Where)),
        ("Annotated[OrderEvent, 'doc']", (Order, dict[str, str])),
        (Event[Placed], (Placed, dict[str, str])),
        (EventT, (Base, dict[str, str])),
    ],
)
def test_aliases_of_events(annotation: object, types: tuple[object, object]) -> None:
    """An annotation may be an alias of an event, however it is written: type checkers see what it stands for."""
    handler = registered(handler_of(annotation))

    assert (handler.payload_type, handler.parameters_type) == types


NEW_SYNTAX = """
type OrderEvent = Event[Order]
type In[T] = Event[T, Where]

def plain(event: OrderEvent) -> None: ...

def generic(event: In[Order]) -> None: ...

def anything[T](event: Event[T, Where]) -> None: ...

def saver[M](model: type[M]):
    def save(event: Event[M, Where]) -> None: ...
    return save
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax is new in Python 3.12")
@pytest.mark.parametrize("future", ["", "from __future__ import annotations"])
def test_new_syntax(future: str) -> None:
    """The same for the aliases and the variables of the new syntax, also if annotations are strings."""
    names: dict[str, Any] = {"Event": Event, "Order": Order, "Where": Where, "__name__": __name__}
    exec(compile(future + NEW_SYNTAX, __file__, "exec", dont_inherit=True), names)

    handlers = [
        registered(names["plain"]),
        registered(names["generic"]),
        registered(names["anything"]),
        registered(names["anything"], Order),
        registered(names["saver"](Order), Order),
    ]
    assert [(handler.payload_type, handler.parameters_type) for handler in handlers] == [
        (Order, dict[str, str]),
        (Order, Where),
        (*names["anything"].__type_params__, Where),
        (Order, Where),
        (Order, Where),
    ]


def test_a_name_that_only_type_checkers_know() -> None:
    """It may be anything if `payload=` says what is validated; all else in the annotation counts."""
    unknown = registered(handler_of("Event[Nowhere, Where]"), Order)

    assert (unknown.payload_type, unknown.parameters_type) == (Order, Where)


@pytest.mark.parametrize(
    ("annotation", "payload"),
    [
        ("Event[list[Nowhere]]", Order),
        ("Event[pytest.Nowhere]", Order),
        ("Event[Nowhere.Order]", Order),
        ("Event[Nowhere[int]]", Order),
        ("Nowhere[Order]", Order),
        ("Event[Order, Nowhere]", Order),
        ("Event[Nowhere]", Any),
        ("Event[dict[str, Nowhere]]", dict[str, Any]),
    ],
)
def test_an_unknown_name_that_counts(annotation: str, payload: object) -> None:
    """A system check reports it, rather than have the handler get something else."""
    with pytest.raises(ConfigurationError) as refused:
        registered(handler_of(annotation), payload).prepare()

    assert f"annotates its parameter {annotation}, but the name 'Nowhere' is not known in its module." in str(refused.value)


def test_an_unknown_name_in_quotes() -> None:
    """It is shown as it is written."""
    annotation = Event["Nowhere"]  # type: ignore[name-defined]  # pyright: ignore[reportUndefinedVariable] -- the point
    with pytest.raises(ConfigurationError) as refused:
        registered(handler_of(annotation)).prepare()

    assert "annotates its parameter Event[Nowhere], but the name 'Nowhere' is not known in its module." in str(refused.value)


@pytest.mark.parametrize(
    ("annotation", "payload"),
    [
        (Event[Any], Order),
        (Event[object], Order),
        (Event[BaseModel], Order),
        (Event[Base], Order),
        (Event[Order | None], Order),
        (Event[Refund | Order], Order),
        (Event[Annotated[Order, "doc"]], Order),
        (Event[Placed], Order),
        (Event[Order], Placed),
        (Event[Order | Refund], Either),
        (Event[Order | Refund], TypeAdapter(Either)),
        ("Event[T]", Order),
        ("Event[ModelT]", Order),
        ("Event[list[ModelT]]", list[Order]),
        (Event[Sequence[Base]], list[Order]),
        (Event[Mapping[str, object]], Row),
        (Event[str], Literal["a"]),
        (Event[float], int),
        (Event[int], TypeAdapter(bool)),
        (Event[None], None),
        (Event[int | None], None),
        (In[Base], Order),
        (Event[Order] | None, Order),
        (Event[Order] | Event[Refund], Refund),
        (object, Order),
        (Any, Order),
        (T, Order),
        (EventT, Order),
    ],
)
def test_wider_annotations(annotation: object, payload: object) -> None:
    """An annotation may include more than `payload=` says, as type checkers allow; `payload=` says what is validated."""
    handler = registered(handler_of(annotation), payload)

    assert handler.payload_type == type_of(payload)
    assert isinstance(payload, TypeAdapter) is (handler.adapter is payload)


@pytest.mark.parametrize("annotation", [Event[Any], Event[object], Event[BaseModel], Event[Base], Event[Order | None], object])
def test_wider_handlers_of_a_declared_kind(annotation: object) -> None:
    """A handler of a declared kind gets the payload that the kind declares, however wide its annotation is."""
    router = EventRouter()
    handle = handler_of(annotation)
    assert router.kind("order-placed", Order).on(handle) is handle

    (registration,) = router
    event = registration.handler.event("order-placed", "1", RawEvent(Envelope(b'{"order_id": 1}'), {}))
    assert event.payload == Order(order_id=1)


def test_parameters_of_wider_annotations() -> None:
    """The annotation says what the parameters are, even where it says nothing of the payload."""
    assert registered(handler_of(Event[Any, Where]), Order).parameters_type is Where
    assert registered(handler_of(Event[Refund, Where] | Event[Order, Where] | None), Order).parameters_type is Where
    assert registered(handler_of(Event[Any, Any]), Order).parameters_type is Any


@pytest.mark.parametrize(
    ("payload", "annotated"),
    [(Any, Order), (TypeAdapter(Any), Order), (dict[str, Any], dict[str, int]), (list[Any], list[Order])],
)
def test_a_payload_that_leaves_open_what_the_annotation_says(payload: object, annotated: Any) -> None:
    """Type checkers take `Any` for every type. The handler relies on its annotation, so that is what is validated."""
    handler = registered(handler_of(Event[annotated]), payload)

    assert handler.payload_type == annotated
    assert handler.adapter.core_schema == TypeAdapter(annotated).core_schema


@pytest.mark.parametrize(
    ("annotated", "payload", "text"),
    [
        (RushOrder, Order, "Order"),
        (Refund, Order, "Order"),
        (Order, Order | None, str(Order | None)),
        (Order, None, "None"),
        (Order, object, "object"),
        (list[Base], list[Order], str(list[Order])),
        (dict[str, Any], Row, "Row"),
        (Literal["a"], str, "str"),
        (bool, int, "int"),
        (Order, TypeAdapter(Either), str(Either)),
    ],
)
def test_narrower_annotations(annotated: Any, payload: object, text: str) -> None:
    """An annotation that does not include the payload is refused, as type checkers refuse it."""
    with pytest.raises(RegistrationError) as refused:
        registered(handler_of(Event[annotated]), payload)

    written = annotated.__name__ if type(annotated) in {type, type(BaseModel)} else str(annotated)
    assert str(refused.value).partition(") ")[2] == (
        f"annotates its parameter Event[{written}], but is registered for the payload {text}. "
        f"Write Event[{text}], or register it for what it takes."
    )


@pytest.mark.parametrize(("payload", "text"), [("Order", "'Order', of type str"), (5, "5, of type int")])
def test_a_payload_that_is_not_a_type(payload: object, text: str) -> None:
    """Neither a value nor the name of a type is one."""
    handle = handler_of(Event[Order])
    with pytest.raises(RegistrationError) as refused:
        registered(handle, payload)

    assert str(refused.value) == (
        f"payload= of {__name__}.handler_of.<locals>.handle ({__file__}:{handle.__code__.co_firstlineno}) is {text}, "
        "which is not a type. Give a type, such as payload=Order; strings are not looked up."
    )


def test_an_adapter_of_a_name() -> None:
    """Pydantic has looked it up where the adapter was made."""
    handler = registered(handler_of(Event[list[int]]), TypeAdapter("list[int]"))

    assert handler.adapter.validate_python(["1"]) == [1]


def test_an_event_of_something_that_is_not_a_type() -> None:
    """A value in an annotation is refused, with its type for advice."""
    with pytest.raises(RegistrationError) as refused:
        registered(handler_of(Event[Order(order_id=1)]))  # type: ignore[misc]  # pyright: ignore[reportInvalidTypeArguments] -- what is tested

    assert str(refused.value).partition(") ")[2] == (
        "annotates its parameter Event[order_id=1 kind='order'], and Order(order_id=1, kind='order'), of type Order, "
        "is not a type. Write Event[Order]."
    )


def test_an_annotation_of_something_else_with_a_payload() -> None:
    """The advice names the payload."""
    with pytest.raises(RegistrationError) as refused:
        registered(handler_of(int), Order)

    assert str(refused.value).endswith("annotates its parameter int, but it gets an Event. Write Event[Order].")


class Saver(Generic[ModelT]):
    """A service of any model, and a factory of handlers."""

    def save(self, event: Event[ModelT]) -> None: ...


def saver(model: type[ModelT]) -> Callable[[Event[ModelT]], None]:
    def save(event: Event[ModelT]) -> None: ...

    return save


def test_generic_handlers() -> None:
    """A variable says nothing of the payload, and `payload=` says all."""
    router = EventRouter()
    router.on("a", payload=Order)(saver(Order))
    router.on("b", payload=Refund)(Saver[Refund]().save)
    router.kind("c", RushOrder).on(saver(RushOrder))

    assert [registration.handler.payload_type for registration in router] == [Order, Refund, RushOrder]
    with pytest.raises(RegistrationError):
        router.on("d", payload=int)(Saver[Any]().save)
