"""What JSON a payload's type takes, roughly, and whether two types leave each other any. Pure; `checks` asks it.

Read from the schema that pydantic validates by, and not from the JSON Schema that it publishes: that one leaves out validators
which run before, and says whatever `json_schema_extra` says. A shape is never narrower than its type: what is not known for
sure may be anything. Numbers, booleans and strings are one, since pydantic reads each of them from the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, TypeAlias, cast

__all__ = ["Field", "Form", "Shape", "conflict", "shape"]

#: The key of a field where there is but one, its schema, and whether it is required, if it has no default.
_Declared: TypeAlias = tuple[str | None, Any, bool]

#: How many objects within objects are looked into, and how many alternatives are told apart; beyond that may be anything.
_DEPTH: Final = 3
_FORMS: Final = 32

_SCALARS: Final = frozenset(
    """
    bool bytes complex date datetime decimal enum float int json multi-host-url str time timedelta url uuid
    """.split()  # noqa: SIM905 -- as one list
)
_ARRAYS: Final = frozenset({"frozenset", "list", "set", "tuple"})
#: What takes no more than the schema inside of it, and where that is.
_INSIDE: Final = {
    "dataclass": "schema",
    "definitions": "schema",
    "function-after": "schema",
    "json-or-python": "json_schema",
    "lax-or-strict": "lax_schema",
}
#: How many times a field's schema may be wrapped, where its default is looked for.
_WRAPPINGS: Final = 10
#: How many strings a reason lists.
_LISTED: Final = 4


@dataclass(frozen=True, slots=True)
class Form:
    """One of the forms of JSON that a type takes."""

    #: What it is to people.
    name: str
    #: The strings that it may be, where it may be nothing else.
    strings: frozenset[str] | None = None
    #: What is known of the fields of an object.
    fields: Mapping[str, Field] = field(default_factory=dict[str, "Field"])
    #: Whether an object may have no other fields.
    closed: bool = False


#: The forms that a type takes; None: it may take anything.
Shape: TypeAlias = tuple[Form, ...] | None


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object."""

    shape: Shape
    required: bool


_NULL: Final = Form("null")
_SCALAR: Final = Form("a scalar")
_ARRAY: Final = Form("an array")


def shape(schema: Any) -> Shape:
    """What JSON a type takes, from its `TypeAdapter.core_schema`."""
    return _Reader().read(schema, {}, 0)


def conflict(one: Shape, other: Shape) -> str | None:
    """Why no JSON fits both, as a clause; None where some may."""
    if one is None or other is None:
        return None
    reasons: list[str] = []
    for left in one:
        for right in other:
            reason = _differs(left, right)
            if reason is None:
                return None
            reasons.append(reason)
    if len(one) == len(other) == 1:
        return reasons[0]
    return f"the one takes {_names(one)}, the other {_names(other)}" if _names(one) != _names(other) else reasons[0]


def _differs(one: Form, other: Form) -> str | None:
    if one.name != other.name:
        return f"the one takes {one.name}, the other {other.name}"
    if one.strings is not None and other.strings is not None and not one.strings & other.strings:
        return f"the one takes {_values(one.strings)}, the other {_values(other.strings)}"
    for form, another in ((one, other), (other, one)):
        for name, known in form.fields.items():
            if not known.required:
                continue
            if name not in another.fields:
                if another.closed:
                    return f"the one requires {name!r}, the other forbids it"
                continue
            reason = conflict(known.shape, another.fields[name].shape)
            if reason is not None:
                return f"of {name!r}, {reason}"
    return None


def _names(forms: tuple[Form, ...]) -> str:
    return " or ".join(dict.fromkeys(form.name for form in forms))


def _values(strings: frozenset[str]) -> str:
    texts = sorted(map(repr, strings))
    return " or ".join(texts[:_LISTED]) + (" or others" if len(texts) > _LISTED else "")


class _Reader:
    """Walks through the schema of one type. Whatever it does not know may be anything."""

    def __init__(self) -> None:
        self._definitions: dict[str, Any] = {}
        # of a part that others refer to, at a depth; while it is being read, it may be anything
        self._referred: dict[tuple[str, int], Shape] = {}

    def read(self, schema: Any, config: Mapping[str, Any], depth: int) -> Shape:
        """The shape of a part; `config` is that of the class whose part it is."""
        if depth > _DEPTH or not isinstance(schema, dict):
            return None
        part = cast("dict[str, Any]", schema)
        if part["type"] == "definitions":
            self._definitions |= {each["ref"]: each for each in part["definitions"]}
        if part["type"] == "definition-ref":
            return self._defined(part["schema_ref"], depth)
        simple = _simple(part)
        if simple is not None:
            return simple
        fields = _fields(part, config)
        if fields is not None:
            return (self._object(part, config, fields, depth + 1),)
        return self._joined(_alternatives(part), part.get("config", {}), depth)

    def _defined(self, reference: str, depth: int) -> Shape:
        key = reference, depth
        if key not in self._referred:
            self._referred[key] = None
            self._referred[key] = self.read(self._definitions.get(reference), {}, depth)
        return self._referred[key]

    def _joined(self, alternatives: list[Any] | None, config: Mapping[str, Any], depth: int) -> Shape:
        forms: list[Form] = []
        for each in alternatives or (None,):
            found = self.read(each, config, depth)
            if found is None:
                return None
            forms += found
        return tuple(forms) if len(forms) <= _FORMS else None

    def _object(self, part: dict[str, Any], config: Mapping[str, Any], fields: list[_Declared], depth: int) -> Form:
        known = {
            name: Field(self.read(schema, {}, depth), required=required and not self._has_default(schema))
            for name, schema, required in fields
            if name is not None
        }
        extra = part.get("extra_behavior", config.get("extra_fields_behavior"))
        return Form("an object", fields=known, closed=extra == "forbid" and len(known) == len(fields))

    def _has_default(self, schema: Any) -> bool:
        for _ in range(_WRAPPINGS):
            if not isinstance(schema, dict):
                return False
            part = cast("dict[str, Any]", schema)
            if part["type"] == "default":
                return True
            schema = self._definitions.get(part["schema_ref"]) if part["type"] == "definition-ref" else part.get("schema")
        return True


def _alternatives(part: dict[str, Any]) -> list[Any] | None:
    """The schemas of which one has to fit; None where that is not known."""
    kind = part["type"]
    if kind in _INSIDE:
        return [part[_INSIDE[kind]]]
    match kind:
        case "model" if not part.get("custom_init"):
            return [part["schema"]]
        case "default" if part.get("on_error", "raise") == "raise":
            return [part["schema"]]
        case "nullable":
            return [part["schema"], {"type": "none"}]
        case "union":
            choices = cast("list[Any]", part["choices"])
            return [cast("Any", each[0]) if isinstance(each, tuple) else each for each in choices]
        case "tagged-union":
            return list(part["choices"].values())
        case _:
            return None


def _simple(part: dict[str, Any]) -> Shape:
    """The shape of what has no parts that matter."""
    match part["type"]:
        case "none":
            return (_NULL,)
        case "literal":
            return _literal(part["expected"])
        case "enum" if "missing" not in part:
            # an enumeration of integers reads "1", too
            return _literal([each.value for each in part["members"]]) if part.get("sub_type") in {None, "str"} else (_SCALAR,)
        case "dict":
            return (Form("an object"),)
        case kind if kind in _ARRAYS:
            return (_ARRAY,)
        case kind if kind in _SCALARS:
            return (_SCALAR,)
        case _:
            return None


def _literal(values: list[Any]) -> Shape:
    """The shape of some values. Only strings are told apart, since 1, 1.0 and True are equal."""
    plain = [each.value if isinstance(each, Enum) else each for each in values]
    if not all(isinstance(each, str | int | float | None) for each in plain):
        return None
    scalars = [each for each in plain if each is not None]
    strings = frozenset(each for each in scalars if isinstance(each, str))
    form = Form("a scalar", strings=strings if all(isinstance(each, str) for each in scalars) else None)
    return ((form,) if scalars else ()) + ((_NULL,) if len(scalars) < len(plain) else ())


def _fields(part: dict[str, Any], config: Mapping[str, Any]) -> list[_Declared] | None:
    """The fields of an object; None for what is none."""
    match part["type"]:
        case "model-fields":
            return [(_key(name, each, config), each["schema"], True) for name, each in part["fields"].items()]
        case "typed-dict":
            total = part.get("total", True)
            return [
                (None if "validation_alias" in each else name, each["schema"], each.get("required", total))
                for name, each in part["fields"].items()
            ]
        case "dataclass-args":
            return [
                (None if "validation_alias" in each or each.get("init") is False else each["name"], each["schema"], True)
                for each in part["fields"]
            ]
        case _:
            return None


def _key(name: str, declared: dict[str, Any], config: Mapping[str, Any]) -> str | None:
    """The one name under which a model's field is found; None if there may be several."""
    alias = declared.get("validation_alias")
    if alias is None:
        return name
    by_name = config.get("populate_by_name") or config.get("validate_by_name") or not config.get("validate_by_alias", True)
    return alias if isinstance(alias, str) and not by_name else None
