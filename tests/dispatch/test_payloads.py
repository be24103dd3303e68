"""Payloads: bytes are read as the type that a handler declares, and errors reveal nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from types import NoneType
from typing import Annotated, Any, Literal, NewType

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType, TypedDict

from gcp_event_router import Event, EventRouter
from gcp_event_router._dispatch.payload import payload_reader
from gcp_event_router.exceptions import ErrorDetail, InvalidEventError

from ..conftest import Post

SECRET = "s3cr3t"


class Order(BaseModel):
    order_id: int
    total: Decimal = Decimal(0)


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    order_id: int
    total: Decimal = Decimal(0)


class Free(BaseModel):
    model_config = ConfigDict(extra="allow")
    number: float = 0
    anything: Any = None


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]


@dataclass
class Point:
    x: int
    y: int = 0


class Size(TypedDict):
    width: int


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


def tag(value: Any) -> Any:
    return value["kind"]


Tagged = Annotated[Annotated[Cat, Tag("cat")] | Annotated[Dog, Tag("dog")], Discriminator(tag)]


def read(declared: Any, data: bytes) -> Any:
    return payload_reader(TypeAdapter(declared), declared)(data)


def refused(declared: Any, data: bytes) -> list[ErrorDetail]:
    with pytest.raises(InvalidEventError) as caught:
        read(declared, data)
    return list(caught.value.errors)


@pytest.mark.parametrize(
    ("declared", "data", "payload"),
    [
        (Order, b'{"order_id": "1", "total": 0.1}', Order(order_id=1, total=Decimal("0.1"))),
        (Strict, b'{"order_id": 1, "total": "0.1"}', Strict(order_id=1, total=Decimal("0.1"))),
        (Point, b'{"x": 1}', Point(1)),
        (Size, b'{"width": "1", "other": 2}', {"width": 1}),
        (list[Order], b'[{"order_id": 1}]', [Order(order_id=1)]),
        (dict[str, int], b'{"a": 1, "a": 2}', {"a": 2}),
        (Pet, b'{"kind": "cat", "lives": 9}', Cat(kind="cat", lives=9)),
        (Tagged, b'{"kind": "dog"}', Dog(kind="dog")),
        (Order | None, b"", None),
        (None, b"", None),
        (None, b"null", None),
        (NoneType, b"", None),
        (Any, b"", None),
        (Any, b'{"a": [1, 2.5, null, "\\u0000"]}', {"a": [1, 2.5, None, "\0"]}),
        (object, b"[]", []),
        (int, b"1", 1),
        (bytes, b"", b""),
        (bytes, b'"\xff', b'"\xff'),
        (Annotated[bytes, Field(max_length=2)], b"\xff\xff", b"\xff\xff"),
        (str, b"", ""),
        (str, b'"a\\n\\u00e9"', "a\n\xe9"),
        (str, b'"a" or b', '"a" or b'),
        (str, b'"', '"'),
        (str, b'{"a": 1}', '{"a": 1}'),
        (str, b"null", "null"),
        (str, b" \xc3\xa9", " \xe9"),
        (Annotated[str, Field(max_length=2)], b'"ab"', "ab"),
        (str | None, b"", None),
        (str | None, b'"a"', "a"),
    ],
)
def test_a_payload_is_read_as_its_type(declared: Any, data: bytes, payload: object) -> None:
    """Each type that a handler may declare is read from bytes; an empty payload reads as null."""
    assert read(declared, data) == payload


INVALID: list[tuple[Any, bytes, list[tuple[list[int | str], str, str]]]] = [
    (Order, b"", [([], "Input should be an object", "model_type")]),
    (Strict, b'{"order_id": "1"}', [(["order_id"], "Input should be a valid integer", "int_type")]),
    (Point, b"{}", [(["x"], "Field required", "missing")]),
    (Size, b'{"width": null}', [(["width"], "Input should be a valid integer", "int_type")]),
    (list[Order], b'[{"order_id": 1}, 2]', [([1], "Input should be an object", "model_type")]),
    (None, b"1", [([], "Input should be null", "none_required")]),
    (str, b"\xff", [([], "The text is not UTF-8", "string_unicode")]),
    (str, b'"\xff"', [([], "The text is not UTF-8", "string_unicode")]),
    (Annotated[bytes, Field(max_length=1)], b"ab", [([], "Data should have at most 1 byte", "bytes_too_long")]),
    (Annotated[str, Field(max_length=1)], b"ab", [([], "String should have at most 1 character", "string_too_long")]),
    (Pet, b'{"kind": "s3cr3t"}', [([], "The tag does not match any of the expected tags", "union_tag_invalid")]),
    (Tagged, b'{"kind": "s3cr3t"}', [([], "The tag does not match any of the expected tags", "union_tag_invalid")]),
    (Pet, b'{"kind": "cat"}', [(["cat", "lives"], "Field required", "missing")]),
    (Closed, b'{"s3cr3t": 1}', [(["[key]"], "Extra inputs are not permitted", "extra_forbidden")]),
    (dict[str, list[Cat]], b'{"s3cr3t": [0]}', [(["[key]", 0], "Input should be an object", "model_type")]),
    (dict[int, None], b'{"41111111": 0}', [(["[key]"], "Input should be null", "none_required")]),
]


@pytest.mark.parametrize(("declared", "data", "errors"), INVALID)
def test_an_invalid_payload_is_told_by_place_and_kind(
    declared: Any, data: bytes, errors: list[tuple[list[int | str], str, str]]
) -> None:
    """An error has a location and a type, in the words of the schema, but no value, key or tag that was sent."""
    assert [(error["loc"], error["msg"], error["type"]) for error in refused(declared, data)] == errors


def own_type(value: str) -> Exception:
    return PydanticCustomError("own_type", "is {value}", {"value": value})


def own_text(value: str) -> Exception:
    return PydanticCustomError("string_type", "is {value}", {"value": value})


def raising(error: Callable[[str], Exception]) -> Any:
    def validate(value: str) -> str:
        raise error(value)

    return list[Annotated[str, AfterValidator(validate)]]


@pytest.mark.parametrize("error", [ValueError, AssertionError, own_type, own_text])
def test_what_a_validator_says_is_not_told(error: Callable[[str], Exception]) -> None:
    """The text of a project's validator may contain the value, so it is replaced."""
    (detail,) = refused(raising(error), json.dumps([SECRET]).encode())

    assert (detail["loc"], detail["msg"]) == ([0], "The value was refused by a validator")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize(
    ("declared", "text"),
    [
        (float, "{}"),
        (Any, "{}"),
        (Any, '[{{"a": [{}]}}]'),
        (list[float], "[1, {}]"),
        (Free, '{{"number": {}}}'),
        (Free, '{{"anything": [{}]}}'),
        (Free, '{{"extra": {{"a": {}}}}}'),
    ],
)
def test_numbers_are_finite(declared: Any, text: str, number: str) -> None:
    """NaN and Infinity never reach a handler, at any depth and under any name."""
    refused(declared, text.format(number).encode())


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_no_word_for_a_number_is_passed_over(number: str) -> None:
    """NaN and Infinity are refused, also under a name that the model does not have."""
    with pytest.raises(InvalidEventError) as caught:
        read(Order, f'{{"order_id": 1, "other": [{number}]}}'.encode())

    assert str(caught.value) == "invalid payload: 1 error"
    assert caught.value.errors == ({"loc": [], "msg": "JSON has no NaN and no Infinity", "type": "json_invalid"},)


@pytest.mark.parametrize("text", ["NaN", "-Infinity", 'a "NaN" in quotes', "Infinity\\"])
def test_the_words_may_stand_in_text(text: str) -> None:
    """NaN and Infinity are accepted inside strings and names."""
    assert read(Any, json.dumps({text: [text]}).encode()) == {text: [text]}


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"{}x",
        b"'a'",
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\\ud800"',
        b"9" * 5000,
        b"[" * 250 + b"]" * 250,
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_json_is_invalid(data: bytes) -> None:
    """Broken, mis-encoded, endless and bottomless JSON is the sender's error, and an error of one line."""
    (detail,) = refused(Any, data)

    assert (detail["loc"], detail["type"]) == ([], "json_invalid")


def with_prefix(text: bytes) -> list[bytes]:
    message = {"data": base64.b64encode(text).decode()}
    return [text, json.dumps({"message": message, "subscription": "s"}).encode()]


@pytest.mark.parametrize(("text", "status"), [(b'{"order_id": 1}', 201), (b'{"order_id": "1"}', 400), (b"", 400)])
@pytest.mark.parametrize("headers", [{}, {"x-goog-pubsub-message-id": "1"}])
def test_a_strict_model_means_the_same_in_every_envelope(
    router: EventRouter, post: Post, text: bytes, status: int, headers: dict[str, str]
) -> None:
    """Plain, wrapped or unwrapped: a strict model reads the payload's own JSON, and refuses the same."""

    @router.on("k")
    def handler(event: Event[Strict]) -> None:
        assert event.payload == Strict(order_id=1)

    answers = [post("/events/k/r", body, **headers) for body in with_prefix(text)]

    assert {(answer.status_code, answer.content) for answer in answers} == {(status, answers[0].content)}


Raw = NewType("Raw", bytes)
Words = TypeAliasType("Words", Annotated[str, Field(max_length=20)])


@pytest.mark.parametrize(("declared", "data", "payload"), [(Raw, b"\xff", b"\xff"), (Words, b"plain text", "plain text")])
def test_a_name_for_bytes_or_text_changes_nothing(declared: Any, data: bytes, payload: object) -> None:
    """NewType, Annotated and type aliases of bytes and str are read as bytes and str."""
    assert payload_reader(TypeAdapter(declared), declared)(data) == payload
