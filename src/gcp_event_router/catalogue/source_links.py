"""The place of code, and a link to it. It never shows the whole path, which reveals how a machine is set up."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from django.conf import settings

from .. import conf


class SourceLink(NamedTuple):
    """A file and a line; and a link, if `SOURCE_URL` is set. Empty if the place is unknown."""

    text: str
    url: str = ""


def place_of(location: str) -> SourceLink:
    """The place of a `Handler.location`, relative to the project or to the folder of an installed package."""
    name, colon, line = location.rpartition(":")
    if not colon or not line.isdecimal():
        return SourceLink("")
    file = Path(name)
    for root in _roots():
        if file.is_relative_to(root) and "site-packages" not in file.parts:  # a virtual environment may lie in the project
            path = file.relative_to(root).as_posix()
            template = conf.current().SOURCE_URL
            return SourceLink(f"{path}:{line}", template.format(path=quote(path), line=line) if template else "")
    paths = [file.relative_to(root) for root in map(Path, sys.path) if root.parts and file.is_relative_to(root)]
    return SourceLink(f"{min(paths, key=lambda path: len(path.parts), default=Path(file.name)).as_posix()}:{line}")


def _roots() -> Iterator[Path]:
    base = getattr(settings, "BASE_DIR", None)
    if base:
        yield Path(base).absolute()
    with suppress(FileNotFoundError):  # a folder that is gone, as after a deployment
        yield Path.cwd()
