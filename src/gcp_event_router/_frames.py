"""The frames that an exception passed: which are the project's, which are a library's, and which are this package's.

Read by `_log`, which tells of an exception without its text, and by the inbox, which may keep the text as well.
"""

from __future__ import annotations

import os
import re
import site
import sys
import sysconfig
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Final, NamedTuple, cast

from typing_extensions import override

__all__ = ["Passed", "Place", "chain", "know_handler", "leaves", "outside", "printable", "walk"]

_HERE: Final = f"{Path(__file__).parent}{os.sep}"
_INNERMOST: Final = 5
"""So many places of a sort are remembered for one exception."""
_DEPTH: Final = 100_000
"""So many frames of an exception are walked; a recursion ends after 1,000 of them, unless the project sets another limit."""
_CHAIN: Final = 6
_LEAVES: Final = 4
_SEARCHED: Final = 100
"""So many nodes of a group are looked at."""
_LONGEST_PATH: Final = 4096
_FILE_LENGTH: Final = 200
_NAME_LENGTH: Final = 80

#: Directories that hold installed packages on every system, and files that are packages themselves.
_INSTALLED: Final = re.compile(r"(?:^|[\\/])(?:(?:site|dist)-packages|[^\\/]+\.(?:whl|egg)|python3\d+\.zip)[\\/]", re.IGNORECASE)
_FROZEN: Final = re.compile(r"<frozen ([^.>]*)")

#: Where the functions begin that are registered as handlers: a file and a line.
_HANDLERS: Final[set[tuple[str, int]]] = set()


class Place(NamedTuple):
    """A line that an exception passed."""

    file: str
    line: int
    name: str

    @override
    def __str__(self) -> str:
        """Return one short line, whatever the code calls itself."""
        return f"{printable(self.file, _FILE_LENGTH, end=True)}:{self.line} in {printable(self.name, _NAME_LENGTH)}"


class Passed:
    """The places that one exception passed; of each sort a few, the innermost first."""

    __slots__ = ("first", "handler", "libraries", "ours", "project")

    def __init__(self, traceback: TracebackType | None) -> None:
        project: deque[Place] = deque(maxlen=_INNERMOST)
        libraries: deque[Place] = deque(maxlen=_INNERMOST)
        ours: deque[Place] = deque(maxlen=_INNERMOST)
        registered: Place | None = None
        outermost: Place | None = None
        first: Place | None = None
        for frame, line in walk(traceback):
            code = frame.f_code
            place = Place(code.co_filename, line, code.co_name)
            if place.file.startswith(_HERE):
                _add(ours, place)
                continue
            first = first or place
            if registered is None and (place.file, code.co_firstlineno) in _HANDLERS:
                registered = place
            if _is_library(frame):
                _add(libraries, place)
            else:
                outermost = outermost or place
                _add(project, place)
        #: The outermost line that is not this package's.
        self.first: Place | None = first
        #: The line of the handler; where no handler is at work, the project's outermost line.
        self.handler: Place | None = registered or outermost
        self.project: list[Place] = list(reversed(project))
        self.libraries: list[Place] = list(reversed(libraries))
        self.ours: list[Place] = list(reversed(ours))


def know_handler(code: CodeType) -> None:
    """Note the code of a function that is registered, since a handler may stand in an installed app."""
    _HANDLERS.add((code.co_filename, code.co_firstlineno))


def walk(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    """The frames of a traceback with their lines, the outermost first; bounded."""
    for _ in range(_DEPTH):
        if traceback is None:
            return
        yield traceback.tb_frame, traceback.tb_lineno or 0
        traceback = traceback.tb_next


def outside(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    """Do what `walk` does, without the frames of this package."""
    return (each for each in walk(traceback) if not each[0].f_code.co_filename.startswith(_HERE))


def chain(error: BaseException) -> list[BaseException]:
    """An exception, what caused it, and so on; bounded."""
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and not any(current is each for each in found) and len(found) < _CHAIN:
        found.append(current)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return found


def leaves(error: BaseException) -> list[BaseException]:
    """The exceptions that a group holds at any depth; bounded. Of those with one type and one origin, the first is told."""
    found: dict[object, BaseException] = {}
    left = deque([error])
    for _ in range(_SEARCHED):
        if not left or len(found) == _LEAVES:
            break
        current = left.popleft()
        if isinstance(current, BaseExceptionGroup):
            left.extendleft(reversed(cast("BaseExceptionGroup[BaseException]", current).exceptions[:_SEARCHED]))
        elif current is not error:
            origin = deque(walk(current.__traceback__), maxlen=1)
            found.setdefault((type(current), *((frame.f_code.co_filename, line) for frame, line in origin)), current)
    return list(found.values())


def printable(text: str, length: int, *, end: bool = False) -> str:
    """A text on one line and of a bounded length: its beginning, or its end."""
    if len(text) > length:
        text = f"...{text[-length:]}" if end else f"{text[:length]}..."
    return text if text.isprintable() else repr(text)[1:-1]


def _add(places: deque[Place], place: Place) -> None:
    """Note a place as the innermost so far; a recursion is at one again and again, and is told once."""
    if place in places:
        places.remove(place)
    places.append(place)


def _is_library(frame: FrameType) -> bool:
    path = frame.f_code.co_filename
    if path.startswith("<"):
        frozen = _FROZEN.match(path)
        if frozen:
            return frozen[1] in sys.stdlib_module_names
        module_file = frame.f_globals.get("__file__")  # code that is made at run time is its module's
        path = module_file if isinstance(module_file, str) else ""
    return len(path) <= _LONGEST_PATH and _is_installed(path)


@lru_cache(maxsize=1024)
def _is_installed(path: str) -> bool:
    """Whether a file belongs to the standard library or to an installed package; one that is installed to be edited does not."""
    return _INSTALLED.search(path) is not None or os.path.normcase(path).startswith(_roots())


@lru_cache(maxsize=1)
def _roots() -> tuple[str, ...]:
    paths = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    paths += [*site.getsitepackages(), str(Path(os.__file__).parent)]
    known = [Path(path) for path in paths if path]
    every = {*known, *(path.resolve() for path in known)}
    return tuple(f"{os.path.normcase(path)}{os.sep}" for path in every)
