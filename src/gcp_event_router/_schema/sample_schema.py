"""Writes JSON Schemas for `samples`, with keywords of our own for bounds that JSON Schema lacks; `formats` has the examples."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final, cast

from pydantic.json_schema import JsonSchemaValue
from typing_extensions import override

from .json_schema import CheckedSchema

_BOUNDS: Final = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
}
_DIGITS: Final = {"max_digits": "maxDigits", "decimal_places": "decimalPlaces"}
_ADDRESS: Final = {"allowed_schemes": "schemes", "max_length": "maxLength"}
_TIMES: Final = ("ge", "gt", "le", "lt")


class SampleSchema(CheckedSchema):
    """Adds the bounds of decimals and times, time zones, URL schemes, the encoding of bytes, and the paths of fields."""

    @override
    def decimal_schema(self, schema: Any) -> JsonSchemaValue:
        return {"type": "number", "format": "decimal", **_keywords(schema), **_named(schema, _DIGITS)}

    @override
    def generate_inner(self, schema: Any) -> JsonSchemaValue:
        written = super().generate_inner(schema)
        match schema["type"]:
            case "date" | "datetime" | "time":
                return written | _moments(schema)
            case "model-field" | "dataclass-field" | "typed-dict-field":
                return _placed(written, schema)
            case _:
                return written

    @override
    def timedelta_schema(self, schema: Any) -> JsonSchemaValue:
        return {"type": "string", "format": "duration", **_keywords(schema)}

    @override
    def bytes_schema(self, schema: Any) -> JsonSchemaValue:
        encoding = self.config("val_json_bytes", "utf8")
        lengths = _named(schema, {"min_length": "minLength", "max_length": "maxLength"})
        # pydantic's own is of the alphabet of URLs
        return {"type": "string", "format": "binary", "bytes": {"base64": "base64url"}.get(encoding, encoding), **lengths}

    @override
    def url_schema(self, schema: Any) -> JsonSchemaValue:
        return super().url_schema(schema) | _named(schema, _ADDRESS)

    @override
    def multi_host_url_schema(self, schema: Any) -> JsonSchemaValue:
        return super().multi_host_url_schema(schema) | _named(schema, _ADDRESS)

    @override
    def dict_schema(self, schema: Any) -> JsonSchemaValue:
        written = super().dict_schema(schema)
        if "keys_schema" in schema:
            written["propertyNames"] = self.generate_inner(schema["keys_schema"])
        if written.pop("patternProperties", None) is not None:
            written["additionalProperties"] = self.generate_inner(schema["values_schema"])
        return written

    @override
    def json_schema(self, schema: Any) -> JsonSchemaValue:
        written = super().json_schema(schema)
        return written if "schema" in schema else {**written, "contentSchema": {"type": "object"}}


def _placed(written: JsonSchemaValue, schema: Mapping[str, Any]) -> JsonSchemaValue:
    """Add the path of a field that is read from within another; pydantic's schemas have it under its name."""
    alias = schema.get("validation_alias")
    if not isinstance(alias, list) or not alias:
        return written
    paths = cast("list[list[str | int]]", alias if isinstance(alias[0], list) else [alias])
    return written if any(len(path) == 1 for path in paths) else {**written, "path": paths[0]}


def _named(schema: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names[key]: schema[key] for key in names if schema.get(key) is not None}


def _keywords(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in _named(schema, _BOUNDS).items()}


def _moments(schema: Mapping[str, Any]) -> dict[str, Any]:
    written = {key: _plain(schema[key]) for key in _TIMES if schema.get(key) is not None}
    return written | _named(schema, {"tz_constraint": "zone", "now_op": "now"})


def _plain(value: object) -> object:
    if isinstance(value, timedelta):
        return repr(value.total_seconds())
    return value.isoformat() if isinstance(value, (date, datetime, time)) else str(value)
