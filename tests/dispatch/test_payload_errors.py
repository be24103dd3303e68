"""Payloads with many errors: which are reported, and which are only counted."""

from __future__ import annotations

import json
import sys
from types import FrameType
from typing import Any

import pytest
from pydantic import BaseModel

from gcp_event_router import EventRouter
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
