"""Unwrapped pushes of Pub/Sub: their metadata in headers, and what of them is an attribute."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gcp_event_router.envelopes import Envelope, PubSubPush, PubSubUnwrapped, read

from .test_pushes import NOTHING, SUBSCRIPTION, TIME, fields, push

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


@pytest.mark.parametrize("time", ["", "yesterday", "2026-13-01T00:00:00Z"])
def test_a_publish_time_that_cannot_be_read_is_none(time: str) -> None:
    """A publish time that is no RFC 3339 time does not cost the message."""
    envelope = read(b"{}", {**HEADERS, "HTTP_X_GOOG_PUBSUB_PUBLISH_TIME": time})

    assert (envelope.publish_time, envelope.message_id, envelope.malformed) == (None, "1", ("x-goog-pubsub-publish-time",))


def test_empty_metadata_is_none() -> None:
    """Headers that are empty say nothing, and no message without an id is taken for another."""
    names = ("X_GOOG_PUBSUB_MESSAGE_ID", "X_GOOG_PUBSUB_SUBSCRIPTION_NAME", "X_GOOG_PUBSUB_ORDERING_KEY")
    envelope = read(b"", {f"HTTP_{name}": "" for name in names})

    assert isinstance(envelope, PubSubUnwrapped)
    assert (envelope.message_id, envelope.subscription, envelope.ordering_key, envelope.identity) == (None, None, None, None)


def latin(text: str) -> str:
    """Text as WSGI and ASGI hand it out: UTF-8, decoded as Latin-1."""
    return text.encode().decode("latin-1")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
@example("\u65e5\u672c\u8a9e")
@example("\u00c3\u00a9")
@example("\u00a0\u0085")
def test_headers_are_utf_8(text: str) -> None:
    """Attributes and ordering keys arrive as raw UTF-8 (functions-framework-nodejs#780, python-firestore#999), twice over.

    What is kept of them is read as the same again.
    """
    envelope = read(b"", {**HEADERS, "HTTP_CUSTOMER": latin(text), "HTTP_X_GOOG_PUBSUB_ORDERING_KEY": latin(text)})
    again = read(b"", envelope.meta)

    for each in (envelope, again):
        assert (each.attributes["customer"], each.ordering_key) == (text, text)


def test_headers_that_are_not_utf_8_stay() -> None:
    """Latin-1 that some senders write, and text that was never bytes, are as they came."""
    for text in ("caf\u00e9", "\u65e5\u672c"):
        assert read(b"", {**HEADERS, "HTTP_CUSTOMER": text}).attributes["customer"] == text


@pytest.mark.parametrize(
    ("meta", "field"),
    [
        ({"HTTP_X_CLOUDTASKS_QUEUENAME": "q", "HTTP_X_CLOUDTASKS_TASKNAME": latin("\u00e9")}, "task_name"),
        ({"HTTP_X_CLOUDSCHEDULER_JOBNAME": latin("\u00e9")}, "job_name"),
        ({"HTTP_X_GOOG_PUBSUB_MESSAGE_ID": latin("\u00e9")}, "message_id"),
        ({"HTTP_X_GOOG_PUBSUB_SUBSCRIPTION_NAME": latin("\u00e9")}, "subscription"),
        ({f"HTTP_CE_{name}": "1.0" for name in ("ID", "SOURCE", "TYPE", "SPECVERSION")} | {"HTTP_CE_ID": latin("\u00e9")}, "id"),
    ],
)
def test_headers_of_every_form_are_utf_8(meta: dict[str, str], field: str) -> None:
    """Each form reads its headers alike."""
    envelope = read(b"", meta)

    assert getattr(envelope, field) == "\u00e9"
    assert read(b"", envelope.meta) == envelope


def test_a_wrapped_body_goes_before_headers() -> None:
    """A wrapped push is one, whatever headers come with it."""
    assert isinstance(read(push({}), HEADERS), PubSubPush)
