"""Notes which definitions and calls hide a function of the project in `Annotated`, such as a validator.

mypy drops the arguments of `Annotated`. The plugin reads those of models and dataclasses with their classes; of all else that
names a payload, it only notes whether there are any by which more can be read, or written, than the types say.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from mypy.nodes import GDEF, FuncDef, MypyFile, SymbolTableNode, TypeAlias, Var
from mypy.server.trigger import make_trigger
from mypy.types import CallableType, Instance, NoneType, ProperType, Type

from ._call import Call, Project
from ._class_source import has_hidden_function, imported_names
from ._names import PAYLOADS, STUB

#: The packages that are never part of a project.
_LIBRARY: Final = (__name__.partition(".")[0], STUB)
#: Begins the names of the symbols that say so. As with declarations, mypy's cache keeps them, and those with an "@" the daemon.
_PREFIX: Final = "_gcp_event_hides@"


def note_hidden(project: Project, file: MypyFile, source: str) -> None:
    """Keep a symbol in a module for each of its definitions and calls that hides a function. mypy has only parsed the module."""
    project.noted.add(file.fullname)
    if "Annotated" not in source:
        return
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    imported = imported_names(module)
    for name, parts in _definitions(module):
        if any(has_hidden_function(part, imported) for part in parts):
            variable = Var(_PREFIX + name, NoneType())
            variable._fullname = f"{file.fullname}.{variable.name}"  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] -- as mypy's plugins do
            variable.is_ready = True
            file.names[variable.name] = SymbolTableNode(
                GDEF, variable, module_public=False, module_hidden=True, plugin_generated=True
            )
            file.plugin_deps.setdefault(make_trigger(variable.fullname), set()).add(make_trigger(PAYLOADS))


def _definitions(module: ast.Module) -> Iterator[tuple[str, Iterable[ast.AST]]]:
    """The definitions by their names, and the calls by their places, with the parts of each that may name a type."""
    for node in ast.walk(module):
        match node:
            case ast.ClassDef(name=name, body=body):
                yield name, [statement.annotation for statement in body if isinstance(statement, ast.AnnAssign)]
            case ast.FunctionDef(name=name, args=arguments) | ast.AsyncFunctionDef(name=name, args=arguments):
                yield name, [arguments]
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                yield name, [value]
            case ast.Call(lineno=line, col_offset=column, args=given, keywords=keywords):
                yield f"{line}:{column}", [*given, *keywords]
            case _ if type(node).__name__ == "TypeAlias":  # `type Name = ...`, since Python 3.12
                yield node.name.id, [node.value]  # type: ignore[attr-defined]
            case _:
                pass


def hides_function(project: Project, fullname: str) -> bool:
    """Whether a definition hides a function, or is in a package, where nothing notes that."""
    tree = _module_of(project, fullname)
    return tree is None or not is_of_project(tree) or _is_noted(project, tree, fullname)


def trigger_of(fullname: str) -> str:
    """What the daemon takes for a change of whether a definition hides a function."""
    module, _, name = fullname.rpartition(".")
    return make_trigger(f"{module}.{_PREFIX}{name}")


def _is_noted(project: Project, tree: MypyFile, fullname: str) -> bool:
    if tree.fullname not in project.noted:  # mypy's parallel workers do not get the symbols of a module that was just parsed
        note_hidden(project, tree, source_of(tree))
    return _PREFIX + fullname.rpartition(".")[2] in tree.names


def _module_of(project: Project, fullname: str) -> MypyFile | None:
    module = fullname.rpartition(".")[0]
    while module and module not in project.modules:  # the name is inside a class
        module = module.rpartition(".")[0]
    return project.modules.get(module)


def may_hide_function(project: Project, tree: MypyFile, type_: Type) -> bool:
    """Whether a type in a module may come from an alias that hides a function: mypy replaces the alias of a class."""
    aliases = (symbol.node for symbol in tree.names.values() if isinstance(symbol.node, TypeAlias) and symbol.node.no_args)
    targets = (
        str(alias.target)
        for alias in aliases
        if (module := _module_of(project, alias.fullname)) and _is_noted(project, module, alias.fullname)
    )
    return any(target in str(type_) for target in targets)


def call_hides_function(call: Call, payload: Type) -> bool:
    """Whether an argument of a call may hide a function in the payload that it gives."""
    place = call.context.context
    name = f"{call.tree.fullname}.{place.line}:{place.column}"
    return _is_noted(call.project, call.tree, name) or may_hide_function(call.project, call.tree, payload)


def handler_hides_function(call: Call, handler: ProperType, event: Instance) -> bool:
    """Whether the annotation of a handler may hide a function."""
    definition = handler.definition if isinstance(handler, CallableType) else None
    if not isinstance(definition, FuncDef):
        return may_hide_function(call.project, call.tree, event)
    tree = _module_of(call.project, definition.fullname) or call.tree
    return _is_noted(call.project, tree, definition.fullname) or may_hide_function(call.project, tree, event)


def is_of_project(file: MypyFile) -> bool:
    """Whether a module is one of the project that mypy checks."""
    is_library = file.fullname.partition(".")[0] in _LIBRARY
    return not (file.is_stub or is_library or "site-packages" in file.path)


def source_of(file: MypyFile) -> str:
    """The text of a module of the project; empty for all other modules. mypy's native parser has not read the body yet."""
    if not is_of_project(file):
        return ""
    try:
        return Path(file.path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
