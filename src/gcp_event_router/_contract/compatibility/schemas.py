"""Compares two JSON Schemas, place by place: does the new one surely accept every value that the old one accepted?

Each part is compared with the one part of the other schema that resembles it most. If that does not prove that old values still
fit, the change counts as breaking. Fields that the old schema did not name do not count, although an open model accepted them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from math import inf
from typing import Any, Final, NamedTuple, cast

from typing_extensions import override

from ..._schema.json_schema import CHOSEN_BY_FUNCTION, Schema
from ...privacy import SCHEMA_MARK

_LOWER_BOUNDS: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER_BOUNDS: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
#: Formats and media types that refuse nothing.
_ANY_TEXT: Final = (("format", "password"), ("format", "path"), ("contentMediaType", "application/octet-stream"))
_TYPES: Final[Mapping[type, str]] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}
#: Keywords that restrict nothing.
_NOTES: Final = frozenset(
    "title description default examples deprecated readOnly writeOnly $comment discriminator $defs contentEncoding".split()  # noqa: SIM905 -- a list of words
) | {CHOSEN_BY_FUNCTION, SCHEMA_MARK}
#: The keywords that the comparison understands. It cannot know what any other one means.
_KNOWN: Final = _NOTES.union(
    ("type", "format", "pattern", "contentMediaType", "contentSchema"),
    ("properties", "required", "additionalProperties", "items", "prefixItems", "uniqueItems"),
    _LOWER_BOUNDS,
    _UPPER_BOUNDS,
)


class Change(NamedTuple):
    """One difference."""

    #: The kind, then the field.
    place: str
    #: What is different; one clause.
    what: str
    is_breaking: bool

    @override
    def __str__(self) -> str:
        return f"{self.place}: {self.what}" if self.place else self.what


def changes(
    old: Schema, new: Schema, old_definitions: Mapping[str, Schema], new_definitions: Mapping[str, Schema]
) -> list[Change]:
    """Return all differences. A place is a field's path; that of the root is empty."""
    differences = _Comparison(old_definitions, new_definitions).compare(old, new, "")
    return list({(change.place, change.what): change for change in differences}.values())


class _Alternatives(NamedTuple):
    """The alternatives of a union, or any other schema as the only one."""

    schemas: list[Schema]
    #: The values of enumerations and constants, by their JSON.
    values: dict[str, object]
    is_chosen_by_function: bool = False

    def accept(self, value: object) -> bool:
        """Whether one of them surely accepts a value."""
        return json.dumps(value) in self.values or any(not schema.keys() - _NOTES - {"type"} for schema in self.of_type(value))

    def of_type(self, value: object) -> list[Schema]:
        """The alternatives that accept the type of a value."""
        type_name = _TYPES.get(type(value), "null")
        return [schema for schema in self.schemas if _accepts_type(schema, {"type": type_name})]


class _Comparison:
    """Compares schemas that refer to two sets of definitions."""

    def __init__(self, old: Mapping[str, Schema], new: Mapping[str, Schema]) -> None:
        self._old = old
        self._new = new
        #: The changes between pairs of alternatives, with places relative to them. A pair that is being compared has none yet:
        #: types may contain themselves, and the comparison at hand reports all differences.
        self._known: dict[str, list[Change]] = {}

    def compare(self, old: Schema, new: Schema, place: str) -> list[Change]:
        """Return the changes at one place and below it. Each part of the new `allOf` has to accept some part of the old one."""
        olds, news = _parts(old), _parts(new)
        differences: list[Change] = []
        for part in news:
            closest = max(olds, key=lambda candidate: _resemblance(candidate, part))
            partial = list(self._alternatives(closest, part))
            differences += partial if len(olds) == len(news) == 1 else [change for change in partial if change.is_breaking]
        return [change._replace(place=_path(place, change.place)) for change in differences]

    def _alternatives(self, old: Schema, new: Schema) -> Iterator[Change]:
        olds, news = _alternatives(old, self._old), _alternatives(new, self._new)
        if news.is_chosen_by_function and old != new:
            yield Change("", "it may break: look at the function that chooses among the types", is_breaking=True)
        used: list[Schema] = []
        refused: list[str] = []
        for schema in olds.schemas:
            accepting = [other for other in news.schemas if _accepts_type(other, schema)]
            if accepting:
                used.append(max(accepting, key=lambda candidate: _resemblance(schema, candidate)))
                yield from self._between(schema, used[-1])
            else:
                refused.append(_words(schema))
        for words in refused:
            # a type that accepts anything, and is refused, accepts bytes that are not JSON
            only = "JSON" if any(_words(schema) == "anything" for schema in news.schemas) else _list(news)
            yield Change("", f"{words} is no longer accepted, only {only}", is_breaking=True)
        gone = [value for value in olds.values.values() if not news.accept(value)]
        doubtful = [value for value in gone if news.of_type(value)]
        if doubtful:
            yield Change("", f"it may break: look at {_list_values(doubtful)}", is_breaking=True)
        elif gone:
            yield Change("", f"{_list_values(gone)} is no longer accepted", is_breaking=True)
        added = _Alternatives(
            [schema for schema in news.schemas if schema not in used],
            {key: value for key, value in news.values.items() if not olds.accept(value)},
        )
        if (added.schemas or added.values) and not refused:
            yield Change("", f"{_list(added)} is accepted, too", is_breaking=False)

    def _between(self, old: Schema, new: Schema) -> list[Change]:
        pair = json.dumps([old, new], sort_keys=True)
        if pair not in self._known:
            self._known[pair] = []
            is_whole = "allOf" in old or "allOf" in new
            self._known[pair] = self.compare(old, new, "") if is_whole else list(self._single(old, new))
        return self._known[pair]

    def _single(self, old: Schema, new: Schema) -> Iterator[Change]:
        if old.get("type") != new.get("type"):
            yield Change("", f"{_words(new)} is accepted, and not only {_words(old)}", is_breaking=False)
        yield from _bounds(old, new)
        yield from _texts(old, new)
        yield from self._object(old, new)
        yield from self._array(old, new)
        if "contentSchema" in {*old, *new}:  # JSON within a text
            yield from self.compare(old.get("contentSchema", {}), new.get("contentSchema", {}), "(JSON)")
        for key in sorted(key for key in {*old, *new} - _KNOWN if not key.startswith("x-")):
            refers = "$ref" in json.dumps(old.get(key)) and self._old != self._new
            if refers or old.get(key) != new.get(key):
                yield Change("", f"it may break: look at {key!r}, which is different", is_breaking=True)

    def _object(self, old: Schema, new: Schema) -> Iterator[Change]:
        fields, new_fields = old.get("properties", {}), new.get("properties", {})
        required, new_required = set(old.get("required", ())), set(new.get("required", ()))
        rest: Schema | bool = old.get("additionalProperties", True)
        new_rest: Schema | bool = new.get("additionalProperties", True)
        for name in dict.fromkeys([*fields, *new_fields, *new.get("required", ())]):
            if name in fields:
                field = new_fields.get(name, new_rest)
                if isinstance(field, bool):
                    yield Change(
                        name, "the field is no longer read" if field else "the field is refused now", is_breaking=not field
                    )
                else:
                    yield from self.compare(fields[name], field, name)
                if name in new_required - required:
                    yield Change(name, "the field was optional and is required", is_breaking=True)
                elif name in required - new_required and name in new_fields:
                    yield Change(name, "the field was required and is optional", is_breaking=False)
                continue
            if not isinstance(rest, bool) and name in new_fields:
                yield from self.compare(rest, new_fields[name], name)
            if name not in required:
                what = "a required field is new" if name in new_required else "an optional field is new"
                yield Change(name, what, is_breaking=name in new_required)
        if not isinstance(rest, bool) and not isinstance(new_rest, bool):
            yield from self.compare(rest, new_rest, "*")
        elif rest != new_rest and old.get("type", "object") == "object":
            is_narrower = new_rest is False or rest is True
            now = "refused" if new_rest is False else "restricted" if is_narrower else "accepted"
            yield Change("", f"other fields are {now} now", is_narrower)

    def _array(self, old: Schema, new: Schema) -> Iterator[Change]:
        (first, items), (new_first, new_items) = _items(old), _items(new)
        most: float = old.get("maxItems", inf)
        for number, (item, new_item) in enumerate(zip_longest(first, new_first)):
            if number < most:
                before, after = items if item is None else item, new_items if new_item is None else new_item
                yield from self.compare(before, after, f"[{number}]")
        if most > max(len(first), len(new_first)) and "items" in {*old, *new}:
            yield from self.compare(items, new_items, "[]")
        if new.get("uniqueItems") and not old.get("uniqueItems"):
            yield Change("", "items have to differ from each other now", is_breaking=True)


def _parts(schema: Schema) -> list[Schema]:
    """The schemas that a value has to fit, all of them."""
    beside = {key: value for key, value in schema.items() if key != "allOf" and key not in _NOTES}
    return [*schema["allOf"], *([beside] if beside else [])] if "allOf" in schema else [schema]


def _alternatives(schema: Schema, definitions: Mapping[str, Schema]) -> _Alternatives:
    """The alternatives in the order in which they are written."""
    beside: dict[str, Any] = {key: value for key, value in schema.items() if key not in _NOTES}
    if "$ref" in schema:
        name = str(beside.pop("$ref")).rpartition("/")[2]
        return _alternatives(_restrict(definitions[name], beside), definitions)
    if "allOf" in beside and len(_parts(schema)) == 1:  # older releases of pydantic wrap references so
        return _alternatives(schema["allOf"][0], definitions)
    if {"enum", "const"} & beside.keys() and beside.keys() <= {"enum", "const", "type"}:
        values = [beside["const"]] if "const" in beside else beside["enum"]
        return _Alternatives([], {json.dumps(value): value for value in values})
    if beside.get("type") == "null":
        return _Alternatives([], {"null": None})
    key = next((key for key in ("anyOf", "oneOf", "type") if key in beside), "type")
    options = beside.pop(key, "anything")
    if isinstance(options, str):
        return _Alternatives([schema], {})
    parts = [{**schema, "type": option} if key == "type" else _restrict(option, beside) for option in options]
    members = [_alternatives(part, definitions) for part in parts]
    values = {key: value for member in members for key, value in member.values.items()}
    is_chosen = CHOSEN_BY_FUNCTION in schema or any(member.is_chosen_by_function for member in members)
    return _Alternatives([schema for member in members for schema in member.schemas], values, is_chosen)


def _restrict(schema: Schema, beside: Schema) -> Schema:
    """A schema together with the keywords beside it."""
    if not beside:
        return schema
    if set(beside) == {"required"}:
        return {**schema, "required": [*dict.fromkeys([*schema.get("required", ()), *beside["required"]])]}
    return {"allOf": [schema, beside]}


def _resemblance(old: Schema, new: Schema) -> tuple[bool, ...]:
    same_name = all(old.get(key) == new.get(key) for key in ("title", "$ref"))
    return old == new, _accepts_type(new, old), same_name


def _accepts_type(schema: Schema, other: Schema) -> bool:
    """Whether a schema accepts the type of another one."""
    if _accepts_bytes(other):  # of which JSON is a part
        return _accepts_bytes(schema)
    type_name, other_name = schema.get("type"), other.get("type")
    return type_name is None or type_name == other_name or (type_name, other_name) == ("number", "integer")


def _accepts_bytes(schema: Schema) -> bool:
    """Whether a payload need not be JSON."""
    return "type" not in schema and schema.get("contentMediaType") == "application/octet-stream"


def _bounds(old: Schema, new: Schema) -> Iterator[Change]:
    for key in (*_LOWER_BOUNDS, *_UPPER_BOUNDS):
        before, after = old.get(key), new.get(key)
        if before != after:
            is_narrower = after is not None and (before is None or (after > before) is (key in _LOWER_BOUNDS))
            yield Change("", f"{key} was {_show(before)} and is {_show(after)}", is_narrower)


def _texts(old: Schema, new: Schema) -> Iterator[Change]:
    for key in ("format", "pattern", "contentMediaType"):
        before, after = old.get(key), new.get(key)
        if before != after:
            is_breaking = after is not None and (key, after) not in _ANY_TEXT
            doubt = ", so old values may not fit" if is_breaking and before is not None else ""
            yield Change("", f"{key} was {_show(before)} and is {_show(after)}{doubt}", is_breaking)


def _items(schema: Schema) -> tuple[list[Schema], Schema]:
    """The schemas of an array's first items, in the spelling of draft 7 or a newer one, and that of all others."""
    items: object = schema.get("items", True)
    if isinstance(items, list):
        return cast("list[Schema]", items), {}
    rest = cast("Schema", items) if isinstance(items, Mapping) else {} if items is True else {"not": items}
    return schema.get("prefixItems", []), rest


def _words(schema: Schema) -> str:
    """A schema in a few words."""
    name = str(schema.get("type", "anything"))
    if name == "object" and "title" in schema:
        return str(schema["title"])
    return name if name == "anything" else f"{'an' if name[0] in 'aio' else 'a'} {name}"


def _list(alternatives: _Alternatives) -> str:
    words = [*dict.fromkeys(map(_words, alternatives.schemas))]
    return ", ".join([*words, *([_list_values([*alternatives.values.values()])] if alternatives.values else [])])


def _list_values(values: Sequence[object]) -> str:
    shown = [json.dumps(value, ensure_ascii=False) for value in values[:5]]
    return " or ".join(shown) + (" or others" if len(values) > len(shown) else "")


def _show(value: object) -> str:
    """The value of a keyword."""
    if isinstance(value, float) and value.is_integer():  # releases of pydantic differ
        value = int(value)
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)


def _path(place: str, name: str) -> str:
    if not place or not name:
        return place or name
    return f"{place}{name}" if name.startswith("[") else f"{place}.{name}"
