"""The shapes of what a type reads, and of what is sent as that type. Pure; for `checks`.

Read from the schema that pydantic validates by, and not from the JSON Schema that it publishes: that one leaves out validators
which run before, and says whatever `json_schema_extra` says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final, TypeAlias, cast

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError

from .json_shape import ARRAY, NULL, OBJECT, Field, Form, Shape

__all__ = ["read_shape", "sent_shape"]

_Part: TypeAlias = dict[str, Any]

#: How many objects within objects are looked into, and how many alternatives are told apart; beyond that may be anything.
_DEPTH: Final = 3
_FORMS: Final = 32
#: How many times a field's schema may be wrapped, where its default is looked for.
_WRAPPINGS: Final = 10
#: How many values the name of a form lists.
_LISTED: Final = 4

#: What numbers, times and booleans are read from.
_SCALAR: Final = frozenset({"boolean", "number", "string"})
_STRING: Final = frozenset({"string"})
_TIME: Final = frozenset({"number", "string"})
#: What people call a scalar, what it is read from, and what it is sent as.
_SCALARS: Final = {
    "bool": ("a boolean", _SCALAR, frozenset({"boolean"})),
    "complex": ("a number", _SCALAR, _TIME),
    "date": ("a time", _SCALAR, _TIME),
    "datetime": ("a time", _SCALAR, _TIME),
    "decimal": ("a number", _SCALAR, _TIME),
    "float": ("a number", _SCALAR, frozenset({"null", "number"})),  # not a number is sent as null
    "int": ("an integer", _SCALAR, frozenset({"number"})),
    "time": ("a time", _SCALAR, _TIME),
    "timedelta": ("a duration", _SCALAR, _TIME),
    **dict.fromkeys(("bytes", "json", "multi-host-url", "str", "url", "uuid"), ("a string", _STRING, _STRING)),
}
_ARRAYS: Final = frozenset({"frozenset", "list", "set", "tuple"})
#: What is no other than the schema inside of it, and where that is.
_INSIDE: Final = {
    "dataclass": "schema",
    "definitions": "schema",
    "function-after": "schema",
    "json-or-python": "json_schema",
    "lax-or-strict": "lax_schema",
}
_FIELDS: Final = {"dataclass-args", "model-fields", "typed-dict"}


def read_shape(adapter: TypeAdapter[Any]) -> Shape:
    """What JSON a type reads, in pydantic's lax mode."""
    return _shape(adapter, is_sent=False)


def sent_shape(adapter: TypeAdapter[Any]) -> Shape:
    """What JSON is sent as a type: what pydantic writes, under any of a field's names, without fields that are not declared."""
    return _shape(adapter, is_sent=True)


def _shape(adapter: TypeAdapter[Any], *, is_sent: bool) -> Shape:
    if vars(adapter).get("_config"):  # which has no public name, and is not in the schema
        return None
    try:
        schema = {**adapter.core_schema}  # which is built now where it was deferred
    except PydanticUserError:
        return None
    return _Walk(is_sent=is_sent).shape(schema, {}, 0)


class _Walk:
    """Goes through the schema of one type. Whatever it does not know may be anything."""

    def __init__(self, *, is_sent: bool) -> None:
        self._is_sent = is_sent
        self._definitions: dict[str, Any] = {}
        # of a part that others refer to, at a depth; while it is being read, it may be anything
        self._referred: dict[tuple[str, int], Shape] = {}
        # whether a number may be text, too, since a class on the way says so
        self._is_text = False

    def shape(self, schema: Any, config: Mapping[str, Any], depth: int) -> Shape:
        """The shape of a part; `config` is that of the class whose part it is."""
        if depth > _DEPTH or not isinstance(schema, dict):
            return None
        part = cast("_Part", schema)
        for settings in (part, part.get("config", {})):
            self._is_text |= settings.get("coerce_numbers_to_str") is True or settings.get("ser_json_inf_nan") == "strings"
        if part["type"] == "definitions":
            self._definitions |= {each["ref"]: each for each in part["definitions"]}
        if part["type"] == "definition-ref":
            return self._defined(part["schema_ref"], depth)
        if self._is_sent and _is_rewritten(part):
            return None
        if part["type"] in _FIELDS:
            return (self._object(part, config, depth + 1),)
        return self._simple(part) or self._joined(_alternatives(part), part.get("config", {}), depth)

    def _defined(self, reference: str, depth: int) -> Shape:
        key = reference, depth
        if key not in self._referred:
            self._referred[key] = None
            self._referred[key] = self.shape(self._definitions.get(reference), {}, depth)
        return self._referred[key]

    def _joined(self, alternatives: list[Any], config: Mapping[str, Any], depth: int) -> Shape:
        forms: list[Form] = []
        for each in alternatives:
            found = self.shape(each, config, depth)
            if found is None:
                return None
            forms += found
        return tuple(forms) if 0 < len(forms) <= _FORMS else None

    def _simple(self, part: _Part) -> Shape:
        """The shape of what has no parts that matter."""
        match part["type"]:
            case "none":
                return (NULL,)
            case "literal":
                return _literal(part["expected"], is_number=False)
            case "enum" if "missing" not in part:
                # an enumeration of numbers reads "1", too
                return _literal([each.value for each in part["members"]], is_number=part.get("sub_type") in {"int", "float"})
            case "dict":
                return (OBJECT,)
            case kind if kind in _ARRAYS:
                return (ARRAY,)
            case kind if kind in _SCALARS:
                name, read, sent = _SCALARS[kind]
                types = sent if self._is_sent else read
                return (Form(name, types | _SCALAR if self._is_text else types),)
            case _:
                return None

    def _object(self, part: _Part, config: Mapping[str, Any], depth: int) -> Form:
        known: dict[str, Field] = {}
        # what a TypedDict does with other fields may be said by the class around it
        extra = part.get(
            "extra_behavior", config.get("extra_fields_behavior", None if part["type"] == "typed-dict" else "ignore")
        )
        closed = extra == "forbid" or (self._is_sent and extra == "ignore")
        for name, declared in _fields(part):
            names = _names(name, declared, config, part["type"])
            if names is None:
                closed = False
                continue
            if self._is_sent:
                names |= {declared.get("serialization_alias") or name}
            sure = len(names) == 1
            required = sure and bool(declared.get("required", part.get("total", True))) and not self._is_optional(declared)
            shape = self.shape(declared["schema"], {}, depth) if sure else None
            known |= dict.fromkeys(names, Field(shape, required))
        for each in part.get("computed_fields", ()):
            known.setdefault(each.get("alias") or each["property_name"], Field(None, required=False))
        return Form(OBJECT.name, OBJECT.types, fields=known, closed=closed)

    def _is_optional(self, declared: _Part) -> bool:
        """Whether a field may be left out."""
        kept = self._is_sent and ("serialization_exclude" in declared or "serialization_exclude_if" in declared)
        if kept or (self._is_sent and declared.get("init_only")) or declared.get("init") is False:
            return True
        schema = declared["schema"]
        for _ in range(_WRAPPINGS):
            if not isinstance(schema, dict):
                return False
            part = cast("_Part", schema)
            if part["type"] == "default":
                return True
            schema = self._definitions.get(part["schema_ref"]) if part["type"] == "definition-ref" else part.get("schema")
        return True


def _is_rewritten(part: _Part) -> bool:
    """Whether a part may be written as something else than its schema says."""
    after = part["type"] == "function-after" and part["schema"]["type"] not in {"dataclass", "model"}
    return after or "serialization" in part or part["type"] in {"json", "lax-or-strict"}


def _alternatives(part: _Part) -> list[Any]:
    """The schemas of which one has to fit; none where that is not known."""
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
            return []


def _literal(values: list[Any], *, is_number: bool) -> Shape:
    """The shape of some values. Only strings are told apart, since 1, 1.0 and True are equal."""
    plain = [each.value if isinstance(each, Enum) else each for each in values]
    if not all(isinstance(each, str | int | float | None) for each in plain):
        return None
    scalars = [each for each in plain if each is not None]
    strings = frozenset(each for each in scalars if isinstance(each, str))
    is_string = not is_number and all(isinstance(each, str) for each in scalars)
    shown = sorted(map(repr, scalars))
    name = " or ".join(shown[:_LISTED]) + (" or others" if len(shown) > _LISTED else "")
    form = Form(name, _STRING if is_string else _SCALAR, strings if is_string else None)
    return ((form,) if scalars else ()) + ((NULL,) if len(scalars) < len(plain) else ()) or None


def _fields(part: _Part) -> Iterator[tuple[str, _Part]]:
    """The fields of an object by their names in Python."""
    if part["type"] == "dataclass-args":
        yield from ((each["name"], each) for each in part["fields"])
    else:
        yield from part["fields"].items()


def _names(name: str, declared: _Part, config: Mapping[str, Any], kind: str) -> set[str] | None:
    """The names under which a field is found; None where they are not known."""
    alias = declared.get("validation_alias")
    if alias is None:
        return {name}
    by_name = config.get("populate_by_name") or config.get("validate_by_name") or not config.get("validate_by_alias", True)
    if not isinstance(alias, str):
        return None
    return {name, alias} if by_name or kind != "model-fields" else {alias}
