"""Real servers on the loopback: gunicorn serves the sync endpoint, uvicorn the async one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest

from gcp_event_router.utils import make_pubsub_message

from .server_settings import GCP_EVENT_ROUTER

ROOT = Path(__file__).resolve().parent.parent
LIMIT = GCP_EVENT_ROUTER.get("MAX_BODY_SIZE", 0)
PATIENCE = 30.0
"""Seconds to wait for what should come at once."""
JSON = {"Content-Type": "application/json"}
COMMANDS = {
    "gunicorn": ["gunicorn", "tests.server:wsgi", "--bind", "fd://{fd}", "--workers", "1"],
    "uvicorn": ["uvicorn", "tests.server:asgi", "--fd", "{fd}", "--log-level", "warning"],
}
PREFIXES = {"gunicorn": "", "uvicorn": "/async"}


@dataclass(frozen=True)
class Server:
    """A running server, where it listens, and what its handlers wrote."""

    name: str
    port: int
    file: Path

    def path(self, kind: str) -> str:
        return f"{PREFIXES[self.name]}/events/{kind}/r"

    def post(self, kind: str, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("POST", self.path(kind), body, JSON if headers is None else headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def send(self, head: str, body: bytes, *, hang_up: bool = False) -> bytes:
        """Send a head and a body as they are, perhaps hang up, and return all that is answered."""
        request = f"POST {self.path('order-placed')} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{head}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as client:
            client.sendall(request.encode() + body)
            if hang_up:
                client.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: client.recv(65536), b""))

    @property
    def written(self) -> list[str]:
        return self.file.read_text().splitlines() if self.file.exists() else []


@pytest.fixture(scope="module", params=list(COMMANDS))
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests here. It is given a socket that listens already, so whoever connects waits until it serves."""
    file = tmp_path_factory.mktemp("server") / "written"
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listening:
        fd = listening.fileno()
        command = [part.format(fd=fd) for part in COMMANDS[request.param]]
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.server_settings",
            "EVENTS_WRITTEN_TO": str(file),
            "XDG_RUNTIME_DIR": str(file.parent),  # where gunicorn puts its control socket
        }
        process = subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, env=environment, pass_fds=[fd])
        port: int = listening.getsockname()[1]
    try:
        yield Server(request.param, port, file)
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture
def server(running: Server) -> Server:
    """The server, with nothing written yet."""
    running.file.unlink(missing_ok=True)
    return running


@pytest.mark.parametrize("kind", ["order-placed", "later-placed"])
def test_a_push_reaches_its_typed_handler(server: Server, kind: str) -> None:
    """A wrapped push over HTTP is handled, by a sync and by an async handler, and answered 201."""
    answer = server.post(kind, make_pubsub_message({"order_id": 7}, message_id="17"))

    assert (answer, server.written) == ((201, b"{}"), [f"{kind} r 7 17"])


def test_an_unwrapped_push_reaches_its_typed_handler(server: Server) -> None:
    """The headers of an unwrapped push pass the server."""
    answer = server.post("order-placed", b'{"order_id": 7}', {"x-goog-pubsub-message-id": "17"})

    assert (answer, server.written) == ((201, b"{}"), ["order-placed r 7 17"])


def chunks(body: bytes, size: int) -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts) + b"0\r\n\r\n"


CHUNKED = "Content-Type: application/json\r\nTransfer-Encoding: chunked"


def test_a_body_in_chunks_is_read(server: Server) -> None:
    """A body without Content-Length, in chunks, reaches the handler whole."""
    answer = server.send(CHUNKED, chunks(make_pubsub_message({"order_id": 7, "note": "x" * 1000}, message_id="17"), 64))

    assert (status(answer), server.written) == (201, ["order-placed r 7 17"])


@pytest.mark.parametrize(("excess", "expected"), [(0, 201), (1, 413)])
def test_the_limit_holds_on_the_wire(server: Server, excess: int, expected: int) -> None:
    """A body of exactly the limit is handled and one byte more is 413, with a length and in chunks."""
    body = b'{"order_id": 7}'.ljust(LIMIT + excess)

    with_length = server.send(f"Content-Type: application/json\r\nContent-Length: {len(body)}", body)
    in_chunks = server.send(CHUNKED, chunks(body, 1000))

    assert (status(with_length), status(in_chunks)) == (expected, expected)
    assert server.written == ["order-placed r 7 None"] * (2 if expected == 201 else 0)


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("Content-Type: application/json\r\nContent-Length: 100", b'{"order_id": 7}'),
        ("Content-Type: application/json\r\nContent-Length: 100", b""),
        (CHUNKED, b'f\r\n{"order_id": 7}\r\n'),
        (CHUNKED, b'64\r\n{"order_id": 7}'),
    ],
)
def test_a_client_that_hangs_up_halfway_is_not_handled(server: Server, head: str, body: bytes) -> None:
    """A client that sends half of a body and no more is answered nothing or 400, no handler runs, and the next is served."""
    answer = server.send(head, body, hang_up=True)
    after = server.post("order-placed", b'{"order_id": 8}')

    assert (status(answer) in {None, 400}, after[0], server.written) == (True, 201, ["order-placed r 8 None"])


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("order-placed", b'{"order_id": "x"}', 400),
        ("order-placed", b"{", 400),
        ("unknown", b"{}", 201),
        ("a%0Ab", b"{}", 404),
        ("%E2%80%AE", b"{}", 404),
        ("%C3%A9", b"{}", 201),
    ],
)
def test_answers_pass_the_server(server: Server, kind: str, body: bytes, expected: int) -> None:
    """What is refused is refused on the wire too, and no handler runs."""
    assert (server.post(kind, body)[0], server.written) == (expected, [])


def status(answer: bytes) -> int | None:
    """The status of an answer as it came over the wire; None for none."""
    return int(answer.split(b" ", 2)[1]) if answer else None
