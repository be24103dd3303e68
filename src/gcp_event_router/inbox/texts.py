"""An exception's text and traceback, as the inbox keeps them for those who may see payloads. Called by `errors`.

Everything is bounded, and nothing that the exception does can keep a failure from being noted.
"""

from __future__ import annotations

import linecache
import os
import re
from collections import deque
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Final, cast

from pydantic_core import ValidationError

from .._frames import chain, leaves, outside, printable

__all__ = ["LENGTH", "storable", "text_of"]

#: Characters that are kept of all.
LENGTH: Final = 16 * 1024
#: The same of one exception's own text or of a note, of a line of code, of a function's name and of a file's.
_TEXT_LENGTH: Final = 2_000
_LINE_LENGTH: Final = 120
_NAME_LENGTH: Final = 80
_FILE_LENGTH: Final = 200
_NOTES: Final = 3
_ERRORS: Final = 100
"""Pydantic writes all of its errors at once, of which there may be millions."""
#: How many frames are kept of an exception: the outermost, among which is the handler's, and the innermost.
_OUTERMOST: Final = 6
_INNERMOST: Final = 14
#: What databases refuse in a text: NUL everywhere but on SQLite, half a surrogate pair everywhere.
_REFUSED: Final = re.compile("[\0\ud800-\udfff]")
#: What MySQL's utf8mb3 refuses besides.
_ASTRAL: Final = re.compile("[\U00010000-\U0010ffff]")


def text_of(error: BaseException) -> str:
    """The text and the traceback of an exception, then those of its causes and, of a group, of what it holds; bounded."""
    return "\n".join(_bounded(_lines(error)))[:LENGTH]


def storable(text: str, length: int, vendor: str = "") -> str:
    """The beginning of a text, in which what the database of a vendor refuses is written as Python writes it."""
    text = _REFUSED.sub(_escaped, text[:length])
    return (_ASTRAL.sub(_escaped, text) if vendor == "mysql" else text)[:length]


def _bounded(lines: Iterator[str]) -> Iterator[str]:
    left = LENGTH
    for line in lines:
        yield line
        left -= len(line) + 1
        if left <= 0:
            return


def _lines(error: BaseException) -> Iterator[str]:
    how = ""
    for each in chain(error):
        yield from _one(each, how)
        for one in leaves(each):
            yield from _one(one, "which holds ")
        how = "caused by " if each.__cause__ is not None else "while handling "


def _one(error: BaseException, how: str) -> Iterator[str]:
    kind = type(error)
    text = _text(error)
    yield f"{how}{printable(f'{kind.__module__}.{kind.__qualname__}', _TEXT_LENGTH)}{text and f': {text}'}"
    for note in _notes(error):
        yield f"  {note}"
    yield from _places(error.__traceback__)


def _text(error: object) -> str:
    if isinstance(error, ValidationError) and error.error_count() > _ERRORS:
        return f"{error.error_count()} validation errors, too many to be told"
    try:
        text = str(error)
    except Exception as problem:  # noqa: BLE001 -- whatever it is, the failure itself is to be noted
        return f"(its text cannot be told: str() raises {type(problem).__qualname__})"
    return text if len(text) <= _TEXT_LENGTH else f"{text[:_TEXT_LENGTH]}... and {len(text) - _TEXT_LENGTH} characters more"


def _notes(error: BaseException) -> Iterator[str]:
    notes: object = getattr(error, "__notes__", None)
    if isinstance(notes, list):
        yield from map(_text, cast("list[object]", notes)[:_NOTES])


def _places(traceback: TracebackType | None) -> Iterator[str]:
    """Each frame as Python's tracebacks have it, without those of this package."""
    frames = outside(traceback)
    for _, (frame, line) in zip(range(_OUTERMOST), frames, strict=False):
        yield from _place(frame, line)
    count = 0
    innermost: deque[tuple[FrameType, int]] = deque(maxlen=_INNERMOST)
    for each in frames:
        count += 1
        innermost.append(each)
    if count > len(innermost):
        yield f"  ... {count - len(innermost)} frames are left out ..."
    for frame, line in innermost:
        yield from _place(frame, line)


def _place(frame: FrameType, line: int) -> Iterator[str]:
    file = frame.f_code.co_filename
    name = printable(frame.f_code.co_name, _NAME_LENGTH)
    yield f'  File "{printable(file, _FILE_LENGTH, end=True)}", line {line}, in {name}'
    if os.path.isfile(file):  # noqa: PTH113 -- a Path raises for a name that is too long
        code = linecache.getline(file, line).strip()
        if code:
            yield f"    {printable(code, _LINE_LENGTH)}"


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()
