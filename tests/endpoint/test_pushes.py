"""Wrapped pushes of Pub/Sub: every variation of their body, and what is taken for none."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gcp_event_router.envelopes import MESSAGE_PUBLISHED, Envelope, read
from gcp_event_router.exceptions import EnvelopeError, UndecodableBodyError
from gcp_event_router.google.pubsub import MessagePublishedData

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
#: The headers of Eventarc's event for a message.
PUBLISHED = {"HTTP_CE_ID": "1", "HTTP_CE_SOURCE": "//x", "HTTP_CE_TYPE": MESSAGE_PUBLISHED, "HTTP_CE_SPECVERSION": "1.0"}


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
        ({"messageId": "", "message_id": "snake"}, {}, {"message_id": "snake"}),
        ({"messageId": "", "message_id": ""}, {}, {}),
        ({"messageId": "camel", "message_id": 5, "publish_time": "never"}, {}, {"message_id": "camel"}),
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


@pytest.mark.parametrize("data", [5, "#", True, [], {}])
@pytest.mark.parametrize("message", [{}, {"publishTime": 5}])
def test_a_push_whose_data_is_malformed_is_refused(data: object, message: dict[str, object]) -> None:
    """The data is the event: if it is not base64, there is none."""
    with pytest.raises(EnvelopeError) as caught:
        read(push({**message, "data": data}))

    assert str(caught.value) == "The body is a Pub/Sub push, but its message.data is not base64."


@pytest.mark.parametrize(
    ("message", "more", "expected", "malformed"),
    [
        (
            {"attributes": {"a": 1, "b": None, "c": [1.50], "d": "x"}},
            {},
            {"attributes": {"a": "1", "b": "null", "c": "[1.5]", "d": "x"}},
            1,
        ),
        ({"attributes": []}, {}, {}, 1),
        ({"attributes": {str(number): 1 for number in range(101)}}, {}, {"attributes": {str(n): "1" for n in range(101)}}, 1),
        ({"messageId": 5, "orderingKey": 5}, {}, {"message_id": "5"}, 2),
        ({"messageId": 1.5}, {}, {}, 1),
        ({"messageId": True}, {}, {}, 1),
        ({"messageId": [], "message_id": "1"}, {}, {"message_id": "1"}, 1),
        ({"publishTime": 1700000000}, {}, {}, 1),
        ({"publishTime": "yesterday"}, {}, {}, 1),
        ({"publishTime": "", "publish_time": "2026-01-02T03:04:05Z"}, {}, {"publish_time": TIME}, 1),
        ({}, {"deliveryAttempt": "5"}, {}, 1),
        ({}, {"delivery_attempt": "5"}, {}, 1),
        ({}, {"deliveryAttempt": "5", "delivery_attempt": 4}, {"delivery_attempt": 4}, 1),
        ({}, {"deliveryAttempt": True}, {}, 1),
        ({"publishTime": "", "other": {"a": [1.50]}}, {"deliveryAttempt": {}, "other": None}, {}, 2),
    ],
)
def test_malformed_metadata_does_not_cost_a_push(
    message: dict[str, object], more: dict[str, object], expected: dict[str, Any], malformed: int
) -> None:
    """What is optional is None if it is malformed; attributes, and an id that is a number, are as they came, as text.

    So they are to a handler that is given all of the message, in a push or in Eventarc's event.
    """
    body = push({**message, "data": DATA}, **more)
    envelope = read(body)

    assert fields(envelope) == {**NOTHING, "data": b'{"a": 1}', **expected}
    assert (len(envelope.malformed), envelope.body) == (malformed, body)
    assert read(body, envelope.meta) == envelope
    for whole in (envelope, read(body, {"CONTENT_TYPE": "application/json", **PUBLISHED})):
        found = MessagePublishedData.model_validate_json(whole.published)
        assert found.message is not None
        assert (found.message.data, found.message.attributes) == (envelope.data, envelope.attributes)
        assert found.message.message_id == (envelope.message_id or "")


@pytest.mark.parametrize("message", [{"data": 5}, {"data": "YQ==", "publishTime": 5}, {"text": "hello"}])
def test_a_webhook_with_a_message_is_none(message: dict[str, object]) -> None:
    """Without a subscription it is a plain body, whatever its message holds."""
    assert type(read(json.dumps({"message": message}).encode())) is Envelope


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_push_hands_on_finite_numbers_only(number: str) -> None:
    """NaN and Infinity are no JSON: under a name that is passed over they do no harm, and no plain receiver gets them."""
    envelope = read(f'{{"message": {{"other": {number}}}, "subscription": "s"}}'.encode())

    with pytest.raises(UndecodableBodyError):
        envelope.document()


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
    """Standard base64 is decoded; the URL's alphabet is unambiguous, and decoded too."""
    assert read(push({"data": text})).data == data
