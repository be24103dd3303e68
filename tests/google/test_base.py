"""The types of Google's JSON: what they read, what they write, and that whatever they cannot read is an error of pydantic."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from gcp_event_router.google.base import Bytes, Double, Duration, Int32, Int64, Model, Struct, Timestamp, UInt32, UInt64
from gcp_event_router.google.cloudbuild import Status
from gcp_event_router.google.enums import OpenEnum
from gcp_event_router.google.logs import LogSeverity

ADAPTERS: dict[str, TypeAdapter[Any]] = {
    "Int32": TypeAdapter(Int32),
    "Int64": TypeAdapter(Int64),
    "UInt32": TypeAdapter(UInt32),
    "UInt64": TypeAdapter(UInt64),
    "Double": TypeAdapter(Double),
    "Timestamp": TypeAdapter(Timestamp),
    "Duration": TypeAdapter(Duration),
    "Bytes": TypeAdapter(Bytes),
    "Struct": TypeAdapter(Struct),
    "OpenEnum": TypeAdapter(OpenEnum[Status]),
}
BOUNDS = {"Int32": (-(2**31), 2**31 - 1), "Int64": (-(2**63), 2**63 - 1), "UInt32": (0, 2**32 - 1), "UInt64": (0, 2**64 - 1)}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Part(Model):
    total_count: Int64 = 7
    at: Timestamp | None = None
    lines: list[str] = []  # noqa: RUF012 -- pydantic copies it


def read(name: str, value: object) -> object:
    return ADAPTERS[name].validate_python(value)


def refused(name: str, value: object) -> set[str]:
    """The kinds of errors, the same from Python as from JSON where JSON can say it."""
    with pytest.raises(ValidationError) as raised:
        read(name, value)
    return {each["type"] for each in raised.value.errors()}


@given(st.data(), st.sampled_from(sorted(BOUNDS)))
def test_integers_are_numbers_or_digits(data: st.DataObject, name: str) -> None:
    """An integer within its bounds is read from a number and from its digits, exactly."""
    number = data.draw(st.integers(*BOUNDS[name]))

    assert (read(name, number), read(name, str(number))) == (number, number)
    assert ADAPTERS[name].validate_json(f'[{number},"{number}"]'[1 : len(str(number)) + 1]) == number
    assert ADAPTERS[name].validate_json(f'"{number}"') == number


@given(st.data(), st.sampled_from(sorted(BOUNDS)))
def test_integers_have_bounds(data: st.DataObject, name: str) -> None:
    """Beyond its bounds, an integer is an error, as a number and as digits."""
    low, high = BOUNDS[name]
    number = data.draw(st.integers(max_value=low - 1) | st.integers(min_value=high + 1))

    assert refused(name, number) | refused(name, str(number)) <= {"greater_than_equal", "less_than"}


@given(st.integers(0, 253_402_300_799), st.integers(0, 999_999_999), st.integers(1, 9), st.integers(-23 * 60, 23 * 60))
def test_times_are_cut_to_microseconds(seconds: int, nanos: int, digits: int, minutes: int) -> None:
    """A time with up to nine digits of a second, and any offset, is the same moment, cut to microseconds."""
    fraction = f"{nanos:09}"[:digits]
    moment = EPOCH + timedelta(seconds=seconds)
    zulu = f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction}Z"
    expected = moment + timedelta(microseconds=int(fraction.ljust(9, "0")) // 1000)
    assert read("Timestamp", zulu) == expected

    zone = timezone(timedelta(minutes=minutes))
    if 86_400 < seconds < 253_402_200_000:
        text = f"{moment.astimezone(zone).replace(tzinfo=None).isoformat()}.{fraction}"
        offset = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
        assert read("Timestamp", text + offset) == expected


@given(st.integers(0, 315_576_000_000), st.integers(0, 999_999_999), st.integers(1, 9), st.booleans())
def test_durations_are_cut_to_microseconds(seconds: int, nanos: int, digits: int, negative: bool) -> None:
    """A length of time with up to nine digits of a second is read, cut to microseconds, and written as it can be read."""
    fraction = f"{nanos:09}"[:digits]
    length = timedelta(seconds=seconds, microseconds=int(fraction.ljust(9, "0")) // 1000)
    expected = -length if negative else length

    found = read("Duration", f"{'-' if negative else ''}{seconds}.{fraction}s")

    assert found == expected
    assert ADAPTERS["Duration"].validate_json(ADAPTERS["Duration"].dump_json(found)) == expected


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(seconds=600), "600s"),
        (timedelta(seconds=3, milliseconds=500), "3.5s"),
        (timedelta(microseconds=-1), "-0.000001s"),
        (timedelta(days=-1), "-86400s"),
    ],
)
def test_durations_are_written_as_seconds(length: timedelta, text: str) -> None:
    """A length of time is written as protobuf does, without needless digits, and stays itself in Python."""
    assert ADAPTERS["Duration"].dump_json(length) == json.dumps(text).encode()
    assert read("Duration", length) == length == ADAPTERS["Duration"].dump_python(length)


@given(st.binary(max_size=40))
def test_bytes_in_either_alphabet(data: bytes) -> None:
    """Bytes are read from base64 of the standard or the URL's alphabet, padded or not; bytes themselves stay."""
    standard, url = base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()

    assert {read("Bytes", each) for each in (standard, url, standard.rstrip("="), url.rstrip("="), data)} == {data}


@pytest.mark.parametrize("status", list(Status))
def test_known_members_by_name_and_number(status: Status) -> None:
    """A member is read from its name and from its number, and written as its name."""
    assert read("OpenEnum", status.name) is read("OpenEnum", status.number) is read("OpenEnum", status) is status
    assert ADAPTERS["OpenEnum"].dump_json(status) == json.dumps(status.name).encode()


@given(st.text().filter(lambda name: name not in Status.__members__) | st.integers(10, 2**31 - 1) | st.integers(-(2**31), -1))
def test_unknown_members_are_kept(value: str | int) -> None:
    """A name or a number that is not known stays what it is."""
    assert read("OpenEnum", value) == value
    assert json.loads(ADAPTERS["OpenEnum"].dump_json(read("OpenEnum", value))) == value


def test_members_are_ordered_by_number() -> None:
    """Members are ordered as their numbers are, and equal to their names."""
    assert sorted(LogSeverity, reverse=True)[:2] == ["EMERGENCY", "ALERT"]
    assert (LogSeverity.DEBUG < LogSeverity.ERROR, LogSeverity.DEBUG > LogSeverity.ERROR) == (True, False)
    assert (LogSeverity.ERROR <= LogSeverity.ERROR, LogSeverity.DEBUG >= LogSeverity.ERROR) == (True, False)


@pytest.mark.parametrize("other", ["FATAL", "ERROR", Status.SUCCESS])
def test_order_is_among_members(other: str) -> None:
    """A name that is not a member has no place, and neither has a member of something else."""
    expected = r"^A LogSeverity has a place among its own members only\. Ask isinstance\(\.\.\., LogSeverity\) first\.$"

    with pytest.raises(TypeError, match=expected):
        sorted([other, LogSeverity.ERROR])


NO_DIGITS = ("", " 1", "1_0", "0x1", "1.0", "1e3", "NaN", "+1", "\u0661", "--1")
NO_SECONDS = (3, True, "", "3", "P1D", "3.s", ".5s", "9" * 13 + "s", "1e3s", "\u0663s")
WRONG: list[tuple[str, object, set[str]]] = [
    *((name, True, {"int_type"}) for name in BOUNDS),
    *(
        (name, bad, {"int_parsing"})
        for name in BOUNDS
        for bad in ("", " 1", "1_0", "0x1", "1.0", "1e3", "NaN", "+1", "\u0661", "--1")
    ),
    *((name, 10**400, {"less_than"}) for name in BOUNDS),
    *((name, "9" * 400, {"less_than"}) for name in BOUNDS),
    *((name, "9" * 10_000, {"int_parsing_size"}) for name in BOUNDS),
    *((name, 1.5, {"int_from_float"}) for name in BOUNDS),
    *((name, float("nan"), {"finite_number"}) for name in BOUNDS),
    ("Double", True, {"float_type"}),
    ("Double", "x", {"float_parsing"}),
    ("Double", [], {"float_type"}),
    *((("Timestamp", bad, {"datetime_type"})) for bad in cast("list[object]", [0, 1e12, True, [], b"2026-02-19T10:00:00Z"])),
    *(
        ("Timestamp", bad, {"datetime_parsing"})
        for bad in ("", "0", "2026-02-19", "2026-02-19T10:00:00", "2026-02-19T10:00Z", "2026-02-19T10:00:00.1234567890Z")
    ),
    # once the form is right, pydantic says what is wrong with the date
    *(
        ("Timestamp", bad, {"datetime_from_date_parsing"})
        for bad in ("2026-02-30T10:00:00Z", "2026-02-19T10:00:00+24:00", "2026-02-19T10:00:60Z")
    ),
    ("Timestamp", datetime(2026, 2, 19), {"timezone_aware"}),  # noqa: DTZ001 -- that is what is refused
    *(
        ("Duration", bad, {"time_delta_parsing"})
        for bad in (3, True, "", "3", "P1D", "3.s", ".5s", "9" * 13 + "s", "1e3s", "\u0663s")
    ),
    *(("Bytes", bad, {"bytes_invalid_encoding"}) for bad in ("A", "é", "A===", "AA=A", "AAA*", "AA\n==")),
    ("Bytes", 1, {"bytes_type"}),
    ("Struct", [], {"dict_type"}),
    ("Struct", {1: 2}, {"string_type"}),
    *(("OpenEnum", bad, {"string_type", "int_type"}) for bad in cast("list[object]", [True, 1.5, [], {}])),
    ("OpenEnum", 2**31, {"string_type", "less_than"}),
]


@pytest.mark.parametrize(("name", "value", "kinds"), WRONG, ids=[f"{name} {str(value)[:12]!r}" for name, value, _ in WRONG])
def test_wrong_values_are_refused(name: str, value: object, kinds: set[str]) -> None:
    """What is not of a type is an error of pydantic that says how."""
    assert refused(name, value) == kinds


_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.from_regex(r"[-+0-9_.eE:TZsNaInfity]{0,30}")
    | st.integers(300, 9000).map(lambda length: "9" * length)
)


@pytest.mark.proof
@pytest.mark.parametrize("name", ADAPTERS)
@given(value=st.recursive(_LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))
def test_no_other_exception(name: str, value: object) -> None:
    """Whatever JSON can say is read, or it is an error of pydantic."""
    with suppress(ValidationError):
        ADAPTERS[name].validate_python(value)
    with suppress(ValidationError):
        ADAPTERS[name].validate_json(json.dumps(value))


@pytest.mark.parametrize("text", ["9" * 5000, "-1" + "0" * 400, "1e400", "NaN", "Infinity", '"' + "9" * 5000 + '"', "[" * 9999])
@pytest.mark.parametrize("name", ["Int64", "Double", "Struct", "OpenEnum"])
def test_no_other_exception_from_hostile_json(name: str, text: str) -> None:
    """Numbers without end, what is no JSON, and depth without end are errors of pydantic, or what is no number at all."""
    with suppress(ValidationError):
        assert str(ADAPTERS[name].validate_json(text)) in {"inf", "nan", text.strip('"')}


def test_null_is_the_default() -> None:
    """A field that is null has its default, and is among those that were sent."""
    part = Part.model_validate_json('{"totalCount": null, "at": null, "lines": null}')

    assert (part, part.model_fields_set) == (Part.model_construct({"total_count", "at", "lines"}), {"total_count", "at", "lines"})


def test_null_is_no_item() -> None:
    """Null within a list is an error, as it is to protobuf."""
    with pytest.raises(ValidationError, match=r"^1 validation error for Part\nlines\.0\n"):
        Part.model_validate({"lines": [None]})


def test_names_of_either_form() -> None:
    """A field is read by its name in JSON, or else by its name in protos; if both came, the other is not taken for unknown."""
    both = Part.model_validate_json('{"totalCount": "1", "total_count": "2", "totalcount": 3}')

    assert (Part.model_validate({"total_count": 1}).total_count, both.total_count, both.model_extra) == (1, 1, {"totalcount": 3})


def test_models_are_frozen() -> None:
    """Nobody changes what was sent."""
    with pytest.raises(ValidationError, match="frozen"):
        setattr(Part(), "total_count", 1)  # noqa: B010 -- a checker refuses the statement
