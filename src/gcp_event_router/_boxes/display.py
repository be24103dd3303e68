"""Turns payloads and errors into bounded text for people, without control characters.

It is not HTML: templates escape it.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, Final, NamedTuple

from pydantic_core import from_json

#: How many characters of a payload are shown, and how many bytes of one that is not text.
LIMIT: Final = 64 * 1024
_MAX_BYTES: Final = 4 * 1024
_BYTES_PER_LINE: Final = 16
#: The most characters of an error in a list.
_MAX_ERROR: Final = 100


class Shown(NamedTuple):
    """A payload, as it is shown."""

    #: `"JSON"`, `"text"`, `"bytes"`, or "" without a payload.
    sort: str
    text: str
    #: The number of bytes of the payload, and of those that are not shown.
    size: int
    left_out: int


def payload(data: bytes) -> Shown:
    """Show the beginning of a payload: JSON, indented if it is short; text; or a hex dump."""
    if not data:
        return Shown("", "", 0, 0)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return Shown("bytes", _dump(data[:_MAX_BYTES]), len(data), max(0, len(data) - _MAX_BYTES))
    sort, shown, is_long = "text", text[:LIMIT], len(text) > LIMIT
    with suppress(ValueError):
        # numbers and repeated keys may differ from the payload itself, which the download has
        value: object = from_json(shown, allow_inf_nan=False, allow_partial=is_long)
        indented = json.dumps(value, indent=2, ensure_ascii=False)
        sort, shown = "JSON", shown if is_long or len(indented) > LIMIT else indented
    return Shown(sort, printable(shown), len(data), len(data) - len(text[:LIMIT].encode()))


def printable(text: str) -> str:
    """Escape the characters of a text that cannot be printed, as JSON does."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter in "\n\t" else json.dumps(letter)[1:-1] for letter in text)


def error_details(error: str) -> list[tuple[str, str, str]]:
    """List validation errors by place, message and type; empty for other errors. The end may be cut off."""
    details: list[tuple[str, str, str]] = []
    with suppress(ValueError, TypeError, KeyError):  # incomplete, or something else that begins with a bracket
        stored: list[dict[str, Any]] = from_json(error, allow_partial=True) if error.startswith("[") else []
        for detail in stored:
            place = ".".join(printable(str(step)) for step in detail["loc"])
            details.append((place, printable(str(detail["msg"])), printable(str(detail["type"]))))
    return details


def error_line(kind: str, error: str, text: str) -> str:
    """Describe an error in a list: its type, and the beginning of its text or the first validation error.

    The beginnings of `error` and `text` suffice.
    """
    name = kind.rpartition(".")[2]
    more = text.partition("\n")[0].removeprefix(kind).removeprefix(": ") or ("" if kind else error.partition("\n")[0])
    for place, _, error_type in error_details(error)[:1]:
        more = f"{place} ({error_type})".lstrip()
    line = printable(f"{name}: {more}" if name and more else name or more)
    return line if len(line) <= _MAX_ERROR else f"{line[:_MAX_ERROR]}…"


def _dump(data: bytes) -> str:
    """Make a hex dump: lines of an offset, sixteen bytes, and their ASCII letters."""
    lines: list[str] = []
    for offset in range(0, len(data), _BYTES_PER_LINE):
        part = data[offset : offset + _BYTES_PER_LINE]
        letters = "".join(chr(byte) if chr(byte).isascii() and chr(byte).isprintable() else "." for byte in part)
        lines.append(f"{offset:08x}  {part.hex(' '):<{3 * _BYTES_PER_LINE - 1}}  {letters}")
    return "\n".join(lines)
