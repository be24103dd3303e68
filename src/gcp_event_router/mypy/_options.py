"""Checks the arguments of `on`: in sentences where mypy would list overloads, and for options that exclude each other."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from mypy.nodes import (
    ARG_NAMED,
    ARG_POS,
    ARG_STAR,
    ARG_STAR2,
    CallExpr,
    Context,
    DictExpr,
    Expression,
    FloatExpr,
    IntExpr,
    NameExpr,
    RefExpr,
    StrExpr,
    UnaryExpr,
)
from mypy.plugin import MethodSigContext
from mypy.subtypes import is_subtype
from mypy.types import AnyType, CallableType, FunctionLike, Instance, NoneType, Type, TypeOfAny, UnionType, get_proper_type

from .._dispatch.options import Options
from .._globs.attributes import AttributeGlobs
from ..backoff import Backoff
from ..exceptions import GlobError, RegistrationError
from ._call import Call, Project
from ._codes import EVENT_GLOB, EVENT_HANDLER
from ._names import BACKOFF, HANDLER_OPTIONS, KIND
from ._stub import accept_strings
from ._types import text

#: The options; mypy itself reports values of other types.
_TYPES: Final = {
    "name": str,
    "once": bool,
    "once_for": timedelta,
    "deferred": bool,
    "lease": timedelta,
    "max_attempts": int,
    "retry": Backoff,
}
#: The options that find the key of an event.
_KEYS: Final = ("once_key", "order_by")
#: The arguments whose types mypy itself compares.
_COMPARED: Final = frozenset({"payload", *_KEYS})
#: Stands for a value that the code does not spell out.
_UNKNOWN: Final = object()
_CONSTANTS: Final = {"builtins.True": True, "builtins.False": False}


def check_options(call: Call) -> None:
    """Report options with which registration fails, although their types are right."""
    keywords = _keywords(call.context.context)
    values = {name: _value(expression) for name, expression in keywords.items()}
    known: Any = {name: value for name, value in values.items() if type(value) is _TYPES.get(name)}
    known |= {name: _any_key for name in _KEYS if name in keywords}
    try:
        Options.of(known)
        AttributeGlobs.of(_texts(keywords.get("attributes")))
    except RegistrationError as error:
        call.fail(str(error).removesuffix("."), EVENT_HANDLER)
    except GlobError as error:
        call.fail(str(error).removesuffix("."), EVENT_GLOB)


def _any_key(event: object) -> None:
    """Stand for a function that the code names."""


def _value(expression: Expression) -> object:
    match expression:
        case StrExpr(value=value) | IntExpr(value=value) | FloatExpr(value=value):
            return value
        case NameExpr(fullname=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case UnaryExpr(op="-", expr=IntExpr(value=value) | FloatExpr(value=value)):
            return -value
        case CallExpr(callee=RefExpr(fullname="datetime.timedelta"), args=arguments, arg_names=names):
            numbers = [_value(argument) for argument in arguments]
            if not all(isinstance(number, int | float) for number in numbers):
                return _UNKNOWN
            named: Any = {name: number for name, number in zip(names, numbers, strict=True) if name is not None}
            positional: Any = [number for name, number in zip(names, numbers, strict=True) if name is None]
            return timedelta(*positional, **named)
        case CallExpr(callee=RefExpr(fullname=name)) if name == BACKOFF:
            return Backoff()  # whatever its arguments are
        case _:
            return _UNKNOWN


def _texts(expression: Expression | None) -> dict[str, str] | None:
    """The pairs of a dict, if the code spells out all of them."""
    if not isinstance(expression, DictExpr):
        return None
    pairs = [
        (name.value, value.value) for name, value in expression.items if isinstance(name, StrExpr) and isinstance(value, StrExpr)
    ]
    return dict(pairs) if len(pairs) == len(expression.items) else None


def _keywords(call: Context) -> dict[str, Expression]:
    if not isinstance(call, CallExpr):
        return {}
    arguments = zip(call.arg_names, call.args, call.arg_kinds, strict=True)
    return {name: expression for name, expression, kind in arguments if name is not None and kind == ARG_NAMED}


def explain_arguments(project: Project, context: MethodSigContext) -> FunctionLike:
    """Report a wrong argument of `on` in a sentence, and let mypy accept the arguments then."""
    signature = context.default_signature
    if EVENT_HANDLER.code in project.config.disable or not _is_meant(signature, context.context):
        return accept_strings(project, context)
    problem = _kind_problem(context) or _option_problem(project, context)
    if problem is None:
        return accept_strings(project, context)
    context.api.fail(problem, context.context, code=EVENT_HANDLER)
    anything = AnyType(TypeOfAny.special_form)
    # pyright cannot infer the types of mypy's copy_modified
    return signature.copy_modified(  # pyright: ignore[reportUnknownMemberType]
        arg_types=[anything, anything], arg_kinds=[ARG_STAR, ARG_STAR2], arg_names=["kinds", "options"], unpack_kwargs=False
    )


def _is_meant(signature: CallableType, call: Context) -> bool:
    """Whether an overload is the one that a call means, whatever else is wrong with it."""
    if not isinstance(call, CallExpr) or ("payload" in call.arg_names) != ("payload" in signature.arg_names):
        return False
    return ARG_POS not in signature.arg_kinds or not {ARG_POS, ARG_STAR}.isdisjoint(call.arg_kinds)


def _is_on(context: MethodSigContext) -> bool:
    return "on" in (context.default_signature.name or "").split()


def _is_of_kind(context: MethodSigContext) -> bool:
    return isinstance(context.type, Instance) and context.type.type.fullname == KIND


def _kind_problem(context: MethodSigContext) -> str | None:
    """What is wrong with the kinds that `EventRouter.on` is given."""
    call = context.context
    if not isinstance(call, CallExpr) or _is_of_kind(context) or not _is_on(context):
        return None
    if not {*call.arg_kinds} - {ARG_NAMED} and "ce_type" not in call.arg_names:
        return 'Without a kind, no event would ever reach the handler. Name one: @events.on("order-placed")'
    for expression, kind in zip(call.args, call.arg_kinds, strict=True):
        type_ = get_proper_type(context.api.get_expression_type(expression)) if kind == ARG_POS else None
        if isinstance(type_, Instance) and type_.type.fullname == KIND:
            name = expression.name if isinstance(expression, NameExpr) else "TheKind"
            return f"on takes the names of kinds, and this is a Kind. Register the handler with it: @{name}.on"
        if isinstance(type_, FunctionLike) and not type_.is_type_obj():
            return 'on takes the names of kinds, and this is a function. Name a kind: @events.on("order-placed")'
        if isinstance(type_, (Instance, NoneType)) and not is_subtype(type_, context.api.named_generic_type("builtins.str", [])):
            return f'A kind must be a string, not {text(type_)}. Name one: @events.on("order-placed")'
    return None


def _option_problem(project: Project, context: MethodSigContext) -> str | None:
    """What is wrong with the options of a handler."""
    options = _options(project, context)
    for name, expression in _keywords(context.context).items():
        if not options or name in _COMPARED:
            continue
        if name not in options:
            known = sorted({*options, *_KEYS})
            known = ["payload", *known] if "ce_type" in options else known
            close = difflib.get_close_matches(name, known, n=1)
            hint = f'did you mean "{close[0]}"?' if close else f"the options are {', '.join(known)}"
            return f'The option "{name}" does not exist; {hint}'
        type_ = get_proper_type(context.api.get_expression_type(expression, options[name]))
        if not is_subtype(type_, options[name]):
            return f'The option "{name}" takes {text(options[name])}, not {text(type_)}'
    return None


def _options(project: Project, context: MethodSigContext) -> Mapping[str, Type]:
    info = project.find_class(HANDLER_OPTIONS)
    if info is None or info.typeddict_type is None:
        return {}
    string = context.api.named_generic_type("builtins.str", [])
    options = {**info.typeddict_type.items}
    if _is_on(context):
        options["attributes"] = UnionType([context.api.named_generic_type("typing.Mapping", [string, string]), NoneType()])
        if not _is_of_kind(context):
            options["ce_type"] = UnionType([string, NoneType()])
    return dict(sorted(options.items()))  # a cache may have sorted them, or not
