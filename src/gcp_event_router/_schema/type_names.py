"""How messages and documents write a type."""

from __future__ import annotations

import re
from types import EllipsisType, NoneType, UnionType
from typing import Annotated, ForwardRef, Literal, Union, cast, get_args, get_origin

_MODULE = re.compile(r"(?:\w+\.)+(?=\w)")


def type_text(annotation: object) -> str:
    """A type as it is written in the code, with the modules of its parts: for messages."""
    if annotation is NoneType:
        return "None"
    if isinstance(annotation, ForwardRef):
        return annotation.__forward_arg__
    return annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)


def type_words(declared: object) -> str:
    """A type in short, without modules and without the metadata of `Annotated`: for lists and documents."""
    origin, arguments = get_origin(declared), get_args(declared)
    if origin is Annotated:
        return type_words(arguments[0])
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, arguments))}]"
    words = [*map(type_words, arguments)]
    if origin is Union or origin is UnionType:
        return " | ".join(dict.fromkeys(words))
    if isinstance(declared, list):  # the parameters of a `Callable`
        return f"[{', '.join(map(type_words, cast('list[object]', declared)))}]"
    if isinstance(origin, type) and words:
        return f"{origin.__name__}[{', '.join(words)}]"
    return "..." if isinstance(declared, EllipsisType) else _MODULE.sub("", type_text(declared))
