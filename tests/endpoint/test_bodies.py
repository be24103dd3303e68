"""The body of a request: its limit, its length, and what arrives of it, below Django's test clients."""

from __future__ import annotations

from asyncio import get_running_loop
from collections.abc import Awaitable, Callable, Iterable
from io import BytesIO
from typing import Any, TypeAlias

import pytest
from asgiref.sync import async_to_sync
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test import RequestFactory, override_settings
from typing_extensions import override

from gcp_event_router import Event, EventRouter
from gcp_event_router.conf import Settings
from gcp_event_router.utils import make_pubsub_message

from ..conftest import Post

pytestmark = pytest.mark.usefixtures("connections_stay")
LIMIT = 1000
UNABLE = b'{"error": "Unable to handle event of kind k with reference r"}'
LIMITED = override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [], "MAX_BODY_SIZE": LIMIT}, DATA_UPLOAD_MAX_MEMORY_SIZE=10)
JSON = b'"' + b"x" * (LIMIT - 2) + b'"'
Answer: TypeAlias = tuple[int, bytes] | None
"""Status and body; None where no answer was given."""


def wsgi(body: BytesIO, **environ: Any) -> Answer:
    """What the sync endpoint answers to an environ as a server makes it; the Content-Length is left to the caller."""
    request = RequestFactory().post("/events/k/r", b"", "application/json").environ
    request.pop("CONTENT_LENGTH", None)
    statuses: list[int] = []

    def start(status: str, _headers: object, _exc_info: object = None) -> Callable[[bytes], None]:
        statuses.append(int(status.partition(" ")[0]))
        return lambda _: None

    content: Iterable[bytes] = WSGIHandler()({**request, "wsgi.input": body, **environ}, start)
    return statuses[0], b"".join(content)


def asgi(
    *messages: dict[str, Any],
    headers: Iterable[tuple[bytes, bytes]] = (),
    path: str = "/async/events/k/r",
    application: Callable[..., Awaitable[None]] | None = None,
    **extra: Any,
) -> Answer:
    """What the async endpoint answers to the messages that a server passes on; `extra` is for the scope."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"testserver"), (b"content-type", b"application/json"), *headers],
        "server": ("testserver", 80),
        **extra,
    }
    given = [{"type": "http.request", **message} for message in messages]
    sent: list[Any] = []

    async def receive() -> Any:
        # a client that has sent all waits for the answer and stays connected
        return given.pop(0) if given else await get_running_loop().create_future()

    async def send(message: Any) -> None:
        sent.append(message)

    async def run() -> None:
        await (application or ASGIHandler())(scope, receive, send)

    async_to_sync(run)()
    return (sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])) if sent else None


TERMINATED = {"wsgi.input_terminated": True}


class Trickle(BytesIO):
    """A connection that gives a byte at a time."""

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(1)


def chunked(body: bytes) -> Answer:
    """The sync endpoint's answer to a body in chunks, which gunicorn passes on so."""
    return wsgi(BytesIO(body), HTTP_TRANSFER_ENCODING="chunked", **TERMINATED)


@pytest.fixture
def payloads(router: EventRouter) -> list[bytes]:
    """The payloads that the handler got."""
    received: list[bytes] = []

    @router.on("*")
    def handler(event: Event[bytes]) -> None:
        received.append(event.payload)

    return received


@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=1)
def test_the_largest_message_of_pubsub_fits(payloads: list[bytes], post: Post) -> None:
    """By default a push of 10 MB of data, 13.4 MB of body, is handled, whatever Django's own limit is."""
    body = make_pubsub_message(bytes(10_000_000))

    assert post("/events/k/r", body).status_code == 201
    assert (13_300_000 < len(body) < Settings().MAX_BODY_SIZE, [len(each) for each in payloads]) == (True, [10_000_000])


@LIMITED
@pytest.mark.parametrize(("body", "status"), [(JSON, 201), (JSON[:-1] + b'x"', 413)])
def test_the_limit_is_the_packages_own(payloads: list[bytes], post: Post, body: bytes, status: int) -> None:
    """A body of exactly MAX_BODY_SIZE is handled and one byte more is 413, in a push of Django's clients."""
    assert post("/events/k/r", body).status_code == status
    assert payloads == [body] * (status == 201)


OVER = b"x" * (LIMIT + 1)


@LIMITED
@pytest.mark.parametrize(
    "answer",
    [
        lambda: wsgi(BytesIO(OVER), CONTENT_LENGTH=str(len(OVER))),
        lambda: wsgi(BytesIO(), CONTENT_LENGTH="9" * 20),
        lambda: wsgi(BytesIO(), CONTENT_LENGTH="9" * 5000),
        lambda: chunked(OVER),
        lambda: wsgi(BytesIO(OVER), SERVER_PROTOCOL="HTTP/2", **TERMINATED),
        lambda: wsgi(Trickle(OVER), SERVER_PROTOCOL="HTTP/2", **TERMINATED),
        lambda: asgi({"body": OVER}, headers=[(b"content-length", b"1001")]),
        lambda: asgi({"body": OVER}, headers=[(b"content-length", b"10")]),
        lambda: asgi({"body": b"{}"}, headers=[(b"content-length", b"9" * 20)]),
        lambda: asgi({"body": b"{}"}, headers=[(b"content-length", b"9" * 5000)]),
        lambda: asgi({"body": OVER}),
        lambda: asgi(*({"body": b"x", "more_body": True} for _ in range(LIMIT)), {"body": b"x"}),
    ],
)
def test_too_much_is_refused_however_it_comes(payloads: list[bytes], answer: Callable[[], Answer]) -> None:
    """Over the limit the answer is 413: by a true length, by an untrue one, by none at all, and in chunks."""
    assert (answer(), payloads) == ((413, UNABLE), [])


@LIMITED
def test_an_announced_excess_is_not_read(payloads: list[bytes]) -> None:
    """A body whose Content-Length is over the limit is refused unread, and one in chunks is read to the limit only."""
    announced, stream = BytesIO(OVER), BytesIO(OVER * 10)

    wsgi(announced, CONTENT_LENGTH=str(len(OVER)))
    wsgi(stream, HTTP_TRANSFER_ENCODING="chunked", **TERMINATED)

    assert (announced.tell(), stream.tell()) == (0, LIMIT + 1)


class Broken(BytesIO):
    """A connection that is lost while it is read."""

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        msg = "secret text"
        raise OSError(msg)

    @override
    def readline(self, size: int | None = -1, /) -> bytes:
        return self.read(size)


class Reset(BytesIO):
    """A stream of HTTP/2 that is reset while it is read, for which gunicorn's HTTP2StreamError is not an OSError."""

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        msg = "secret text"
        raise EOFError(msg)


@LIMITED
@pytest.mark.parametrize(
    "answer",
    [
        *[
            (lambda length=length: wsgi(BytesIO(b"{}"), CONTENT_LENGTH=length))
            for length in ("abc", "-1", "+2", "2.0", "1_0", "0x2", "2, 2", "\xb2")
        ],
        *[
            (lambda length=length: asgi({"body": b"{}"}, headers=[(b"content-length", length)]))
            for length in (b"abc", b"-1", b"+2", b"2.0", b"1_0", b"0x2", b"2, 2", b"\xb2")
        ],
        lambda: wsgi(BytesIO(b"{}"), CONTENT_LENGTH="3"),
        lambda: wsgi(BytesIO(), CONTENT_LENGTH="3"),
        lambda: wsgi(Broken(), CONTENT_LENGTH="3"),
        lambda: wsgi(Broken(), HTTP_TRANSFER_ENCODING="chunked", **TERMINATED),
        lambda: wsgi(Reset(), SERVER_PROTOCOL="HTTP/2", **TERMINATED),
        lambda: wsgi(BytesIO(b"{}"), HTTP_TRANSFER_ENCODING="chunked"),
        *[
            (lambda protocol=protocol: wsgi(BytesIO(b"{}"), SERVER_PROTOCOL=protocol))
            for protocol in ("HTTP/2", "HTTP/2.0", "HTTP/3", "INCLUDED", "")
        ],
        lambda: asgi({"body": b"{}"}, headers=[(b"content-length", b"3")]),
        lambda: asgi({"body": b"{", "more_body": True}, {"body": b"}"}, headers=[(b"content-length", b"3")]),
    ],
)
def test_a_body_that_is_not_whole_is_refused(payloads: list[bytes], answer: Callable[[], Answer]) -> None:
    """A length that is not a number, a body shorter than announced or without a known end, a lost connection: 400."""
    assert (answer(), payloads) == ((400, UNABLE), [])


@LIMITED
@pytest.mark.parametrize(
    "messages",
    [
        [{"type": "http.disconnect"}],
        [{"body": b"{}", "more_body": True}, {"type": "http.disconnect"}],
    ],
)
def test_a_client_that_hangs_up_is_not_answered(payloads: list[bytes], messages: list[dict[str, Any]]) -> None:
    """Under ASGI a client that is gone before its body is whole reaches no handler and gets no answer."""
    assert (asgi(*messages), payloads) == (None, [])


@LIMITED
@pytest.mark.parametrize(
    ("answer", "payload"),
    [
        (lambda: wsgi(BytesIO(b"{}"), CONTENT_LENGTH="2"), b"{}"),
        (lambda: wsgi(BytesIO(b"{}more"), CONTENT_LENGTH="2"), b"{}"),
        (lambda: wsgi(BytesIO(b"{}"), CONTENT_LENGTH=""), b""),
        (lambda: wsgi(BytesIO(b"{}")), b""),
        (lambda: chunked(b"{}"), b"{}"),
        (lambda: chunked(JSON), JSON),
        *[
            (lambda protocol=protocol: wsgi(BytesIO(b"{}"), SERVER_PROTOCOL=protocol, **TERMINATED), b"{}")
            for protocol in ("HTTP/2", "HTTP/2.0", "HTTP/3", "HTTP/1.1")
        ],
        (lambda: wsgi(BytesIO(b"{}"), CONTENT_LENGTH="1", HTTP_TRANSFER_ENCODING="chunked", **TERMINATED), b"{}"),
        (lambda: wsgi(BytesIO(b"{}more"), CONTENT_LENGTH="2", HTTP_TRANSFER_ENCODING="chunked"), b"{}"),
        (lambda: wsgi(Trickle(b"{}"), CONTENT_LENGTH="2"), b"{}"),
        (lambda: wsgi(Trickle(JSON), SERVER_PROTOCOL="HTTP/2", **TERMINATED), JSON),
        (lambda: wsgi(BytesIO(), SERVER_PROTOCOL="HTTP/2", **TERMINATED), b""),
        (lambda: wsgi(BytesIO(), SERVER_PROTOCOL="HTTP/1.0"), b""),
        (lambda: wsgi(BytesIO(), CONTENT_LENGTH="", HTTP_TRANSFER_ENCODING=""), b""),
        (lambda: asgi({"body": b"{}"}), b"{}"),
        (lambda: asgi({"body": b"{", "more_body": True}, {"body": b"}"}), b"{}"),
        (lambda: asgi({"body": b"{}"}, headers=[(b"transfer-encoding", b"chunked")]), b"{}"),
        (lambda: asgi({}), b""),
    ],
)
def test_a_whole_body_reaches_the_handler(payloads: list[bytes], answer: Callable[[], Answer], payload: bytes) -> None:
    """What the protocol counts as the body is what the handler gets, with a length, in chunks, or with neither.

    Lengths and chunks are those of RFC 9112 §6.3. HTTP/2 needs neither (RFC 9113 §8.1), and a server says by
    `wsgi.input_terminated` that its input ends with the body, as gunicorn and granian do (django/django#21638).
    """
    assert (answer(), payloads) == ((201, b"{}"), [payload])


@pytest.mark.parametrize(
    ("label", "status"),
    [
        ("a\nb", 404),
        ("a\rb", 404),
        ("\x00", 404),
        ("\x1b[2J", 404),
        ("\x7f", 404),
        ("\x85", 404),
        ("\u202eabc", 404),
        ("\u2028", 404),
        ("\ufeff", 404),
        ("x" * 256, 404),
        ("é" * 256, 404),
        ("x" * 100_000, 404),
        ("é" * 255, 201),
        ("..", 201),
        ("a b", 201),
        ("\\", 201),
    ],
)
@pytest.mark.parametrize("path", ["/async/events/{}/r", "/async/events/k/{}", "/events/{}/r", "/events/k/{}"])
def test_labels_are_printable_and_bounded(payloads: list[bytes], path: str, label: str, status: int) -> None:
    """A kind or a reference is up to 255 printable characters; all others are not found."""
    url = path.format(label)
    answer = (
        asgi({"body": b"{}"}, path=url)
        if url.startswith("/async")
        else wsgi(BytesIO(b"{}"), CONTENT_LENGTH="2", PATH_INFO=url.encode().decode("latin-1"))
    )

    assert (answer and answer[0], payloads) == (status, [b"{}"] * (status == 201))
