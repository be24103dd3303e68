"""Finds handlers and receivers that never run, because nothing imports their module. It reads sources, and runs none."""

from __future__ import annotations

import ast
import os
import re
import sys
import warnings
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

#: How many modules are read, and how many bytes one may have.
MOST: Final = 5_000
LARGEST: Final = 256 * 1024

_PACKAGE: Final = __name__.partition(".")[0]
#: The usual names of routers and of kinds, which have the methods `on` and `fallback`.
_NAMES: Final = re.compile(r"(\w+_)?(events|router)|[A-Z]\w*")
#: Modules that are not part of a running site, or run by name.
_PASSED_OVER: Final = re.compile(r"management|migrations|test_.*|.*_tests?|tests?|conftest|__main__")
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})


def check_modules() -> Iterator[CheckMessage]:
    """Find modules of the project's own apps that register handlers or connect receivers, and that nothing has imported."""
    if getattr(settings, "ROOT_URLCONF", None):
        get_resolver().url_patterns  # noqa: B018 -- imports the modules of the URLs, as Django's own check does
    for app, name, path in islice(_unloaded(), MOST):
        for line, what in islice(_registrations(_source(path)), 1):
            yield Warn(
                f"{name} ({path}:{line}) {what}, which does not run, since nothing imports the module.",
                hint=f"Write `import {name}` in the module {app}.event_handlers.",
                obj=name,
                id=check_ids.UNIMPORTED_MODULE,
            )


def _unloaded() -> Iterator[tuple[str, str, Path]]:
    """The app, the name and the file of each module of the project's own apps that is not imported."""
    loaded = {
        os.path.realpath(file) for file in (getattr(module, "__file__", None) for module in [*sys.modules.values()]) if file
    }
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
    """The text of a module that mentions this package; empty if it does not, or if the file is too large or cannot be read."""
    try:
        source = path.read_text(errors="replace") if path.stat().st_size <= LARGEST else ""
    except OSError:
        return ""
    return source if _PACKAGE in source else ""


def _registrations(source: str) -> Iterator[tuple[int, str]]:
    """The lines that register a handler or connect a receiver when the module is imported; none in a broken source."""
    try:
        with warnings.catch_warnings(action="ignore"):
            nodes: list[ast.AST] = [ast.parse(source)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    while nodes:
        node = nodes.pop()
        inner = [*ast.iter_child_nodes(node)]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = [*node.decorator_list]  # the body does not run
            plain = [decorator for decorator in node.decorator_list if _registers(decorator)]
            yield from ((decorator.lineno, "registers a handler") for decorator in plain)
        elif isinstance(node, ast.Call) and _registers(node.func):
            yield node.lineno, "registers a handler"
        elif isinstance(node, ast.Call) and _connects(node):
            yield node.lineno, "connects a receiver"
        nodes += [] if isinstance(node, ast.Lambda) else reversed(inner)


def _registers(function: ast.AST) -> bool:
    """Whether an expression is such as `events.on` or `ORDER_PLACED.on`."""
    if not isinstance(function, ast.Attribute) or function.attr not in {"on", "fallback"}:
        return False
    return _NAMES.fullmatch(_last_name(function.value)) is not None


def _connects(call: ast.Call) -> bool:
    """Whether a call is such as `event_received.connect(...)` or `receiver(event_received)`."""
    if isinstance(call.func, ast.Attribute) and call.func.attr == "connect":
        return _last_name(call.func.value) == "event_received"
    is_receiver = _last_name(call.func) == "receiver" and bool(call.args)
    return is_receiver and "event_received" in map(_last_name, ast.walk(call.args[0]))


def _last_name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
