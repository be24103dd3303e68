"""A JSON Schema as tables: a section for each object, a row for each of its fields. Pure; called by `channel_page`.

Models may hold themselves, and may be large: an object that has a name has one section, to which others have links, and there are
limits to how many sections and rows are made. What they leave out stands in the schema's JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from .._schema.json_schema import Schema
from .describe import Part, Words, as_json

__all__ = ["ROWS", "SECTIONS", "Row", "Section", "Table", "table_of"]

#: So many objects are described, and so many fields of each.
SECTIONS: Final = 60
ROWS: Final = 300


class Row(NamedTuple):
    """One field."""

    name: str
    type: tuple[Part, ...]
    is_required: bool
    #: As JSON; empty if there is none.
    default: str
    #: Each a clause, such as `"at least 1"`.
    notes: tuple[str, ...]
    description: str


class Section(NamedTuple):
    """One object; or a payload that is none, which has a type instead of rows."""

    anchor: str
    title: str
    description: str
    type: tuple[Part, ...]
    notes: tuple[str, ...]
    rows: tuple[Row, ...]
    #: How many rows are left out.
    left_out: int
    #: Whether other fields are refused.
    is_closed: bool

    @property
    def has_notes(self) -> bool:
        """Whether there is more to say of any field than its type; called by the template."""
        return any(row.notes or row.description for row in self.rows)


class Table(NamedTuple):
    """All sections: those of the payload itself, then those that they refer to."""

    sections: tuple[Section, ...]
    #: Whether there are more than `SECTIONS`.
    is_cut: bool


def table_of(schema: Schema, prefix: str) -> Table:
    """The sections of a schema; their anchors begin with `prefix`."""
    return _Tables(schema, prefix).made()


@dataclass
class _Object:
    """An object that is to have a section."""

    schema: Schema
    title: str
    anchor: str


@dataclass
class _Tables:
    """What makes the sections of one schema."""

    whole: Schema
    prefix: str
    _named: dict[str, _Object] = field(default_factory=dict[str, _Object])
    _objects: list[_Object] = field(default_factory=list[_Object])
    _is_cut: bool = False

    def made(self) -> Table:
        definitions: Mapping[str, Schema] = self.whole.get("$defs", {})
        words = Words(definitions, self._section)
        roots: Sequence[Schema] = self.whole.get("allOf", ()) or [self.whole]
        sections: list[Section] = []
        for root in roots:
            schema, name = words.resolved(root)
            if self._section(schema, name) is None:
                told = {"title": str(schema.get("title", "")), "description": str(schema.get("description", ""))}
                anchor = f"{self.prefix}-{len(self._objects) + len(sections)}-value"
                parts, notes = tuple(words.type(root)), tuple(dict.fromkeys(words.notes(root)))
                sections.append(Section(anchor, type=parts, notes=notes, rows=(), left_out=0, is_closed=False, **told))
        sections += [_told(each, words) for each in self._objects]  # which grows as they are told
        return Table(tuple(sections), self._is_cut)

    def _section(self, schema: Schema, name: str) -> Part | None:
        """The section of an object that has fields; None for anything else, and for what is beyond the limit."""
        if not schema.get("properties"):
            return None
        schema = self.whole.get("$defs", {}).get(name, schema)  # without what stands beside a reference to it
        title = str(schema.get("title") or name or "object")
        found = self._named.get(name)
        if found is None:
            if len(self._objects) >= SECTIONS:
                self._is_cut = True
                return Part(title)
            found = _Object(schema, title, f"{self.prefix}-{len(self._objects)}")
            self._objects.append(found)
            if name:
                self._named[name] = found
        return Part(found.title, found.anchor)


def _told(found: _Object, words: Words) -> Section:
    schema = found.schema
    required = set(schema.get("required", ()))
    fields = list(schema["properties"].items())
    return Section(
        found.anchor,
        found.title,
        str(schema.get("description", "")),
        type=(),
        notes=(),
        rows=tuple(_row(name, each, words, is_required=name in required) for name, each in fields[:ROWS]),
        left_out=max(0, len(fields) - ROWS),
        is_closed=schema.get("additionalProperties") is False,
    )


def _row(name: str, schema: Schema, words: Words, *, is_required: bool) -> Row:
    whole, _ = words.resolved(schema)
    has_section = bool(whole.get("properties"))
    return Row(
        name,
        tuple(words.type(schema)),
        is_required,
        as_json(schema["default"]) if "default" in schema else "",
        tuple(dict.fromkeys(words.notes(schema))),
        # what a section says of itself is said there
        str((schema if has_section else whole).get("description", "")),
    )
