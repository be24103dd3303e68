"""Sorts the frames that an exception passed into the project's, a library's and this package's.

`_log` uses it to describe an exception without its text, and the inbox to store the text, too.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from traceback import walk_tb
from types import CodeType, FrameType, TracebackType
from typing import Final, NamedTuple, cast

from typing_extensions import override

_HERE: Final = f"{Path(__file__).parent}{os.sep}"
#: The most places of each kind that are kept for one exception.
_INNERMOST: Final = 5
#: The most frames that are read; by default, a recursion ends after 1,000.
_MAX_DEPTH: Final = 100_000
_MAX_CHAIN: Final = 6
_MAX_DISTINCT: Final = 4
#: The most exceptions of a group that are read.
_MAX_LEAVES: Final = 100
_MAX_FILE: Final = 200
_MAX_NAME: Final = 80

#: Directories of installed packages on every system, and files that are packages.
_INSTALLED: Final = r"(?i)(?:^|[\\/])(?:(?:site|dist)-packages|[^\\/]+\.(?:whl|egg)|python3\d+\.zip)[\\/]"
_STANDARD_LIBRARY: Final = f"{Path(os.__file__).parent}{os.sep}"

#: The file and the first line of each registered handler.
_HANDLERS: Final[set[tuple[str, int]]] = set()


class Place(NamedTuple):
    """A line that an exception passed."""

    file: str
    line: int
    name: str

    @override
    def __str__(self) -> str:
        """Return one short line, even if the names are long or not printable."""
        return f"{printable(self.file, _MAX_FILE, end=True)}:{self.line} in {printable(self.name, _MAX_NAME)}"


class Passed:
    """The places that one exception passed: a few of each kind, the innermost first."""

    def __init__(self, traceback: TracebackType | None) -> None:
        project: deque[Place] = deque(maxlen=_INNERMOST)
        libraries: deque[Place] = deque(maxlen=_INNERMOST)
        ours: deque[Place] = deque(maxlen=_INNERMOST)
        registered: Place | None = None
        outermost: Place | None = None
        #: The outermost line outside this package.
        self.first: Place | None = None
        for frame, line in walk(traceback):
            code = frame.f_code
            place = Place(code.co_filename, line, code.co_name)
            if place.file.startswith(_HERE):
                _add(ours, place)
                continue
            self.first = self.first or place
            if (place.file, code.co_firstlineno) in _HANDLERS:
                registered = registered or place
            if _is_library(frame):
                _add(libraries, place)
            else:
                if outermost is None:
                    libraries.clear()  # such as Sentry's wrapper of each receiver: not where it failed
                    outermost = place
                _add(project, place)
        #: The handler's line; without a handler, the project's outermost line.
        self.handler: Place | None = registered or outermost
        self.project, self.libraries, self.ours = list(project), list(libraries), list(ours)


def know_handler(code: CodeType) -> None:
    """Remember the code of a handler, since it may be part of an installed app."""
    _HANDLERS.add((code.co_filename, code.co_firstlineno))


def walk(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    """Iterate over the frames of a traceback with their lines, the outermost first; bounded."""
    return ((frame, line or 0) for frame, line in islice(walk_tb(traceback), _MAX_DEPTH))


def outside(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    """Do the same as `walk`, without the frames of this package."""
    return ((frame, line) for frame, line in walk(traceback) if not frame.f_code.co_filename.startswith(_HERE))


def chain(error: BaseException) -> list[BaseException]:
    """List an exception and its causes; bounded."""
    errors: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and not any(current is earlier for earlier in errors) and len(errors) < _MAX_CHAIN:
        errors.append(current)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return errors


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Iterate over the exceptions in a group, at any depth; or over the exception itself."""
    left = [error]
    while left:  # recursion might hit its limit while a failure is being recorded
        current = left.pop()
        if isinstance(current, BaseExceptionGroup):
            left.extend(reversed(cast("BaseExceptionGroup[BaseException]", current).exceptions))
        else:
            yield current


def distinct_leaves(error: BaseException) -> list[BaseException]:
    """List the exceptions in a group, one for each type and origin; bounded. Empty for an exception that is not a group."""
    distinct: dict[object, BaseException] = {}
    for leaf in islice(leaves(error), _MAX_LEAVES):
        if leaf is not error:
            origin = [(frame.f_code.co_filename, line) for frame, line in deque(walk(leaf.__traceback__), maxlen=1)]
            distinct.setdefault((type(leaf), *origin), leaf)
    return list(distinct.values())[:_MAX_DISTINCT]


def printable(text: str, length: int, *, end: bool = False) -> str:
    """Shorten a text to its beginning or its end, and escape it unless it is printable."""
    if len(text) > length:
        text = f"...{text[-length:]}" if end else f"{text[:length]}..."
    return text if text.isprintable() else repr(text)[1:-1]


def _add(places: deque[Place], place: Place) -> None:
    """Add a place as the innermost so far; a recursion passes a place repeatedly, but it is listed once."""
    if place in places:
        places.remove(place)
    places.appendleft(place)


def _is_library(frame: FrameType) -> bool:
    path = frame.f_code.co_filename
    if path.startswith("<"):  # frozen and generated code belong to their module
        path = str(frame.f_globals.get("__file__"))
    return _is_installed(path)


@lru_cache(maxsize=1024)
def _is_installed(path: str) -> bool:
    """Whether a file belongs to the standard library or to an installed package, unless that is editable."""
    return path.startswith(_STANDARD_LIBRARY) or re.search(_INSTALLED, path) is not None
