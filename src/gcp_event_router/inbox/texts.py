"""Formats an exception's text and traceback, which the inbox stores for people who may see payloads.

All of it is bounded, and an exception whose methods fail is formatted, too.
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

#: The most characters of the whole text.
LENGTH: Final = 16 * 1024
#: The same for an exception's own text or note, a line of code, a function's name, and a file's.
_TEXT_LENGTH: Final = 2_000
_LINE_LENGTH: Final = 120
_NAME_LENGTH: Final = 80
_FILE_LENGTH: Final = 200
_NOTES: Final = 3
#: Pydantic writes all of its errors at once, and there may be millions.
_ERRORS: Final = 100
#: How many frames are written: the outermost, which include the handler's, and the innermost.
_OUTERMOST: Final = 6
_INNERMOST: Final = 14
#: Databases refuse these characters: all refuse surrogates, and all but SQLite NUL.
_REFUSED: Final = re.compile("[\0\ud800-\udfff]")
#: MySQL's utf8mb3 also refuses these.
_ASTRAL: Final = re.compile("[\U00010000-\U0010ffff]")


def text_of(error: BaseException) -> str:
    """Format an exception, its causes and the exceptions in groups, with their tracebacks; bounded."""
    return "\n".join(_bounded(_lines(error)))[:LENGTH]


def storable(text: str, length: int, vendor: str = "") -> str:
    """Shorten a text, and escape the characters that a vendor's database refuses."""
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
    prefix = ""
    for cause in chain(error):
        yield from _format(cause, prefix)
        for leaf in leaves(cause):
            yield from _format(leaf, "which contains ")
        prefix = "caused by " if cause.__cause__ is not None else "while handling "


def _format(error: BaseException, prefix: str) -> Iterator[str]:
    kind = type(error)
    text = _text(error)
    yield f"{prefix}{printable(f'{kind.__module__}.{kind.__qualname__}', _TEXT_LENGTH)}{text and f': {text}'}"
    for note in _notes(error):
        yield f"  {note}"
    yield from _places(error.__traceback__)


def _text(error: object) -> str:
    if isinstance(error, ValidationError) and error.error_count() > _ERRORS:
        return f"{error.error_count()} validation errors, too many to list"
    try:
        text = str(error)
    except Exception as problem:  # noqa: BLE001 -- the failure must be stored in any case
        return f"(without a text: str() raises {type(problem).__qualname__})"
    return text if len(text) <= _TEXT_LENGTH else f"{text[:_TEXT_LENGTH]}... and {len(text) - _TEXT_LENGTH} characters more"


def _notes(error: BaseException) -> Iterator[str]:
    notes: object = getattr(error, "__notes__", None)
    if isinstance(notes, list):
        yield from map(_text, cast("list[object]", notes)[:_NOTES])


def _places(traceback: TracebackType | None) -> Iterator[str]:
    """Format the frames as Python does, without those of this package."""
    frames = outside(traceback)
    for _, (frame, line) in zip(range(_OUTERMOST), frames, strict=False):
        yield from _place(frame, line)
    count = 0
    innermost: deque[tuple[FrameType, int]] = deque(maxlen=_INNERMOST)
    for frame_and_line in frames:
        count += 1
        innermost.append(frame_and_line)
    if count > len(innermost):
        yield f"  ... {count - len(innermost)} frames left out ..."
    for frame, line in innermost:
        yield from _place(frame, line)


def _place(frame: FrameType, line: int) -> Iterator[str]:
    file = frame.f_code.co_filename
    name = printable(frame.f_code.co_name, _NAME_LENGTH)
    yield f'  File "{printable(file, _FILE_LENGTH, end=True)}", line {line}, in {name}'
    if os.path.isfile(file):  # noqa: PTH113 -- Path raises for names that are too long
        code = linecache.getline(file, line).strip()
        if code:
            yield f"    {printable(code, _LINE_LENGTH)}"


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()
