"""CloudEvents by chance: what our writers write is read as the same, and whatever is sent is an event or is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from hypothesis import given, settings
from hypothesis import strategies as st

from gcp_event_router import EventRouter
from gcp_event_router.envelopes import EVENT_META, CloudEvent, read, split_batch
from gcp_event_router.envelopes.raw_json import elements, members
from gcp_event_router.exceptions import EnvelopeError
from gcp_event_router.testing import CloudEventMessage, CloudEventRequest, batch

from ..conftest import post_asgi, post_wsgi

pytestmark = pytest.mark.proof

#: What an attribute may hold: no control characters, no surrogates, no noncharacters.
CHARACTERS = st.characters(exclude_categories=["Cc", "Cs", "Cn"])
ODD = ['"', '""', '"a', "%", "%41", "\\", '\\"', "a b", "\xe9", "\U0001f600"]
TEXT = st.text(CHARACTERS, min_size=1, max_size=20) | st.sampled_from(ODD)
CONTEXT = frozenset({"id", "source", "type", "specversion", "subject", "time", "dataschema", "datacontenttype", "data"})
NAMES: st.SearchStrategy[str] = st.from_regex(r"[a-z0-9]{1,10}", fullmatch=True).filter(lambda name: name not in CONTEXT)
TIMES = st.datetimes(
    datetime(2000, 1, 1),  # noqa: DTZ001 -- the strategy wants naive limits
    datetime(2100, 1, 1),  # noqa: DTZ001 -- as above
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7, minutes=30))]),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(CHARACTERS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(CHARACTERS, max_size=5), inner, max_size=4),
    max_leaves=10,
)
MESSAGES = st.builds(
    CloudEventMessage,
    id=TEXT,
    source=TEXT,
    type=TEXT,
    data=JSON | st.binary(),
    subject=st.none() | TEXT,
    time=st.none() | TIMES,
    dataschema=st.none() | TEXT,
    extensions=st.dictionaries(NAMES, TEXT, max_size=3),
)


def meta_of(request: CloudEventRequest) -> dict[str, str]:
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
    return {"CONTENT_TYPE": request.content_type, **headers}


def said(event: CloudEvent) -> dict[str, object]:
    """All that an event says but its data."""
    return {
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": event.time,
        "dataschema": event.dataschema,
        "extensions": dict(event.extensions),
    }


def meant(message: CloudEventMessage) -> dict[str, object]:
    names = ("id", "source", "type", "subject", "time", "dataschema")
    return {**{name: getattr(message, name) for name in names}, "extensions": dict(message.extensions)}


def same(event: CloudEvent, message: CloudEventMessage) -> bool:
    if said(event) != meant(message):
        return False
    if message.data is None or isinstance(message.data, bytes):
        return event.data == (message.data or b"")
    return bool(json.loads(event.data) == message.data)


@given(MESSAGES)
def test_binary(message: CloudEventMessage) -> None:
    """Whatever an attribute holds, its header brings it; and what is kept is read as the same."""
    # a body that is empty text has no data, and one of bytes may have no type
    request = message.binary()
    event = read(request.body, meta_of(request))

    assert isinstance(event, CloudEvent)
    assert same(event, message)
    assert read(event.body, event.meta) == event


@given(MESSAGES)
def test_structured(message: CloudEventMessage) -> None:
    """The same in one JSON object."""
    request = message.structured()
    event = read(request.body, meta_of(request))

    assert isinstance(event, CloudEvent)
    assert same(event, message)
    assert read(event.body, event.meta) == event


@given(st.lists(MESSAGES, max_size=5))
def test_batch(messages: list[CloudEventMessage]) -> None:
    """The same in an array; each event is kept by itself."""
    request = batch(messages)
    events = [read(each, EVENT_META) for each in split_batch(request.body, meta_of(request))]

    assert all(isinstance(each, CloudEvent) and same(each, message) for each, message in zip(events, messages, strict=True))
    assert [read(each.body, each.meta) for each in events] == events


@pytest.mark.parametrize("write", [CloudEventMessage.binary, CloudEventMessage.structured])
def test_what_is_sent_can_be_read(write: Callable[[CloudEventMessage], CloudEventRequest]) -> None:
    """A naive time is sent as one in UTC, for an event has none without an offset; a number that JSON has not is not sent."""
    naive = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 -- that is the point
    request = write(CloudEventMessage(id="1", source="//shop", type="t", time=naive))
    event = read(request.body, meta_of(request))

    assert (event.form[:11], event.publish_time) == ("cloudevents", naive.replace(tzinfo=UTC))
    with pytest.raises(ValueError, match=r"^Out of range float values are not JSON compliant"):
        write(CloudEventMessage(id="1", source="//shop", type="t", data=[float("nan")]))


@given(MESSAGES.filter(lambda message: message.data is not None and not isinstance(message.data, bytes)))
def test_modes_agree(message: CloudEventMessage) -> None:
    """A handler cannot tell in which mode an event came."""
    binary, structured = message.binary(), message.structured()
    events = [read(each.body, meta_of(each)) for each in (binary, structured)]

    assert said(events[0]) == said(events[1])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] -- both are
    assert json.loads(events[0].data) == json.loads(events[1].data)
    assert events[0].identity == events[1].identity


@given(st.decimals(allow_nan=False, allow_infinity=False), st.integers(10**900, 10**1000))
def test_digits_are_kept(number: Decimal, integer: int) -> None:
    """A number of any length reaches the handler's type as it was written."""
    data = f'{{"number": {number:f}, "integer": {integer}}}'
    body = f'{{"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": {data}}}'.encode()
    event = read(body, {"CONTENT_TYPE": "application/cloudevents+json"})

    assert event.data == data.encode()


EASY = st.text(st.sampled_from("abcXYZ019-._~/:"), min_size=1, max_size=20)


@given(EASY, EASY, EASY, st.dictionaries(NAMES, EASY, max_size=2), st.dictionaries(EASY, st.integers(-(2**31), 2**31)))
def test_another_implementation_agrees(
    id_: str, source: str, type_: str, extensions: dict[str, str], data: dict[str, int]
) -> None:
    """Of what is easy, the package cloudevents of PyPI reads the same."""
    message = CloudEventMessage(id=id_, source=source, type=type_, extensions=extensions, data=data)
    for request in (message.binary(), message.structured()):
        event = read(request.body, meta_of(request))
        other = from_http_event(HTTPMessage({**request.headers, "content-type": request.content_type}, request.body))

        assert isinstance(event, CloudEvent)
        assert (event.id, event.source, event.type) == (other.get_id(), other.get_source(), other.get_type())
        assert dict(event.extensions) == {name: other.get_extension(name) for name in extensions}
        assert json.loads(event.data) == other.get_data()


BYTES = st.binary(max_size=40).map(lambda value: value.decode("latin-1"))
HEADERS = st.dictionaries(
    st.sampled_from(["ID", "SOURCE", "TYPE", "SPECVERSION", "TIME", "SUBJECT", "DATACONTENTTYPE", "DATASCHEMA", "X_Y"]),
    BYTES | st.sampled_from(["1.0", "a", "%C0%80", '"\\', "2026-01-02T03:04:05Z"]),
)
TYPES = st.sampled_from(
    [
        "application/json",
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
        "application/cloudevents",
        "application/cloudevents+avro",
        "application/cloudevents-",
        "text/plain; charset=utf-16",
    ]
)
BODIES = st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode())


@pytest.mark.parametrize("is_async", [False, True], ids=["wsgi", "asgi"])
@pytest.mark.parametrize("path", ["/events/k/r", "/events/"])
def test_any_request_is_an_event_or_is_refused(path: str, is_async: bool, router: EventRouter) -> None:
    """No header, type or body leads to anything but an event, a 400 or a 415; nothing but that is raised below it."""
    router.on("*", payload=bytes)(lambda _: None)

    @settings(max_examples=150)
    @given(HEADERS, TYPES, BODIES)
    def check(headers: dict[str, str], content_type: str, body: bytes) -> None:
        meta = {f"HTTP_CE_{name}": value for name, value in headers.items()}
        pairs = {name.removeprefix("HTTP_").replace("_", "-"): value for name, value in meta.items()}
        post = post_asgi if is_async else post_wsgi
        assert post(path, body, content_type, **pairs).status_code in {201, 400, 415}
        try:
            event = read(body, {"CONTENT_TYPE": content_type, **meta})
        except EnvelopeError:
            return
        assert read(event.body, event.meta) == event

    check()


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value, indent=1).encode()))
def test_one_level_of_json_agrees_with_the_decoder(body: bytes) -> None:
    """Objects and arrays are cut as Python's own decoder reads them, and what it refuses is refused."""
    try:
        expected: Any = json.loads(body.decode("utf-8"), parse_constant=_refuse)
    except ValueError:
        for cut in (members, elements):
            with pytest.raises(ValueError):
                cut(body)
        return
    found = members(body)
    assert (found is None) is not isinstance(expected, dict)
    if found is not None:
        assert {name: json.loads(raw) for name, (_, raw) in found.items()} == expected
    parts = elements(body)
    assert (parts is None) is not isinstance(expected, list)
    if parts is not None:
        assert [json.loads(part) for part in parts] == expected


def _refuse(constant: str) -> None:
    raise ValueError(constant)
