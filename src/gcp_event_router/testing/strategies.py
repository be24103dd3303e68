"""Payloads for property tests: a hypothesis strategy, from the payload type of a handler.

@given(payload=examples(record_order))
def test_any_order(payload: OrderPlaced) -> None: ...

The strategy generates JSON from the JSON Schema, so that pydantic's types, bounds and aliases count. The handler's own validator
reads it, and the strategy discards what that refuses. (hypothesis-jsonschema supports neither recursive types nor pydantic's
formats.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from fractions import Fraction
from functools import partial
from math import ceil, floor
from typing import Any, Final, cast

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypeVar

from .._schema.definitions import Definitions
from .._schema.formats import FORMATS, encode
from .._schema.json_schema import Schema, bare, payload_schemas
from .._schema.numbers import limits, write_number
from .._schema.sample_schema import SampleSchema
from ..event import Event
from ..exceptions import ConfigurationError
from ..kinds import Kind
from ..router import EventRouter, events

__all__ = ["examples"]

PayloadT = TypeVar("PayloadT")
ParametersT = TypeVar("ParametersT")

#: The greatest integer that every reader of JSON keeps.
_SAFE: Final = 2**53 - 1
#: Characters that UTF-8 can encode: all except surrogates.
_TEXT: Final = st.characters(codec="utf-8")
_SCALARS: Final = st.none() | st.booleans() | st.integers(-_SAFE, _SAFE) | st.floats(allow_nan=False, allow_infinity=False)
_ANYTHING: Final[SearchStrategy[Any]] = st.recursive(
    _SCALARS | st.text(_TEXT), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(_TEXT), inner, max_size=3)
)
#: How many items an array or an object gets beyond its minimum.
_EXTRA_ITEMS: Final = 5
#: The digits after the point of a decimal whose schema limits none.
_PLACES: Final = 3
#: Formats with more variety than `FORMATS` has.
_VARIED: Final[Mapping[str, SearchStrategy[str]]] = {
    "date-time": st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
    "date": st.dates().map(date.isoformat),
    "time": st.times().map(time.isoformat),
    "duration": st.integers(0, 10**9).map("PT{}S".format),
    **dict.fromkeys(("uri", "multi-host-uri"), st.from_regex(r"https://[a-z]{1,10}\.example/[a-z0-9]{1,10}", fullmatch=True)),
    **{form: st.binary(max_size=24).map(partial(encode, form=form)) for form in ("base64", "base64url")},
}


def examples(
    handler: Callable[[Event[PayloadT, ParametersT]], Any] | Kind[PayloadT], *, router: EventRouter = events
) -> SearchStrategy[PayloadT]:
    """Make a strategy of the payloads that a handler, or the handlers of a declared kind, can receive. Needs hypothesis.

    Raises:
        ConfigurationError: The function is not a handler of the router, its annotation cannot be used, or Python's `re` cannot
            read a pattern in it.

    """
    payload_type, adapter = _payload_type(handler, router)
    if bare(payload_type) is bytes:
        return _validated(st.binary(), adapter.validate_python)
    (schema,), definitions = payload_schemas([(payload_type, adapter)], "validation", generator=SampleSchema)
    return _validated(SchemaStrategies(definitions).of(schema).map(json.dumps), adapter.validate_json)


def _payload_type(
    handler: Callable[[Event[PayloadT, ParametersT]], Any] | Kind[PayloadT], router: EventRouter
) -> tuple[object, TypeAdapter[Any]]:
    if isinstance(handler, Kind):
        kind = cast("Kind[Any]", handler)
        return kind.payload_type, kind.adapter
    for registration in router:
        if registration.handler.function == handler:
            return registration.handler.payload_type, registration.handler.adapter
    name = getattr(handler, "__qualname__", repr(handler))
    msg = f"{name} is not a handler of {router!r}. Register it with @events.on(...), or pass its router."
    raise ConfigurationError(msg)


def _validated(values: SearchStrategy[Any], validate: Callable[[Any], PayloadT]) -> SearchStrategy[PayloadT]:
    """Validate values, and discard those that the validator refuses."""
    refused: Final[Any] = object()

    def read(value: object) -> PayloadT:
        try:
            return validate(value)
        except ValidationError:
            return cast("PayloadT", refused)

    return values.map(read).filter(lambda value: value is not refused)


class SchemaStrategies:
    """Strategies of JSON values for the parts of a schema.

    Args:
        definitions: The schemas in `#/$defs/`.

    """

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self._definitions = Definitions(definitions)
        self._by_reference: dict[str, SearchStrategy[Any]] = {}

    def of(self, schema: Schema) -> SearchStrategy[Any]:
        """A strategy of values that fit the keywords that pydantic writes."""
        if "$ref" in schema:
            name = str(schema["$ref"])
            if name not in self._by_reference:  # a type may contain itself
                self._by_reference[name] = st.deferred(lambda: self.of(self._definitions.resolve(schema)))
            return self._by_reference[name]
        if "const" in schema:
            return st.just(schema["const"])
        if "enum" in schema:
            return st.sampled_from(cast("Sequence[Any]", schema["enum"]))
        options = schema.get("anyOf") or schema.get("oneOf")
        if options:
            return st.one_of([self.of(option) for option in options])
        if "allOf" in schema:
            return self.of(self._definitions.resolve(schema))
        types = schema.get("type", "object" if "properties" in schema else None)
        if types is None:
            return _ANYTHING
        return st.one_of([self._of_type(name, schema) for name in ([types] if isinstance(types, str) else types)])

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
        optional = {name: self.of(field) for name, field in schema.get("properties", {}).items()}
        required = {name: optional.pop(name) for name in schema.get("required", ()) if name in optional}
        if required or optional or schema.get("additionalProperties") is False:
            return st.fixed_dictionaries(required, optional=optional)
        names = self.of({"type": "string", **schema.get("propertyNames", {})})
        keys = names.map(lambda name: name if isinstance(name, str) else json.dumps(name))
        values = self._items(schema.get("additionalProperties"))
        return st.dictionaries(keys, values, **_sizes(schema, "minProperties", "maxProperties"))

    def _array(self, schema: Schema) -> SearchStrategy[Any]:
        if schema.get("prefixItems"):
            return st.tuples(*map(self.of, schema["prefixItems"])).map(list)
        unique_by = json.dumps if schema.get("uniqueItems") else None
        return st.lists(self._items(schema.get("items")), unique_by=unique_by, **_sizes(schema, "minItems", "maxItems"))

    def _items(self, schema: object) -> SearchStrategy[Any]:
        return self.of(cast("Schema", schema)) if isinstance(schema, Mapping) else _ANYTHING


def _sizes(schema: Schema, least: str, most: str) -> dict[str, Any]:
    smallest = int(schema.get(least, 0))
    return {"min_size": smallest, "max_size": int(schema.get(most, smallest + _EXTRA_ITEMS))}


def _number(schema: Schema) -> SearchStrategy[Any]:
    """Finite numbers. Integers, decimals and multiples are places in a grid; the others are floats."""
    limit = limits(schema)
    is_decimal = schema.get("format") == "decimal"
    step = limit.step
    if step is None and (schema.get("type") == "integer" or is_decimal):
        places = _PLACES if is_decimal and "maxDigits" not in schema else 0
        step = Fraction(1, 10 ** (places if limit.places is None else limit.places))
    if step is None:
        least, most = (None if bound is None else float(bound) for bound in (limit.least, limit.most))
        floats = st.floats(least, most, allow_nan=False, allow_infinity=False, allow_subnormal=False)
        return floats.filter(lambda value: limit.allow(Fraction(value)))
    first = None if limit.least is None else ceil(limit.least / step)
    last = max(_SAFE, 2 * (first or 0)) if limit.most is None else floor(limit.most / step)
    first = min(-_SAFE, 2 * last) if first is None else first
    first += limit.is_over and first * step == limit.least
    last -= limit.is_under and last * step == limit.most
    places_in_grid = st.integers(first, last)
    return places_in_grid if step == 1 else places_in_grid.map(lambda place: write_number(place * step, is_decimal=is_decimal))


def _text(schema: Schema) -> SearchStrategy[str]:
    """Texts of a format, a pattern or a length. Raises `ConfigurationError` for a pattern that Python cannot read."""
    form = schema.get("format", "")
    if form == "date-time" and schema.get("zone") == "naive":
        return st.datetimes().map(datetime.isoformat)
    if form in _VARIED:
        return _VARIED[form]
    if form in FORMATS:
        return st.integers(0, 2**16).map(FORMATS[form])
    least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
    if "pattern" not in schema:
        return st.text(_TEXT, min_size=least, max_size=most and int(most))
    # for pydantic, `$` is the very end of a text; for Python, a line break may follow it
    pattern = re.sub(r"(?<!\\)\$\Z", r"\\Z", schema["pattern"])
    try:
        texts = st.from_regex(re.compile(pattern), alphabet=_TEXT)
    except re.error as error:
        msg = f"Python's re cannot read the pattern {schema['pattern']!r}: {error}. Rewrite it, or write your own strategy."
        raise ConfigurationError(msg) from error
    return texts.filter(lambda text: least <= len(text) <= (len(text) if most is None else most))
