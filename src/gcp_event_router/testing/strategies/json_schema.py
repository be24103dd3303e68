"""JSON Schemas that say what examples need and JSON Schema has no words for: asked for by `strategies`."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import JsonSchemaValue
from typing_extensions import override

from ..._schema.json_schema import LenientSchema

__all__ = ["ExampleSchema"]

_DECIMAL = ("ge", "gt", "le", "lt", "max_digits", "decimal_places", "multiple_of")


class ExampleSchema(LenientSchema):
    """With the digits of decimals, the keys of dicts, and times without a zone."""

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
