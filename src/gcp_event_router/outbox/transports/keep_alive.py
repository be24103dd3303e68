"""Posts to a URL over connections that stay open, within a limit for the whole exchange, and without following redirects."""

from __future__ import annotations

import selectors
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, RemoteDisconnected
from io import BufferedReader, RawIOBase
from math import inf
from socket import socket
from threading import Lock, local
from time import monotonic, time
from typing import Any, Final, NamedTuple, cast
from urllib.parse import SplitResult

from typing_extensions import Buffer, override

#: The most bytes to read of an answer, whose body says nothing that counts.
_MAX_ANSWER: Final = 65536
#: The most digits of a `Retry-After` in seconds.
_MAX_DIGITS: Final = 9
#: The errors of a connection that the server closed while it was idle.
_CLOSED: Final = (RemoteDisconnected, ConnectionResetError, BrokenPipeError)


class Reply(NamedTuple):
    """The part of an answer that counts."""

    status: int
    #: The seconds after which to try again, if the answer has them.
    retry_after: float | None


class KeepAliveClient:
    """Posts to one host, over one connection for each thread."""

    def __init__(self, url: SplitResult, timeout: float) -> None:
        self._url = url
        self._timeout = timeout
        self._own = local()
        self._connections: list[HTTPConnection] = []
        self._lock = Lock()

    def post(self, target: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Post a body to a path with its query. Raises `OSError` or `HTTPException` if the server does not answer.

        If a connection that was open turns out to be closed before any answer, the body is posted again over a new one.
        """
        deadline = monotonic() + self._timeout
        connection = self._connection()
        if connection.sock is not None:
            try:
                return self._exchange(connection, deadline, target, body, headers)
            except _CLOSED:
                pass
        return self._exchange(connection, deadline, target, body, headers)

    def close(self) -> None:
        """Close the connections of all threads, which must not post any more."""
        with self._lock:
            connections, self._connections = self._connections, []
        self._own = local()
        for connection in connections:
            connection.close()

    def _connection(self) -> HTTPConnection:
        connection: HTTPConnection | None = getattr(self._own, "connection", None)
        if connection is None:
            make = HTTPSConnection if self._url.scheme == "https" else HTTPConnection
            connection = self._own.connection = make(self._url.hostname or "", self._url.port)
            with self._lock:
                self._connections.append(connection)
        elif connection.sock is not None and _has_input(connection.sock):
            connection.close()  # it is at its end, or has what would be read as the answer to the next request
        return connection

    def _exchange(
        self, connection: HTTPConnection, deadline: float, target: str, body: bytes, headers: Mapping[str, str]
    ) -> Reply:
        def read_answer(sock: socket, *args: Any, **options: Any) -> HTTPResponse:
            return HTTPResponse(cast("socket", _TimedSocket(sock, deadline)), *args, **options)

        http: Any = connection
        http.response_class = read_answer
        http.timeout = _remaining(deadline)
        try:
            sock: Any = connection.sock
            if sock is None:
                connection.connect()
                sock = connection.sock
            sock.settimeout(_remaining(deadline))
            connection.request("POST", target, body, headers)
            response = connection.getresponse()
            reply = Reply(response.status, _read_wait(response.getheader("Retry-After")))
            if not _is_read(response):
                connection.close()
        except BaseException:
            connection.close()
            raise
        return reply


class _TimedSocket:
    """The side of a socket that `HTTPResponse` reads, with a limit for all reads together."""

    def __init__(self, sock: socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, _mode: str) -> BufferedReader:
        return BufferedReader(_TimedReader(self._sock, self._deadline))


class _TimedReader(RawIOBase):
    def __init__(self, sock: socket, deadline: float) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._deadline = deadline

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Buffer, /) -> int | None:
        self._sock.settimeout(_remaining(self._deadline))
        return self._raw.readinto(buffer)

    @override
    def close(self) -> None:
        self._raw.close()
        super().close()


def _remaining(deadline: float) -> float:
    """Return the seconds until a deadline. Raises `TimeoutError` after it."""
    seconds = deadline - monotonic()
    if seconds <= 0:
        msg = "the answer took too long"
        raise TimeoutError(msg)
    return seconds


def _has_input(sock: socket) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        return bool(selector.select(0))


def _is_read(response: HTTPResponse) -> bool:
    """Read the body of an answer; returns whether the connection can have another request."""
    if response.status < 200:  # noqa: PLR2004 -- an interim answer, which another one follows
        return False
    with suppress(OSError, HTTPException):  # the status has arrived
        response.read(_MAX_ANSWER)
        return response.isclosed() or not response.read(1)
    return False


def _read_wait(header: str | None) -> float | None:
    """Read `Retry-After`: seconds, or a date (RFC 9110 §10.2.3); None if it is malformed."""
    text = (header or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text) if len(text) <= _MAX_DIGITS else inf
    try:
        return max(parsedate_to_datetime(text).timestamp() - time(), 0.0)
    except (ValueError, OverflowError, OSError):
        return None
