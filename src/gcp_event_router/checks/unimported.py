"""Handlers and receivers in modules that nothing imports, so that they never run: found by reading the source, not running it."""

from __future__ import annotations

import ast
import os
import re
import sys
import sysconfig
from collections.abc import Iterator
from importlib.util import resolve_name
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple
from warnings import catch_warnings, simplefilter

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage
from django.core.checks import Warning as Warn
from django.dispatch import Signal, receiver
from django.urls import get_resolver
from django.utils.module_loading import import_string

from .. import conf
from ..kinds import Kind
from ..router import EventRouter
from ..signals import EventSignal

__all__ = ["LARGEST", "MOST", "check_modules"]

#: How many modules are looked at, and how large one may be, in bytes; others are passed over.
MOST: Final = 5_000
LARGEST: Final = 256 * 1024

#: The module that is imported when Django starts, of each app.
_FOUND: Final = "event_handlers"
_PACKAGE: Final = __name__.partition(".")[0]
_MENTIONS: Final = re.compile(rb"\.\s*(on|fallback|connect)\b|\breceiver\b")
_METHODS: Final = frozenset({"on", "fallback"})
#: What is not part of a running site, or is run by name.
_PASSED_OVER: Final = frozenset({"management", "migrations", "test", "tests"})
_TEST: Final = re.compile(r"test_.*|.*_tests?|tests?|conftest|__main__")
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})

#: A router or a kind that the module itself makes.
_MADE: Final = object()


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
        id="gcp_event_router.W016",
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
    """What a module registers first, and in which line; None where nothing is sure."""
    try:
        with Path(module.path).open("rb") as file:
            source = file.read(LARGEST + 1)
        if len(source) > LARGEST or not _MENTIONS.search(source):
            return None
        with catch_warnings():
            simplefilter("ignore")  # what the source is warned of is not ours to tell
            tree = ast.parse(source)
        return _Source(module).first(tree)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # whoever imports it is told


class _Source:
    """The names in a module that stand for routers, kinds and signals, as far as its statements say without being run."""

    def __init__(self, module: _Module) -> None:
        name = (module.app.name, *module.parts)
        self._package = ".".join(name if module.path.endswith("__init__.py") else name[:-1])
        self._names: dict[str, object] = {}

    def first(self, tree: ast.Module) -> tuple[str, int] | None:
        """The first registration that is made when the module is imported, in words, and its line."""
        for node in _executed(tree.body):
            match node:
                case ast.Import() | ast.ImportFrom():
                    self._import(node)
                case ast.Assign(targets=[ast.Name(id=name)], value=value) | ast.AnnAssign(target=ast.Name(id=name), value=value):
                    self._names[name] = self._value(value)
                case ast.FunctionDef(decorator_list=decorators) | ast.AsyncFunctionDef(decorator_list=decorators):
                    for each in decorators:
                        if (what := self._registers(each)) is not None:
                            return what, each.lineno
                case ast.Expr(value=ast.Call() as call) if (what := self._registers(call)) is not None:
                    return what, call.lineno
                case _:
                    pass
        return None

    def _registers(self, node: ast.expr) -> str | None:
        """What an expression registers: `router.on(...)`, `router.fallback` and the like do, and what calls their results.

        So do `receiver(event_received)` and `event_received.connect(...)`.
        """
        given: list[ast.expr] = []
        while isinstance(node, ast.Call):
            given, node = node.args, node.func
        if isinstance(node, ast.Attribute) and node.attr in _METHODS and _is_source(self._value(node.value)):
            return "registers a handler"
        if isinstance(node, ast.Attribute) and node.attr == "connect" and self._is_signal(node.value):
            return "connects a receiver"
        if self._value(node) is receiver and any(map(self._is_signal, given)):
            return "connects a receiver"
        return None

    def _is_signal(self, node: ast.expr) -> bool:
        """Whether an expression is a signal of events, or a list that holds one."""
        nodes = node.elts if isinstance(node, ast.List | ast.Tuple) else [node]
        return any(_is_event_signal(self._value(each)) for each in nodes)

    def _value(self, node: ast.expr | None) -> object:
        """What an expression stands for: a router, a kind, a signal, or something in a module that is imported already."""
        match node:
            case ast.Name(id=name):
                return self._names.get(name)
            case ast.Attribute(value=value, attr=name):
                holder = self._value(value)
                return vars(holder).get(name) if isinstance(holder, ModuleType) else None
            case ast.Call(func=ast.Attribute(value=value, attr="kind")) if _is_source(self._value(value)):
                return _MADE
            case ast.Call(func=function) if self._value(function) is EventRouter:
                return _MADE
            case _:
                return None

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.Import):
            for each in node.names:
                name = each.name if each.asname else each.name.partition(".")[0]
                self._names[each.asname or name] = sys.modules.get(name)
            return
        try:
            base = resolve_name("." * node.level + (node.module or ""), self._package)
        except ImportError:
            return  # more dots than there are packages
        for each in node.names:
            holder = sys.modules.get(base)
            found = vars(holder).get(each.name) if holder else None
            self._names[each.asname or each.name] = sys.modules.get(f"{base}.{each.name}") if found is None else found


def _is_source(value: object) -> bool:
    return value is _MADE or isinstance(value, EventRouter | Kind)


def _is_event_signal(value: object) -> bool:
    """Whether a value is `event_received`, or another signal that `SIGNALS` names."""
    if isinstance(value, EventSignal):
        return True
    return isinstance(value, Signal) and any(import_string(path) is value for path in conf.current().SIGNALS)


def _executed(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that an import runs, in order, whatever branch they are in: those of functions are left out."""
    for node in body:
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for block in ("body", "handlers", "cases", "orelse", "finalbody"):
                yield from _executed(getattr(node, block, []))
