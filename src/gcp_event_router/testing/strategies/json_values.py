"""From a JSON Schema, as pydantic makes it, to hypothesis's strategies of JSON values. Called by `strategies`.

hypothesis-jsonschema does the same for any schema, but not for types that hold themselves, nor for pydantic's own formats.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic.json_schema import JsonSchemaValue
from typing_extensions import override

from ..._schema.json_schema import LenientSchema, Schema
from .numbers import SAFE, decimals, integers, numbers
from .text import TEXT, texts

__all__ = ["ExampleSchema", "SchemaStrategies"]

_SCALARS: Final = st.none() | st.booleans() | st.integers(-SAFE, SAFE) | st.floats(allow_nan=False, allow_infinity=False)
_ANYTHING: Final[SearchStrategy[Any]] = st.recursive(
    _SCALARS | st.text(TEXT), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(TEXT), inner, max_size=3)
)
_MOST: Final = 5
"""So many items, at most, of what may have any number."""
#: What pydantic's own schema says of decimals.
_DECIMAL: Final = ("ge", "gt", "le", "lt", "max_digits", "decimal_places", "multiple_of")


class ExampleSchema(LenientSchema):
    """JSON Schema that also tells the digits of decimals, the keys of dicts, and which times have no zone."""

    @override
    def decimal_schema(self, schema: Any) -> JsonSchemaValue:
        return {"type": "string", "format": "decimal", **{name: schema[name] for name in _DECIMAL if name in schema}}

    @override
    def datetime_schema(self, schema: Any) -> JsonSchemaValue:
        is_naive = schema.get("tz_constraint") == "naive"
        return {"type": "string", "format": "date-time-naive"} if is_naive else super().datetime_schema(schema)

    @override
    def dict_schema(self, schema: Any) -> JsonSchemaValue:
        made = super().dict_schema(schema)
        if "keys_schema" in schema:
            made["propertyNames"] = self.generate_inner(schema["keys_schema"])
        if made.pop("patternProperties", None) is not None:
            made["additionalProperties"] = self.generate_inner(schema["values_schema"])
        return made


class SchemaStrategies:
    """Strategies for the parts of one schema.

    Args:
        definitions: What `#/$defs/` holds.

    """

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self._definitions = definitions
        self._made: dict[str, SearchStrategy[Any]] = {}

    def of(self, schema: Schema) -> SearchStrategy[Any]:
        """A strategy of values that fit, as far as the keywords tell that pydantic writes."""
        if "$ref" in schema:
            return self._named(str(schema["$ref"]).rpartition("/")[2])
        if "const" in schema:
            return st.just(schema["const"])
        if "enum" in schema:
            return st.sampled_from(cast("Sequence[Any]", schema["enum"]))
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return st.one_of([self.of(each) for each in schema[key]])
        if "allOf" in schema:
            return self.of(_merged(schema, self._definitions))
        found = schema.get("type", "object" if "properties" in schema else None)
        if found is None:
            return _ANYTHING
        return st.one_of([self._of_type(each, schema) for each in ([found] if isinstance(found, str) else found)])

    def _named(self, name: str) -> SearchStrategy[Any]:
        if name not in self._made:
            self._made[name] = st.deferred(lambda: self.of(self._definitions.get(name, {})))  # it may hold itself
        return self._made[name]

    def _of_type(self, name: str, schema: Schema) -> SearchStrategy[Any]:
        match name:
            case "object":
                return self._object(schema)
            case "array":
                return self._array(schema)
            case "string":
                return self._text(schema)
            case "integer":
                return integers(schema)
            case "number":
                return numbers(schema)
            case "boolean":
                return st.booleans()
            case _:
                return st.none()

    def _text(self, schema: Schema) -> SearchStrategy[str]:
        if schema.get("contentMediaType") == "application/json":
            return self.of(schema.get("contentSchema", {})).map(json.dumps)
        return decimals(schema) if schema.get("format") == "decimal" else texts(schema)

    def _object(self, schema: Schema) -> SearchStrategy[Any]:
        properties: Mapping[str, Schema] = schema.get("properties", {})
        required = set(schema.get("required", ()))
        always = {name: self.of(each) for name, each in properties.items() if name in required}
        perhaps = {name: self.of(each) for name, each in properties.items() if name not in required}
        made = st.fixed_dictionaries(always, optional=perhaps)
        more = schema.get("additionalProperties")
        if properties or more is False:
            return made
        values = self.of(cast("Schema", more)) if isinstance(more, Mapping) else _ANYTHING
        least, most = _sizes(schema, "minProperties", "maxProperties")
        names = self.of(schema["propertyNames"]).map(_key) if "propertyNames" in schema else st.text(TEXT)
        return st.dictionaries(names, values, min_size=least, max_size=most)

    def _array(self, schema: Schema) -> SearchStrategy[Any]:
        first = [self.of(each) for each in schema.get("prefixItems", ())]
        if first:
            return st.tuples(*first).map(list)
        items = schema.get("items")
        least, most = _sizes(schema, "minItems", "maxItems")
        values = self.of(cast("Schema", items)) if isinstance(items, Mapping) else _ANYTHING
        unique = json.dumps if schema.get("uniqueItems") else None
        return st.lists(values, min_size=least, max_size=most, unique_by=unique)


def _merged(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """All parts of an `allOf` as one object."""
    whole: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
    for each in schema["allOf"]:
        part = definitions.get(str(each["$ref"]).rpartition("/")[2], {}) if "$ref" in each else each
        properties = {**whole.get("properties", {}), **part.get("properties", {})}
        required = [*whole.get("required", ()), *part.get("required", ())]
        whole |= {**part, "properties": properties, "required": required} if properties else dict(part)
    return whole


def _key(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _sizes(schema: Schema, least: str, most: str) -> tuple[int, int]:
    smallest = int(schema.get(least, 0))
    return smallest, int(schema.get(most, smallest + _MOST))
