"""Lines for Google Cloud Logging: whole entries are compared."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
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
    """In the event's own line, its identity becomes labels and its trace Google's fields; other fields stay as they are."""
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
    """The default project is the environment's; without one, the line has the trace's id alone."""
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
    """Every level has a severity; a level in between has the next lower one."""
    assert entry(record(levelno=level))["severity"] == severity


def test_the_traceback_is_where_error_reporting_looks() -> None:
    """An exception's traceback and a stack are in one field of the line."""
    try:
        raise KeyError("end")
    except KeyError:
        made = record(exc_info=sys.exc_info(), stack_info="Stack (most recent call last):\n  here")

    stack = entry(made)["stack_trace"]
    assert stack.startswith("Traceback (most recent call last):\n")
    assert stack.endswith("\nKeyError: 'end'\nStack (most recent call last):\n  here")


def test_labels_can_be_read_as_json() -> None:
    """The formatter escapes half of a surrogate pair in a message id, since readers of JSON refuse it."""
    labels = entry(record(event_message_id="17\udc80"))[f"{GOOGLE}labels"]

    assert labels == {"event_message_id": "17\\udc80"}


def unknown() -> object:
    """Fail as `request.user` does on an event loop."""
    raise SynchronousOnlyOperation


class NoRepr:
    @override
    def __repr__(self) -> str:
        msg = "s3cr3t"
        raise RuntimeError(msg)


def test_extras_that_cannot_be_written() -> None:
    """An extra that is circular, or whose repr fails, loses neither the record nor the other extras, and quotes no error."""
    circular: list[Any] = []
    circular.append(circular)

    written = entry(record(circular=circular, no_repr={"inner": NoRepr()}, huge=10**5000, what=1))

    assert written == PLAIN | {
        "circular": "<list, which raised ValueError>",
        "no_repr": "<dict, which raised RuntimeError>",
        "huge": "<int, which raised ValueError>",
        "what": 1,
    }


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (1.5, 1.5),
        (float("nan"), "NaN"),
        ([1, float("-inf")], [1, "-Infinity"]),
        (1 << 64, 1 << 64),
        (HTTPStatus.OK, 200),
        ("a\nb\u2028\u202e", "a\nb\u2028\u202e"),
        (Decimal("1.50"), "Decimal('1.50')"),
        (b"\x00", "b'\\x00'"),
        ({"a": {1: (2, {3})}, (4,): 5}, {"a": {"1": [2, [3]]}}),
        ([RequestFactory().post("/events/k/r?token=s3cr3t", {"a": "body"})], ["POST /events/k/r"]),
        (RequestFactory().post("/events/k/r?token=s3cr3t", {"a": "body"}), "POST /events/k/r"),
        ({"requests": {RequestFactory().get("/a?token=s3cr3t")}, "n": float("nan")}, {"requests": ["GET /a"], "n": "NaN"}),
    ],
)
def test_extras(value: object, written: object) -> None:
    """The formatter writes extras as JSON or as their repr, without NaN, and without the query and the body of a request."""
    assert entry(record(what=value)) == PLAIN | {"what": written}


def test_extras_that_ask_a_database() -> None:
    """A lazy object that cannot be loaded, such as `request.user` on an event loop, does not lose the line."""
    assert entry(record(user=SimpleLazyObject(unknown))) == PLAIN | {"user": f"<SimpleLazyObject: {unknown!r}>"}


def test_a_number_that_json_cannot_hold_changes_no_other() -> None:
    """NaN or infinity in one extra does not change the others."""
    assert entry(record(ratio=float("inf"), status=200)) == PLAIN | {"ratio": "Infinity", "status": 200}


@pytest.mark.parametrize("odd", [{"created": None}, {"args": ("too", "many")}])
def test_an_unusable_record_does_not_break_the_program(odd: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """If a record cannot be formatted, `logging` reports it on stderr, as with every formatter, and the program goes on."""
    handler = logging.StreamHandler()
    handler.setFormatter(CloudLoggingFormatter("p"))

    handler.handle(record(**odd))

    assert capsys.readouterr().err.startswith("--- Logging error ---\n")


def test_opentelemetry_that_is_being_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """While another thread imports OpenTelemetry, lines are written without its span."""
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", ModuleType("opentelemetry.trace"))

    assert entry(record()) == PLAIN


def test_extras_cannot_pose_as_our_fields() -> None:
    """An extra with the name of one of our fields does not replace it."""
    forged: dict[str, Any] = {"severity": "DEBUG", "time": "never", "logger": "x", f"{GOOGLE}sourceLocation": {}}

    assert entry(record(**forged)) == PLAIN


@pytest.mark.parametrize("trace", ["garbage", "a-b-c-d", 7, ["00"]])
def test_a_forged_trace_is_left_out(trace: object) -> None:
    """An `event_trace` that is not a traceparent does not break the line."""
    assert entry(record(event_trace=trace)) == PLAIN


def test_the_filter_gives_plain_formats_the_event() -> None:
    """With the filter, a text format may name the event; outside events the names are empty; a record's own values stay."""
    formatter = logging.Formatter("%(event_kind)s|%(event_reference)s|%(event_message_id)s|%(event_trace)s")
    first, second = record(), record(event_kind="mine")

    assert [EventContextFilter().filter(each) for each in (first, second)] == [True, True]
    assert [formatter.format(each) for each in (first, second)] == ["|||", "mine|||"]


def test_the_filter_keeps_a_format_on_its_line() -> None:
    """A sender's text, such as a message id with a line break, cannot forge a line of a plain format."""
    formatter = logging.Formatter("%(event_kind)s %(event_message_id)s")
    forged = record(event_kind="grün", event_message_id="17\nERROR\x1b[31m\u202e\u2028\\n")

    EventContextFilter().filter(forged)

    assert formatter.format(forged) == r"grün 17\nERROR\x1b[31m\u202e\u2028\n"
