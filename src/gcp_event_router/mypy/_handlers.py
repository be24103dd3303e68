"""The hooks that see a handler: whether it can be one, and whether it can read what its kinds carry."""

from __future__ import annotations

from mypy.nodes import ARG_STAR
from mypy.plugin import MethodSigContext
from mypy.subtypes import is_subtype
from mypy.types import (
    AnyType,
    CallableType,
    FunctionLike,
    Instance,
    Overloaded,
    ProperType,
    Type,
    TypeVarType,
    UnionType,
    get_proper_type,
)

from ._call import Call
from ._codes import EVENT_HANDLER
from ._names import EVENT, HANDLER_DECORATOR
from ._on_call import OnCall
from ._payloads import check_payload
from ._types import as_base, is_inferred, text


def any_function(context: MethodSigContext) -> FunctionLike:
    """Let the decorator's call accept anything, since `registered` judges it in better words."""
    signature = context.default_signature
    variable = signature.variables[0]
    if not isinstance(variable, TypeVarType):
        return signature
    # pyright cannot infer the types of mypy's copy_modified
    wide = variable.copy_modified(  # pyright: ignore[reportUnknownMemberType]
        upper_bound=context.api.named_generic_type("builtins.object", [])
    )
    return signature.copy_modified(  # pyright: ignore[reportUnknownMemberType] -- as above
        variables=[wide], arg_types=[wide], ret_type=wide
    )


def registered(call: Call) -> Type:
    """Check the decorated function, and keep its type."""
    argument = call.first()
    if argument is None:
        return call.type
    function = get_proper_type(argument.type)
    problem = _problem(call, function)
    if problem:
        call.fail(problem, EVENT_HANDLER)
        return function
    payload = payload_of(function)
    if payload is not None:
        check_payload(call, OnCall.of(call), payload, f"The handler reads Event[{text(payload)}]")
    return function


def on_kind(call: Call) -> Type:
    """Keep the type of a function that a declared kind registers."""
    argument = call.first()
    function = None if argument is None else get_proper_type(argument.type)
    return function if isinstance(function, CallableType | Instance | Overloaded) else call.type


def check_payload_argument(call: Call, on_call: OnCall) -> None:
    """Check the type that `payload=` names."""
    decorator = get_proper_type(call.type)
    if isinstance(decorator, Instance) and is_inferred(decorator) and decorator.args:
        check_payload(call, on_call, decorator.args[0], f"The handler reads Event[{text(decorator.args[0])}]")


def _problem(call: Call, function: ProperType) -> str | None:
    """Why something cannot be a handler."""
    decorator = call.project.find_class(HANDLER_DECORATOR)
    method = None if decorator is None else decorator.get_method("__call__")
    variable = method.type.variables[0] if method is not None and isinstance(method.type, CallableType) else None
    if not isinstance(variable, TypeVarType) or is_subtype(function, variable.upper_bound):
        return None
    how = "Write it as: def handler(event: Event[Model]) -> None"
    if isinstance(function, FunctionLike) and function.is_type_obj():
        return (
            f"{function.type_object().name} is a class, so calling it would only make an instance. "
            "Register a function, or an instance of it"
        )
    if not isinstance(function, CallableType):
        return f"{text(function)} is not a function that takes one Event and returns None. {how}"
    name = (function.name or "the function").split(" of ")[0].strip('"')
    first = next((i for i, kind in enumerate(function.arg_kinds) if kind.is_positional() or kind == ARG_STAR), None)
    if first is None:
        return f'"{name}" takes no positional argument, so it cannot take an event. {how}'
    taken = get_proper_type(function.arg_types[first])
    required = [
        parameter or "?"
        for i, (parameter, kind) in enumerate(zip(function.arg_names, function.arg_kinds, strict=True))
        if i != first and kind.is_required()
    ]
    if function.arg_names[first] in {"self", "cls"} and required:
        return f'"{name}" is a method without its object. Register the bound method: events.on(...)(instance.{name})'
    if required:
        return f'"{name}" requires {", ".join(required)} besides the event, and would not get it. {how}'
    if not (isinstance(taken, AnyType) or (isinstance(taken, Instance) and taken.type.fullname == EVENT)):
        such = "" if isinstance(taken, UnionType) else f", such as Event[{text(taken)}]"
        return f'"{name}" takes {text(taken)}, but it gets an Event. Annotate the parameter as an Event{such}'
    return f'"{name}" returns {text(function.ret_type)}, which nobody would get. Return None'


def payload_of(function: ProperType) -> Type | None:
    """The payload in a handler's annotation."""
    if isinstance(function, Instance):
        method = function.type.get("__call__")
        if method is None or method.type is None or function.type.fullname == "functools.partial":
            return None
        bound = get_proper_type(method.type)
        if not isinstance(bound, CallableType) or len(bound.arg_types) < 2:  # noqa: PLR2004 -- self, and the event
            return None
        event = get_proper_type(bound.arg_types[1])
    elif isinstance(function, CallableType) and function.arg_types:
        event = get_proper_type(function.arg_types[0])
    else:
        return None
    base = as_base(event, EVENT) if isinstance(event, Instance) else None
    return None if base is None else base.args[0]
