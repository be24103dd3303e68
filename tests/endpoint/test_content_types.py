"""The Content-Type, which an unwrapped push takes from an attribute: it decides nothing."""

from __future__ import annotations

import json

import pytest
from django.test import RequestFactory, override_settings

from gcp_event_router import Event, EventRouter
from gcp_event_router.auth import SharedToken
from gcp_event_router.views import EventView

from ..conftest import Post


@pytest.fixture
def payloads(router: EventRouter) -> list[bytes]:
    """The payloads that the handler got."""
    received: list[bytes] = []

    @router.on("k")
    def handler(event: Event[bytes]) -> None:
        received.append(event.payload)

    return received


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", ";;/"]
)
def test_the_content_type_does_not_decide(payloads: list[bytes], post: Post, content_type: str) -> None:
    """A body is read raw, whatever type it claims, also as a form."""
    body = b"a=1&b=2"

    assert post("/events/k/r", body, content_type).status_code == 201
    assert payloads == [body]


@pytest.fixture
def parameters(router: EventRouter) -> list[dict[str, str]]:
    """The parameters that the handler got."""
    received: list[dict[str, str]] = []

    @router.on("k")
    def handler(event: Event[bytes]) -> None:
        received.append(event.parameters)

    return received


@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "latin-1", "nonsense"])
@pytest.mark.parametrize("default", ["utf-8", "latin-1"])
def test_the_charset_does_not_touch_the_parameters(
    parameters: list[dict[str, str]], post: Post, charset: str, default: str
) -> None:
    """The query string is read as UTF-8, whatever charset the body claims to be in, and DEFAULT_CHARSET names."""
    with override_settings(DEFAULT_CHARSET=default):
        assert post("/events/k/r?a=%C3%A9", b"{}", f"application/json; charset={charset}").status_code == 201

    assert parameters == [{"a": "\xe9"}]


def test_a_server_may_leave_an_empty_query_out(parameters: list[dict[str, str]]) -> None:
    """PEP 3333 lets `QUERY_STRING` be absent."""
    request = RequestFactory().post("/events/k/r", b"{}", "application/json")
    del request.META["QUERY_STRING"]

    response = EventView.as_view()(request, event_kind="k", event_reference="r")

    assert (response.status_code, parameters) == (201, [{}])
    door = SharedToken(tokens=["a token of twenty characters"], parameter="token")
    assert EventView.as_view(authentication=[door])(request, event_kind="k", event_reference="r").status_code == 401


def test_a_compressed_body_is_not_guessed_at(router: EventRouter, post: Post) -> None:
    """A body that is compressed, which Pub/Sub never sends, is invalid JSON and no more."""

    @router.on("k")
    def handler(event: Event[dict[str, int]]) -> None: ...

    response = post("/events/k/r", b"\x1f\x8b\x08\x00", **{"Content-Encoding": "gzip"})

    assert (response.status_code, json.loads(response.content)["errors"][0]["type"]) == (400, "json_invalid")
