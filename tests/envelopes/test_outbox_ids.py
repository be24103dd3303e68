"""The id from an outbox, and the id of an event's cause, in each envelope."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcp_event_router._dispatch.raw_event import RawEvent
from gcp_event_router.envelopes import Envelope, read
from gcp_event_router.inbox.serialization import key_of, raw_event_of, row_of
from gcp_event_router.testing import CloudEventMessage
from gcp_event_router.utils import make_pubsub_message

ID = "3f2b8c1e-7d4a-4a51-9c2f-0d6a5c1b2e3f"
SUBSCRIPTION = "projects/p/subscriptions/s"
UNWRAPPED = {"HTTP_X_GOOG_PUBSUB_MESSAGE_ID": "17", "HTTP_X_GOOG_PUBSUB_SUBSCRIPTION_NAME": SUBSCRIPTION}
MESSAGE_PUBLISHED = "google.cloud.pubsub.topic.v1.messagePublished"

Facts = tuple[str | None, str | None, tuple[str, ...] | None]


def wrapped(attributes: Mapping[str, str], message_id: str = "17") -> Envelope:
    return read(make_pubsub_message({"a": 1}, SUBSCRIPTION, attributes, message_id))


def unwrapped(attributes: Mapping[str, str], message_id: str = "17") -> Envelope:
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in attributes.items()}
    return read(b'{"a": 1}', {**UNWRAPPED, "HTTP_X_GOOG_PUBSUB_MESSAGE_ID": message_id, **headers})


def eventarc(attributes: Mapping[str, str], message_id: str = "17") -> Envelope:
    """Write an event of Eventarc for a Pub/Sub message."""
    push: dict[str, Any] = make_pubsub_message({"a": 1}, SUBSCRIPTION, attributes, message_id, as_dict=True)
    event = CloudEventMessage(id=message_id, source="//pubsub.googleapis.com/t", type=MESSAGE_PUBLISHED, data=push)
    return read(event.structured().body, {"CONTENT_TYPE": "application/cloudevents+json"})


def cloudevent(**extensions: str) -> Envelope:
    event = CloudEventMessage(id="e1", source="//shop", type="order", data={"a": 1}, extensions=extensions)
    return read(event.structured().body, {"CONTENT_TYPE": "application/cloudevents+json"})


def facts(envelope: Envelope) -> Facts:
    return envelope.outbox_id, envelope.cause, envelope.identity


@pytest.mark.parametrize("write", [wrapped, unwrapped, eventarc])
def test_a_message_from_an_outbox(write: Any) -> None:
    """Its id is its identity in every form, whichever id Pub/Sub gives it; its attributes show both ids."""
    sent = {"event-router-id": ID, "event-router-cause": "c-1", "colour": "red"}
    first, again = write(sent), write(sent, message_id="18")

    assert facts(first) == (ID, "c-1", ("outbox", ID)) == facts(again)
    assert (first.message_id, again.message_id) == ("17", "18")
    assert dict(first.attributes) == sent
    assert sent.items() <= first.routed.items()


def test_a_cloudevent() -> None:
    """A CloudEvent keeps its own id and identity; its cause is the extension `causationid`."""
    envelope = cloudevent(causationid="c-1", eventrouterid=ID)
    assert facts(envelope) == (None, "c-1", ("cloudevents", "//shop", "e1"))
    assert facts(cloudevent()) == (None, None, ("cloudevents", "//shop", "e1"))


def test_a_cloudevent_in_a_message() -> None:
    """A message that carries a CloudEvent has the ids of both; the CloudEvent's own cause takes precedence."""
    context = {"ce-id": "e1", "ce-source": "//shop", "ce-type": "order", "ce-specversion": "1.0"}
    ids = {"event-router-id": ID, "event-router-cause": "c-1"}
    assert facts(wrapped({**context, **ids})) == (ID, "c-1", ("cloudevents", "//shop", "e1"))
    assert facts(wrapped({**context, **ids, "ce-causationid": "c-2"})) == (ID, "c-2", ("cloudevents", "//shop", "e1"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "17",
        ID.upper(),
        ID.replace("-", ""),
        f"{{{ID}}}",
        f"urn:uuid:{ID}",
        f"{ID}\n",
        f" {ID}",
        f"{ID}, {ID}",
        f"{ID[:-1]}\u0663",
        ID * 100,
    ],
)
def test_other_texts_are_no_ids(text: str) -> None:
    """Only a UUID in its canonical form is an id from an outbox; with any other text, Pub/Sub's id identifies the message."""
    assert facts(wrapped({"event-router-id": text})) == (None, None, ("pubsub", SUBSCRIPTION, "17"))
    assert facts(unwrapped({"event-router-id": text})) == (None, None, ("pubsub", SUBSCRIPTION, "17"))


def test_names_in_another_case() -> None:
    """The attributes have exactly these names, unless they came as headers, which have no case."""
    assert wrapped({"Event-Router-Id": ID, "event_router_id": ID}).outbox_id is None


@pytest.mark.parametrize("value", [5, None, {"a": ID}, [ID]])
def test_attributes_that_are_no_text(value: object) -> None:
    """The envelope ignores an id of another type than text, as it does all malformed metadata."""
    message = {"data": "e30=", "messageId": "17", "attributes": {"event-router-id": value, "a": "b"}}
    envelope = read(json.dumps({"message": message, "subscription": SUBSCRIPTION}).encode())
    assert facts(envelope) == (None, None, ("pubsub", SUBSCRIPTION, "17"))
    assert (envelope.data, envelope.attributes["a"]) == (b"{}", "b")


@given(st.uuids(), st.text(max_size=300))
def test_any_uuid_and_any_cause(key: UUID, cause: str) -> None:
    """Each UUID is an id; a cause is any printable text of at most 255 characters, and nothing else depends on it."""
    plain = wrapped({"event-router-id": str(key)})
    envelope = wrapped({"event-router-id": str(key), "event-router-cause": cause})

    assert facts(envelope)[::2] == facts(plain)[::2] == (str(key), ("outbox", str(key)))
    assert envelope.cause == (cause if cause and len(cause) <= 255 and cause.isprintable() else None)
    assert (envelope.data, envelope.message_id, envelope.malformed) == (plain.data, "17", ())


@given(st.text())
def test_any_text_in_the_place_of_an_id(text: str) -> None:
    """Whatever is in the place of an id, a message without a canonical UUID is read as if it had none."""
    envelope = wrapped({"event-router-id": text})
    assert (envelope.identity, envelope.attributes) == (("pubsub", SUBSCRIPTION, "17"), {"event-router-id": text})


@pytest.mark.parametrize("write", [wrapped, unwrapped, eventarc])
def test_the_row_of_the_inbox(write: Any) -> None:
    """The inbox's row has the key of the outbox's id, which people also search for, and remembers both ids."""
    row = row_of("k", "r", RawEvent(write({"event-router-id": ID, "event-router-cause": "c-1"})))
    assert (row.key, row.message_id) == (key_of("k", "r", ("outbox", ID)), ID)
    assert facts(raw_event_of(row).envelope) == (ID, "c-1", ("outbox", ID))
