"""JSON Schemas of the types that payloads have, as pydantic makes them; what has none may be anything.

Made for documents, for samples and for the checks, never for an event.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args, get_origin

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, JsonSchemaWarningKind
from pydantic_core import to_jsonable_python
from pydantic_core.core_schema import TaggedUnionSchema, WithDefaultSchema
from typing_extensions import override

__all__ = ["DEFINITIONS", "LenientSchema", "Mode", "bare", "payload_schemas"]

#: Where a schema that stands alone has its definitions.
DEFINITIONS: Final = "#/$defs/{model}"
#: What is read, or what is written.
Mode: TypeAlias = Literal["validation", "serialization"]
_HIDDEN: Final = "**********"


class LenientSchema(GenerateJsonSchema):
    """A JSON Schema in which what has none may be anything, instead of an exception; and nobody is warned."""

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {"skipped-choice", "non-serializable-default", "skipped-discriminator"}  # noqa: RUF012 -- as pydantic has it

    @override
    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        return {}

    @override
    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        """Hide the default of a secret that is written as a plain text, as pydantic hides that of a `SecretStr`."""
        made = super().default_schema(schema)
        if isinstance(made.get("default"), str) and any(each.get("writeOnly") for each in (made, *made.get("anyOf", ()))):
            made["default"] = _HIDDEN
        return made

    @override
    def tagged_union_schema(self, schema: TaggedUnionSchema) -> JsonSchemaValue:
        """Say that the tag has to be there, although each model alone may have a default for it."""
        made = super().tagged_union_schema(schema)
        if self.mode == "validation" and "discriminator" in made:
            made["required"] = [made["discriminator"]["propertyName"]]
        return made


def payload_schemas(
    payloads: Sequence[tuple[object, TypeAdapter[Any]]],
    mode: Mode,
    ref_template: str = DEFINITIONS,
    generator: type[GenerateJsonSchema] = LenientSchema,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The schema of each type, and the definitions that they share; all as JSON has it, whatever a model adds to its own.

    Args:
        payloads: Types as they are declared, with their adapters.
        mode: What is read, or what is written.
        ref_template: Where the definitions will stand, with `{model}` for the name of one.
        generator: What writes them.

    """
    made, shared = TypeAdapter.json_schemas(
        [(str(number), mode, adapter) for number, (_, adapter) in enumerate(payloads)],
        by_alias=True,
        ref_template=ref_template,
        schema_generator=generator,
    )
    found = [
        _OF_BYTES if bare(declared) is bytes else dict(made[str(number), mode]) for number, (declared, _) in enumerate(payloads)
    ]
    # a default may be no number, and an example a date
    schemas, definitions = to_jsonable_python((found, shared.get("$defs", {})), inf_nan_mode="null", fallback=str)
    return schemas, definitions


def bare(declared: object) -> object:
    """The type inside `Annotated`, `NewType` and type aliases."""
    if get_origin(declared) is Annotated:
        return bare(get_args(declared)[0])
    inner = getattr(declared, "__supertype__", None) or getattr(declared, "__value__", None)
    return declared if inner is None else bare(inner)


#: Such a payload is taken as it comes, and is no JSON.
_OF_BYTES: Final[dict[str, Any]] = {"contentMediaType": "application/octet-stream"}
