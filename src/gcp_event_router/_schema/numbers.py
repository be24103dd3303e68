"""Numbers that fit a JSON Schema, and the limits that its keywords set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Context, Decimal
from fractions import Fraction
from itertools import chain, count
from math import ceil, floor
from typing import Final, NamedTuple

from .json_schema import Schema

_EXACT: Final = Context(prec=60)


class Limits(NamedTuple):
    """The numbers that the keywords allow."""

    least: Fraction | None
    #: Whether the least number is itself too small, and the greatest too great.
    is_over: bool
    most: Fraction | None
    is_under: bool
    #: All numbers are multiples of it.
    step: Fraction | None
    #: How many digits a decimal may have after the point.
    places: int | None

    def allow(self, value: Fraction) -> bool:
        """Whether a number is within the limits."""
        above = self.least is None or value > self.least or (value == self.least and not self.is_over)
        below = self.most is None or value < self.most or (value == self.most and not self.is_under)
        return above and below and (self.step is None or not value % self.step)


def limits(schema: Schema) -> Limits:
    """Read the keywords of a number."""
    least, is_over = _bound(schema, "minimum", "exclusiveMinimum", max)
    most, is_under = _bound(schema, "maximum", "exclusiveMaximum", min)
    step, places = _fraction(schema.get("multipleOf")) or None, schema.get("decimalPlaces")
    if schema.get("maxDigits") is not None:
        # as many digits as are left before the point
        limit = Fraction(10 ** max(0, schema["maxDigits"] - (places or 0)))
        most, is_under = (limit, True) if most is None or limit <= most else (most, is_under)
        least, is_over = (-limit, True) if least is None or -limit >= least else (least, is_over)
    return Limits(least, is_over, most, is_under, step, places)


def numbers(schema: Schema) -> Iterator[float | str]:
    """Yield the numbers that fit a schema, those nearest to 1 first. A decimal with a fraction is written as text."""
    limit = limits(schema)
    is_whole = schema.get("type") == "integer"
    values = _multiples(limit.step or Fraction(1), limit)
    if limit.step is None and not is_whole:
        fine = iter(()) if limit.places is None else _multiples(Fraction(1, 10**limit.places), limit)
        values = chain(values, fine, _fractions(limit))
    seen: set[Fraction] = set()
    for value in values:
        if limit.allow(value) and value not in seen and (not is_whole or value.denominator == 1):
            seen.add(value)
            yield write_number(value, is_decimal=schema.get("format") == "decimal")


def write_number(value: Fraction, *, is_decimal: bool) -> float | str:
    """A number as JSON has it."""
    if value.denominator == 1:
        return int(value)
    if not is_decimal:
        return float(value)
    return format(_EXACT.divide(Decimal(value.numerator), Decimal(value.denominator)), "f")


def _multiples(step: Fraction, limit: Limits) -> Iterator[Fraction]:
    """Multiples of a step: the one nearest to 1 from above, if it is within the bounds, and then its neighbours."""
    least, most = limit.least, limit.most
    first = ceil(max(Fraction(1), least or Fraction(1)) / step)
    if most is not None and first * step > most:
        first = floor(most / step)
    for distance in count():
        up, down = (first + distance) * step, (first - distance) * step
        if most is not None and least is not None and up > most and down < least:
            return
        yield up
        yield down


def _fractions(limit: Limits) -> Iterator[Fraction]:
    """Fractions within the bounds."""
    low = limit.least if limit.least is not None else limit.most - 1 if limit.most is not None else Fraction(0)
    high = limit.most if limit.most is not None else low + 1
    return (low + (high - low) * Fraction(part, parts) for parts in range(2, 100) for part in range(1, parts))


def _bound(schema: Schema, plain: str, exclusive: str, strictest: Callable[..., Fraction]) -> tuple[Fraction | None, bool]:
    """The bound, and whether it is itself out of bounds."""
    bounds = {key: bound for key in (plain, exclusive) if (bound := _fraction(schema.get(key))) is not None}
    bound = strictest(bounds.values()) if bounds else None
    return bound, bound is not None and bounds.get(exclusive) == bound


def _fraction(value: object) -> Fraction | None:
    """Read a number as it is written: 0.1 is a tenth."""
    return None if value is None or isinstance(value, bool) else Fraction(str(value))
