"""Splits one level of a JSON text into its values, each decoded and as written.

Decoding a number may lose digits, so a payload in a JSON text is cut out instead of being encoded again.
"""

from __future__ import annotations

import re
from json import JSONDecoder
from sys import maxsize
from typing import Any, Final, Never

_SPACE: Final = re.compile(r"[ \t\r\n]*")


def _refuse(constant: str) -> Never:
    raise ValueError(constant)


# parsing a number of thousands of digits as an int would be slow, or fail
_DECODER: Final = JSONDecoder(parse_int=float, parse_constant=_refuse)


def members(body: bytes) -> dict[str, tuple[Any, bytes]] | None:
    """The members of a JSON object, each decoded and as written; the last one, if names repeat. None for other values.

    Decoded numbers are floats. Raises `ValueError` if the body is not JSON.
    """
    text = _Text(body)
    if not text.enter("{"):
        return None
    fields: dict[str, tuple[Any, bytes]] = {}
    while text.has_item("}"):
        name, _ = text.value()
        if not isinstance(name, str) or not text.take(":"):
            raise ValueError
        fields[name] = text.value()
    return fields


def elements(body: bytes, most: int = maxsize) -> list[bytes] | None:
    """The elements of a JSON array, as written; None for other values. Stops after `most` elements and one more.

    Raises `ValueError` if the part that it reads is not JSON.
    """
    text = _Text(body)
    if not text.enter("["):
        return None
    values: list[bytes] = []
    while len(values) <= most and text.has_item("]"):
        values.append(text.value()[1])
    return values


class _Text:
    """A JSON text and a place in it, which each method moves on. All raise `ValueError`."""

    def __init__(self, body: bytes) -> None:
        self._text = body.decode()
        self._at = 0
        self._is_first = True

    def enter(self, bracket: str) -> bool:
        """Pass the opening bracket; returns False if the text is another value, and nothing but that."""
        if self.take(bracket):
            return True
        self.value()
        self._require_end()
        return False

    def has_item(self, bracket: str) -> bool:
        """Pass the comma before the next item; returns False after the closing bracket, which must end the text."""
        if self._is_first:
            self._is_first = False
            if not self.take(bracket):
                return True
        elif self.take(","):
            return True
        elif not self.take(bracket):
            raise ValueError
        self._require_end()
        return False

    def take(self, token: str) -> bool:
        """Pass a token if it comes next; returns whether it does."""
        self._skip_space()
        is_next = self._text.startswith(token, self._at)
        self._at += len(token) if is_next else 0
        return is_next

    def value(self) -> tuple[Any, bytes]:
        """Read a value; returns it decoded and as written."""
        self._skip_space()
        begin = self._at
        try:
            value, self._at = _DECODER.raw_decode(self._text, begin)
        except RecursionError as error:
            raise ValueError from error
        return value, self._text[begin : self._at].encode()

    def _skip_space(self) -> None:
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at

    def _require_end(self) -> None:
        self._skip_space()
        if self._at != len(self._text):
            raise ValueError
