"""Text for a terminal: columns, and where code stands. Called by the management commands."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import OutputWrapper

__all__ = ["place", "printing", "receiver_name", "spells", "table"]


def table(rows: Iterable[Sequence[str]], titles: Sequence[str]) -> str:
    """Columns under their titles."""
    lines = [tuple(titles), *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(each, widths, strict=True)).rstrip() for each in lines)


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
    code = inspect.unwrap(receiver)
    name = f"{getattr(code, '__module__', '?')}.{getattr(code, '__qualname__', type(code).__qualname__)}"
    found = getattr(getattr(code, "__func__", code), "__code__", None)
    return f"{name} ({place(f'{found.co_filename}:{found.co_firstlineno}')})" if found else name


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


def spells(out: OutputWrapper, text: str) -> bool:
    """Whether the terminal has all letters of a text."""
    try:
        text.encode(getattr(out, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
