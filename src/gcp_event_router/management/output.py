"""Text for a terminal: columns, and where code stands. Called by the management commands."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

__all__ = ["place", "receiver_name", "table"]


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
