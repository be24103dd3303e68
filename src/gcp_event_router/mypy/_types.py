"""Reads mypy's types."""

from __future__ import annotations

from typing import Final

from mypy.maptype import map_instance_to_supertype
from mypy.messages import format_type_bare
from mypy.options import Options
from mypy.types import AnyType, CallableType, Instance, LiteralType, Type, UninhabitedType, get_proper_type

_OPTIONS: Final = Options()


def literal(type_: Type | None) -> str | None:
    """The only string that a value of the type can be; None if there are several, or none."""
    proper = None if type_ is None else get_proper_type(type_)
    if isinstance(proper, Instance) and proper.last_known_value is not None:
        proper = proper.last_known_value
    return proper.value if isinstance(proper, LiteralType) and isinstance(proper.value, str) else None


def text(type_: Type) -> str:
    """A type as people write it, without modules."""
    return format_type_bare(type_, _OPTIONS)


def is_inferred(type_: Type) -> bool:
    """Whether mypy could infer the type argument of `Kind[...]` or of a decorator.

    Before 1.19, it cannot for a `TypeForm`. If it is unsure about an argument, it tries that overload after the one that fits.
    """
    proper = get_proper_type(type_)
    return isinstance(proper, Instance) and not any(
        isinstance(get_proper_type(argument), AnyType | UninhabitedType) for argument in proper.args
    )


def name_of(function: CallableType) -> str:
    """A function as messages name it."""
    name = (function.name or "").split(" of ")[0].strip('"')
    return f'"{name}"' if name.isidentifier() else "The function"


def as_base(instance: Instance, fullname: str) -> Instance | None:
    """The base class of an instance, with its type arguments; None if it does not inherit from it."""
    base = next((info for info in instance.type.mro if info.fullname == fullname), None)
    return None if base is None else map_instance_to_supertype(instance, base)
