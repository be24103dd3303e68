"""Whether handlers read samples of what is declared to be sent."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, Union, cast

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
    model_validator,
)

from gcp_event_router import EventRouter
from gcp_event_router.checks.payloads import check_payloads


class Order(BaseModel):
    order_id: int
    total: Decimal = Decimal(0)
    note: str | None = None


class Wider(BaseModel):
    order_id: int


class Other(BaseModel):
    invoice: int


class Both(BaseModel):
    order_id: int
    invoice: int


class Texts(BaseModel):
    order_id: list[str]


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    order_id: int


class Aliased(BaseModel):
    number: Annotated[int, Field(validation_alias=AliasChoices("id", "order_id"))]


class ByName(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    order_id: Annotated[int, Field(alias="orderId")]


class Camel(BaseModel):
    order_id: Annotated[int, Field(alias="orderId")]


class Nested(BaseModel):
    order: Order


class NestedOther(BaseModel):
    order: Other


class Tree(BaseModel):
    children: list[Tree]
    left: Tree | None = None


class Colour(Enum):
    RED = "red"


class Times(BaseModel):
    order_id: datetime


class Legacy(BaseModel):
    invoice: int

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, value: Any) -> Any:
        return {"invoice": value["order_id"]} if "order_id" in value else value


class Described(BaseModel):
    note: Annotated[list[str], Field(json_schema_extra={"type": "object"})]


class Listed(BaseModel):
    note: list[str]


class Stripped(BaseModel):
    order_id: int
    total: str


class Hidden(BaseModel):
    order_id: Annotated[int, Field(exclude=True)]


class Deferred(BaseModel):
    model_config = ConfigDict(defer_build=True)
    invoice: int


class Incomplete(BaseModel):
    invoice: Missing  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore[reportUndefinedVariable] -- what is tested


class Text(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)
    order_id: str


class Address(BaseModel):
    street: str
    country: str


class Line(BaseModel):
    sku: str
    quantity: int


class Shipped(BaseModel):
    order_id: int
    address: Address | None = None
    lines: list[Line]
    stock: dict[str, Line] = {}


class GermanAddress(BaseModel):
    country: Literal["DE"]


class ToGermany(BaseModel):
    address: GermanAddress


class Gift(BaseModel):
    sku: Literal["GIFT"]


class WithGift(BaseModel):
    lines: Annotated[list[Gift], Field(min_length=1)]


class GiftInStock(BaseModel):
    stock: Annotated[dict[str, Gift], Field(min_length=1)]


class NoAddress(BaseModel):
    address: Annotated[list[str], Field(min_length=1)]


def numbered(number: int, **more: Any) -> Any:
    """A model with a constant in a field of a field."""
    fields: dict[str, Any] = {"number": (cast("Any", Literal)[number], ...), **more}
    return create_model("Numbered", inner=(create_model("Inner", **fields), ...))


#: So many that the search for a sample does not try them all.
Many: Any = Union[tuple(numbered(number, name=(str, ...)) for number in range(45))]  # noqa: UP007 -- of members that are made here

CASES: list[tuple[Any, Any, str | None]] = [
    (Shipped, ToGermany, None),
    (Shipped, WithGift, None),
    (Shipped, GiftInStock, None),
    (Shipped, NoAddress, "at address: Input should be a valid array"),
    (Many, numbered(3), None),
    (Many, numbered(44), None),
    (Order, Order, None),
    (Order, Wider, None),
    (Wider, Order, None),
    (Order, Other, "at invoice: Field required"),
    (Order, Texts, "at order_id: Input should be a valid array"),
    (Order, Closed, None),
    (Both, Closed, "at [key]: Extra inputs are not permitted"),
    (Wider, Closed, None),
    (Order, Aliased, None),
    (Order, ByName, None),
    (Order, Camel, "at orderId: Field required"),
    (Camel, ByName, None),
    (Nested, NestedOther, "at order.invoice: Field required"),
    (Nested, Order, "at order_id: Field required"),
    (Order, list[Order], "Input should be a valid array"),
    (list[int], list[str], None),
    (Order, int, "Input should be a valid integer"),
    (Order, int | Order, None),
    (Order | int, Other | str, "at Other.invoice: Field required"),
    (Order | int, Other | float, None),
    (int, float, None),
    (float, int, None),
    (str, int, None),
    (int, str, None),
    (int, datetime, None),
    (int, timedelta, None),
    (Order, Times, None),
    (bool, str, None),
    (type(None), int, "Input should be a valid integer"),
    (Colour, Literal["red"], None),
    (dict[str, int], Other, None),
    (Order, dict[str, Any], None),
    (Order, Any, None),
    (Any, Order, None),
    (Order, Legacy, None),  # which its JSON Schema does not tell
    (Described, Listed, None),  # nor what it says of another type
    (Order, Stripped, None),  # a Decimal is sent as a string
    (Hidden, Wider, None),  # others may send it
    (Order, Text, None),
    (Order, Deferred, "at invoice: Field required"),
    (Incomplete, list[int], None),
    (Tree, Tree, None),
    (Tree, Order, "at order_id: Field required"),
]


def refusals(writer: Any, reader: Any) -> list[str]:
    """What the checks say of a handler of one type and a kind of another."""
    router = EventRouter()
    router.kind("a", writer)
    router.on("a", payload=reader)(lambda event: None)
    return [message.msg.partition("the first try fails")[2].strip(": .") for message in check_payloads(router)]


@pytest.mark.parametrize(("writer", "reader", "reason"), CASES)
def test_no_sample_is_read(writer: Any, reader: Any, reason: str | None) -> None:
    """A reason is given where no sample of what is sent is read, and none where one is."""
    assert refusals(writer, reader) == ([] if reason is None else [reason])


@pytest.mark.parametrize("reader", [ToGermany, WithGift, GiftInStock])
def test_w015_two_handlers_read_parts_of_one_payload(reader: Any) -> None:
    """Two handlers are fine if a payload satisfies both in an optional field, a list or a mapping."""
    router = EventRouter()
    router.on("a", payload=Shipped)(lambda event: None)
    router.on("a", name="another", payload=create_model("Versioned", __base__=reader, version=(int, ...)))(lambda event: None)

    assert list(check_payloads(router)) == []


TYPES: list[Any] = [int, float, str, bool, list[int], dict[str, int], int | str, Decimal, Wider, datetime]


@st.composite
def models(draw: st.DrawFn) -> type[BaseModel]:
    """A model of a few fields, some of them required."""
    fields: dict[str, Any] = {}
    for name in draw(st.sets(st.sampled_from("abcd"))):
        kind = draw(st.sampled_from(TYPES))
        fields[name] = (kind, ...) if draw(st.booleans()) else (kind | None, None)
    config = ConfigDict(extra="forbid") if draw(st.booleans()) else ConfigDict()
    return create_model("Drawn", __config__=config, **fields)


@given(models(), models(), st.data())
def test_a_conflict_is_one(writer: type[BaseModel], reader: type[BaseModel], data: st.DataObject) -> None:
    """Where a reason is given, nothing that the writer writes is read."""
    if refusals(writer, reader) == []:
        return
    values = {name: data.draw(st.from_type(cast("type[Any]", field.annotation))) for name, field in writer.model_fields.items()}
    try:
        document = writer(**values).model_dump_json()
    except ValidationError:  # an infinite Decimal
        reject()
    with pytest.raises(ValidationError):
        reader.model_validate_json(document)
