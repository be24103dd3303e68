"""The servers that people deploy, on the loopback: what they make of a body, however it is sent, comes to the same.

Bodies with a Content-Length and in chunks are those of RFC 9112 §6; HTTP/2 needs neither (RFC 9113 §8.1).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPConnection
from pathlib import Path
from select import select
from threading import Thread
from uuid import uuid4

import pytest

from gcp_event_router.outbox.transports import HTTP
from gcp_event_router.utils import make_pubsub_message

from ..support.http2 import Exchange
from ..support.outgoing import outgoing
from ..support.ports import reserved_port
from ..support.server_settings import GCP_EVENT_ROUTER
from ..support.server_urls import github

pytestmark = pytest.mark.proof

ROOT = Path(__file__).resolve().parents[2]
LIMIT = GCP_EVENT_ROUTER.get("MAX_BODY_SIZE", 0)
ENDLESS = 4 * LIMIT
"""Bytes that a server lets nobody send who is to be cut off: more than the limit, and what lies in buffers."""
BUFFER = 2**16
"""The size of each of the kernel's two buffers between a client and a server, in bytes; it doubles them."""
PIECE = 2**18
"""Bytes of a body that a server gives the application at once, at most."""
PATIENCE = 100.0
"""Seconds to wait for what should come at once."""
JSON = {"Content-Type": "application/json"}
HTTP2 = ["--http-protocols", "h1,h2", "--http2-cleartext", "both"]
BIND = ["--bind", "fd://{fds[0]}"]
#: A worker of granian that waits for the rest of a stream of HTTP/2 that ended halfway may not end by itself.
GRANIAN = ["--port", "{port}", "--no-log", "--workers-kill-timeout", "5"]
COMMANDS = {
    "gunicorn, sync": ["gunicorn", "tests.support.server:wsgi", *BIND],
    "gunicorn, gthread": ["gunicorn", "tests.support.server:wsgi", *BIND, "--worker-class", "gthread", "--threads", "2", *HTTP2],
    "granian, WSGI": ["granian", "tests.support.server:wsgi", "--interface", "wsgi", *GRANIAN],
    "hypercorn, WSGI": ["hypercorn", "wsgi:tests.support.server:wsgi", *BIND],
    "uvicorn": ["uvicorn", "tests.support.server:asgi", "--fd", "{fds[0]}", "--log-level", "warning"],
    "granian, ASGI": ["granian", "tests.support.server:asgi", "--interface", "asgi", *GRANIAN],
    "hypercorn, ASGI": ["hypercorn", "asgi:tests.support.server:asgi", *BIND],
    "uvicorn, guarded": ["uvicorn", "tests.support.server:guarded", "--fd", "{fds[0]}", "--log-level", "warning"],
    "granian, guarded": ["granian", "tests.support.server:guarded", "--interface", "asgi", *GRANIAN],
    "hypercorn, guarded": ["hypercorn", "asgi:tests.support.server:guarded", *BIND],
}
GUARDED = frozenset({"uvicorn, guarded", "granian, guarded", "hypercorn, guarded"})
ASYNC = frozenset({"uvicorn", "granian, ASGI", "hypercorn, ASGI"}) | GUARDED
HTTP1_ONLY = frozenset({"gunicorn, sync", "uvicorn", "uvicorn, guarded"})
#: Its WSGI environ says neither how long a body in chunks is, nor that its input ends with the body.
LENGTHS_ONLY = frozenset({"hypercorn, WSGI"})
#: It gives what came of a body that breaks off between chunks as if that were all; of JSON, a part is never valid.
CUTS_SILENTLY = frozenset({"granian, WSGI"})
#: It receives all of a body before it calls the application.
READ_ALL = frozenset({"hypercorn, WSGI"})
#: The same where a stream of HTTP/2 is reset.
RESETS_SILENTLY = frozenset({"granian, WSGI", "granian, ASGI", "granian, guarded"})


@dataclass(frozen=True)
class Server:
    """A running server, where it listens, and what its handlers wrote."""

    name: str
    port: int
    file: Path

    def path(self, kind: str) -> str:
        return f"{'/async' if self.name in ASYNC else ''}/events/{kind}/r"

    def post(self, kind: str, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("POST", self.path(kind), body, JSON if headers is None else headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def send(self, head: str, body: bytes, *, kind: str = "order-placed", path: str = "", hang_up: bool = False) -> int | None:
        """Send a head and a body as they are, perhaps hang up, and return the status; None without an answer."""
        request = f"POST {path or self.path(kind)} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{head}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as client:

            def write() -> None:
                with suppress(ConnectionError):  # the server may answer, and hang up, before it has read all
                    client.sendall(request.encode() + body)
                    if hang_up:
                        client.shutdown(socket.SHUT_WR)

            writing = Thread(target=write)
            writing.start()
            answer = b""
            with suppress(ConnectionError):
                while data := client.recv(65536):
                    answer += data
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)  # ends the writing, too
            writing.join()
        return int(answer.split(b" ", 2)[1]) if answer else None

    def exchange(self, client: socket.socket, headers: dict[str, str], *, kind: str = "order-placed") -> Exchange:
        return Exchange(client, self.path(kind), {**JSON, **headers})

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    @property
    def written(self) -> list[str]:
        return self.file.read_text().splitlines() if self.file.exists() else []

    @property
    def received(self) -> int:
        """How many bytes of bodies the application has received from the server."""
        return sum(int(count) for count in self.counts.read_text().split()) if self.counts.exists() else 0

    @property
    def counts(self) -> Path:
        return self.file.with_suffix(".received")


@pytest.fixture(scope="module", params=list(COMMANDS))
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests here. Most are given a socket that listens already, so whoever connects waits until they serve."""
    file = tmp_path_factory.mktemp("server") / "written"
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.support.server_settings",
        "EVENTS_WRITTEN_TO": str(file),
        "XDG_RUNTIME_DIR": str(file.parent),  # where gunicorn puts its control socket
    }
    with reserved_port() as port:
        process = start(request.param, port, environment)
        try:
            wait_for(port, process)
            yield Server(request.param, port, file)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its workers, too, which would keep a core busy until the end of the run
            process.wait()


def start(name: str, port: int, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a server; give it a socket that listens at the port, unless it opens its own."""
    with ExitStack() as stack:
        fds: list[int] = []
        if "--port" not in COMMANDS[name]:
            listening = stack.enter_context(socket.create_server(("127.0.0.1", port), backlog=16))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)  # so that little waits unread
            fds.append(listening.fileno())
        command = [sys.executable, "-m", *(part.format(port=port, fds=fds) for part in COMMANDS[name])]
        return subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=fds, start_new_session=True)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server has opened its port."""
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), PATIENCE):
            return
        time.sleep(0.05)
    pytest.fail("The server did not start")


@pytest.fixture
def server(running: Server) -> Server:
    """The server, with nothing written yet."""
    running.file.unlink(missing_ok=True)
    running.counts.unlink(missing_ok=True)
    return running


@pytest.fixture
def server2(server: Server) -> Server:
    """The same, where it speaks HTTP/2."""
    if server.name in HTTP1_ONLY:
        pytest.skip("it speaks HTTP/1 only")
    return server


@pytest.mark.parametrize("kind", ["order-placed", "later-placed"])
def test_a_push_reaches_its_typed_handler(server: Server, kind: str) -> None:
    """A wrapped push over HTTP is handled, by a sync and by an async handler, and answered 201."""
    answer = server.post(kind, make_pubsub_message({"order_id": 7}, message_id="17"))

    assert (answer, server.written) == ((201, b"{}"), [f"{kind} r 7 17"])


def test_an_unwrapped_push_reaches_its_typed_handler(server: Server) -> None:
    """The headers of an unwrapped push pass the server."""
    answer = server.post("order-placed", b'{"order_id": 7}', {"x-goog-pubsub-message-id": "17"})

    assert (answer, server.written) == ((201, b"{}"), ["order-placed r 7 17"])


BODIES = {"empty": b"", "small": b'{"order_id": 7}', "13 MiB": b'{"order_id": 7}'.ljust(LIMIT)}
bodies = pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)


def told(body: bytes) -> list[str]:
    """What the handler of raw bodies writes."""
    return [f"raw {len(body)} {sha256(body).hexdigest()}"]


@bodies
def test_a_body_with_a_length_arrives_whole(server: Server, body: bytes) -> None:
    """A body with a Content-Length reaches the handler as it was sent."""
    status = server.send(f"Content-Length: {len(body)}", body, kind="raw")

    assert (status, server.written) == (201, told(body))


def test_no_body_at_all_is_an_empty_one(server: Server) -> None:
    """A request of HTTP/1 with neither a length nor chunks has no body (RFC 9112 §6.3)."""
    assert (server.send("X-Nothing: 0", b"", kind="raw"), server.written) == (201, told(b""))


@bodies
def test_a_body_in_chunks_arrives_whole(server: Server, body: bytes) -> None:
    """A body without Content-Length, in chunks, reaches the handler as it was sent, or is refused."""
    status = server.send("Transfer-Encoding: chunked", chunks(body, max(1, len(body) // 100)), kind="raw")

    if server.name in LENGTHS_ONLY:
        assert (status, server.written) == (400, [])
    else:
        assert (status, server.written) == (201, told(body))


@bodies
@pytest.mark.parametrize("has_length", [True, False])
def test_a_body_of_http2_arrives_whole(server2: Server, body: bytes, has_length: bool) -> None:
    """A body over HTTP/2 reaches the handler as it was sent, with a Content-Length and without one, or is refused."""
    with server2.connect() as client:
        exchange = server2.exchange(client, {"Content-Length": str(len(body))} if has_length else {}, kind="raw")
        exchange.send(body)
        answer = exchange.answer()

    if server2.name in LENGTHS_ONLY and not has_length:
        assert ((answer and answer[0]), server2.written) == (400, [])
    else:
        assert (answer, server2.written) == ((201, b"{}"), told(body))


@pytest.mark.parametrize("way", ["length", "chunks", "http2"])
def test_one_byte_over_the_limit_is_too_much(server: Server, way: str) -> None:
    """A body of one byte more than the limit is 413, and no handler runs."""
    body = b"x" * (LIMIT + 1)
    if way == "http2":
        if server.name in HTTP1_ONLY:
            pytest.skip("it speaks HTTP/1 only")
        with server.connect() as client:
            exchange = server.exchange(client, {})
            exchange.send(body)
            answer = exchange.answer()
        status = answer and answer[0]
    elif way == "chunks":
        status = server.send("Transfer-Encoding: chunked", chunks(body, 65536))
    else:
        status = server.send(f"Content-Length: {len(body)}", body)

    knows_no_end = server.name in LENGTHS_ONLY and way != "length"
    assert (status, server.written) == (400 if knows_no_end else 413, [])


def chunks(body: bytes, size: int) -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts) + b"0\r\n\r\n"


CHUNKED = "Content-Type: application/json\r\nTransfer-Encoding: chunked"


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("Content-Type: application/json\r\nContent-Length: 100", b'{"order_id": 7}'),
        ("Content-Type: application/json\r\nContent-Length: 100", b""),
        (CHUNKED, b'f\r\n{"order_id": 7}\r\n'),
        (CHUNKED, b'64\r\n{"order_id": 7}'),
        (CHUNKED, b'a\r\n{"order_id\r\n'),
        (CHUNKED, b'64\r\n{"order_id": '),
    ],
)
def test_a_client_that_hangs_up_halfway_is_not_handled(server: Server, head: str, body: bytes) -> None:
    """A client that sends half of a body and no more is not told that it is done, no handler runs, and the next is served."""
    if server.name in CUTS_SILENTLY and head == CHUNKED and b"7}" in body:
        pytest.skip("nothing tells this body from a whole one")
    status = server.send(head, body, hang_up=True)
    after = server.post("order-placed", b'{"order_id": 8}')

    # granian answers 500 where Django, for a client that is gone, answers nothing
    assert (status in {None, 400, 500}, after[0], server.written) == (True, 201, ["order-placed r 8 None"])


@pytest.mark.parametrize("length", [{}, {"Content-Length": "100"}])
@pytest.mark.parametrize("resets", [True, False])
def test_a_stream_that_ends_halfway_is_not_handled(server2: Server, length: dict[str, str], resets: bool) -> None:
    """A client of HTTP/2 that resets its stream, or hangs up, in the middle of a body has no handler run."""
    if resets and not length and server2.name in RESETS_SILENTLY:
        pytest.skip("nothing tells this body from a whole one")
    with server2.connect() as client:
        exchange = server2.exchange(client, length)
        exchange.send(b'{"order_id": 7}', last=False)
        if resets:
            exchange.give_up()
    after = server2.post("order-placed", b'{"order_id": 8}')

    assert (after[0], server2.written) == (201, ["order-placed r 8 None"])


@pytest.mark.parametrize(("path", "expected"), [("/closed", b"401"), ("/async/events/order-placed/r", b"413")])
def test_an_endless_body_is_cut_off(server: Server, path: str, expected: bytes) -> None:
    """Behind `guard_bodies`, somebody who never stops sending is answered, without credentials before the body is read."""
    if server.name not in GUARDED:
        pytest.skip("Django answers once the body has ended")
    answer = b""
    for _ in range(5):  # what a server closes while more arrives may be reset, which overtakes the answer (RFC 9112 §9.6)
        sent, answer = send_without_end(server, path)
        assert (sent < ENDLESS, server.written) == (True, [])
        if answer:
            break

    assert answer.split(b" ", 2)[1:2] == [expected]


def signed_path(server: Server) -> str:
    """The path of an endpoint that verifies signatures."""
    return f"{'/async' if server.name in ASYNC else ''}/signed/raw/r"


@pytest.mark.parametrize("size", [17, 900_000])
@pytest.mark.parametrize("way", ["length", "chunks"])
def test_a_signed_body_is_verified(server: Server, size: int, way: str) -> None:
    """A signature is verified over the bytes that were sent, also over those of chunks."""
    body = os.urandom(size)
    is_chunked = way == "chunks"
    if is_chunked and server.name in LENGTHS_ONLY:
        pytest.skip("it does not say where chunks end")
    framing = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {size}"
    signature = "\r\n".join(f"{name}: {value}" for name, value in github.sign(body).items())
    sent = chunks(body, 1000) if is_chunked else body
    forged = bytes([body[0] ^ 1]) + body[1:]
    statuses = [
        server.send(f"{framing}\r\n{signature}", content, path=signed_path(server))
        for content in (sent, chunks(forged, 1000) if is_chunked else forged)
    ]
    assert (statuses, server.written) == ([201, 401], told(body))


@pytest.mark.parametrize(("signature", "expected"), [("X-Nothing: 0", b"401"), ("X-Hub-Signature-256: sha256=0", b"413")])
@pytest.mark.parametrize("framing", ["Content-Length: 9000000", "Transfer-Encoding: chunked"])
def test_a_long_body_is_read_no_further_than_a_signed_one_may_be(
    server: Server, signature: str, expected: bytes, framing: str
) -> None:
    """Of a body of 9 MB from a stranger, at most `max_body` is read: nothing, without the header of a signature."""
    if server.name in ASYNC - GUARDED or server.name in READ_ALL:
        pytest.skip("the server, or Django, reads all of a body first")
    may_read = github.max_body + PIECE if expected == b"413" and "chunked" in framing else 0
    _, answer = send_without_end(server, signed_path(server), f"{signature}\r\n{framing}", 9_000_000)
    assert (answer.split(b" ", 2)[1:2], server.received <= may_read) == ([expected], True)


def send_without_end(server: Server, path: str, head: str = "", most: int = ENDLESS) -> tuple[int, bytes]:
    """Send a body until the server answers or closes; returns how many bytes were sent, and the beginning of the answer."""
    head = head or CHUNKED
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n" if "chunked" in head else b"x" * 65536
    sent, left = 0, memoryview(b"")
    with server.connect() as client, suppress(ConnectionError):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        client.sendall(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}\r\n\r\n".encode())
        with suppress(ConnectionError):  # the server may have answered before it closed the connection
            while sent < most:
                readable, _, _ = select([client], [client], [], PATIENCE)
                if readable:
                    break
                left = left or memoryview(chunk)
                count = client.send(left)
                left, sent = left[count:], sent + count
        return sent, client.recv(65536)
    return sent, b""


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


def test_events_from_an_outbox(server: Server) -> None:
    """The outbox posts its events in order, whether or not the server keeps the connection open."""
    transport = HTTP(url=f"http://127.0.0.1:{server.port}{server.path('{kind}').removesuffix('r')}{{id}}")
    keys = [str(uuid4()) for _ in range(20)]
    try:
        for number, key in enumerate(keys):
            transport.send(outgoing(b'{"order_id": %d}' % number, kind="order-placed", key=key))
    finally:
        transport.close()
    assert server.written == [f"order-placed {key} {number} {key}" for number, key in enumerate(keys)]
