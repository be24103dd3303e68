"""JSON Schemas that also say what samples need and JSON Schema has no words for: what `samples` reads."""

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
    """With the bounds of decimals and times, zones, the schemes of URLs, the encoding of bytes, and the places of fields."""

    @override
    def decimal_schema(self, schema: Any) -> JsonSchemaValue:
        return {"type": "number", "format": "decimal", **_keywords(schema), **_named(schema, _DIGITS)}

    @override
    def generate_inner(self, schema: Any) -> JsonSchemaValue:
        made = super().generate_inner(schema)
        match schema["type"]:
            case "date" | "datetime" | "time":
                return made | _moments(schema)
            case "model-field" | "dataclass-field" | "typed-dict-field":
                return _placed(made, schema)
            case _:
                return made

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
        made = super().dict_schema(schema)
        if "keys_schema" in schema:
            made["propertyNames"] = self.generate_inner(schema["keys_schema"])
        if made.pop("patternProperties", None) is not None:
            made["additionalProperties"] = self.generate_inner(schema["values_schema"])
        return made

    @override
    def json_schema(self, schema: Any) -> JsonSchemaValue:
        made = super().json_schema(schema)
        return made if "schema" in schema else {**made, "contentSchema": {"type": "object"}}


def _placed(made: JsonSchemaValue, schema: Mapping[str, Any]) -> JsonSchemaValue:
    """With the place from which a field is read, where that is within another; pydantic's schemas have it under its name."""
    alias = schema.get("validation_alias")
    if not isinstance(alias, list) or not alias:
        return made
    paths = cast("list[list[str | int]]", alias if isinstance(alias[0], list) else [alias])
    return made if any(len(path) == 1 for path in paths) else {**made, "path": paths[0]}


def _named(schema: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names[key]: schema[key] for key in names if schema.get(key) is not None}


def _keywords(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in _named(schema, _BOUNDS).items()}


def _moments(schema: Mapping[str, Any]) -> dict[str, Any]:
    made = {key: _plain(schema[key]) for key in _TIMES if schema.get(key) is not None}
    return made | _named(schema, {"tz_constraint": "zone", "now_op": "now"})


def _plain(value: object) -> object:
    if isinstance(value, timedelta):
        return repr(value.total_seconds())
    return value.isoformat() if isinstance(value, (date, datetime, time)) else str(value)
