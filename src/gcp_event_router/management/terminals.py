"""A terminal, or what reads a command's output in its place. Called by the management commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import OutputWrapper

__all__ = ["printing", "spells"]


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
