"""Envelopes of all forms: read-only, silent about their data, and the document that plain receivers get."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcp_event_router.envelopes import CloudEvent, Envelope, from_payload, read
from gcp_event_router.exceptions import EnvelopeError, UndecodableBodyError

from ..endpoint.test_pushes import DATA, NOTHING, SUBSCRIPTION, push
from ..endpoint.test_unwrapped import HEADERS

NOW, READ = "2026-01-02T03:04:05Z", "2026-01-02 03:04:05+00:00"


@pytest.mark.parametrize("payload", [{"message": {"data": DATA}, "subscription": "s"}, push({"data": DATA})])
def test_an_event_sent_through_the_signal_has_its_envelope_too(payload: object) -> None:
    """Decoded JSON and bytes that somebody sends by the signal are read as if they had come over HTTP."""
    assert (from_payload(payload).form, from_payload(payload).data) == ("pubsub", b'{"a": 1}')


@pytest.mark.proof
def test_a_test_may_freeze_the_clock_before_the_first_event() -> None:
    """Freezegun replaces `datetime` in modules, and while they are imported (freezegun/api.py); times are read all the same."""
    code = f"""
import datetime, pydantic
real = datetime.datetime
pydantic.TypeAdapter(real)
class FakeDatetime(real): pass
datetime.datetime = FakeDatetime
from gcp_event_router.envelopes import read
headers = {{"HTTP_CE_ID": "1", "HTTP_CE_SOURCE": "/", "HTTP_CE_TYPE": "t", "HTTP_CE_SPECVERSION": "1.0"}}
for _ in range(2):
    print(read({push({"data": DATA, "publishTime": NOW})!r}, {{}}).publish_time, end=" ")
    print(read(b"", headers | {{"HTTP_CE_TIME": {NOW!r}}}).time)
    datetime.datetime = real
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)

    assert (ended.stdout, ended.stderr) == (f"{READ} {READ}\n" * 2, "")


@pytest.mark.parametrize("payload", [object(), "\ud800", {"a": b"\xff"}])
def test_an_event_payload_that_is_no_json_is_refused(payload: object) -> None:
    """What JSON cannot hold is refused by its type."""
    with pytest.raises(EnvelopeError) as caught:
        from_payload(payload)

    name = type(payload).__name__
    assert str(caught.value) == f"The event_payload, of type {name}, cannot be written as JSON. Send decoded JSON, or bytes."


JSON_TYPES = ["application/json", "Application/JSON; charset=utf-8", "application/problem+json"]
BROKEN = [b"{", b"\xff", b"\xef\xbb\xbf{}", b"NaN", b"[Infinity]", b"[" * 100_000, b'"\\ud800"', b'{"a": 1}x', b" "]


@pytest.mark.parametrize("body", BROKEN)
def test_a_body_that_claims_to_be_json_has_to_be(body: bytes) -> None:
    """Broken JSON of a JSON type has no document, and any other body has its bytes."""
    for content_type in JSON_TYPES:
        with pytest.raises(UndecodableBodyError) as caught:
            Envelope(body, content_type).document()
        assert str(caught.value) == "The body is not JSON, although its Content-Type says so."
    for content_type in ("", "text/plain", "application/jsonish", "application/octet-stream"):
        assert Envelope(body, content_type).document() == body


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (b"", None),
        (b"null", None),
        (b'{"a": [1, "NaN"]}', {"a": [1, "NaN"]}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b'"\\u0000"', "\0"),
    ],
)
@pytest.mark.parametrize("content_type", ["", *JSON_TYPES])
def test_json_is_decoded_whatever_its_type(body: bytes, document: object, content_type: str) -> None:
    """An empty body is None, and JSON is decoded although its Content-Type does not say so."""
    assert Envelope(body, content_type).document() == document


def test_the_document_of_a_push_is_the_whole_body() -> None:
    """Plain receivers get a push as it came, envelope included, also where it is called text."""
    assert read(push({"data": DATA}), {"CONTENT_TYPE": "text/plain"}).document() == {
        "message": {"data": DATA},
        "subscription": SUBSCRIPTION,
    }


ENVELOPES = [Envelope(b"secret"), read(push({"data": DATA, "attributes": {"a": "secret"}})), read(b"secret", HEADERS)]


@pytest.mark.parametrize("envelope", ENVELOPES, ids=lambda envelope: envelope.form)
@pytest.mark.parametrize("name", ["body", *NOTHING, "new"])
def test_envelopes_are_frozen(envelope: Envelope, name: str) -> None:
    """No field can be set or deleted, and none can be added."""
    with pytest.raises(AttributeError):
        setattr(envelope, name, "x")
    with pytest.raises(AttributeError):
        delattr(envelope, name)


@pytest.mark.parametrize("envelope", ENVELOPES, ids=lambda envelope: envelope.form)
def test_attributes_are_frozen(envelope: Envelope) -> None:
    """The attributes are read-only too."""
    attributes: Any = envelope.attributes
    with pytest.raises(TypeError):
        attributes["a"] = "x"


@pytest.mark.parametrize(
    ("envelope", "text"),
    [
        (Envelope(b"secret"), "<Envelope message_id=None subscription=None>"),
        (read(push({"data": DATA, "messageId": "1"})), f"<PubSubPush message_id='1' subscription='{SUBSCRIPTION}'>"),
        (read(b"secret", HEADERS), f"<PubSubUnwrapped message_id='1' subscription='{SUBSCRIPTION}'>"),
    ],
)
def test_the_repr_tells_no_data(envelope: Envelope, text: str) -> None:
    """An envelope in a log tells which message it was, and nothing that was in it."""
    assert repr(envelope) == text


def test_envelopes_compare_by_what_they_hold() -> None:
    """Two readings of one request are equal and have one hash; another body, or another form, is not equal."""
    assert read(push({"messageId": "1"})) == read(push({"messageId": "1"}))
    assert hash(read(push({"messageId": "1"}))) == hash(read(push({"messageId": "1"})))
    assert read(push({"messageId": "1"})) != read(push({"messageId": "2"}))
    assert Envelope(b"") != read(b"", HEADERS)
    assert Envelope(b"") != b""


FORM_HEADERS = {
    "ce": {f"HTTP_CE_{name}": value for name, value in {"ID": "1", "SOURCE": "//x", "TYPE": "t", "SPECVERSION": "1.0"}.items()},
    "unwrapped": {"HTTP_X_GOOG_PUBSUB_MESSAGE_ID": "1"},
    "task": {"HTTP_X_CLOUDTASKS_QUEUENAME": "q", "HTTP_X_CLOUDTASKS_TASKNAME": "1"},
    "App Engine": {"HTTP_X_APPENGINE_QUEUENAME": "q", "HTTP_X_APPENGINE_TASKNAME": "1"},
    "job": {"HTTP_X_CLOUDSCHEDULER_JOBNAME": "j"},
}
OPTIONAL = [
    "CONTENT_TYPE",
    *(f"HTTP_CE_{name}" for name in ("SUBJECT", "TIME", "DATACONTENTTYPE", "DATASCHEMA", "MINE")),
    *(f"HTTP_X_GOOG_PUBSUB_{name}" for name in ("PUBLISH_TIME", "ORDERING_KEY", "LATER")),
    *(
        f"HTTP_X_{by}_TASK{name}"
        for by in ("CLOUDTASKS", "APPENGINE")
        for name in ("ETA", "RETRYCOUNT", "EXECUTIONCOUNT", "LATER")
    ),
    "HTTP_X_CLOUDSCHEDULER_SCHEDULETIME",
    "HTTP_X_CLOUDSCHEDULER",
]
TEXTS = st.one_of(st.text(st.characters(max_codepoint=255)), st.text(), st.from_regex(r"[-0-9T:.Z%CF\"]{0,30}", fullmatch=True))


@pytest.mark.parametrize("form", FORM_HEADERS)
@given(optional=st.dictionaries(st.sampled_from(OPTIONAL), TEXTS))
def test_no_optional_header_costs_an_event(form: str, optional: dict[str, str]) -> None:
    """Whatever the optional headers of any form hold, there is an event, and what is kept of it is read as the same again."""
    if "cloudevents" in optional.get("CONTENT_TYPE", "").lower():
        return
    plain = read(b"{}", FORM_HEADERS[form])
    envelope = read(b"{}", FORM_HEADERS[form] | optional)

    assert type(envelope) is type(plain)
    assert str(envelope.message_id).partition("@")[0] == str(plain.message_id).partition("@")[0]
    assert read(b"{}", envelope.meta) == envelope
    assert set(envelope.malformed) <= {each.removeprefix("HTTP_").replace("_", "-").lower() for each in optional} | {
        each.removeprefix("HTTP_CE_").lower() for each in optional
    } | {"datacontenttype"}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
METADATA = ["messageId", "message_id", "publishTime", "publish_time", "orderingKey", "ordering_key", "attributes", "later"]


@given(metadata=st.dictionaries(st.sampled_from(METADATA), ANYTHING), attempt=ANYTHING)
def test_no_metadata_costs_a_push(metadata: dict[str, object], attempt: object) -> None:
    """Whatever a push says of its message, it is one, and has its data."""
    try:
        body = push({"data": DATA, **metadata}, deliveryAttempt=attempt)
        Envelope(body, "application/json").document()
    except ValueError:  # it holds what no JSON does
        return
    envelope = read(body)

    assert (envelope.form, envelope.data, envelope.subscription) == ("pubsub", b'{"a": 1}', SUBSCRIPTION)
    assert all(isinstance(value, str) for value in envelope.attributes.values())


@given(extensions=st.dictionaries(st.text(), ANYTHING))
def test_no_extension_costs_an_event(extensions: dict[str, object]) -> None:
    """Whatever else a CloudEvent in structured mode says, it is one."""
    known = {"id", "source", "type", "specversion", "subject", "time", "dataschema", "datacontenttype", "data", "data_base64"}
    core = {"id": "1", "source": "//x", "type": "t", "specversion": "1.0"}
    body = json.dumps({**{name: each for name, each in extensions.items() if name.lower() not in known}, **core}).encode()
    envelope = read(body, {"CONTENT_TYPE": "application/cloudevents+json"})

    assert isinstance(envelope, CloudEvent)
    assert (envelope.id, envelope.type) == ("1", "t")
    assert read(body, envelope.meta) == envelope
    assert json.dumps(dict(envelope.extensions), ensure_ascii=False).encode()
