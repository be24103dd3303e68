"""JSON Schemas of payload types, as pydantic writes them; a type that has none may be anything.

Documents, samples and checks need them; no event does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Literal, NewType, TypeAlias, cast

from pydantic import TypeAdapter, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonRef, JsonSchemaValue, JsonSchemaWarningKind
from pydantic_core import SchemaValidator, to_jsonable_python
from pydantic_core.core_schema import TaggedUnionSchema, WithDefaultSchema
from typing_extensions import override

from .aliases import unaliased

#: The place of the definitions in a schema of its own.
DEFINITIONS: Final = "#/$defs/{model}"
#: Whether the schema describes reading or writing.
Mode: TypeAlias = Literal["validation", "serialization"]
#: Marks a union whose members a function of the project chooses; JSON Schema cannot describe it.
CHOSEN_BY_FUNCTION: Final = "x-chosen-by-function"
_HIDDEN: Final = "**********"


class LenientSchema(GenerateJsonSchema):
    """Writes the empty schema for a type that has none, without an exception or a warning."""

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {"skipped-choice", "non-serializable-default", "skipped-discriminator"}  # noqa: RUF012 -- as pydantic has it

    @override
    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        return {}

    @override
    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        """Hide the default of a secret that is declared as plain text, as pydantic hides that of a `SecretStr`."""
        written = super().default_schema(schema)
        if isinstance(written.get("default"), str) and any(
            part.get("writeOnly") for part in (written, *written.get("anyOf", ()))
        ):
            written["default"] = _HIDDEN
        return written

    @override
    def tagged_union_schema(self, schema: TaggedUnionSchema) -> JsonSchemaValue:
        """Require the tag, although each model alone may have a default for it."""
        written = super().tagged_union_schema(schema)
        if self.mode == "validation" and "discriminator" in written:
            written["required"] = [written["discriminator"]["propertyName"]]
        if callable(schema["discriminator"]):
            written[CHOSEN_BY_FUNCTION] = True
        return written


class CheckedSchema(LenientSchema):
    """Leaves out the declared examples that their own type refuses. It runs the validators of the project."""

    #: A sentence about each example that is left out. A subclass has its own.
    refused: ClassVar[dict[str, None]] = {}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._shared: dict[str, Any] = {}
        #: The core schemas around the current one, outermost first.
        self._around: list[Mapping[str, Any]] = []

    def config(self, name: str, default: str) -> str:
        """The value of a pydantic setting for the current part."""
        return str(next((value for part in reversed(self._around) if (value := part.get("config", {}).get(name))), default))

    @override
    def generate_inner(self, schema: Any) -> JsonSchemaValue:
        self._around.append(schema)
        try:
            written = super().generate_inner(schema)
        finally:
            self._around.pop()
        if self.mode == "validation":
            self._leave_out(schema, written)
        return written

    @override
    def definitions_schema(self, schema: Any) -> JsonSchemaValue:
        self._shared |= {definition["ref"]: definition for definition in schema["definitions"]}
        return super().definitions_schema(schema)

    def _leave_out(self, schema: Any, written: JsonSchemaValue) -> None:
        """Remove the declared examples that their type refuses."""
        holder: Any = written
        if "$ref" in written and "ref" in schema:
            holder = self.get_schema_from_definitions(JsonRef(written["$ref"])) or written
        declared = holder.get("examples")
        if not isinstance(declared, list) or not declared:
            return
        known = cast("list[object]", declared)
        validator = self._validator(schema)
        kept = [example for example in known if validator is None or self._is_read(validator, schema, example)]
        if len(kept) == len(known):
            return
        if kept:
            holder["examples"] = kept
        else:
            del holder["examples"]

    def _validator(self, schema: Any) -> SchemaValidator | None:
        """A validator of the part alone; None if it depends on others."""
        inner = schema.get("schema") if schema["type"].endswith("-field") else schema
        shared = self._shared
        if inner.get("ref") in shared:
            inner = {"type": "definition-ref", "schema_ref": inner["ref"]}
        whole = {"type": "definitions", "schema": inner, "definitions": list(shared.values())} if shared else inner
        config = next((part["config"] for part in reversed(self._around) if part.get("config")), None)
        try:
            return SchemaValidator(cast("Any", whole), cast("Any", config))
        except Exception:  # noqa: BLE001 -- pydantic has several errors for incomplete schemas
            return None

    def _is_read(self, validator: SchemaValidator, schema: Any, example: object) -> bool:
        try:
            validator.validate_json(json.dumps(to_jsonable_python(example, inf_nan_mode="null", fallback=str)))
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            inside = "".join(f" at {step!r}" for step in problem["loc"][:1])
            why = f"its type refuses it{inside} ({problem['type']})"
            self.refused[f"An example that is declared for {self._name(schema)} is left out: {why}."] = None
            return False
        except Exception:  # noqa: BLE001 -- a validator of the project may need its context
            return True
        return True

    def _name(self, schema: Any) -> str:
        """The name of a part: a model and its field."""
        name: list[str] = []
        fields: Mapping[str, Any] = {}
        for part in (*self._around, schema):
            if isinstance(part.get("cls"), type):
                name = [part["cls"].__name__]
            name += [key for key, field in fields.items() if field is part]
            fields = part["fields"] if isinstance(part.get("fields"), dict) else fields
        return ".".join(name) or "the payload"


def payload_schemas(
    payloads: Sequence[tuple[object, TypeAdapter[Any]]],
    mode: Mode,
    ref_template: str = DEFINITIONS,
    generator: type[GenerateJsonSchema] = CheckedSchema,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The schema of each type, and the definitions that they share, as JSON values.

    Args:
        payloads: Types as they are declared, with their adapters.
        mode: Whether to describe reading or writing.
        ref_template: The place of a definition, with `{model}` for its name.
        generator: The class that writes the schemas.

    """
    by_number, shared = TypeAdapter.json_schemas(
        [(str(number), mode, adapter) for number, (_, adapter) in enumerate(payloads)],
        by_alias=True,
        ref_template=ref_template,
        schema_generator=generator,
    )
    written = [
        _OF_BYTES if bare(declared) is bytes else dict(by_number[str(number), mode])
        for number, (declared, _) in enumerate(payloads)
    ]
    # a default may be NaN, and an example a date
    schemas, definitions = to_jsonable_python((written, shared.get("$defs", {})), inf_nan_mode="null", fallback=str)
    return schemas, definitions


def bare(declared: object) -> object:
    """The type inside `Annotated`, `NewType` and type aliases."""
    inner = unaliased(declared)
    return bare(inner.__supertype__) if isinstance(inner, NewType) else inner


#: Such a payload is passed on as it is; it need not be JSON.
_OF_BYTES: Final[dict[str, Any]] = {"contentMediaType": "application/octet-stream"}


Schema: TypeAlias = Mapping[str, Any]
