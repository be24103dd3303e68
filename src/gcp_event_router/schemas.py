"""Whether what one type writes can be what another one reads, by their JSON Schemas as pydantic makes them. Pure; for `checks`.

It finds only what is certain: a conflict that it names keeps every document of the writer from the reader. What pydantic's lax
mode makes of a value, such as a number of a string of digits, is no conflict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias, cast

from pydantic import AliasChoices, BaseModel, TypeAdapter

__all__ = ["Schema", "conflict", "read_schema", "written_schema"]

Schema: TypeAlias = Mapping[str, Any]

#: Of a place that lies deeper nothing is said; models may hold themselves.
_DEPTH: Final = 5
_ALL: Final = frozenset({"null", "boolean", "integer", "number", "string", "object", "array"})
#: What a reader of a type takes besides, in pydantic's lax mode.
_LAX: Final = {
    "integer": {"number", "string", "boolean"},
    "number": {"integer", "string", "boolean"},
    "boolean": {"integer", "number", "string"},
    "string": set[str](),
}


def written_schema(adapter: TypeAdapter[Any]) -> Schema:
    """What a type writes."""
    return adapter.json_schema(by_alias=True, mode="serialization")


def read_schema(adapter: TypeAdapter[Any], declared: object) -> Schema:
    """What a type reads, under any of the names that it takes a field by."""
    schema = adapter.json_schema(by_alias=True, mode="validation")
    names = dict(_other_names(declared))
    required = [name for name in schema.get("required", ()) if name not in names]
    return {**schema, "required": required} if names else schema


def conflict(writer: Schema, reader: Schema) -> str | None:
    """Why no document of the writer's can be read, in one clause; None if one may be."""
    return _conflict(writer, reader, writer, reader, "", _DEPTH)


def _other_names(declared: object) -> Iterator[tuple[str, str]]:
    """The names by which a model's fields are known, for those that it reads under several."""
    if not (isinstance(declared, type) and issubclass(declared, BaseModel)):
        return
    by_name = declared.model_config.get("populate_by_name") or declared.model_config.get("validate_by_name")
    for name, field in declared.model_fields.items():
        alias = field.validation_alias
        if isinstance(alias, AliasChoices):
            yield str(alias.choices[0]), name
        elif alias is not None and by_name:
            yield str(alias), name


def _conflict(writer: Schema, reader: Schema, of_writer: Schema, of_reader: Schema, place: str, depth: int) -> str | None:
    reasons: list[str] = []
    for written in _alternatives(writer, of_writer):
        for read in _alternatives(reader, of_reader):
            reason = _between(written, read, of_writer, of_reader, place, depth)
            if reason is None:
                return None
            reasons.append(reason)
    return reasons[0] if reasons else None


def _between(written: Schema, read: Schema, of_writer: Schema, of_reader: Schema, place: str, depth: int) -> str | None:
    sent, taken = _types(written), _types(read)
    wide = taken | {each for kind in taken for each in _LAX.get(kind, ())}
    if "format" in read or "pattern" in read:
        wide |= {"integer", "number"}  # times and durations are read from numbers, too
    if not sent & wide:
        where = place or "the payload"
        return f"{where} is {_words(sent)}, and {_words(taken)} is read"
    if sent != {"object"} or taken != {"object"} or not depth:
        return None
    return _of_objects(written, read, of_writer, of_reader, place, depth)


def _of_objects(written: Schema, read: Schema, of_writer: Schema, of_reader: Schema, place: str, depth: int) -> str | None:
    sent: Mapping[str, Schema] = written.get("properties", {})
    taken: Mapping[str, Schema] = read.get("properties", {})
    is_closed = bool(sent) and not written.get("additionalProperties", False)
    for name in read.get("required", ()):
        if is_closed and name not in sent:
            return f"{_path(place, name)} is required, and is never sent"
    always = set(written.get("required", ()))
    for name in sorted(always & taken.keys() & sent.keys()):
        reason = _conflict(sent[name], taken[name], of_writer, of_reader, _path(place, name), depth - 1)
        if reason is not None:
            return reason
    if read.get("additionalProperties", True) is False and (extra := sorted(always - taken.keys())):
        return f"{_path(place, extra[0])} is sent, and is forbidden"
    return None


def _alternatives(schema: Schema, whole: Schema) -> list[Schema]:
    """The schemas of which one has to fit, their references followed."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return _alternatives(cast("Schema", whole.get("$defs", {}).get(name, {})), whole)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return [found for each in schema[key] for found in _alternatives(each, whole)]
    if len(schema.get("allOf", ())) == 1:
        return _alternatives(schema["allOf"][0], whole)
    return [schema]


def _types(schema: Schema) -> set[str]:
    found = schema.get("type", _ALL)
    types = {str(found)} if isinstance(found, str) else {str(each) for each in found}
    return types | {"integer"} if "number" in types else types


def _words(types: set[str]) -> str:
    shown = sorted(types - {"integer"} if "number" in types else types)
    return " or ".join("null" if each == "null" else f"{'an' if each[0] in 'aio' else 'a'} {each}" for each in shown)


def _path(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
