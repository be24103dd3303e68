"""JSON Schemas as tables: a short form of every type, sections for objects, and ends to what has none."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from enum import Enum, IntEnum
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

import pytest
from pydantic import AnyUrl, BaseModel, ConfigDict, Field, Json, JsonValue, RootModel, TypeAdapter, create_model
from typing_extensions import TypedDict

from gcp_event_router._schema.json_schema import LenientSchema
from gcp_event_router.catalogue.payload_table import ROWS, SECTIONS, FieldRow, PayloadTable, Section, table_of
from gcp_event_router.privacy import Personal

T = TypeVar("T")


class Colour(Enum):
    RED = "red"
    BLUE = 2


class Level(IntEnum):
    LOW = 1


class Line(BaseModel):
    """One of an order."""

    sku: str


class Tree(BaseModel):
    name: str
    left: Tree | None = Field(None, description="What is less.")
    children: list[Tree] = []


class Cat(BaseModel):
    sort: Literal["cat"]


class Dog(BaseModel):
    sort: Literal["dog"]


class Box(BaseModel, Generic[T]):
    content: T


class Point(TypedDict):
    x: int


class Nested(RootModel[dict[str, list["Nested"]]]):
    pass


def table(declared: Any) -> PayloadTable:
    schema = TypeAdapter[Any](declared).json_schema(by_alias=True, schema_generator=LenientSchema)
    return table_of(schema, "p")


def words(section: Section | FieldRow) -> str:
    return "".join(f"[{part.text}]" if part.anchor else part.text for part in section.type)


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (int, "integer"),
        (float, "number"),
        (bool, "boolean"),
        (None, "null"),
        (str, "string"),
        (Any, "any"),
        (bytes, "string (binary)"),
        (datetime, "string (date-time)"),
        (date, "string (date)"),
        (time, "string (time)"),
        (timedelta, "string (duration)"),
        (UUID, "string (uuid)"),
        (AnyUrl, "string (uri)"),
        (Json[list[int]], "string[array[integer]]"),
        (JsonValue, "any"),
        (Literal["a"], '"a"'),
        (Literal["a", 2], '"a" | 2'),
        (Colour, '"red" | 2'),
        (Level, "1"),
        (int | str, "integer | string"),
        (None | int, "integer | null"),
        (list[int], "array[integer]"),
        (list[int | str], "array[integer | string]"),
        (set[int], "array[integer]"),
        (list[Any], "array"),
        (tuple[int, str], "array[integer, string]"),
        (tuple[int, ...], "array[integer]"),
        (dict[str, int], "object[integer]"),
        (dict[str, Any], "object"),
        (dict[str, list[int | None]], "object[array[integer | null]]"),
        (list[Line], "array[[Line]]"),
        (Line | None, "[Line] | null"),
        (Annotated[Cat | Dog, Field(discriminator="sort")], "[Cat] | [Dog]"),
        (Nested, "object[array[object[array[object[array[object[…]]]]]]]"),
    ],
)
def test_words(declared: Any, expected: str) -> None:
    """A type is written in the terms of JSON Schema; those of objects are links to their sections."""
    assert words(table(declared).sections[0]) == expected


FIELDS: list[tuple[Any, list[str]]] = [
    (Annotated[int, Field(ge=1, le=9)], ["maximum: 9", "minimum: 1"]),
    (
        Annotated[float, Field(gt=1, lt=9, multiple_of=2)],
        ["exclusiveMaximum: 9", "exclusiveMinimum: 1", "multipleOf: 2"],
    ),
    (
        Annotated[str, Field(min_length=1, max_length=3, pattern="^a")],
        ["maxLength: 3", "minLength: 1", "pattern: ^a"],
    ),
    (list[Annotated[int, Field(ge=1)]], ["items.minimum: 1"]),
    (Annotated[list[int], Field(min_length=2)], ["minItems: 2"]),
    (dict[str, Annotated[int, Field(ge=1)]], ["additionalProperties.minimum: 1"]),
    (Annotated[int, Field(ge=1, deprecated=True)], ["deprecated: true", "minimum: 1"]),
    (Annotated[list[Annotated[int, Field(ge=1)] | str], Field(max_length=2)], ["items.minimum: 1", "maxItems: 2"]),
    (set[int], ["uniqueItems: true"]),
    (list[Tree], list[str]()),
    (Annotated[str, Field(min_length=1), Personal()], ["minLength: 1", "personal"]),
    (list[Annotated[str, Personal()]], ["items.personal"]),
    (Annotated[Tree, Personal()], ["personal"]),
]


@pytest.mark.parametrize(("field", "expected"), FIELDS)
def test_notes(field: Any, expected: list[str]) -> None:
    """The other keywords of a value: bounds, lengths, patterns, also those of items and values."""
    model = create_model("Model", field=(field, ...))

    (row,) = table(model).sections[0].rows
    assert sorted(each.replace(".0", "") for each in row.notes) == sorted(expected)


def test_bytes_of_another_type() -> None:
    """The media type of bytes is a note; a type that lies too deep is an ellipsis."""
    (section,) = table_of({"contentMediaType": "application/octet-stream"}, "p").sections
    assert (words(section), section.notes) == ("any", ["contentMediaType: application/octet-stream"])

    deep: dict[str, Any] = {"type": "integer", "minimum": 1}
    for _ in range(10):
        deep = {"type": "array", "items": deep}
    (section,) = table_of(deep, "p").sections
    assert words(section) == "array[" * 7 + "…" + "]" * 7
    assert section.notes == []


def test_rows() -> None:
    """A row has the name by which a field is read, whether it has to be there, its default and its description."""

    class Order(BaseModel):
        """Somebody ordered."""

        model_config = ConfigDict(extra="forbid")

        order_id: int = Field(alias="orderId", description="Its number.")
        note: str = "none"
        lines: list[Line] = Field(default_factory=list[Line])
        line: Line = Field(Line(sku="a"), description="The first.")

    order, line = table(Order).sections

    assert (order.title, order.description, order.is_closed, order.anchor) == ("Order", "Somebody ordered.", True, "p-0")
    assert [(row.name, words(row), row.is_required, row.default, row.description) for row in order.rows] == [
        ("orderId", "integer", True, "", "Its number."),
        ("note", "string", False, '"none"', ""),
        ("lines", "array[[Line]]", False, "", ""),
        ("line", "[Line]", False, '{"sku": "a"}', "The first."),
    ]
    assert (line.title, line.description, line.anchor, line.is_closed) == ("Line", "One of an order.", "p-1", False)
    assert order.rows[2].type[1].anchor == order.rows[3].type[0].anchor == "p-1"


def test_model_that_holds_itself() -> None:
    """It has one section, to which its own fields lead."""
    (tree,) = table(Tree).sections

    assert [words(row) for row in tree.rows] == ["string", "[Tree] | null", "array[[Tree]]"]
    assert {part.anchor for row in tree.rows for part in row.type if part.anchor} == {tree.anchor}


def test_several_payloads() -> None:
    """A payload that several types have to read has a section for each."""
    schema = {"allOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Line"}, {"type": "integer"}]}
    definitions = {name: TypeAdapter(each).json_schema() for name, each in (("Cat", Cat), ("Line", Line))}

    sections = table_of({**schema, "$defs": definitions}, "p").sections

    assert sorted((each.title, words(each)) for each in sections) == [("", "integer"), ("Cat", ""), ("Line", "")]
    assert len({each.anchor for each in sections}) == 3


def test_generic_models_and_typed_dicts() -> None:
    """They are objects as any other."""
    assert [each.title for each in table(Box[Point]).sections] == ["Box[Point]", "Point"]


def test_limits() -> None:
    """Of very large schemas so much is told, and that there is more; long values and many choices are cut off."""
    wide = create_model("Wide", **{f"field_{number}": (int, ...) for number in range(ROWS + 5)})  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType, reportUnknownVariableType] -- names that are made
    (section,) = table(wide).sections
    assert (len(section.rows), section.left_out) == (ROWS, 5)

    parts: dict[str, Any] = {
        f"part_{number}": {"type": "object", "properties": {"a": {}}, "title": f"P{number}"} for number in range(SECTIONS + 5)
    }
    many = table_of({"type": "object", "properties": parts}, "p")
    assert (len(many.sections), many.is_cut) == (SECTIONS, True)
    assert words(many.sections[0].rows[-1]) == f"P{SECTIONS + 4}"

    (choices,) = table_of({"enum": [*range(25)]}, "p").sections
    assert words(choices).endswith("18 | 19 | … 5 more")
    (long,) = table_of({"const": "x" * 500}, "p").sections
    assert len(words(long)) == 121


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}},
        {
            "$ref": "#/$defs/A",
            "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "array", "items": {"$ref": "#/$defs/A"}}]}},
        },
        {"$ref": "#/$defs/A", "$defs": {"A": {"type": "array", "items": {"$ref": "#/$defs/A"}, "title": "A"}}},
        {"$ref": "#/$defs/nowhere"},
        {
            "type": "array",
            "items": {"type": "array", "items": {"type": "array", "items": {"type": "array", "items": {"type": "array"}}}},
        },
        {"type": ["string", "null"]},
        {"type": "made-up", "format": "made-up"},
        {"allOf": [{"type": "integer"}, {"minimum": 1}], "title": "x"},
        {"type": "array", "items": True},
        {"type": "object", "patternProperties": {"^a": {"type": "integer"}}, "propertyNames": {"maxLength": 3}},
        {"type": "object", "properties": {}},
    ],
)
def test_odd_schemas_have_tables(schema: dict[str, Any]) -> None:
    """A schema that pydantic would not make, or that refers to itself, has an end, and a text."""
    for section in table_of(schema, "p").sections:
        assert words(section)
