"""What a module's source registers or connects when it is imported; found without importing it."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from typing import Final

_METHODS: Final = frozenset({"on", "fallback"})


def registrations(source: str, packages: set[str]) -> Iterator[tuple[int, str]]:
    """The lines that register a handler or connect a receiver, with what they do.

    What counts is a method of `events`, of a name that the module imports from these packages, or of what it makes from one.
    """
    names = {"events"}
    for node in _executed(source):
        names |= _bound(node, names, packages)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            plain = [each for each in node.decorator_list if isinstance(each, ast.Attribute)]
            yield from ((each.lineno, "registers a handler") for each in plain if _registers(each, names))
        elif isinstance(node, ast.Call) and _registers(node.func, names):
            yield node.lineno, "registers a handler"
        elif isinstance(node, ast.Call) and _connects(node):
            yield node.lineno, "connects a receiver"


def _bound(node: ast.AST, names: set[str], packages: set[str]) -> set[str]:
    """The names that count from here on."""
    match node:
        case ast.Import(names=aliases):
            return {each.asname or _top(each.name) for each in aliases if _top(each.name) in packages}
        case ast.ImportFrom(module=module, names=aliases, level=level) if level or _top(module or "") in packages:
            return {each.asname or each.name for each in aliases}
        case ast.Assign(targets=targets, value=value) if _root(value) in names:
            return {each.id for each in targets if isinstance(each, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if _root(value) in names:
            return {name}
        case _:
            return set()


def _registers(function: ast.expr, names: set[str]) -> bool:
    return isinstance(function, ast.Attribute) and function.attr in _METHODS and _root(function) in names


def _connects(call: ast.Call) -> bool:
    if isinstance(call.func, ast.Attribute) and call.func.attr == "connect":
        return _last(call.func.value) == "event_received"
    is_receiver = _last(call.func) == "receiver" and bool(call.args)
    return is_receiver and "event_received" in map(_last, ast.walk(call.args[0]))


def _executed(source: str) -> Iterator[ast.AST]:
    """What runs when a module is imported; nothing if the source is wrong, which whoever imports it sees."""
    try:
        with warnings.catch_warnings(action="ignore"):
            waiting: list[ast.AST] = [ast.parse(source)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += reversed(node.decorator_list)
        elif not isinstance(node, ast.Lambda):
            waiting += reversed([*ast.iter_child_nodes(node)])


def _root(node: ast.AST) -> str:
    """The name that attributes are taken of."""
    while isinstance(node, ast.Attribute | ast.Call):
        node = node.value if isinstance(node, ast.Attribute) else node.func
    return node.id if isinstance(node, ast.Name) else ""


def _last(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _top(module: str) -> str:
    return module.partition(".")[0]
