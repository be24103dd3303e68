"""How people see an event: as bounded text without control characters."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcp_event_router._boxes.display import LIMIT, Shown, error_details, payload, printable


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"", Shown("", "", 0, 0)),
        (b"[]", Shown("JSON", "[]", 2, 0)),
        (b"17", Shown("JSON", "17", 2, 0)),
        (
            b'{"a":[1,{"b":null}],"c":{}}',
            Shown("JSON", '{\n  "a": [\n    1,\n    {\n      "b": null\n    }\n  ],\n  "c": {}\n}', 27, 0),
        ),
        (
            b'{"a": 0.10000000000000000555, "b": 12345678901234567890}',
            Shown("JSON", '{\n  "a": 0.1,\n  "b": 12345678901234567890\n}', 56, 0),
        ),
        (b"plain\ttext\n", Shown("text", "plain\ttext\n", 11, 0)),
        (b"a\x1b[2Jb\xe2\x80\xaec", Shown("text", "a\\u001b[2Jb\\u202ec", 10, 0)),
        (b"NaN", Shown("text", "NaN", 3, 0)),
        (b"\xff\x00abc", Shown("bytes", "00000000  ff 00 61 62 63                                   ..abc", 5, 0)),
    ],
)
def test_payload(data: bytes, shown: Shown) -> None:
    """JSON is indented; text is itself; other bytes are a hex dump."""
    assert payload(data) == shown


def test_a_long_payload_is_cut_off() -> None:
    """The beginning of each sort is shown, and the number of bytes that are left out."""
    long_json = json.dumps(["x" * 10] * 20_000).encode()
    for data in (long_json, b"text " * 100_000, bytes(range(256)) * 1_000):
        shown = payload(data)
        assert len(shown.text) < 2 * LIMIT
        assert 0 < shown.left_out < shown.size == len(data)


@given(st.text())
def test_nothing_is_printed_that_a_screen_obeys(text: str) -> None:
    """The text is printable, except for line breaks and tabs; and printable text is unchanged."""
    for shown in (printable(text), payload(text.encode("utf-8", "surrogatepass")).text):
        assert all(letter.isprintable() or letter in "\n\t" for letter in shown)
    if text.isprintable():
        assert printable(text) == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(JSON)
def test_indented_json_is_the_same_json(value: object) -> None:
    """Indenting adds only line breaks and spaces to JSON; other characters are escaped if they cannot be printed."""
    shown = payload(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    if shown.sort == "JSON":
        assert json.loads(shown.text) == value
        assert not re.search(r"[ \t]$", shown.text, re.MULTILINE)


@pytest.mark.parametrize(
    ("error", "details"),
    [
        ('[{"loc": ["a", 0], "msg": "m\\u001b", "type": "t"}]', [("a.0", "m\\u001b", "t")]),
        ('[{"loc": [], "msg": "m", "type": "t"}]', [("", "m", "t")]),
        ("ValueError at shop.py:1 in f", []),
        ('[{"loc": ["a", 0], "msg', []),
        ("[1]", []),
        ('[{"loc": []}]', []),
    ],
)
def test_error_details(error: str, details: list[tuple[str, str, str]]) -> None:
    """Validation errors are listed, as far as they are complete; anything else has none."""
    assert error_details(error) == details
