"""The hooks that see a handler: whether it can be one, and whether it can read what its kinds carry."""

from __future__ import annotations

from mypy.nodes import ARG_STAR, TypeInfo
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

from ._annotated import call_hides_function, handler_hides_function, is_of_project
from ._call import Call
from ._codes import EVENT_HANDLER
from ._comparison import unreadable
from ._fields import is_plain
from ._google import check_google_type
from ._names import EVENT, HANDLER_DECORATOR, PAYLOAD_DECORATOR
from ._on_call import OnCall
from ._options import check_options
from ._payloads import check_payload
from ._types import as_base, is_inferred, name_of, text


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
    event = event_of(function)
    if event is not None and not handler_hides_function(call, function, event):
        _check_event(call, event)
        _check_read(call, OnCall.of(call), event.args[0])
    return function


def _check_event(call: Call, event: Instance) -> None:
    """Report types in `Event[...]` that can never be read."""
    payload, parameters = event.args
    plain = get_proper_type(payload)
    if isinstance(plain, Instance) and _is_plain(plain.type, call):
        call.fail(
            f"pydantic cannot validate {text(payload)}, so no event can be read as it. Make it a BaseModel or a dataclass",
            EVENT_HANDLER,
        )
    value = call.context.api.named_generic_type("builtins.str", [])
    values = call.context.api.named_generic_type("builtins.list", [value])
    query = call.context.api.named_generic_type("builtins.dict", [value, UnionType([value, values])])
    classes: set[TypeInfo] = set()
    reason = unreadable(call.project, query, parameters, classes)
    call.depend_on_classes(classes)
    if reason is not None:
        reason = reason.replace(text(query), "the query of a URL")
        call.fail(f"The handler can read no parameters: {reason}. Declare a model of texts and numbers", EVENT_HANDLER)


def _is_plain(info: TypeInfo, call: Call) -> bool:
    """Whether a class of the project is one that pydantic has no schema for."""
    tree = call.project.modules.get(info.module_name)
    return tree is not None and is_of_project(tree) and is_plain(info)


def on_kind(call: Call) -> Type:
    """Check the options, or the function."""
    check_options(call)
    is_decorator = isinstance(get_proper_type(call.type), Instance)  # the call has nothing but options
    return call.type if is_decorator else of_payload(call)


def of_payload(call: Call) -> Type:
    """Keep the type of a function that a kind or `payload=` registers. mypy has checked it, unless it is a partial."""
    argument, owner = call.first(), call.owner
    function = None if argument is None else get_proper_type(argument.type)
    if not isinstance(function, CallableType | Instance | Overloaded):
        return call.type
    signature = _partial_signature(function)
    if signature is not None and owner is not None and not signature.variables:
        problem = _problem(call, function) or _other_payload(signature, owner.args[0])
        if problem:
            call.fail(problem, EVENT_HANDLER)
    return function


def _other_payload(partial: CallableType, payload: Type) -> str | None:
    """Say that a partial does not take the payload with which it is registered."""
    event = event_of(partial)
    if event is None or is_subtype(payload, event.args[0]):
        return None
    return (
        f"{_name(partial, is_partial=True)} takes Event[{text(event.args[0])}], but the payload is {text(payload)}. "
        f"Register a function that takes Event[{text(payload)}]"
    )


def check_payload_argument(call: Call, on_call: OnCall, decorator: Type, reader: str = "The handler") -> None:
    """Check the type that `payload=` names, or that the function of a key reads: the argument of the decorator's type."""
    decorator = get_proper_type(decorator)
    if isinstance(decorator, Instance) and is_inferred(decorator) and decorator.args and not call_hides_function(call, decorator):
        _check_read(call, on_call, decorator.args[0], reader)


def _check_read(call: Call, on_call: OnCall, payload: Type, reader: str = "The handler") -> None:
    """Compare what a handler reads with what its events carry."""
    reader = f"{reader} reads Event[{text(payload)}]"
    check_payload(call, on_call, payload, reader)
    check_google_type(call, on_call, payload, reader)


def is_keyed(call: Call) -> bool:
    """Whether `once_key` or `order_by` is a function that says which events it takes; a lambda takes any."""
    decorator = get_proper_type(call.type)
    if not isinstance(decorator, Instance) or decorator.type.fullname != PAYLOAD_DECORATOR:
        return False
    return not isinstance(get_proper_type(decorator.args[0]), AnyType)


def _problem(call: Call, function: ProperType) -> str | None:
    """Why something cannot be a handler."""
    signature = _partial_signature(function)
    is_partial = signature is not None
    function = signature or function
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
    name = _name(function, is_partial=is_partial)
    first = next((i for i, kind in enumerate(function.arg_kinds) if kind.is_positional() or kind == ARG_STAR), None)
    if first is None:
        return f"{name} takes no positional argument, so it cannot take an event. {how}"
    taken = get_proper_type(function.arg_types[first])
    required = [
        parameter or "?"
        for i, (parameter, kind) in enumerate(zip(function.arg_names, function.arg_kinds, strict=True))
        if i != first and kind.is_required()
    ]
    if function.arg_names[first] in {"self", "cls"} and required:
        method_name = name_of(function).strip('"')
        return f"{name} is a method without its object. Register the bound method: events.on(...)(instance.{method_name})"
    if required:
        return f"{name} requires {', '.join(required)} besides the event, and would not get it. {how}"
    if not (isinstance(taken, AnyType) or (isinstance(taken, Instance) and taken.type.fullname == EVENT)):
        such = "" if isinstance(taken, UnionType) else f", such as Event[{text(taken)}]"
        return f"{name} takes {text(taken)}, but it gets an Event. Annotate the parameter as an Event{such}"
    return f"{name} returns {text(function.ret_type)}, which nobody would get. Return None"


def event_of(function: ProperType) -> Instance | None:
    """The `Event[...]` in a handler's annotation."""
    signature: ProperType | None = _partial_signature(function) or function
    first = 0
    if isinstance(signature, Instance):
        method = signature.type.get("__call__")
        signature, first = get_proper_type(None if method is None else method.type), 1
    if not isinstance(signature, CallableType) or len(signature.arg_types) <= first:
        return None
    event = get_proper_type(signature.arg_types[first])
    return as_base(event, EVENT) if isinstance(event, Instance) else None


def _partial_signature(function: ProperType) -> CallableType | None:
    """The signature of a `functools.partial`, which mypy's own plugin keeps in its type. To mypy, one accepts any arguments."""
    attributes = function.extra_attrs if isinstance(function, Instance) else None
    kept = get_proper_type(None if attributes is None else attributes.attrs.get("__mypy_partial"))
    return kept if isinstance(kept, CallableType) else None


def _name(function: CallableType, *, is_partial: bool) -> str:
    name = name_of(function)
    return f"The partial of {name}" if is_partial and function.name else name
