"""Payloads with many errors: which are reported, and which are only counted."""

from __future__ import annotations

import json
import sys
from types import FrameType
from typing import Annotated, Any, Literal, cast

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.plugin import SchemaTypePath
from pydantic.plugin._schema_validator import PluggableSchemaValidator

from gcp_event_router import EventRouter
from gcp_event_router._dispatch.payload import (
    _FAIL_FAST,  # pyright: ignore[reportPrivateUsage] -- what this pydantic can do
    payload_reader,
)
from gcp_event_router.exceptions import MAX_ERRORS, InvalidEventError

from ..conftest import Post
from .test_payloads import SECRET, read, refused


class Node(BaseModel):
    children: list[Node] = []
    number: int = 0


def deep(levels: int) -> bytes:
    node: dict[str, Any] = {"children": [{"number": SECRET}] * 30}
    for _ in range(levels):
        node = {"children": [node]}
    return json.dumps(node).encode()


TOO_MANY = [
    pytest.param(list[int], b"[" + b",".join([b'"s3cr3t"'] * 200_000) + b"]", id="200,000 items"),
    pytest.param(list[int], json.dumps([SECRET] * 1000).encode(), id="1,000 items"),
    pytest.param(dict[str, int], json.dumps({SECRET * 99 + str(key): SECRET for key in range(999)}).encode(), id="long keys"),
    pytest.param(Node, deep(60), id="deep places"),
]


@pytest.mark.parametrize(("declared", "body"), TOO_MANY)
def test_many_errors_make_a_short_answer_and_a_short_line(
    router: EventRouter, post: Post, caplog: pytest.LogCaptureFixture, declared: Any, body: bytes
) -> None:
    """At most 20 errors and their number are reported, in less than 4 KB, however many a payload has."""
    router.on("k", payload=declared)(list[Any]().append)

    with caplog.at_level("INFO"):
        response = post("/events/k/r", body)

    assert len(json.loads(response.content)["errors"]) <= MAX_ERRORS + 1
    (record,) = [record for record in caplog.records if record.name == "gcp_event_router"]
    assert (len(response.content) < 4096, len(record.getMessage()) < 4096) == (True, True)
    assert SECRET not in response.content.decode() + caplog.text


@pytest.mark.parametrize(("count", "calls"), [(1, 1), (1000, 1), (1001, 0), (200_000, 0)])
def test_errors_beyond_number_are_only_counted(count: int, calls: int) -> None:
    """Above 1,000 errors pydantic is not asked to list them, and no traceback holds them."""
    called: list[str] = []

    def watch(_frame: FrameType, event: str, function: Any) -> None:
        if event == "c_call" and isinstance(getattr(function, "__self__", None), Exception):
            called.append(function.__name__)

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        with pytest.raises(InvalidEventError) as caught:
            read(list[int], b"[" + b",".join([b'"x"'] * count) + b"]")
    finally:
        sys.setprofile(before)

    assert (called.count("errors"), called.count("__str__"), caught.value.__cause__ is None) == (calls, 0, not calls)
    assert (caught.value.count, str(caught.value)) == (count, f"invalid payload: {count} error{'s' * (count > 1)}")


@pytest.mark.parametrize(
    ("count", "listed", "last"),
    [
        (20, 20, "Input should be a valid integer, unable to parse string as an integer"),
        (21, 21, "1 more errors"),
        (1000, 21, "980 more errors"),
        (1001, 1, "1001 errors"),
    ],
)
def test_errors_that_are_not_listed_are_counted(count: int, listed: int, last: str) -> None:
    """The last entry counts the errors that are not listed."""
    errors = refused(list[int], json.dumps(["x"] * count).encode())

    assert (len(errors), errors[-1]["msg"]) == (listed, last)


class Item(BaseModel):
    number: int


class Items(BaseModel):
    #: Named and given values as parts of schemas are.
    type: Literal["list"] = "list"
    items_schema: list[Item] = []
    default: dict[str, int] = {}


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)

    numbers: list[int] = []


WRONG = ["x"] * 10
DICTS: list[Any] = [dict[str, int], dict[str, Annotated[int, Field(gt=0)]]]
IN_DICT = {str(number): "x" for number in range(10)}
LONG: list[Any] = [
    pytest.param(list[int], WRONG, (1, 10), id="list"),
    pytest.param(tuple[int, ...], WRONG, (1, 10), id="tuple"),
    pytest.param(set[int], WRONG, (1, 10), id="set"),
    pytest.param(frozenset[int], WRONG, (1, 10), id="frozenset"),
    pytest.param(list[list[int]], [WRONG], (1, 10), id="list of lists"),
    pytest.param(list[Item], [{"number": "x"}] * 10, (1, 10), id="models"),
    pytest.param(Items, {"items_schema": [{"number": "x"}] * 10}, (1, 10), id="list in a model"),
    pytest.param(list[Items], [{"items_schema": [{"number": "x"}] * 10}], (1, 10), id="list in a list of models"),
    pytest.param(Strict, {"numbers": ["1"] * 10}, (1, 10), id="strict"),
    pytest.param(Node, {"children": [{"number": "x"}] * 10}, (1, 10), id="recursive model"),
    pytest.param(list[int] | set[int], WRONG, (2, 20), id="union"),
    pytest.param(Annotated[list[Item] | Items, Field(union_mode="left_to_right")], [{"number": "x"}] * 10, (2, 11), id="labels"),
]


@pytest.mark.parametrize(("declared", "wrong", "counts"), LONG)
def test_a_long_payload_is_refused_for_the_first_wrong_item(declared: Any, wrong: object, counts: tuple[int, int]) -> None:
    """From one MiB on, validation ends with the first wrong item of each list; before, all of them count."""
    text = json.dumps(wrong).encode()

    assert (errors_of(declared, text.ljust(2**20)), errors_of(declared, text.ljust(2**20 - 1))) == counts


@pytest.mark.skipif("dict" not in _FAIL_FAST, reason="this pydantic cannot stop at the first wrong item of a dict")
@pytest.mark.parametrize("declared", DICTS)
def test_a_long_dict_is_refused_for_its_first_wrong_value(declared: Any) -> None:
    """A dict is refused like a list."""
    text = json.dumps(IN_DICT).encode()

    assert [errors_of(declared, text.ljust(size)) for size in (2**20, 2**20 - 1)] == [1, 10]


VALID: list[Any] = [
    (Items, {"items_schema": [{"number": 1}], "default": {"a": 1}}),
    (list[Items], [{"type": "list"}]),
    (Node, {"children": [{}]}),
]


@pytest.mark.parametrize(("declared", "value"), VALID)
def test_a_long_payload_is_read_as_a_short_one(declared: Any, value: object) -> None:
    """What is valid is the same object, however long it is."""
    text = json.dumps(value).encode()

    assert read(declared, text.ljust(2**20)) == read(declared, text)


class Watcher:
    """A plugin of pydantic, which makes validators of another type."""

    def __init__(self, *, watches: bool = True) -> None:
        self.saw: list[int] = []
        self._watches = watches

    def new_schema_validator(self, *arguments: object) -> tuple[None, Watcher | None, None]:
        return None, self if self._watches else None, None

    def on_enter(self, data: bytes, **options: object) -> None:
        self.saw.append(len(data))


def with_plugin(watcher: Watcher) -> TypeAdapter[list[int]]:
    """An adapter as pydantic makes it where a plugin is installed."""
    adapter, make = TypeAdapter(list[int]), cast("Any", PluggableSchemaValidator)
    adapter.validator = make(
        adapter.core_schema, list[int], SchemaTypePath(__name__, "adapter"), "TypeAdapter", None, [watcher], {}
    )
    return adapter


@pytest.mark.parametrize("size", [2**20, 2**20 - 1])
def test_a_plugin_of_pydantic_sees_a_long_payload(size: int) -> None:
    """A validator that a plugin watches stays the only one, however long the payload is."""
    watcher = Watcher()

    assert payload_reader(with_plugin(watcher), list[int])(b"[1]".ljust(size)) == [1]
    assert watcher.saw == [size]


@pytest.mark.parametrize(("size", "count"), [(2**20, 1), (2**20 - 1, 3)])
def test_a_plugin_of_pydantic_that_watches_nothing(size: int, count: int) -> None:
    """Where logfire is installed, and `instrument_pydantic` is not called, a long payload is refused as without it."""
    reads = payload_reader(with_plugin(Watcher(watches=False)), list[int])

    with pytest.raises(InvalidEventError) as caught:
        reads(b'["x", "y", "z"]'.ljust(size))
    assert caught.value.count == count


@pytest.mark.parametrize("size", [2**20, 2**20 - 1])
def test_a_long_payload_is_read_by_an_adapter_as_it_is_configured(size: int) -> None:
    """A TypeAdapter with a configuration of its own keeps it."""
    reads = payload_reader(TypeAdapter(list[int], config=ConfigDict(strict=True)), list[int])

    assert reads(b"[1]".ljust(size)) == [1]
    with pytest.raises(InvalidEventError):
        reads(b'["1"]'.ljust(size))


def errors_of(declared: Any, body: bytes) -> int:
    with pytest.raises(InvalidEventError) as caught:
        read(declared, body)
    return caught.value.count
