"""JSON Schemas as tables: words for every sort of type, sections for objects, and ends to what has none."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

import pytest
from pydantic import AnyUrl, BaseModel, ConfigDict, Field, Json, JsonValue, RootModel, TypeAdapter, create_model
from typing_extensions import TypedDict

from gcp_event_router._schema.json_schema import LenientSchema
from gcp_event_router.catalogue.payload_table import ROWS, SECTIONS, Row, Section, Table, table_of

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


def table(declared: Any) -> Table:
    schema = TypeAdapter[Any](declared).json_schema(by_alias=True, schema_generator=LenientSchema)
    return table_of(schema, "p")


def words(section: Section | Row) -> str:
    return "".join(f"[{part.text}]" if part.anchor else part.text for part in section.type)


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (int, "whole number"),
        (float, "number"),
        (bool, "true or false"),
        (None, "null"),
        (str, "text"),
        (Any, "anything"),
        (bytes, "text, read as bytes"),
        (datetime, "date and time"),
        (date, "date"),
        (time, "time"),
        (timedelta, "duration"),
        (UUID, "UUID"),
        (AnyUrl, "URL"),
        (Json[list[int]], "JSON in a text: list of whole number"),
        (JsonValue, "anything"),
        (Literal["a"], '"a"'),
        (Literal["a", 2], '"a" or 2'),
        (Colour, '"red" or 2'),
        (Level, "1"),
        (int | str, "whole number or text"),
        (None | int, "whole number or null"),
        (list[int], "list of whole number"),
        (list[int | str], "list of (whole number or text)"),
        (set[int], "set of whole number"),
        (list[Any], "list"),
        (tuple[int, str], "list of: whole number, text"),
        (tuple[int, ...], "list of whole number"),
        (dict[str, int], "map of text to whole number"),
        (dict[str, Any], "object"),
        (dict[str, list[int | None]], "map of text to (list of (whole number or null))"),
        (list[Line], "list of [Line]"),
        (Line | None, "[Line] or null"),
        (Annotated[Cat | Dog, Field(discriminator="sort")], "[Cat] or [Dog]"),
        (Nested, "map of text to (list of Nested)"),
    ],
)
def test_words(declared: Any, expected: str) -> None:
    """Each type that is no object of its own has words; those of objects are links to their sections."""
    assert words(table(declared).sections[0]) == expected


FIELDS: list[tuple[Any, list[str]]] = [
    (Annotated[int, Field(ge=1, le=9)], ["at most 9", "at least 1"]),
    (Annotated[float, Field(gt=1, lt=9, multiple_of=2)], ["more than 1", "less than 9", "a multiple of 2"]),
    (
        Annotated[str, Field(min_length=1, max_length=3, pattern="^a")],
        ["length at least 1", "length at most 3", "matches ^a"],
    ),
    (list[Annotated[int, Field(ge=1)]], ["each: at least 1"]),
    (Annotated[list[int], Field(min_length=2)], ["items: at least 2"]),
    (dict[str, Annotated[int, Field(ge=1)]], ["each value: at least 1"]),
    (Annotated[int, Field(ge=1)], ["at least 1"]),
    (Annotated[list[Annotated[int, Field(ge=1)] | str], Field(max_length=2)], ["items: at most 2", "each: at least 1"]),
    (Annotated[Cat | Dog, Field(discriminator="sort")], ["told apart by sort"]),
    (list[Tree], list[str]()),
]


@pytest.mark.parametrize(("field", "expected"), FIELDS)
def test_notes(field: Any, expected: list[str]) -> None:
    """What else holds of a value: bounds, lengths, patterns, also of items and values."""
    model = create_model("Model", field=(field, ...))

    (row,) = table(model).sections[0].rows
    assert sorted(each.replace(".0", "") for each in row.notes) == sorted(expected)


def test_bytes_of_another_type() -> None:
    """What is no JSON is told as what it is; what lies too deep to be told has an ellipsis."""
    (section,) = table_of({"contentMediaType": "application/octet-stream"}, "p").sections
    assert words(section) == "bytes, as they come"

    deep: dict[str, Any] = {"type": "integer", "minimum": 1}
    for _ in range(10):
        deep = {"type": "array", "items": deep}
    (section,) = table_of(deep, "p").sections
    assert words(section).endswith("(list of …)" + ")" * 5)
    assert section.notes == ()


def test_decimal() -> None:
    """A Decimal, which pydantic reads from a number or a text of digits, is one thing where the schema says so."""
    digits = {"type": "string", "pattern": r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"}
    schema = {"anyOf": [{"type": "number", "minimum": 0}, digits, {"type": "null"}]}

    (section,) = table_of(schema, "p").sections
    assert words(section) == "decimal number or null"
    assert section.notes == ("at least 0",)
    assert words(table(Decimal).sections[0]) in {"decimal number", "number or text"}  # by the version of pydantic


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
        ("orderId", "whole number", True, "", "Its number."),
        ("note", "text", False, '"none"', ""),
        ("lines", "list of [Line]", False, "", ""),
        ("line", "[Line]", False, '{"sku": "a"}', "The first."),
    ]
    assert (line.title, line.description, line.anchor, line.is_closed) == ("Line", "One of an order.", "p-1", False)
    assert order.rows[2].type[1].anchor == order.rows[3].type[0].anchor == "p-1"


def test_model_that_holds_itself() -> None:
    """It has one section, to which its own fields lead."""
    (tree,) = table(Tree).sections

    assert [words(row) for row in tree.rows] == ["text", "[Tree] or null", "list of [Tree]"]
    assert {part.anchor for row in tree.rows for part in row.type if part.anchor} == {tree.anchor}


def test_several_payloads() -> None:
    """A payload that several types have to read has a section for each."""
    schema = {"allOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Line"}, {"type": "integer"}]}
    definitions = {name: TypeAdapter(each).json_schema() for name, each in (("Cat", Cat), ("Line", Line))}

    sections = table_of({**schema, "$defs": definitions}, "p").sections

    assert sorted((each.title, words(each)) for each in sections) == [("", "whole number"), ("Cat", ""), ("Line", "")]
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
    assert words(choices).endswith("18 or 19 or one of 5 more")
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
    """A schema that pydantic would not make, or that refers to itself, has an end, and words."""
    for section in table_of(schema, "p").sections:
        assert words(section)
