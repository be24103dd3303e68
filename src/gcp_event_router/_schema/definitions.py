"""Resolves the references and the `allOf` of a JSON Schema into one schema, and reads the values that a schema declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import zip_longest
from typing import Any, Final, cast

from .json_schema import Schema

_SCALARS: Final = frozenset({"string", "integer", "number", "boolean"})
_STRICTEST: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), max),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), min),
    "enum": lambda one, other: [value for value in one if value in other] or one,
}
#: Keywords that select among the members of a union.
_NARROWING: Final = frozenset({"type", "properties", "enum", "const", "anyOf", "oneOf"})
#: Keywords that do not restrict a scalar, and formats that a few plain values represent well.
_UNRESTRICTED: Final = frozenset(
    {"type", "title", "description", "default", "examples", "deprecated", "writeOnly", "format", "zone", "isUncertain"}
)
_TIMES: Final = frozenset({"date-time", "date", "time", "duration"})
_PLAIN_FORMATS: Final = _TIMES | {"uuid", "email", "uri", "password", "decimal"}


class Definitions:
    """The definitions below `#/$defs/`."""

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self._definitions = definitions

    def resolve(self, schema: Schema) -> Schema:
        """Merge a schema with the definition that it refers to, and with all parts of its `allOf`."""
        if "$ref" in schema:
            definition = self._definition(schema)
            schema = {**self.resolve(definition), **{key: value for key, value in schema.items() if key != "$ref"}}
        merged: Schema = {key: value for key, value in schema.items() if key != "allOf"}
        for part in map(self.resolve, schema.get("allOf", ())):
            merged = self._combine(merged, part)
        return merged

    def _combine(self, one: Schema, other: Schema) -> Schema:
        """A schema of the values that fit both; each member of a union is combined with the schema beside it."""
        for union, beside in ((one, other), (other, one)):
            key = next((key for key in ("oneOf", "anyOf") if key in union), None)
            if key and _NARROWING & beside.keys() and union[key] != beside.get(key):
                members = [member for member in union[key] if not _exclude(self._definition(member), beside)]
                return {**union, key: [{"allOf": [member, beside]} for member in members or union[key][:1]]}
        return _merge(one, other)

    def _definition(self, schema: Schema) -> Schema:
        """The definition that a schema refers to; the schema itself if it refers to none."""
        return self._definitions.get(str(schema["$ref"]).rpartition("/")[2], {}) if "$ref" in schema else schema


def references(schema: Schema) -> set[str]:
    """The references that a schema, and all parts of its `allOf`, are made of."""
    names = {str(schema["$ref"])} if "$ref" in schema else set[str]()
    return names.union(*map(references, schema.get("allOf", ())))


def types_of(schema: Schema) -> list[str]:
    """The types of a schema's values, but for null if there is another one."""
    declared = schema.get("type", "object" if "properties" in schema else "")
    if isinstance(declared, str):
        return [declared]
    return [name for name in declared if name != "null"] or ["null"]


def declared_values(schema: Schema) -> list[object]:
    """The examples, the constants or the default of a schema, the best first."""
    declared: Any = schema.get("examples")
    if isinstance(declared, dict):  # as OpenAPI has them
        named = cast("dict[str, Any]", declared).values()
        declared = [example["value"] for example in named if isinstance(example, dict) and "value" in example]
    values: list[object] = [*declared] if isinstance(declared, list) else []
    values += [schema["example"]] if "example" in schema else []
    if "const" in schema:
        return [*values, schema["const"]]
    if isinstance(schema.get("enum"), list):
        return [*values, *schema["enum"]]
    return [*values, schema["default"]] if schema.get("default") is not None else values


def _exclude(one: Schema, other: Schema) -> bool:
    """Whether two schemas surely have no value in common, by their types or by the constants of a field."""
    types = {schema["type"] for schema in (one, other) if isinstance(schema.get("type"), str)}
    if len(types) > 1 and types - _SCALARS:  # pydantic reads scalars from each other's values
        return True
    fields, others = one.get("properties", {}), other.get("properties", {})
    required = {*one.get("required", ()), *other.get("required", ())}
    pairs = [(fields[name], others[name]) for name in fields.keys() & others.keys() & required]
    return any("const" in field and "const" in another and field["const"] != another["const"] for field, another in pairs)


def _merge(one: Schema, other: Schema) -> Schema:
    """Merge two schemas, neither of them a union."""
    merged = {**other, **one}
    for key in one.keys() & other.keys() & {"items", "additionalProperties"}:
        if isinstance(one[key], Mapping) and isinstance(other[key], Mapping) and one[key] != other[key]:
            merged[key] = {"allOf": [one[key], other[key]]}
    for key in one.keys() & other.keys() & _STRICTEST.keys():
        merged[key] = _STRICTEST[key](one[key], other[key])
    if "prefixItems" in merged:
        merged["prefixItems"] = [
            {"allOf": [one.get("items", {}) if item is None else item, other.get("items", {}) if another is None else another]}
            for item, another in zip_longest(one.get("prefixItems", ()), other.get("prefixItems", ()))
        ]
    if "type" in one and "type" in other:
        merged |= _merge_types(one, other)
    if isinstance(one.get("examples"), list) and isinstance(other.get("examples"), list):
        merged["examples"] = [*one["examples"], *other["examples"]]
    fields, others = one.get("properties", {}), other.get("properties", {})
    if fields or others:
        merged["properties"] = {**fields, **others} | {
            name: {"allOf": [fields[name], others[name]]}
            for name in fields.keys() & others.keys()
            if fields[name] != others[name]
        }
    if one.get("required") or other.get("required"):
        merged["required"] = [*dict.fromkeys([*one.get("required", ()), *other.get("required", ())])]
    return merged


def _merge_types(one: Schema, other: Schema) -> dict[str, Any]:
    """The types that may have values in common, all of them if they differ: pydantic reads 1 from "1", and times from numbers.

    `isUncertain` says that samples may not represent all values that the restrictions leave.
    """
    types = [*dict.fromkeys([*types_of(one), *types_of(other)])]
    if {*types} == {"integer", "number"}:
        types = ["integer"]
    formats = {schema.get("format") for schema in (one, other)}
    if types == ["string"] and len(formats) > 1 and formats <= _TIMES:
        types = ["string", "number"]
    is_of_scalars = {*types} <= _SCALARS and ("string" in types or len(types) > 1)
    is_uncertain = is_of_scalars and one != other and (_is_restricted(one) or _is_restricted(other))
    merged: dict[str, Any] = {"type": types[0] if len(types) == 1 else types, "isUncertain": is_uncertain}
    if one.get("format") == "password" and "format" in other:  # any text may be a password
        merged["format"] = other["format"]
    return merged


def _is_restricted(schema: Schema) -> bool:
    if "const" in schema or "enum" in schema:
        return not all(isinstance(value, str) for value in schema.get("enum", [schema.get("const")]))
    if schema.get("isUncertain") or schema.keys() - _UNRESTRICTED:
        return True
    form = str(schema.get("format", "uuid"))
    return form not in _PLAIN_FORMATS and not form.startswith("uuid")
