"""What became of the keywords of one schema that limit a value: constants, bounds, patterns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..schemas import Schema
from .change import Change
from .words import enum_of, shown, some

__all__ = ["KNOWN", "NOTES", "limits", "texts", "values"]

#: Keywords that say nothing of what fits.
NOTES: Final = frozenset(
    "title description default examples deprecated readOnly writeOnly $comment discriminator $defs contentEncoding".split()  # noqa: SIM905 -- a list of words
)
#: Of these a greater value is narrower, and of those a smaller one.
_LEAST: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_MOST: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
#: What is compared, one way or another.
KNOWN: Final = NOTES.union(
    _LEAST,
    _MOST,
    ("type", "enum", "const", "multipleOf", "pattern", "format", "contentMediaType"),
    ("items", "prefixItems", "uniqueItems", "additionalItems"),
    ("properties", "required", "additionalProperties", "propertyNames", "patternProperties", "contentSchema"),
)


def values(old: Schema, new: Schema, place: str) -> Iterator[Change]:
    """Constants and enumerations."""
    before, after = enum_of(old), enum_of(new)
    if before == after:
        return
    if after is None:
        yield Change(place, "other values are taken, too", is_breaking=False)
        return
    if before is None:
        yield Change(place, f"only {some(after)} is taken now", is_breaking=True)
        return
    gone, added = [each for each in before if each not in after], [each for each in after if each not in before]
    if gone:
        yield Change(place, f"{some(gone)} is not taken any more", is_breaking=True)
    if added:
        yield Change(place, f"{some(added)} is taken, too", is_breaking=False)


def limits(old: Schema, new: Schema, place: str) -> Iterator[Change]:
    """Bounds and sizes."""
    fixed = enum_of(old)
    for key in (*_LEAST, *_MOST):
        before, after = old.get(key), new.get(key)
        if before == after or fixed is not None:  # a constant is as long as it is
            continue
        narrower = after is not None and (before is None or (after > before if key in _LEAST else after < before))
        if after is not None and narrower and _implied(old, key, after):
            continue
        yield Change(place, f"{key} was {shown(before)} and is {shown(after)}", is_breaking=narrower)
    before, after = old.get("multipleOf"), new.get("multipleOf")
    if before != after:
        narrower = after is not None and (before is None or before % after != 0)
        yield Change(place, f"multipleOf was {shown(before)} and is {shown(after)}", is_breaking=narrower)


def _implied(old: Schema, key: str, limit: float) -> bool:
    """Whether the other keyword of the old schema keeps the new limit: what is above 0 is at least 0."""
    match key:
        case "minimum":
            return "exclusiveMinimum" in old and old["exclusiveMinimum"] >= limit
        case "maximum":
            return "exclusiveMaximum" in old and old["exclusiveMaximum"] <= limit
        case "exclusiveMinimum":
            return "minimum" in old and old["minimum"] > limit
        case "exclusiveMaximum":
            return "maximum" in old and old["maximum"] < limit
        case _:
            return False


def texts(old: Schema, new: Schema, place: str) -> Iterator[Change]:
    """What a text has to look like."""
    for key in ("format", "pattern", "contentMediaType"):
        before, after = old.get(key), new.get(key)
        if before != after:
            what = f"{key} was {shown(before)} and is {shown(after)}"
            doubt = ", and whether the old ones fit cannot be told" if before is not None and after is not None else ""
            yield Change(place, what + doubt, is_breaking=after is not None)
