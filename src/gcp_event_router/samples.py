"""A value that fits a JSON Schema, the plainest there is: what a sender may begin with. Pure; for the commands and the catalogue.

What a schema gives as an example, a default or a constant is taken as it stands. Of what no keyword tells, such as a pattern, a
guess is made: whoever needs a valid value validates it.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any, Final, cast

from .schemas import Schema

__all__ = ["sample"]

#: Of a place that lies deeper, nothing is made unless it has to be.
_DEPTH: Final = 6
#: After so many values, the rest is as what lies deeper: models that hold each other in many fields have millions.
_MOST: Final = 5_000
#: A value of each format that pydantic names.
_FORMATS: Final[Mapping[str, str]] = {
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "uuid": "3f2b8c1e-0d4a-4c6b-9e57-1a2b3c4d5e6f",
    "uuid1": "6b1d1e60-fe8f-11f0-8de9-0242ac120002",
    "uuid3": "3d813cbb-47fb-32ba-91df-831e1593ac29",
    "uuid4": "3f2b8c1e-0d4a-4c6b-9e57-1a2b3c4d5e6f",
    "uuid5": "21f7f8de-8051-5b89-8680-0195ef798b6a",
    "email": "reader@example.com",
    "name-email": "A Reader <reader@example.com>",
    "uri": "https://example.com/",
    "multi-host-uri": "https://example.com/",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "ipvanyaddress": "192.0.2.1",
    "ipv4network": "192.0.2.0/24",
    "ipv6network": "2001:db8::/32",
    "ipv4interface": "192.0.2.1/24",
    "ipv6interface": "2001:db8::1/32",
    "ipvanyinterface": "192.0.2.1/24",
    "ipvanynetwork": "192.0.2.0/24",
    "binary": "text",
    "base64url": "dGV4dA==",
    "base64": "dGV4dA==",
    "json-string": "{}",
    "application/json": "{}",
    "regex": "[a-z]+",
    "path": "some/path",
    "file-path": "some/path",
    "directory-path": "some/path",
    "color": "#336699",
    "decimal": "1.00",
}


def sample(schema: Schema) -> object:
    """A value that fits a schema; what it refers to is found in its own `$defs`."""
    return _Sampler(schema).value(schema, _DEPTH)


class _Sampler:
    """What makes the values of one schema."""

    def __init__(self, whole: Schema) -> None:
        self._definitions: Mapping[str, Schema] = whole.get("$defs", {})
        self._left = _MOST
        #: Of each definition of which there is a value that ends, how many lie within each other in the least one.
        self._heights: dict[str, int] = {}

    def value(self, schema: Schema, depth: int, name: str = "") -> object:
        """A value that fits a part of it; `name` is that of the field that holds it."""
        self._left -= 1
        depth = depth if self._left > 0 else min(depth, 0)
        if depth <= 0:
            if not self._heights:
                self._measure()
            if self._height(schema) == inf:
                return None
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        for key in ("examples", "enum"):
            if schema.get(key) and isinstance(schema[key], list):  # of OpenAPI they are an object
                return schema[key][0]
        if "default" in schema and schema["default"] is not None:
            return schema["default"]
        for key in ("oneOf", "anyOf"):
            if key in schema:
                return self.value(self._plainest(schema[key], depth), depth, name)
        return self._of_type(schema, depth, name)

    def _of_type(self, schema: Schema, depth: int, name: str) -> object:
        match _type(schema):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth, name)
            case "string":
                return _string(schema, name)
            case "integer" | "number":
                return _number(schema)
            case "boolean":
                return True
            case "null":
                return None
            case _:  # of no type; bytes, if it says in which format
                return "something" if "contentMediaType" in schema else {}

    def _resolved(self, schema: Schema) -> Schema:
        """A schema with what it refers to, and all of its `allOf`, put into one."""
        if "$ref" in schema:
            found = self._definitions.get(str(schema["$ref"]).rpartition("/")[2], {})
            schema = {**self._resolved(found), **{key: value for key, value in schema.items() if key != "$ref"}}
        merged: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
        for part in map(self._resolved, schema.get("allOf", ())):
            both = {
                "properties": {**merged.get("properties", {}), **part.get("properties", {})},
                "required": [*dict.fromkeys([*merged.get("required", ()), *part.get("required", ())])],
            }
            merged = {**part, **merged, **{key: value for key, value in both.items() if value}}
        return merged

    def _object(self, schema: Schema, depth: int) -> dict[str, object]:
        properties: Mapping[str, Schema] = schema.get("properties", {})
        required = schema.get("required", ())
        # what may be left out is shown, unless it would never end
        made = {
            name: self.value(each, depth - 1, name)
            for name, each in properties.items()
            if name in required or (depth > 0 and not self._is_null(each))
        }
        more = schema.get("additionalProperties")
        if not properties and isinstance(more, Mapping) and depth > 0:
            key = str(self.value(schema.get("propertyNames", {"type": "string"}), depth, "key"))
            made[key] = self.value(cast("Schema", more), depth - 1, "key")
        return made

    def _array(self, schema: Schema, depth: int, name: str) -> list[object]:
        first = [self.value(each, depth - 1, name) for each in schema.get("prefixItems", ())]
        least = max(int(schema.get("minItems", 0)), 1 if depth > 0 and schema.get("items") and not first else 0)
        items: Schema = schema.get("items") or {}
        return first + [self.value(items, depth - 1, name) for _ in range(least - len(first))]

    def _plainest(self, options: list[Schema], depth: int) -> Schema:
        """The first that is not null, as people would write it; deep down, the one that ends soonest."""
        if depth > 0:
            return next((each for each in options if not self._is_null(each)), options[0])
        return next((each for each in options if self._is_null(each)), min(options, key=self._height))

    def _height(self, schema: Schema) -> float:
        """How many definitions lie within each other in the least value of it; infinite, if it has none that ends."""
        if "$ref" in schema:
            return self._heights.get(str(schema["$ref"]).rpartition("/")[2], inf)
        properties: Mapping[str, Schema] = schema.get("properties", {})
        first: list[Schema] = schema.get("prefixItems", [])
        needed = [properties[name] for name in schema.get("required", ()) if name in properties]
        parts = [*schema.get("allOf", ()), *first, *needed]
        parts += [schema["items"]] if schema.get("items") and schema.get("minItems", 0) > len(first) else []
        options: list[Schema] = schema.get("oneOf") or schema.get("anyOf") or []
        return max([min(map(self._height, options), default=0), *map(self._height, parts)])

    def _measure(self) -> None:
        """Find the heights: first of what refers to nothing, then of what refers to that, and so on."""
        known = self._heights
        while more := [name for name, each in self._definitions.items() if name not in known and self._height(each) < inf]:
            known |= dict.fromkeys(more, 1 + max(known.values(), default=0))

    def _is_null(self, schema: Schema) -> bool:
        """Whether a field that may be left out has nothing to show."""
        return self._resolved(schema).get("type") == "null"


def _string(schema: Schema, name: str) -> str:
    known = _FORMATS.get(schema.get("format") or schema.get("contentMediaType", ""))
    text = known or ("1.00" if _is_decimal(schema) else name or "text")
    text = text.ljust(int(schema.get("minLength", 0)), "x")
    return text[: int(schema["maxLength"])] if "maxLength" in schema else text


def _number(schema: Schema) -> float:
    """The one that is nearest to 1 within the bounds."""
    least: float | None = schema.get("minimum")
    most: float | None = schema.get("maximum")
    if (above := schema.get("exclusiveMinimum")) is not None:
        least = above + 1
    if (below := schema.get("exclusiveMaximum")) is not None:
        most = below - 1 if least is None or below - 1 >= least else (below + least - 1) / 2
    found = 1 if least is None else max(1, least)
    found = found if most is None else min(found, most)
    step = schema.get("multipleOf")
    return -(-found // step) * step if step else found


def _type(schema: Schema) -> str:
    found = schema.get("type", "object" if "properties" in schema else "")
    return found if isinstance(found, str) else next((each for each in found if each != "null"), "null")


def _is_decimal(schema: Schema) -> bool:
    """Whether it is pydantic's pattern of a decimal number."""
    return "\\d" in schema.get("pattern", "") and "\\." in schema.get("pattern", "")
