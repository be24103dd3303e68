"""Text for a terminal: columns, numbers, progress, and where code stands. Called by the management commands."""

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
#: Characters of a bar.
_WIDTH: Final = 30


def table(rows: Iterable[Sequence[str]], titles: Sequence[str]) -> str:
    """Columns under their titles."""
    lines = [tuple(titles), *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(each, widths, strict=True)).rstrip() for each in lines)


def age_text(age: timedelta) -> str:
    """A length of time in its largest unit, such as `"3 h"`."""
    seconds = max(0, int(age.total_seconds()))
    unit, length = next((unit for unit in _UNITS if seconds >= unit[1]), _UNITS[-1])
    return f"{seconds // length} {unit}"


def counted(number: int, one: str, several: str) -> str:
    """A number with its noun."""
    return f"{number} {one if number == 1 else several}"


def place(location: str) -> str:
    """A file and line, shorter where the file lies below the present folder."""
    name, colon, line = location.rpartition(":")
    if not colon:
        return location
    try:
        return f"{Path(name).relative_to(Path.cwd())}:{line}"
    except ValueError:
        return location


def receiver_name(receiver: Callable[..., Any]) -> str:
    """A plain receiver's module, name and place."""
    return f"{name_of(receiver)} ({place(location_of(receiver))})"


@contextmanager
def printing(out: OutputWrapper) -> Generator[None]:
    """Within a `with`, each line is written out at once, also into a pipe or a container's log, which Python fills by blocks.

    Letters that the terminal does not have become escapes, and a reader who leaves early ends the command.
    """
    reconfigure = getattr(out, "reconfigure", None)  # which a StringIO has not
    before: dict[str, Any] = {name: getattr(out, name, None) for name in ("errors", "line_buffering")}
    if reconfigure:
        reconfigure(errors="backslashreplace", line_buffering=True)
    try:
        try:
            yield
        finally:
            out.flush()
    except BrokenPipeError:  # whoever read this has read enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())  # Python writes what it has left to write at its end
        sys.exit(1)
    finally:
        if reconfigure:
            reconfigure(**before)


class Progress:
    """A bar that shows how much is done, if the stream is a terminal; nothing otherwise."""

    def __init__(self, total: int, stream: TextIO) -> None:
        self._total = total
        self._done = 0
        self._stream = stream
        self._is_shown = total > 0 and stream.isatty()

    def step(self) -> None:
        """Count one more."""
        self._done += 1
        filled = min(_WIDTH, _WIDTH * self._done // max(self._total, 1))
        self._write(f"\r[{'#' * filled}{'.' * (_WIDTH - filled)}] {self._done} of {self._total}")

    def clear(self) -> None:
        """Leave the line to others."""
        self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        if self._is_shown:
            self._stream.write(text)
            self._stream.flush()
