"""Compares two JSON Schemas, place by place: does whatever fitted the old one surely fit the new one?

Each new part is compared with the one old part that resembles it most. Where that does not prove that old values still fit,
the change counts as breaking. Fields that the old schema did not name are not counted, although an open model accepted them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Any, Final, NamedTuple, cast

from typing_extensions import override

from ..._schema.json_schema import Schema

_LEAST: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_MOST: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
#: Two keywords for one bound.
_TWINS: Final = {
    "minimum": "exclusiveMinimum",
    "exclusiveMinimum": "minimum",
    "maximum": "exclusiveMaximum",
    "exclusiveMaximum": "maximum",
}
#: Formats and media types that refuse nothing.
_ANY_TEXT: Final = (("format", "password"), ("format", "path"), ("contentMediaType", "application/octet-stream"))
#: The type of each of JSON's values, and the end of the names of its bounds.
_NAMES: Final[Mapping[type, tuple[str, str]]] = {
    bool: ("boolean", ""),
    int: ("integer", "imum"),
    float: ("number", "imum"),
    str: ("string", "Length"),
    list: ("array", "Items"),
    dict: ("object", "Properties"),
}
#: Keywords that restrict nothing.
_NOTES: Final = frozenset(
    "title description default examples deprecated readOnly writeOnly $comment discriminator $defs contentEncoding".split()  # noqa: SIM905 -- a list of words
)
#: The keywords that the comparison understands. It cannot know what any other one means.
_KNOWN: Final = _NOTES.union(
    (*_LEAST, *_MOST, "type", "multipleOf", "format", "pattern", "contentMediaType", "contentSchema"),
    ("properties", "required", "additionalProperties", "items", "prefixItems", "uniqueItems"),
)


class Change(NamedTuple):
    """One difference."""

    #: Where: the kind, then the field.
    place: str
    #: What is different now; one clause.
    what: str
    is_breaking: bool

    @override
    def __str__(self) -> str:
        return f"{self.place}: {self.what}" if self.place else self.what


def changes(
    old: Schema, new: Schema, old_definitions: Mapping[str, Schema], new_definitions: Mapping[str, Schema]
) -> list[Change]:
    """Return all differences. A place is a field's path; that of the root is empty."""
    found = _Comparison(old_definitions, new_definitions).compare(old, new, "")
    return list({(change.place, change.what): change for change in found}.values())


class _Alternatives(NamedTuple):
    """The alternatives of a union, or any other schema as the only one."""

    schemas: list[Schema]
    #: The values of enumerations and constants, by their JSON.
    values: dict[str, object]

    def accept(self, value: object) -> bool:
        """Whether a value is surely one of them."""
        return json.dumps(value) in self.values or any(_accepts(schema, value) for schema in self.schemas)


class _Comparison:
    """Compares schemas that refer to two sets of definitions."""

    def __init__(self, old: Mapping[str, Schema], new: Mapping[str, Schema]) -> None:
        self._old = old
        self._new = new
        #: The changes between pairs of alternatives, with places relative to them. A pair that is being compared has none yet:
        #: types may contain themselves, and the comparison at hand reports whatever is different.
        self._known: dict[str, list[Change]] = {}

    def compare(self, old: Schema, new: Schema, place: str) -> list[Change]:
        """Return the changes at one place and below it. Each part of the new `allOf` has to accept some part of the old one."""
        olds, news = _parts(old), _parts(new)
        found: list[Change] = []
        for part in news:
            made = self._alternatives(max(olds, key=lambda each: _resemblance(each, part)), part)
            found += made if len(olds) == len(news) == 1 else [change for change in made if change.is_breaking]
        return [change._replace(place=_path(place, change.place)) for change in found]

    def _alternatives(self, old: Schema, new: Schema) -> Iterator[Change]:
        olds, news = _alternatives(old, self._old), _alternatives(new, self._new)
        used: list[Schema] = []
        refused: list[str] = []
        for schema in olds.schemas:
            chosen = _closest(schema, news.schemas)
            if chosen is None:
                refused.append(_words(schema))
            else:
                used.append(chosen)
                yield from self._between(schema, chosen)
        for words in refused:
            # what takes anything and refuses something refuses bytes that are not JSON
            only = "JSON" if any(_words(schema) == "anything" for schema in news.schemas) else _listed(news)
            yield Change("", f"{words} is not taken any more, only {only}", is_breaking=True)
        gone = [value for value in olds.values.values() if not news.accept(value)]
        if gone:
            yield Change("", f"{_some(gone)} is not taken any more", is_breaking=True)
        added = _Alternatives(
            [schema for schema in news.schemas if schema not in used],
            {key: value for key, value in news.values.items() if not olds.accept(value)},
        )
        if any(added) and not refused:
            yield Change("", f"{_listed(added)} is taken, too", is_breaking=False)

    def _between(self, old: Schema, new: Schema) -> list[Change]:
        pair = json.dumps([old, new], sort_keys=True)
        if pair not in self._known:
            self._known[pair] = []
            is_whole = "allOf" in old or "allOf" in new
            self._known[pair] = self.compare(old, new, "") if is_whole else list(self._single(old, new))
        return self._known[pair]

    def _single(self, old: Schema, new: Schema) -> Iterator[Change]:
        if old.get("type") != new.get("type"):
            yield Change("", f"{_words(new)} is taken, and not only {_words(old)}", is_breaking=False)
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
        before, after = old.get("properties", {}), new.get("properties", {})
        always, needed = set(old.get("required", ())), set(new.get("required", ()))
        old_rest: Schema | bool = old.get("additionalProperties", True)
        rest: Schema | bool = new.get("additionalProperties", True)
        for name in dict.fromkeys([*before, *after, *new.get("required", ())]):
            if name in before:
                yield from self._field(before[name], after.get(name, rest), name)
                if name in needed - always:
                    yield Change(name, "the field was optional and is required", is_breaking=True)
                elif name in always - needed and name in after:
                    yield Change(name, "the field was required and is optional", is_breaking=False)
                continue
            if not isinstance(old_rest, bool) and name in after:
                yield from self.compare(old_rest, after[name], name)
            if name not in always:
                what = "a required field is new" if name in needed else "an optional field is new"
                yield Change(name, what, is_breaking=name in needed)
        if not isinstance(old_rest, bool) and not isinstance(rest, bool):
            yield from self.compare(old_rest, rest, "*")
        elif old_rest != rest and old.get("type", "object") == "object":
            narrower = rest is False or old_rest is True
            now = "are refused now" if rest is False else "have to fit now" if narrower else "are taken"
            yield Change("", f"fields that it does not name {now}", is_breaking=narrower)

    def _field(self, old: Schema, new: Schema | bool, name: str) -> Iterator[Change]:
        """A field whose new schema may be the one for all fields without a name."""
        if isinstance(new, bool):
            yield Change(name, "the field is not read any more" if new else "the field is refused now", is_breaking=not new)
        else:
            yield from self.compare(old, new, name)

    def _array(self, old: Schema, new: Schema) -> Iterator[Change]:
        (before, items), (after, new_items) = _items(old), _items(new)
        longest, most = max(len(before), len(after)), old.get("maxItems", inf)
        for number in range(min(longest, most)):
            one = before[number] if number < len(before) else items
            yield from self.compare(one, after[number] if number < len(after) else new_items, f"[{number}]")
        if most > longest and "items" in {*old, *new}:
            yield from self.compare(items, new_items, "[]")
        if new.get("uniqueItems") and not old.get("uniqueItems"):
            yield Change("", "items have to differ from each other now", is_breaking=True)


def _parts(schema: Schema) -> list[Schema]:
    """The schemas that a value has to fit, all of them."""
    beside = {key: value for key, value in schema.items() if key != "allOf" and key not in _NOTES}
    return [*schema["allOf"], *([beside] if beside else [])] if "allOf" in schema else [schema]


def _alternatives(schema: Schema, definitions: Mapping[str, Schema], within: frozenset[str] = frozenset()) -> _Alternatives:
    """The alternatives as they are written; `within` are the definitions that the schema stands for."""
    beside: dict[str, Any] = {key: value for key, value in schema.items() if key not in _NOTES}
    if "$ref" in schema:
        name = str(beside.pop("$ref")).rpartition("/")[2]
        if name in within:  # only a document that somebody wrote by hand has this
            return _Alternatives([{}], {})
        return _alternatives(_both(definitions[name], beside), definitions, within | {name})
    if "allOf" in beside and len(_parts(schema)) == 1:  # older releases of pydantic wrap references so
        return _alternatives(schema["allOf"][0], definitions, within)
    if {"enum", "const"} & beside.keys() and beside.keys() <= {"enum", "const", "type"}:
        values = [beside["const"]] if "const" in beside else beside["enum"]
        return _Alternatives([], {json.dumps(value): value for value in values})
    if beside.get("type") == "null":
        return _Alternatives([], {"null": None})
    key = next((key for key in ("anyOf", "oneOf", "type") if key in beside), "type")
    options = beside.pop(key, "anything")
    if isinstance(options, str):
        return _Alternatives([schema], {})
    parts = [{**schema, "type": name} if key == "type" else _both(name, beside) for name in options]
    found = [_alternatives(part, definitions, within) for part in parts]
    values = {key: value for each in found for key, value in each.values.items()}
    return _Alternatives([schema for each in found for schema in each.schemas], values)


def _both(schema: Schema, beside: Schema) -> Schema:
    """What fits a schema and the keywords beside it."""
    if not beside:
        return schema
    if set(beside) == {"required"}:
        return {**schema, "required": [*dict.fromkeys([*schema.get("required", ()), *beside["required"]])]}
    return {"allOf": [schema, beside]}


def _closest(schema: Schema, others: Sequence[Schema]) -> Schema | None:
    """The one of several that most likely takes what fits a schema; None if none has its type."""
    taking = [other for other in others if _takes_type(other, schema)]
    return max(taking, key=lambda other: _resemblance(schema, other), default=None)


def _resemblance(old: Schema, new: Schema) -> tuple[float, ...]:
    same_name = all(old.get(key) == new.get(key) for key in ("title", "$ref"))
    fields, others = old.get("properties", {}), new.get("properties", {})
    same_fields = sum(fields[name] == others[name] for name in fields.keys() & others.keys())
    return old == new, _takes_type(new, old), same_name, same_fields


def _takes_type(schema: Schema, other: Schema) -> bool:
    if _takes_bytes(other):  # of which JSON is a part
        return _takes_bytes(schema)
    mine, its = schema.get("type"), other.get("type")
    return mine is None or mine == its or (mine, its) == ("number", "integer")


def _takes_bytes(schema: Schema) -> bool:
    """Whether a schema is that of a payload that need not be JSON."""
    return "type" not in schema and schema.get("contentMediaType") == "application/octet-stream"


def _bounds(old: Schema, new: Schema) -> Iterator[Change]:
    for key in (*_LEAST, *_MOST):
        before, after = old.get(key), new.get(key)
        is_narrower = after is not None and _limit(old, key, _TWINS.get(key, key)) < _limit(new, key)
        if before != after and (is_narrower or before is not None):
            yield Change("", f"{key} was {_shown(before)} and is {_shown(after)}", is_narrower)
    before, after = old.get("multipleOf"), new.get("multipleOf")
    if before != after:
        is_narrower = after is not None and (before is None or not float(after).is_integer() or before % after != 0)
        yield Change("", f"multipleOf was {_shown(before)} and is {_shown(after)}", is_narrower)


def _limit(schema: Schema, *keys: str) -> tuple[float, bool]:
    """The strictest of several bounds, and whether it excludes itself; greater ones are stricter."""
    given = ((schema[key] * (1 if key in _LEAST else -1), key.startswith("exclusive")) for key in keys if key in schema)
    return max(given, default=(-inf, False))


def _texts(old: Schema, new: Schema) -> Iterator[Change]:
    for key in ("format", "pattern", "contentMediaType"):
        before, after = old.get(key), new.get(key)
        if before != after:
            what = f"{key} was {_shown(before)} and is {_shown(after)}"
            is_breaking = after is not None and (key, after) not in _ANY_TEXT
            doubt = ", and whether the old ones fit cannot be told" if is_breaking and before is not None else ""
            yield Change("", what + doubt, is_breaking)


def _accepts(schema: Schema, value: Any) -> bool:
    """Whether a value surely fits a schema that has nothing but a type and bounds."""
    name, size = _NAMES.get(type(value), ("null", ""))  # pyright: ignore[reportUnknownArgumentType] -- a type of Any
    if schema.keys() - _NOTES.union(_LEAST, _MOST, ("type",)) or not _takes_type(schema, {"type": name}):
        return False
    limit = value if size == "imum" else len(value) if size else None
    fixed = {f"min{size}": limit, f"max{size}": limit} if size else {}
    return not any(change.is_breaking for change in _bounds(fixed, schema))


def _items(schema: Schema) -> tuple[list[Schema], Schema]:
    """The schemas of an array's first items, in draft 7's spelling or a newer one, and that of all others."""
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


def _listed(alternatives: _Alternatives) -> str:
    words = [*dict.fromkeys(map(_words, alternatives.schemas))]
    return ", ".join([*words, *([_some([*alternatives.values.values()])] if alternatives.values else [])])


def _some(values: Sequence[object]) -> str:
    shown = [json.dumps(value, ensure_ascii=False) for value in values[:5]]
    return " or ".join(shown) + (" or others" if len(values) > len(shown) else "")


def _shown(value: object) -> str:
    """The value of a keyword."""
    if isinstance(value, float) and value.is_integer():  # pydantic's releases differ
        value = int(value)
    return "not given" if value is None else json.dumps(value, ensure_ascii=False)


def _path(place: str, name: str) -> str:
    if not place or not name:
        return place or name
    return f"{place}{name}" if name.startswith("[") else f"{place}.{name}"
