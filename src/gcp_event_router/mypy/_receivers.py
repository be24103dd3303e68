"""The hooks of plain receivers: of `event_received`, and of the signals for monitoring."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator

from mypy.nodes import ARG_NAMED, ARG_POS, ARG_STAR, ARG_STAR2, Expression, ListExpr, RefExpr, TupleExpr, Var
from mypy.subtypes import is_subtype
from mypy.types import AnyType, CallableType, Instance, NoneType, ProperType, Type, TypeOfAny, UnionType, get_proper_type

from ._call import Call
from ._codes import EVENT_RECEIVER
from ._names import ENVELOPE, EVENT, EVENT_SIGNAL, LIFECYCLE, OUTCOME, PRINCIPAL, RECEIVER_DECORATOR
from ._types import text


def receiver(call: Call) -> Type:
    """Hand the signals of Django's decorator to `received`, which sees the function."""
    argument = call.first()
    if argument is None:
        return call.type
    signals = [signal for signal in _signals(argument.expression) if signal]
    if not signals:
        return call.type
    return call.instance(RECEIVER_DECORATOR, call.string(json.dumps(signals))) or call.type


def received(call: Call) -> Type:
    """Check a decorated receiver, and keep its type."""
    argument = call.first()
    if argument is None:
        return call.type
    for signal in json.loads(call.facts or "[]"):
        _check_receiver(call, signal, get_proper_type(argument.type))
    return argument.type


def connected(call: Call) -> Type:
    """Check a receiver that `connect` is given."""
    argument = call.first()
    if argument is not None:
        _check_receiver(call, "event_received", get_proper_type(argument.type))
    return call.type


def _signals(expression: Expression) -> Iterator[str | None]:
    if isinstance(expression, ListExpr | TupleExpr):
        for item in expression.items:
            yield from _signals(item)
    elif isinstance(expression, RefExpr) and isinstance(expression.node, Var):
        if expression.fullname.startswith(LIFECYCLE):
            yield expression.fullname.removeprefix(LIFECYCLE)
        else:
            known = None if expression.node.type is None else get_proper_type(expression.node.type)
            yield "event_received" if isinstance(known, Instance) and known.type.has_base(EVENT_SIGNAL) else None


def _check_receiver(call: Call, signal: str, function: ProperType) -> None:
    if not isinstance(function, CallableType) or function.is_ellipsis_args:
        return
    sent = _sent(call, signal)
    if sent is None:
        return
    takes_rest = False
    for kind, name, type_ in zip(function.arg_kinds, function.arg_names, function.arg_types, strict=True):
        if kind == ARG_STAR2:
            takes_rest = True
        elif kind == ARG_STAR:
            continue
        elif name not in sent:
            if kind in {ARG_POS, ARG_NAMED}:
                close = difflib.get_close_matches(name or "", [*sent], n=1)
                near = f'; did you mean "{close[0]}"?' if close else f". It sends {', '.join(sent)}"
                call.fail(f'The receiver requires "{name}", which {signal} never sends{near}', EVENT_RECEIVER)
        else:
            given = sent[name]
            if given is not None and not is_subtype(given, type_):
                call.fail(f'The receiver takes "{name}" as {text(type_)}, and {signal} sends {text(given)}', EVENT_RECEIVER)
    if not takes_rest and signal != "event_received":
        call.fail(f"The receiver does not take **kwargs, and Django calls no receiver of {signal} without", EVENT_RECEIVER)


def _sent(call: Call, signal: str) -> dict[str, Type | None] | None:
    string = call.context.api.named_generic_type("builtins.str", [])
    if signal == "event_received":
        mapping = call.context.api.named_generic_type("builtins.dict", [string, string])
        return {
            "sender": None,
            "signal": None,
            "event_kind": string,
            "event_reference": string,
            "event_payload": None,
            "event_parameters": mapping,
        }
    principal, error, outcome = call.instance(PRINCIPAL), call.instance("builtins.Exception"), call.instance(OUTCOME)
    common: dict[str, Type | None] = {
        "sender": None,
        "signal": None,
        "event_kind": string,
        "event_reference": string,
        "principal": principal and UnionType.make_union([principal, NoneType()]),
    }
    if signal == "event_rejected":
        return common | {"outcome": outcome, "error": error}
    common |= {"handler": string, "envelope": call.instance(ENVELOPE)}
    if signal == "handler_started":
        return common
    if signal == "handler_finished":
        unknown = AnyType(TypeOfAny.special_form)
        event = call.instance(EVENT, unknown, unknown)
        return common | {
            "outcome": outcome,
            "duration": call.context.api.named_generic_type("builtins.float", []),
            "error": error and UnionType.make_union([error, NoneType()]),
            "event": event and UnionType.make_union([event, NoneType()]),
        }
    return None
