"""Shows a JSON Schema as tables, in the schema's own terms: a section for each object, a row for each of its fields.

Models may contain themselves, and may be large: a named object has one section, to which others link, and the numbers of
sections and rows are limited. The page shows the rest as JSON only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, cast

from .._schema.json_schema import CHOSEN_BY_FUNCTION, Schema
from ..privacy import SCHEMA_MARK

#: The most objects, and the most fields of each.
SECTIONS: Final = 60
ROWS: Final = 300
#: The most types within types.
_DEPTH: Final = 6
#: The most characters of a value.
_LENGTH: Final = 120
#: The most values of an enumeration.
_CHOICES: Final = 20
#: Keywords that are not notes on a type.
_SHOWN_ELSEWHERE: Final = frozenset(
    {"type", "title", "description", "default", "format", "const", "additionalProperties", CHOSEN_BY_FUNCTION, SCHEMA_MARK}
)


class Part(NamedTuple):
    """A part of a type: text, or the title of a section with its anchor."""

    text: str
    anchor: str = ""


class FieldRow(NamedTuple):
    """One field."""

    name: str
    type: Sequence[Part]
    is_required: bool
    #: As JSON; empty without a default.
    default: str
    #: Keywords and their values, such as `"minimum: 1"`.
    notes: Sequence[str]
    description: str


class Section(NamedTuple):
    """One object, with a row for each field; a payload of another type has that type and no rows."""

    anchor: str
    title: str
    description: str
    type: Sequence[Part] = ()
    notes: Sequence[str] = ()
    rows: Sequence[FieldRow] = ()
    #: How many rows are left out.
    left_out: int = 0
    #: Whether other fields are refused.
    is_closed: bool = False

    @property
    def has_notes(self) -> bool:
        """Whether any field has notes or a description; called by the template."""
        return any(row.notes or row.description for row in self.rows)


class PayloadTable(NamedTuple):
    """All sections: those of the payload itself, then those that they refer to."""

    sections: Sequence[Section]
    #: Whether there are more than `SECTIONS`.
    is_cut: bool


def table_of(schema: Schema, prefix: str) -> PayloadTable:
    """The sections of a schema; their anchors begin with `prefix`."""
    return _Tables(schema, prefix).build()


class _Tables:
    """Creates the sections of one schema."""

    def __init__(self, schema: Schema, prefix: str) -> None:
        self._schema = schema
        self._prefix = prefix
        self._definitions: Mapping[str, Schema] = schema.get("$defs", {})
        #: The objects that have a section, with the link to it; and these links by the names of definitions.
        self._objects: list[tuple[Schema, Part]] = []
        self._links: dict[str, Part] = {}
        self._is_cut = False

    def build(self) -> PayloadTable:
        sections: list[Section] = []
        for number, root in enumerate(self._schema.get("allOf") or [self._schema]):
            schema, name = self._resolve(root)
            if self._link(schema, name) is None:
                title, description = str(schema.get("title", "")), str(schema.get("description", ""))
                notes = [*dict.fromkeys(self._notes(root))]
                sections.append(Section(f"{self._prefix}-value-{number}", title, description, self._type(root), notes))
        sections += [self._section(schema, link) for schema, link in self._objects]  # the loop appends to it
        return PayloadTable(sections, self._is_cut)

    def _section(self, schema: Schema, link: Part) -> Section:
        required, fields = schema.get("required", ()), list(schema["properties"].items())
        rows = [self._row(name, field, is_required=name in required) for name, field in fields[:ROWS]]
        return Section(
            link.anchor,
            link.text,
            str(schema.get("description", "")),
            rows=rows,
            left_out=len(fields) - len(rows),
            is_closed=schema.get("additionalProperties") is False,
        )

    def _row(self, name: str, field: Schema, *, is_required: bool) -> FieldRow:
        whole, _ = self._resolve(field)
        default = _json(field["default"]) if "default" in field else ""
        notes = [*dict.fromkeys(self._notes(field))]
        own = field if whole.get("properties") else whole  # a section has its own description
        return FieldRow(name, self._type(field), is_required, default, notes, str(own.get("description", "")))

    def _link(self, schema: Schema, name: str) -> Part | None:
        """The link to the section of an object with fields, without an anchor beyond the limit; None for anything else."""
        if not schema.get("properties") or name in self._links:
            return self._links.get(name)
        schema = self._definitions.get(name, schema)  # without what stands beside a reference to it
        title = str(schema.get("title") or name or "object")
        if len(self._objects) >= SECTIONS:
            self._is_cut = True
            return Part(title)
        link = Part(title, f"{self._prefix}-{len(self._objects)}")
        self._objects.append((schema, link))
        if name:
            self._links[name] = link
        return link

    def _type(self, schema: Schema, depth: int = _DEPTH) -> list[Part]:
        schema, name = self._resolve(schema)
        link = self._link(schema, name)
        if link is not None or depth < 0:
            return [link or Part("…")]
        if "const" in schema or "enum" in schema:
            values: Sequence[object] = schema.get("enum") or [schema.get("const")]
            more = [f"… {len(values) - _CHOICES} more"] if len(values) > _CHOICES else []
            return [Part(" | ".join([*map(_json, values[:_CHOICES]), *more]))]
        for key, sign in (("oneOf", " | "), ("anyOf", " | "), ("allOf", " & ")):
            if key in schema:
                return _join([self._type(member, depth - 1) for member in schema[key]], sign)
        kind: object = schema.get("type", "any")
        if isinstance(kind, list):
            return [Part(" | ".join(map(str, cast("list[object]", kind))))]
        inner = [self._type(first, depth - 1) for first in schema.get("prefixItems", ())]
        within: list[Schema | bool | None] = [schema.get(key) for key in ("items", "additionalProperties", "contentSchema")]
        inner += [self._type(part, depth - 1) for part in within if part and not isinstance(part, bool)]
        text = f"{kind} ({schema['format']})" if "format" in schema else str(kind)
        return [Part(f"{text}["), *_join(inner, ", "), Part("]")] if inner else [Part(text)]

    def _notes(self, schema: Schema, depth: int = _DEPTH) -> Iterator[str]:
        schema, _ = self._resolve(schema)
        if schema.get(SCHEMA_MARK):
            yield "personal"
        if depth < 0 or "properties" in schema:
            return
        for key, value in schema.items():
            if isinstance(value, str | int | float) and key not in _SHOWN_ELSEWHERE:
                yield f"{key}: {value if isinstance(value, str) else _json(value)}"
        for member in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
            yield from self._notes(member, depth - 1)
        for key in ("items", "additionalProperties", "propertyNames"):
            if isinstance(schema.get(key), Mapping):
                yield from (f"{key}.{note}" for note in self._notes(schema[key], depth - 1))

    def _resolve(self, schema: Schema) -> tuple[Schema, str]:
        """Merge a reference with the keywords beside it; also return the name of the definition, or nothing."""
        name = ""
        for _ in range(_DEPTH):
            parts = schema.get("allOf", ())
            if len(parts) == 1:
                schema = {**parts[0], **{key: value for key, value in schema.items() if key != "allOf"}}
            if "$ref" not in schema:
                break
            name = str(schema["$ref"]).rpartition("/")[2]
            schema = {**self._definitions.get(name, {}), **{key: value for key, value in schema.items() if key != "$ref"}}
        return schema, name


def _json(value: object) -> str:
    """A value as JSON, its beginning if it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LENGTH else f"{text[:_LENGTH]}…"


def _join(types: Sequence[Sequence[Part]], sign: str) -> list[Part]:
    return [part for number, parts in enumerate(types) for part in ([Part(sign)] if number else []) + [*parts]]
