"""Texts that match a regular expression, for the constructs that people write in models. Pure; for `formats`.

Python's own parser reads the expression; an expression that it cannot read, such as one with Rust's Unicode classes, has no
texts here. Assertions are ignored: `samples` tries several texts until one matches.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from re import _parser as parser  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType] -- the only parser there is; exists since Python 3.11
from typing import Any, Final, cast

#: The characters that texts consist of, in the order of preference.
_READABLE: Final = "abcdefghijklmnopqrstuvwxyz1234567890ABCDEFGHIJKLMNOPQRSTUVWXYZ-_. /:@+,;!?'\"()[]{}<>#$%&*=\\^`|~\n\t"
_CATEGORIES: Final = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}
#: The most repetitions of one part of a text.
_REPEATED: Final = 5_000
#: How many texts are tried to find one of the right length.
_TRIED: Final = 200


class _TooLongError(Exception):
    """The expression requires a longer text than people want to see."""


def matching_texts(pattern: str, least: int = 0, most: int | None = None) -> Iterator[str]:
    """Texts of a length that match; none if the expression is not understood or has no text of that length."""
    # `\z` and `(?<name>` are Rust's spelling
    python = re.sub(r"(?<!\\)((?:\\\\)*)\\z", r"\1\\Z", re.sub(r"\(\?<(?![=!])", "(?P<", pattern))
    try:
        with warnings.catch_warnings(action="ignore"):  # of a syntax that later versions of Python may read otherwise
            parsed = cast("Any", parser.parse(python))  # pyright: ignore[reportUnknownMemberType] -- as above
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
    """Writes one text.

    Args:
        number: Chooses among characters and alternatives.
        usual: How often to repeat a part that has no upper limit.
        more: How many more characters are wanted.

    """

    def __init__(self, number: int, usual: int, more: int = 0) -> None:
        self._number = number
        self._usual = usual
        self._more = more
        self._written = 0
        self._groups: dict[int | None, str] = {}

    def text(self, parsed: Any) -> str:
        """The text of a part of the expression."""
        return "".join(self._part(str(name), argument) for name, argument in parsed)

    def _part(self, name: str, argument: Any) -> str:
        match name:
            case "LITERAL":
                self._written += 1
                return chr(argument)
            case "NOT_LITERAL":
                return self._character([("NEGATE", None), ("LITERAL", argument)])
            case "ANY":
                return self._character([("NEGATE", None), ("LITERAL", ord("\n"))])
            case "IN":
                return self._character([(str(kind), value) for kind, value in argument])
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                return self._repeat(*argument)
            case "BRANCH":
                return self.text(self._choose(argument[1]))
            case "SUBPATTERN":
                self._groups[argument[0]] = self.text(argument[-1])
                return self._groups[argument[0]]
            case "GROUPREF":
                return self._groups.get(argument, "")
            case _:  # positions and assertions
                return ""

    def _repeat(self, least: int, most: int, part: Any) -> str:
        if least > _REPEATED:
            raise _TooLongError
        is_open = str(most) == "MAXREPEAT"
        texts = [self.text(part) for _ in range(max(least, self._usual) if is_open else least)]
        if not "".join(texts).strip():  # optional white space is left out
            texts = texts[:least]
        while self._more > 0 and len(texts) < _REPEATED and (is_open or len(texts) < most):
            longer = self.text(part)
            if not longer:
                break
            self._more -= len(longer)
            texts.append(longer)
        return "".join(texts)

    def _character(self, members: list[tuple[str, Any]]) -> str:
        """A character of a class; the next one each time, since `abc` is easier to read than `aaa`."""
        characters = [character for character in _READABLE if _holds(members, character)]
        if not characters:
            ranges = [value if kind == "RANGE" else (value,) for kind, value in members if kind in {"RANGE", "LITERAL"}]
            characters = [chr(least) for least, *_ in ranges] or ["a"]
        self._written += 1
        self._number, place = divmod(self._number, len(characters))
        return characters[(self._written - 1 + place) % len(characters)]

    def _choose(self, options: list[Any]) -> Any:
        self._number, place = divmod(self._number, len(options))
        return options[place]


def _holds(members: list[tuple[str, Any]], character: str) -> bool:
    """Whether a class has a character."""
    is_negative = members[0][0] == "NEGATE"
    return is_negative is not any(_is(kind, value, character) for kind, value in members[is_negative:])


def _is(kind: str, value: Any, character: str) -> bool:
    if kind == "LITERAL":
        return character == chr(value)
    if kind == "RANGE":
        return ord(character) in range(value[0], value[1] + 1)
    return re.match(_CATEGORIES[str(value)], character) is not None
