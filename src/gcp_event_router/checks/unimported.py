"""Handlers and receivers in modules that nothing imports, so that they never run: found by reading the source, not running it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from pkgutil import iter_modules
from typing import Final

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage
from django.core.checks import Warning as Warn
from django.urls import get_resolver

from .. import _check_ids as check_ids
from .registrations import registrations

#: How many modules are looked at, and how large one may be, in bytes; others are passed over.
MOST: Final = 5_000
LARGEST: Final = 256 * 1024

_PACKAGE: Final = __name__.partition(".")[0]
#: What is not part of a running site, or is run by name.
_PASSED_OVER: Final = re.compile(r"management|migrations|test_.*|.*_tests?|tests?|conftest|__main__")
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})


def check_modules() -> Iterator[CheckMessage]:
    """Which of the project's own modules register handlers or connect receivers, and are not imported when Django has started."""
    if getattr(settings, "ROOT_URLCONF", None):
        get_resolver().url_patterns  # noqa: B018 -- what the URLs import is imported; Django's own check does the same
    packages = {_PACKAGE, *(config.name.partition(".")[0] for config in apps.get_app_configs())}
    for app, name, path in islice(_unloaded(), MOST):
        source = _source(path)
        found = next(registrations(source, packages), None) if _PACKAGE in source else None
        if found:
            line, what = found
            yield Warn(
                f"{name} ({path}:{line}) {what}, which does not run, since nothing imports the module.",
                hint=f"Write `import {name}` in the module {app}.event_handlers.",
                obj=name,
                id=check_ids.UNIMPORTED_MODULE,
            )


def _unloaded() -> Iterator[tuple[str, str, Path]]:
    """The app, the name and the file of each module of the project's own apps that is not imported."""
    loaded = {os.path.realpath(file) for file in (getattr(each, "__file__", None) for each in [*sys.modules.values()]) if file}
    configs = {Path(os.path.realpath(config.path)): config.name for config in apps.get_app_configs()}
    for root, app in configs.items():
        if app.partition(".")[0] != _PACKAGE and not _INSTALLED.intersection(root.parts):
            for name, path in _modules(root, app, configs.keys() - {root}):
                if os.path.realpath(path) not in loaded:
                    yield app, name, path


def _modules(folder: Path, package: str, others: set[Path]) -> Iterator[tuple[str, Path]]:
    """The modules of a package and of those within it, in order; `others` are the folders of other apps."""
    for module in iter_modules([str(folder)]):
        inner, name = folder / module.name, f"{package}.{module.name}"
        if (
            not _PASSED_OVER.fullmatch(module.name)
            and module.name.isidentifier()
            and not inner.is_symlink()
            and inner not in others
        ):
            yield name, inner / "__init__.py" if module.ispkg else inner.with_suffix(".py")
            if module.ispkg:
                yield from _modules(inner, name, others)


def _source(path: Path) -> str:
    """The text of a module; none where it is too large, and where it cannot be read, which whoever imports it sees."""
    try:
        return path.read_text(errors="replace") if path.stat().st_size <= LARGEST else ""
    except OSError:
        return ""
