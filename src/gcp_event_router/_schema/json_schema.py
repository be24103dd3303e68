"""JSON Schemas of the types that payloads have, as pydantic makes them; what has none may be anything.

Made for documents, for samples and for the checks, never for an event.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias, cast, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonRef, JsonSchemaValue, JsonSchemaWarningKind
from pydantic_core import SchemaValidator, to_jsonable_python
from pydantic_core.core_schema import TaggedUnionSchema, WithDefaultSchema
from typing_extensions import override

#: Where a schema that stands alone has its definitions.
DEFINITIONS: Final = "#/$defs/{model}"
#: What is read, or what is written.
Mode: TypeAlias = Literal["validation", "serialization"]
#: Marks a union whose members a function of the project chooses; JSON Schema cannot describe it.
CHOSEN_BY_FUNCTION: Final = "x-chosen-by-function"
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
        if callable(schema["discriminator"]):
            made[CHOSEN_BY_FUNCTION] = True
        return made


class CheckedSchema(LenientSchema):
    """The same, without the examples that models and fields declare and their own type refuses. Validators run for it."""

    #: A sentence on each example that is left out, for whoever makes a subclass with a list of its own.
    refused: ClassVar[dict[str, None]] = {}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._shared: dict[str, Any] = {}
        #: What lies around the part at hand, outermost first.
        self._around: list[Mapping[str, Any]] = []

    def config(self, name: str, default: str) -> str:
        """A setting of pydantic's, as it holds at the part at hand."""
        return str(next((found for each in reversed(self._around) if (found := each.get("config", {}).get(name))), default))

    @override
    def generate_inner(self, schema: Any) -> JsonSchemaValue:
        self._around.append(schema)
        try:
            made = super().generate_inner(schema)
        finally:
            self._around.pop()
        if self.mode == "validation":
            self._leave_out(schema, made)
        return made

    @override
    def definitions_schema(self, schema: Any) -> JsonSchemaValue:
        self._shared |= {each["ref"]: each for each in schema["definitions"]}
        return super().definitions_schema(schema)

    def _leave_out(self, schema: Any, made: JsonSchemaValue) -> None:
        """Take the declared examples out that their type refuses."""
        holder: Any = made
        if "$ref" in made and "ref" in schema:
            holder = self.get_schema_from_definitions(JsonRef(made["$ref"])) or made
        declared = holder.get("examples")
        if not isinstance(declared, list) or not declared:
            return
        known = cast("list[object]", declared)
        validator = self._validator(schema)
        kept = [each for each in known if validator is None or self._is_read(validator, schema, each)]
        if len(kept) == len(known):
            return
        if kept:
            holder["examples"] = kept
        else:
            del holder["examples"]

    def _validator(self, schema: Any) -> SchemaValidator | None:
        """What reads the part alone; None where it cannot stand alone."""
        inner = schema.get("schema") if schema["type"].endswith("-field") else schema
        shared = self._shared
        if inner.get("ref") in shared:
            inner = {"type": "definition-ref", "schema_ref": inner["ref"]}
        whole = {"type": "definitions", "schema": inner, "definitions": list(shared.values())} if shared else inner
        config = next((each["config"] for each in reversed(self._around) if each.get("config")), None)
        try:
            return SchemaValidator(cast("Any", whole), cast("Any", config))
        except Exception:  # noqa: BLE001 -- pydantic's errors of what is not complete are of several kinds
            return None

    def _is_read(self, validator: SchemaValidator, schema: Any, example: object) -> bool:
        try:
            validator.validate_json(json.dumps(to_jsonable_python(example, inf_nan_mode="null", fallback=str)))
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            inside = "".join(f" at {each!r}" for each in problem["loc"][:1])
            why = f"its type refuses it{inside} ({problem['type']})"
            self.refused[f"An example that is declared for {self._name(schema)} is left out: {why}."] = None
            return False
        except Exception:  # noqa: BLE001 -- a validator of the project's own, which wants to know what lies around
            return True
        return True

    def _name(self, schema: Any) -> str:
        """What a part is called: a model, and a field of it."""
        name: list[str] = []
        fields: Mapping[str, Any] = {}
        for each in (*self._around, schema):
            if isinstance(each.get("cls"), type):
                name = [each["cls"].__name__]
            name += [key for key, field in fields.items() if field is each]
            fields = each["fields"] if isinstance(each.get("fields"), dict) else fields
        return ".".join(name) or "the payload"


def payload_schemas(
    payloads: Sequence[tuple[object, TypeAdapter[Any]]],
    mode: Mode,
    ref_template: str = DEFINITIONS,
    generator: type[GenerateJsonSchema] = CheckedSchema,
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


Schema: TypeAlias = Mapping[str, Any]
