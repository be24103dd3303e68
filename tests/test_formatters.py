"""Lines for Google Cloud Logging: whole entries compared, and whatever a record may hold."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest
from django.core.exceptions import SynchronousOnlyOperation
from django.test import RequestFactory
from django.utils.functional import SimpleLazyObject
from typing_extensions import override

from gcp_event_router.envelopes.trace_context import TraceHeaders
from gcp_event_router.formatters import CloudLoggingFormatter, EventContextFilter

from .envelopes.test_trace_context import PARENT, SPAN_ID, TRACE_ID

GOOGLE = "logging.googleapis.com/"


def record(message: object = "stored %s", *args: object, **extra: Any) -> logging.LogRecord:
    made = logging.makeLogRecord(
        {
            "name": "shop",
            "msg": message,
            "args": args or (("it",) if message == "stored %s" else ()),
            "levelno": logging.INFO,
            "levelname": "INFO",
            "pathname": "/shop/orders.py",
            "lineno": 17,
            "funcName": "store",
            "created": datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC).timestamp(),
        }
    )
    vars(made).update(extra)
    return made


PLAIN: dict[str, Any] = {
    "severity": "INFO",
    "message": "stored it",
    "time": "2026-01-02T03:04:05.000678Z",
    "logger": "shop",
    f"{GOOGLE}sourceLocation": {"file": "/shop/orders.py", "line": "17", "function": "store"},
}
EVENT: dict[str, Any] = {
    f"{GOOGLE}labels": {"event_kind": "order-placed", "event_reference": "4711", "event_message_id": "17"},
    f"{GOOGLE}trace": f"projects/my-project/traces/{TRACE_ID}",
    f"{GOOGLE}spanId": SPAN_ID,
    f"{GOOGLE}trace_sampled": True,
}


def entry(made: logging.LogRecord, **options: Any) -> dict[str, Any]:
    line = CloudLoggingFormatter(**options or {"project": "my-project"}).format(made)
    assert line.isascii()
    assert line.isprintable()
    decoded: dict[str, Any] = json.loads(line, parse_constant=pytest.fail)
    return decoded


def test_a_record_outside_of_events() -> None:
    """A line without an event has what every line has, and no label and no trace."""
    assert entry(record()) == PLAIN


def test_a_record_of_an_event() -> None:
    """Fields of the event's own line: which event it was are labels, its trace is Google's, the others stay as they are."""
    made = record(
        event_kind="order-placed",
        event_reference="4711",
        event_message_id="17",
        event_trace=PARENT,
        event_outcome="handled",
        event_handlers=["shop.orders.store"],
        event_duration_ms=1.5,
    )

    own = {"event_outcome": "handled", "event_handlers": ["shop.orders.store"], "event_duration_ms": 1.5}
    assert entry(made) == PLAIN | EVENT | own


def test_a_trace_without_a_span() -> None:
    """A request that names a trace alone gives its lines the trace, and no span (`X-Cloud-Trace-Context: TRACE_ID`)."""
    found = TraceHeaders("", "", TRACE_ID).read()
    assert found is not None
    fields = entry(record(event_trace=found.traceparent))

    assert fields[f"{GOOGLE}trace"] == f"projects/my-project/traces/{TRACE_ID}"
    assert f"{GOOGLE}spanId" not in fields


@pytest.mark.parametrize(("project", "trace"), [("p", f"projects/p/traces/{TRACE_ID}"), ("", TRACE_ID)])
def test_the_project_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, project: str, trace: str) -> None:
    """Without a project, that of the environment is taken, and where there is none either, the trace's id stands alone."""
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", project)

    assert json.loads(CloudLoggingFormatter().format(record(event_trace=PARENT)))[f"{GOOGLE}trace"] == trace


@pytest.mark.parametrize(
    ("level", "severity"),
    [
        (5, "DEFAULT"),
        (10, "DEBUG"),
        (19, "DEBUG"),
        (25, "INFO"),
        (30, "WARNING"),
        (40, "ERROR"),
        (50, "CRITICAL"),
        (99, "CRITICAL"),
    ],
)
def test_severities(level: int, severity: str) -> None:
    """Every level is a severity, those in between the one below."""
    assert entry(record(levelno=level))["severity"] == severity


def test_the_traceback_is_where_error_reporting_looks() -> None:
    """An exception's traceback and a stack are in one field of the line; of a long one the end is kept."""
    try:
        raise KeyError("x" * 100_000 + "end")
    except KeyError:
        made = record(exc_info=sys.exc_info(), stack_info="Stack (most recent call last):\n  here")

    stack = entry(made)["stack_trace"]
    assert len(stack) == 32_768
    assert stack.endswith("end'\nStack (most recent call last):\n  here")


class Odd:
    @override
    def __repr__(self) -> str:
        msg = "no repr"
        raise RuntimeError(msg)


class Text(str):
    __slots__ = ()

    @override
    def __str__(self) -> str:
        return "something else"


def wide(depth: int) -> Any:
    """Little in memory, and a hundred times as much with each level where it is written."""
    return [wide(depth - 1)] * 100 if depth else "x"


def looped() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


class Unreadable(Mapping[str, int]):
    """As a map is that another thread changes meanwhile."""

    @override
    def __getitem__(self, key: str) -> int:
        raise KeyError

    @override
    def __iter__(self) -> Iterator[str]:
        raise RuntimeError

    @override
    def __len__(self) -> int:
        return 1

    @override
    def __repr__(self) -> str:
        return "unreadable"


def unknown() -> object:
    """As `request.user` is, where the database may not be asked."""
    raise SynchronousOnlyOperation


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (1 << 80, str(1 << 80)),
        (1.5, 1.5),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        ("a\nb\u2028\u202e", "a\nb\u2028\u202e"),
        ("\udc80", "\\udc80"),
        (Text("as it is"), "as it is"),
        ("x" * 40_000, "x" * 32_768),
        (Decimal("1.50"), "Decimal('1.50')"),
        (b"\x00", "b'\\x00'"),
        ({"a": {1: (2, {3})}}, {"a": {"1": [2, [3]]}}),
        ({Odd(): Odd()}, {"<Odd without a repr>": "<Odd without a repr>"}),
        (list(range(1000)), list(range(100))),
        (looped(), [[[["[[...]]"]]]]),
        ([Unreadable()], ["unreadable"]),
        (RequestFactory().post("/events/k/r?token=s3cr3t"), "POST /events/k/r"),
    ],
)
def test_extras(value: object, written: object) -> None:
    """Whatever somebody logs becomes JSON: bounded in length and depth, without NaN, without a request's query."""
    assert entry(record(what=value)) == PLAIN | {"what": written}


def test_extras_that_ask_a_database() -> None:
    """An object that is looked up when it is looked at, and cannot be, such as `request.user` on an event loop, costs no line."""
    found = entry(record(user=SimpleLazyObject(unknown)))

    assert found == PLAIN | {"user": f"<SimpleLazyObject: {unknown!r}>"}


@pytest.mark.parametrize(
    "value", [["x" * 40_000] * 100, wide(4), {str(number): wide(3) for number in range(100)}, [{"k" * 40_000: 1}] * 100]
)
def test_extras_have_room_together(value: object) -> None:
    """However many small parts a value has, and however often the same one, a line stays well under 256 KiB."""
    line = CloudLoggingFormatter("p").format(record(what=value, last="still there"))

    assert len(line) < 200_000
    assert json.loads(line)["last"] == "still there"


@pytest.mark.parametrize(("name", "written"), [(b"a", "b'a'"), ((1, 2), "(1, 2)"), (7, "7"), ("\udc80", "\\udc80")])
def test_names_of_extras(name: Any, written: str) -> None:
    """An extra whose name is no text, or none that a reader of JSON takes, is written under its repr."""
    made = record()
    vars(made)[name] = 1

    assert entry(made) == PLAIN | {written: 1}


class NoBool:
    """As an array is, of which nobody can say whether it is empty."""

    def __bool__(self) -> bool:
        raise ValueError


@pytest.mark.parametrize(
    "odd",
    [{"created": float("nan")}, {"created": None}, {"levelno": "INFO"}, {"stack_info": 7}, {"event_kind": NoBool()}],
)
def test_a_record_that_is_none(odd: dict[str, Any]) -> None:
    """Of a record that somebody made by hand, and not rightly, at least the message is written."""
    assert entry(record(**odd)) == {"severity": "DEFAULT", "message": "stored it"}


def test_opentelemetry_that_is_being_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """While another thread imports OpenTelemetry, lines are written without its span."""
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", ModuleType("opentelemetry.trace"))

    assert entry(record()) == PLAIN


def test_extras_cannot_pose_as_our_fields() -> None:
    """An extra that has the name of a field of ours does not replace it."""
    forged: dict[str, Any] = {"severity": "DEBUG", "time": "never", "logger": "x", f"{GOOGLE}sourceLocation": {}}

    assert entry(record(**forged)) == PLAIN


@pytest.mark.parametrize(
    ("message", "args", "written"),
    [
        ("%d", ("x",), "'%d' with arguments that do not fit: ('x',)"),
        ("%s %s", (1,), "'%s %s' with arguments that do not fit: (1,)"),
        (Odd(), (), "<Odd without a repr> with arguments that do not fit: ()"),
        ("%s", (Odd(),), "'%s' with arguments that do not fit: <tuple without a repr>"),
        ("x" * 40_000, (), "x" * 32_768),
    ],
)
def test_messages(message: object, args: tuple[object, ...], written: str) -> None:
    """A message that cannot be made is told of, and the line is written all the same."""
    assert entry(record(message, *args)) == PLAIN | {"message": written}


@pytest.mark.parametrize("trace", ["garbage", "a-b-c-d", 7, ["00"]])
def test_a_forged_trace_is_left_out(trace: object) -> None:
    """Somebody's own `event_trace` that is none does not break the line."""
    assert entry(record(event_trace=trace)) == PLAIN


def test_the_filter_gives_plain_formats_the_event() -> None:
    """With the filter, a format of text may name the event; outside of events the names are empty; own values stay."""
    formatter = logging.Formatter("%(event_kind)s|%(event_reference)s|%(event_message_id)s|%(event_trace)s")
    first, second = record(), record(event_kind="mine")

    assert [EventContextFilter().filter(each) for each in (first, second)] == [True, True]
    assert [formatter.format(each) for each in (first, second)] == ["|||", "mine|||"]


def test_the_filter_keeps_a_format_on_its_line() -> None:
    """What a sender chose, such as a message id with a line break in it, cannot forge a line of a plain format."""
    formatter = logging.Formatter("%(event_kind)s %(event_message_id)s")
    forged = record(event_kind="grün", event_message_id="17\nERROR\x1b[31m\u202e\u2028\\n")

    EventContextFilter().filter(forged)

    assert formatter.format(forged) == r"grün 17\nERROR\x1b[31m\u202e\u2028\n"
