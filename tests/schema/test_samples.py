"""Samples: a value that fits a schema."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from ipaddress import IPv4Address, IPv6Network
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import pytest
from annotated_types import MultipleOf
from pydantic import BaseModel, ConfigDict, Field, Json, PositiveInt, TypeAdapter
from typing_extensions import TypedDict

from gcp_event_router._schema.json_schema import LenientSchema
from gcp_event_router._schema.samples import NoSampleError, find_sample
from gcp_event_router.google.catalogue import model_of, types


def sample(schema: Any) -> object:
    """The plainest value of a schema."""
    return find_sample(schema, lambda value: ())


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 3


class Point(NamedTuple):
    x: int
    y: float


class Node(BaseModel):
    value: int
    next: Node | None = None
    children: list[Node] = []


class Address(BaseModel):
    street: str
    postcode: str = Field(examples=["8001"])


class Customer(BaseModel):
    email_address: str = Field(alias="emailAddress")
    home: Address
    others: dict[str, Address]
    note: str | None = None
    vip: bool = False


class Part(TypedDict):
    sku: Annotated[str, Field(min_length=8, max_length=8)]
    colour: Colour


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: Annotated[int, Field(ge=1, le=9)]


class Dog(BaseModel):
    kind: Literal["dog"]


class Literally(BaseModel):
    op: Literal["value"]
    value: int


class Not(BaseModel):
    op: Literal["not"]
    of: Expression


class And(BaseModel):
    op: Literal["and"]
    left: Expression
    right: Expression


Expression = Annotated[Not | Literally | And, Field(discriminator="op")]


class Wide(BaseModel):
    """Of which there are a million within each other."""

    value: int
    a: Wide | None = None
    b: Wide | None = None
    c: Wide | None = None
    d: Wide | None = None
    e: Wide | None = None
    f: Wide | None = None
    g: Wide | None = None
    h: Wide | None = None
    i: Wide | None = None
    j: Wide | None = None


class Endless(BaseModel):
    left: Endless
    right: Endless


class Documented(BaseModel):
    """With examples as OpenAPI has them."""

    model_config = ConfigDict(json_schema_extra={"examples": {"one": {"value": {"a": 1}}}})
    a: int


TYPES: dict[str, tuple[Any, object]] = {
    "model": (
        Customer,
        {
            "emailAddress": "emailAddress",
            "home": {"street": "street", "postcode": "8001"},
            "others": {"key": {"street": "street", "postcode": "8001"}},
            "note": "note",
            "vip": False,
        },
    ),
    "union by a tag": (Annotated[Dog | Cat, Field(discriminator="kind")], {"kind": "dog"}),
    "bounds": (Cat, {"kind": "cat", "lives": 1}),
    "typed dict": (Part, {"sku": "skuxxxxx", "colour": "red"}),
    "named tuple": (Point, [1, 1]),
    "integer enum": (Level, 3),
    "none": (None, None),
    "any": (Any, {}),
    "list": (list[int], [1]),
    "least items": (Annotated[list[int], Field(min_length=3)], [1, 1, 1]),
    "set": (set[str], ["text"]),
    "tuple": (tuple[int, str], [1, "text"]),
    "many": (tuple[int, ...], [1]),
    "map": (dict[str, int], {"key": 1}),
    "other examples": (Documented, {"a": 1}),
    "decimal": (Decimal, 1),
    "over": (Annotated[int, Field(gt=100)], 101),
    "under": (Annotated[int, Field(lt=-5)], -6),
    "between": (Annotated[float, Field(gt=0, lt=1)], 0.5),
    "multiple": (Annotated[int, MultipleOf(7)], 7),
    "positive": (PositiveInt, 1),
    "optional": (int | None, 1),
    "moment": (datetime, "2026-01-31T12:00:00Z"),
    "day": (date, "2026-01-31"),
    "time of day": (time, "12:00:00Z"),
    "length of time": (timedelta, "PT1H"),
    "uuid": (UUID, "3f2b8c1e-0d4a-4c6b-9e57-1a2b3c4d5e6f"),
    "address": (IPv4Address, "192.0.2.1"),
    "network": (IPv6Network, "2001:db8::/32"),
    "json in text": (Json, "{}"),
    "bytes": (Annotated[bytes, Field(max_length=3)], "tex"),
}


@pytest.mark.parametrize("name", TYPES)
def test_of_each_type(name: str) -> None:
    """The sample of a type is the plainest value, and pydantic reads it."""
    declared, expected = TYPES[name]
    adapter: TypeAdapter[Any] = TypeAdapter(declared)

    found = sample(adapter.json_schema(schema_generator=LenientSchema))

    assert found == expected
    adapter.validate_json(json.dumps(found))


def test_of_names_that_are_given() -> None:
    """The key of a map is one that may be, where the schema says so, as of newer pydantic."""
    schema = {"type": "object", "propertyNames": {"enum": ["red", "blue"]}, "additionalProperties": {"type": "integer"}}

    assert sample(schema) == {"red": 1}


def test_of_what_holds_itself() -> None:
    """The sample of a model that holds itself ends, in whatever order its union is, and however often it does."""
    for model in (Node, Not, And, Wide):
        found = sample(model.model_json_schema())

        assert len(json.dumps(found)) < 100_000
        model.model_validate(found)


def test_of_what_has_no_value() -> None:
    """A model that requires itself, without an end, has no sample."""
    with pytest.raises(NoSampleError):
        sample(Endless.model_json_schema())


@pytest.mark.proof
def test_of_googles_models() -> None:
    """Each of Google's models reads its own sample, as JSON."""
    models = {model_of(event_type) for event_type in types()}

    for model in models:
        assert model is not None
        model.model_validate_json(json.dumps(sample(model.model_json_schema())))
