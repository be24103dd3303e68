"""Checks the arguments of `Kind.publish`: in sentences where mypy would list overloads, and for times that exclude each other."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from mypy.errorcodes import ErrorCode
from mypy.nodes import ARG_NAMED, ARG_POS, CallExpr, Expression, MemberExpr, NameExpr
from mypy.plugin import MethodSigContext
from mypy.subtypes import is_subtype
from mypy.types import AnyType, FunctionLike, Instance, NoneType, Type, TypeOfAny

from ._call import Project
from ._codes import EVENT_PAYLOAD
from ._names import KIND, PUBLISH_OPTIONS
from ._types import literal, text

#: The methods that publish.
PUBLISHING: Final = frozenset({f"{KIND}.publish", f"{KIND}.apublish"})
_FORMS: Final = "OrderPlaced.publish(order), or OrderPlaced.publish(topic, order)"


class _Problem(NamedTuple):
    message: str
    place: Expression | None = None
    code: ErrorCode = EVENT_PAYLOAD


def explain_publication(project: Project, context: MethodSigContext) -> FunctionLike:
    """Report a wrong argument in a sentence, and let mypy accept the arguments then."""
    signature, call = context.default_signature, context.context
    if EVENT_PAYLOAD.code in project.config.disable or not isinstance(call, CallExpr):
        return signature
    if {*call.arg_kinds} - {ARG_POS, ARG_NAMED}:
        return signature  # mypy itself compares what a call unpacks
    problem = next(_problems(project, context, call), None)
    if problem is None:
        return signature
    if "topic" in signature.arg_names:  # there are two overloads, and one report
        context.api.fail(problem.message, problem.place or call, code=problem.code)
    anything = AnyType(TypeOfAny.special_form)
    # pyright cannot infer the types of mypy's copy_modified
    return signature.copy_modified(  # pyright: ignore[reportUnknownMemberType]
        arg_types=[anything for _ in call.args], arg_kinds=call.arg_kinds, arg_names=call.arg_names, unpack_kwargs=False
    )


def _problems(project: Project, context: MethodSigContext, call: CallExpr) -> Iterator[_Problem]:
    """Everything that is wrong with a call."""
    named = {name: value for name, value in zip(call.arg_names, call.args, strict=True) if name is not None}
    positional = [value for name, value in zip(call.arg_names, call.args, strict=True) if name is None]
    given = [*positional, *(named.pop(name) for name in ("topic", "payload") if name in named)]
    is_topic_last = "topic" in call.arg_names and "payload" not in call.arg_names
    if len(given) not in {1, 2} or is_topic_last:
        yield _Problem(f"publish takes a payload, or a topic and a payload: {_FORMS}")
        return
    *topics, payload = given
    for topic in topics:
        yield from _wrong(context, topic, context.api.named_generic_type("builtins.str", []), "The topic before the payload is")
    if isinstance(context.type, Instance) and context.type.args:
        kind = call.callee.expr if isinstance(call.callee, MemberExpr) else None
        name = f'"{kind.name}"' if isinstance(kind, NameExpr | MemberExpr) else "The kind"
        yield from _wrong(context, payload, context.type.args[0], f"The payload of {name} is")
    yield from _wrong_options(project, context, named)


def _wrong_options(project: Project, context: MethodSigContext, given: Mapping[str, Expression]) -> Iterator[_Problem]:
    info = project.find_class(PUBLISH_OPTIONS)
    if info is None or info.typeddict_type is None:
        return
    options = dict(sorted(info.typeddict_type.items.items()))  # a cache may have sorted them, or not
    for name, expression in given.items():
        if name in options:
            yield from _wrong(context, expression, options[name], f'The option "{name}" takes')
        else:
            close = difflib.get_close_matches(name, options, n=1)
            hint = f'did you mean "{close[0]}"?' if close else f"the options are {', '.join(options)}"
            yield _Problem(f'The option "{name}" does not exist; {hint}', expression)
    clashing = [name for name in ("at", "delay", "ordering_key") if name in given and _is_set(context, given[name])]
    if len(clashing) > 1:
        first, second = clashing[:2]
        is_order = second == "ordering_key"
        why = "all later events with the key would have to wait" if is_order else "an event is due at one time"
        yield _Problem(f"{first}= and {second}= exclude each other, since {why}. Give one of them")


def _is_set(context: MethodSigContext, expression: Expression) -> bool:
    type_ = context.api.get_expression_type(expression)
    return not is_subtype(NoneType(), type_) and literal(type_) != ""


def _wrong(context: MethodSigContext, expression: Expression, expected: Type, beginning: str) -> Iterator[_Problem]:
    """What is wrong with an argument: mypy's own words, such as those about a key of a TypedDict, or that its type differs."""
    with context.api.msg.filter_errors(save_filtered_errors=True) as watcher:
        given = context.api.get_expression_type(expression, expected)
    for error in watcher.filtered_errors():
        yield _Problem(error.message, expression, error.code or EVENT_PAYLOAD)
    if not is_subtype(given, expected):
        yield _Problem(f"{beginning} {text(expected)}, not {text(given)}", expression)
