"""Plain values of the types that have no parts: texts, numbers, times. Pure; for `samples`.

For each schema there is a series of values, the plainest first, all of them different; it may be short, and it may go on for
ever. What the keywords say is kept, as far as this module understands it.
"""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from itertools import chain, count, islice
from math import ceil, floor
from typing import Any, Final, cast

from .json_schema import Schema
from .patterns import matching

__all__ = ["guesses", "numbers", "texts"]

_UUID: Final = "3f2b8c1e-0d4a-{}c6b-9e57-{:012x}"
_FIRST: Final = 0x1A2B3C4D5E6F
_KNOWN_UUIDS: Final = {
    1: "6b1d1e60-fe8f-11f0-8de9-0242ac120002",
    3: "3d813cbb-47fb-32ba-91df-831e1593ac29",
    5: "21f7f8de-8051-5b89-8680-0195ef798b6a",
}
_DAY: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)
_FUTURE: Final = datetime(2126, 1, 31, 12, tzinfo=UTC)
_PAST: Final = datetime(2001, 1, 31, 12, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)
_EXACT: Final = Context(prec=60)
_OCTET: Final = 250
#: So many steps off, days and moments end.
_DISTANT: Final = 1_000
#: What validators of a project's own often ask for; tried after all else.
_GUESSES: Final = (
    "TEXT", "Text", "a", "A", "1", "12345", "en", "CH", "EUR", "a-text", "Abc-12345", "2026-01-31", "12:00",
    "reader@example.com", "https://example.com/", "+41446681800", "192.0.2.1", "4242424242424242", "CH9300762011623852957",
    "3f2b8c1e-0d4a-4c6b-9e57-1a2b3c4d5e6f", "#336699", "dGV4dA==", "{}", "[]", "true", "",
)  # fmt: skip


def guesses(schema: Schema) -> list[str]:
    """Texts that a validator might take which refuses the plain ones; for texts of no format."""
    least, most = _lengths(schema)
    return [each for each in _GUESSES if len(each) >= least and (most is None or len(each) <= most)]


def texts(schema: Schema, name: str) -> Iterator[str]:
    """A text's series; `name` is that of the field that holds it."""
    form = schema.get("format") or schema.get("contentMediaType", "")
    if form in _TIMES:
        return _TIMES[form](schema)
    if form in {"binary", "base64", "base64url"} or "bytes" in schema:
        return _octets(schema)
    if form in {"uri", "multi-host-uri"}:
        return _addresses(schema)
    if form in _FORMATS:
        return map(_FORMATS[form], count())
    least, most = _lengths(schema)
    if "pattern" in schema:
        return matching(str(schema["pattern"]), least, most)
    return _words(name or "text", least, most)


def numbers(schema: Schema) -> Iterator[float | str]:
    """A number's series: nearest to 1 within the bounds, then farther off. A decimal with a fraction is written as text."""
    least, is_over = _bound(schema, "minimum", "exclusiveMinimum", max)
    most, is_under = _bound(schema, "maximum", "exclusiveMaximum", min)
    step = _fraction(schema.get("multipleOf"))
    is_whole = schema.get("type") == "integer"
    places = schema.get("decimalPlaces")
    if schema.get("maxDigits") is not None:
        # as many digits as are left before the point
        limit = Fraction(10 ** max(0, schema["maxDigits"] - (places or 0)))
        most, is_under = (limit, True) if most is None or limit <= most else (most, is_under)
        least, is_over = (-limit, True) if least is None or -limit >= least else (least, is_over)

    def fits(value: Fraction) -> bool:
        above = least is None or value > least or (value == least and not is_over)
        below = most is None or value < most or (value == most and not is_under)
        return above and below and (not is_whole or value.denominator == 1) and (not step or not value % step)

    grids = [each for each in (step or Fraction(1), None if step or places is None else Fraction(1, 10**places)) if each]
    series = chain(*(_grid(each, least, most, fits) for each in grids), () if step or is_whole else _between(least, most))
    is_decimal = schema.get("format") == "decimal"
    seen: set[Fraction] = set()
    for value in series:
        if fits(value) and value not in seen:
            seen.add(value)
            yield _written(value, is_decimal=is_decimal)


def _grid(step: Fraction, least: Fraction | None, most: Fraction | None, fits: Callable[[Fraction], bool]) -> Iterator[Fraction]:
    """Multiples of a step: the one nearest to 1 from above, if it is within the bounds, and then its neighbours."""
    nearest = Fraction(1) if least is None else max(Fraction(1), least)
    first = ceil(nearest / step)
    if most is not None and first * step > most:
        first = floor(most / step)
    up, down = True, True
    for distance in count():
        if not up and not down:
            return
        for place in (first + distance, first - distance) if distance else (first,):
            value = place * step
            if fits(value):
                yield value
        up = most is None or (first + distance + 1) * step <= most
        down = least is None or (first - distance - 1) * step >= least


def _between(least: Fraction | None, most: Fraction | None) -> Iterator[Fraction]:
    """Fractions within the bounds."""
    low = least if least is not None else most - 1 if most is not None else Fraction(0)
    high = most if most is not None else low + 1
    for parts in range(2, 100):
        for part in range(1, parts):
            yield low + (high - low) * Fraction(part, parts)


def _bound(schema: Schema, plain: str, exclusive: str, strictest: Callable[..., Fraction]) -> tuple[Fraction | None, bool]:
    """The bound, and whether it is itself out of bounds."""
    bounds = {key: value for key in (plain, exclusive) if (value := _fraction(schema.get(key))) is not None}
    if not bounds:
        return None, False
    found = strictest(bounds.values())
    return found, bounds.get(exclusive) == found


def _fraction(value: object) -> Fraction | None:
    """A number as it is written: of 0.1, a tenth."""
    return None if value is None or isinstance(value, bool) else Fraction(str(value))


def _written(value: Fraction, *, is_decimal: bool) -> float | str:
    if value.denominator == 1:
        return int(value)
    if not is_decimal:
        return float(value)
    return format(_EXACT.divide(Decimal(value.numerator), Decimal(value.denominator)), "f")


def _lengths(schema: Schema) -> tuple[int, int | None]:
    least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
    return least, None if most is None else int(most)


def _words(text: str, least: int, most: int | None) -> Iterator[str]:
    if most is not None and most < least:
        return
    for number in count():
        ending = str(number + 1) if number else ""
        room = None if most is None else most - len(ending)
        if room is not None and room < 0:
            return
        yield text[:room].ljust(least - len(ending), "x") + ending


def _octets(schema: Schema) -> Iterator[str]:
    """Bytes, in the encoding in which they are written; their length is that of the bytes, where pydantic says nothing else."""
    form = schema.get("format", "")
    form = form if form in {"base64", "base64url"} else schema.get("bytes", "")
    least, most = _lengths(schema)
    plain = "something" if schema.get("contentMediaType") == "application/octet-stream" else "text"
    for word in _words(plain, least, most):
        data = word.encode()
        if form == "hex":
            yield data.hex()
        elif form == "base64url":
            yield urlsafe_b64encode(data).decode()
        else:
            yield b64encode(data).decode() if form == "base64" else word


def _addresses(schema: Schema) -> Iterator[str]:
    schemes = cast("list[str]", schema.get("schemes") or ["https"])
    scheme = "https" if "https" in schemes else schemes[0]
    _, most = _lengths(schema)
    hosts = ("example.com", "a.co") if most is not None else ("example.com",)
    if scheme == "file":
        yield from map("file:///some/path{}".format, _endings())
        return
    for ending in _endings():
        for host in hosts:
            for path in (ending and f"/{ending}", f"/db{ending}"):
                made = f"{scheme}://{host}{path or '/'}"
                if most is None or len(made) <= most:
                    yield made
                    break


def _endings() -> Iterator[str]:
    return chain([""], map(str, count(2)))


def _moments(schema: Schema) -> Iterator[str]:
    is_naive = schema.get("zone") == "naive"
    for value in _times(schema, datetime, timedelta(days=1), lambda made: made.replace(tzinfo=None) if is_naive else made):
        yield value.isoformat().replace("+00:00", "Z")


def _days(schema: Schema) -> Iterator[str]:
    return (value.isoformat() for value in _times(schema, date, timedelta(days=1), datetime.date))


def _times(schema: Schema, kind: Any, step: timedelta, made: Callable[[datetime], Any]) -> Iterator[Any]:
    """Days or moments: the plainest ones, then those at the bounds, which are of the same kind."""
    now = schema.get("now")
    plain = (_FUTURE,) if now == "future" else (_DAY, _PAST) if now == "past" else (_DAY,)
    low, high = (
        next((kind.fromisoformat(schema[key]) for key in keys if schema.get(key)), None) for keys in (("gt", "ge"), ("lt", "le"))
    )
    tick = step if kind is date else timedelta(seconds=1)
    # at a bound itself, and so near to it as people would say it, and as near as can be
    near = (tick, timedelta(0), _TICK)
    starts = [(made(each), timedelta(0)) for each in plain]
    starts += [(low, by) for by in near] if low is not None else []
    starts += [(high, -by) for by in near] if high is not None else []
    seen: set[Any] = set()
    for distance in range(_DISTANT):
        for start, by in starts:
            for sign in (1, -1):
                value = _moved(start, by + sign * distance * step)
                if value not in seen and _within(value, schema, kind.fromisoformat):
                    seen.add(value)
                    yield value


def _moved(start: Any, by: timedelta) -> Any:
    """A day or a moment some time off; at the ends of the calendar, itself."""
    try:
        return start + by
    except OverflowError:
        return start


def _within(value: Any, schema: Schema, read: Callable[[str], Any]) -> bool:
    """Whether it is within bounds that it can be compared with."""
    try:
        return (
            ("ge" not in schema or value >= read(schema["ge"]))
            and ("gt" not in schema or value > read(schema["gt"]))
            and ("le" not in schema or value <= read(schema["le"]))
            and ("lt" not in schema or value < read(schema["lt"]))
        )
    except (TypeError, ValueError):
        return True


def _clocks(schema: Schema) -> Iterator[str]:
    read = time.fromisoformat
    bounds = [read(schema[key]) for key in ("ge", "gt", "le", "lt") if schema.get(key)]
    zone = bounds[0].tzinfo if bounds else None if schema.get("zone") == "naive" else UTC
    day = datetime.combine(date(2026, 1, 31), time(12, tzinfo=zone))
    starts = [day, *(datetime.combine(day.date(), each) for each in bounds)]
    seen: set[time] = set()
    for distance in chain(range(60), range(60, 24 * 60, 10)):
        for start in starts:
            for sign in (1, -1):
                for step in (timedelta(minutes=1), timedelta(seconds=1)):
                    value = (start + sign * distance * step).timetz()
                    if value not in seen and _within(value, schema, read):
                        seen.add(value)
                        yield value.isoformat().replace("+00:00", "Z")


def _durations(schema: Schema) -> Iterator[str]:
    """In hours, unless the bounds, which are in seconds, are narrower."""
    keywords = {key: schema[key] for key in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum") if key in schema}
    hours = {key: str(Fraction(str(value)) / 3600) for key, value in keywords.items()}
    whole = (f"PT{made}H" for made in islice(numbers({"type": "integer", **hours}), 100) if isinstance(made, int) and made >= 0)
    seconds = (
        f"{'-' if Fraction(str(made)) < 0 else ''}PT{str(made).lstrip('-')}S"
        for made in numbers({"type": "number", "format": "decimal", "decimalPlaces": 6, **keywords})
    )
    return chain(whole, seconds)


def _uuids(version: int) -> Callable[[int], str]:
    known = _KNOWN_UUIDS.get(version)

    def made(number: int) -> str:
        if known is None:
            return _UUID.format(version, _FIRST + number)
        return f"{known[:-12]}{int(known[-12:], 16) + number:012x}"

    return made


def _numbered(text: str) -> Callable[[int], str]:
    return lambda number: text.format(number + 1 if number else "")


def _counted(text: str, start: int) -> Callable[[int], str]:
    return lambda number: text.format(start + number % _OCTET)


_TIMES: Final[Mapping[str, Callable[[Schema], Iterator[str]]]] = {
    "date-time": _moments,
    "date": _days,
    "time": _clocks,
    "duration": _durations,
}
#: A value of each other format that pydantic names, by its number.
_FORMATS: Final[Mapping[str, Callable[[int], str]]] = {
    "uuid": _uuids(4),
    **{f"uuid{version}": _uuids(version) for version in range(1, 9)},
    "email": _numbered("reader{}@example.com"),
    "idn-email": _numbered("reader{}@example.com"),
    "name-email": _numbered("A Reader <reader{}@example.com>"),
    "hostname": _numbered("host{}.example.com"),
    "ipv4": _counted("192.0.2.{}", 1),
    "ipv6": _counted("2001:db8::{:x}", 1),
    "ipvanyaddress": _counted("192.0.2.{}", 1),
    "ipv4network": _counted("192.0.{}.0/24", 2),
    "ipv6network": lambda number: f"2001:db8:{number:x}::/48" if number else "2001:db8::/32",
    "ipv4interface": _counted("192.0.2.{}/24", 1),
    "ipv6interface": _counted("2001:db8::{:x}/32", 1),
    "ipvanyinterface": _counted("192.0.2.{}/24", 1),
    "ipvanynetwork": _counted("192.0.{}.0/24", 2),
    "json-string": str,
    "regex": _numbered("[a-z]+{}"),
    "path": _numbered("path{}"),
    "file-path": _numbered("path{}"),
    "directory-path": lambda number: "/" if not number else f"/path{number}",
    "color": lambda number: f"#{0x336699 + number:06x}",
    "fraction": lambda number: f"1/{number + 2}",
    "zoneinfo": lambda number: ("UTC", "Europe/Zurich", "Asia/Tokyo", "America/New_York")[number % 4],
    "complex": lambda number: f"{number + 1}+1j",
}
