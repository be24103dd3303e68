"""What others find of a request's body: middleware before the view, and after it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any, ClassVar
from weakref import ref

import pytest
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.test import override_settings

from gcp_event_router import Event, EventRouter

from .test_bodies import LIMIT, TERMINATED, UNABLE, Answer, Broken, Reset, asgi, wsgi

pytestmark = pytest.mark.usefixtures("connections_stay")
FORM = "application/x-www-form-urlencoded"


class Reader:
    """A middleware that looks at the request `before` and `after` the view, and keeps what it finds."""

    sync_capable = True
    async_capable = True
    before: ClassVar[Callable[[HttpRequest], Any] | None] = None
    after: ClassVar[Callable[[HttpRequest], Any] | None] = None
    found: ClassVar[list[Any]] = []

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        # before Python 3.12, inspect does not know what asgiref has marked
        self._is_async = iscoroutinefunction(get_response)  # pyright: ignore[reportDeprecated]
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if self._is_async:
            return self._awaited(request)
        self._look(Reader.before, request)
        response = self._get_response(request)
        self._look(Reader.after, request)
        return response

    async def _awaited(self, request: HttpRequest) -> Any:
        self._look(Reader.before, request)
        response = await self._get_response(request)
        self._look(Reader.after, request)
        return response

    @staticmethod
    def _look(look: Callable[[HttpRequest], Any] | None, request: HttpRequest) -> None:
        if look is not None:
            try:
                Reader.found.append(look(request))
            except Exception as error:  # noqa: BLE001 -- compared
                Reader.found.append(type(error))


@pytest.fixture(autouse=True)
def _reader() -> Iterator[None]:
    """The middleware, around the endpoint."""
    reader = f"{__name__}.Reader"
    limits: dict[str, Any] = {"AUTHENTICATION": [], "MAX_BODY_SIZE": LIMIT}
    with override_settings(MIDDLEWARE=[reader], GCP_EVENT_ROUTER=limits):
        yield
    Reader.before = Reader.after = None
    Reader.found.clear()


@pytest.fixture
def payloads(router: EventRouter) -> list[bytes]:
    """The payloads that the handler got."""
    received: list[bytes] = []

    @router.on("*")
    def handler(event: Event[bytes]) -> None:
        received.append(event.payload)

    return received


def body(request: HttpRequest) -> bytes:
    return request.body


def stream(request: HttpRequest) -> bytes:
    return request.read()


def lines(request: HttpRequest) -> list[bytes]:
    return list(request)


def post(request: HttpRequest) -> dict[str, Any]:
    return dict(request.POST)


WAYS: dict[str, Callable[[bytes], Answer]] = {
    "a length": lambda content: wsgi(BytesIO(content), CONTENT_LENGTH=str(len(content))),
    "chunks": lambda content: wsgi(BytesIO(content), HTTP_TRANSFER_ENCODING="chunked", **TERMINATED),
    "HTTP/2": lambda content: wsgi(BytesIO(content), SERVER_PROTOCOL="HTTP/2", **TERMINATED),
    "ASGI": lambda content: asgi({"body": content}),
    "ASGI, sync": lambda content: asgi({"body": content}, path="/events/k/r"),
}
KNOWN_TO_DJANGO = [WAYS["a length"], WAYS["ASGI"], WAYS["ASGI, sync"]]
"""Where Django reads the body; chunks are nothing to it under WSGI."""
ways = pytest.mark.parametrize("send", WAYS.values(), ids=WAYS)


@ways
@pytest.mark.parametrize(
    ("look", "found"), [(body, b'{"a":\n1}'), (stream, b'{"a":\n1}'), (lines, [b'{"a":\n', b"1}"]), (post, {})]
)
def test_the_body_can_be_read_after_the_view(
    payloads: list[bytes], send: Callable[[bytes], Any], look: Callable[[HttpRequest], Any], found: object
) -> None:
    """A middleware that reads the body after the view finds it, however it reads (Django's "HttpRequest.body" and ".read()")."""
    Reader.after = staticmethod(look)

    assert send(b'{"a":\n1}') == (201, b"{}")
    assert (payloads, Reader.found) == ([b'{"a":\n1}'], [found])


@ways
def test_the_body_can_be_read_before_the_view(payloads: list[bytes], send: Callable[[bytes], Any]) -> None:
    """A middleware that reads `request.body` before the view takes nothing from the event."""
    Reader.before = Reader.after = staticmethod(body)

    assert send(b"{}") == (201, b"{}")
    assert (payloads, Reader.found[1:]) == ([b"{}"], [b"{}"])


def form(content: bytes, **environ: Any) -> Answer:
    """The answer to a body that claims to be a form, over HTTP/2 without a length."""
    return wsgi(BytesIO(content), CONTENT_TYPE=FORM, SERVER_PROTOCOL="HTTP/2", **TERMINATED, **environ)


def test_a_form_is_parsed_after_the_view(payloads: list[bytes]) -> None:
    """`request.POST` of a form is that of the body which the view read, also where it seemed to be empty before."""
    Reader.before = Reader.after = staticmethod(post)

    assert form(b"a=1&a=2&b=") == (201, b"{}")
    assert (payloads, Reader.found) == ([b"a=1&a=2&b="], [{}, {"a": ["1", "2"], "b": [""]}])


@ways
def test_a_refused_body_is_left_to_others(payloads: list[bytes], send: Callable[[bytes], Any]) -> None:
    """A request that is refused by its headers has its body unread, and Django's own rules for it."""
    Reader.after = staticmethod(body)
    token = {
        "BACKEND": "gcp_event_router.auth.SharedToken",
        "OPTIONS": {"header": "X-Token", "tokens": ["long enough for a token"]},
    }

    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [token]}):
        assert send(b"{}") == (401, b'{"error": "Unauthorized"}')
    assert (payloads, Reader.found) == ([], [b"{}" if send in KNOWN_TO_DJANGO else b""])


TOO_LARGE = b"x" * (LIMIT + 100)


@ways
def test_a_body_over_the_limit_is_dropped(payloads: list[bytes], send: Callable[[bytes], Any]) -> None:
    """After a 413, middleware finds an empty body; one whose Content-Length is over the limit is unread, as Django left it."""
    Reader.after = staticmethod(body)

    assert send(TOO_LARGE) == (413, UNABLE)
    assert (payloads, Reader.found) == ([], [TOO_LARGE if send is WAYS["a length"] else b""])


def test_nothing_is_left_of_a_body_that_broke_off(payloads: list[bytes]) -> None:
    """After a lost connection, middleware finds an empty body instead of a part."""
    Reader.after = staticmethod(body)

    assert wsgi(Broken(), CONTENT_LENGTH="3") == (400, UNABLE)
    assert wsgi(Broken(), SERVER_PROTOCOL="HTTP/2", **TERMINATED) == (400, UNABLE)
    assert wsgi(Reset(), SERVER_PROTOCOL="HTTP/2", **TERMINATED) == (400, UNABLE)
    assert (payloads, Reader.found) == ([], [b""] * 3)


@ways
def test_a_stream_that_is_used_up_is_not_taken_for_an_empty_body(
    payloads: list[bytes], send: Callable[[bytes], Any], lines: Callable[[], list[str]]
) -> None:
    """Where a middleware has read the request as a stream, its event is lost: refused in words, and not handled as empty."""
    Reader.before = staticmethod(stream)

    assert (send(b"{}"), payloads) == ((400, UNABLE), [])
    (line,) = lines()
    assert line.startswith("ERROR ")
    assert (
        "A middleware or a decorator has read the request as a stream, so nothing of its body is left for the event. "
        "Let it read request.body, which later code can read, too."
    ) in line


def test_the_refusal_says_what_is_missing(payloads: list[bytes], lines: Callable[[], list[str]]) -> None:
    """A body that the server gives neither a length nor an end is refused in words."""
    assert (wsgi(BytesIO(b"{}"), SERVER_PROTOCOL="HTTP/2"), payloads) == ((400, UNABLE), [])
    (line,) = lines()
    assert line.startswith("WARNING ")
    assert (
        "The body has no Content-Length, and this server does not say where it ends (wsgi.input_terminated), so nobody "
        "knows whether there is one. Send it with a Content-Length, or use a server such as gunicorn."
    ) in line


@pytest.mark.parametrize("status", [201, 413])
def test_the_body_is_freed_with_the_request(payloads: list[bytes], status: int) -> None:
    """What is kept of a body goes with its request, without the garbage collector."""
    kept: list[Any] = []

    def keep(request: HttpRequest) -> None:
        kept.append(ref(request))

    Reader.after = staticmethod(keep)
    gc.collect()
    gc.disable()
    try:
        answer = form(b"{}" if status == 201 else TOO_LARGE)
        assert (answer and answer[0], [each() for each in kept]) == (status, [None])
    finally:
        gc.enable()
