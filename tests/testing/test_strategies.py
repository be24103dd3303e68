"""`testing.examples`: payloads for property tests, which the handler's own validator has read."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv4Interface
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st
from pydantic import AnyUrl, Base64Bytes, BaseModel, Field, Json, JsonValue, NaiveDatetime, TypeAdapter, field_validator
from typing_extensions import TypedDict

from gcp_event_router import Event, EventRouter, testing
from gcp_event_router.exceptions import ConfigurationError
from gcp_event_router.google.catalogue import model_of, types
from gcp_event_router.testing import examples

ROUTER = EventRouter()


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Node(BaseModel):
    value: Annotated[int, Field(ge=1, le=9)]
    next: Node | None = None
    children: list[Node] = []


class Line(TypedDict):
    sku: Annotated[str, Field(pattern=r"^[A-Z]-\d{1,3}$")]
    quantity: Annotated[int, Field(gt=0, multiple_of=6)]


class Paid(BaseModel):
    state: Literal["paid"]
    amount: Annotated[Decimal, Field(gt=0, decimal_places=2)]


class Refused(BaseModel):
    state: Literal["refused"]
    reason: Annotated[str, Field(min_length=3, max_length=8)]


class Order(BaseModel, extra="forbid"):
    order_id: int = Field(alias="orderId", gt=0)
    colour: Colour
    lines: Annotated[list[Line], Field(min_length=1, max_length=3)]
    payment: Annotated[Paid | Refused, Field(discriminator="state")]
    at: datetime
    day: date
    key: UUID
    host: IPv4Address
    url: AnyUrl
    ratio: Annotated[float, Field(gt=0, lt=1)]
    pair: tuple[int, str]
    tags: set[str] = set()
    labels: dict[str, int] = {}
    wait: timedelta | None = None
    more: JsonValue = None


class Even(BaseModel):
    number: int

    @field_validator("number")
    @classmethod
    def check(cls, value: int) -> int:
        assert value % 2 == 0
        return value


@ROUTER.on("order")
def order(event: Event[Order]) -> None: ...


@ROUTER.on("node")
def node(event: Event[Node]) -> None: ...


@ROUTER.on("even")
def even(event: Event[Even]) -> None: ...


@ROUTER.on("bytes")
def label(event: Event[bytes]) -> None: ...


@ROUTER.on("any")
async def anything(event: Event[Any]) -> None: ...


@given(payload=examples(order, router=ROUTER))
def test_of_a_model(payload: Order) -> None:
    """Bounds, patterns, aliases, unions and formats are kept: examples are made, and read by the model."""
    assert payload.order_id > 0
    assert all(line["quantity"] % 6 == 0 for line in payload.lines)
    assert 0 < payload.ratio < 1


@pytest.mark.proof
@given(payload=examples(node, router=ROUTER))
def test_of_what_holds_itself(payload: Node) -> None:
    """A model that holds itself has examples that end."""
    assert 1 <= payload.value <= 9


class Invoice(BaseModel):
    net: Annotated[Decimal, Field(gt=0, decimal_places=2, max_digits=8)]
    tax: Annotated[Decimal, Field(ge=0, lt=100, decimal_places=2)]
    rate: Annotated[Decimal, Field(multiple_of=0.05, le=1)]
    rest: Decimal
    by_rate: Annotated[dict[Decimal, int], Field(min_length=1)]
    by_line: Annotated[dict[int, str], Field(min_length=1)]
    by_colour: Annotated[dict[Colour, int], Field(min_length=1)]
    by_sku: Annotated[dict[Annotated[str, Field(pattern="^[A-Z]+$")], int], Field(min_length=1)]
    local: NaiveDatetime
    big: Annotated[int, Field(ge=10**17)]
    low: Annotated[int, Field(lt=-(10**17))]
    half: Annotated[float, Field(multiple_of=0.5, ge=0, lt=3)]
    far: Annotated[float, Field(ge=2**60 + 1)]
    inner: Json[Even]
    code: Annotated[str, Field(pattern="^[a-z]+$", min_length=2, max_length=20)]
    raw: Base64Bytes
    network: IPv4Interface


@pytest.mark.proof
@given(payload=examples(EventRouter().kind("invoice", Invoice)))
def test_what_json_schema_does_not_say(payload: Invoice) -> None:
    """Digits of decimals, keys of dicts, zones, big numbers and JSON within JSON are kept: hardly anything has to be left out."""
    assert payload.net > 0
    assert payload.rate % Decimal("0.05") == 0
    assert payload.local.tzinfo is None


def test_decimals_differ() -> None:
    """Decimals are not whole numbers only, and shrink to plain ones."""
    adapter: TypeAdapter[Decimal] = TypeAdapter(Annotated[Decimal, Field(ge=0, decimal_places=2, max_digits=8)])
    net = examples(EventRouter().kind("net", adapter))

    assert find(net, lambda value: value % 1 != 0) == Decimal("0.01")
    assert find(net, lambda value: value > 1000) == Decimal("1000.01")


def test_patterns_of_another_language() -> None:
    """A pattern that pydantic reads and Python does not is named."""
    adapter: TypeAdapter[str] = TypeAdapter(Annotated[str, Field(pattern=r"^\p{L}+$")])
    kind = EventRouter().kind("name", adapter)
    with pytest.raises(ConfigurationError) as raised:
        examples(kind)

    assert str(raised.value) == (
        r"Python's re cannot read the pattern '^\\p{L}+$': bad escape \p at position 1. Rewrite it, or write your own strategy."
    )


@given(payload=examples(even, router=ROUTER))
def test_validators(payload: Even) -> None:
    """What a validator of the project refuses is left out."""
    assert payload.number % 2 == 0


@given(payload=examples(label, router=ROUTER))
def test_of_bytes(payload: bytes) -> None:
    """A handler of bytes has any."""
    assert isinstance(payload, bytes)


@given(payload=examples(anything, router=ROUTER))
def test_of_anything(payload: object) -> None:
    """A handler of anything has whatever JSON can hold."""
    TypeAdapter(JsonValue).validate_python(payload)


@given(payload=examples(EventRouter().kind("k", list[int])))
def test_of_a_kind(payload: list[int]) -> None:
    """A declared kind has examples of its payload."""
    assert all(isinstance(each, int) for each in payload)


@pytest.mark.proof
@pytest.mark.parametrize("event_type", sorted({types.rpartition(".")[0] for types in types()}))
def test_of_googles_models(event_type: str) -> None:
    """Google's models have examples, too."""
    name = min(each for each in types() if each.startswith(event_type))
    model = model_of(name)
    assert model is not None
    kind: Any = EventRouter().kind("k", model)
    found: list[object] = []

    @given(payload=examples(kind))
    @settings(max_examples=10)
    def collect(payload: object) -> None:
        found.append(payload)

    collect()
    assert all(isinstance(each, model) for each in found)


def test_no_handler() -> None:
    """A function that nobody registered is refused."""

    def lost(event: Event[int]) -> None: ...

    with pytest.raises(ConfigurationError) as raised:
        examples(lost, router=ROUTER)

    assert str(raised.value) == (
        f"test_no_handler.<locals>.lost is not a handler of {ROUTER!r}. Register it with @events.on(...), or pass its router."
    )


def test_without_hypothesis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without hypothesis, the import of `examples` names what is missing."""
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    monkeypatch.delitem(sys.modules, "gcp_event_router.testing.strategies")
    monkeypatch.delattr("gcp_event_router.testing.strategies")

    with pytest.raises(ModuleNotFoundError, match="hypothesis"):
        _ = testing.examples


@pytest.mark.proof
def test_not_imported() -> None:
    """Importing `testing` does not import the strategies."""
    code = "import sys, gcp_event_router.testing; print([name for name in sys.modules if name.endswith('strategies')])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120)

    assert done.stdout == "[]\n"
    assert not hasattr(testing, "nothing")


def test_found(router: EventRouter) -> None:
    """Without a router, `events` is asked."""

    @router.on("k")
    def handler(event: Event[int]) -> None: ...

    assert isinstance(examples(handler), st.SearchStrategy)
