"""Reads the types that mypy infers from a `TypeForm`, such as a union. Releases before 1.19 do not know what that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mypy.nodes import Expression, IndexExpr, NameExpr, OpExpr, RefExpr, StrExpr, TupleExpr, TypeAlias
from mypy.types import FunctionLike, Instance, NoneType, Type, TypeType, UnionType, get_proper_type, has_type_vars

from ._call import Call
from ._types import is_inferred

_MODULES: Final = ("typing", "typing_extensions")
_ANNOTATED: Final = frozenset(f"{module}.Annotated" for module in _MODULES)
_LITERAL: Final = frozenset(f"{module}.Literal" for module in _MODULES)


def with_form(call: Call) -> Type:
    """The type of a call of `kind` or `on`, with the type that `payload` stands for."""
    payload, given = call.argument("payload"), get_proper_type(call.type)
    if payload is None or not isinstance(given, Instance) or is_inferred(given):
        return call.type
    type_ = _type_of(call, payload.expression)
    return call.type if type_ is None or has_type_vars(type_) else Instance(given.type, [type_])


def _type_of(call: Call, expression: Expression) -> Type | None:
    match expression:
        case NameExpr(fullname="builtins.None"):
            return NoneType()
        case RefExpr(node=TypeAlias(target=target)):
            return target
        case OpExpr(op="|", left=left, right=right):
            return _union([_type_of(call, left), _type_of(call, right)])
        case IndexExpr(base=RefExpr(fullname=name), index=TupleExpr(items=[annotated, *_])) if name in _ANNOTATED:
            return _type_of(call, annotated)
        case IndexExpr(base=RefExpr(fullname=name), index=index) if name in _LITERAL:
            values = index.items if isinstance(index, TupleExpr) else [index]
            return _union([call.string(value.value) if isinstance(value, StrExpr) else None for value in values])
        case _:
            type_ = get_proper_type(call.context.api.get_expression_type(expression))
    if isinstance(type_, TypeType):
        return type_.item
    return type_.items[0].ret_type if isinstance(type_, FunctionLike) and type_.is_type_obj() else None


def _union(types: Sequence[Type | None]) -> Type | None:
    known = [type_ for type_ in types if type_ is not None]
    return UnionType.make_union(known) if len(known) == len(types) else None
