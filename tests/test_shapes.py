"""Which JSON payload types take: what is said to be impossible surely is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, NamedTuple, NotRequired
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Json,
    RootModel,
    TypeAdapter,
    ValidationError,
    create_model,
    model_validator,
)
from typing_extensions import TypedDict

from gcp_event_router.schemas import read_shape
from gcp_event_router.shapes import Shape, conflict


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1


class Order(BaseModel):
    type: Literal["order"]
    a: int


class Refund(BaseModel):
    type: Literal["refund", "return"]
    a: list[int] = []


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    a: int = 1


class Aliased(BaseModel):
    a: Annotated[list[int], Field(validation_alias="b")]


class TwoNames(BaseModel):
    model_config = ConfigDict(populate_by_name=True, extra="forbid")
    a: Annotated[list[int], Field(validation_alias="b")]


class Choices(BaseModel):
    a: Annotated[list[int], Field(validation_alias=AliasChoices("a", "b"))]


class Lenient(BaseModel):
    type: Literal["order"]

    @model_validator(mode="before")
    @classmethod
    def _anything(cls, value: object) -> object:
        return {"type": "order"} if isinstance(value, list) else value


class Dressed(BaseModel):
    """Publishes a schema that has nothing to do with what it takes."""

    model_config = ConfigDict(json_schema_extra={"type": "array", "required": ["z"]})
    a: int | None = None


class CustomInit(BaseModel):
    a: list[int]

    def __init__(self, **values: Any) -> None:
        super().__init__(a=[1], **{key: value for key, value in values.items() if key != "a"})


class Node(BaseModel):
    a: Node | None = None
    type: Color


class Items(RootModel[list[int]]): ...


@dataclass
class Point:
    a: int
    b: list[int]


class Row(TypedDict):
    a: list[int]
    type: NotRequired[str]


class OnlyB(TypedDict):
    b: str


class Pair(NamedTuple):
    a: int
    b: int


TYPES: list[Any] = [
    Any, None, bool, int, float, str, bytes, Decimal, datetime, UUID, Color, Level, list[int], tuple[int, str], set[str],
    dict[str, int], dict[str, list[int]], Order, Refund, Closed, Aliased, TwoNames, Choices, Lenient, Dressed, CustomInit, Node,
    Items, Point, Row, Pair, Json[int], Order | Refund, Order | None, Literal["a", "b"], Literal["b", 1], Literal["c"] | None,
    Annotated[Order | Refund, Discriminator("type")], Annotated[int, AfterValidator(abs)], list[int] | str,
    Annotated[Order, BeforeValidator(lambda value: {"type": "order", "a": 1})],
]  # fmt: skip
ADAPTERS = [TypeAdapter[Any](each) for each in TYPES]
SHAPES = [shape(each.core_schema) for each in ADAPTERS]
PAIRS = [
    (ADAPTERS[one], ADAPTERS[other])
    for one in range(len(TYPES))
    for other in range(len(TYPES))
    if conflict(SHAPES[one], SHAPES[other]) is not None
]

WORDS = ["", "1", "a", "b", "c", "order", "refund", "red", "blue", "2020-01-01", "true", "[]", str(UUID(int=0))]
leaves = st.sampled_from([None, True, False, 0, 1, 1.0, 1.5, *WORDS])
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b", "type"]), inner, max_size=3),
    max_leaves=6,
)


def takes(adapter: TypeAdapter[Any], text: str) -> bool:
    try:
        adapter.validate_json(text)
    except ValidationError:
        return False
    return True


@settings(deadline=None)
@given(values)
def test_no_json_is_taken_by_both_of_a_conflict(value: object) -> None:
    """Two types that are said to leave each other nothing have no JSON in common, as pydantic itself validates it."""
    text = json.dumps(value)
    taking = {id(adapter) for adapter in ADAPTERS if takes(adapter, text)}

    assert [pair for pair in PAIRS if {id(each) for each in pair} <= taking] == []


def test_a_conflict_has_no_direction() -> None:
    """Whether two types conflict does not depend on which is named first, and no type conflicts with itself."""
    for one in SHAPES:
        assert conflict(one, one) is None
        for other in SHAPES:
            assert (conflict(one, other) is None) == (conflict(other, one) is None)


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        (Order, list[int], "the one takes an object, the other an array"),
        (None, Order, "the one takes null, the other an object"),
        (Order, Refund, "of 'type', the one takes 'order', the other 'refund' or 'return'"),
        (Order, Point, None),
        (Order, Row, "of 'a', the one takes a scalar, the other an array"),
        (Point, Closed, "the one requires 'b', the other forbids it"),
        (Closed, Point, "the one requires 'b', the other forbids it"),
        (Order | None, list[int], "the one takes an object or null, the other an array"),
        (Literal["a", "b"], Color, "the one takes 'a' or 'b', the other 'blue' or 'red'"),
        (Node, Order, "of 'type', the one takes 'blue' or 'red', the other 'order'"),
        (Order, Aliased, None),
        (OnlyB, Aliased, "of 'b', the one takes a scalar, the other an array"),
        (OnlyB, TwoNames, None),
        (Items, Order, "the one takes an array, the other an object"),
        (Annotated[Order | Refund, Discriminator("type")], Order, None),
        (Order | Refund, Node, "of 'type', the one takes 'order', the other 'blue' or 'red'"),
        (
            Literal["a", "b", "c", "d", "e"],
            Literal["z"],
            "the one takes 'a' or 'b' or 'c' or 'd' or others, the other 'z'",
        ),
    ],
)
def test_reasons(one: Any, other: Any, reason: str | None) -> None:
    """A conflict is told in a clause; where some payload may satisfy both there is none."""
    assert conflict(*(shape(TypeAdapter[Any](each).core_schema) for each in (one, other))) == reason


@pytest.mark.parametrize("anything", [Any, Lenient, CustomInit, Pair, Annotated[Order, BeforeValidator(str)], Literal[b"a"]])
def test_what_is_not_known_may_be_anything(anything: Any) -> None:
    """Validators that run before, inits and types of one's own may read whatever comes."""
    assert shape(TypeAdapter[Any](anything).core_schema) is None


def nested(inner: type[Any], depth: int) -> type[Any]:
    """An object in an object, and so on."""
    for _ in range(depth):
        inner = create_model("Outer", a=(inner, ...))
    return inner


class Tree(BaseModel):
    """Leads back to itself in many ways."""

    a: Tree
    b: Tree
    c: list[Tree]
    d: Tree | None
    e: Tree | list[Tree]


def test_bounds() -> None:
    """What nests deeper, or has more alternatives, than is looked into may be anything; so may what leads back to itself."""
    for depth, known in ((1, True), (3, True), (4, False)):
        one, other = (shape(TypeAdapter[Any](nested(each, depth)).core_schema) for each in (Order, list[int]))
        assert (conflict(one, other) is not None) == known
    assert conflict(shape({"type": "default", "schema": {"type": "int"}, "default": 1}), shape({"type": "none"})) is not None
    assert shape({"type": "default", "schema": {"type": "int"}, "default": 1, "on_error": "default"}) is None
    assert shape({"type": "union", "choices": [{"type": "int"}] * 33}) is None
    assert conflict(shape(TypeAdapter(Tree).core_schema), shape(TypeAdapter(Tree).core_schema)) is None
