"""Envelopes of all forms: read-only, silent about their data, and the document that plain receivers get."""

from __future__ import annotations

from typing import Any

import pytest

from gcp_event_router.envelopes import Envelope, from_payload, read
from gcp_event_router.exceptions import EnvelopeError, UndecodableBodyError

from .test_pushes import DATA, NOTHING, SUBSCRIPTION, push
from .test_unwrapped import HEADERS


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
