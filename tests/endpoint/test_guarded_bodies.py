"""`asgi.guard_bodies`: which bodies it holds back, and which requests it does not touch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import include, path
from django.views.generic import View
from typing_extensions import override

from gcp_event_router import Event, EventRouter
from gcp_event_router.asgi import guard_bodies
from gcp_event_router.auth import SharedToken
from gcp_event_router.views import AsyncEventView, EventView

from .test_bodies import LIMIT, UNABLE, Answer, asgi
from .test_body_reuse import Reader

TOKEN = "a token that is long enough"
CREDENTIALS = (b"x-token", TOKEN.encode())
NOBODY: tuple[bytes, bytes] = (b"x-nobody", b"")
UNAUTHORIZED = (401, b'{"error": "Unauthorized"}')
own = [SharedToken(header="X-Own-Token", tokens=[TOKEN])]


def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.body)


for alias in connections:
    transaction.non_atomic_requests(using=alias)(echo)


class Signed(AsyncEventView):
    """A project's own view, which reads the body first."""

    @override
    async def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] -- as the view itself
        return HttpResponse(request.body)


class Named(AsyncEventView):
    """A project's own view, which only sets authenticators."""

    authentication = own


def reading(view: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that reads the body before the view."""

    @wraps(view)
    async def wrapper(request: HttpRequest, **_: object) -> HttpResponse:
        return HttpResponse(request.body)

    return wrapper


urlpatterns = [
    path("", include("gcp_event_router.urls")),
    path("async/", include(("gcp_event_router.urls_async", "gcp_event_router"), namespace="async")),
    path("echo", echo),
    path("own", Named.as_view()),
    path("own-sync", EventView.as_view(authentication=own)),
    path("signed", Signed.as_view()),
    path("wrapped", reading(AsyncEventView.as_view())),
]
pytestmark = [pytest.mark.usefixtures("connections_stay", "_site")]
both = pytest.mark.parametrize("url", ["/async/events/k/r", "/events/k/r"])


@pytest.fixture
def _site() -> Any:
    """The endpoints, which require a token."""
    token = {"BACKEND": "gcp_event_router.auth.SharedToken", "OPTIONS": {"header": "X-Token", "tokens": [TOKEN]}}
    with override_settings(ROOT_URLCONF=__name__, GCP_EVENT_ROUTER={"AUTHENTICATION": [token], "MAX_BODY_SIZE": LIMIT}):
        yield


@pytest.fixture
def payloads(router: EventRouter) -> list[bytes]:
    """The payloads that the handler got."""
    received: list[bytes] = []

    @router.on("*")
    def handler(event: Event[bytes]) -> None:
        received.append(event.payload)

    return received


class Client:
    """Posts to the guarded application, and counts the server's messages that it takes before the answer begins."""

    def __init__(self) -> None:
        self.taken = 0
        self._is_answered = False

    def post(self, *messages: dict[str, Any], headers: list[tuple[bytes, bytes]] | None = None, **options: Any) -> Answer:
        handler = ASGIHandler()

        async def counting(scope: Any, receive: Any, send: Any) -> None:
            async def take() -> Any:
                self.taken += not self._is_answered
                return await receive()

            async def answer(message: Any) -> None:
                self._is_answered = True
                await send(message)

            await guard_bodies(handler)(scope, take, answer)

        return asgi(*messages, headers=[CREDENTIALS] if headers is None else headers, application=counting, **options)


def part(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"body": body, "more_body": more}


@both
@pytest.mark.parametrize(
    "messages",
    [
        [part(b"{}")],
        [part(b"{", more=True), part(b"}")],
        [part(b"", more=True), part(b"{}", more=True), {}],
        [part(b"x" * LIMIT, more=True), part(b"")],
        [{}],
    ],
)
def test_a_whole_body_reaches_the_handler(payloads: list[bytes], url: str, messages: list[dict[str, Any]]) -> None:
    """An event of an accepted sender is handled as without the guard, however its body arrives."""
    assert Client().post(*messages, path=url) == (201, b"{}")
    assert payloads == [b"".join(each.get("body", b"") for each in messages)]


@both
@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({"headers": [NOBODY]}, UNAUTHORIZED),
        ({"headers": [(b"x-token", b"a guess")]}, UNAUTHORIZED),
        ({"method": "PUT"}, (405, b"")),
        ({"method": "GET"}, (405, b"")),
        ({"headers": [CREDENTIALS, (b"content-length", b"1001")]}, (413, UNABLE)),
        ({"headers": [CREDENTIALS, (b"content-length", b"9" * 20)]}, (413, UNABLE)),
        ({"headers": [CREDENTIALS, (b"content-length", b"some")]}, (400, UNABLE)),
    ],
)
def test_what_is_refused_by_its_head_is_not_read(
    payloads: list[bytes], url: str, options: dict[str, Any], answer: Answer
) -> None:
    """The guard refuses a request by its method, its sender or its length before it receives the body."""
    client = Client()

    assert client.post(*[part(b"x", more=True)] * 100, path=url, **options) == answer
    assert (client.taken, payloads) == (0, [])


@both
def test_too_much_is_cut_off(payloads: list[bytes], url: str) -> None:
    """The guard reads a body without a length until it exceeds the limit, and no further."""
    client = Client()

    assert client.post(*[part(b"x" * 100, more=True)] * 1000, path=url) == (413, UNABLE)
    assert (client.taken, payloads) == (LIMIT // 100 + 1, [])


@both
@pytest.mark.parametrize("messages", [[], [part(b"{}", more=True)]])
def test_a_client_that_hangs_up_is_not_handled(payloads: list[bytes], url: str, messages: list[dict[str, Any]]) -> None:
    """If a client disconnects before its body is complete, no handler runs."""
    answer = Client().post(*messages, {"type": "http.disconnect"}, path=url)

    assert (answer in {None, (400, UNABLE)}, payloads) == (True, [])


def test_a_body_that_is_shorter_than_its_length_is_refused(payloads: list[bytes]) -> None:
    """A Content-Length is compared with what came."""
    assert Client().post(part(b"{}"), headers=[CREDENTIALS, (b"content-length", b"3")]) == (400, UNABLE)
    assert payloads == []


async def test_a_client_that_hangs_up_later_ends_its_handler(router: EventRouter) -> None:
    """While an async handler runs, Django still notices a client's disconnect, and cancels it."""
    started, ended = asyncio.Event(), asyncio.Event()

    @router.on("k")
    async def handler(event: Event[Any]) -> None:
        started.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.set()

    messages = [{"type": "http.request", "body": b"{}"}]

    async def receive() -> Any:
        if messages:
            return messages.pop()
        await started.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        pytest.fail("nobody is there to be answered")

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/async/events/k/r",
        "query_string": b"",
        "headers": [(b"host", b"testserver"), (b"content-type", b"application/json"), CREDENTIALS],
    }
    await asyncio.wait_for(guard_bodies(ASGIHandler())(scope, receive, send), 30)
    assert ended.is_set()


@pytest.mark.parametrize("url", ["/own", "/own-sync"])
def test_own_views_have_their_own_authentication(router: EventRouter, url: str) -> None:
    """The guard uses a view's own authenticators, not those in the settings."""
    stranger, client = Client(), Client()

    assert (stranger.post(part(b"{}"), path=url), stranger.taken) == (UNAUTHORIZED, 0)
    answer = client.post(part(b"{}"), path=url, headers=[(b"x-own-token", TOKEN.encode())])
    assert (answer and answer[0], client.taken > 0) == (400, True)  # the URL names no kind, and this is not a CloudEvent


@pytest.mark.parametrize("url", ["/echo", "/signed", "/wrapped"])
def test_all_else_is_left_alone(url: str) -> None:
    """Other views, views that do more before they authenticate, and decorated views get their body as without the guard."""
    assert Client().post(part(b"{", more=True), part(b"}"), path=url, headers=[NOBODY]) == (200, b"{}")


class Traced:
    """Wraps a method of Django's `View`, as New Relic's agent does (newrelic/hooks/framework_django.py, wrap_view_dispatch)."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self.method = method
        self.calls = 0

    def __get__(self, instance: View | None, owner: type[View]) -> Callable[..., Any]:
        def traced(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            return self.method.__get__(instance, owner)(*args, **kwargs)

        return traced


class Proxy:
    """Has all attributes of a view."""

    def __init__(self, view: Callable[..., Any]) -> None:
        self.__wrapped__ = view

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__wrapped__(*args, **kwargs)


#: ddtrace/contrib/internal/django/utils.py and newrelic/common/object_wrapper.py.
DjangoViewProxy: Any = type("DjangoViewProxy", (Proxy,), {"__module__": property(lambda self: self.__wrapped__.__module__)})
FunctionWrapper: Any = type("FunctionWrapper", (Proxy,), {"__module__": "newrelic.common.object_wrapper"})


@pytest.mark.parametrize("view", [AsyncEventView, EventView, Named])
def test_software_that_watches_views_leaves_the_guard_on(monkeypatch: pytest.MonkeyPatch, view: type[EventView]) -> None:
    """New Relic and ddtrace wrap views and Django's methods of them; they see the request, and its body is held back."""
    traced = [Traced(vars(View)[step]) for step in ("setup", "dispatch")]
    monkeypatch.setattr(View, "setup", traced[0])
    monkeypatch.setattr(View, "dispatch", traced[1])
    stranger = Client()

    watched = DjangoViewProxy(FunctionWrapper(view.as_view(authentication=own)))
    with override_settings(ROOT_URLCONF=(path("own", watched),)):
        answer = stranger.post(part(b"{}"), path="/own", headers=[NOBODY])

    assert (answer, stranger.taken, [each.calls for each in traced]) == (UNAUTHORIZED, 0, [1, 1])


def test_an_unknown_url_is_answered_by_django() -> None:
    """An unknown URL gets 404, as without the guard."""
    answer = Client().post(part(b"{}"), path="/nowhere")

    assert (answer and answer[0]) == 404


def test_a_site_below_a_path_is_guarded(payloads: list[bytes]) -> None:
    """The path at which a server is mounted (ASGI's root_path) is not part of the URL."""
    stranger, client = Client(), Client()

    mounted: dict[str, Any] = {"path": "/shop/async/events/k/r", "root_path": "/shop"}
    assert (stranger.post(part(b"{}"), headers=[NOBODY], **mounted), stranger.taken) == (UNAUTHORIZED, 0)
    assert (client.post(part(b"{}"), **mounted), payloads) == ((201, b"{}"), [b"{}"])


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_request_without_a_body_is_left_alone(payloads: list[bytes], version: str) -> None:
    """In HTTP/1, the headers say whether a body follows (RFC 9112 §6.3)."""
    client = Client()

    assert (client.post({}, http_version=version), payloads) == ((201, b"{}"), [b""])


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
async def test_other_protocols_pass(kind: str) -> None:
    """Other protocols than HTTP reach the application unchanged."""
    passed: list[Any] = []

    async def application(*given: Any) -> None:
        passed.extend(given)

    given = ({"type": kind}, object(), object())
    await guard_bodies(application)(*given)
    assert all(one is another for one, another in zip(passed, given, strict=True))


@pytest.mark.parametrize(
    ("messages", "expected"),
    [([part(b"{}")], b"{}"), ([part(b"x" * (LIMIT + 1))], b""), ([{"type": "http.disconnect"}], b"")],
)
@both
def test_middleware_after_the_view_finds_the_body(
    payloads: list[bytes], url: str, messages: list[dict[str, Any]], expected: bytes
) -> None:
    """After the view, `request.body` is the body, or empty if the body was refused; before the view it is empty."""

    def body(request: HttpRequest) -> bytes:
        return request.body

    Reader.before = Reader.after = staticmethod(body)
    try:
        with override_settings(MIDDLEWARE=["tests.endpoint.test_body_reuse.Reader"]):
            Client().post(*messages, path=url)
        assert Reader.found in ([b"", expected], [b""])
        assert not expected or Reader.found == [b"", expected]
    finally:
        Reader.before = Reader.after = None
        Reader.found.clear()
