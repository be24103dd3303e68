"""Reads what a function declares: the event that it takes, its types, its name and its location. Refuses what cannot work."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from types import CodeType, NoneType, SimpleNamespace
from typing import Annotated, Any, Final, Never, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter
from typing_extensions import override

from .._concurrency import NOT_WITH_GEVENT, is_served_by_gevent
from .._schema.type_names import type_text
from ..event import Event
from ..exceptions import RegistrationError

#: The value of `payload=` if it is left out; None is a type.
UNSET: Final = object()
#: The location of a function that is not written in Python.
NO_SOURCE: Final = "no source"
HOW: Final = "Write it as `def handler(event: Event[Model]) -> None`."


class RegisteredFunction:
    """A handler or a middleware: its function, as it was registered, with a name and a location."""

    def __init__(self, function: Callable[..., Any], name: str | None = None) -> None:
        self.function: Final = function
        #: Its module and qualified name, unless its options have another name.
        self.name: Final = name or name_of(function)
        #: Its file and line.
        self.location: Final = location_of(function)
        self.is_async: Final = is_async(function)
        if self.is_async and is_served_by_gevent():
            refuse(f"{self} is async, and gunicorn's gevent workers cannot await it: {NOT_WITH_GEVENT}")

    @override
    def __str__(self) -> str:
        return f"{self.name} ({self.location})"


def event_parameter(function: Callable[..., Any], name: str) -> inspect.Parameter:
    """Return the parameter that takes the event; no other may be required."""
    if isinstance(function, type):
        refuse(f"{name} is a class, so calling it would only make an instance. Register a function, or an instance of it.")
    if is_generator(function):
        refuse(f"{name} is a generator function: calling it would run none of its code. Remove the `yield`.")
    try:
        signature = inspect.signature(function)
    except ValueError as error:
        msg = f"{name} is not written in Python and has no signature, so it cannot take an event. {HOW}"
        raise RegistrationError(msg) from error
    parameters = list(signature.parameters.values())
    positional = [item for item in parameters if item.kind in {item.POSITIONAL_ONLY, item.POSITIONAL_OR_KEYWORD}]
    if not positional:
        lack = "has no parameter for a single positional argument" if parameters else "takes no parameter"
        refuse(f"{name} {lack}, so it cannot take an event. {HOW}")
    for other in parameters:
        is_variadic = other.kind in {other.VAR_POSITIONAL, other.VAR_KEYWORD}
        if other is not positional[0] and other.default is other.empty and not is_variadic:
            hint = HOW
            if positional[0].name in {"self", "cls"}:
                hint = "If it is a method, register the bound method: `events.on(...)(instance.method)`."
            refuse(f"{name} requires the parameter {other.name!r} besides the event, which it would not get. {hint}")
    return positional[0]


def annotation_of(function: Callable[..., Any], parameter: inspect.Parameter, scope: Mapping[str, Any] | None) -> object:
    """Return the parameter's annotation, with its strings resolved. Raises `NameError` or `AttributeError` for unknown names."""
    code = _unwrapped(function)
    namespace = {**getattr(code, "__globals__", {}), **(scope or {})}
    holder = SimpleNamespace(__annotations__={"event": parameter.annotation})
    try:
        return get_type_hints(holder, namespace, include_extras=True)["event"]
    except (SyntaxError, TypeError) as error:
        msg = f"{name_of(function)} annotates its parameter {type_text(parameter.annotation)}, which cannot be read. {HOW}"
        raise RegistrationError(msg) from error


def type_of(payload: object) -> object:
    """Return the type that `payload=` names: the type of an adapter, or that of None."""
    payload = vars(payload)["_type"] if isinstance(payload, TypeAdapter) else payload  # it has no public name
    return NoneType if payload is None else payload


def declared_types(annotation: object, payload: object, handler: object) -> tuple[object, object]:
    """Return the types of payload and parameters, from the annotation and from `payload=`."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is Event:
        payload_type, parameters_type = _arguments(annotation)
        if payload is not UNSET and payload_type != payload:
            refuse(
                f"{handler} annotates its parameter {event_text(payload_type, parameters_type)}, but payload= is "
                f"{type_text(payload)}. Leave payload= out, or use the same type."
            )
        return payload_type, parameters_type
    if payload is not UNSET and (annotation is Event or annotation is inspect.Parameter.empty):
        return payload, dict[str, str]
    if annotation is Event:
        refuse(f"{handler} annotates its parameter Event, without the payload's type. Write Event[Model], or Event[Any].")
    if annotation is inspect.Parameter.empty:
        refuse(f"{handler} does not annotate its parameter, so its payload's type is unknown. {HOW}")
    written = next((event_text(*_arguments(option)) for option in get_args(annotation) if get_origin(option) is Event), None)
    return refuse(
        f"{handler} annotates its parameter {type_text(annotation)}, but it gets an Event. "
        f"Write {written or f'Event[{type_text(annotation)}]'}."
    )


def _arguments(event: object) -> tuple[object, object]:
    """Return the types of payload and parameters in `Event[...]`."""
    payload_type, parameters_type = (*get_args(event), dict[str, str])[:2]
    return payload_type, parameters_type


def refuse(message: str) -> Never:
    """Raise `RegistrationError`."""
    raise RegistrationError(message)


def event_text(payload_type: object, parameters_type: object) -> str:
    """Return the type of an event as it is written in code."""
    more = "" if parameters_type == dict[str, str] else f", {type_text(parameters_type)}"
    return f"Event[{type_text(payload_type)}{more}]"


def _unwrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function whose code runs: inside partials, bound methods, callable objects and decorators."""
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
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004 -- asks whether it is async, not whether it exists


def name_of(function: Callable[..., Any]) -> str:
    """Return its module and qualified name."""
    code = function if isinstance(function, type) else _unwrapped(function)
    qualname = getattr(code, "__qualname__", type(function).__qualname__)
    return f"{getattr(code, '__module__', '?')}.{qualname}"


def location_of(function: Callable[..., Any]) -> str:
    """Return its file and line."""
    code = code_of(function)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else NO_SOURCE


def code_of(function: Callable[..., Any]) -> CodeType | None:
    """Return its code; None if it is not written in Python."""
    code = getattr(_unwrapped(function), "__code__", None)
    return code if isinstance(code, CodeType) else None
