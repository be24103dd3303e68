"""Finds handlers and receivers that never run, because nothing imports their module. It reads sources, and runs none."""

from __future__ import annotations

import ast
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
from .sources import MOST, PACKAGE, PASSED_OVER, own_apps, parsed, source_of

#: The usual names of routers and of kinds, which have the methods `on` and `fallback`.
_NAMES: Final = re.compile(r"(\w+_)?(events|router)|[A-Z]\w*")


def check_modules() -> Iterator[CheckMessage]:
    """Find modules of the project's own apps that register handlers or connect receivers, and that nothing has imported."""
    if getattr(settings, "ROOT_URLCONF", None):
        get_resolver().url_patterns  # noqa: B018 -- imports the modules of the URLs, as Django's own check does
    for app, name, path in islice(_unloaded(), MOST):
        for line, what in islice(_registrations(source_of(path, PACKAGE)), 1):
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
    folders = {Path(os.path.realpath(config.path)) for config in apps.get_app_configs()}
    for root, app in own_apps().items():
        for name, path in _modules(root, app, folders - {root}):
            if os.path.realpath(path) not in loaded:
                yield app, name, path


def _modules(folder: Path, package: str, others: set[Path]) -> Iterator[tuple[str, Path]]:
    """The modules of a package and of those within it, in order; `others` are the folders of other apps."""
    for module in iter_modules([str(folder)]):
        inner, name = folder / module.name, f"{package}.{module.name}"
        if (
            not PASSED_OVER.fullmatch(module.name)
            and module.name.isidentifier()
            and not inner.is_symlink()
            and inner not in others
        ):
            yield name, inner / "__init__.py" if module.ispkg else inner.with_suffix(".py")
            if module.ispkg:
                yield from _modules(inner, name, others)


def _registrations(source: str) -> Iterator[tuple[int, str]]:
    """The lines that register a handler or connect a receiver when the module is imported; none in a broken source."""
    nodes: list[ast.AST] = [*parsed(source)]
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
