"""The endpoint's main way; its answers, bodies, exemptions and guards have test files of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from pydantic import BaseModel

from gcp_event_router import Event, EventRouter, Principal
from gcp_event_router.utils import make_pubsub_message

from ..conftest import Post

UNABLE = "Unable to handle event of kind k with reference r"
Lines = Callable[[], list[str]]


class Order(BaseModel):
    order_id: int


def raising(router: EventRouter, error: Exception) -> None:
    """Register a handler that raises."""

    @router.on("k")
    def handler(event: Event[Any]) -> None:
        raise error


def told(response: HttpResponse) -> tuple[int, Any]:
    """Status and body of an answer."""
    assert response.headers["Content-Type"] == "application/json"
    return response.status_code, json.loads(response.content)


@pytest.mark.parametrize("path", ["/events/k/r", "/events/k/r/"])
def test_event_reaches_its_handler_with_and_without_a_slash(router: EventRouter, post: Post, path: str) -> None:
    """Both forms of the URL reach the view without a redirect, and the answer is 201 {}."""
    seen: list[Event[Order]] = []
    router.on("k", payload=Order)(seen.append)

    response = post(path, make_pubsub_message({"order_id": 1}, message_id="7"))

    assert told(response) == (201, {})
    assert [(event.kind, event.reference, event.payload, event.envelope.message_id) for event in seen] == [
        ("k", "r", Order(order_id=1), "7")
    ]


def test_invalid_payload(router: EventRouter, post: Post) -> None:
    """A payload that does not fit is 400, with places, messages and types, and the handler is not called."""
    seen: list[Event[Order]] = []
    router.on("k", payload=Order)(seen.append)

    response = post("/events/k/r", b'{"order_id": "secret"}')

    assert told(response) == (
        400,
        {
            "error": UNABLE,
            "errors": [
                {
                    "loc": ["order_id"],
                    "msg": "Input should be a valid integer, unable to parse string as an integer",
                    "type": "int_parsing",
                }
            ],
        },
    )
    assert seen == []


@pytest.mark.parametrize("body", [b"{", b"NaN", b'{"a": Infinity}', b"\xff", b"\xef\xbb\xbf{}", b"[" * 100_000])
def test_broken_json_is_refused_although_nothing_handles_it(router: EventRouter, post: Post, body: bytes) -> None:
    """A body that claims to be JSON and is not is 400, also where nobody listens."""
    assert told(post("/events/k/r", body)) == (400, {"error": UNABLE})


def test_malformed_push_is_refused_before_anybody_sees_it(router: EventRouter, post: Post, lines: Lines) -> None:
    """A push whose data is not base64 is 400, and the log says where it is malformed."""
    response = post("/events/k/r", b'{"message": {"data": "###"}, "subscription": "s"}')

    assert told(response) == (400, {"error": UNABLE})
    assert [line.partition(" in ")[0] for line in lines()] == [
        "WARNING Event of kind 'k' with reference 'r' (message None): invalid by no handler"
    ]
    assert lines()[0].endswith(": The body is a Pub/Sub push, but its message.data is not base64.")


@override_settings(DEBUG=True)
def test_failure_is_raised_under_debug(router: EventRouter, post: Post) -> None:
    """With DEBUG on, an unexpected exception reaches Django."""
    raising(router, KeyError("x"))

    with pytest.raises(KeyError, match="x"):
        post("/events/k/r")


def test_too_many_parameters_are_refused(router: EventRouter, post: Post) -> None:
    """More parameters than Django's own limit are 400."""
    assert told(post("/events/k/r?" + "&".join(f"p{n}=1" for n in range(1001)))) == (400, {"error": UNABLE})


class Guard:
    """Lets everybody in, by a name."""

    def authenticate(self, request: HttpRequest) -> Principal | None:
        return Principal("guard", email="a@example.com")


GUARDED = {"AUTHENTICATION": [{"BACKEND": f"{__name__}.Guard"}]}


@override_settings(GCP_EVENT_ROUTER=GUARDED)
def test_principal_reaches_the_handler(router: EventRouter, post: Post) -> None:
    """Who sent an event stands on it."""
    seen: list[Event[Any]] = []
    router.on("k", payload=object)(seen.append)

    assert post("/events/k/r").status_code == 201
    assert [event.principal for event in seen] == [Principal("guard", email="a@example.com")]
