"""Who may send: authenticators, their order, and what a stranger is told."""

from __future__ import annotations

import re
from asyncio import get_running_loop
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, path
from typing_extensions import override

from gcp_event_router import Event, EventRouter, Principal, Reject
from gcp_event_router.exceptions import AuthenticationError, ConfigurationError, EnvelopeError, ForbiddenError, UnavailableError
from gcp_event_router.signals import event_received
from gcp_event_router.views import AsyncEventView, EventView

from ..conftest import Post, post_asgi

JSON = {"Content-Type": "application/json"}
UNABLE = b'{"error": "Unable to handle event of kind k with reference r"}'
UNAUTHORIZED = (401, b'{"error": "Unauthorized"}', {**JSON, "WWW-Authenticate": "Bearer"})
FORBIDDEN = (403, b'{"error": "Forbidden"}', JSON)
UNAVAILABLE = (503, UNABLE, JSON)
ACCEPTED = (201, b"{}", JSON)


class Door:
    """Lets in whoever names it in the header `Door`, and refuses others as it was told."""

    def __init__(self, name: str = "door", refusal: type[Exception] | None = None) -> None:
        self.name = name
        self.refusal = refusal

    def authenticate(self, request: HttpRequest) -> Principal | None:
        if request.headers.get("Door") == self.name:
            return Principal(self.name, email="sender@example.com")
        if self.refusal is not None:
            msg = "secret text of a refusal"
            raise self.refusal(msg)
        return None


class BlockedError(ForbiddenError):
    """A subclass as it is often written: without a call of the other `__init__`."""

    def __init__(self, sender: str) -> None:
        self.sender = sender


class WaitingDoor(Door):
    """The same, with a method of its own for the event loop."""

    async def aauthenticate(self, request: HttpRequest) -> Principal | None:
        found = self.authenticate(request)
        return found and Principal("awaited", email=found.email)


class Careless:
    """Answers something that is no `Principal`."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def authenticate(self, request: HttpRequest) -> Principal | None:
        return cast("Principal | None", self.answer)


class OnlyAsync(Door):
    """An authenticator that a project wrote for its async view."""

    @override
    async def authenticate(self, request: HttpRequest) -> Principal | None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] -- awaited
        return super().authenticate(request)


def settings(*backends: tuple[str, dict[str, Any]], **more: Any) -> Any:
    entries = [{"BACKEND": f"{__name__}.{name}", "OPTIONS": options} for name, options in backends]
    return override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": entries, **more})


def whole(response: HttpResponse) -> tuple[int, bytes, dict[str, str]]:
    return response.status_code, response.content, dict(response.headers)


@pytest.fixture
def seen() -> Iterator[list[str]]:
    """The kinds that a plain receiver was sent."""
    kinds: list[str] = []

    def receiver(event_kind: str) -> None:
        kinds.append(event_kind)

    event_received.connect(receiver, weak=False)
    yield kinds
    event_received.disconnect(receiver)


@pytest.mark.parametrize(
    ("refusals", "answer"),
    [
        ([None], UNAUTHORIZED),
        ([AuthenticationError], UNAUTHORIZED),
        ([ForbiddenError], FORBIDDEN),
        ([UnavailableError], UNAVAILABLE),
        ([None, AuthenticationError], UNAUTHORIZED),
        ([AuthenticationError, ForbiddenError], FORBIDDEN),
        ([ForbiddenError, AuthenticationError], FORBIDDEN),
        ([AuthenticationError, UnavailableError, ForbiddenError], UNAVAILABLE),
        ([RuntimeError], UNAVAILABLE),
        ([RuntimeError, ForbiddenError], UNAVAILABLE),
        ([PermissionDenied], FORBIDDEN),
        ([BlockedError], FORBIDDEN),
        ([Reject], UNAVAILABLE),
        ([EnvelopeError], UNAVAILABLE),
        ([ValidationError], UNAVAILABLE),
        ([StopIteration], UNAVAILABLE),
        ([Http404], UNAVAILABLE),
    ],
)
def test_a_stranger_is_told_the_most_telling_refusal(
    router: EventRouter, post: Post, refusals: list[type[Exception] | None], answer: object
) -> None:
    """Of several authenticators' refusals 503 comes before 403, and 403 before 401; whatever else one raises is a 503."""
    with settings(*[("Door", {"refusal": refusal}) for refusal in refusals]):
        assert whole(post("/events/k/r")) == answer


@pytest.mark.parametrize("door", ["Door", "WaitingDoor"])
def test_one_that_accepts_is_enough(router: EventRouter, post: Post, door: str) -> None:
    """A sender whom any one authenticator accepts is let in, and the handler is told who it is."""
    principals: list[Principal | None] = []

    @router.on("k")
    def handler(event: Event[Any]) -> None:
        principals.append(event.principal)

    with settings(
        ("Door", {"refusal": UnavailableError}),
        (door, {"name": "second"}),
        ("Door", {"refusal": ForbiddenError}),
    ):
        response = post("/events/k/r", Door="second")

    assert whole(response) == ACCEPTED
    method = "awaited" if door == "WaitingDoor" and post is post_asgi else "second"
    assert principals == [Principal(method, email="sender@example.com")]


def test_a_stranger_learns_nothing_of_which_kinds_are_known(router: EventRouter, post: Post) -> None:
    """The answer to a stranger is the same, byte for byte, whether or not something handles the kind."""

    @router.on("known")
    def handler(event: Event[Any]) -> None: ...

    with settings(("Door", {})):
        assert whole(post("/events/known/r")) == whole(post("/events/unknown/r")) == UNAUTHORIZED


@pytest.mark.django_db
def test_a_stranger_costs_no_query_and_no_signal(router: EventRouter, post: Post, seen: list[str]) -> None:
    """A request that is refused runs no query, is sent to no receiver and reaches no handler."""

    @router.on("*")
    def handler(event: Event[Any]) -> None:
        seen.append("handled")

    with settings(("Door", {})), CaptureQueriesContext(connection) as queries:
        response = post("/events/k/r", b"{}")

    assert (whole(response), queries.captured_queries, seen) == (UNAUTHORIZED, [], [])


@pytest.mark.parametrize("refusal", [AuthenticationError, ForbiddenError, BlockedError, UnavailableError, RuntimeError])
def test_the_text_of_a_refusal_stays_at_debug(
    router: EventRouter, post: Post, caplog: pytest.LogCaptureFixture, refusal: type[Exception]
) -> None:
    """A refusal's line in the log has its type, and not its text; nor has the line of an authenticator that failed."""
    with settings(("Door", {"refusal": refusal})), caplog.at_level("INFO"):
        post("/events/k/r")

    *_, record = [each for each in caplog.records if each.name != "asyncio"]
    kind = "UnavailableError, an authenticator failed" if refusal is RuntimeError else refusal.__name__
    assert record.getMessage().partition("): ")[2].partition(": ")[2] == kind
    assert "secret text" not in caplog.text


CLOSED = (
    'The events endpoint is closed to everybody: write GCP_EVENT_ROUTER = {"AUTHENTICATION": [{"BACKEND": '
    '"gcp_event_router.auth.OIDC", "OPTIONS": {...}}]} in your settings, or {"AUTHENTICATION": []} to open it on purpose.'
)


#: What the log says of a stranger, by the entry in AUTHENTICATION.
REASONS: list[tuple[tuple[str, dict[str, Any]] | None, list[str]]] = [
    (("Door", {}), ["unauthenticated: AuthenticationError, it has no credentials that an authenticator reads"]),
    (("Door", {"refusal": PermissionDenied}), ["forbidden: ForbiddenError, the authenticator denied permission"]),
    (
        ("Careless", {"answer": True}),
        [
            "The authenticator Careless must return a Principal or None, not an object of type bool.",
            "unavailable: UnavailableError, an authenticator failed",
        ],
    ),
    (None, [CLOSED, "forbidden: ForbiddenError, no authentication is configured"]),
]


@pytest.mark.parametrize(("backend", "said"), REASONS)
def test_the_log_says_why_a_stranger_is_refused(
    router: EventRouter, post: Post, lines: Callable[[], list[str]], backend: tuple[str, dict[str, Any]] | None, said: list[str]
) -> None:
    """Each refusal has a reason of its own in the log."""
    with settings(backend) if backend else override_settings(GCP_EVENT_ROUTER={}):
        post("/events/k/r")

    assert [line.partition("(message None): ")[2] or line.partition(" ")[2] for line in lines()] == said


def test_the_error_of_an_authenticator_that_failed(router: EventRouter, post: Post, caplog: pytest.LogCaptureFixture) -> None:
    """At ERROR, the log says which authenticator failed and where, and only at DEBUG with what text."""
    with settings(("Door", {"refusal": RuntimeError})), caplog.at_level("DEBUG"):
        post("/events/k/r")

    error, debug = [record for record in caplog.records if "failed" in record.msg and record.levelname in {"ERROR", "DEBUG"}]
    assert re.fullmatch(r"The authenticator Door failed: RuntimeError .*test_access\.py:\d+.*", error.getMessage())
    assert (debug.levelname, debug.getMessage()) == ("DEBUG", "The authenticator Door failed")
    assert debug.exc_info is not None
    assert str(debug.exc_info[1]) == "secret text of a refusal"


OVERSIZE = b'"123456789"'
BROKEN = b'{"a": '


@pytest.mark.parametrize(
    ("method", "door", "body", "status"),
    [
        ("GET", "", OVERSIZE, 405),
        ("POST", "", OVERSIZE, 401),
        ("POST", "door", OVERSIZE, 413),
        ("POST", "", BROKEN, 401),
        ("POST", "door", BROKEN, 400),
        ("POST", "door", b"{}", 201),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/async"])
def test_method_then_sender_then_size_then_body(
    router: EventRouter, prefix: str, method: str, door: str, body: bytes, status: int
) -> None:
    """A request is judged by its method first, then by its sender, its size and its body."""
    with settings(("Door", {}), MAX_BODY_SIZE=10):
        response = Client().generic(method, f"{prefix}/events/k/r", body, "application/json", headers={"Door": door})

    assert response.status_code == status


@override_settings(GCP_EVENT_ROUTER={})
def test_an_unconfigured_endpoint_is_closed(
    router: EventRouter, post: Post, seen: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Without AUTHENTICATION and without DEBUG everybody is answered 403, and the log says what to write."""
    response = post("/events/k/r")

    assert (whole(response), seen) == (FORBIDDEN, [])
    assert ("gcp_event_router", "ERROR", CLOSED) in [(each.name, each.levelname, each.getMessage()) for each in caplog.records]


OPEN = (
    "WARNING The events endpoint is open to everybody, since DEBUG is on and AUTHENTICATION is not set. Without DEBUG, it "
    'answers 403 to all: say in GCP_EVENT_ROUTER["AUTHENTICATION"] who may send, or write [] there to open it on purpose.'
)


@pytest.mark.parametrize(
    ("authentication", "debug", "said"),
    [({}, True, [OPEN]), ({"AUTHENTICATION": []}, True, []), ({"AUTHENTICATION": []}, False, [])],
)
def test_an_open_endpoint_lets_everybody_in(
    router: EventRouter,
    post: Post,
    authentication: dict[str, Any],
    debug: bool,
    said: list[str],
    lines: Callable[[], list[str]],
) -> None:
    """DEBUG opens the endpoint, and the log says so once; an empty list does it on purpose, and nothing is said."""
    router.on("k", payload=object)(lambda event: None)

    with override_settings(GCP_EVENT_ROUTER=authentication, DEBUG=debug):
        assert [whole(post("/events/k/r")) for _ in range(2)] == [ACCEPTED, ACCEPTED]

    assert [line for line in lines() if not line.startswith("INFO Event of kind")] == said


@pytest.mark.parametrize("view", [EventView, AsyncEventView])
@pytest.mark.parametrize("door", ["Door", "WaitingDoor"])
def test_a_view_may_have_authenticators_of_its_own(router: EventRouter, view: type[EventView], door: str) -> None:
    """`as_view(authentication=[...])` takes the place of the settings, in which another one is named or none."""
    own: Door = {"Door": Door, "WaitingDoor": WaitingDoor}[door]("own")
    patterns: tuple[URLPattern, ...] = (
        path("<event_kind>/<event_reference>", view.as_view(authentication=[own])),
        path("open/<event_kind>/<event_reference>", view.as_view(authentication=[])),
    )

    with settings(("Door", {"name": "of the settings"})), override_settings(ROOT_URLCONF=patterns):
        statuses = [
            Client().generic("POST", url, b"", headers={"Door": name}).status_code
            for url, name in [("/k/r", "own"), ("/k/r", "of the settings"), ("/open/k/r", "")]
        ]

    assert statuses == [201, 401, 201]


@pytest.mark.parametrize("answer", [False, True, "", "me", 0, {}, object()])
def test_only_a_principal_opens_the_door(router: EventRouter, post: Post, seen: list[str], answer: object) -> None:
    """An authenticator that answers anything but a `Principal`, such as False, lets nobody in."""
    with settings(("Careless", {"answer": answer})):
        response = post("/events/k/r")

    assert (whole(response), seen) == (UNAVAILABLE, [])


def test_an_async_authenticator_under_wsgi(router: EventRouter, post: Post) -> None:
    """An `async def authenticate` is awaited under WSGI as well."""
    with settings(("OnlyAsync", {"name": "own"})):
        assert [post("/events/k/r", Door=name).status_code for name in ("own", "other")] == [201, 401]


def test_any_object_with_the_method_is_an_authenticator(router: EventRouter) -> None:
    """The method need not be one of the object's class."""

    def admit(request: HttpRequest) -> Principal:
        return Principal("own")

    door = SimpleNamespace(authenticate=admit)
    with override_settings(ROOT_URLCONF=(path("<event_kind>/<event_reference>", EventView.as_view(authentication=[door])),)):
        assert Client().post("/k/r", b"{}", "application/json").status_code == 201


class Later(Door):
    """A plain method that returns what has to be awaited, as a decorator's wrapper does."""

    @override
    def authenticate(self, request: HttpRequest) -> Any:
        async def ask() -> Principal | None:
            return Door.authenticate(self, request)

        return ask()


def test_what_an_authenticator_returns_is_awaited(router: EventRouter, post: Post) -> None:
    """A plain method may return an awaitable, at either door."""
    with settings(("Later", {"name": "own"})):
        assert [post("/events/k/r", Door=name).status_code for name in ("own", "other")] == [201, 401]


class Apart(Door):
    """One whose method for the event loop does not call the other."""

    async def aauthenticate(self, request: HttpRequest) -> Principal | None:
        return Principal("awaited")


class Stricter(Apart):
    """A subclass with a rule of its own, which its base's `aauthenticate` knows nothing of."""

    @override
    def authenticate(self, request: HttpRequest) -> Principal | None:
        raise ForbiddenError


def test_a_subclass_is_asked_by_its_own_method(router: EventRouter, post: Post) -> None:
    """Under ASGI, too, what a subclass overrides is what is asked."""
    with settings(("Stricter", {})):
        assert whole(post("/events/k/r", Door="door")) == FORBIDDEN


@pytest.mark.parametrize("route", ["of/<slug:tenant>/<event_kind>/<int:event_reference>", "of/x/<event_kind>/<event_reference>"])
@pytest.mark.parametrize("view", [EventView, AsyncEventView])
def test_other_patterns(router: EventRouter, view: type[EventView], route: str) -> None:
    """A pattern may capture more than the view needs, and convert it: a stranger is told 401, and others are let in."""
    references: list[str] = []

    @router.on("k")
    def handler(event: Event[Any]) -> None:
        references.append(event.reference)

    with override_settings(ROOT_URLCONF=(path(route, view.as_view(authentication=[Door()]), {"more": 1}),)):
        statuses = [Client().generic("POST", "/of/x/k/17", b"", headers={"Door": name}).status_code for name in ("", "door")]

    assert (statuses, references) == ([401, 201], ["17"])


class Careful:
    """Names its secret as one string, and not as a collection of names."""

    secret_parameters = "key"

    def authenticate(self, request: HttpRequest) -> Principal | None:
        return None


class Cautious:
    """Does the same with the name of a header."""

    secret_headers = "Key"

    def authenticate(self, request: HttpRequest) -> Principal | None:
        return None


@pytest.mark.parametrize(
    ("authentication", "message"),
    [
        (
            Door(),
            "authentication is of type Door, which is not a list. Give a list of authenticators; [] lets everybody in.",
        ),
        (
            [Door],
            "The authenticator Door is a class, not an instance of it. Write Door(...).",
        ),
        ([5], "The authenticator int has no method authenticate(request). Give it one that returns a Principal or None."),
        (
            [Careful()],
            "The secret_parameters of the authenticator Careful must be a collection of names, not a string. Write a tuple.",
        ),
        (
            [Cautious()],
            "The secret_headers of the authenticator Cautious must be a collection of names, not a string. Write a tuple.",
        ),
    ],
)
def test_what_is_no_authenticator_is_refused_by_the_view(authentication: Any, message: str) -> None:
    """A mistake in a URL pattern stops the start."""
    with pytest.raises(ConfigurationError) as caught:
        EventView.as_view(authentication=authentication)

    assert str(caught.value) == message


class Blocking:
    """Does what is forbidden on an event loop."""

    def authenticate(self, request: HttpRequest) -> Principal | None:
        with pytest.raises(RuntimeError, match=r"^no running event loop$"):
            get_running_loop()
        return Principal("thread")


def test_a_blocking_authenticator_does_not_block_the_loop(router: EventRouter, post: Post) -> None:
    """Under ASGI an authenticator without `aauthenticate` runs in a thread, where no loop runs."""
    with settings(("Blocking", {})):
        assert whole(post("/events/k/r")) == ACCEPTED
