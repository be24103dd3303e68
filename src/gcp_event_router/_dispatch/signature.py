"""What a function declares: the event that it takes, the types in it, its name and its place. Called by `handler`.

Mistakes are refused where they are registered: what was given, why it cannot work, what to write instead. The words for types
are for all who tell people of them.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from types import CodeType, NoneType, SimpleNamespace
from typing import Annotated, Any, Final, Never, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter

from .._schema.type_names import type_text
from ..event import Event
from ..exceptions import RegistrationError

#: What `payload=` is where nobody says what it is; None is a type.
UNGIVEN: Final = object()
#: The location of a function that is not written in Python.
NO_SOURCE: Final = "no source"
#: What to write.
HOW: Final = "Write it as `def handler(event: Event[Model]) -> None`."


def event_parameter(function: Callable[..., Any], name: str) -> inspect.Parameter:
    """The parameter that takes the event; the only one that may be required."""
    if isinstance(function, type):
        refuse(f"{name} is a class, so calling it would only make an instance. Register a function, or an instance of it.")
    if is_generator(function):
        refuse(f"{name} is a generator function: calling it would run none of its code. Take the `yield` out of it.")
    try:
        signature = inspect.signature(function)
    except ValueError as error:
        msg = f"{name} is not written in Python and does not say what it takes, so it cannot be given an event. {HOW}"
        raise RegistrationError(msg) from error
    parameters = list(signature.parameters.values())
    positional = [each for each in parameters if each.kind in {each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD}]
    if not positional:
        lack = "has no parameter for a single positional argument" if parameters else "takes no parameter"
        refuse(f"{name} {lack}, so it cannot be given an event. {HOW}")
    for each in parameters:
        if each is not positional[0] and each.default is each.empty and each.kind not in {each.VAR_POSITIONAL, each.VAR_KEYWORD}:
            hint = (
                "If it is a method, register the bound method: `events.on(...)(instance.method)`."
                if positional[0].name in {"self", "cls"}
                else HOW
            )
            refuse(f"{name} requires the parameter {each.name!r} beside the event, and nothing would give it. {hint}")
    return positional[0]


def annotation_of(function: Callable[..., Any], parameter: inspect.Parameter, scope: Mapping[str, Any] | None) -> object:
    """The parameter's annotation, its strings resolved. Raises `NameError` or `AttributeError` for an unknown name."""
    if not isinstance(parameter.annotation, str) and not _holds_text(parameter.annotation):
        return parameter.annotation
    code = _unwrapped(function)
    namespace = {**getattr(code, "__globals__", {}), **(scope or {})}
    holder = SimpleNamespace(__annotations__={"event": parameter.annotation})
    try:
        return get_type_hints(holder, namespace, include_extras=True)["event"]
    except (SyntaxError, TypeError) as error:
        msg = f"{name_of(function)} annotates its parameter {type_text(parameter.annotation)}, which cannot be read. {HOW}"
        raise RegistrationError(msg) from error


def _holds_text(annotation: object) -> bool:
    return any(not isinstance(argument, type) for argument in get_args(annotation))


def type_of(given: object) -> object:
    """The type that `payload=` names: itself, what an adapter is made of, or that of None."""
    # TypeAdapter has no public name for it
    found = vars(given)["_type"] if isinstance(given, TypeAdapter) else given
    return NoneType if found is None else found


def declared_types(annotation: object, given: object, handler: object) -> tuple[object, object]:
    """The types of payload and parameters, from the annotation and from `payload=`."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is Event:
        payload_type, parameters_type = _arguments(annotation)
        if given is not UNGIVEN and payload_type != given:
            refuse(
                f"{handler} annotates its parameter {event_text(payload_type, parameters_type)}, and payload= says "
                f"{type_text(given)}: they cannot both be right. Leave payload= out, or make them the same."
            )
        return payload_type, parameters_type
    if given is not UNGIVEN and (annotation is Event or annotation is inspect.Parameter.empty):
        return given, dict[str, str]
    if annotation is Event:
        refuse(f"{handler} annotates its parameter Event, without the payload's type. Write Event[Model], or Event[Any].")
    if annotation is inspect.Parameter.empty:
        refuse(f"{handler} does not annotate its parameter, so its payload's type is unknown. {HOW}")
    written = next((event_text(*_arguments(each)) for each in get_args(annotation) if get_origin(each) is Event), None)
    return refuse(
        f"{handler} annotates its parameter {type_text(annotation)}, and it is given an Event. "
        f"Write {written or f'Event[{type_text(annotation)}]'}."
    )


def _arguments(event: object) -> tuple[object, object]:
    """The types of payload and parameters in `Event[...]`."""
    payload_type, parameters_type = (*get_args(event), dict[str, str])[:2]
    return payload_type, parameters_type


def refuse(message: str) -> Never:
    """Refuse a registration. Raises `RegistrationError`."""
    raise RegistrationError(message)


def event_text(payload_type: object, parameters_type: object) -> str:
    """The event that a function takes, as it is written in the code."""
    more = "" if parameters_type == dict[str, str] else f", {type_text(parameters_type)}"
    return f"Event[{type_text(payload_type)}{more}]"


def _unwrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function whose code runs in the end: inside partials, bound methods, callable objects and decorators."""
    while isinstance(function, functools.partial):
        function = function.func
    if not inspect.isroutine(function):
        function = type(function).__call__
    function = inspect.unwrap(function)
    return getattr(function, "__func__", function)


def is_generator(function: Callable[..., Any]) -> bool:
    """Whether calling it runs none of its code, since it has a `yield`."""
    code = _unwrapped(function)
    return inspect.isgeneratorfunction(code) or inspect.isasyncgenfunction(code)


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it returns something to await."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004 -- asks for its kind, not whether it is there


def name_of(function: Callable[..., Any]) -> str:
    """Its module and qualified name."""
    code = function if isinstance(function, type) else _unwrapped(function)
    qualname = getattr(code, "__qualname__", type(function).__qualname__)
    return f"{getattr(code, '__module__', '?')}.{qualname}"


def location_of(function: Callable[..., Any]) -> str:
    """The file and the line where it is written."""
    code = code_of(function)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else NO_SOURCE


def code_of(function: Callable[..., Any]) -> CodeType | None:
    """The code that runs in the end; None where it is not written in Python."""
    code = getattr(_unwrapped(function), "__code__", None)
    return code if isinstance(code, CodeType) else None
