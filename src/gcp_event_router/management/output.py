"""Formats text for terminals: columns, ages, numbers, progress and places in the code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TextIO

from django.core.management.base import OutputWrapper

from .._dispatch.signature import location_of, name_of

_UNITS: Final = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
#: The characters of a progress bar.
_BAR: Final = 30


def table(rows: Iterable[Sequence[str]], titles: Sequence[str]) -> str:
    """Align rows in columns under their titles."""
    lines = [titles, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def age_text(age: timedelta) -> str:
    """Format an age in its largest unit, such as `"3 h"`."""
    seconds = max(0, int(age.total_seconds()))
    unit, length = next((unit for unit in _UNITS if seconds >= unit[1]), _UNITS[-1])
    return f"{seconds // length} {unit}"


def counted(number: int, one: str, several: str) -> str:
    """Format a number with its noun."""
    return f"{number} {one if number == 1 else several}"


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
