"""What a JSON Schema says in several places: its references and `allOf` as one schema, and the values that it gives itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from math import inf
from typing import Any, Final, cast

from .json_schema import Schema

#: Types whose values pydantic reads from each other's; each from more of the types before it than of those after it.
_SCALARS: Final = ("string", "integer", "number", "boolean")


def _common_type(one: object, other: object) -> object:
    return next((name for name in _SCALARS if name in {one, other}), one) if one in _SCALARS and other in _SCALARS else one


_TIGHTER: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), max),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), min),
    "enum": lambda one, other: [value for value in one if value in other] or one,
    "type": _common_type,
}
#: What tells that a schema asks for something of a union beside it.
_NARROWING: Final = frozenset({"type", "properties", "enum", "const", "anyOf", "oneOf"})


class Definitions:
    """What `#/$defs/` holds."""

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self._definitions = definitions

    def resolved(self, schema: Schema) -> Schema:
        """A schema with what it refers to, and all of its `allOf`, put into one."""
        if "$ref" in schema:
            found = self._definitions.get(_name(schema), {})
            schema = {**self.resolved(found), **{key: value for key, value in schema.items() if key != "$ref"}}
        merged: Schema = {key: value for key, value in schema.items() if key != "allOf"}
        for part in map(self.resolved, schema.get("allOf", ())):
            merged = self._both(merged, part)
        return merged

    def _both(self, one: Schema, other: Schema) -> Schema:
        """A schema that asks for what both ask for, as far as that can be said without looking for values."""
        for union, beside in ((one, other), (other, one)):
            key = next((key for key in ("oneOf", "anyOf") if key in union), None)
            if key and _NARROWING & beside.keys() and union[key] != beside.get(key):
                fitting = [option for option in union[key] if not _exclude(self._named(option), beside)]
                return {**union, key: [{"allOf": [option, beside]} for option in fitting or union[key]]}
        return _merged(one, other)

    def _named(self, schema: Schema) -> Schema:
        """The definition that a schema refers to; the schema itself, if it refers to none."""
        return self._definitions.get(_name(schema), {}) if "$ref" in schema else schema

    def height(self, schema: Schema) -> float:
        """How many definitions lie within each other in the least value of a schema; infinite, if it has none that ends."""
        return _height(schema, self._heights)

    @cached_property
    def _heights(self) -> dict[str, int]:
        """Those of the definitions: first of what refers to nothing, then of what refers to that, and so on."""
        known: dict[str, int] = {}
        while more := [name for name, each in self._definitions.items() if name not in known and _height(each, known) < inf]:
            known |= dict.fromkeys(more, 1 + max(known.values(), default=0))
        return known


def type_name(schema: Schema) -> str:
    """The type of a schema's values; the first one that is not null, if there are several."""
    found = schema.get("type", "object" if "properties" in schema else "")
    return found if isinstance(found, str) else next((each for each in found if each != "null"), "null")


def given_by(schema: Schema) -> list[object]:
    """What a schema itself says that a value may be, the best first."""
    declared: Any = schema.get("examples")
    if isinstance(declared, dict):  # as OpenAPI has them
        named = cast("dict[str, Any]", declared).values()
        declared = [each["value"] for each in named if isinstance(each, dict) and "value" in each]
    found: list[object] = [*declared] if isinstance(declared, list) else []
    found += [schema["example"]] if "example" in schema else []
    if "const" in schema:
        return [*found, schema["const"]]
    if isinstance(schema.get("enum"), list):
        return [*found, *schema["enum"]]
    return [*found, schema["default"]] if schema.get("default") is not None else found


def _name(schema: Schema) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _height(schema: Schema, known: Mapping[str, int]) -> float:
    if "$ref" in schema:
        return known.get(_name(schema), inf)
    properties: Mapping[str, Schema] = schema.get("properties", {})
    first: list[Schema] = schema.get("prefixItems", [])
    parts = [*schema.get("allOf", ()), *first, *(properties[name] for name in schema.get("required", ()) if name in properties)]
    parts += [schema["items"]] if schema.get("items") and schema.get("minItems", 0) > len(first) else []
    options: list[Schema] = schema.get("oneOf") or schema.get("anyOf") or []
    return max([min((_height(each, known) for each in options), default=0), *(_height(each, known) for each in parts)])


def _exclude(one: Schema, other: Schema) -> bool:
    """Whether two schemas surely have no value in common, by their types or by the constants of a field."""
    types = {each["type"] for each in (one, other) if isinstance(each.get("type"), str)}
    if len(types) > 1 and types & {"object", "array", "null"}:  # pydantic reads other types from each other's values
        return True
    mine, its = one.get("properties", {}), other.get("properties", {})
    required = {*one.get("required", ()), *other.get("required", ())}
    constants = [(mine[name], its[name]) for name in mine.keys() & its.keys() & required]
    return any("const" in first and "const" in second and first["const"] != second["const"] for first, second in constants)


def _merged(one: Schema, other: Schema) -> Schema:
    """Two schemas as one; no union is distributed."""
    merged = {**other, **one}
    for key in one.keys() & other.keys() & {"items", "additionalProperties"}:
        if isinstance(one[key], Mapping) and isinstance(other[key], Mapping) and one[key] != other[key]:
            merged[key] = {"allOf": [one[key], other[key]]}
    for key in one.keys() & other.keys() & _TIGHTER.keys():
        merged[key] = _TIGHTER[key](one[key], other[key])
    mine, its = one.get("properties", {}), other.get("properties", {})
    if mine or its:
        merged["properties"] = {**mine, **its} | {
            name: {"allOf": [mine[name], its[name]]} for name in mine.keys() & its.keys() if mine[name] != its[name]
        }
    if one.get("required") or other.get("required"):
        merged["required"] = [*dict.fromkeys([*one.get("required", ()), *other.get("required", ())])]
    return merged
