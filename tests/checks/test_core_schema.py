"""Whether what is sent as one type can be what another one reads: only what is certain is named."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, cast

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    create_model,
    model_validator,
)

from gcp_event_router.checks.core_schema import read_shape, sent_shape
from gcp_event_router.checks.json_shape import conflict


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


CASES: list[tuple[Any, Any, str | None]] = [
    (Order, Order, None),
    (Order, Wider, None),
    (Wider, Order, None),
    (Order, Other, "invoice is required in R, and W has none"),
    (Order, Texts, "order_id is an integer in W, and an array in R"),
    (Order, Closed, None),
    (Both, Closed, "invoice is required in W, and R has none"),
    (Wider, Closed, None),
    (Order, Aliased, None),
    (Order, ByName, None),
    (Order, Camel, "orderId is required in R, and W has none"),
    (Camel, ByName, None),
    (Nested, NestedOther, "order.invoice is required in R, and W has none"),
    (Nested, Order, "order_id is required in R, and W has none"),
    (Order, list[Order], "the payload is an object in W, and an array in R"),
    (list[int], list[str], None),
    (Order, int, "the payload is an object in W, and an integer in R"),
    (Order, int | Order, None),
    (Order | int, Other | str, "invoice is required in R, and W has none"),
    (Order | int, Other | float, None),
    (int, float, None),
    (float, int, None),
    (str, int, None),
    (int, str, "the payload is an integer in W, and a string in R"),
    (int, datetime, None),
    (int, timedelta, None),
    (Order, Times, None),
    (bool, str, "the payload is a boolean in W, and a string in R"),
    (type(None), int, "the payload is null in W, and an integer in R"),
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
    (Order, Deferred, "invoice is required in R, and W has none"),
    (Incomplete, list[int], None),
    (Tree, Tree, None),
    (Tree, Order, "order_id is required in R, and W has none"),
]


def between(writer: Any, reader: Any) -> str | None:
    return conflict(sent_shape(TypeAdapter(writer)), read_shape(TypeAdapter(reader)), ("W", "R"))


@pytest.mark.parametrize(("writer", "reader", "reason"), CASES)
def test_what_is_certain(writer: Any, reader: Any, reason: str | None) -> None:
    """A reason is given where no document of the writer's can be read, and none where one may be."""
    assert between(writer, reader) == reason


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
    if between(writer, reader) is None:
        return
    values = {name: data.draw(st.from_type(cast("type[Any]", field.annotation))) for name, field in writer.model_fields.items()}
    try:
        document = writer(**values).model_dump_json()
    except ValidationError:  # an infinite Decimal
        reject()
    with pytest.raises(ValidationError):
        reader.model_validate_json(document)


def test_an_adapter_with_a_configuration_of_its_own() -> None:
    """What pydantic does not say in the schema is not guessed."""
    adapter = TypeAdapter(list[str], config=ConfigDict(coerce_numbers_to_str=True))

    assert adapter.validate_json("[1]") == ["1"]
    assert conflict(sent_shape(TypeAdapter(dict[str, int])), read_shape(adapter), ("W", "R")) is None


def test_a_field_in_many_wrappings() -> None:
    """Where a default is too deep to be found, there may be one."""
    few: Any = Annotated[int, *[BeforeValidator(int)] * 8]
    many: Any = Annotated[int, *[BeforeValidator(int)] * 10]

    assert between(Other, create_model("Few", order_id=(few, ...))) == "order_id is required in R, and W has none"
    assert between(Other, create_model("Many", order_id=(many, ...))) is None
