"""Examples of events: the type at hand reads each one, or it says in words that there is none.

The types are those of pydantic's manual: https://docs.pydantic.dev/latest/api/standard_library_types/,
https://docs.pydantic.dev/latest/api/types/ and https://docs.pydantic.dev/latest/api/networks/.
"""

from __future__ import annotations

import json
import re
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import InitVar, dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, NamedTuple, Union
from uuid import UUID

import pydantic
import pytest
from annotated_types import Len, MaxLen, MinLen, MultipleOf, Predicate
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import (
    UUID1,
    UUID3,
    UUID5,
    AfterValidator,
    AliasChoices,
    AliasPath,
    AmqpDsn,
    AnyUrl,
    AwareDatetime,
    Base64Bytes,
    Base64Str,
    Base64UrlBytes,
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    FilePath,
    FileUrl,
    FutureDate,
    FutureDatetime,
    HttpUrl,
    IPvAnyAddress,
    IPvAnyNetwork,
    Json,
    MongoDsn,
    MySQLDsn,
    NaiveDatetime,
    NatsDsn,
    PastDate,
    PastDatetime,
    PostgresDsn,
    RedisDsn,
    RootModel,
    Secret,
    SecretBytes,
    SecretStr,
    StringConstraints,
    TypeAdapter,
    UrlConstraints,
    WebsocketUrl,
    field_validator,
    model_validator,
)
from typing_extensions import TypedDict

from gcp_event_router._contract.examples import Example, example_of
from gcp_event_router._dispatch.payload import parameters_reader, payload_reader
from gcp_event_router._schema.numbers import numbers

#: Which pydantic has since 2.10.
NEW_UUIDS: list[Any] = [getattr(pydantic, name) for name in ("UUID6", "UUID7", "UUID8") if hasattr(pydantic, name)]


class Colour(Enum):
    RED = "red"
    BLUE = "blue"
    GREEN = "green"


class Plain(BaseModel):
    a: int


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)
    a: int
    b: str


class Hex(BaseModel):
    model_config = ConfigDict(val_json_bytes="hex", ser_json_bytes="hex")
    b: Annotated[bytes, Len(3, 3)]


class Base64(BaseModel):
    model_config = ConfigDict(val_json_bytes="base64", ser_json_bytes="base64")
    b: Annotated[bytes, Len(3, 3)]


class Even(BaseModel):
    n: int

    @field_validator("n")
    @classmethod
    def is_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError
        return value


class OneOfTwo(BaseModel):
    a: int | None = None
    b: str = "x"

    @model_validator(mode="after")
    def has_not_both(self) -> OneOfTwo:
        if {"a", "b"} <= self.model_fields_set:
            raise ValueError
        return self


class Span(BaseModel):
    start: date
    name: str
    end: date

    @model_validator(mode="after")
    def is_ordered(self) -> Span:
        if self.end <= self.start:
            raise ValueError
        return self


class Placed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    dollar: str = Field(alias="$ref")
    deep: int = Field(validation_alias=AliasPath("x", "y", 1))
    flat: int = Field(validation_alias=AliasPath("x", "z"))
    either: int = Field(validation_alias=AliasChoices("c", "d"))


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    a: int
    b: float
    c: datetime
    d: Decimal
    e: UUID
    f: tuple[int, str]
    g: set[str]
    h: Colour
    i: bytes
    j: timedelta


class Impossible(BaseModel):
    v: str

    @field_validator("v")
    @classmethod
    def is_ours(cls, value: str) -> str:
        if value != "the only one":
            raise ValueError
        return value


class Perhaps(BaseModel):
    x: int
    one: Impossible | None = None
    many: list[Impossible] = []


class Node(BaseModel):
    v: int
    left: Node | None = None
    others: Annotated[list[Node], Field(default_factory=list)]


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: Annotated[int, Field(ge=1, le=9), AfterValidator(lambda value: {9: 9}[value])]


class Nine(BaseModel):
    kind: Literal["nine"]
    lives: Annotated[int, Field(ge=1, le=9)]

    @field_validator("lives")
    @classmethod
    def is_nine(cls, value: int) -> int:
        if value != 9:
            raise ValueError
        return value


class Partial(TypedDict, total=False):
    a: int
    b: str


@dataclass
class Made:
    a: int
    b: InitVar[int]
    c: list[str] | None = None


class Pair(NamedTuple):
    a: int
    b: str = "x"


class Rooted(RootModel[Annotated[list[int], Len(2, 3)]]): ...


class Left(BaseModel):
    right: Right


class Right(BaseModel):
    lefts: Annotated[list[Left], MaxLen(0)]


def above_three(value: int) -> int:
    if value <= 3:
        raise ValueError
    return value


def missing(value: int) -> int:
    raise KeyError(value)


def long(value: list[int]) -> list[int]:
    if len(value) < 3:
        raise ValueError
    return value


#: Without the types that type checkers give them.
LIST: Any = list
SET: Any = set
DICT: Any = dict
JSON: Any = Json
ANNOTATED: Any = Annotated
UNION: Any = Union  # `|` has no `None | None`
PATTERNS: list[Any] = [
    Annotated[str, Field(pattern=pattern)]
    for pattern in [
        "^[A-Z]{3}-\\d{4}$", "^\\w+$", "^(foo|bar)+$", "[^a-z]", "^\\+?[1-9]\\d{1,14}$", "^#(?:[0-9a-fA-F]{3}){1,2}$", "^a.c$",
        "^\\S+@\\S+\\.\\S+$", "^$", "^(?P<year>\\d{4})-(?P<month>0[1-9]|1[0-2])$", "^(?<named>a)b\\z", "^.{8,}$", "\\d",
        "^projects/[^/]+/topics/[^/]+$", "^\\d{3}$|^[a-z]{2}$", "^[ä-ü]+$", "^\\x41\\t$", "^[^\\W\\d_]+$", "(?i)^abc$", "^x*$",
        "^(a|b)*c?$", "\\bfoo\\b", "^\\s*\\d+\\s*$", "^[[:alpha:]]+$", "^[\\w.-]+$",
    ]
]  # fmt: skip
#: Types of which there is an example.
TYPES: list[Any] = [
    # sizes
    Annotated[set[int], MinLen(2)], Annotated[list[int], Len(0, 0)], Annotated[dict[str, int], MinLen(2)],
    Annotated[dict[str, int], MaxLen(0)], Annotated[frozenset[str], Len(3, 3)], Annotated[set[Colour], Len(3, 3)],
    Annotated[set[bool], Len(2, 2)], Annotated[set[float], Len(5, 5)], Annotated[set[date], MinLen(4)],
    Annotated[set[datetime], MinLen(4)], Annotated[set[time], MinLen(4)], Annotated[set[timedelta], MinLen(4)],
    Annotated[set[UUID], MinLen(40)], Annotated[set[IPvAnyAddress], MinLen(9)], Annotated[set[HttpUrl], MinLen(3)],
    Annotated[set[Frozen], MinLen(3)], Annotated[set[tuple[int, str]], MinLen(3)], Annotated[set[int | str], MinLen(4)],
    Annotated[set[Literal["a", 1] | None], Len(3, 3)], Annotated[set[Annotated[str, MaxLen(1)]], MinLen(5)],
    Annotated[set[Annotated[int, Field(ge=1, le=3)]], Len(3, 3)], Annotated[set[int], MinLen(60)],
    Annotated[tuple[int, ...], MinLen(4)], Annotated[deque[int], MinLen(2)], Annotated[list[Plain], Field(min_length=2)],
    Annotated[list[int] | None, Field(min_length=3)], Rooted,
    # keys
    dict[date, int], Annotated[dict[date, int], MinLen(3)], dict[UUID, int], dict[Decimal, int], dict[float, int],
    dict[datetime, int], dict[timedelta, int], dict[IPvAnyAddress, int], Annotated[dict[Colour, int], MinLen(3)],
    Annotated[dict[int, str], MinLen(3)], Annotated[dict[Literal["a", "b"], str], MinLen(2)],
    Annotated[dict[bool, str], MinLen(2)], dict[Annotated[str, Field(pattern="^[A-Z]{2}\\d+$")], int],
    dict[Annotated[str, MinLen(10)], int], dict[bytes, int], dict[int | str, int], Counter[str],
    defaultdict[str, list[int]], OrderedDict[str, int], Mapping[str, int],
    # texts
    Annotated[str, Field(pattern="^[a-z-]+$", min_length=10, max_length=12)],
    Annotated[str, Field(pattern="^\\d+$", min_length=3, max_length=3)], Annotated[str, Field(pattern="^a*b*$", min_length=7)],
    Annotated[set[Annotated[str, Field(pattern="^\\d{2}$")]], MinLen(15)], Annotated[str, MaxLen(0)],
    Annotated[str, Len(300, 300)],
    Annotated[str, StringConstraints(to_upper=True, pattern="^[A-Z]+$")], Annotated[str, Predicate(str.isupper)],
    Json[Plain], Json[list[int]], Json[Even], JSON[Any], SecretStr, Annotated[SecretStr, MinLen(12)], SecretBytes, Secret[int],
    Annotated[bytes, Len(4, 4)], list[Annotated[bytes, Len(3, 3)]], list[Annotated[Base64Bytes, Len(4, 4)]],
    list[Annotated[Base64Str, Len(6)]], list[Base64UrlBytes], Hex, Base64,
    # times
    NaiveDatetime, AwareDatetime, FutureDatetime, PastDatetime, FutureDate, PastDate, Annotated[date, Field(ge=date(2030, 1, 1))],
    Annotated[date, Field(gt=date(2030, 1, 1), lt=date(2030, 1, 3))], Annotated[date, Field(le=date(2000, 1, 1))],
    Annotated[datetime, Field(ge=datetime(2030, 1, 1, tzinfo=UTC))],
    Annotated[datetime, Field(gt=datetime(2030, 1, 1))],  # noqa: DTZ001 -- the point
    Annotated[datetime, Field(gt=datetime(2029, 12, 31, 23, 59, 59), lt=datetime(2030, 1, 1))],  # noqa: DTZ001 -- the point
    Annotated[NaiveDatetime, Field(ge=datetime(2040, 1, 1))], Annotated[PastDate, Field(gt=date(2020, 1, 1))],  # noqa: DTZ001 -- the point
    Annotated[FutureDate, Field(lt=date(2200, 1, 1))], Annotated[date, Field(ge=date.max)], Annotated[date, Field(le=date.min)],
    Annotated[time, Field(ge=time(13))], Annotated[time, Field(gt=time(7, 59), lt=time(8))],
    Annotated[time, Field(gt=time(23, 59, 58))],
    Annotated[timedelta, Field(ge=timedelta(days=2))], Annotated[timedelta, Field(lt=timedelta(0))],
    Annotated[timedelta, Field(gt=timedelta(seconds=1), lt=timedelta(seconds=2))],
    # numbers
    Annotated[int, Field(multiple_of=7, gt=50)], Annotated[int, Field(multiple_of=7, lt=-50)],
    Annotated[float, Field(multiple_of=0.5, gt=1, lt=2)], Annotated[float, Field(gt=0.1, lt=0.2)],
    Annotated[float, Field(gt=1, lt=1.0000001)], Annotated[int, Field(ge=-5, le=-3)], Annotated[int, Field(gt=10**20)],
    Annotated[Decimal, Field(max_digits=4, decimal_places=2, gt=Decimal("0.5"), lt=Decimal("0.6"))],
    Annotated[Decimal, Field(max_digits=2, decimal_places=2)],
    Annotated[Decimal, Field(ge=Decimal("99.99"), le=Decimal("99.99"))],
    Annotated[Decimal, MultipleOf(Decimal("0.25")), Field(gt=0, lt=Decimal("0.5"))], Annotated[int, MultipleOf(3), MultipleOf(4)],
    Annotated[int | None, Field(ge=5)], complex, ByteSize,
    # names of places
    PostgresDsn, RedisDsn, MongoDsn, AmqpDsn, NatsDsn, MySQLDsn, HttpUrl, AnyUrl, FileUrl, WebsocketUrl, IPvAnyNetwork,
    Annotated[HttpUrl, UrlConstraints(max_length=15)], Annotated[AnyUrl, UrlConstraints(allowed_schemes=["s3"])],
    UUID1, UUID3, UUID5, *NEW_UUIDS,
    # what consists of others
    Even, list[Even], dict[str, Even], OneOfTwo, Span, Placed, Strict, Perhaps, Node,
    Annotated[Cat | Nine, Field(discriminator="kind")], Cat | Nine, list[Nine], Partial, Made,
    Pair, list[Pair], Left, Even | None, Sequence[int], tuple[()], None, Any, bytes, str,
    Annotated[int, AfterValidator(above_three)], Annotated[list[int], AfterValidator(long)],
    *PATTERNS,
]  # fmt: skip


def example(declared: Any) -> Example:
    return example_of([(declared, TypeAdapter(declared))], [])


def name_of(value: object) -> str:
    """Without addresses, so that each run has the same names."""
    return re.sub(r" at 0x\w+", "", str(value))


@pytest.mark.parametrize("declared", TYPES, ids=name_of)
def test_each_type_has_one(declared: Any) -> None:
    """The reader that a handler of the type has reads its example."""
    found = example(declared)

    assert found.problem == ""
    assert found.data is not None
    payload_reader(TypeAdapter(declared), declared)(found.data)


DECLARE = "Declare one: Field(examples=[...]) at the field, or Annotated[..., Field(examples=[...])] around the type."


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        (Impossible, "Impossible reads: the first try fails at v: The value was refused by a validator"),
        (Annotated[int, Field(gt=1, lt=2)], "int reads: no plain value fits its JSON Schema"),
        (Annotated[list[int], MinLen(3000)], "list[int] reads: no plain value fits its JSON Schema"),
        (Annotated[set[bool], MinLen(3)], "set[bool] reads: no plain value fits its JSON Schema"),
        (Callable[[], int], "Callable[[], int] reads: the first try fails: Input should be callable"),
        (FilePath, "Path reads: the first try fails: The value was refused by a validator"),
        (Annotated[int, AfterValidator(missing)], "int reads: a validator raises KeyError"),
    ],
    ids=name_of,
)
def test_none_can_be_made(declared: Any, problem: str) -> None:
    """Where none can be made, the reason is said, and what to declare instead."""
    found = example(declared)

    assert (found.data, found.problem) == (None, f"Cannot make an example of the payload that {problem}. {DECLARE}")


SCALARS: list[Any] = [*TYPES, int, float, bool, Decimal, date, datetime, time, timedelta, UUID, Colour, Plain, Impossible, str]


def _unions(types: list[Any]) -> Any:
    return UNION[tuple(types)]


def _model(fields: list[tuple[Any, bool]]) -> Any:
    annotations = {f"f{number}": each for number, (each, _) in enumerate(fields)}
    defaults = {f"f{number}": None for number, (_, is_optional) in enumerate(fields) if is_optional}
    return type("Drawn", (BaseModel,), {"__annotations__": annotations, "__module__": __name__, **defaults})


def _sized(container: Any, inner: Any, sizes: tuple[int, int]) -> Any:
    return ANNOTATED[container[inner], Len(min(sizes), max(sizes))]


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    sizes = st.tuples(st.integers(0, 4), st.integers(0, 4))
    keys = st.sampled_from([str, int, date, UUID, Colour, Decimal, Annotated[str, Field(pattern="^k\\d+$")]])
    members = st.sampled_from([int, str, date, Colour, bool, Frozen])
    return (
        st.builds(_sized, st.just(LIST), inner, sizes)
        | st.builds(_sized, st.just(SET), members, sizes)
        | st.builds(_sized, st.just(DICT), st.tuples(keys, inner), sizes)
        | st.lists(inner, min_size=1, max_size=3).map(lambda types: tuple.__class_getitem__(tuple(types)))
        | st.lists(inner, min_size=2, max_size=3).map(_unions)
        | st.lists(st.tuples(inner, st.booleans()), max_size=4).map(_model)
        | inner.map(JSON.__class_getitem__)
        | inner.map(lambda each: UNION[each, None])
    )


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.recursive(st.sampled_from(SCALARS), _containers, max_leaves=8))
def test_any_type(declared: Any) -> None:
    """An example of whatever type is read in JSON's mode; or there is none, in words."""
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(declared)
    except TypeError:  # of what pydantic does not take for a union
        assume(False)
        raise
    found = example(declared)

    if found.data is None:
        assert found.problem.startswith("Cannot make an example of the payload that ")
    else:
        assert found.problem == ""
        payload_reader(adapter, declared)(found.data)


@given(
    st.sampled_from(["integer", "number"]),
    st.dictionaries(st.sampled_from(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]), st.integers(-9, 9)),
    st.sampled_from([None, 1, 2, 0.5, 3]),
)
def test_numbers_are_within_their_bounds(kind: str, bounds: dict[str, int], step: float | None) -> None:
    """All values of a number's series are within its bounds, multiples of its step, and different."""
    series = numbers({"type": kind, **bounds, **({"multipleOf": step} if step else {})})
    found: list[Any] = [value for value, _ in zip(series, range(50), strict=False)]

    assert len(set(found)) == len(found)
    for value in found:
        assert bounds.get("minimum", value) <= value <= bounds.get("maximum", value)
        assert bounds.get("exclusiveMinimum", value - 1) < value < bounds.get("exclusiveMaximum", value + 1)
        assert value % (step or 0.0000001) == 0 or step is None
        assert kind == "number" or isinstance(value, int)


class Declared(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"a": "x"}, {"a": 3, "b": "YES"}]})
    a: int = Field(examples=["x"])
    b: Annotated[str, Field(pattern="^[A-Z]{3}$", examples=["no", "YES"])] = "YES"


class Whole(BaseModel):
    """Whose fields' examples are fine, each for itself."""

    low: int = Field(examples=[9])
    high: int = Field(examples=[5, 10])

    @model_validator(mode="after")
    def is_ordered(self) -> Whole:
        if self.low > self.high:
            raise ValueError
        return self


class StrictlyDeclared(BaseModel):
    model_config = ConfigDict(strict=True)
    a: int = Field(examples=["4", 4])


def test_declared_examples_are_read_before_they_are_shown() -> None:
    """A declared example that its type refuses is passed over, and that is said."""
    found = example(Declared)

    assert found.value == {"a": 3, "b": "YES"}
    assert found.notes == (
        "An example that is declared for Declared.a is left out: its type refuses it (int_parsing).",
        "An example that is declared for Declared.b is left out: its type refuses it (string_pattern_mismatch).",
        "An example that is declared for Declared is left out: its type refuses it at 'a' (int_parsing).",
    )
    assert example(StrictlyDeclared).value == {"a": 4}
    assert example(Annotated[list[Declared], Field(examples=[[1]])]).value == [{"a": 3, "b": "YES"}]


def test_declared_examples_that_do_not_go_together() -> None:
    """Where a model refuses the first examples of its fields together, others are tried."""
    found = example(Whole)

    Whole.model_validate_json(json.dumps(found.value))
    assert found.notes == ()


def test_several_handlers() -> None:
    """The example of a kind that has several handlers is read by all of them."""
    types: list[Any] = [
        Annotated[int, Field(ge=5)],
        Annotated[int, Field(le=7, multiple_of=3)],
        Annotated[int, AfterValidator(above_three)],
    ]

    found = example_of([(each, TypeAdapter(each)) for each in types], [])

    assert (found.value, found.problem) == (6, "")
    assert example_of([(bytes, TypeAdapter(bytes)), (Plain, TypeAdapter(Plain))], []).data == b'{"a": 1}'


class Query(BaseModel):
    shop: str
    day: date
    tags: Annotated[list[str], Field(min_length=2)]
    page: Annotated[int, Field(ge=3)]
    vip: bool
    colour: Colour
    note: str = ""


class Either(BaseModel):
    a: int | None = None
    b: int | None = None

    @model_validator(mode="after")
    def has_one(self) -> Either:
        if self.a is None and self.b is None:
            raise ValueError
        return self


def test_parameters() -> None:
    """The example of a URL's parameters has those that are required, as a query has them."""

    def query(declared: Any) -> Any:
        found = example_of([], [(declared, TypeAdapter(declared))])
        assert found.query is not None
        parameters_reader(TypeAdapter(declared))({name: [*values] for name, values in found.query.items()})
        return found.query

    assert query(Query) == {
        "shop": ["shop"],
        "day": ["2026-01-31"],
        "tags": ["tags", "tags"],
        "page": ["3"],
        "vip": ["true"],
        "colour": ["red"],
    }
    assert query(Either) == {"a": ["1"], "b": ["1"]}
    assert query(dict[str, list[str]]) == {}


def test_parameters_of_which_there_is_none() -> None:
    """Where no parameters can be made, the payload has its example all the same."""
    found = example_of([(Plain, TypeAdapter(Plain))], [(Impossible, TypeAdapter(Impossible))])

    assert (found.value, found.query) == ({"a": 1}, None)
    assert found.query_problem == (
        "Cannot make an example of the URL's parameters that Impossible reads: the first try fails at v: "
        f"The value was refused by a validator. {DECLARE}"
    )
