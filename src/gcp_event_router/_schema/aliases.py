"""Looks through the aliases of types: `type` statements, `TypeAliasType` and `Annotated`."""

from __future__ import annotations

import sys
import typing
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from types import CodeType, NoneType, SimpleNamespace
from typing import Annotated, Any, Final, NewType, TypeVar, cast, get_args, get_origin, get_type_hints

from typing_extensions import TypeAliasType

#: The classes of aliases: `type` statements make Python's own.
_ALIASES: Final = (TypeAliasType, getattr(typing, "TypeAliasType", TypeAliasType))
#: The modules of the classes of `Any`, `Never`, type variables and unions.
_TYPING: Final = frozenset({"typing", "typing_extensions", "types", "annotationlib"})
#: The most aliases of aliases: one may refer to itself.
_DEPTH: Final = 20
_MOST_KNOWN: Final = 1024
#: Annotations that mean the same in each namespace, since nothing in them is a string; thousands of handlers share a few.
_WITHOUT_STRINGS: Final[set[object]] = set()


def resolved(annotation: object, namespace: Mapping[str, Any]) -> object:
    """Resolve the strings in an annotation. Raises `NameError` or `AttributeError` for unknown names."""
    known = _known(annotation, namespace)
    if known is not None:
        return known
    holder = SimpleNamespace(__annotations__={"it": annotation})
    names: Any = namespace  # without a copy: a module may have thousands
    found = get_type_hints(holder, {}, names, include_extras=True)["it"]
    with suppress(TypeError):  # it may not be hashable
        if len(_WITHOUT_STRINGS) >= _MOST_KNOWN:
            _WITHOUT_STRINGS.clear()
        _WITHOUT_STRINGS.add(found)
    return found


def _known(annotation: object, namespace: Mapping[str, Any]) -> object:
    """Return what an annotation means if that was found before; `get_type_hints` takes ten times as long."""
    if annotation is None or annotation == "None":
        return NoneType
    with suppress(Exception):  # `get_type_hints` raises it again
        for _ in range(2):  # a string in a module that makes strings of all annotations
            if isinstance(annotation, str):
                annotation = eval(_compiled(annotation), {}, namespace)  # noqa: S307 -- as `get_type_hints` does it
        return annotation if annotation in _WITHOUT_STRINGS else None
    return None


@lru_cache(maxsize=_MOST_KNOWN)
def _compiled(annotation: str) -> CodeType:
    return compile(annotation, "<annotation>", "eval")


def unaliased(declared: object) -> object:
    """Return the type that an alias or `Annotated` stands for; any other type as it is.

    Raises `NameError` or `AttributeError` for an alias of something that is not defined yet.
    """
    for _ in range(_DEPTH):
        origin = get_origin(declared)
        alias: Any = declared if origin is None else origin
        if origin is Annotated:
            declared = get_args(declared)[0]
        elif isinstance(alias, _ALIASES):
            declared = _value(alias, get_args(declared))
        else:
            break
    return declared


def _value(alias: Any, arguments: tuple[object, ...]) -> object:
    """Return the value of an alias, with its variables replaced by the arguments."""
    value: Any = alias.__value__
    with suppress(SyntaxError, TypeError, KeyError):  # not a type; whoever uses it says so
        value = resolved(value, vars(sys.modules[alias.__module__]))
    given: dict[object, object] = dict(zip(alias.__type_params__, arguments, strict=False))
    if isinstance(value, TypeVar):
        return given.get(value, value)
    variables = cast("tuple[object, ...]", getattr(value, "__parameters__", ()))
    return value[tuple(given.get(variable, variable) for variable in variables)] if given and variables else value


def is_type(declared: object) -> bool:
    """Whether something can be a type in an annotation: not a value such as `5`, nor a name of a type."""
    is_form = isinstance(declared, (type, NewType, *_ALIASES)) or declared is None or get_origin(declared) is not None
    return is_form or type(declared).__module__.partition(".")[0] in _TYPING
