"""A JSON Schema of a value in words: what sort of value it is, and what else holds of it. Pure; for `payload_table`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, cast

from .._schema.json_schema import Schema

__all__ = ["Part", "Words", "as_json"]

#: So deep lists of lists, maps of maps and names of names are told.
_DEPTH: Final = 6
#: So many choices are told, and so many characters of a value.
_CHOICES: Final = 20
_LENGTH: Final = 120
_FORMATS: Final[Mapping[str, str]] = {
    "date-time": "date and time",
    "date": "date",
    "time": "time",
    "duration": "duration",
    "email": "e-mail address",
    "name-email": "name and e-mail address",
    "uuid": "UUID",
    "uri": "URL",
    "multi-host-uri": "URL",
    "binary": "text, read as bytes",
    "base64": "bytes in base64",
    "base64url": "bytes in base64, for URLs",
    "json-string": "JSON in a text",
    "regex": "regular expression",
    "path": "path",
    "file-path": "path of a file",
    "directory-path": "path of a folder",
}
_TYPES: Final[Mapping[str, str]] = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
    "array": "list",
    "object": "object",
}
_BOUNDS: Final[Mapping[str, str]] = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "minLength": "length at least {}",
    "maxLength": "length at most {}",
    "minItems": "items: at least {}",
    "maxItems": "items: at most {}",
    "minProperties": "keys: at least {}",
    "maxProperties": "keys: at most {}",
    "pattern": "matches {}",
}


class Part(NamedTuple):
    """A part of what is said of a type: words, or the title of a section with its anchor."""

    text: str
    anchor: str = ""


class Words:
    """Tells the parts of one schema.

    Args:
        definitions: What it refers to.
        section: Given a schema and the name of its definition if it has one, returns the title and the anchor of the section that
            describes it; or None if it is to be told here.

    """

    def __init__(self, definitions: Mapping[str, Schema], section: Callable[[Schema, str], Part | None]) -> None:
        self._definitions = definitions
        self._section = section
        #: The definitions that are being told: one that holds itself is named there.
        self._begun: set[str] = set()

    def type(self, schema: Schema, depth: int = _DEPTH) -> list[Part]:
        """What sort of value it is."""
        if depth < 0:
            return [Part("…")]
        schema, name = self.resolved(schema)
        section = self._section(schema, name)
        if section is not None:
            return [section]
        if name in self._begun:
            return [Part(str(schema.get("title") or name))]
        self._begun |= {name} - {""}
        told = self._told(schema, depth)
        self._begun.discard(name)
        return told

    def notes(self, schema: Schema, depth: int = _DEPTH) -> Iterator[str]:
        """What else holds of it: bounds, lengths, patterns; those of the items of a list too."""
        schema, _ = self.resolved(schema)
        if depth < 0 or "properties" in schema:
            return
        for key, words in _BOUNDS.items():
            if key in schema:
                yield words.format(schema[key])
        if "discriminator" in schema:
            yield f"told apart by {schema['discriminator'].get('propertyName', '?')}"
        for key in ("oneOf", "anyOf"):
            for member in schema.get(key, ()):
                if not _is_digits(member):
                    yield from self.notes(member, depth - 1)
        for key, words in (("items", "each"), ("additionalProperties", "each value"), ("propertyNames", "each key")):
            if isinstance(schema.get(key), Mapping):
                yield from (f"{words}: {note}" for note in self.notes(schema[key], depth - 1))

    def resolved(self, schema: Schema) -> tuple[Schema, str]:
        """What a reference leads to, with what stands beside it; and the name of the definition, or nothing."""
        name = ""
        for _ in range(_DEPTH):
            parts = schema.get("allOf", ())
            if len(parts) == 1:
                schema = {**parts[0], **{key: value for key, value in schema.items() if key != "allOf"}}
            if "$ref" not in schema:
                break
            name = str(schema["$ref"]).rpartition("/")[2]
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            schema = {**self._definitions.get(name, {}), **beside}
        return schema, name

    def _told(self, schema: Schema, depth: int) -> list[Part]:
        if "const" in schema:
            return [Part(as_json(schema["const"]))]
        if "enum" in schema:
            return [Part(_choices(schema["enum"]))]
        for key in ("oneOf", "anyOf"):
            if key in schema:
                return self._union(schema[key], depth)
        if "allOf" in schema:
            return _joined([self.type(each, depth - 1) for each in schema["allOf"]], " and ")
        return self._plain(schema, depth)

    def _union(self, members: Sequence[Schema], depth: int) -> list[Part]:
        is_decimal = any(map(_is_digits, members))  # which is read from a number as well
        told: list[list[Part]] = [[Part("decimal number")]] if is_decimal else []
        for each in sorted(members, key=lambda member: member.get("type") == "null"):
            if is_decimal and (_is_digits(each) or each.get("type") == "number"):
                continue
            parts = self.type(each, depth - 1)
            if parts not in told:
                told.append(parts)
        return _joined(told[:_CHOICES], " or ")

    def _plain(self, schema: Schema, depth: int) -> list[Part]:
        found = schema.get("type")
        if isinstance(found, list):
            return self._union([{**schema, "type": each} for each in cast("list[str]", found)], depth)
        if found == "array":
            return self._array(schema, depth)
        if found == "object":
            return self._map(schema, depth)
        if schema.get("contentMediaType") == "application/json":
            inner = schema.get("contentSchema")
            return [Part("JSON in a text"), *([Part(": "), *self.type(inner, depth - 1)] if inner else [])]
        if "contentMediaType" in schema:
            return [Part("bytes, as they come")]
        form = schema.get("format")
        if form is not None:
            return [Part(_FORMATS.get(form, f"{_TYPES.get(str(found), 'value')} ({form})"))]
        return [Part(_TYPES.get(str(found), "anything"))]

    def _array(self, schema: Schema, depth: int) -> list[Part]:
        first: Sequence[Schema] = schema.get("prefixItems", ())
        items: Schema | bool | None = schema.get("items")
        noun = "set" if schema.get("uniqueItems") else "list"
        if first:
            more = [[Part("more")]] if items else []
            told = [self.type(each, depth - 1) for each in first[:_CHOICES]]
            return [Part(f"{noun} of: "), *_joined(told + more, ", ")]
        if not isinstance(items, Mapping) or not items:
            return [Part(noun)]
        return [Part(f"{noun} of "), *_enclosed(self.type(items, depth - 1))]

    def _map(self, schema: Schema, depth: int) -> list[Part]:
        patterns: Mapping[str, Schema] = schema.get("patternProperties", {})
        values: Schema | bool | None = schema.get("additionalProperties") or next(iter(patterns.values()), None)
        if not isinstance(values, Mapping) or not values:
            return [Part("object")]
        return [Part("map of text to "), *_enclosed(self.type(values, depth - 1))]


def as_json(value: object) -> str:
    """A value as JSON writes it, its beginning if it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LENGTH else f"{text[:_LENGTH]}…"


def _choices(values: Sequence[object]) -> str:
    told = " or ".join(as_json(each) for each in values[:_CHOICES])
    return told if len(values) <= _CHOICES else f"{told} or one of {len(values) - _CHOICES} more"


def _is_digits(schema: Schema) -> bool:
    """Whether it is the text that pydantic reads a `Decimal` from."""
    pattern = schema.get("pattern", "")
    return schema.get("type") == "string" and "\\d" in pattern and "\\." in pattern


def _joined(told: Sequence[Sequence[Part]], word: str) -> list[Part]:
    found: list[Part] = []
    for parts in told:
        found += [*([Part(word)] if found else []), *parts]
    return found


def _enclosed(parts: list[Part]) -> list[Part]:
    """In brackets, if there is more than one word to it."""
    return parts if len(parts) == 1 and " or " not in parts[0].text else [Part("("), *parts, Part(")")]
