"""The schemas of which a value has to fit one: a union taken apart, references followed, parts put together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..._schema.json_schema import Schema
from .keywords import NOTES
from .wording import enum_of

__all__ = ["alternatives"]

#: Of parts that come to more alternatives when they are put together, the last ones are left out, so that more seems to fit.
_MOST: Final = 100
#: What only says which fields there have to be.
_NAMES: Final = frozenset({"required"})
#: What an enumeration says.
_VALUES: Final = frozenset({"const", "enum", "type"})
_SEVERAL: Final = 2


def alternatives(schema: Schema, definitions: Mapping[str, Schema]) -> list[Schema]:
    """The alternatives of a schema; it is the only one, if it is no union. Enumerations are one, however many they are."""
    found = _expanded(schema, definitions, frozenset())
    enumerations = [each for each in found if enum_of(each) is not None and each.keys() - NOTES <= _VALUES]
    if len(enumerations) < _SEVERAL:
        return found
    first = found.index(enumerations[0])
    rest = [each for each in found if each not in enumerations]
    return [*rest[:first], _listing(enumerations), *rest[first:]]


def _listing(enumerations: Sequence[Schema]) -> Schema:
    """One enumeration of the values of several."""
    values = {json.dumps(value): value for each in enumerations for value in enum_of(each) or ()}
    types = {json.dumps(each.get("type")): each.get("type") for each in enumerations}
    told = {"type": next(iter(types.values()))} if len(types) == 1 and "null" not in types else {}
    return {**told, "enum": list(values.values())}


def _expanded(schema: Schema, definitions: Mapping[str, Schema], within: frozenset[str]) -> list[Schema]:
    """The alternatives as they are written; `within` are the definitions that the schema stands for."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        if name in within:  # which only a document made by hand has
            return [{}]
        beside = {key: value for key, value in schema.items() if key != "$ref" and key not in NOTES}
        return _expanded({**definitions.get(name, {}), **beside}, definitions, within | {name})
    for key in ("anyOf", "oneOf"):
        if key in schema:
            beside = {name: value for name, value in schema.items() if name != key and name not in NOTES}
            found = [one for each in schema[key] for one in _expanded(each, definitions, within)]
            return [_merged(beside, one) for one in found] if beside else found
    if "allOf" in schema:
        whole: list[Schema] = [{key: value for key, value in schema.items() if key != "allOf"}]
        for each in schema["allOf"]:
            more = _expanded(each, definitions, within)
            if len(whole) * len(more) <= _MOST:
                whole = [_merged(one, other) for one in whole for other in more]
        return whole
    return _without_null(schema)


def _without_null(schema: Schema) -> list[Schema]:
    """Null apart from the other values of an enumeration, as it is in a union."""
    values = enum_of(schema)
    if values is None or None not in values:
        return [schema]
    others = [each for each in values if each is not None]
    rest = {key: value for key, value in schema.items() if key not in {"const", "enum"}}
    return [*([{**rest, "enum": others}] if others else []), {"type": "null"}]


def _merged(one: Schema, other: Schema) -> dict[str, Any]:
    """What fits both; where that cannot be written as one schema, both are noted, and make it incomparable."""
    both: dict[str, Any] = {**one, **other}
    if not _agree(one, other):
        both["allOf"] = [one, other]
    mine, its = one.get("properties", {}), other.get("properties", {})
    names = {**mine, **its}
    names |= {name: {"allOf": [mine[name], its[name]]} for name in mine.keys() & its.keys() if mine[name] != its[name]}
    if names:
        both["properties"] = {name: names[name] for name in [*mine, *its]}
    if one.get("required") or other.get("required"):
        both["required"] = [*dict.fromkeys([*one.get("required", ()), *other.get("required", ())])]
    return both


def _agree(one: Schema, other: Schema) -> bool:
    """Whether no keyword of one means something else beside those of the other."""
    mine, its = one.keys() - NOTES, other.keys() - NOTES
    if mine <= _NAMES or its <= _NAMES:
        return True
    if (mine | its) & {"const", "enum", "additionalProperties", "patternProperties", "prefixItems"}:
        return False
    return all(one[key] == other[key] for key in (mine & its) - {"properties", "required"})
