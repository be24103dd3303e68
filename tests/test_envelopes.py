"""Envelopes: every form in which Pub/Sub sends a message, and what is taken for none."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gcp_event_router.envelopes import Envelope, PubSubPush, PubSubUnwrapped, from_payload, read
from gcp_event_router.exceptions import EnvelopeError, UndecodableBodyError

SUBSCRIPTION = "projects/p/subscriptions/s"
DATA = base64.b64encode(b'{"a": 1}').decode()
TIME = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NOTHING: dict[str, Any] = {
    "form": "pubsub",
    "data": b"",
    "message_id": None,
    "publish_time": None,
    "attributes": {},
    "ordering_key": None,
    "subscription": SUBSCRIPTION,
    "delivery_attempt": None,
}


def push(message: object, **more: object) -> bytes:
    return json.dumps({"message": message, "subscription": SUBSCRIPTION, **more}).encode()


def fields(envelope: Envelope) -> dict[str, Any]:
    return {name: getattr(envelope, name) for name in NOTHING}


CAMEL = {"messageId": "1", "publishTime": "2026-01-02T03:04:05Z", "orderingKey": "key"}
SNAKE = {"message_id": "1", "publish_time": "2026-01-02T03:04:05Z", "ordering_key": "key"}
ALL = {"message_id": "1", "publish_time": TIME, "ordering_key": "key"}


@pytest.mark.parametrize(
    ("message", "more", "expected"),
    [
        ({"data": DATA, **CAMEL, **SNAKE}, {}, {"data": b'{"a": 1}', **ALL}),
        (CAMEL, {}, ALL),
        (SNAKE, {}, ALL),
        ({**CAMEL, "message_id": None, "publish_time": None, "ordering_key": None}, {}, ALL),
        ({**SNAKE, "messageId": None, "publishTime": None, "orderingKey": None}, {}, ALL),
        ({"messageId": "camel", "message_id": "snake"}, {}, {"message_id": "camel"}),
        ({}, {}, {}),
        ({"data": ""}, {}, {}),
        ({"data": None}, {}, {}),
        ({"attributes": {}}, {}, {}),
        ({"attributes": None}, {}, {}),
        ({"attributes": {"a": "", "goog": "\xe9\n"}}, {}, {"attributes": {"a": "", "goog": "\xe9\n"}}),
        ({"data": base64.b64encode(bytes(range(256))).decode()}, {}, {"data": bytes(range(256))}),
        ({}, {"deliveryAttempt": 5}, {"delivery_attempt": 5}),
        ({}, {"deliveryAttempt": None}, {}),
        ({"@type": "type.googleapis.com/google.pubsub.v1.PubsubMessage"}, {}, {}),
        ({"later": [1, {"a": None}]}, {"another": {"b": 1.5}}, {}),
        ({}, {"subscription": ""}, {"subscription": ""}),
    ],
)
def test_a_push_is_read_in_every_variation(message: object, more: dict[str, object], expected: dict[str, Any]) -> None:
    """Either spelling of a name is read, anything may be left out or null, and unknown names are passed over."""
    assert fields(read(push(message, **more))) == {**NOTHING, **expected}


@pytest.mark.parametrize("digits", range(10))
@pytest.mark.parametrize(("offset", "hours"), [("Z", 0), ("+02:00", 2), ("", 0)])
def test_times_have_any_number_of_fraction_digits(digits: int, offset: str, hours: int) -> None:
    """A publish time has 0 to 9 fraction digits, of which six are kept, and is aware, also where no offset is given."""
    fraction = "123456789"[:digits]
    text = f"2026-01-02T03:04:05{'.' if digits else ''}{fraction}{offset}"
    expected = datetime(2026, 1, 2, 3, 4, 5, int(fraction[:6].ljust(6, "0")), timezone(timedelta(hours=hours)))

    wrapped = read(push({"publishTime": text})).publish_time
    unwrapped = read(b"", {"HTTP_X_GOOG_PUBSUB_MESSAGE_ID": "1", "HTTP_X_GOOG_PUBSUB_PUBLISH_TIME": text}).publish_time

    assert wrapped == unwrapped == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b'"message"',
        b"[]",
        b'{"message": null, "subscription": "s"}',
        b'{"message": "text", "subscription": "s"}',
        b'{"message": [], "subscription": "s"}',
        b'{"message": {"data": "YQ=="}}',
        b'{"message": {"data": "YQ=="}, "subscription": null}',
        b'{"message": {"data": "YQ=="}, "subscription": 5}',
        b'{"data": {"message": {}, "subscription": "s"}}',
        b'[{"message": {}, "subscription": "s"}]',
        b'{"message": {}, "subscription": "s"',
        b'\xef\xbb\xbf{"message": {}, "subscription": "s"}',
        '{"message": {}, "subscription": "s"}'.encode("utf-16"),
        b'{"message": {"messageId": "\\ud800"}, "subscription": "s"}',
    ],
)
def test_what_only_resembles_a_push_is_a_plain_body(body: bytes) -> None:
    """Without a message that is an object and a subscription that is text, a body is plain and its own payload."""
    assert fields(read(body, {"CONTENT_TYPE": "text/plain"})) == {**NOTHING, "form": "plain", "data": body, "subscription": None}


@pytest.mark.parametrize(
    ("message", "more", "places"),
    [
        ({"data": 5}, {}, "message.data"),
        ({"data": "#"}, {}, "message.data"),
        ({"attributes": {"secret": 1}}, {}, "message.attributes"),
        ({"attributes": []}, {}, "message.attributes"),
        ({"attributes": {str(number): 1 for number in range(101)}}, {}, "many places"),
        ({"messageId": 5, "orderingKey": 5}, {}, "message.messageId, message.orderingKey"),
        ({"publishTime": 1700000000}, {}, "message.publishTime"),
        ({"publishTime": "1700000000"}, {}, "message.publishTime"),
        ({"publishTime": "yesterday"}, {}, "message.publishTime"),
        ({}, {"deliveryAttempt": "5"}, "deliveryAttempt"),
        ({}, {"deliveryAttempt": True}, "deliveryAttempt"),
    ],
)
def test_a_malformed_push_is_refused(message: object, more: dict[str, object], places: str) -> None:
    """A push that does not hold what one holds is refused, with the places and none of the values."""
    with pytest.raises(EnvelopeError) as caught:
        read(push(message, **more))

    assert str(caught.value) == f"The body is a Pub/Sub push, but it does not hold what one holds at: {places}."


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_push_holds_finite_numbers_only(number: str) -> None:
    """NaN and Infinity are no JSON, and are refused in a push too, also under a name that is passed over."""
    with pytest.raises(EnvelopeError):
        read(f'{{"message": {{"other": {number}}}, "subscription": "s"}}'.encode())


@pytest.mark.parametrize(
    ("body", "message_id", "attributes"),
    [
        (b'{"message": {"messageId": "1", "messageId": "2"}, "subscription": "s"}', "2", {}),
        (b'{"message": {"messageId": "1"}, "message": {"message_id": "2"}, "subscription": "s"}', "2", {}),
        (b'{"message": {"attributes": {"a": "1", "a": "2"}}, "subscription": "s"}', None, {"a": "2"}),
    ],
)
def test_of_a_repeated_name_the_last_one_counts(body: bytes, message_id: str | None, attributes: dict[str, str]) -> None:
    """A name that comes twice has its last value, for handlers and for plain receivers alike."""
    envelope = read(body)
    document: Any = envelope.document()

    assert (envelope.message_id, dict(envelope.attributes)) == (message_id, attributes)
    assert (document["message"].get("messageId") or document["message"].get("message_id")) == message_id


VECTORS = {
    "": b"",
    "YQ==": b"a",
    "YWI=": b"ab",
    "YWJj": b"abc",
    "+/+/": b"\xfb\xff\xbf",
    "-_-_": b"\xfb\xff\xbf",
    "YQ": b"a",
}


@given(st.text("YQWJj+/-_=# \n\xe9", max_size=9))
@example("####")
@example("YQ==junk")
@example("YQ==YQ==")
@example("YR==")
@example("YQ=\n=")
@example(" YQ==")
@example("Y")
@example("====")
@example("+/-_")
def test_base64_is_decoded_in_full_or_refused(text: str) -> None:
    """No character of the data is passed over: it decodes to bytes that encode to it again, or the push is refused."""
    try:
        data = read(push({"data": text})).data
    except EnvelopeError:
        return
    encoded = base64.b64encode(data).decode().rstrip("=")
    assert encoded == text.rstrip("=").translate(str.maketrans("-_", "+/"))


@given(st.binary())
def test_all_data_comes_back(data: bytes) -> None:
    """Whatever bytes were published, the payload is those bytes, in either alphabet of base64."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert read(push({"data": encode(data).decode()})).data == data


@pytest.mark.parametrize(("text", "data"), VECTORS.items())
def test_base64_vectors(text: str, data: bytes) -> None:
    """Standard base64 is decoded; the URL's alphabet and missing padding are unambiguous, and decoded too."""
    assert read(push({"data": text})).data == data


HEADERS = {
    "HTTP_X_GOOG_PUBSUB_SUBSCRIPTION_NAME": SUBSCRIPTION,
    "HTTP_X_GOOG_PUBSUB_MESSAGE_ID": "1",
    "HTTP_X_GOOG_PUBSUB_PUBLISH_TIME": "2026-01-02T03:04:05Z",
}
UNWRAPPED = {**NOTHING, "form": "pubsub-unwrapped", "data": b"\xff", "message_id": "1", "publish_time": TIME}
TRANSPORT = """
ACCEPT ACCEPT_ENCODING AUTHORIZATION CONNECTION CONTENT_LENGTH CONTENT_TYPE COOKIE FORWARDED FROM HOST PROXY_AUTHORIZATION
TRACEPARENT TRANSFER_ENCODING USER_AGENT VIA X_CLOUD_TRACE_CONTEXT X_FORWARDED_FOR X_FORWARDED_PROTO X_GOOG_IAP_JWT_ASSERTION
X_GOOG_ORDERING_KEY X_GOOG_PUBSUB_ORDERING_KEY X_GOOG_PUBSUB_WHATEVER X_SERVERLESS_AUTHORIZATION
"""


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ({}, {}),
        ({"HTTP_X_GOOG_PUBSUB_ORDERING_KEY": "key"}, {"ordering_key": "key"}),
        ({"HTTP_X_GOOG_ORDERING_KEY": "key"}, {"ordering_key": "key"}),
        ({"HTTP_EVENTTYPE": "OBJECT_FINALIZE", "HTTP_A_B": ""}, {"attributes": {"eventtype": "OBJECT_FINALIZE", "a-b": ""}}),
        ({"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": "1", "PATH": "/bin", "wsgi.input": None}, {}),
        ({f"HTTP_{name}": "secret" for name in TRANSPORT.split()}, {"ordering_key": "secret"}),
    ],
)
def test_an_unwrapped_push_has_its_metadata_in_headers(meta: dict[str, Any], expected: dict[str, Any]) -> None:
    """The headers of Pub/Sub and of its emulator are read, and all that are not the transport's own are attributes."""
    assert fields(read(b"\xff", {**HEADERS, **meta})) == {**UNWRAPPED, **expected}


@pytest.mark.parametrize("name", ["HTTP_X_GOOG_PUBSUB_MESSAGE_ID", "HTTP_X_GOOG_PUBSUB_SUBSCRIPTION_NAME"])
def test_one_header_makes_an_unwrapped_push(name: str) -> None:
    """The message's id or the subscription's name, each alone, tell an unwrapped push; another header does not."""
    assert isinstance(read(b"", {name: "1"}), PubSubUnwrapped)
    assert type(read(b"", {"HTTP_X_GOOG_PUBSUB_PUBLISH_TIME": "2026-01-02T03:04:05Z"})) is Envelope


@pytest.mark.parametrize("time", ["", "yesterday", "1700000000", "2026-13-01T00:00:00Z"])
def test_an_unwrapped_push_with_a_wrong_time_is_refused(time: str) -> None:
    """A publish time that is no RFC 3339 time is the sender's fault, and is not quoted."""
    with pytest.raises(EnvelopeError) as caught:
        read(b"", {**HEADERS, "HTTP_X_GOOG_PUBSUB_PUBLISH_TIME": time})

    assert str(caught.value) == "The header x-goog-pubsub-publish-time does not hold a time."


def test_a_wrapped_body_goes_before_headers() -> None:
    """A wrapped push is one, whatever headers come with it."""
    assert isinstance(read(push({}), HEADERS), PubSubPush)


@pytest.mark.parametrize("payload", [{"message": {"data": DATA}, "subscription": "s"}, push({"data": DATA})])
def test_an_event_sent_through_the_signal_has_its_envelope_too(payload: object) -> None:
    """Decoded JSON and bytes that somebody sends by the signal are read as if they had come over HTTP."""
    assert (from_payload(payload).form, from_payload(payload).data) == ("pubsub", b'{"a": 1}')


@pytest.mark.parametrize("payload", [object(), "\ud800", {"a": b"\xff"}])
def test_an_event_payload_that_is_no_json_is_refused(payload: object) -> None:
    """What JSON cannot hold is refused by its type."""
    with pytest.raises(EnvelopeError) as caught:
        from_payload(payload)

    name = type(payload).__name__
    assert str(caught.value) == f"The event_payload, of type {name}, is nothing that JSON can hold. Send decoded JSON, or bytes."


JSON_TYPES = ["application/json", "Application/JSON; charset=utf-8", "application/problem+json"]
BROKEN = [b"{", b"\xff", b"\xef\xbb\xbf{}", b"NaN", b"[Infinity]", b"1e999", b"[" * 100_000, b'"\\ud800"', b'{"a": 1}x', b" "]


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
