"""Unwrapped pushes of Pub/Sub: their metadata in headers, and what of them is an attribute."""

from __future__ import annotations

from typing import Any

import pytest

from gcp_event_router.envelopes import Envelope, PubSubPush, PubSubUnwrapped, read
from gcp_event_router.exceptions import EnvelopeError

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
def test_an_unwrapped_push_with_a_wrong_time_is_refused(time: str) -> None:
    """A publish time that is no RFC 3339 time is the sender's fault, and is not quoted."""
    with pytest.raises(EnvelopeError) as caught:
        read(b"", {**HEADERS, "HTTP_X_GOOG_PUBSUB_PUBLISH_TIME": time})

    assert str(caught.value) == "The header x-goog-pubsub-publish-time does not hold a time."


def test_a_wrapped_body_goes_before_headers() -> None:
    """A wrapped push is one, whatever headers come with it."""
    assert isinstance(read(push({}), HEADERS), PubSubPush)
