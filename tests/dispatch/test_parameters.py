"""Parameters: the query string as a dict, or as the type that a handler declares."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import pytest
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    Json,
    RootModel,
    TypeAdapter,
    WithJsonSchema,
)
from pydantic_core import CoreSchema
from typing_extensions import TypeAliasType, TypedDict, override

from gcp_event_router import Event, EventRouter
from gcp_event_router._dispatch.payload import _holds_many, parameters_reader  # pyright: ignore[reportPrivateUsage] -- no checker lets such a type be written
from gcp_event_router._schema.type_names import type_text
from gcp_event_router.exceptions import InvalidEventError, RegistrationError

from ..conftest import Post


class Numbers(BaseModel):
    numbers: list[int]


class Many(BaseModel):
    optional: list[str] | None = None
    either: str | list[str] = ""
    unique: set[int] = set()
    frozen: frozenset[int] = frozenset()
    pair: tuple[int, ...] = ()
    sequence: Sequence[int] = ()
    bounded: Annotated[list[int], Field(max_length=2)] = []


class One(BaseModel):
    text: str = "default"
    number: int | None = None
    flag: bool = False
    choice: Literal["a", "b"] = "a"


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    number: int
    numbers: list[int] = []


class Aliased(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    many: Annotated[list[int], Field(alias="n")] = []
    single: Annotated[int, Field(alias="s")] = 0


class Choices(BaseModel):
    many: Annotated[list[int], Field(validation_alias=AliasChoices("first", "second"))] = []


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


@dataclass
class Point:
    x: int
    tags: list[str] = field(default_factory=list[str])


class Size(TypedDict, total=False):
    width: int
    tags: list[str]


Texts = TypeAliasType("Texts", str | list[str])
NumberOrTexts = TypeAliasType("NumberOrTexts", int | Texts)


class Tree(BaseModel):
    names: Texts = ""
    children: list[Tree] = []


class StrictChoices(BaseModel):
    model_config = ConfigDict(strict=True)
    many: Annotated[list[int], Field(validation_alias=AliasChoices("first", "second"))] = []


def read(declared: Any, query: dict[str, list[str]]) -> Any:
    return parameters_reader(TypeAdapter(declared))(query)


@pytest.mark.parametrize(
    ("declared", "query", "parameters"),
    [
        (Numbers, {"numbers": ["1", "2"]}, Numbers(numbers=[1, 2])),
        (Numbers, {"numbers": ["1"]}, Numbers(numbers=[1])),
        (Many, {}, Many()),
        (Many, {"optional": ["a", "b"]}, Many(optional=["a", "b"])),
        (Many, {"either": ["a", "b"]}, Many(either=["a", "b"])),
        (Many, {"unique": ["1", "1", "2"], "frozen": ["3"]}, Many(unique={1, 2}, frozen=frozenset({3}))),
        (Many, {"pair": ["1", "2"], "sequence": ["3", "4"]}, Many(pair=(1, 2), sequence=[3, 4])),
        (Many, {"bounded": ["1", "2"]}, Many(bounded=[1, 2])),
        (One, {}, One()),
        (One, {"text": ["a", "b"], "number": ["1", "2"]}, One(text="b", number=2)),
        (One, {"flag": ["true"], "choice": ["a", "b"], "other": ["x"]}, One(flag=True, choice="b")),
        (Strict, {"number": ["1"], "numbers": ["2"]}, Strict(number=1, numbers=[2])),
        (Aliased, {"n": ["1", "2"], "s": ["1", "2"]}, Aliased.model_construct(many=[1, 2], single=2)),
        (Aliased, {"many": ["1", "2"], "single": ["1", "2"]}, Aliased.model_construct(many=[1, 2], single=2)),
        (Choices, {"first": ["1", "2"]}, Choices.model_construct(many=[1, 2])),
        (Choices, {"second": ["1", "2"]}, Choices.model_construct(many=[1, 2])),
        (Point, {"x": ["1", "2"], "tags": ["a", "b"]}, Point(2, ["a", "b"])),
        (Size, {"width": ["1"], "tags": ["a"]}, {"width": 1, "tags": ["a"]}),
        (dict[str, int], {"a": ["1", "2"]}, {"a": 2}),
        (dict[str, list[int]], {"a": ["1", "2"]}, {"a": [1, 2]}),
        (dict[str, str | list[str]], {"a": ["1", "2"], "b": ["1"]}, {"a": ["1", "2"], "b": ["1"]}),
        (dict[str, Texts], {"a": ["1", "2"]}, {"a": ["1", "2"]}),
        (dict[str, NumberOrTexts], {"a": ["x", "y"]}, {"a": ["x", "y"]}),
        (Tree, {"names": ["x", "y"]}, Tree(names=["x", "y"])),
        (StrictChoices, {"second": ["1", "2"]}, StrictChoices.model_construct(many=[1, 2])),
    ],
)
def test_parameters_are_read_as_their_type(declared: Any, query: dict[str, list[str]], parameters: object) -> None:
    """A parameter has all its values where the type declares many, and its last one elsewhere; text becomes numbers."""
    assert read(declared, query) == parameters


@pytest.mark.parametrize(
    ("declared", "query", "errors"),
    [
        (Numbers, {}, [(["numbers"], "Field required", "missing")]),
        (
            Numbers,
            {"numbers": ["1", "s3cr3t"]},
            [(["numbers", 1], "Input should be a valid integer, unable to parse string as an integer", "int_parsing")],
        ),
        (Closed, {"s3cr3t": ["1"]}, [(["[key]"], "Extra inputs are not permitted", "extra_forbidden")]),
        (One, {"choice": ["s3cr3t"]}, [(["choice"], "Input should be 'a' or 'b'", "literal_error")]),
        (dict[str, None], {"s3cr3t": ["1"]}, [(["[key]"], "Input should be None", "none_required")]),
    ],
)
def test_invalid_parameters_are_told_by_place_and_kind(
    declared: Any, query: dict[str, list[str]], errors: list[tuple[list[int | str], str, str]]
) -> None:
    """An error has a location and a type, but no name or value that was sent."""
    with pytest.raises(InvalidEventError) as caught:
        read(declared, query)

    assert [(error["loc"], error["msg"], error["type"]) for error in caught.value.errors] == errors
    assert str(caught.value) == f"invalid parameters: {len(errors)} error{'s' * (len(errors) > 1)}"


class Schemaless(BaseModel):
    """A type that can be read, but not described."""

    number: int
    numbers: list[int] = []

    @override
    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler, /) -> dict[str, Any]:
        raise KeyError(cls.__name__)


class Referring(BaseModel):
    """A type with a part that another document describes."""

    number: Annotated[int, WithJsonSchema({"$ref": "https://example.com/schemas/number"})]
    numbers: list[int] = []


@pytest.mark.parametrize(("declared", "place"), [(Schemaless, "[key]"), (Referring, "number")])
def test_a_type_needs_no_json_schema(router: EventRouter, post: Post, declared: Any, place: str) -> None:
    """Its parameters and payloads are read, and refused, all the same."""
    assert read(declared, {"number": ["1"], "numbers": ["1", "2"]}) == declared(number=1, numbers=[1, 2])

    router.on("k", payload=declared)(lambda event: None)
    response = post("/events/k/r", b'{"number": "s3cr3t"}')
    assert (response.status_code, [error["loc"] for error in json.loads(response.content)["errors"]]) == (400, [[place]])


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("", {}),
        ("?", {}),
        ("?a=1", {"a": "1"}),
        ("?a=1&a=2", {"a": "2"}),
        ("?a=&b", {"a": "", "b": ""}),
        ("?=1", {"": "1"}),
        ("?a=%C3%A9+%26%00", {"a": "\xe9 &\0"}),
        ("?a=\xe9&b=\u20ac", {"a": "\xe9", "b": "\u20ac"}),
        ("?a=%FF", {"a": "\ufffd"}),
        (
            "?__GCP_CloudEventsMode=CUSTOM_PUBSUB_projects%2FP%2Ftopics%2FT",
            {},
        ),
    ],
)
def test_parameters_are_a_dict_of_strings_by_default(
    router: EventRouter, post: Post, query: str, parameters: dict[str, str]
) -> None:
    """Without a second type argument, the parameters are decoded strings; the last value of a repeated one."""
    seen: list[dict[str, str]] = []

    @router.on("k")
    def handler(event: Event[Any]) -> None:
        seen.append(event.parameters)

    assert post(f"/events/k/r{query}").status_code == 201
    assert seen == [parameters]


def test_each_handler_has_parameters_of_its_own(router: EventRouter, post: Post) -> None:
    """Handlers of one event declare different parameters, and none sees what another one changes."""
    seen: list[object] = []

    @router.on("k")
    def typed(event: Event[Any, Numbers]) -> None:
        seen.append(event.parameters.model_copy(deep=True))
        event.parameters.numbers.clear()

    @router.on("k")
    def plain(event: Event[Any]) -> None:
        seen.append(dict(event.parameters))
        event.parameters.clear()

    @router.on("k")
    def again(event: Event[Any]) -> None:
        seen.append(event.parameters)

    post("/events/k/r?numbers=1&numbers=2")

    assert seen == [Numbers(numbers=[1, 2]), {"numbers": "2"}, {"numbers": "2"}]


def test_a_type_that_leads_back_to_itself_has_an_end() -> None:
    """The search for lists ends, even in the schema of a union that refers to itself."""
    itself = {"$ref": "#/$defs/A"}

    assert _holds_many(itself, {"$defs": {"A": {"anyOf": [itself]}}}) is False


class Numbered(RootModel[dict[str, int]]): ...


class Listed(RootModel[list[int]]): ...


Ids = TypeAliasType("Ids", list[int])


class Pair(NamedTuple):
    a: int
    b: int = 0


@pytest.mark.parametrize(
    "declared",
    [
        int,
        str,
        bytes,
        bool,
        None,
        date,
        UUID,
        list[int],
        set[str],
        tuple[int, ...],
        int | None,
        int | list[str],
        Literal["x"],
        Annotated[int, Field(gt=1)],
        Annotated[list[int], AfterValidator(sorted)],
        Listed,
        Json[dict[str, int]],
        Ids,
    ],
    ids=str,
)
def test_a_type_without_names_is_no_type_of_parameters(router: EventRouter, declared: Any) -> None:
    """A type that cannot hold the names of a URL's parameters is refused: https://url.spec.whatwg.org/#urlsearchparams."""

    def handler(event: Any) -> None: ...

    handler.__annotations__["event"] = Event[dict[str, int], declared]
    with pytest.raises(RegistrationError) as refused:
        router.on("k")(handler)

    assert len(router) == 0
    where = f"{__name__}.{handler.__qualname__} ({__file__}:{handler.__code__.co_firstlineno})"
    kept = type_text(type(None) if declared is None else declared)
    assert str(refused.value) == (
        f"{where} annotates its parameter Event[dict[str, int], {kept}], but the parameters of a URL have names and values, "
        f"which {kept} cannot hold. Declare a model with a field for each, and write Event[dict[str, int], Params]."
    )


@pytest.mark.parametrize(
    "declared",
    [
        dict[str, int],
        dict[str, list[int]],
        Mapping[str, str],
        dict,
        Any,
        object,
        Numbers,
        Numbers | None,
        int | Numbers,
        Numbered,
        Pair,
        Annotated[dict[str, int], BeforeValidator(dict)],
        Annotated[int, BeforeValidator(len)],
    ],
    ids=str,
)
def test_a_type_that_may_hold_names_is_one_of_parameters(router: EventRouter, declared: Any) -> None:
    """Models, dataclasses, TypedDicts and mappings are accepted, and types that a project's validator makes of a mapping."""

    def handler(event: Any) -> None: ...

    handler.__annotations__["event"] = Event[dict[str, int], declared]
    router.on("k")(handler)

    assert len(router) == 1
