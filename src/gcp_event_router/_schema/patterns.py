"""Texts that match a regular expression, for the constructs that people write in models. Pure; for `formats`.

Python's own parser reads the expression. What that cannot read, such as the classes of Unicode in Rust, has no texts here.
Assertions count for nothing: whoever needs a text that matches tries several.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from re import _parser as parser  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType] -- the only parser there is; exists since Python 3.11
from typing import Any, Final, cast

#: The characters that are preferred, in this order, and then whatever an expression names.
_READABLE: Final = "abcdefghijklmnopqrstuvwxyz1234567890ABCDEFGHIJKLMNOPQRSTUVWXYZ-_. /:@+,;!?'\"()[]{}<>#$%&*=\\^`|~\n\t"
_CATEGORIES: Final = {
    "CATEGORY_DIGIT": re.compile(r"\d"),
    "CATEGORY_NOT_DIGIT": re.compile(r"\D"),
    "CATEGORY_SPACE": re.compile(r"\s"),
    "CATEGORY_NOT_SPACE": re.compile(r"\S"),
    "CATEGORY_WORD": re.compile(r"\w"),
    "CATEGORY_NOT_WORD": re.compile(r"\W"),
}
#: So many characters of a range that has nothing readable in it.
_OF_RANGE: Final = 30
#: So many times something may be repeated within a text.
_REPEATED: Final = 5_000
#: So many texts are tried, where those before are too long or too short.
_TRIED: Final = 200


class _TooLongError(Exception):
    """What an expression asks for is longer than any text that people want to see."""


def matching(pattern: str, least: int = 0, most: int | None = None) -> Iterator[str]:
    """Texts of a length that match; none for an expression that is not understood, or that has no text of that length."""
    # `\z` and `(?<name>` are Rust's spelling
    spelled = re.sub(r"(?<!\\)((?:\\\\)*)\\z", r"\1\\Z", re.sub(r"\(\?<(?![=!])", "(?P<", pattern))
    try:
        with warnings.catch_warnings(action="ignore"):  # of what later versions of Python may read otherwise
            parsed = cast("Any", parser.parse(spelled))  # pyright: ignore[reportUnknownMemberType] -- as above
    except (re.error, RecursionError, OverflowError):
        return
    seen: set[str] = set()
    for number in range(_TRIED):
        for usual in (3, 1, 0):
            try:
                text = _Writer(number, usual).text(parsed)
                if len(text) < least:
                    text = _Writer(number, usual, least - len(text)).text(parsed)
            except (_TooLongError, RecursionError):
                continue
            if text not in seen and len(text) >= least and (most is None or len(text) <= most):
                seen.add(text)
                yield text
                break


class _Writer:
    """What writes one text.

    Args:
        number: Which one: it chooses among characters and alternatives.
        usual: How often something is repeated that may be repeated without an end.
        more: How many characters more are wanted.

    """

    def __init__(self, number: int, usual: int, more: int = 0) -> None:
        self._number = number
        self._usual = usual
        self._more = more
        self._written = 0
        self._groups: dict[int | None, str] = {}  # those without a number are never asked for

    def text(self, parsed: Any) -> str:
        """The text of a part of the expression."""
        return "".join(self._part(str(name), argument) for name, argument in parsed)

    def _part(self, name: str, argument: Any) -> str:
        match name:
            case "LITERAL":
                self._written += 1
                return chr(argument)
            case "NOT_LITERAL":
                return self._one_of([("NEGATE", None), ("LITERAL", argument)])
            case "ANY":
                return self._one_of([("NEGATE", None), ("LITERAL", ord("\n"))])
            case "IN":
                return self._one_of([(str(kind), value) for kind, value in argument])
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                return self._repeated(*argument)
            case _:
                return self._of_parts(name, argument)

    def _of_parts(self, name: str, argument: Any) -> str:
        match name:
            case "BRANCH":
                return self.text(self._chosen(argument[1]))
            case "SUBPATTERN":
                found = self._groups[argument[0]] = self.text(argument[-1])
                return found
            case "ATOMIC_GROUP":
                return self.text(argument)
            case "GROUPREF":
                return self._groups.get(argument, "")
            case "GROUPREF_EXISTS":
                group, there, missing = argument
                return self.text(there if group in self._groups else missing or [])
            case _:  # places and assertions
                return ""

    def _repeated(self, least: int, most: int, part: Any) -> str:
        if least > _REPEATED:
            raise _TooLongError
        is_open = str(most) == "MAXREPEAT"
        texts = [self.text(part) for _ in range(max(least, self._usual) if is_open else least)]
        if not "".join(texts).strip():  # space that may be left out is
            texts = texts[:least]
        while self._more > 0 and len(texts) < _REPEATED and (is_open or len(texts) < most):
            longer = self.text(part)
            if not longer:
                break
            self._more -= len(longer)
            texts.append(longer)
        return "".join(texts)

    def _one_of(self, members: list[tuple[str, Any]]) -> str:
        """A character of a class; the next one each time, so that the text is no `aaaa`."""
        characters = [each for each in _READABLE if _holds(members, each)]
        if not characters:
            characters = [each for each in _named(members) if _holds(members, each)] or ["a"]
        self._written += 1
        self._number, place = divmod(self._number, len(characters))
        return characters[(self._written - 1 + place) % len(characters)]

    def _chosen(self, options: list[Any]) -> Any:
        self._number, place = divmod(self._number, len(options))
        return options[place]


def _holds(members: list[tuple[str, Any]], character: str) -> bool:
    """Whether a class has a character."""
    is_negative = members[0][0] == "NEGATE"
    found = any(_is(kind, value, character) for kind, value in members[is_negative:])
    return found is not is_negative


def _is(kind: str, value: Any, character: str) -> bool:
    if kind == "LITERAL":
        return character == chr(value)
    if kind == "RANGE":
        return ord(character) in range(value[0], value[1] + 1)
    return _CATEGORIES[str(value)].match(character) is not None


def _named(members: list[tuple[str, Any]]) -> Iterator[str]:
    """The characters that a class names, as far as it is not readable."""
    for kind, value in members:
        if kind == "LITERAL":
            yield chr(value)
        elif kind == "RANGE":
            yield from map(chr, range(value[0], min(value[1], value[0] + _OF_RANGE) + 1))
