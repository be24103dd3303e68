"""Strategies of numbers, from the keywords of a JSON Schema. Called by `schema`."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ..._schema.json_schema import Schema

__all__ = ["SAFE", "decimals", "integers", "numbers"]

#: JSON's own numbers, as far as every reader keeps them.
SAFE: Final = 2**53 - 1
#: Least and most, each as it may be and as it may not.
_BOUNDS: Final = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")


def decimals(schema: Schema) -> SearchStrategy[str]:
    """Decimals, written as texts; of an `ExampleSchema`."""
    # pydantic 2.9 has them as texts
    bounds = {name: Decimal(str(schema[name])) for name in ("ge", "gt", "le", "lt") if schema.get(name) is not None}
    low, high, excluded = _limits(bounds, "ge", "gt", "le", "lt")
    digits, places, step = (schema.get(name) for name in ("max_digits", "decimal_places", "multiple_of"))
    if digits is None and places is None and step is None:
        made: SearchStrategy[Decimal] = st.decimals(low, high, allow_nan=False, allow_infinity=False)
        return made.filter(lambda value: value not in excluded).map(str)
    if places is None:
        places = 0 if digits is None else digits // 2
    if digits is not None:
        limit = 10 ** (digits - places)
        excluded |= {-limit, limit}
        low, high = (-limit if low is None else max(low, -limit)), (limit if high is None else min(high, limit))
    step = Decimal(1).scaleb(-places) if step is None else Decimal(str(step))  # it may be a float
    return _multiples(low, high, step, excluded).map("{:f}".format)


def integers(schema: Schema) -> SearchStrategy[Any]:
    """Whole numbers."""
    low, high, excluded = _limits(schema, *_BOUNDS)
    return _multiples(low, high, int(schema.get("multipleOf", 1)) or 1, excluded)


def numbers(schema: Schema) -> SearchStrategy[Any]:
    """Numbers, finite ones."""
    low, high, excluded = _limits(schema, *_BOUNDS)
    if schema.get("multipleOf"):
        return _multiples(low, high, schema["multipleOf"], excluded)
    return st.floats(
        min_value=None if low is None else float(low),
        max_value=None if high is None else float(high),
        exclude_min=low in excluded,
        exclude_max=high in excluded,
        allow_nan=False,
        allow_infinity=False,
        allow_subnormal=False,
    )


def _limits(schema: Schema, *names: str) -> tuple[Any, Any, set[Any]]:
    """The least and the most that there may be, if anything says it; and what of both there may not."""
    at_least, above, at_most, below = (schema.get(name) for name in names)
    low = max((each for each in (at_least, above) if each is not None), default=None)
    high = min((each for each in (at_most, below) if each is not None), default=None)
    return low, high, {above, below} - {None}


def _multiples(low: Any, high: Any, step: Any, excluded: set[Any]) -> SearchStrategy[Any]:
    start, end = -SAFE, SAFE
    if low is not None:
        first = Fraction(low) / Fraction(step)
        start = floor(first) + 1 if low in excluded else ceil(first)
        end = max(end, start + SAFE)
    if high is not None:
        last = Fraction(high) / Fraction(step)
        end = ceil(last) - 1 if high in excluded else floor(last)
        start = start if low is not None else min(start, end - SAFE)
    whole = st.integers(start, end)
    return whole if step == 1 else whole.map(lambda number: number * step)
