"""From a `SampleSchema` to hypothesis's strategies of JSON values. Called by `strategies`.

hypothesis-jsonschema does the same for any schema, but not for types that contain themselves, nor for pydantic's own formats.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC
from fractions import Fraction
from functools import partial
from math import ceil, floor
from typing import Any, Final, cast

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ..._schema.definitions import Definitions
from ..._schema.formats import FORMATS, encoded
from ..._schema.json_schema import Schema
from ..._schema.numbers import limits, written
from ...exceptions import ConfigurationError

#: JSON's own numbers, as far as every reader keeps them.
_SAFE: Final = 2**53 - 1
#: Without surrogates, which UTF-8 cannot hold.
_TEXT: Final = st.characters(codec="utf-8")
_SCALARS: Final = st.none() | st.booleans() | st.integers(-_SAFE, _SAFE) | st.floats(allow_nan=False, allow_infinity=False)
_ANYTHING: Final[SearchStrategy[Any]] = st.recursive(
    _SCALARS | st.text(_TEXT), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(_TEXT), inner, max_size=3)
)
#: So many items, at most, of what may have any number.
_MOST: Final = 5
#: Texts whose format has more variety than its number in the table of formats.
_VARIED: Final[Mapping[str, SearchStrategy[str]]] = {
    "date-time": st.datetimes(timezones=st.just(UTC)).map(lambda value: value.isoformat()),
    "date": st.dates().map(lambda value: value.isoformat()),
    "time": st.times().map(lambda value: value.isoformat()),
    "duration": st.integers(0, 10**9).map(lambda seconds: f"PT{seconds}S"),
    **dict.fromkeys(("uri", "multi-host-uri"), st.from_regex(r"https://[a-z]{1,10}\.example/[a-z0-9]{1,10}", fullmatch=True)),
    **{form: st.binary(max_size=24).map(partial(encoded, form=form)) for form in ("base64", "base64url")},
}


class SchemaStrategies:
    """Strategies for the parts of one schema.

    Args:
        definitions: What `#/$defs/` holds.

    """

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self._definitions = Definitions(definitions)
        self._made: dict[str, SearchStrategy[Any]] = {}

    def of(self, schema: Schema) -> SearchStrategy[Any]:
        """A strategy of values that fit, as far as the keywords tell that pydantic writes."""
        if "$ref" in schema:
            name = str(schema["$ref"])
            if name not in self._made:
                self._made[name] = st.deferred(lambda: self.of(self._definitions.resolved(schema)))  # it may contain itself
            return self._made[name]
        if "const" in schema:
            return st.just(schema["const"])
        if "enum" in schema:
            return st.sampled_from(cast("Sequence[Any]", schema["enum"]))
        options = schema.get("anyOf") or schema.get("oneOf")
        if options:
            return st.one_of([self.of(option) for option in options])
        if "allOf" in schema:
            return self.of(self._definitions.resolved(schema))
        found = schema.get("type", "object" if "properties" in schema else None)
        if found is None:
            return _ANYTHING
        return st.one_of([self._of_type(name, schema) for name in ([found] if isinstance(found, str) else found)])

    def _of_type(self, name: str, schema: Schema) -> SearchStrategy[Any]:
        match name:
            case "object":
                return self._object(schema)
            case "array":
                return self._array(schema)
            case "string" if schema.get("contentMediaType") == "application/json":
                return self.of(schema.get("contentSchema", {})).map(json.dumps)
            case "string":
                return _text(schema)
            case "integer" | "number":
                return _number(schema)
            case "boolean":
                return st.booleans()
            case _:
                return st.none()

    def _object(self, schema: Schema) -> SearchStrategy[Any]:
        fields = {name: self.of(field) for name, field in schema.get("properties", {}).items()}
        required = {name: fields.pop(name) for name in schema.get("required", ()) if name in fields}
        more = schema.get("additionalProperties")
        if required or fields or more is False:
            return st.fixed_dictionaries(required, optional=fields)
        values = self.of(cast("Schema", more)) if isinstance(more, Mapping) else _ANYTHING
        least, most = _sizes(schema, "minProperties", "maxProperties")
        names = self.of({"type": "string", **schema.get("propertyNames", {})})
        keys = names.map(lambda name: name if isinstance(name, str) else json.dumps(name))
        return st.dictionaries(keys, values, min_size=least, max_size=most)

    def _array(self, schema: Schema) -> SearchStrategy[Any]:
        first = [self.of(item) for item in schema.get("prefixItems", ())]
        if first:
            return st.tuples(*first).map(list)
        items = schema.get("items")
        least, most = _sizes(schema, "minItems", "maxItems")
        values = self.of(cast("Schema", items)) if isinstance(items, Mapping) else _ANYTHING
        return st.lists(values, min_size=least, max_size=most, unique_by=json.dumps if schema.get("uniqueItems") else None)


def _sizes(schema: Schema, least: str, most: str) -> tuple[int, int]:
    smallest = int(schema.get(least, 0))
    return smallest, int(schema.get(most, smallest + _MOST))


def _number(schema: Schema) -> SearchStrategy[Any]:
    """Finite numbers: whole ones, decimals and multiples of a step are found by their place in a grid, the others are floats."""
    limit = limits(schema)
    is_decimal = schema.get("format") == "decimal"
    step = limit.step
    if step is None and (schema.get("type") == "integer" or is_decimal):
        # of a decimal whose digits nothing limits, a few
        places = 3 if is_decimal and "maxDigits" not in schema else 0
        step = Fraction(1, 10 ** (places if limit.places is None else limit.places))
    if step is None:
        return st.floats(
            min_value=None if limit.least is None else float(limit.least),
            max_value=None if limit.most is None else float(limit.most),
            allow_nan=False,
            allow_infinity=False,
            allow_subnormal=False,
        ).filter(lambda value: limit.allow(Fraction(value)))
    first = -_SAFE if limit.least is None else ceil(limit.least / step)
    last = _SAFE if limit.most is None else floor(limit.most / step)
    first += limit.is_over and first * step == limit.least
    last -= limit.is_under and last * step == limit.most
    if first > last:  # one bound lies beyond the numbers that every reader keeps
        first, last = (first, first + _SAFE) if limit.most is None else (last - _SAFE, last)
    whole = st.integers(first, last)
    return whole if step == 1 else whole.map(lambda place: written(place * step, is_decimal=is_decimal))


def _text(schema: Schema) -> SearchStrategy[str]:
    """Texts of a format, of a pattern, or of a length. Raises `ConfigurationError` for a pattern that is not Python's."""
    form = schema.get("format", "")
    if form == "date-time" and schema.get("zone") == "naive":
        return st.datetimes().map(lambda value: value.isoformat())
    if form in _VARIED:
        return _VARIED[form]
    if form in FORMATS:
        return st.integers(0, 2**16).map(FORMATS[form])
    least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
    if "pattern" in schema:
        return _matching(schema["pattern"]).filter(lambda text: least <= len(text) <= (len(text) if most is None else most))
    return st.text(_TEXT, min_size=least, max_size=None if most is None else int(most))


def _matching(pattern: str) -> SearchStrategy[str]:
    # pydantic's `$` is the very end of a text; for Python a line break may follow it
    python = re.sub(r"(?<!\\)\$\Z", r"\\Z", pattern)
    try:
        return st.from_regex(re.compile(python), alphabet=_TEXT)
    except re.error as error:
        msg = (
            f"examples() needs text for the pattern {pattern!r}, which Python's re cannot read: {error}. "
            "Write the pattern as both read it, or make the payloads by a strategy of your own."
        )
        raise ConfigurationError(msg) from error
