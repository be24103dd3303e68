"""Lets mypy read a dict that a test pushes, or asserts, as the TypedDict of the kind or of the handler beside it."""

from __future__ import annotations

from typing import TypeAlias

from mypy.applytype import apply_generic_arguments
from mypy.nodes import DictExpr, ListExpr
from mypy.plugin import FunctionSigContext, MethodSigContext
from mypy.typeops import get_all_type_vars
from mypy.types import FunctionLike, Instance, Type, TypeVarType, get_proper_type, has_type_vars

from ._handlers import event_of
from ._names import KIND

SignatureContext: TypeAlias = FunctionSigContext | MethodSigContext


def expect_types(context: SignatureContext) -> FunctionLike:
    """Let the first argument alone say what a dict or a list has to be, since mypy would infer that from both."""
    signature = context.default_signature
    open_types = {
        variable.id
        for formal, expressions in zip(signature.arg_types, context.args, strict=True)
        if any(isinstance(expression, DictExpr | ListExpr) for expression in expressions)
        for variable in get_all_type_vars(formal)
    }
    if not open_types or not context.args[0]:
        return signature
    variables = _carried(signature.arg_types[0])
    types = _carried(context.api.get_expression_type(context.args[0][0])) if variables else ()
    known = {
        variable.id: type_
        for variable, type_ in zip(variables, types, strict=False)
        if isinstance(variable, TypeVarType) and variable.id in open_types and not has_type_vars(type_)
    }
    solution = [known.get(variable.id) for variable in signature.variables]
    return apply_generic_arguments(signature, solution, context.api.msg.incompatible_typevar_value, context.context)


def _carried(type_: Type) -> tuple[Type, ...]:
    """The payload of a kind; the payload and the parameters of a handler's event."""
    proper = get_proper_type(type_)
    if isinstance(proper, Instance) and proper.type.fullname == KIND:
        return proper.args
    event = event_of(proper)
    return () if event is None else event.args
