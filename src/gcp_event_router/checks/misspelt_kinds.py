"""Finds kinds that the project uses and does not declare, although it declares one that differs by a slip of the pen.

A project may declare some of its kinds only. An undeclared kind is therefore no mistake, however similar `order-paid` and
`order-placed` are: a slip is one letter too many, too few or wrong, or two in the wrong order, within one word of four letters or
more; or another case, or another separator.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple, cast

from django.core.checks import CheckMessage
from django.core.checks import Warning as Warn

from .. import _check_ids as check_ids
from .._dispatch.handler import Handler
from .._dispatch.lookup import LISTENING
from .._event_urls import get_event_url
from .._globs.glob import Glob, escape
from ..kinds import Kind
from ..router import EventRouter, events
from .sources import PASSED_OVER, own_apps, parsed, source_of

#: Shorter words are too often similar.
_SHORTEST: Final = 4
_WORD: Final = re.compile(r"[^\W_]+")


class Slip(NamedTuple):
    """A glob of a handler, and what is probably meant."""

    handler: Handler
    pattern: str
    meant: str
    #: A declared kind that it should match, and the place of the declaration.
    kind: str
    location: str


def slips_of(router: EventRouter) -> Iterator[Slip]:
    """Find the globs of handlers that match no declared kind, and resemble one that does."""
    kinds = declared_kinds(router)
    declared = _Declared(kinds)
    for registration in router if kinds else ():
        for glob in () if registration.is_fallback else registration.globs:
            meant = None if glob.only_text in kinds else declared.meant(glob)
            if meant is not None and not any(map(glob.matches, kinds)):
                wanted, kind = meant
                yield Slip(registration.handler, glob.pattern, wanted, kind, kinds[kind].location)


def declared_kinds(router: EventRouter) -> Mapping[str, Kind[Any]]:
    """The kinds that a router declares, and those of all routers that listen: each may handle what another declares."""
    kinds: dict[str, Kind[Any]] = {}
    for other in (*LISTENING, router):
        kinds |= getattr(other, "kinds", {})
    return kinds


def check_handled_kinds(router: EventRouter) -> Iterator[CheckMessage]:
    """Warn of handlers that are registered for a misspelt kind; called by `check_router`."""
    for slip in slips_of(router):
        yield Warn(
            f"{slip.handler} is registered for {slip.pattern!r}, which matches no declared kind, though {slip.meant!r} would "
            f"match {slip.kind!r}, declared in {slip.location}.",
            hint=f"Write {slip.meant!r}; or declare the kind that is meant, with `events.kind`.",
            obj=slip.handler.name,
            id=check_ids.MISSPELT_KIND,
        )


def check_used_kinds() -> Iterator[CheckMessage]:
    """Warn of `get_event_url` and `kinds[...]` with a misspelt kind, in the sources of the project's own apps."""
    declared = declared_kinds(events)
    names = _Names(declared)
    for module, path in _loaded() if declared else ():
        for node in _nodes(source_of(path, "get_event_url", ".kinds[")):
            use = _use(node, module)
            meant = None if use is None or use[1] in declared else names.closest(use[1])
            if use is not None and meant is not None:
                yield Warn(
                    f"{module.__name__} ({path}:{use[2]}) uses {use[0]} with {use[1]!r}, which is not declared, though "
                    f"{meant!r} is, in {declared[meant].location}.",
                    hint=f"Write {meant!r}; or declare {use[1]!r} with `events.kind`.",
                    obj=module.__name__,
                    id=check_ids.MISSPELT_KIND,
                )


def _loaded() -> Iterator[tuple[ModuleType, Path]]:
    """The imported modules of the project's own apps."""
    names = own_apps().values()
    for name, module in sorted(sys.modules.items()):
        app = next((app for app in names if name == app or name.startswith(f"{app}.")), None)
        file = vars(module).get("__file__") if isinstance(cast("object", module), ModuleType) else None  # it may be anything
        if app and isinstance(file, str) and not any(map(PASSED_OVER.fullmatch, name.removeprefix(app).split("."))):
            yield module, Path(file)


def _nodes(source: str) -> Iterator[ast.AST]:
    for tree in parsed(source):
        yield from ast.walk(tree)


def _use(node: ast.AST, module: ModuleType) -> tuple[str, str, int] | None:
    """What uses a literal kind, the kind, and the line; None for anything else."""
    if isinstance(node, ast.Call) and _value(node.func, module) is get_event_url:
        named = [keyword.value for keyword in node.keywords if keyword.arg == "event_kind"]
        return _literal("get_event_url", (*node.args[:1], *named))
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr == "kinds":
        is_router = isinstance(_value(node.value.value, module), EventRouter)
        return _literal(ast.unparse(node.value), (node.slice,)) if is_router else None
    return None


def _literal(what: str, nodes: Iterable[ast.AST]) -> tuple[str, str, int] | None:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return what, node.value, node.lineno
    return None


def _value(node: ast.AST, module: ModuleType) -> object:
    """The value of a name, or of a name in another module."""
    if isinstance(node, ast.Attribute):
        owner = _value(node.value, module)
        return vars(owner).get(node.attr) if isinstance(owner, ModuleType) else None
    return vars(module).get(node.id) if isinstance(node, ast.Name) else None


class _Names:
    """Names, and parts of them, among which a misspelt one is looked up."""

    def __init__(self, names: Iterable[str]) -> None:
        self._folded: dict[str, str] = {}
        #: By all words but one: that word, with the name.
        self._by_others: dict[tuple[str, ...], list[tuple[str, str]]] = {}
        for name in dict.fromkeys(names):
            words = _words(name)
            self._folded.setdefault("".join(words), name)
            for place, word in enumerate(words):
                self._by_others.setdefault((*words[:place], "", *words[place + 1 :]), []).append((word, name))

    def closest(self, text: str) -> str | None:
        """The name that differs from a text by a slip; None if there is none."""
        words = _words(text)
        whole = "".join(words)
        if whole in self._folded and len(whole) >= _SHORTEST:
            return self._folded[whole]
        for place, word in enumerate(words):
            for other, name in self._by_others.get((*words[:place], "", *words[place + 1 :]), ()):
                if _is_typo(word, other):
                    return name
        return None


class _Declared:
    """The declared kinds, and the beginnings and endings of their names."""

    def __init__(self, kinds: Iterable[str]) -> None:
        spans = {name: [match.span() for match in _WORD.finditer(name)] for name in kinds}
        self._kinds = tuple(spans)
        self._names = _Names(spans)
        self._beginnings = _Names(name[:end] for name, places in spans.items() for _, end in places)
        self._endings = _Names(name[start:] for name, places in spans.items() for start, _ in places)

    def meant(self, glob: Glob) -> tuple[str, str] | None:
        """The glob that is probably meant by one that matches no kind, and a kind that it matches: a name, or `order-*`."""
        if glob.only_text is not None:
            name = self._names.closest(glob.only_text)
            return None if name is None else (escape(name), name)
        for names, end, pattern in (
            (self._beginnings, glob.prefix, glob.prefix + "*"),
            (self._endings, glob.suffix, "*" + glob.suffix),
        ):
            stem = end.strip("-_.:/ ")
            closest = names.closest(stem) if pattern == glob.pattern else None
            if closest is not None:
                wanted = Glob(pattern.replace(stem, escape(closest)))
                return next(((wanted.pattern, name) for name in self._kinds if wanted.matches(name)), None)
        return None


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _is_typo(word: str, other: str) -> bool:
    """Whether words differ in one letter, or in the order of two neighbours. `v1` and `v2` differ on purpose."""
    short, long = sorted((word, other), key=len)
    at = next((place for place, letter in enumerate(short) if letter != long[place]), len(short))
    if len(short) < _SHORTEST or (short[at : at + 1] + long[at : at + 1]).isdigit():
        return False
    if len(short) < len(long):
        return short[at:] == long[at + 1 :]
    swapped = short[at + 1 : at + 2] + short[at : at + 1] + short[at + 2 :]
    return short[at + 1 :] == long[at + 1 :] or swapped == long[at:]
