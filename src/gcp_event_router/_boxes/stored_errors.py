"""The part of an error that a box stores, all of it bounded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from traceback import StackSummary
from types import TracebackType
from typing import Final, NamedTuple, cast

from pydantic_core import ValidationError

from .._database_errors import code
from .._frames import chain, distinct_leaves, outside
from .._log import trail
from ..exceptions import EnvelopeError
from ..outcomes import Outcome, classify, details

#: PostgreSQL's serialization failure and deadlock; MySQL's and MariaDB's deadlock, stale snapshot and cluster conflict.
_CONFLICTS: Final = frozenset({"40001", "40P01", "1213", "1020", "3101"})
_NAME_LENGTH: Final = 255
_TRAIL_LENGTH: Final = 4096
#: The most characters of a stored text with its tracebacks, and of one exception's own text, a note, or a frame.
TEXT_LENGTH: Final = 16 * 1024
_PART_LENGTH: Final = 2_000
_NOTES: Final = 3
#: Pydantic formats all of its errors at once, and there may be millions.
_MAX_ERRORS: Final = 100
#: How many frames are stored: the outermost, which include the handler's, and the innermost.
_OUTERMOST: Final = 6
_INNERMOST: Final = 14
#: Databases refuse these characters: all refuse surrogates, and all but SQLite NUL; MySQL's utf8mb3 also refuses astral ones.
_REFUSED: Final = re.compile("[\0\ud800-\udfff]")
_ASTRAL: Final = re.compile("[\U00010000-\U0010ffff]")


def is_conflict(error: BaseException) -> bool:
    """Whether a database undid a transaction because of another one, so that it can be repeated at once."""
    return code(error) in _CONFLICTS


class StoredError(NamedTuple):
    """The part of an error that a box stores."""

    #: The exception's type, with its module.
    type: str = ""
    #: Safe to show: the invalid fields, or the places that the exception passed.
    trail: str = ""
    #: The exception's text and traceback, which may quote the payload.
    text: str = ""

    def because(self, reason: str) -> StoredError:
        """Add the reason why the row is parked; "" for none."""
        return self._replace(trail=f"{reason}: {self.trail}"[:_TRAIL_LENGTH]) if reason else self

    @property
    def columns(self) -> dict[str, str]:
        """The columns of a delivery with this error."""
        return {"error_type": self.type, "error": self.trail, "error_text": self.text}


def describe(error: Exception, vendor: str, *, with_text: bool) -> StoredError:
    """Describe an error for storage in a vendor's database; never raises."""
    name = storable(_type_name(error), _NAME_LENGTH, vendor)
    if isinstance(error, EnvelopeError):
        return StoredError(name, storable(str(error), _TRAIL_LENGTH, vendor))  # our own text, which quotes nothing
    text = storable(text_of(error), TEXT_LENGTH, vendor) if with_text else ""
    if classify(error) is Outcome.INVALID and (invalid := details(error)):
        return StoredError(name, json.dumps(invalid)[:_TRAIL_LENGTH], text)
    return StoredError(name, storable(trail(error), _TRAIL_LENGTH, vendor), text)


def text_of(error: BaseException) -> str:
    """Format an exception, its causes and the exceptions in groups, with their tracebacks."""
    lines: list[str] = []
    prefix = ""
    for cause in chain(error):
        lines += _format(cause, prefix)
        for leaf in distinct_leaves(cause):
            lines += _format(leaf, "which contains ")
        prefix = "caused by " if cause.__cause__ is not None else "while handling "
    return "\n".join(lines)[:TEXT_LENGTH]


def storable(text: str, length: int, vendor: str = "") -> str:
    """Shorten a text, and escape the characters that a vendor's database refuses."""
    text = _REFUSED.sub(_escape, text[:length])
    return (_ASTRAL.sub(_escape, text) if vendor == "mysql" else text)[:length]


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def _format(error: BaseException, prefix: str) -> Iterator[str]:
    text = _text(error)
    yield f"{prefix}{_type_name(error)}{text and f': {text}'}"
    notes: object = getattr(error, "__notes__", None)
    for note in cast("list[object]", notes)[:_NOTES] if isinstance(notes, list) else ():
        yield f"  {_text(note)}"
    yield from (frame[:_PART_LENGTH].removesuffix("\n") for frame in _frames(error.__traceback__))


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return f"{kind.__module__}.{kind.__qualname__}"[:_PART_LENGTH]


def _text(error: object) -> str:
    if isinstance(error, ValidationError) and error.error_count() > _MAX_ERRORS:
        return f"{error.error_count()} validation errors, too many to list"
    try:
        text = str(error)
    except Exception as problem:  # noqa: BLE001 -- the failure must be stored in any case
        return f"(without a text: str() raises {type(problem).__qualname__})"
    return text if len(text) <= _PART_LENGTH else f"{text[:_PART_LENGTH]}... and {len(text) - _PART_LENGTH} characters more"


def _frames(traceback: TracebackType | None) -> list[str]:
    """Format the frames as Python does, without those of this package."""
    frames = StackSummary.extract(outside(traceback), lookup_lines=False)
    left_out = len(frames) - _OUTERMOST - _INNERMOST
    if left_out <= 0:
        return frames.format()
    outermost, innermost = (StackSummary.from_list(part) for part in (frames[:_OUTERMOST], frames[-_INNERMOST:]))
    return [*outermost.format(), f"  ... {left_out} frames left out ...", *innermost.format()]
