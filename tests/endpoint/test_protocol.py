"""What Google's services send, row by row: requests of their documented shapes, in `data/protocol`, each with its source.

`test_cloudevents_conformance` has the rows of CloudEvents and Eventarc, `test_google_samples` more of each payload.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from gcp_event_router import Event, EventRouter

from ..conftest import Post
from ..support.deliveries import with_databases

ROWS: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "data/protocol/requests.json").read_text())
EACH = pytest.mark.parametrize("row", ROWS, ids=[row["row"] for row in ROWS])


def sent(post: Post, row: dict[str, Any]) -> int:
    """The status of the answer to a row's request."""
    headers = dict(row["headers"])
    content_type = headers.pop("Content-Type", "")
    body = json.dumps(row["body"]).encode() if "body" in row else b64decode(row["base64"])
    return post(
        "/events/k/r", body, content_type, **{name.replace("-", "_"): value for name, value in headers.items()}
    ).status_code


def shown(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return dict(value) if isinstance(value, Mapping) else value  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] -- of JSON


@EACH
def test_a_row_is_read(row: dict[str, Any], router: EventRouter, post: Post) -> None:
    """The envelope says what the row says, and the payload is what the sender put inside."""
    seen: list[Event[bytes]] = []

    @router.on("k")
    def _(event: Event[bytes]) -> None:
        seen.append(event)

    assert sent(post, row) == 201
    (event,) = seen
    assert {name: shown(getattr(event.envelope, name)) for name in row["reads"]} == row["reads"]
    if "data" in row:
        assert event.payload == b64decode(row["data"])


@pytest.mark.parametrize("row", [row for row in ROWS if row.get("model")], ids=lambda row: row["row"])
def test_a_payload_has_a_model(row: dict[str, Any], router: EventRouter, post: Post) -> None:
    """A handler that names the model of a sender's payload gets its fields."""
    module, name = row["model"].split(":")
    model: type[BaseModel] = getattr(import_module(f"gcp_event_router.google.{module}"), name)
    seen: list[BaseModel] = []
    router.on("k", payload=model)(lambda event: seen.append(event.payload))

    assert sent(post, row) == 201
    assert {field: getattr(seen[0], field) for field in row["payload"]} == row["payload"]


@with_databases
def test_a_redelivery_with_another_publish_time_is_a_duplicate(inbox: str, router: EventRouter, post: Post) -> None:
    """§1: a message is known by its subscription and id, never by its publish time (googleapis/google-cloud-go#1174)."""
    router.on("k")(lambda_handler)
    row = next(row for row in ROWS if row["row"] == "§1 message.orderingKey")
    later = {**row, "body": {**row["body"], "message": {**row["body"]["message"], "publishTime": "2026-01-02T04:00:00Z"}}}

    assert [sent(post, each) for each in (row, later)] == [201, 200]


def lambda_handler(event: Event[Any]) -> None: ...
