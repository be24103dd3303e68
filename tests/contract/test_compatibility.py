"""Whether a change of a payload breaks its senders: pairs of models, as pydantic describes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from importlib import import_module
from typing import Annotated, Any, Literal, NamedTuple, cast
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import UUID4, BaseModel, ConfigDict, Discriminator, Field, Json, SecretStr, Tag, TypeAdapter, create_model

from gcp_event_router._contract.compatibility import changes
from gcp_event_router._schema.json_schema import payload_schemas
from gcp_event_router.privacy import Personal
from gcp_event_router.testing.strategies import SchemaStrategies


def model(name: str = "Order", /, *, extra: Any = None, **fields: Any) -> Any:
    """A model of fields, each a type, or a type and its default."""
    named: dict[str, Any] = {field: value if isinstance(value, tuple) else (value, ...) for field, value in fields.items()}
    return create_model(name, __config__={"extra": extra} if extra else {}, **cast("Any", named))


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class OneColour(Enum):
    RED = "red"


class Node(BaseModel):
    value: int
    next: Node | None = None


class NodeOfText(BaseModel):
    value: str
    next: NodeOfText | None = None


class Renamed(BaseModel):
    a: int


class Other(BaseModel):
    a: int


class WithOthers(BaseModel):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, int]  # pyright: ignore[reportIncompatibleVariableOverride] -- as pydantic's docs have it


class WithOneOfThem(WithOthers):
    name: str = ""


class WithSmallOnes(BaseModel):
    values: dict[Annotated[str, Field(pattern="^a")], int]


class WithSmallTexts(BaseModel):
    values: dict[Annotated[str, Field(pattern="^a")], str]


class Pair(NamedTuple):
    x: int
    y: int


class Single(NamedTuple):
    x: int


class SingleOrPair(NamedTuple):
    x: int
    y: int = 0


class Chain(BaseModel):
    value: int
    link: Link | None = None


class Link(BaseModel):
    chain: Chain | None = None


class ChainOfText(BaseModel):
    value: str
    link: LinkOfText | None = None


class LinkOfText(BaseModel):
    chain: ChainOfText | None = None


class ChainWithText(BaseModel):
    value: int
    link: LinkOfText | None = None


class Cat(BaseModel):
    lives: int


class Dog(BaseModel):
    tricks: list[str]


CatOrDog: Any = Annotated[
    Annotated[Cat, Tag("cat")] | Annotated[Dog, Tag("dog")],
    Discriminator(lambda value: "cat" if "lives" in value else "dog"),
]
JSON: Any = Json  # of types that are made here
A_OR_NULL: Any = Literal["a", None]  # noqa: PYI061 -- for pydantic this is an enumeration, and no union
Paid = model("Paid", state=Literal["paid"], amount=int)
PaidInText = model("Paid", state=Literal["paid"], amount=str)
Refused = model("Refused", state=Literal["refused"])
Late = model("Late", state=Literal["late"])
PaidByDefault = model("Paid", state=(Literal["paid"], "paid"))
RefusedByDefault = model("Refused", state=(Literal["refused"], "refused"))
Closed = model("Paid", extra="forbid", state=(Literal["paid"], "paid"))
ClosedWithMore = model("Paid", extra="forbid", state=(Literal["paid"], "paid"), more=(int, 1))


def tagged(one: Any, other: Any) -> Any:
    return Annotated[one | other, Field(discriminator="state")]


def bounded(base: Any, **keywords: Any) -> Any:
    return Annotated[base, Field(**keywords)]


PATH = ['!a: pattern was not set and is "path"']
#: What, before, after, the changes: those that break senders begin with an exclamation mark.
TABLE: list[tuple[str, Any, Any, list[str]]] = [
    ("nothing", model(a=int), model(a=int), []),
    ("a required field is added", model(a=int), model(a=int, b=int), ["!b: a required field is new"]),
    ("an optional field is added", model(a=int), model(a=int, b=(int, 1)), ["b: an optional field is new"]),
    ("a field becomes required", model(a=(int, 1)), model(a=int), ["!a: the field was optional and is required"]),
    ("a field becomes optional", model(a=int), model(a=(int, 1)), ["a: the field was required and is optional"]),
    ("a field is removed", model(a=int, b=int), model(a=int), ["b: the field is no longer read"]),
    (
        "a field is removed where others are forbidden",
        model(extra="forbid", a=int, b=int),
        model(extra="forbid", a=int),
        ["!b: the field is refused now"],
    ),
    (
        "a field is renamed",
        model(a=int),
        model(b=int),
        ["a: the field is no longer read", "!b: a required field is new"],
    ),
    (
        "a field gets an alias",
        model(a=int),
        model(a=(int, Field(alias="A"))),
        ["a: the field is no longer read", "!A: a required field is new"],
    ),
    ("others are forbidden", model(a=int), model(extra="forbid", a=int), ["!other fields are refused now"]),
    ("others are allowed", model(extra="forbid", a=int), model(a=int), ["other fields are accepted now"]),
    ("a type changes", model(a=int), model(a=str), ["!a: an integer is no longer accepted, only a string"]),
    ("a type narrows", model(a=float), model(a=int), ["!a: a number is no longer accepted, only an integer"]),
    ("a type widens", model(a=int), model(a=float), ["a: a number is accepted, and not only an integer"]),
    ("anything becomes something", model(a=Any), model(a=int), ["!a: anything is no longer accepted, only an integer"]),
    ("something becomes anything", model(a=int), model(a=Any), ["a: anything is accepted, and not only an integer"]),
    ("null is taken", model(a=int), model(a=int | None), ["a: null is accepted, too"]),
    ("null is no longer accepted", model(a=int | None), model(a=int), ["!a: null is no longer accepted"]),
    ("a union grows", model(a=int | str), model(a=int | str | bool), ["a: a boolean is accepted, too"]),
    ("a union shrinks", model(a=int | str), model(a=int), ["!a: a string is no longer accepted, only an integer"]),
    ("a union is ordered otherwise", model(a=int | str), model(a=str | int), []),
    (
        "an enumeration grows",
        model(a=OneColour),
        model(a=Colour),
        ['a: "blue" is accepted, too'],
    ),
    ("an enumeration shrinks", model(a=Colour), model(a=OneColour), ['!a: "blue" is no longer accepted']),
    ("text becomes an enumeration", model(a=str), model(a=Colour), ['!a: a string is no longer accepted, only "red" or "blue"']),
    ("an enumeration becomes text", model(a=Colour), model(a=str), ["a: a string is accepted, too"]),
    (
        "a constant changes",
        model(a=Literal["x"]),
        model(a=Literal["y"]),
        ['!a: "x" is no longer accepted', 'a: "y" is accepted, too'],
    ),
    (
        "values of several sorts",
        model(a=Literal["a", 1, True]),
        model(a=Literal["a"]),
        ["!a: 1 or true is no longer accepted"],
    ),
    ("more values of several sorts", model(a=Literal["a", "b"]), model(a=Literal["a", "b", 1]), ["a: 1 is accepted, too"]),
    ("a least value is set", model(a=int), model(a=bounded(int, ge=1)), ["!a: minimum was not set and is 1"]),
    ("a least value is lowered", model(a=bounded(int, ge=5)), model(a=bounded(int, ge=1)), ["a: minimum was 5 and is 1"]),
    ("a least value is raised", model(a=bounded(int, ge=1)), model(a=bounded(int, ge=5)), ["!a: minimum was 1 and is 5"]),
    (
        "above becomes at least, which are not compared with each other",
        model(a=bounded(int, gt=1)),
        model(a=bounded(int, ge=1)),
        ["!a: minimum was not set and is 1", "a: exclusiveMinimum was 1 and is not set"],
    ),
    (
        "at least becomes above",
        model(a=bounded(int, ge=1)),
        model(a=bounded(int, gt=1)),
        ["a: minimum was 1 and is not set", "!a: exclusiveMinimum was not set and is 1"],
    ),
    ("a greatest value is lowered", model(a=bounded(float, le=5)), model(a=bounded(float, le=1)), ["!a: maximum was 5 and is 1"]),
    (
        "a greatest value is dropped",
        model(a=bounded(float, lt=5)),
        model(a=float),
        ["a: exclusiveMaximum was 5 and is not set"],
    ),
    (
        "above becomes more",
        model(a=bounded(float, gt=0)),
        model(a=bounded(float, ge=1)),
        ["!a: minimum was not set and is 1", "a: exclusiveMinimum was 0 and is not set"],
    ),
    (
        "money has to be more than nothing",
        model(a=bounded(Decimal, ge=0)),
        model(a=bounded(Decimal, gt=0)),
        ["a: minimum was 0 and is not set", "!a: exclusiveMinimum was not set and is 0"],
    ),
    (
        "a choice becomes a short text",
        model(a=Colour),
        model(a=bounded(str, max_length=3)),
        ['!a: it may break: look at "red" or "blue"', "a: a string is accepted, too"],
    ),
    ("a choice is split", model(a=Colour), model(a=OneColour | Literal["blue"]), []),
    ("only yes is left", model(a=bool), model(a=Literal[True]), ["!a: a boolean is no longer accepted, only true"]),
    (
        "a step becomes finer, which is not computed",
        model(a=bounded(int, multiple_of=6)),
        model(a=bounded(int, multiple_of=2)),
        ["!a: it may break: look at 'multipleOf', which is different"],
    ),
    (
        "a text gets shorter",
        model(a=bounded(str, max_length=9)),
        model(a=bounded(str, max_length=5)),
        ["!a: maxLength was 9 and is 5"],
    ),
    ("a text may be shorter", model(a=bounded(str, min_length=9)), model(a=str), ["a: minLength was 9 and is not set"]),
    ("a pattern is set", model(a=str), model(a=bounded(str, pattern="^a$")), ['!a: pattern was not set and is "^a$"']),
    ("a pattern has the name of a format", model(a=str), model(a=bounded(str, pattern="path")), PATH),
    ("a pattern is dropped", model(a=bounded(str, pattern="^a$")), model(a=str), ['a: pattern was "^a$" and is not set']),
    (
        "a pattern is another",
        model(a=bounded(str, pattern="^a$")),
        model(a=bounded(str, pattern="^b$")),
        ['!a: pattern was "^a$" and is "^b$", so old values may not fit'],
    ),
    ("text becomes a time", model(a=str), model(a=datetime), ['!a: format was not set and is "date-time"']),
    ("a text becomes a secret", model(a=str), model(a=SecretStr), ['a: format was not set and is "password"']),
    (
        "an id becomes that of one version",
        model(a=UUID),
        model(a=UUID4),
        ['!a: format was "uuid" and is "uuid4", so old values may not fit'],
    ),
    ("an id becomes text", model(a=UUID), model(a=str), ['a: format was "uuid" and is not set']),
    ("items change", model(a=list[int]), model(a=list[str]), ["!a[]: an integer is no longer accepted, only a string"]),
    ("fewer items", model(a=list[int]), model(a=bounded(list[int], max_length=3)), ["!a: maxItems was not set and is 3"]),
    ("a list becomes a set", model(a=list[int]), model(a=set[int]), ["!a: items have to differ from each other now"]),
    ("a set becomes a list", model(a=set[int]), model(a=list[int]), []),
    (
        "a tuple's item changes",
        model(a=tuple[int, int]),
        model(a=tuple[int, str]),
        ["!a[1]: an integer is no longer accepted, only a string"],
    ),
    (
        "a tuple gets longer",
        model(a=tuple[int]),
        model(a=tuple[int, int]),
        ["!a: minItems was 1 and is 2", "a: maxItems was 1 and is 2"],
    ),
    ("a named tuple gets an item that may be left out", Single, SingleOrPair, ["maxItems was 1 and is 2"]),
    ("a map's values change", dict[str, int], dict[str, str], ["!*: an integer is no longer accepted, only a string"]),
    ("a model becomes a map", model(a=int), dict[str, int], ["!other fields are restricted now"]),
    (
        "a nested field changes",
        model(a=model("In", b=int)),
        model(a=model("In", b=str)),
        ["!a.b: an integer is no longer accepted, only a string"],
    ),
    ("a nested model is renamed", model(a=Renamed), model(a=Other), []),
    (
        "a member of a tagged union is gone",
        tagged(Paid, Refused),
        Paid,
        ['!state: "refused" is no longer accepted', 'state: "paid" is accepted, too', "!amount: a required field is new"],
    ),
    ("a member is added", tagged(Paid, Refused), tagged(Paid, Refused) | Late, ["Late is accepted, too"]),
    (
        "a member changes",
        tagged(Paid, Refused),
        tagged(PaidInText, Refused),
        ["!amount: an integer is no longer accepted, only a string"],
    ),
    (
        "a member that may be left out changes twice",
        model(a=model("In", b=int) | None),
        model(a=model("In", b=str, c=int) | None),
        ["!a.b: an integer is no longer accepted, only a string", "!a.c: a required field is new"],
    ),
    (
        "a model becomes a union of two that differ from it; the first one counts",
        Chain,
        ChainOfText | ChainWithText,
        ["!value: an integer is no longer accepted, only a string", "ChainWithText is accepted, too"],
    ),
    (
        "a tag has to be there, although each model has a default for it",
        PaidByDefault | RefusedByDefault,
        tagged(PaidByDefault, RefusedByDefault),
        ["!state: the field was optional and is required"],
    ),
    (
        "what a tag tells apart, and is closed, gets an optional field",
        tagged(Closed, RefusedByDefault),
        tagged(ClosedWithMore, RefusedByDefault),
        ["more: an optional field is new"],
    ),
    (
        "a function chooses the member of a union",
        Cat | Dog,
        CatOrDog,
        ["!it may break: look at the function that chooses among the types"],
    ),
    ("the same function chooses", CatOrDog, CatOrDog, []),
    ("what holds itself stays", Node, Node, []),
    ("what holds itself changes", Node, NodeOfText, ["!value: an integer is no longer accepted, only a string"]),
    ("bytes become a payload", bytes, model(a=int), ["!anything is no longer accepted, only Order"]),
    ("bytes become any JSON", bytes, Any, ["!anything is no longer accepted, only JSON"]),
    ("bytes stay", bytes, bytes, []),
    (
        "a payload becomes bytes",
        dict[str, int],
        bytes,
        [
            "anything is accepted, and not only an object",
            'contentMediaType was not set and is "application/octet-stream"',
            "other fields are accepted now",
        ],
    ),
    (
        "a title, an example and a default change",
        model(a=(int, Field(1, title="x", examples=[1]))),
        model(a=(int, Field(2, title="y"))),
        [],
    ),
    ("null is named elsewhere", model(a=A_OR_NULL), model(a=Literal["a"] | None), []),
    (
        "null is a value no more",
        model(a=A_OR_NULL),
        model(a=Literal["a"]),
        ["!a: null is no longer accepted"],
    ),
    (
        "one of the other fields gets a name",
        WithOthers,
        WithOneOfThem,
        ["!name: an integer is no longer accepted, only a string", "name: an optional field is new"],
    ),
    (
        "what is JSON within a text changes",
        model(a=JSON[model("In", b=int)]),
        model(a=JSON[model("In", b=str)]),
        ["!a.(JSON).b: an integer is no longer accepted, only a string"],
    ),
    (
        "values below a pattern change",
        WithSmallOnes,
        WithSmallTexts,
        ["!values: it may break: look at 'patternProperties', which is different"],
    ),
    ("money loses its text", model(a=Decimal), model(a=float), ["!a: a string is no longer accepted, only a number"]),
]


def schema_of(declared: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    (schema,), definitions = payload_schemas([(declared, TypeAdapter(declared))], "validation")
    return schema, definitions


@pytest.mark.parametrize(("before", "after", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_changes(before: Any, after: Any, expected: list[str]) -> None:
    """Each change is called what it is, and those are breaking that may refuse what was sent before."""
    (old, old_definitions), (new, new_definitions) = schema_of(before), schema_of(after)

    found = changes(old, new, old_definitions, new_definitions)

    assert [f"{'!' if each.is_breaking else ''}{each}" for each in found] == expected


def ref(name: str) -> Any:
    return {"$ref": f"#/$defs/{name}"}


NUMBER, TEXT = {"type": "integer"}, {"type": "string"}
#: The definitions of both sides.
DEFINITIONS = {"Union": {"anyOf": [NUMBER, TEXT]}}
A_B = {"anyOf": [{"type": "object", "properties": {"a": NUMBER, "b": TEXT}, "required": ["a"]}]}
PATTERN = {"type": "object", "patternProperties": {"^a": NUMBER}, "additionalProperties": False}
BYTES = {"contentMediaType": "application/octet-stream"}
BELOW_3 = {"allOf": [{"type": "object", "properties": {"a": NUMBER}}, {"properties": {"a": {"maximum": 3}}}]}


#: Draft 7 lists the first items, and so does the AsyncAPI document.
ANY_TEXT = ["![1]: anything is no longer accepted, only a string"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"allOf": [ref("Union")], "description": "as older pydantic wrote it"}, ref("Union"), []),
        ({"allOf": [ref("Union")]}, NUMBER, ["!a string is no longer accepted, only an integer"]),
        (NUMBER, {"allOf": [NUMBER, {"maximum": 3}]}, ["!maximum was not set and is 3"]),
        ({"allOf": [NUMBER, {"maximum": 3}]}, {"allOf": [{"maximum": 3}, NUMBER]}, []),
        # what only two parts together say is not found
        (BELOW_3, {"type": "object", "properties": {"a": {**NUMBER, "maximum": 3}}}, ["!a: maximum was not set and is 3"]),
        (BELOW_3, BELOW_3, []),
        (
            TEXT,
            {"anyOf": [NUMBER, {"allOf": [NUMBER, TEXT]}]},
            ["!a string is no longer accepted, only an integer", "an integer is accepted, too"],
        ),
        ({"type": "object"}, {"type": "object", "required": ["a"]}, ["!a: a required field is new"]),
        (A_B, {**A_B, "required": ["b"]}, ["!b: the field was optional and is required"]),
        (
            PATTERN,
            {**PATTERN, "patternProperties": {"^a": NUMBER, "^b": TEXT}},
            ["!it may break: look at 'patternProperties', which is different"],
        ),
        (PATTERN, PATTERN, []),
        (
            {"enum": [[1], [1, 2]]},
            {"type": "array", "maxItems": 1},
            ["!it may break: look at [1] or [1, 2]", "an array is accepted, too"],
        ),
        ({"type": "array", "items": [NUMBER]}, {"type": "array", "items": [NUMBER, TEXT]}, ANY_TEXT),
        (BYTES, {"allOf": [BYTES, {}]}, ["!anything is no longer accepted, only JSON"]),
        ({"allOf": [BYTES, {}]}, {"allOf": [{}, BYTES]}, []),
        ({"not": ref("Union")}, {"not": ref("Union")}, []),
        ({"not": TEXT}, {"not": NUMBER}, ["!it may break: look at 'not', which is different"]),
    ],
)
def test_documents_of_others(old: Any, new: Any, expected: list[str]) -> None:
    """A document may be older than the pydantic of today, or written by hand."""
    found = changes(old, new, DEFINITIONS, DEFINITIONS)

    assert [f"{'!' if each.is_breaking else ''}{each}" for each in found] == expected


@pytest.mark.parametrize("declared", [str, Node, Node | None, list[Node]])
def test_a_personal_field_is_the_same_to_senders(declared: Any) -> None:
    """The comparison ignores the mark of a personal field, added or removed."""
    plain, marked = (schema_of(model(field=each)) for each in (declared, Annotated[declared, Personal()]))

    assert [changes(one[0], other[0], one[1], other[1]) for one, other in ((plain, marked), (marked, plain))] == [[], []]


def test_definitions_that_are_not_compared() -> None:
    """A keyword that is not understood may break if the definitions that it refers to are different."""
    found = changes({"not": ref("A")}, {"not": ref("A")}, {"A": NUMBER}, {"A": TEXT})

    assert [*map(str, found)] == ["it may break: look at 'not', which is different"]


LEAVES = st.sampled_from(
    [
        {"type": "integer"},
        {"type": "number"},
        {"type": "string"},
        {"type": "boolean"},
        {"type": "null"},
        {"const": "a"},
        {"enum": ["a", "b"], "type": "string"},
        {"enum": ["a", None]},
        {"enum": [1, 2], "type": "integer"},
        {"enum": ["a", "bbbb"]},
        {"enum": [1, 12, 2.5]},
        {"type": "integer", "minimum": 1},
        {"type": "integer", "exclusiveMinimum": 0, "maximum": 9},
        {"type": "number", "maximum": 5},
        {"type": "integer", "multipleOf": 2},
        {"type": "integer", "exclusiveMinimum": 0},
        {"type": "integer", "exclusiveMaximum": 2.5},
        {"type": "string", "maxLength": 3},
        {"type": "string", "minLength": 1},
        {"type": "string", "pattern": "^a+$"},
        {},
    ]
)


def larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas made of others, as pydantic writes them."""
    fields = st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=3)
    objects = fields.flatmap(
        lambda found: st.fixed_dictionaries(
            {
                "type": st.just("object"),
                "properties": st.just(found),
                "required": st.lists(st.sampled_from(sorted(found)), unique=True),
                "additionalProperties": st.just(False),
            }
        )
    )
    return (
        objects
        | st.fixed_dictionaries({"type": st.just("array"), "items": inner})
        | st.fixed_dictionaries({"type": st.just("array"), "items": inner, "maxItems": st.just(2)})
        | st.fixed_dictionaries({"type": st.just("object"), "additionalProperties": inner})
        | st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=2, max_size=3)})
        | st.fixed_dictionaries({"allOf": st.lists(inner, min_size=1, max_size=2)})
    )


SCHEMAS = st.recursive(LEAVES, larger, max_leaves=5)


def fits(value: object, schema: Any) -> bool:
    validator: Any = import_module("jsonschema").Draft202012Validator(schema)  # without types of its own
    is_valid: bool = validator.is_valid(value)
    return is_valid


@given(old=SCHEMAS, new=SCHEMAS, data=st.data())
def test_what_is_not_breaking_refuses_nothing(old: Any, new: Any, data: st.DataObject) -> None:
    """If no change is breaking, whatever fitted the old schema fits the new one."""
    found = changes(old, new, {}, {})
    if any(each.is_breaking for each in found):
        return

    value = data.draw(SchemaStrategies({}).of(old))

    assume(fits(value, old))  # of what is in two schemas, not all that is made is in both
    assert fits(value, new)


@given(schema=SCHEMAS)
def test_a_schema_is_compatible_with_itself(schema: Any) -> None:
    """Nothing is different from itself."""
    assert changes(schema, schema, {}, {}) == []
