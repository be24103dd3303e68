"""One level of a JSON text, read with the place of each value: what stands in it can be cut out as it was written.

A number that was decoded may have lost digits, and no encoder brings them back; so a payload within a JSON text stays text.
"""

from __future__ import annotations

import re
from json import JSONDecoder
from sys import maxsize
from typing import Any, Final, Never

__all__ = ["Number", "elements", "members"]

_SPACE: Final = re.compile(r"[ \t\r\n]*")


class Number(str):
    """A number as it is written."""

    __slots__ = ()


def _refuse(constant: str) -> Never:
    raise ValueError(constant)


_DECODER: Final = JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=_refuse)


def members(body: bytes) -> dict[str, tuple[Any, bytes]] | None:
    """The members of a JSON object, each decoded and as written; of several with one name the last. None for other values.

    Raises `ValueError` for what is not JSON.
    """
    text, at = _opened(body)
    if text[at] != "{":
        _whole(text, at)
        return None
    found: dict[str, tuple[Any, bytes]] = {}
    while not _closed(text, at, "}", is_first=not found and text[at] == "{"):
        begin = _skip(text, at + 1)
        if text[begin : begin + 1] != '"':
            raise ValueError
        name, end = _decode(text, begin)
        colon = _skip(text, end)
        if text[colon : colon + 1] != ":":
            raise ValueError
        begin = _skip(text, colon + 1)
        value, end = _decode(text, begin)
        found[name] = value, text[begin:end].encode()
        at = _skip(text, end)
    return found


def elements(body: bytes, most: int = maxsize) -> list[bytes] | None:
    """The elements of a JSON array, as written; None for other values. Reading stops after the first that is one too many.

    Raises `ValueError` for what is not JSON, as far as it is read.
    """
    text, at = _opened(body)
    if text[at] != "[":
        _whole(text, at)
        return None
    found: list[bytes] = []
    while not _closed(text, at, "]", is_first=not found and text[at] == "["):
        begin = _skip(text, at + 1)
        _, end = _decode(text, begin)
        found.append(text[begin:end].encode())
        if len(found) > most:
            break
        at = _skip(text, end)
    return found


def _opened(body: bytes) -> tuple[str, int]:
    """The text, and where its value begins."""
    text = body.decode()
    at = _skip(text, 0)
    if at == len(text):
        raise ValueError
    return text, at


def _whole(text: str, at: int) -> None:
    """Refuse what is not JSON to its end."""
    if _skip(text, _decode(text, at)[1]) != len(text):
        raise ValueError


def _closed(text: str, at: int, bracket: str, *, is_first: bool) -> bool:
    """Whether an object or array ends here, and the text with it; if not, another value follows a bracket or a comma."""
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
