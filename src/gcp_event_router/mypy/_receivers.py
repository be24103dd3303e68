"""The hooks of plain receivers: of `event_received`, and of the signals for monitoring."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Final

from mypy.nodes import ARG_STAR, ARG_STAR2, CallExpr, Expression, ListExpr, MemberExpr, RefExpr, TupleExpr, Var
from mypy.subtypes import is_subtype
from mypy.types import AnyType, CallableType, Instance, NoneType, Type, TypeOfAny, UnionType, get_proper_type

from ._call import Call
from ._codes import EVENT_RECEIVER
from ._names import ENVELOPE, EVENT, EVENT_SIGNAL, LIFECYCLE, OUTCOME, PRINCIPAL, RECEIVER_DECORATOR
from ._types import name_of, text

_EVENT_RECEIVED: Final = "event_received"


def receiver(call: Call) -> Type:
    """Hand the signals of Django's decorator to `received`, which sees the function."""
    argument = call.first()
    signals = [] if argument is None else [*_signals(argument.expression)]
    if not signals:
        return call.type
    return call.instance(RECEIVER_DECORATOR, call.string(json.dumps(signals))) or call.type


def received(call: Call) -> Type:
    """Check a decorated receiver, and keep its type."""
    argument = call.first()
    if argument is None:
        return call.type
    for signal in json.loads(call.facts or "[]"):
        _check_receiver(call, signal, argument.type)
    return argument.type


def connected(call: Call) -> Type:
    """Check a receiver that `connect` is given."""
    argument, place = call.first(), call.context.context
    if argument is not None and isinstance(place, CallExpr) and isinstance(place.callee, MemberExpr):
        for signal in _signals(place.callee.expr):
            _check_receiver(call, signal, argument.type)
    return call.type


def _signals(expression: Expression) -> Iterator[str]:
    """The names of the signals in an expression, as far as they are this package's."""
    if isinstance(expression, ListExpr | TupleExpr):
        for item in expression.items:
            yield from _signals(item)
    elif isinstance(expression, RefExpr) and isinstance(expression.node, Var):
        known = None if expression.node.type is None else get_proper_type(expression.node.type)
        if expression.fullname.startswith(LIFECYCLE):
            yield expression.fullname.removeprefix(LIFECYCLE)
        elif isinstance(known, Instance) and known.type.has_base(EVENT_SIGNAL):
            yield _EVENT_RECEIVED


def _check_receiver(call: Call, signal: str, type_: Type) -> None:
    function = get_proper_type(type_)
    sent = _sent(call, signal)
    if not isinstance(function, CallableType) or function.is_ellipsis_args or function.is_type_obj() or not sent:
        return
    receiver_name = name_of(function)
    for kind, name, taken in zip(function.arg_kinds, function.arg_names, function.arg_types, strict=True):
        if kind in {ARG_STAR, ARG_STAR2}:
            continue
        given = sent.get(name or "")
        if name not in sent:
            if kind.is_required():
                call.fail(f"{receiver_name} {_unsent(signal, name, taken, sent)}", EVENT_RECEIVER)
        elif given is not None and not is_subtype(given, taken):
            message = f'{receiver_name} takes "{name}" as {text(taken)}, but {signal} sends {text(given)}'
            call.fail(message, EVENT_RECEIVER)
    if signal != _EVENT_RECEIVED and ARG_STAR2 not in function.arg_kinds:
        message = f"{receiver_name} does not take **kwargs, so Django cannot call it for {signal}. Add **kwargs: object"
        call.fail(message, EVENT_RECEIVER)


def _unsent(signal: str, name: str | None, taken: Type, sent: Mapping[str, Type | None]) -> str:
    """Say that a receiver requires an argument that its signal does not send."""
    proper = get_proper_type(taken)
    if isinstance(proper, Instance) and proper.type.fullname == EVENT:
        how = "Register it with events.on(...)" if signal == _EVENT_RECEIVED else f"Take any of {', '.join(sent)}"
        return f"takes an Event, but {signal} passes its arguments by name. {how}"
    if name is None:
        return f"requires a positional argument, but {signal} passes its arguments by name. Take any of {', '.join(sent)}"
    close = difflib.get_close_matches(name, [*sent], n=1) or [argument for argument in sent if argument.endswith(f"_{name}")]
    hint = f'; did you mean "{close[0]}"?' if close else f". Take any of {', '.join(sent)}, or **kwargs"
    return f'requires "{name}", which {signal} does not send{hint}'


def _sent(call: Call, signal: str) -> dict[str, Type | None] | None:
    """The arguments of a signal with their types, None for any type; None for a signal that is not known."""
    text_type = call.context.api.named_generic_type("builtins.str", [])
    common: dict[str, Type | None] = {"sender": None, "signal": None, "event_kind": text_type, "event_reference": text_type}
    if signal == _EVENT_RECEIVED:
        parameters = call.context.api.named_generic_type("builtins.dict", [text_type, text_type])
        return common | {"event_payload": None, "event_parameters": parameters}
    unknown = AnyType(TypeOfAny.special_form)
    error = call.instance("builtins.Exception")
    common["principal"] = _optional(call.instance(PRINCIPAL))
    if signal == "event_rejected":
        return common | {"outcome": call.instance(OUTCOME), "error": error}
    common |= {"handler": text_type, "envelope": call.instance(ENVELOPE)}
    if signal == "handler_started":
        return common
    if signal == "handler_finished":
        duration = call.context.api.named_generic_type("builtins.float", [])
        event = _optional(call.instance(EVENT, unknown, unknown))
        return common | {"outcome": call.instance(OUTCOME), "duration": duration, "error": _optional(error), "event": event}
    return None


def _optional(type_: Type | None) -> Type | None:
    return None if type_ is None else UnionType([type_, NoneType()])
