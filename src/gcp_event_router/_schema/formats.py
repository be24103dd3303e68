"""Makes example texts: of a format, by the table `FORMATS`; of a pattern; of a length.

Each schema has a series of texts, the plainest first, which may be endless. The texts fit the keywords as far as this module
understands them; `samples` passes over the others.
"""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from itertools import chain, count
from typing import Final

from .json_schema import Schema
from .numbers import limits, numbers
from .patterns import matching_texts

_DAY: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)
_FUTURE: Final = datetime(2126, 1, 31, 12, tzinfo=UTC)
_PAST: Final = datetime(2001, 1, 31, 12, tzinfo=UTC)
#: The most steps of a series of days or moments from its start.
_DISTANT: Final = 1_000
#: Texts that a project's own validators often want.
_GUESSES: Final = (
    "TEXT", "Text", "a", "A", "1", "12345", "en", "CH", "EUR", "a-text", "Abc-12345", "2026-01-31", "12:00",
    "reader@example.com", "https://example.com/", "+41446681800", "192.0.2.1", "4242424242424242", "CH9300762011623852957",
    "3f2b8c1e-0d4a-4c6b-9e57-1a2b3c4d5e6f", "#336699", "dGV4dA==", "{}", "[]", "true", "",
)  # fmt: skip


def texts(schema: Schema, name: str) -> Iterator[str]:
    """Yield the texts that fit a schema; `name` is the name of the field that holds them."""
    form = schema.get("format") or schema.get("contentMediaType", "")
    if form in {"date-time", "date", "time"}:
        return _times(schema, form)
    if form == "duration":
        return _durations(schema)
    if form in {"binary", "base64", "base64url"} or "bytes" in schema:
        return _encoded_words(schema)
    if form in {"uri", "multi-host-uri"}:
        return _urls(schema)
    if form in FORMATS:
        return map(FORMATS[form], count())
    least, most = _lengths(schema)
    if "pattern" in schema:
        return matching_texts(str(schema["pattern"]), least, most)
    return _words(name or "text", least, most)


def guesses(schema: Schema) -> list[str]:
    """Texts for a validator that refuses the plain ones."""
    least, most = _lengths(schema)
    return [text for text in _GUESSES if len(text) >= least and (most is None or len(text) <= most)]


def encode(data: bytes, form: str) -> str:
    """Encode bytes as text."""
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


def _encoded_words(schema: Schema) -> Iterator[str]:
    """Bytes in the encoding in which they are written; a length counts the bytes."""
    form = schema.get("format", "")
    form = form if form in {"base64", "base64url"} else schema.get("bytes", "")
    plain = "something" if schema.get("contentMediaType") == "application/octet-stream" else "text"
    return (encode(word.encode(), form) for word in _words(plain, *_lengths(schema)))


def _urls(schema: Schema) -> Iterator[str]:
    schemes: list[str] = schema.get("schemes") or ["https"]
    scheme = "https" if "https" in schemes else schemes[0]
    for ending in _endings():
        if scheme == "file":
            yield f"file:///some/path{ending}"
        else:
            yield f"{scheme}://example.com/{ending}"
            yield f"{scheme}://example.com/db{ending}"  # the address of a database has its name
            yield f"{scheme}://a.co/{ending}"


def _endings() -> Iterator[str]:
    return chain([""], map(str, count(2)))


def _times(schema: Schema, form: str) -> Iterator[str]:
    """Days, moments or times of day: plain ones, those next to the bounds, and then their neighbours."""
    starts = {"future": [_FUTURE], "past": [_DAY, _PAST]}.get(schema.get("now", ""), [_DAY])
    starts = [start.replace(tzinfo=None) for start in starts] if schema.get("zone") == "naive" else [*starts]
    units = (timedelta(days=1),) if form == "date" else (timedelta(seconds=1), timedelta.resolution)
    for key, sign in (("ge", 1), ("gt", 1), ("le", -1), ("lt", -1)):
        if key in schema:
            bound = _moment(str(schema[key]), form)
            starts += [bound, *(_shift(bound, sign * unit) for unit in units)]
    step = timedelta(minutes=1) if form == "time" else timedelta(days=1)
    for distance in range(_DISTANT):
        for start in starts:
            for by in dict.fromkeys((distance, -distance)):
                moment = _shift(start, by * step)
                value = moment if form == "date-time" else moment.date() if form == "date" else moment.timetz()
                yield value.isoformat().replace("+00:00", "Z")


def _moment(text: str, form: str) -> datetime:
    if form == "date-time":
        return datetime.fromisoformat(text)
    if form == "date":
        return datetime.combine(date.fromisoformat(text), time())
    return datetime.combine(_DAY.date(), time.fromisoformat(text))


def _shift(start: datetime, by: timedelta) -> datetime:
    """Shift a moment; at the ends of the calendar, return it unchanged."""
    try:
        return start + by
    except OverflowError:
        return start


def _durations(schema: Schema) -> Iterator[str]:
    """Whole hours within the bounds, which are in seconds; then seconds."""
    limit = limits(schema)
    hours = (f"PT{hour}H" for hour in range(1, 100) if limit.allow(Fraction(hour * 3600)))
    bounds = {key: value for key, value in schema.items() if key.endswith("imum")}
    seconds = numbers({"type": "number", "format": "decimal", "decimalPlaces": 6, **bounds})
    return chain(hours, (f"{'-' if str(number).startswith('-') else ''}PT{str(number).lstrip('-')}S" for number in seconds))


def _uuids(first: str) -> Callable[[int], str]:
    return lambda number: f"{first[:-12]}{int(first[-12:], 16) + number:012x}"


def _numbered(text: str) -> Callable[[int], str]:
    return lambda number: text.format(number + 1 if number else "")


def _cycled(text: str, start: int) -> Callable[[int], str]:
    return lambda number: text.format(start + number % 250)


#: A text of each other format of pydantic, by its number.
FORMATS: Final[Mapping[str, Callable[[int], str]]] = {
    "uuid": _uuids("3f2b8c1e-0d4a-4c6b-9e57-1a2b3c4d5e6f"),
    **{f"uuid{version}": _uuids(f"3f2b8c1e-0d4a-{version}c6b-9e57-1a2b3c4d5e6f") for version in range(1, 9)},
    "email": _numbered("reader{}@example.com"),
    "idn-email": _numbered("reader{}@example.com"),
    "name-email": _numbered("A Reader <reader{}@example.com>"),
    "hostname": _numbered("host{}.example.com"),
    "ipv4": _cycled("192.0.2.{}", 1),
    "ipv6": _cycled("2001:db8::{:x}", 1),
    "ipvanyaddress": _cycled("192.0.2.{}", 1),
    "ipv4network": _cycled("192.0.{}.0/24", 2),
    "ipv6network": lambda number: f"2001:db8:{number % 65536:x}::/48" if number else "2001:db8::/32",
    "ipv4interface": _cycled("192.0.2.{}/24", 1),
    "ipv6interface": _cycled("2001:db8::{:x}/32", 1),
    "ipvanyinterface": _cycled("192.0.2.{}/24", 1),
    "ipvanynetwork": _cycled("192.0.{}.0/24", 2),
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
