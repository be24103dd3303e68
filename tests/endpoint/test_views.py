"""The endpoint's main way; its answers, bodies, exemptions and guards have test files of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, ClassVar
from unittest import mock

import pytest
from asgiref.sync import sync_to_async
from django.dispatch import Signal
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.test import override_settings
from django.urls import path
from pydantic import BaseModel
from typing_extensions import override

from gcp_event_router import Event, EventRouter, Principal
from gcp_event_router.utils import make_pubsub_message
from gcp_event_router.views import EventView

from ..conftest import Post, post_asgi, post_wsgi

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
    assert lines() == [
        "WARNING Event of kind 'k' with reference 'r' (message None): invalid: "
        "The body is a Pub/Sub push, but its message.data is not base64."
    ]


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


@pytest.mark.parametrize("step", ["setup", "dispatch", "post"])
def test_a_step_that_is_patched_later_is_taken(router: EventRouter, step: str) -> None:
    """Software that patches a method of the view, although the URLs exist already, sees each request."""
    seen: list[Event[Any]] = []
    router.on("k", payload=dict)(seen.append)

    with mock.patch.object(EventView, step, autospec=True, side_effect=getattr(EventView, step)) as patched:
        response = post_wsgi("/events/k/r")

    assert (told(response), len(seen), patched.call_count) == ((201, {}), 1, 1)


class Stepping(EventView):
    """A view that notes its steps."""

    steps: ClassVar[list[object]] = []

    @override
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.steps.append((self.request is request, self.kwargs))
        return super().dispatch(request, *args, **kwargs)


def test_a_view_of_ones_own_has_the_request(router: EventRouter) -> None:
    """A subclass that overrides a step gets an instance for each request, as from Django."""
    del router
    urls = (path("own/<event_kind>/<event_reference>", Stepping.as_view()),)

    with override_settings(ROOT_URLCONF=urls):
        answers = [told(post_wsgi(f"/own/k/{number}")) for number in range(2)]

    assert answers == [(201, {}), (201, {})]
    assert Stepping.steps == [(True, {"event_kind": "k", "event_reference": str(number)}) for number in range(2)]


def test_a_pattern_without_a_reference(router: EventRouter, lines: Lines) -> None:
    """A project's own pattern that names the kind alone leaves the reference unknown."""
    seen: list[Event[Any]] = []
    router.on("k", payload=object)(seen.append)

    with override_settings(ROOT_URLCONF=(path("own", EventView.as_view(), {"event_kind": "k"}),)):
        assert told(post_wsgi("/own")) == (201, {})

    assert [(event.kind, event.reference) for event in seen] == [("k", "(unknown)")]
    assert lines()[0].startswith("INFO Event of kind 'k' with reference '(unknown)' (message None): handled")


@pytest.mark.parametrize(("kinds", "hops"), [(["async", "async"], 0), (["def", "def"], 1), (["async", "def", "async"], 1)])
def test_the_event_loop_needs_a_thread_for_sync_handlers_only(
    router: EventRouter, monkeypatch: pytest.MonkeyPatch, kinds: list[str], hops: int
) -> None:
    """All sync handlers of an event run in one thread; without any, the whole request stays on the event loop.

    What wraps the router's receiver, as Sentry does, runs in a thread in any case.
    """
    finder: Any = Signal._live_receivers
    is_wrapped = finder.__globals__["__name__"] != "django.dispatch.dispatcher"
    calls: list[object] = []

    def counted(function: Callable[..., Any]) -> Any:
        calls.append(function)
        return sync_to_async(function)

    for kind in kinds:

        async def ahandler(event: Event[Any]) -> None: ...

        def handler(event: Event[Any]) -> None: ...

        router.on("k")(ahandler if kind == "async" else handler)
    monkeypatch.setattr("gcp_event_router._concurrency.sync_to_async", counted)

    response = post_asgi("/events/k/r")

    assert (told(response), len(calls)) == ((201, {}), 1 if is_wrapped else hops)


def test_a_request_whose_reading_fails_for_another_reason(post: Post, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a fault of a project's own subclass: the log tells its type and place, and nothing of its text."""
    monkeypatch.setattr("gcp_event_router.views.read_events", mock.Mock(side_effect=[ZeroDivisionError("secret text")]))

    answer = post("/events/k/r")

    assert told(answer) == (400, {"error": UNABLE})
    (line,) = lines()
    assert line.startswith("ERROR Event of kind 'k' with reference 'r' (message None): failed: ZeroDivisionError at ")
    assert "secret" not in line
