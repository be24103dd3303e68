"""The one table of formats, and plain texts: of a format, of a pattern, of a length.

For each schema there is a series of texts, the plainest first, all of them different; it may be short, or endless. The texts keep
what the keywords say, as far as this module understands them.
"""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from itertools import chain, count, islice
from typing import Any, Final, cast

from .json_schema import Schema
from .numbers import numbers
from .patterns import matching

_DAY: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)
_FUTURE: Final = datetime(2126, 1, 31, 12, tzinfo=UTC)
_PAST: Final = datetime(2001, 1, 31, 12, tzinfo=UTC)
#: So many steps off, days and moments end.
_DISTANT: Final = 1_000
#: What validators of a project's own often ask for; tried after all else.
_GUESSES: Final = (
    "TEXT", "Text", "a", "A", "1", "12345", "en", "CH", "EUR", "a-text", "Abc-12345", "2026-01-31", "12:00",
    "reader@example.com", "https://example.com/", "+41446681800", "192.0.2.1", "4242424242424242", "CH9300762011623852957",
    "3f2b8c1e-0d4a-4c6b-9e57-1a2b3c4d5e6f", "#336699", "dGV4dA==", "{}", "[]", "true", "",
)  # fmt: skip


def texts(schema: Schema, name: str) -> Iterator[str]:
    """A text's series; `name` is that of the field that holds it."""
    form = schema.get("format") or schema.get("contentMediaType", "")
    if form in _TIMES:
        return _TIMES[form](schema)
    if form in {"binary", "base64", "base64url"} or "bytes" in schema:
        return _octets(schema)
    if form in {"uri", "multi-host-uri"}:
        return _addresses(schema)
    if form in FORMATS:
        return map(FORMATS[form], count())
    least, most = _lengths(schema)
    if "pattern" in schema:
        return matching(str(schema["pattern"]), least, most)
    return _words(name or "text", least, most)


def guesses(schema: Schema) -> list[str]:
    """Texts that a validator might take which refuses the plain ones; for texts of no format."""
    least, most = _lengths(schema)
    return [text for text in _GUESSES if len(text) >= least and (most is None or len(text) <= most)]


def encoded(data: bytes, form: str) -> str:
    """Bytes as a text."""
    match form:
        case "hex":
            return data.hex()
        case "base64":
            return b64encode(data).decode()
        case "base64url":
            return urlsafe_b64encode(data).decode()
        case _:
            return data.decode()


def _lengths(schema: Schema) -> tuple[int, int | None]:
    least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
    return least, None if most is None else int(most)


def _words(text: str, least: int, most: int | None) -> Iterator[str]:
    if most is not None and most < least:
        return
    for ending in _endings():
        room = None if most is None else most - len(ending)
        if room is not None and room < 0:
            return
        yield text[:room].ljust(least - len(ending), "x") + ending


def _octets(schema: Schema) -> Iterator[str]:
    """Bytes, in the encoding in which they are written; their length is that of the bytes, where pydantic says nothing else."""
    form = schema.get("format", "")
    form = form if form in {"base64", "base64url"} else schema.get("bytes", "")
    plain = "something" if schema.get("contentMediaType") == "application/octet-stream" else "text"
    return (encoded(word.encode(), form) for word in _words(plain, *_lengths(schema)))


def _addresses(schema: Schema) -> Iterator[str]:
    schemes = cast("list[str]", schema.get("schemes") or ["https"])
    scheme = "https" if "https" in schemes else schemes[0]
    _, most = _lengths(schema)
    hosts = ("example.com", "a.co") if most is not None else ("example.com",)
    for ending in _endings():
        # a database's address has its name
        paths = (ending and f"/{ending}", f"/db{ending}") if scheme != "file" else (f"/some/path{ending}",)
        made = (f"{scheme}://{host if scheme != 'file' else ''}{path or '/'}" for host in hosts for path in paths)
        yield from islice((each for each in made if most is None or len(each) <= most), 1)


def _endings() -> Iterator[str]:
    return chain([""], map(str, count(2)))


def _moments(schema: Schema) -> Iterator[str]:
    is_naive = schema.get("zone") == "naive"
    made = _times(schema, datetime.fromisoformat, lambda value: value.replace(tzinfo=None) if is_naive else value)
    return (value.isoformat().replace("+00:00", "Z") for value in made)


def _days(schema: Schema) -> Iterator[str]:
    return (value.isoformat() for value in _times(schema, date.fromisoformat, datetime.date))


def _clocks(schema: Schema) -> Iterator[str]:
    day = _DAY.date()
    bounds = [time.fromisoformat(schema[key]) for key in ("ge", "gt", "le", "lt") if schema.get(key)]
    zone = bounds[0].tzinfo if bounds else None if schema.get("zone") == "naive" else UTC
    made = _times(
        schema, lambda text: datetime.combine(day, time.fromisoformat(text)), lambda value: value.replace(tzinfo=zone), minutes=1
    )
    return (value.timetz().isoformat().replace("+00:00", "Z") for value in made if value.date() == day)


def _times(schema: Schema, read: Callable[[str], Any], made: Callable[[datetime], Any], **step: int) -> Iterator[Any]:
    """Days or moments: the plainest ones, then those at the bounds, which are of the same kind."""
    now = schema.get("now")
    plain = (_FUTURE,) if now == "future" else (_DAY, _PAST) if now == "past" else (_DAY,)
    low, high = (next((read(schema[key]) for key in keys if schema.get(key)), None) for keys in (("gt", "ge"), ("lt", "le")))
    starts = [(made(each), timedelta(0)) for each in plain]
    # at a bound itself, and so near to it as people would say it, and as near as can be
    near = (timedelta(seconds=1) if isinstance(starts[0][0], datetime) else timedelta(days=1), timedelta(0), timedelta.resolution)
    starts += [(low, by) for by in near] if low is not None else []
    starts += [(high, -by) for by in near] if high is not None else []
    seen: set[Any] = set()
    for distance in range(_DISTANT):
        for start, by in starts:
            for sign in (1, -1):
                value = _moved(start, by + sign * distance * timedelta(**step or {"days": 1}))
                if value not in seen and _within(value, schema, read):
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


def _uuids(first: str) -> Callable[[int], str]:
    return lambda number: f"{first[:-12]}{int(first[-12:], 16) + number:012x}"


def _numbered(text: str) -> Callable[[int], str]:
    return lambda number: text.format(number + 1 if number else "")


def _counted(text: str, start: int) -> Callable[[int], str]:
    return lambda number: text.format(start + number % 250)


_TIMES: Final[Mapping[str, Callable[[Schema], Iterator[str]]]] = {
    "date-time": _moments,
    "date": _days,
    "time": _clocks,
    "duration": _durations,
}
#: A text of each other format that pydantic names, by its number.
FORMATS: Final[Mapping[str, Callable[[int], str]]] = {
    "uuid": _uuids("3f2b8c1e-0d4a-4c6b-9e57-1a2b3c4d5e6f"),
    **{f"uuid{version}": _uuids(f"3f2b8c1e-0d4a-{version}c6b-9e57-1a2b3c4d5e6f") for version in range(1, 9)},
    "email": _numbered("reader{}@example.com"),
    "idn-email": _numbered("reader{}@example.com"),
    "name-email": _numbered("A Reader <reader{}@example.com>"),
    "hostname": _numbered("host{}.example.com"),
    "ipv4": _counted("192.0.2.{}", 1),
    "ipv6": _counted("2001:db8::{:x}", 1),
    "ipvanyaddress": _counted("192.0.2.{}", 1),
    "ipv4network": _counted("192.0.{}.0/24", 2),
    "ipv6network": lambda number: f"2001:db8:{number % 65536:x}::/48" if number else "2001:db8::/32",
    "ipv4interface": _counted("192.0.2.{}/24", 1),
    "ipv6interface": _counted("2001:db8::{:x}/32", 1),
    "ipvanyinterface": _counted("192.0.2.{}/24", 1),
    "ipvanynetwork": _counted("192.0.{}.0/24", 2),
    "json-string": str,
    "regex": _numbered("[a-z]+{}"),
    "path": _numbered("path{}"),
    "file-path": _numbered("path{}"),
    "directory-path": lambda number: "/" if not number else f"/path{number}",
    "color": lambda number: f"#{(0x336699 + number) % 0x1000000:06x}",
    "fraction": lambda number: f"1/{number + 2}",
    "zoneinfo": lambda number: ("UTC", "Europe/Zurich", "Asia/Tokyo", "America/New_York")[number % 4],
    "complex": lambda number: f"{number + 1}+1j",
    "google-duration": lambda number: f"{number + 1}s",
}
