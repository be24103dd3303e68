"""How messages and documents write a type."""

from __future__ import annotations

import re
from types import NoneType
from typing import Annotated, get_args, get_origin

_MODULE = re.compile(r"(?:\w+\.)+(?=\w)")


def type_text(annotation: object) -> str:
    """A type as it is written in the code, with the modules of its parts: for messages."""
    if annotation is NoneType:
        return "None"
    return annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)


def type_words(declared: object) -> str:
    """A type in short, without modules and without the metadata of `Annotated`: for lists and documents."""
    if get_origin(declared) is Annotated:
        declared = get_args(declared)[0]
    return _MODULE.sub("", type_text(declared))
