"""What became of the keywords of one schema that limit a value: constants, bounds, patterns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sized
from fractions import Fraction
from math import ceil, floor
from typing import Final

from ..._schema.json_schema import Schema
from .change import Change
from .wording import enum_of, shown, some, types_of

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


#: Formats that say how a text is meant, and refuse none.
_ANY_TEXT: Final = frozenset({"password", "path"})


def values(old: Schema, new: Schema, place: str) -> Iterator[Change]:
    """Constants and enumerations."""
    before, after = enum_of(old), enum_of(new)
    if before == after:
        return
    if after is None:
        yield Change(place, "other values are taken, too", is_breaking=False)
        return
    if before is None and types_of(old) == frozenset({"boolean"}):
        before = [True, False]
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
    if fixed is not None:  # whose values are as long and as great as they are
        refused = [each for each in fixed if not _within(each, new)]
        if refused:
            yield Change(place, f"{some(refused)} is not taken any more", is_breaking=True)
        return
    for key in (*_LEAST, *_MOST):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        narrower = after is not None and (before is None or (after > before if key in _LEAST else after < before))
        if after is not None and narrower and _implied(old, key, after):
            continue
        yield Change(place, f"{key} was {shown(before)} and is {shown(after)}", is_breaking=narrower)
    before, after = old.get("multipleOf"), new.get("multipleOf")
    if before != after:
        step = 1 if before is None and "number" not in types_of(old) else before
        narrower = after is not None and (step is None or not _is_multiple(step, after))
        yield Change(place, f"multipleOf was {shown(before)} and is {shown(after)}", is_breaking=narrower)


def _within(value: object, schema: Schema) -> bool:
    """Whether a value keeps the bounds and sizes of a schema."""
    limit = {key: schema[key] for key in (*_LEAST, *_MOST, "multipleOf") if schema.get(key) is not None}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (
            limit.get("minimum", value) <= value <= limit.get("maximum", value)
            and ("exclusiveMinimum" not in limit or value > limit["exclusiveMinimum"])
            and ("exclusiveMaximum" not in limit or value < limit["exclusiveMaximum"])
            and ("multipleOf" not in limit or _is_multiple(value, limit["multipleOf"]))
        )
    if isinstance(value, Sized):
        size = len(value)
        what = "Length" if isinstance(value, str) else "Properties" if isinstance(value, Mapping) else "Items"
        return bool(limit.get(f"min{what}", 0) <= size <= limit.get(f"max{what}", size))
    return True


def _is_multiple(number: float, step: float) -> bool:
    """Whether it is, as people read both: 1.0 is ten times 0.1, although what a float makes of that is a little more."""
    return Fraction(str(number)) % Fraction(str(step)) == 0


def _implied(old: Schema, key: str, limit: float) -> bool:
    """Whether the other keyword of the old schema keeps the new limit: what is above 0 is at least 0, and a whole number 1."""
    whole = "number" not in types_of(old)
    match key:
        case "minimum" if (least := old.get("exclusiveMinimum")) is not None:
            return bool((floor(least) + 1 if whole else least) >= limit)
        case "maximum" if (most := old.get("exclusiveMaximum")) is not None:
            return bool((ceil(most) - 1 if whole else most) <= limit)
        case "exclusiveMinimum" if (least := old.get("minimum")) is not None:
            return bool((ceil(least) if whole else least) > limit)
        case "exclusiveMaximum" if (most := old.get("maximum")) is not None:
            return bool((floor(most) if whole else most) < limit)
        case _:
            return False


def texts(old: Schema, new: Schema, place: str) -> Iterator[Change]:
    """What a text has to look like."""
    for key in ("format", "pattern", "contentMediaType"):
        before, after = old.get(key), new.get(key)
        if before != after:
            what = f"{key} was {shown(before)} and is {shown(after)}"
            doubt = ", and whether the old ones fit cannot be told" if before is not None and after is not None else ""
            if key == "format" and (after in _ANY_TEXT or (after == "uuid" and str(before).startswith("uuid"))):
                yield Change(place, what, is_breaking=False)
                continue
            yield Change(place, what + doubt, is_breaking=after is not None)
