"""From a JSON Schema, as pydantic makes it, to hypothesis's strategies of JSON values. Called by `strategies`.

hypothesis-jsonschema does the same for any schema, but not for types that hold themselves, nor for pydantic's own formats.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any, Final, cast

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ..schemas import Schema

__all__ = ["SchemaStrategies"]

#: JSON's own numbers, as far as every reader keeps them.
_SAFE: Final = 2**53 - 1
#: Without surrogates, which UTF-8 cannot hold.
_TEXT: Final = st.characters(codec="utf-8")
_SCALARS: Final = st.none() | st.booleans() | st.integers(-_SAFE, _SAFE) | st.floats(allow_nan=False, allow_infinity=False)
_ANYTHING: Final[SearchStrategy[Any]] = st.recursive(
    _SCALARS | st.text(_TEXT), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(_TEXT), inner, max_size=3)
)
_MOST: Final = 5
"""So many items, at most, of what may have any number."""


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
                return _strings(schema)
            case "integer":
                return _integers(schema)
            case "number":
                return _numbers(schema)
            case "boolean":
                return st.booleans()
            case _:
                return st.none()

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
        names = _strings(schema.get("propertyNames", {}))
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


def _sizes(schema: Schema, least: str, most: str) -> tuple[int, int]:
    smallest = int(schema.get(least, 0))
    return smallest, int(schema.get(most, smallest + _MOST))


def _strings(schema: Schema) -> SearchStrategy[str]:
    known = _FORMATS.get(schema.get("format", ""))
    if known is not None:
        return known
    if "pattern" in schema:
        return st.from_regex(re.compile(schema["pattern"]), alphabet=_TEXT)
    if schema.get("contentMediaType") == "application/json":
        return _ANYTHING.map(json.dumps)
    least = int(schema.get("minLength", 0))
    most = schema.get("maxLength")
    return st.text(_TEXT, min_size=least, max_size=None if most is None else int(most))


def _integers(schema: Schema) -> SearchStrategy[Any]:
    least, most = schema.get("minimum"), schema.get("maximum")
    if "exclusiveMinimum" in schema:
        least = schema["exclusiveMinimum"] + 1
    if "exclusiveMaximum" in schema:
        most = schema["exclusiveMaximum"] - 1
    step = schema.get("multipleOf")
    if step:
        low = None if least is None else -(-int(least) // int(step))
        high = None if most is None else int(most) // int(step)
        return st.integers(low, high).map(lambda value: value * int(step))
    return st.integers(_bound(least, -_SAFE), _bound(most, _SAFE))


def _numbers(schema: Schema) -> SearchStrategy[Any]:
    least, most = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    return st.floats(
        min_value=above if least is None else least,
        max_value=below if most is None else most,
        exclude_min=least is None and above is not None,
        exclude_max=most is None and below is not None,
        allow_nan=False,
        allow_infinity=False,
        allow_subnormal=False,
    )


def _bound(given: float | None, otherwise: int) -> int:
    return otherwise if given is None else int(given)


_HOSTS: Final = st.from_regex(r"[a-z]{1,10}\.example", fullmatch=True)
_WORDS: Final = st.from_regex(r"[a-z0-9]{1,10}", fullmatch=True)
#: A strategy of each format that pydantic names.
_FORMATS: Final[Mapping[str, SearchStrategy[str]]] = {
    "date-time": st.datetimes(timezones=st.just(UTC)).map(lambda value: value.isoformat()),
    "date": st.dates().map(lambda value: value.isoformat()),
    "time": st.times().map(lambda value: value.isoformat()),
    "duration": st.integers(0, 10**9).map(lambda seconds: f"PT{seconds}S"),
    "google-duration": st.integers(0, 10**9).map(lambda seconds: f"{seconds}s"),
    "uuid": st.uuids().map(str),
    "uuid1": st.uuids(version=1).map(str),
    "uuid3": st.uuids(version=3).map(str),
    "uuid4": st.uuids(version=4).map(str),
    "uuid5": st.uuids(version=5).map(str),
    "email": st.builds("{}@{}".format, _WORDS, _HOSTS),
    "name-email": st.builds("{} <{}@{}>".format, _WORDS, _WORDS, _HOSTS),
    "uri": st.builds("https://{}/{}".format, _HOSTS, _WORDS),
    "multi-host-uri": st.builds("https://{}/{}".format, _HOSTS, _WORDS),
    "ipv4": st.ip_addresses(v=4).map(str),
    "ipv6": st.ip_addresses(v=6).map(str),
    "ipvanyaddress": st.ip_addresses().map(str),
    "ipv4network": st.ip_addresses(v=4).map("{}/32".format),
    "ipv6network": st.ip_addresses(v=6).map("{}/128".format),
    "base64url": st.binary(max_size=24).map(lambda value: urlsafe_b64encode(value).decode()),
}
