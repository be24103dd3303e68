"""A key server on the loopback: it serves keys, and fails in every way that is known of when it is told to.

`issuers.py` has who signs with the keys, `test_keys.py` and its neighbours have who is told what.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from threading import Event as Flag
from typing import Any, Protocol, Self

from typing_extensions import override

from .ports import reserved_port

#: Seconds to wait for what should come at once.
PATIENCE = 100.0
#: Seconds between two bytes of an answer that drips.
DROP = 0.01
JSON: Mapping[str, str] = {"Content-Type": "application/json"}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"


class HasKey(Protocol):
    """Whoever has a public key."""

    def jwk(self) -> dict[str, Any]: ...


#: How one request is answered.
Mode = Callable[["Exchange"], None]


def answered(body: bytes, status: int = 200, headers: Mapping[str, str] = JSON) -> Mode:
    """Answers with a body, the length of which is announced."""

    def answer(exchange: Exchange) -> None:
        exchange.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            exchange.send_header(name, value)
        exchange.end_headers()
        exchange.wfile.write(body)

    return answer


def documented(document: object) -> Mode:
    """Answers with a document, as JSON."""
    return answered(json.dumps(document).encode())


def with_keys(*issuers: HasKey) -> Mode:
    """Answers with a key set."""
    return documented({"keys": [each.jwk() for each in issuers]})


def chunked(body: bytes, *, end: bool = True) -> Mode:
    """Answers with a body whose length is not announced; hangs up before its last chunk if told to."""

    def answer(exchange: Exchange) -> None:
        exchange.wfile.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for start in range(0, len(body), 1000):
            chunk = body[start : start + 1000]
            exchange.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        if end:
            exchange.wfile.write(b"0\r\n\r\n")

    return answer


def cut(body: bytes) -> Mode:
    """Announces a body and hangs up in the middle of it."""
    return raw(HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(body), body[: len(body) // 2]))


def raw(data: bytes) -> Mode:
    """Answers with bytes, which may be no HTTP or nothing at all, and hangs up."""
    return lambda exchange: exchange.put(data)


def dripping(start: bytes) -> Mode:
    """Answers with some bytes, and then with one at a time, without an end until the server is told to release it."""

    def answer(exchange: Exchange) -> None:
        exchange.put(start)
        while not exchange.released.wait(DROP):
            exchange.put(b" ")

    return answer


def hanging(then: Mode) -> Mode:
    """Answers nothing until the server is told to release it, and then as `then` does."""

    def answer(exchange: Exchange) -> None:
        exchange.released.wait()
        then(exchange)

    return answer


def in_turn(*modes: Mode) -> Mode:
    """Answers one request each way, and all others the last way."""
    left = list(modes)

    def answer(exchange: Exchange) -> None:
        mode = left.pop(0) if len(left) > 1 else left[0]
        mode(exchange)

    return answer


class Exchange(BaseHTTPRequestHandler):
    """One request and what is done about it."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = True
        owner = self._listener.owner
        mode, self.released = owner.noted()
        with suppress(ConnectionError):  # whoever asked has hung up
            mode(self)

    def put(self, data: bytes) -> None:
        self.wfile.write(data)

    @override
    def log_message(self, format: str, *args: Any) -> None: ...

    @property
    def _listener(self) -> Listener:
        assert isinstance(self.server, Listener)
        return self.server


class Listener(ThreadingHTTPServer):
    """What listens on the port, and ends no sooner than the last of its threads."""

    daemon_threads = False

    def __init__(self, owner: KeyServer, port: int) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", port), Exchange)

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        assert error is not None
        self.owner.errors.append(error)


class KeyServer:
    """Serves as its `mode` says, to be set at any time, and counts who asks. To be used in a `with` block."""

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self.errors: list[BaseException] = []
        self._released = Flag()
        self._condition = Condition()
        self._requests = 0
        self._listener: Listener | None = None
        self._thread: Thread | None = None
        self._until_end = ExitStack()
        self.port = self._until_end.enter_context(reserved_port())
        self.revive()
        self.url = f"http://127.0.0.1:{self.port}/certs"

    @property
    def requests(self) -> int:
        """How often it was asked."""
        with self._condition:
            return self._requests

    def asked(self, times: int) -> None:
        """Wait until it has been asked so often."""
        with self._condition:
            assert self._condition.wait_for(lambda: self._requests >= times, PATIENCE), f"asked {self._requests} times"

    def release(self) -> None:
        """Let go of all requests that hang or drip."""
        self._released.set()
        self._released = Flag()

    def die(self) -> None:
        """Listen no more."""
        if self._listener is not None and self._thread is not None:
            self._listener.shutdown()
            self._thread.join()
            self._released.set()  # and no new one, so that none can hang from here on
            self._listener.server_close()
        self._listener = self._thread = None

    def revive(self) -> None:
        """Listen on the same port as before."""
        self._released = Flag()
        self._listener = Listener(self, self.port)
        self._thread = Thread(target=self._listener.serve_forever, args=(0.01,), name="key server")
        self._thread.start()

    def noted(self) -> tuple[Mode, Flag]:
        """How to answer a request that has just come, and what releases it."""
        with self._condition:
            self._requests += 1
            self._condition.notify_all()
            return self.mode, self._released

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.die()
        self._until_end.close()
        assert self.errors == []
