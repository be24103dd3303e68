"""Handlers and receivers in modules that nothing imports, so that they never run: found by reading the source, not running it."""

from __future__ import annotations

import ast
import os
import re
import sys
import sysconfig
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple
from warnings import catch_warnings, simplefilter

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage
from django.core.checks import Warning as Warn
from django.urls import get_resolver

from .. import _check_ids as check_ids

__all__ = ["LARGEST", "MOST", "check_modules"]

#: How many modules are looked at, and how large one may be, in bytes; others are passed over.
MOST: Final = 5_000
LARGEST: Final = 256 * 1024

#: The module that is imported when Django starts, of each app.
_FOUND: Final = "event_handlers"
_PACKAGE: Final = __name__.partition(".")[0]
#: How registrations are written, in a module that mentions this package. No name is looked up.
_REGISTERS: Final = re.compile(r"[\w.]+\.(on|fallback)(\(.*)?", re.DOTALL)
_CONNECTS: Final = re.compile(r"[\w.]*\breceiver\(.*\bevent_received\b.*|[\w.]*\bevent_received\.connect\(.*", re.DOTALL)
#: What is not part of a running site, or is run by name.
_PASSED_OVER: Final = frozenset({"management", "migrations", "test", "tests"})
_TEST: Final = re.compile(r"test_.*|.*_tests?|tests?|conftest|__main__")
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})


class _Module(NamedTuple):
    """A file of an app that is not loaded."""

    app: AppConfig
    path: str
    #: Its name within the app, such as `("billing", "handlers")`.
    parts: tuple[str, ...]


def check_modules() -> Iterator[CheckMessage]:
    """Which of the project's own modules register handlers or connect receivers, and are not imported when Django has started."""
    if getattr(settings, "ROOT_URLCONF", None):
        get_resolver().url_patterns  # noqa: B018 -- what the URLs import is imported; Django's own check does the same
    for module in islice(_unloaded(), MOST):
        found = _registration(module)
        if found is not None:
            yield _message(module, *found)


def _message(module: _Module, what: str, line: int) -> CheckMessage:
    name = ".".join((module.app.name, *module.parts))
    return Warn(
        f"{name} ({module.path}:{line}) {what}, which does not run, since nothing imports the module.",
        hint=_advice(module),
        obj=name,
        id=check_ids.UNIMPORTED_MODULE,
    )


def _advice(module: _Module) -> str:
    folder = Path(module.app.path)
    if module.parts == (_FOUND,):
        return f"Move it into {folder.name}/{_FOUND}/__init__.py, which is imported in its place."
    within = module.parts[0] == _FOUND
    is_package = Path(folder, _FOUND).is_dir()
    *between, last = module.parts[1:] if within else module.parts
    dots = ".." if is_package and not within else "."
    file = f"{_FOUND}/__init__.py" if is_package else f"{_FOUND}.py"
    return f"Write `from {dots}{'.'.join(between)} import {last}` in {folder.name}/{file}."


def _unloaded() -> Iterator[_Module]:
    """The modules of the project's own apps that are not imported."""
    loaded = {os.path.realpath(file) for file in (getattr(each, "__file__", None) for each in [*sys.modules.values()]) if file}
    installed = {os.path.realpath(sysconfig.get_path(each)) for each in ("stdlib", "platstdlib", "purelib", "platlib")}
    configs = {os.path.realpath(config.path): config for config in apps.get_app_configs()}
    for root, config in configs.items():
        path = Path(root)
        ours = config.name.partition(".")[0] == _PACKAGE
        if not ours and not _INSTALLED.intersection(path.parts) and not any(path.is_relative_to(each) for each in installed):
            for file, parts in _files(root, configs.keys() - {root}):
                if parts and file not in loaded:
                    yield _Module(config, file, parts)


def _files(folder: str, others: set[str], parts: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The modules of a package and of those within it, in order; `others` are the folders of other apps."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            stem, dot, suffix = entry.name.partition(".")
            if not stem.isidentifier():
                continue
            if dot:
                if suffix == "py" and not _TEST.fullmatch(stem) and Path(entry.path).is_file():
                    yield os.path.realpath(entry.path), (*parts, stem) if stem != "__init__" else parts
                continue
            is_package = entry.is_dir(follow_symlinks=False) and Path(entry.path, "__init__.py").is_file()
            if is_package and stem not in _PASSED_OVER and entry.path not in others:
                yield from _files(entry.path, others, (*parts, stem))
    except OSError:
        return  # what cannot be listed cannot be imported either


def _registration(module: _Module) -> tuple[str, int] | None:
    """What a module registers first, and in which line; None where it registers nothing."""
    try:
        with Path(module.path).open("rb") as file:
            source = file.read(LARGEST + 1)
        if len(source) > LARGEST or _PACKAGE.encode() not in source:
            return None
        with catch_warnings():
            simplefilter("ignore")  # whoever imports the module sees the warnings
            tree = ast.parse(source)
        return next(_registrations(tree), None)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # whoever imports the module sees the error


def _registrations(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """The decorators and calls that look like registrations and run when the module is imported, in words, with their lines."""
    for node in _executed(tree.body):
        expressions = node.decorator_list if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else []
        for expression in [node.value] if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else expressions:
            text = ast.unparse(expression)
            if _REGISTERS.fullmatch(text):
                yield "registers a handler", expression.lineno
            elif _CONNECTS.fullmatch(text):
                yield "connects a receiver", expression.lineno


def _executed(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that an import runs, in order, whatever branch they are in: those of functions are left out."""
    for node in body:
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for block in ("body", "handlers", "cases", "orelse", "finalbody"):
                yield from _executed(getattr(node, block, []))
