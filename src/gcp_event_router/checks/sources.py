"""Reads the sources of the project's own apps, for checks; it runs none of them."""

from __future__ import annotations

import ast
import os
import re
import warnings
from pathlib import Path
from typing import Final

from django.apps import apps

#: How many modules are read, and how many bytes one may have.
MOST: Final = 5_000
LARGEST: Final = 256 * 1024

PACKAGE: Final = __name__.partition(".")[0]
#: Modules that are not part of a running site, or run by name.
PASSED_OVER: Final = re.compile(r"management|migrations|test_.*|.*_tests?|tests?|conftest|__main__")
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})


def own_apps() -> dict[Path, str]:
    """The folders of the apps that are the project's own, with their names: neither installed, nor of this package."""
    folders = {Path(os.path.realpath(config.path)): config.name for config in apps.get_app_configs()}
    return {
        root: app for root, app in folders.items() if app.partition(".")[0] != PACKAGE and not _INSTALLED.intersection(root.parts)
    }


def source_of(path: Path, *words: str) -> str:
    """The text of a module that mentions one of the words; empty if it does not, or if it is too large or cannot be read."""
    try:
        source = path.read_text(errors="replace") if path.stat().st_size <= LARGEST else ""
    except (OSError, ValueError):
        return ""
    return source if any(word in source for word in words) else ""


def parsed(source: str) -> list[ast.AST]:
    """The tree of a source; empty if it is broken."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return [ast.parse(source)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
