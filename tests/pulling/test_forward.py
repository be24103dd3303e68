"""Forwarding: pulled messages posted to real servers, and what Pub/Sub is told by their answers."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from django.test import override_settings
from typing_extensions import override

from gcp_event_router import Event, EventRouter
from gcp_event_router._shutdown import StopFlag
from gcp_event_router.exceptions import ConfigurationError, PostError
from gcp_event_router.pulling import DeliveryResult, Forward
from gcp_event_router.utils import make_pubsub_message

from ..conftest import post_wsgi
from ..support.ports import reserved_port

PUSH = make_pubsub_message({"order_id": 1}, message_id="17")
SIGNED = {"AUTHENTICATION": [{"BACKEND": "gcp_event_router.auth.SignedURL"}]}


@dataclass
class Answers:
    """What a server answers, and what it was sent."""

    status: int = 201
    sent: list[tuple[str, bytes, str | None]] = field(default_factory=list[Any])


@contextmanager
def server(answers: Answers) -> Generator[str]:
    """A server; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answers.sent.append((self.path, body, self.headers["Content-Type"]))
            if answers.status == 0:  # hang up
                return
            self.send_response_only(answers.status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        @override
        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = Thread(target=running.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_address[1]}"
        finally:
            running.shutdown()
            thread.join()


def forward(url: str, kind: str = "order-placed", reference: str = "1") -> DeliveryResult:
    """Forward a push, without a pause where it fails."""
    stop = StopFlag()
    stop.set()
    return Forward(url, kind, stop).deliver(kind, reference, PUSH)


@pytest.mark.parametrize(
    "status", [102, 200, 201, 202, 204, 203, 205, 206, 301, 302, 307, 308, 400, 401, 404, 409, 429, 500, 503]
)
def test_answers(status: int) -> None:
    """An answer is read as Pub/Sub reads it; a redirect is not followed."""
    answers = Answers(status)

    with server(answers) as url:
        delivered = forward(url)

    assert delivered == DeliveryResult(status in {102, 200, 201, 202, 204}, f"answered {status}")
    assert answers.sent == [("/events/order-placed/1", PUSH, "application/json")]


def test_no_answer() -> None:
    """A server that hangs up, or is not there, or speaks no TLS, has not taken the event."""
    with server(Answers(0)) as url:
        assert forward(url) == DeliveryResult(acknowledged=False, result="no answer (RemoteDisconnected)")
        assert forward(url.replace("http:", "https:")).result in {"no answer (SSLError)", "no answer (SSLEOFError)"}
    with reserved_port() as port:
        url = f"http://127.0.0.1:{port}"
        assert forward(url) == DeliveryResult(acknowledged=False, result="no answer (ConnectionRefusedError)")


def test_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failure it waits, so that what comes again at once does not keep it busy; told to stop, it does not."""
    waited: list[float | None] = []

    class Stop(StopFlag):
        @override
        def wait(self, seconds: float | None = None) -> bool:
            waited.append(seconds)
            return False

    with server(Answers(503)) as url:
        Forward(url, "k", Stop()).deliver("k", "1", PUSH)
    with server(Answers(201)) as url:
        Forward(url, "k", Stop()).deliver("k", "1", PUSH)

    assert waited == [1.0]


@pytest.mark.parametrize(
    ("added", "path"),
    [
        ("", "/events/order-placed/a%20b"),
        ("/", "/events/order-placed/a%20b"),
        ("/events/other/7/", "/events/other/7/"),
        ("/hook?token=1&x=%20", "/hook?token=1&x=%20"),
        ("?x=1", "/?x=1"),
    ],
)
def test_paths(added: str, path: str) -> None:
    """A server's URL gets the path of the endpoint; one with a path or a query of its own is used as it is."""
    answers = Answers()

    with server(answers) as url:
        forward(f"{url}{added}", reference="a b")

    assert [each[0] for each in answers.sent] == [path]


@override_settings(GCP_EVENT_ROUTER=SIGNED)
def test_signature(router: EventRouter, lines: Callable[[], list[str]]) -> None:
    """Where the settings accept signed URLs, the URL is signed for an hour, and accepted; the log does not hold the signature."""
    seen: list[str] = []

    @router.on("order-placed")
    def record(event: Event[object]) -> None:
        seen.append(event.reference)

    answers = Answers()
    with server(answers) as url:
        forward(url)
    [(path, body, _)] = answers.sent

    assert path.startswith("/events/order-placed/1?signature=")
    assert (post_wsgi(path, body).status_code, post_wsgi(path.replace("/1?", "/2?"), body).status_code, seen) == (201, 401, ["1"])
    assert lines()[0] == f"INFO Forwarded an event to '{url}/events/order-placed/1': answered 201"


def test_line_of_a_failure(lines: Callable[[], list[str]]) -> None:
    """A failure is a warning, and holds nothing of the URL's query."""
    with server(Answers(401)) as url:
        forward(f"{url}/hook?token=secret")

    assert lines() == [f"WARNING Forwarded an event to '{url}/hook': answered 401"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8000",
        "ftp://localhost",
        "//localhost",
        "http://",
        "http://localhost:0",
        "http://localhost:x",
        "http://[::1",
        "http://a b",
        "http://a\n.example",
        "http://ä.example",
        "http://me:secret@localhost:8000",
        "me:secret@localhost",
        "http://me:secret@localhost:99999",
    ],
)
def test_urls_that_cannot_be_posted_to(url: str) -> None:
    """Such a URL is refused before anything is pulled, in a message that does not quote it."""
    with pytest.raises(PostError) as raised:
        Forward(url, "k", StopFlag())
    assert str(raised.value) == (
        "The URL cannot be posted to. Write http:// or https://, a host without a name or a password, "
        "and a port if it has one: http://localhost:8000"
    )


@override_settings(ROOT_URLCONF=())
def test_project_without_endpoint() -> None:
    """Without the endpoint's URL in the project, nothing says where below the server events go."""
    with pytest.raises(ConfigurationError, match=r"^No URL pattern has the name 'gcp-events'\. "):
        Forward("http://localhost:8000", "k", StopFlag())
