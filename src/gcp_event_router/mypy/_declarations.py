"""What the modules of a project declare: routers, their kinds, and the routers that they include.

Each declaration is a hidden symbol of the module with the call, so that mypy keeps it in its cache, compares it in the daemon,
and hands it to its workers, as it does with all symbols.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

from mypy.nodes import (
    GDEF,
    AssignmentStmt,
    Block,
    CallExpr,
    ClassDef,
    Decorator,
    Expression,
    ExpressionStmt,
    ForStmt,
    FuncDef,
    IfStmt,
    MemberExpr,
    MypyFile,
    NameExpr,
    RefExpr,
    Statement,
    StrExpr,
    SymbolTableNode,
    TryStmt,
    Var,
    WhileStmt,
    WithStmt,
)
from mypy.server.trigger import make_trigger, make_wildcard_trigger
from mypy.types import NoneType, ProperType, Type, get_proper_type

from ..event import is_label
from ._call import Call, Project
from ._names import EVENTS

_PREFIX: Final = "_gcp_event"
_ROUTER: Final = "router"
_KIND: Final = "kind"
_INCLUSION: Final = "inclusion"
#: Some kind or inclusion that the plugin cannot read.
_UNKNOWN: Final = "unknown"
#: Routers that include each other, which the library refuses, would have endless prefixes.
_MAX_INCLUSIONS: Final = 1_000


class Declaration(NamedTuple):
    """What one call says about a router."""

    what: str
    #: The full name of its variable; empty if it is unknown.
    router: str
    #: The name of the kind, or the prefix of the inclusion.
    name: str = ""
    #: The full name of the included router's variable.
    included: str = ""

    @property
    def symbol(self) -> str:
        """The name of its symbol.

        The daemon deletes the symbols of a module before it checks it again, except those with an "@". It finds the module of a
        symbol by counting dots, so there may be none; neither a name in Python nor a kind contains a slash.
        """
        return f"{_PREFIX}@{self.what}@{self.router}@{self.included}@{self.name}".replace(".", "/")

    @classmethod
    def of_symbol(cls, symbol: str) -> Declaration | None:
        """The declaration whose symbol has this name; None for all other symbols."""
        if not symbol.startswith(f"{_PREFIX}@"):
            return None
        _, what, router, included, name = symbol.replace("/", ".").split("@", 4)
        return cls(what, router, name, included)


class DeclaredKind(NamedTuple):
    """A kind, as it is known where it is used."""

    module: str
    #: The symbol that keeps it; None before mypy has checked the declaration.
    kept: Var | None

    @property
    def type(self) -> ProperType | None:
        """The type of the declaration, `Kind[...]`; None before mypy has inferred it."""
        return None if self.kept is None or self.kept.type is None else get_proper_type(self.kept.type)


#: The module with a declaration, what it says, and the symbol that keeps it.
_Declared: TypeAlias = tuple[str, Declaration, Var | None]


class Kinds(NamedTuple):
    """The kinds of a router by name, with the prefixes of inclusions."""

    by_name: dict[str, DeclaredKind]
    #: Whether there can be no others.
    are_complete: bool


#: By module, what its declarations depend on, and the declarations.
_checked: Final[WeakKeyDictionary[Project, dict[str, tuple[list[object], list[_Declared]]]]] = WeakKeyDictionary()
#: By router, what its kinds have been merged from, and the kinds.
_kinds: Final[WeakKeyDictionary[Project, dict[str, tuple[list[list[_Declared]], Kinds]]]] = WeakKeyDictionary()


def is_kind(name: str) -> bool:
    """Whether a name is that of one kind, which an event can have."""
    return is_label(name) and not any(character in name for character in "*?[")


def router_of(call: Call) -> str | None:
    """The full name of the router whose method is called; None if the expression may mean any router."""
    return _router_of(call.context.context, call.project)


def _router_of(call: object, project: Project) -> str | None:
    if isinstance(call, CallExpr) and isinstance(call.callee, MemberExpr):
        return router_name(call.callee.expr, project)
    return None


def router_name(expression: Expression, project: Project) -> str | None:
    """The full name of the router that an expression means; None if that is unknown."""
    node = expression.node if isinstance(expression, RefExpr) else None
    if not isinstance(node, Var):
        return None
    # another name of a router, `alias = events`, would hide that its kinds are those of `events`
    tree = project.modules.get(node.fullname.rpartition(".")[0])
    is_made_there = tree is not None and Declaration(_ROUTER, node.fullname).symbol in tree.names
    return node.fullname if is_made_there or node.fullname == EVENTS else None


def _string(expression: Expression) -> str | None:
    """The string of a literal or a constant."""
    if isinstance(expression, StrExpr):
        return expression.value
    if isinstance(expression, RefExpr) and isinstance(expression.node, Var) and isinstance(expression.node.final_value, str):
        return expression.node.final_value
    return None


def _argument(call: CallExpr, position: int, name: str) -> Expression | None:
    if name in call.arg_names:
        return call.args[call.arg_names.index(name)]
    given = [argument for argument, keyword in zip(call.args, call.arg_names, strict=True) if keyword is None]
    return given[position] if len(given) > position else None


def _declaration(call: CallExpr, project: Project) -> Declaration | None:
    """What a call of `kind` or `include` declares; None for any other call."""
    if not isinstance(call.callee, MemberExpr) or call.callee.name not in {"kind", "include"}:
        return None
    router = _router_of(call, project)
    if call.callee.name == "kind":
        argument = _argument(call, 0, "name")
        name = None if argument is None else _string(argument)
        if router is None or name is None:
            return Declaration(_UNKNOWN, router or "")
        return Declaration(_KIND, router, name) if is_kind(name) else None
    argument, prefix_argument = _argument(call, 0, "router"), _argument(call, 1, "prefix")
    included = None if argument is None else router_name(argument, project)
    prefix = "" if prefix_argument is None else _string(prefix_argument)
    if router is None or included is None or prefix is None or "/" in prefix:
        return Declaration(_UNKNOWN, router or "")
    return Declaration(_INCLUSION, router, prefix, included)


def declare(call: Call, type_: Type) -> None:
    """Keep what the call of `kind` or `include` declares."""
    declaration = _declaration(call.context.context, call.project) if isinstance(call.context.context, CallExpr) else None
    if declaration is not None:
        _keep(call, declaration, type_)


def is_declared(call: Call) -> bool:
    """Whether the module has kept the kind that the call declares, perhaps from another overload."""
    declaration = _declaration(call.context.context, call.project) if isinstance(call.context.context, CallExpr) else None
    return declaration is not None and declaration.symbol in call.tree.names


def declare_router(call: Call) -> None:
    """Keep the name of a router that a module assigns to a variable, if the call makes it."""
    for statement in call.tree.defs:
        if isinstance(statement, AssignmentStmt) and statement.rvalue is call.context.context:
            for target in statement.lvalues:
                if isinstance(target, NameExpr) and isinstance(target.node, Var):
                    _keep(call, Declaration(_ROUTER, target.node.fullname), NoneType())


def _keep(call: Call, declaration: Declaration, type_: Type) -> None:
    names, place = call.tree.names, call.context.context
    for symbol, kept in list(names.items()):  # of an earlier check by the daemon, when a constant had another value
        node = kept.node
        if node is not None and (node.line, node.column) == (place.line, place.column) and Declaration.of_symbol(symbol):
            del names[symbol]
    variable = Var(declaration.symbol, type_)
    variable._fullname = f"{call.tree.fullname}.{declaration.symbol}"  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] -- as mypy's plugins do
    variable.is_ready = True
    variable.set_line(place)
    names[declaration.symbol] = SymbolTableNode(GDEF, variable, module_public=False, module_hidden=True, plugin_generated=True)
    # before mypy 2, the daemon takes a change in a module that nobody has edited for one of this symbol only
    anything = make_wildcard_trigger(call.tree.fullname)
    call.tree.plugin_deps.setdefault(make_trigger(variable.fullname), set()).add(anything)


def earlier_declaration(call: Call, name: str) -> DeclaredKind | None:
    """The declaration of the same kind by an earlier line or module."""
    router = router_of(call)
    if router is None:
        return None
    kept = call.tree.names.get(Declaration(_KIND, router, name).symbol)
    if (
        kept is not None
        and isinstance(kept.node, Var)
        and kept.node.type is not None
        and kept.node.line < call.context.context.line
    ):
        return DeclaredKind(call.tree.fullname, kept.node)
    others = kinds_of(call, router, own=False).by_name
    return others.get(name)


def is_first_declaration(call: Call) -> bool:
    """Whether no line above the call declares anything but routers."""
    declarations = ((Declaration.of_symbol(symbol), kept.node) for symbol, kept in call.tree.names.items())
    return not any(
        declaration and declaration.what != _ROUTER and node is not None and 0 < node.line < call.context.context.line
        for declaration, node in declarations
    )


def kinds_of(call: Call, router: str, *, own: bool = True) -> Kinds:
    """The kinds of a router that are known in the module of the call.

    Args:
        call: The call that names them.
        router: The full name of the router.
        own: Whether to include those that the module itself declares.

    """
    trees = [call.project.modules.get(module) for module in call.project.kinds_before(call.tree.fullname)]
    known = [_declarations_of(tree, call.project) for tree in trees if tree is not None]
    if own:
        known += [declared] if (declared := list(_declarations_in(call.tree, call.project))) else []
    # comparing hundreds of kinds for each of hundreds of calls would take longer than all that mypy does
    merged = _kinds.setdefault(call.project, {})
    before = merged[router][0] if router in merged else None
    if before is None or len(before) != len(known) or any(map(operator.is_not, before, known)):
        merged[router] = known, _merge(router, known)
    kinds = merged[router][1]
    are_complete = None not in trees and call.tree.fullname not in call.project.config.kinds[:-1]
    return kinds if are_complete else Kinds(kinds.by_name, are_complete=False)


def _merge(router: str, known: Iterable[Iterable[_Declared]]) -> Kinds:
    """The kinds of a router, from the declarations of several modules."""
    by_name: dict[str, DeclaredKind] = {}
    are_complete = True
    pending = [(router, "")]
    for current, prefix in pending:  # the loop appends to it
        for module, declaration, kept in chain.from_iterable(known):
            if declaration.what == _UNKNOWN:
                are_complete = are_complete and declaration.router not in {current, ""}
            elif declaration.router == current and declaration.what == _KIND:
                by_name.setdefault(prefix + declaration.name, DeclaredKind(module, kept))
            elif declaration.router == current and declaration.what == _INCLUSION:
                inclusion = (declaration.included, prefix + declaration.name)
                pending += [] if inclusion in pending or len(pending) > _MAX_INCLUSIONS else [inclusion]
    return Kinds(dict(sorted(by_name.items())), are_complete)  # symbols that come from a cache are in another order


def _declarations_of(tree: MypyFile, project: Project) -> list[_Declared]:
    """All declarations of a module, the same list as long as its symbols are the same, once mypy has checked all of it."""
    cache = _checked.setdefault(project, {})
    state: list[object] = [tree.defs, *(symbol.node for symbol in tree.names.values())]
    known, declared = cache.get(tree.fullname, ([], []))
    if len(known) == len(state) and not any(map(operator.is_not, known, state)):
        return declared
    declared = list(_declarations_in(tree, project))
    if all(kept is not None for _, _, kept in declared):
        cache[tree.fullname] = state, declared
    return declared


def _declarations_in(tree: MypyFile, project: Project) -> Iterator[_Declared]:
    """All declarations of a module: those that mypy has checked, and those further down, which it will check.

    mypy does not read the code of modules that it takes from its cache, and has checked all of it.
    """
    for symbol, kept in tree.names.items():
        found = Declaration.of_symbol(symbol)
        if found is not None and isinstance(kept.node, Var) and kept.node.type is not None:
            yield tree.fullname, found, kept.node
    for call in _calls(tree.defs):
        declaration = _declaration(call, project)
        if declaration is not None and declaration.symbol not in tree.names:
            yield tree.fullname, declaration, None


def _calls(statements: Iterable[Statement]) -> Iterator[CallExpr]:
    """The calls that statements consist of. mypy's visitors do not allow subclasses of plugins."""
    for statement in statements:
        match statement:
            case AssignmentStmt(rvalue=CallExpr() as call) | ExpressionStmt(expr=CallExpr() as call):
                yield call
            case Block(is_unreachable=False, body=inner):
                yield from _calls(inner)
            case IfStmt(body=blocks, else_body=last) | TryStmt(handlers=blocks, else_body=last):
                yield from _calls([*blocks, *([last] if last else [])])
                if isinstance(statement, TryStmt):
                    yield from _calls([statement.body, *([statement.finally_body] if statement.finally_body else [])])
            case WithStmt(body=block) | ForStmt(body=block) | WhileStmt(body=block) | FuncDef(body=block) | ClassDef(defs=block):
                yield from _calls([block])
            case Decorator(func=function):
                yield from _calls([function.body])
            case _:
                pass
