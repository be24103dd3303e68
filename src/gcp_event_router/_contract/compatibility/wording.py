"""What a JSON Schema takes, in few words; and the parts of it that have several spellings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final, cast

from ..._schema.json_schema import Schema

__all__ = ["enum_of", "is_bytes", "items_of", "listed", "path", "prefix_of", "shown", "some", "tags_of", "types_of", "words"]

_ALL: Final = frozenset({"null", "boolean", "integer", "number", "string", "object", "array"})


def types_of(schema: Schema) -> frozenset[str]:
    """The types that fit, by JSON Schema's names; an integer is a number, too."""
    found = schema.get("type")
    if found is None:
        values = enum_of(schema)
        if values is not None:
            return frozenset(_type_of(each) for each in values)
        return frozenset({"object"}) if "properties" in schema else _ALL
    named = {found} if isinstance(found, str) else set(cast("Sequence[str]", found))
    return frozenset(named | {"integer"} if "number" in named else named)


def _type_of(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case _:
            return "object" if isinstance(value, Mapping) else "array"


def is_bytes(schema: Schema) -> bool:
    """Whether it is that of a payload which is taken as it comes."""
    return "contentMediaType" in schema and "type" not in schema


def enum_of(schema: Schema) -> list[object] | None:
    """The only values that fit, if it lists them."""
    return [schema["const"]] if "const" in schema else schema.get("enum")


def prefix_of(schema: Schema) -> list[Schema]:
    """What the first items of an array are, in either spelling: `prefixItems`, or a list as `items`."""
    items = schema.get("items")
    found: list[Schema] = schema.get("prefixItems") or (cast("list[Schema]", items) if isinstance(items, list) else [])
    return found


def items_of(schema: Schema) -> Schema:
    """What all other items are."""
    items = schema.get("items")
    return cast("Schema", items) if isinstance(items, Mapping) else {}


def words(schema: Schema) -> str:
    """A schema in a few words."""
    values = enum_of(schema)
    if values is not None:
        return some(values)
    tags = tags_of(schema)
    if tags:
        return "an object with " + ", ".join(f"{name} {' or '.join(each)}" for name, each in sorted(tags.items()))
    types = types_of(schema)
    if types == _ALL:
        return "anything"
    shown = sorted(types - {"integer"} if "number" in types else types)
    return " or ".join("null" if each == "null" else f"{'an' if each[0] in 'aio' else 'a'} {each}" for each in shown)


def listed(schemas: Sequence[Schema]) -> str:
    """Several schemas in few words."""
    return ", ".join(dict.fromkeys(map(words, schemas)))


def some(values: Sequence[object]) -> str:
    """A few of several values."""
    shown = [json.dumps(each, ensure_ascii=False) for each in values[:5]]
    return " or ".join(shown) + (" or others" if len(values) > len(shown) else "")


def shown(value: object) -> str:
    """The value of a keyword."""
    if isinstance(value, float) and value.is_integer():  # pydantic's releases differ
        value = int(value)
    return "not given" if value is None else json.dumps(value, ensure_ascii=False)


def path(place: str, name: str) -> str:
    """The place of a field."""
    if not place or not name:
        return place or name
    return f"{place}{name}" if name.startswith("[") else f"{place}.{name}"


def tags_of(schema: Schema) -> dict[str, tuple[str, ...]]:
    """What fields are constants, or few values."""
    properties: Mapping[str, Schema] = schema.get("properties", {})
    named = {name: enum_of(each) for name, each in properties.items()}
    return {name: tuple(json.dumps(value) for value in values) for name, values in named.items() if values is not None}
