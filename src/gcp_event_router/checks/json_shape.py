"""What JSON a payload may be, roughly, and whether two shapes leave each other any. Pure; `core_schema` makes them of types.

A shape is never narrower than what it stands for: what is not known for sure may be anything. So a conflict is certain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

__all__ = ["ARRAY", "NULL", "OBJECT", "Field", "Form", "Shape", "conflict"]


@dataclass(frozen=True, slots=True)
class Form:
    """One of the forms of JSON in a shape."""

    #: What it is to people, such as "an integer".
    name: str
    #: The types of JSON that it may be: null, boolean, number, string, array, object.
    types: frozenset[str]
    #: The strings that it may be, where it may be nothing else.
    strings: frozenset[str] | None = None
    #: What is known of the fields of an object.
    fields: Mapping[str, Field] = field(default_factory=dict[str, "Field"])
    #: Whether an object has no other fields.
    closed: bool = False


#: The forms of which one it is; None: it may be anything.
Shape: TypeAlias = tuple[Form, ...] | None


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object."""

    shape: Shape
    #: Whether it is there in any case.
    required: bool


NULL: Final = Form("null", frozenset({"null"}))
ARRAY: Final = Form("an array", frozenset({"array"}))
OBJECT: Final = Form("an object", frozenset({"object"}))


def conflict(one: Shape, other: Shape, names: tuple[str, str]) -> str | None:
    """Why no JSON fits both, in one clause, where `names` are what the two are called; None where some JSON may."""
    return _conflict(one, other, names, "")


def _conflict(one: Shape, other: Shape, names: tuple[str, str], place: str) -> str | None:
    if one is None or other is None:
        return None
    close: str | None = None
    for left in one:
        for right in other:
            reason = _between(left, right, names, place)
            if reason is None:
                return None
            if left.types & right.types:
                close = close or reason
    # what is wrong with the most similar ones says more than that others are of other types
    return close or _unlike(_text(one), _text(other), names, place)


def _between(one: Form, other: Form, names: tuple[str, str], place: str) -> str | None:
    if not one.types & other.types or (one.strings is not None and other.strings is not None and not one.strings & other.strings):
        return _unlike(one.name, other.name, names, place)
    for form, another, (wants, has) in ((one, other, names), (other, one, names[::-1])):
        for name, known in form.fields.items():
            if known.required and another.closed and name not in another.fields:
                return f"{_path(place, name)} is required in {wants}, and {has} has none"
    for name, left in one.fields.items():
        right = other.fields.get(name)
        if right is not None and (left.required or right.required):
            reason = _conflict(left.shape, right.shape, names, _path(place, name))
            if reason is not None:
                return reason
    return None


def _unlike(one: str, other: str, names: tuple[str, str], place: str) -> str:
    return f"{place or 'the payload'} is {one} in {names[0]}, and {other} in {names[1]}"


def _text(forms: tuple[Form, ...]) -> str:
    return " or ".join(dict.fromkeys(form.name for form in forms))


def _path(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
