"""The endpoint: what it lets in, what it reads and what it answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.handlers.wsgi import WSGIHandler
from django.db import OperationalError, connections
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, RequestFactory, override_settings
from django.urls import reverse
from pydantic import BaseModel
from typing_extensions import override

from gcp_event_router import Event, EventRouter, Principal, Reject, Retry
from gcp_event_router.exceptions import AuthenticationError, ForbiddenError, UnavailableError
from gcp_event_router.utils import make_pubsub_message
from gcp_event_router.views import EventView

from .conftest import Post

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


def test_reverse_gives_the_form_without_a_slash() -> None:
    """The URL's name is django-gcp's, and its form has no trailing slash."""
    assert reverse("gcp-events", args=["the-kind", "the-reference"]) == "/events/the-kind/the-reference"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("prefix", ["", "/async"])
def test_other_methods_are_refused(method: str, prefix: str) -> None:
    """Everything but POST is answered 405, and told what is allowed."""
    response = Client().generic(method, f"{prefix}/events/k/r")

    assert (response.status_code, response.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("label", ["a%0Ab", "a%0Db", "%00", "%1B[0m", "%C2%85", "%E2%80%AE", "%E2%80%A8", "x" * 256])
@pytest.mark.parametrize("path", ["/events/{}/r", "/events/k/{}"])
def test_labels_that_cannot_be_printed_or_are_too_long_are_not_found(post: Post, label: str, path: str) -> None:
    """A kind or a reference with control characters, or over 255 characters, is a 404."""
    assert post(path.format(label)).status_code == 404


def test_longest_label_and_spaces_are_found(router: EventRouter, post: Post) -> None:
    """255 characters are accepted, and so are a space or dots."""
    seen: list[str] = []

    @router.on("*")
    def handler(event: Event[Any]) -> None:
        seen.append(event.kind)

    for label in ("x" * 255, "a%20b", "..%2e"):
        assert post(f"/events/{label}/r").status_code == 201
    assert seen == ["x" * 255, "a b", "..."]


@override_settings(
    MIDDLEWARE=[
        "django.middleware.common.CommonMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    INSTALLED_APPS=["gcp_event_router", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
)
@pytest.mark.parametrize("prefix", ["", "/async"])
def test_exempt_from_csrf_and_login(router: EventRouter, prefix: str) -> None:
    """No CSRF token and no login are asked for."""
    response = Client(enforce_csrf_checks=True).post(f"{prefix}/events/k/r", b"{}", content_type="application/json")

    assert response.status_code == 201


def test_exempt_from_atomic_requests_of_every_database(router: EventRouter, post: Post) -> None:
    """No transaction is open in a handler, although each database of the tests' settings asks for one."""
    open_blocks: list[bool] = []

    @router.on("k")
    def handler(event: Event[Any]) -> None:
        open_blocks.extend(connections[alias].in_atomic_block for alias in connections)

    assert post("/events/k/r").status_code == 201
    assert open_blocks == [False, False]


OUTCOMES: list[tuple[Exception, int, dict[str, str], Any]] = [
    (Reject("why"), 200, {}, {}),
    (Retry("why"), 503, {}, {"error": UNABLE}),
    (Retry("why", after=timedelta(seconds=1.2)), 503, {"Retry-After": "2"}, {"error": UNABLE}),
    (OperationalError("away"), 503, {}, {"error": UNABLE}),
    (UnavailableError("away"), 503, {}, {"error": UNABLE}),
    (KeyError("x"), 400, {}, {"error": UNABLE}),
    (
        ValidationError("%(value)s is odd", code="odd", params={"value": 3}),
        400,
        {},
        {"error": UNABLE, "errors": [{"loc": [], "msg": "%(value)s is odd", "type": "odd"}]},
    ),
]


@pytest.mark.parametrize(("error", "status", "headers", "body"), OUTCOMES)
def test_outcomes(router: EventRouter, post: Post, error: Exception, status: int, headers: dict[str, str], body: Any) -> None:
    """What a handler raises decides status, headers and body."""
    raising(router, error)

    response = post("/events/k/r")

    assert told(response) == (status, body if status != 200 else {})
    assert {name: response.headers[name] for name in ("Retry-After", "WWW-Authenticate") if name in response.headers} == headers


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
    assert lines()[0].endswith(": The body is a Pub/Sub push, but it does not hold what one holds at: message.data.")


@override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [], "FAILURE_STATUS": 500, "UNHANDLED": "error"})
def test_settings_of_answers(router: EventRouter, post: Post) -> None:
    """FAILURE_STATUS and UNHANDLED change the answers to a failure and to a kind that nothing handles."""
    assert told(post("/events/k/r")) == (400, {"error": UNABLE})

    raising(router, KeyError("x"))

    assert told(post("/events/k/r")) == (500, {"error": UNABLE})


@override_settings(DEBUG=True)
def test_failure_is_raised_under_debug(router: EventRouter, post: Post) -> None:
    """With DEBUG on, an unexpected exception reaches Django."""
    raising(router, KeyError("x"))

    with pytest.raises(KeyError, match="x"):
        post("/events/k/r")


def test_retry_is_no_error_in_any_log(router: EventRouter, post: Post, caplog: pytest.LogCaptureFixture) -> None:
    """A Retry is one line at INFO, and Django adds none for the 503."""
    caplog.set_level("INFO")
    raising(router, Retry("secret"))

    post("/events/k/r")

    assert [(record.name, record.levelname) for record in caplog.records if record.name != "asyncio"] == [
        ("gcp_event_router", "INFO")
    ]


def test_all_handlers_run_and_every_failure_is_logged(router: EventRouter, post: Post, lines: Lines) -> None:
    """Several handlers fail: the others run, the line names each failure, and the answer is the worst outcome."""
    ran: list[str] = []

    @router.on("k")
    def first(event: Event[Any]) -> None:
        ran.append("first")
        raise KeyError

    @router.on("k")
    async def second(event: Event[Any]) -> None:
        ran.append("second")
        raise Retry

    @router.on("k")
    def third(event: Event[Any]) -> None:
        ran.append("third")

    response = post("/events/k/r")

    assert told(response) == (400, {"error": UNABLE})
    assert ran == ["first", "third", "second"]
    (line,) = lines()
    assert line.startswith("ERROR Event of kind 'k' with reference 'r' (message None): failed by ")
    assert "first failed: KeyError at " in line
    assert "second asked to retry" in line


def test_too_many_parameters_are_refused(router: EventRouter, post: Post) -> None:
    """More parameters than Django's own limit are 400."""
    assert told(post("/events/k/r?" + "&".join(f"p{n}=1" for n in range(1001)))) == (400, {"error": UNABLE})


# The body


def test_largest_push_is_read_whatever_django_says(router: EventRouter, post: Post, settings: Any) -> None:
    """Ten megabytes of data in a push are read by default, though Django's own limit is lower."""
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1
    sizes: list[int] = []

    @router.on("k")
    def handler(event: Event[bytes]) -> None:
        sizes.append(len(event.payload))

    assert post("/events/k/r", make_pubsub_message(b"\0" * 10_000_000)).status_code == 201
    assert sizes == [10_000_000]


@override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [], "MAX_BODY_SIZE": 10})
def test_body_over_the_limit_is_refused(router: EventRouter, post: Post) -> None:
    """At the limit a body is read; one byte over it is 413."""
    assert post("/events/k/r", b'"12345678"').status_code == 201
    assert told(post("/events/k/r", b'"123456789"')) == (413, {"error": UNABLE})


def wsgi(body: bytes, **environ: Any) -> tuple[str, bytes]:
    """The answer of Django's WSGI handler to a request whose environ is given in part."""
    base = RequestFactory().post("/events/k/r", b"", content_type="application/json").environ
    base.pop("CONTENT_LENGTH", None)
    statuses: list[str] = []
    application = WSGIHandler()

    def start_response(status: str, *_: object) -> Any:
        statuses.append(status)

    content = application({**base, "wsgi.input": BytesIO(body), **environ}, start_response)
    return statuses[0], b"".join(content)


@pytest.mark.parametrize(
    ("body", "environ", "status"),
    [
        (b'"1"', {"CONTENT_LENGTH": "3"}, "201 Created"),
        (b'"1"', {"CONTENT_LENGTH": "abc"}, "400 Bad Request"),
        (b'"1"', {"CONTENT_LENGTH": "-1"}, "400 Bad Request"),
        (b'"1"', {"CONTENT_LENGTH": "4"}, "400 Bad Request"),
        (b'"1"', {"CONTENT_LENGTH": "99999999999"}, "413 Request Entity Too Large"),
        (b"", {}, "201 Created"),
        (b'"1"', {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}, "201 Created"),
        (b'"1"', {"HTTP_TRANSFER_ENCODING": "chunked"}, "400 Bad Request"),
    ],
)
def test_lengths_under_wsgi(router: EventRouter, body: bytes, environ: dict[str, Any], status: str) -> None:
    """A Content-Length that is wrong, short or too long is refused; chunks are read where the server passes them on."""
    assert wsgi(body, **environ)[0] == status


def test_broken_connection_is_refused(router: EventRouter) -> None:
    """A body that cannot be read to its end is 400."""

    class Broken(BytesIO):
        @override
        def read(self, size: int | None = -1, /) -> bytes:
            msg = "connection lost"
            raise OSError(msg)

    status, content = wsgi(b"", CONTENT_LENGTH="3", **{"wsgi.input": Broken()})

    assert (status, json.loads(content)) == ("400 Bad Request", {"error": UNABLE})


# Who may send


class Guard:
    """An authenticator for tests: answers what the header says."""

    def __init__(self, name: str = "guard") -> None:
        self.name = name

    def authenticate(self, request: HttpRequest) -> Principal | None:
        match request.headers.get("X-Guard"):
            case "welcome":
                return Principal(self.name, email="a@example.com")
            case "bad":
                raise AuthenticationError
            case "stranger":
                raise ForbiddenError
            case "asleep":
                raise UnavailableError
            case "broken":
                msg = "secret"
                raise RuntimeError(msg)
            case _:
                return None


GUARDED = {"AUTHENTICATION": [{"BACKEND": f"{__name__}.Guard"}], "MAX_BODY_SIZE": 10}


@override_settings(GCP_EVENT_ROUTER=GUARDED)
@pytest.mark.parametrize(
    ("header", "status", "body"),
    [
        ("", 401, {"error": "Unauthorized"}),
        ("bad", 401, {"error": "Unauthorized"}),
        ("stranger", 403, {"error": "Forbidden"}),
        ("asleep", 503, {"error": UNABLE}),
        ("broken", 400, {"error": UNABLE}),
    ],
)
def test_strangers_are_refused_before_their_body_is_read(
    router: EventRouter, post: Post, lines: Lines, header: str, status: int, body: Any
) -> None:
    """Authentication comes before size and body, no receiver is called, and the log holds no text of the refusal."""
    seen: list[object] = []
    router.on("k", payload=object)(seen.append)

    response = post("/events/k/r", b"{" * 11, X_Guard=header)

    assert told(response) == (status, body)
    assert response.headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)
    assert seen == []
    assert len(lines()) == 1
    assert "secret" not in lines()[0]


@override_settings(GCP_EVENT_ROUTER=GUARDED)
def test_known_and_unknown_kinds_are_refused_alike(router: EventRouter, post: Post) -> None:
    """A stranger cannot tell a kind that is handled from one that is not."""
    raising(router, KeyError("x"))
    known, unknown = post("/events/k/r"), post("/events/other/r")

    assert (known.status_code, known.content, dict(known.headers)) == (
        unknown.status_code,
        unknown.content,
        dict(unknown.headers),
    )


@override_settings(GCP_EVENT_ROUTER=GUARDED)
def test_principal_reaches_the_handler(router: EventRouter, post: Post) -> None:
    """Who sent an event stands on it."""
    seen: list[Event[Any]] = []
    router.on("k", payload=object)(seen.append)

    assert post("/events/k/r", X_Guard="welcome").status_code == 201
    assert [event.principal for event in seen] == [Principal("guard", email="a@example.com")]


@override_settings(GCP_EVENT_ROUTER={})
def test_unconfigured_door_is_closed(router: EventRouter, post: Post, lines: Lines) -> None:
    """Without authentication in the settings, everybody gets 403, and the log says what to write."""
    assert told(post("/events/k/r")) == (403, {"error": "Forbidden"})
    assert lines()[0] == (
        'ERROR The events endpoint is closed to everybody: write GCP_EVENT_ROUTER = {"AUTHENTICATION": [{"BACKEND": '
        '"dotted.path.of.Authenticator"}]} in your settings, or {"AUTHENTICATION": []} to open it on purpose.'
    )


@override_settings(GCP_EVENT_ROUTER={}, DEBUG=True)
def test_unconfigured_door_is_open_under_debug(router: EventRouter, post: Post) -> None:
    """With DEBUG on, a project without authentication receives events."""
    assert post("/events/k/r").status_code == 201


@override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": []})
def test_authenticators_of_a_view_come_before_those_of_the_settings(router: EventRouter) -> None:
    """`as_view(authentication=[...])` closes one view of an open endpoint."""
    view = EventView.as_view(authentication=[Guard("own")])
    factory = RequestFactory()

    refused = view(factory.post("/"), event_kind="k", event_reference="r")
    accepted = view(factory.post("/", headers={"X-Guard": "welcome"}), event_kind="k", event_reference="r")

    assert (refused.status_code, accepted.status_code) == (401, 201)


@override_settings(GCP_EVENT_ROUTER=GUARDED)
async def test_method_is_refused_before_authentication() -> None:
    """A GET without credentials is 405, not 401."""
    response = await AsyncClient().get("/async/events/k/r")

    assert response.status_code == 405
