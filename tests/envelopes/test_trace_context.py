"""Where an event belongs in a trace: what is read of its request and of its envelope, and what is not."""

from __future__ import annotations

import json

import pytest

from gcp_event_router._dispatch.raw_event import RawEvent
from gcp_event_router.envelopes import read
from gcp_event_router.envelopes.trace_context import Trace, TraceHeaders, trace_headers, trace_of
from gcp_event_router.utils import make_pubsub_message

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN_ID = "00f067aa0ba902b7"
NO_SPAN = "0" * 16
PARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"
OTHER = f"00-{'a' * 32}-{'b' * 16}-00"

MALFORMED = [
    "",
    "00",
    PARENT[:-1],
    PARENT.upper(),
    PARENT.replace("-", "_"),
    f" {PARENT}",
    f"{PARENT}\n",
    f"{PARENT}-more",
    f"ff-{TRACE_ID}-{SPAN_ID}-01",
    f"00-{'0' * 32}-{SPAN_ID}-01",
    f"00-{TRACE_ID}-{'0' * 16}-01",
    f"00-{TRACE_ID[:-1]}٤-{SPAN_ID}-01",
    f"00-{TRACE_ID}-{SPAN_ID}-01" * 10_000,
    f"cc-{TRACE_ID}-{SPAN_ID}-01-{'x' * 1_000_000}",
    "\x00\r\n\u202e",
]

MALFORMED_STATES = [
    "garbage\nERROR forged",
    "a=b\n",
    "a=b,c",
    "A=b",
    "1=b",
    "a=",
    "a=b=c",
    "=",
    "a=\u00fc",
    "a=b\u2003",
    f"a={'b' * 257}",
    f"{'a' * 257}=b",
    ",".join(f"k{number}=v" for number in range(33)),
]


@pytest.mark.parametrize("text", MALFORMED)
def test_a_malformed_traceparent_is_none(text: str) -> None:
    """What is no traceparent, byte for byte, is not read, wherever it comes from and however long it is."""
    push = json.loads(make_pubsub_message({}, attributes={"traceparent": text, "googclient_traceparent": text}))

    assert TraceHeaders(text, "", "").read() is None
    assert trace_of(read(json.dumps(push).encode())) is None


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        (PARENT, "01"),
        (f"00-{TRACE_ID}-{SPAN_ID}-00", "00"),
        (f"00-{TRACE_ID}-{SPAN_ID}-03", "03"),
        (f"cc-{TRACE_ID}-{SPAN_ID}-01", "01"),
        (f"cc-{TRACE_ID}-{SPAN_ID}-01-what-comes-later", "01"),
    ],
)
def test_a_traceparent_is_read(text: str, flags: str) -> None:
    """The parts of version 00 are read, of later versions as well, and are passed on in version 00."""
    trace = TraceHeaders(text, "a=b", "").read()

    assert trace == Trace(f"00-{TRACE_ID}-{SPAN_ID}-{flags}", "a=b")


def test_a_long_tracestate_is_dropped() -> None:
    """A tracestate beyond the 512 characters that have to be passed on is left out, and its traceparent is not."""
    longest = f"a={'b' * 254},c={'d' * 253}"

    assert TraceHeaders(PARENT, longest, "").read() == Trace(PARENT, longest)
    assert TraceHeaders(PARENT, f"{longest}d", "").read() == Trace(PARENT, "")


@pytest.mark.parametrize(
    "state",
    [
        "a=b",
        "a=b,c=d",
        "a=b ,\tc=d",
        "a=b,,c=d,",
        "1tenant@system=!~",
        "a*/_-9= x",
        ",".join(f"k{number}=v" for number in range(32)),
    ],
)
def test_a_tracestate_is_passed_on(state: str) -> None:
    """A tracestate that is well formed is passed on, letter by letter."""
    assert TraceHeaders(PARENT, state, "").read() == Trace(PARENT, state)


@pytest.mark.parametrize("state", MALFORMED_STATES)
def test_a_malformed_tracestate_is_dropped(state: str) -> None:
    """A tracestate that is malformed in any member is left out as a whole, and its traceparent is not."""
    attributes = {"traceparent": PARENT, "tracestate": state}

    assert TraceHeaders(PARENT, state, "").read() == Trace(PARENT, "")
    assert trace_of(read(make_pubsub_message({}, attributes=attributes))) == Trace(PARENT, "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{TRACE_ID}/67667974448284343;o=1", f"00-{TRACE_ID}-{67667974448284343:016x}-01"),
        (f"{TRACE_ID.upper()}/1;o=0", f"00-{TRACE_ID}-0000000000000001-00"),
        (f"{TRACE_ID}/1", f"00-{TRACE_ID}-0000000000000001-00"),
        (f"{TRACE_ID}", f"00-{TRACE_ID}-{NO_SPAN}-00"),
        (f"{TRACE_ID};o=1", f"00-{TRACE_ID}-{NO_SPAN}-01"),
        (f"{TRACE_ID}/", f"00-{TRACE_ID}-{NO_SPAN}-00"),
        (f"{TRACE_ID}/span;o=1", f"00-{TRACE_ID}-{NO_SPAN}-01"),
        (f"{TRACE_ID}/0;o=1", f"00-{TRACE_ID}-{NO_SPAN}-01"),
        (f"{TRACE_ID}/{1 << 64};o=1", f"00-{TRACE_ID}-{NO_SPAN}-01"),
        (f"{TRACE_ID}/1;o=", f"00-{TRACE_ID}-0000000000000001-00"),
        (f"{TRACE_ID}/1;o=TRACE_TRUE", f"00-{TRACE_ID}-0000000000000001-00"),
        (f"{TRACE_ID}/1; o=1", f"00-{TRACE_ID}-0000000000000001-00"),
        (f"{TRACE_ID}/1;o=1;later=2", f"00-{TRACE_ID}-0000000000000001-01"),
        (f"{TRACE_ID};", f"00-{TRACE_ID}-{NO_SPAN}-00"),
        (f"{TRACE_ID}/{'9' * 1_000_000};o=1", None),
        (f"{'0' * 32}/1;o=1", None),
        (f"{TRACE_ID}/1;o=1\n", None),
        ("garbage", None),
    ],
)
def test_googles_own_header_is_read(text: str, expected: str | None) -> None:
    """X-Cloud-Trace-Context, whose span is in decimal, is read where there is no traceparent, or a malformed one.

    The span and the options are optional ("Trace context" of Cloud Trace's documentation), and a trace is one without them.
    """
    for traceparent in ("", "garbage"):
        trace = TraceHeaders(traceparent, "", text).read()
        assert (trace and trace.traceparent) == expected
    assert TraceHeaders(PARENT, "", text).read() == Trace(PARENT)


def test_most_requests_have_no_such_header() -> None:
    """A request without either header costs no object, and its raw event has no trace."""
    assert trace_headers({"HTTP_TRACESTATE": "a=b"}) is None
    assert trace_headers({"HTTP_TRACEPARENT": PARENT}) == TraceHeaders(PARENT, "", "")
    assert RawEvent(read(b"{}")).trace is None
    assert RawEvent(read(b"{}"), headers=TraceHeaders(PARENT, "", "")).trace == Trace(PARENT)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"traceparent": OTHER, "tracestate": "a=b"}, Trace(OTHER, "a=b")),
        ({"googclient_traceparent": PARENT, "traceparent": OTHER, "tracestate": "a=b"}, Trace(PARENT)),
        ({"googclient_traceparent": PARENT, "googclient_tracestate": "c=d"}, Trace(PARENT, "c=d")),
        ({"googclient_traceparent": "garbage", "traceparent": OTHER}, Trace(OTHER)),
        ({}, None),
    ],
)
def test_attributes_of_a_message(attributes: dict[str, str], expected: Trace | None) -> None:
    """What Google's client library writes comes before what others do, and a malformed one does not hide a good one."""
    assert trace_of(read(make_pubsub_message({}, attributes=attributes))) == expected


def test_an_unwrapped_message_has_its_attributes_in_headers() -> None:
    """The attribute that a server passes on with a dash is found."""
    meta = {"HTTP_X_GOOG_PUBSUB_MESSAGE_ID": "1", "HTTP_GOOGCLIENT_TRACEPARENT": PARENT}

    assert trace_of(read(b"{}", meta)) == Trace(PARENT)


def test_extension_of_a_cloudevent() -> None:
    """The extension "distributed tracing" is read, whichever way the CloudEvent came."""
    attributes = {"id": "1", "source": "/s", "specversion": "1.0", "type": "t", "traceparent": PARENT, "tracestate": "a=b"}
    binary = {f"HTTP_CE_{name.upper()}": value for name, value in attributes.items()}
    structured = {"CONTENT_TYPE": "application/cloudevents+json"}

    assert trace_of(read(b"{}", binary)) == Trace(PARENT, "a=b")
    assert trace_of(read(json.dumps(attributes).encode(), structured)) == Trace(PARENT, "a=b")
