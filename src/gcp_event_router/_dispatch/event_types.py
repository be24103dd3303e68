"""Reads the types of an event from a handler's annotation and from `payload=`, which a declared kind gives, too."""

from __future__ import annotations

import inspect
from types import NoneType
from typing import Final, Never, get_args

from pydantic import TypeAdapter

from .._schema.aliases import is_type
from .._schema.assignability import accepts, members
from .._schema.type_names import type_text
from ..event import Event
from .signature import RegisteredFunction, how_to_write, refuse

#: The value of `payload=` if it is left out; None is a type.
UNSET: Final = object()


def type_of(payload: object) -> object:
    """Return the type that `payload=` names: the type of an adapter, or that of None."""
    payload = vars(payload)["_type"] if isinstance(payload, TypeAdapter) else payload  # it has no public name
    return NoneType if payload is None else payload


def check_is_type(payload: object, handler: object) -> None:
    """Refuse a `payload=` that is not a type; a `TypeAdapter` is made of whatever pydantic validates."""
    if payload is not UNSET and not isinstance(payload, TypeAdapter) and not is_type(payload):
        refuse(
            f"payload= of {handler} is {payload!r}, of type {type(payload).__name__}, which is not a type. "
            "Give a type, such as payload=Order; strings are not looked up."
        )


def declared_types(annotation: object, payload: object, handler: RegisteredFunction) -> tuple[object, object]:
    """Return the types of payload and parameters, from the annotation and from `payload=`.

    With `payload=`, that is the type of the payload, and the annotation has to include it. Where `payload=` leaves open what
    the annotation says, as `Any` does, the annotation counts.
    """
    is_missing = annotation is inspect.Parameter.empty
    options = () if is_missing else (annotation,) if _is_event(annotation) else members(annotation)
    if payload is not UNSET:
        return (payload, dict[str, str]) if is_missing else _with_payload(annotation, options, payload, handler)
    if is_missing:
        refuse(f"{handler} does not annotate its parameter, so its payload's type is unknown. {how_to_write(handler.function)}")
    if len(options) == 1 and _is_event(options[0]):
        payload_type, parameters_type = _arguments(options[0])
        if not is_type(payload_type):
            refuse(
                f"{handler} annotates its parameter {event_text(payload_type, parameters_type)}, and {payload_type!r}, of type "
                f"{type(payload_type).__name__}, is not a type. Write Event[{type(payload_type).__name__}]."
            )
        return payload_type, parameters_type
    if len(options) == 1 and options[0] is Event:
        refuse(f"{handler} annotates its parameter Event, without the payload's type. Write Event[Model], or Event[Any].")
    return _refuse_annotation(handler, annotation, options, f"Event[{type_text(annotation)}]")


def _with_payload(annotation: object, options: tuple[object, ...], payload: object, handler: object) -> tuple[object, object]:
    for option in options:
        if _is_event(option):
            payload_type, parameters_type = _arguments(option)
            if accepts(payload_type, payload, any_fits=False):
                return payload, parameters_type
            if accepts(payload_type, payload):
                return payload_type, parameters_type
        elif accepts(option, Event):
            return payload, dict[str, str]
    written = next((_arguments(option) for option in options if _is_event(option)), None)
    if written is None:
        return _refuse_annotation(handler, annotation, options, event_text(payload, dict[str, str]))
    return refuse(
        f"{handler} annotates its parameter {event_text(*written)}, but is registered for the payload {type_text(payload)}. "
        f"Write {event_text(payload, written[1])}, or register it for what it takes."
    )


def _refuse_annotation(handler: object, annotation: object, options: tuple[object, ...], default: str) -> Never:
    written = next((event_text(*_arguments(option)) for option in options if _is_event(option)), default)
    refuse(f"{handler} annotates its parameter {type_text(annotation)}, but it gets an Event. Write {written}.")


def _is_event(declared: object) -> bool:
    """Whether a type is `Event[...]`, and not an alias of it."""
    return getattr(declared, "__origin__", None) is Event


def _arguments(event: object) -> tuple[object, object]:
    """Return the types of payload and parameters in `Event[...]`."""
    payload_type, parameters_type = (*get_args(event), dict[str, str])[:2]
    return payload_type, parameters_type


def annotation_text(annotation: object) -> str:
    """Return an annotation as it is written in code."""
    return event_text(*_arguments(annotation)) if _is_event(annotation) else type_text(annotation)


def event_text(payload_type: object, parameters_type: object) -> str:
    """Return the type of an event as it is written in code."""
    more = "" if parameters_type == dict[str, str] else f", {type_text(parameters_type)}"
    return f"Event[{type_text(payload_type)}{more}]"
