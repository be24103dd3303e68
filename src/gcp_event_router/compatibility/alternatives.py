"""The schemas of which a value has to fit one: a union taken apart, references followed, parts put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..schemas import Schema
from .keywords import NOTES

__all__ = ["Alternative", "expanded"]


class Alternative(NamedTuple):
    """One of them."""

    schema: Schema
    #: Its name, if it is a definition and nothing else.
    name: str = ""


def expanded(schema: Schema, definitions: Mapping[str, Schema]) -> list[Alternative]:
    """The alternatives of a schema; it is the only one, if it is no union."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        beside = {key: value for key, value in schema.items() if key != "$ref" and key not in NOTES}
        found = expanded({**definitions.get(name, {}), **beside}, definitions)
        return [Alternative(found[0].schema, name)] if len(found) == 1 and not beside else found
    for key in ("anyOf", "oneOf"):
        if key in schema:
            beside = {name: value for name, value in schema.items() if name != key and name not in NOTES}
            found = [one for each in schema[key] for one in expanded(each, definitions)]
            return [Alternative({**beside, **one.schema}) for one in found] if beside else found
    if "allOf" in schema:
        whole: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
        for each in schema["allOf"]:
            whole = _merged(whole, expanded(each, definitions)[0].schema)
        return [Alternative(whole)]
    return [Alternative(schema)]


def _merged(one: Schema, other: Schema) -> dict[str, Any]:
    both: dict[str, Any] = {**one, **other}
    names = {**one.get("properties", {}), **other.get("properties", {})}
    if names:
        both["properties"] = names
    if one.get("required") or other.get("required"):
        both["required"] = [*dict.fromkeys([*one.get("required", ()), *other.get("required", ())])]
    return both
