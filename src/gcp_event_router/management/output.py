"""Formats text for terminals: columns, ages, numbers, progress and places in the code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from shutil import get_terminal_size
from textwrap import wrap
from typing import Any, Final, TextIO

from django.core.management.base import OutputWrapper

from .._dispatch.signature import location_of, name_of

#: Between two columns, and before the columns that do not fit.
_GAP: Final = "  "
_INDENT: Final = "    "
_UNITS: Final = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
#: The characters of a progress bar.
_BAR: Final = 30


def width_of(out: OutputWrapper) -> int | None:
    """Return the width of a terminal; None for a pipe or a file, where other programs expect a row in each line."""
    return get_terminal_size().columns if out.isatty() else None


def table(rows: Iterable[Sequence[str]], titles: Sequence[str], *, head: int = 0, width: int | None = None) -> str:
    """Align rows in columns under their titles.

    If the columns do not fit the width, only the first ones, `head`, are aligned; the others follow below.
    """
    lines = [titles, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    if width is None or sum(widths) + len(_GAP) * (len(widths) - 1) <= width:
        return "\n".join(_aligned(line, widths).rstrip() for line in lines)
    most = width // max(head, 1) - len(_GAP)
    widths = [max((len(cell) for cell in column if len(cell) <= most), default=0) for column in zip(*lines, strict=True)]
    stacked: list[str] = []
    for line in lines:
        first = [cell.ljust(length) for cell, length in zip(line[:head], widths, strict=False)]
        stacked += _flowing(first, width, "")
        stacked += _flowing(line[head:], width, _INDENT)
    return "\n".join(stacked)


def _aligned(cells: Iterable[str], widths: Iterable[int]) -> str:
    return _GAP.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))


def _flowing(cells: Iterable[str], width: int, indent: str) -> list[str]:
    """Break lines between cells, or between the words of a cell that is too long; a long word stays whole."""
    lines: list[str] = []
    for cell in cells:
        if lines and len(f"{lines[-1]}{_GAP}{cell}".rstrip()) <= width:
            lines[-1] += _GAP + cell
        else:
            start = _INDENT if lines else indent
            words = wrap(cell, width - len(_INDENT), break_long_words=False, break_on_hyphens=False)
            lines += [start + cell] if len(start + cell) <= width else [start + words[0], *(_INDENT + word for word in words[1:])]
    return [line.rstrip() for line in lines]


def age_text(age: timedelta) -> str:
    """Format an age in its largest unit, such as `"3 h"`."""
    seconds = max(0, int(age.total_seconds()))
    unit, length = next((unit for unit in _UNITS if seconds >= unit[1]), _UNITS[-1])
    return f"{seconds // length} {unit}"


def place(location: str) -> str:
    """Shorten the path of a file and line, if the file is below the current directory."""
    name, colon, line = location.rpartition(":")
    try:
        return f"{Path(name).relative_to(Path.cwd())}:{line}" if colon else location
    except ValueError:
        return location


def receiver_name(receiver: Callable[..., Any]) -> str:
    """Format a plain receiver's name and place."""
    return f"{name_of(receiver)} ({place(location_of(receiver))})"


@contextmanager
def printing(out: OutputWrapper) -> Generator[None]:
    """Write each line immediately, also to a pipe or a container's log, where Python would wait for more.

    Escape characters that the terminal lacks, and end the command quietly if its reader closes the pipe, as `head` does.
    """
    reconfigure = getattr(out, "reconfigure", None)  # a StringIO has none
    before: dict[str, Any] = {name: getattr(out, name, None) for name in ("errors", "line_buffering")}
    if reconfigure:
        reconfigure(errors="backslashreplace", line_buffering=True)
    try:
        try:
            yield
        finally:
            out.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())  # Python flushes the stream once more when it exits
        sys.exit(1)
    finally:
        if reconfigure:
            reconfigure(**before)


class Progress:
    """A progress bar; it writes nothing if the stream is not a terminal."""

    def __init__(self, total: int, stream: TextIO) -> None:
        self._total = total
        self._done = 0
        self._stream = stream
        self._is_shown = total > 0 and stream.isatty()

    def step(self) -> None:
        """Count one more."""
        self._done += 1
        filled = min(_BAR, _BAR * self._done // max(self._total, 1))
        self._write(f"\r[{'#' * filled}{'.' * (_BAR - filled)}] {self._done} of {self._total}")

    def clear(self) -> None:
        """Erase the bar, so that other text can be written."""
        self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        if self._is_shown:
            self._stream.write(text)
            self._stream.flush()
