"""Which JSON payload types take: what is said to be impossible surely is."""

from __future__ import annotations

import json
from math import nan
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    BeforeValidator,
    Discriminator,
    TypeAdapter,
    ValidationError,
    create_model,
)

from gcp_event_router.checks.core_schema import read_shape, sent_shape
from gcp_event_router.checks.json_shape import Shape, conflict

from ..support.payload_types import (
    TYPES,
    Aliased,
    Closed,
    Color,
    CustomInit,
    Defaulted,
    Forgiving,
    Items,
    Lenient,
    Node,
    OnlyB,
    Order,
    Pair,
    Point,
    Refund,
    Row,
    TwoNames,
)

ADAPTERS = [TypeAdapter[Any](each) for each in TYPES]
SHAPES = [read_shape(each) for each in ADAPTERS]
SENT = [sent_shape(each) for each in ADAPTERS]
NAMES = ("one", "two")
PLACES = range(len(TYPES))
PAIRS = [(one, other) for one in PLACES for other in PLACES if conflict(SHAPES[one], SHAPES[other], NAMES)]
UNREAD = [(one, other) for one in PLACES for other in PLACES if conflict(SENT[one], SHAPES[other], NAMES)]

WORDS = ["", "1", "a", "b", "c", "order", "refund", "red", "blue", "2020-01-01", "true", "[]", str(UUID(int=0))]
leaves = st.sampled_from([None, True, False, 0, 1, 1.0, 1.5, nan, *WORDS])
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b", "type"]), inner, max_size=3),
    max_leaves=6,
)


def shape(declared: Any) -> Shape:
    return read_shape(TypeAdapter[Any](declared))


def takes(adapter: TypeAdapter[Any], text: str | bytes) -> bool:
    try:
        adapter.validate_json(text)
    except ValidationError:
        return False
    return True


def taking(text: str | bytes) -> set[int]:
    return {place for place, adapter in enumerate(ADAPTERS) if takes(adapter, text)}


@given(values)
def test_no_json_is_taken_by_both_of_a_conflict(value: object) -> None:
    """Two types that are said to leave each other nothing have no JSON in common, as pydantic itself validates it."""
    found = taking(json.dumps(value))

    assert [pair for pair in PAIRS if {*pair} <= found] == []


@given(values)
def test_nothing_that_is_sent_is_read_by_the_other_of_a_conflict(value: object) -> None:
    """What pydantic writes of a type is read by none that is said to read nothing of it."""
    text = json.dumps(value)
    for place in taking(text):
        adapter = ADAPTERS[place]
        written = adapter.dump_json(adapter.validate_json(text), by_alias=True, warnings=False)
        assert {other for one, other in UNREAD if one == place} & taking(written) == set()


def test_a_conflict_has_no_direction() -> None:
    """Whether two types conflict does not depend on which is named first, and no type conflicts with itself."""
    for one in SHAPES:
        assert conflict(one, one, NAMES) is None
        for other in SHAPES:
            assert (conflict(one, other, NAMES) is None) == (conflict(other, one, NAMES) is None)


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        (Order, list[int], "the payload is an object in one, and an array in two"),
        (None, Order, "the payload is null in one, and an object in two"),
        (Order, Refund, "type is 'order' in one, and 'refund' or 'return' in two"),
        (Order, Point, None),
        (Order, Row, "a is an integer in one, and an array in two"),
        (Point, Closed, "b is required in one, and two has none"),
        (Closed, Point, "b is required in two, and one has none"),
        (Order | None, list[int], "the payload is an object or null in one, and an array in two"),
        (Literal["a", "b"], Color, "the payload is 'a' or 'b' in one, and 'blue' or 'red' in two"),
        (Node, Order, "a is an object or null in one, and an integer in two"),
        (Order, Aliased, None),
        (OnlyB, Aliased, "b is a string in one, and an array in two"),
        (OnlyB, TwoNames, None),
        (Items, Order, "the payload is an array in one, and an object in two"),
        (Annotated[Order | Refund, Discriminator("type")], Order, None),
        (Order | Refund, Node, "type is 'order' in one, and 'blue' or 'red' in two"),
        (
            Literal["a", "b", "c", "d", "e"],
            Literal["z"],
            "the payload is 'a' or 'b' or 'c' or 'd' or others in one, and 'z' in two",
        ),
    ],
)
def test_reasons(one: Any, other: Any, reason: str | None) -> None:
    """A conflict is told in a clause; where some payload may satisfy both there is none."""
    assert conflict(shape(one), shape(other), NAMES) == reason


@pytest.mark.parametrize("anything", [Any, Lenient, CustomInit, Pair, Annotated[Order, BeforeValidator(str)], Literal[b"a"]])
def test_what_is_not_known_may_be_anything(anything: Any) -> None:
    """Validators that run before, inits and types of one's own may read whatever comes."""
    assert shape(anything) is None


def nested(inner: type[Any], depth: int) -> type[Any]:
    """An object in an object, and so on."""
    for _ in range(depth):
        inner = create_model("Outer", a=(inner, ...))
    return inner


def one_of(count: int) -> Any:
    """A type of so many alternatives."""
    found: Any = Literal[0]
    for number in range(1, count):
        found |= Literal[number]
    return found


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
        one, other = (shape(nested(each, depth)) for each in (Order, list[int]))
        assert (conflict(one, other, NAMES) is not None) == known
    assert conflict(shape(Defaulted), shape(None), NAMES) is not None
    assert shape(Forgiving) is None
    assert shape(one_of(32)) is not None
    assert shape(one_of(33)) is None
    assert conflict(shape(Tree), shape(Tree), NAMES) is None
