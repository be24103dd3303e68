"""Handlers of Google's own payloads, through the endpoint."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from gcp_event_router import Event, EventRouter
from gcp_event_router.google.billing import BudgetAttributes
from gcp_event_router.google.storage import NotificationAttributes, StorageObjectData
from gcp_event_router.utils import make_pubsub_message

from ..conftest import Post
from .test_samples import SAMPLES


def test_notification_reaches_its_handler(router: EventRouter, post: Post) -> None:
    """A bucket's notification is the object, and its attributes are typed."""
    seen: list[tuple[StorageObjectData, NotificationAttributes]] = []

    @router.on("gcs-*")
    def changed(event: Event[StorageObjectData]) -> None:
        seen.append((event.payload, NotificationAttributes.of(event.envelope.attributes)))

    data, attributes = SAMPLES["storage_notification"]["payload"], SAMPLES["storage_attributes"]["payload"]
    response = post("/events/gcs-photos/new", make_pubsub_message(data, attributes={k: str(v) for k, v in attributes.items()}))

    assert response.status_code == 201
    assert seen == [(StorageObjectData.model_validate(data), NotificationAttributes.model_validate(attributes))]


def test_an_unwrapped_notification(router: EventRouter, post: Post) -> None:
    """Its attributes are headers, whose names have lost their case, and are typed all the same."""
    seen: list[NotificationAttributes] = []

    @router.on("gcs-*")
    def changed(event: Event[StorageObjectData]) -> None:
        seen.append(NotificationAttributes.of(event.envelope.attributes))

    attributes = {key: str(value) for key, value in SAMPLES["storage_attributes"]["payload"].items()}
    headers = {"x-goog-pubsub-message-id": "1", **attributes}

    assert post("/events/gcs-photos/new", b'{"name": "cat.jpg"}', **headers).status_code == 201
    assert seen == [NotificationAttributes.of(attributes)]
    assert NotificationAttributes.of({**attributes, "eventtype": "mine"}).event_type == attributes["eventType"]


def test_attributes_of_another_message() -> None:
    """Attributes that lack what a sender always writes are an error that names it."""
    attributes = {key: str(value) for key, value in SAMPLES["budget_attributes"]["payload"].items()}

    assert BudgetAttributes.of(attributes).budget_id == attributes["budgetId"]
    with pytest.raises(ValidationError) as raised:
        NotificationAttributes.of(attributes)
    assert [each["loc"] for each in raised.value.errors()] == [("eventType",), ("bucketId",), ("objectId",)]


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        ({"size": "s3cr3t"}, {"loc": ["size"], "type": "int_parsing"}),
        ({"timeCreated": "s3cr3t"}, {"loc": ["timeCreated"], "type": "datetime_parsing"}),
        ({"metadata": {"s3cr3t": 1}}, {"loc": ["metadata", "[key]"], "type": "string_type"}),
    ],
)
def test_errors_quote_nothing(router: EventRouter, post: Post, payload: object, error: dict[str, object]) -> None:
    """A payload that does not fit is answered with the place and the kind of the error, and nothing of what was sent."""
    router.on("gcs-*", payload=StorageObjectData)(list[object]().append)

    response = post("/events/gcs-photos/new", json.dumps(payload).encode())

    (told,) = json.loads(response.content)["errors"]
    assert (response.status_code, {key: told[key] for key in error}) == (400, error)
    assert b"s3cr3t" not in response.content
