"""Splits one level of a JSON text into its values, each decoded and as written.

Decoding a number may lose digits, so a payload in a JSON text is cut out instead of being encoded again.
"""

from __future__ import annotations

import re
from json import JSONDecoder
from sys import maxsize
from typing import Any, Final, Never

_SPACE: Final = re.compile(r"[ \t\r\n]*")


class Number(str):
    """A number as it is written."""

    __slots__ = ()


def _refuse(constant: str) -> Never:
    raise ValueError(constant)


_DECODER: Final = JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=_refuse)


def members(body: bytes) -> dict[str, tuple[Any, bytes]] | None:
    """The members of a JSON object, each decoded and as written; the last one, if names repeat. None for other values.

    Raises `ValueError` if the body is not JSON.
    """
    text, at = _open(body)
    if text[at] != "{":
        _require_end(text, at)
        return None
    fields: dict[str, tuple[Any, bytes]] = {}
    while not _is_closed(text, at, "}", is_first=not fields and text[at] == "{"):
        begin = _skip(text, at + 1)
        if text[begin : begin + 1] != '"':
            raise ValueError
        name, end = _decode(text, begin)
        colon = _skip(text, end)
        if text[colon : colon + 1] != ":":
            raise ValueError
        begin = _skip(text, colon + 1)
        value, end = _decode(text, begin)
        fields[name] = value, text[begin:end].encode()
        at = _skip(text, end)
    return fields


def elements(body: bytes, most: int = maxsize) -> list[bytes] | None:
    """The elements of a JSON array, as written; None for other values. Stops after `most` elements and one more.

    Raises `ValueError` if the part that it reads is not JSON.
    """
    text, at = _open(body)
    if text[at] != "[":
        _require_end(text, at)
        return None
    values: list[bytes] = []
    while not _is_closed(text, at, "]", is_first=not values and text[at] == "["):
        begin = _skip(text, at + 1)
        _, end = _decode(text, begin)
        values.append(text[begin:end].encode())
        if len(values) > most:
            break
        at = _skip(text, end)
    return values


def _open(body: bytes) -> tuple[str, int]:
    """Decode a body, and find where its value begins."""
    text = body.decode()
    at = _skip(text, 0)
    if at == len(text):
        raise ValueError
    return text, at


def _require_end(text: str, at: int) -> None:
    """Raise `ValueError` unless the text ends with the value."""
    if _skip(text, _decode(text, at)[1]) != len(text):
        raise ValueError


def _is_closed(text: str, at: int, bracket: str, *, is_first: bool) -> bool:
    """Whether an object or array ends here, and the text with it; otherwise another value follows."""
    end = _skip(text, at + 1) if is_first else at
    if text[end : end + 1] == bracket:
        if _skip(text, end + 1) != len(text):
            raise ValueError
        return True
    if not is_first and text[at : at + 1] != ",":
        raise ValueError
    return False


def _decode(text: str, at: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except RecursionError as error:
        raise ValueError from error


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at
