"""One key set document: fetched over HTTP, within limits, and read. Called by `keys`, in a thread of its own."""

from __future__ import annotations

import socket
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from threading import Timer
from time import monotonic
from typing import Final, Literal, NotRequired
from urllib.parse import urlsplit
from urllib.request import (
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

from jwt import PyJWK, PyJWTError
from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict, override

__all__ = ["GOOGLE", "fetch", "is_acceptable", "served"]

#: The keys of Google's identity tokens, as https://accounts.google.com/.well-known/openid-configuration names them.
GOOGLE: Final = "https://www.googleapis.com/oauth2/v3/certs"

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_CHUNK = 64 * 1024


class _Document(TypedDict):
    keys: list[object]


class _Key(TypedDict):
    """An RS256 key, among others that a set may hold."""

    kty: Literal["RSA"]
    kid: str
    n: str
    e: str
    alg: NotRequired[Literal["RS256"]]
    use: NotRequired[Literal["sig"]]


_KEY = TypeAdapter(_Key)
_DOCUMENT = TypeAdapter(_Document)
#: Documents that `testing` serves in the place of their URLs.
_SERVED: dict[str, bytes] = {}


def is_acceptable(url: str) -> bool:
    """Whether keys may be fetched from a URL: over HTTPS, or from this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK))


def fetch(url: str, *, timeout: float, limit: int) -> Mapping[str, PyJWK]:
    """Fetch the RS256 keys at a URL, by their ids.

    Args:
        url: Where a JWK set (RFC 7517) is served.
        timeout: Seconds for connecting, for each silence, and for all of it.
        limit: Bytes that are read at most.

    Raises:
        OSError: The server cannot be reached, or answers an error or a redirect.
        ValueError: What it answers is too large, or is no set with a key to use.
        jwt.PyJWTError: As above.

    """
    if url in _SERVED:
        return _read(_SERVED[url])
    until = monotonic() + timeout
    try:
        body = _download(url, timeout, limit)
    except (OSError, HTTPException) as error:
        if monotonic() < until:
            raise
        raise TimeoutError from error  # it was ended by us
    if monotonic() >= until:  # as above, in the middle of the body
        raise TimeoutError
    return _read(body)


def _download(url: str, timeout: float, limit: int) -> bytes:
    body = b""
    with _opener(url).open(Request(url, headers={"Accept": "application/json"}), timeout=timeout) as response:  # noqa: S310 -- is_acceptable
        if response.status != HTTPStatus.OK:
            msg = f"status {response.status}"
            raise ValueError(msg)
        while chunk := response.read1(_CHUNK):
            body += chunk
            if len(body) > limit:
                msg = f"more than {limit} bytes"
                raise ValueError(msg)
    return body


@contextmanager
def served(url: str, document: bytes) -> Generator[None]:
    """Serve a document in the place of a URL's, without a server: for `testing`."""
    before = _SERVED.get(url)
    _SERVED[url] = document
    try:
        yield
    finally:
        if before is None:
            del _SERVED[url]
        else:
            _SERVED[url] = before


def _read(body: bytes) -> Mapping[str, PyJWK]:
    keys: dict[str, PyJWK] = {}
    for each in _DOCUMENT.validate_json(body)["keys"]:
        with suppress(ValidationError, PyJWTError):  # other kinds of keys, and keys for other uses
            jwk = _KEY.validate_python(each)
            keys[jwk["kid"]] = PyJWK({**jwk}, algorithm="RS256")
    if not keys:
        msg = "no RS256 key"
        raise ValueError(msg)
    return keys


class _Connection(HTTPConnection):
    @override
    def connect(self) -> None:
        super().connect()
        _end_after(self.sock, self.timeout)


class _SecureConnection(HTTPSConnection):
    @override
    def connect(self) -> None:
        super().connect()
        _end_after(self.sock, self.timeout)


def _end_after(connection: socket.socket, timeout: float | None) -> None:
    """End a connection after twice its timeout, whatever it does: that counts each silence only, and a head may drip."""
    timer = Timer(2 * (timeout or 0), _end, [connection])
    timer.daemon = True
    timer.start()


def _end(connection: socket.socket) -> None:
    with suppress(OSError):  # it has ended before
        connection.shutdown(socket.SHUT_RDWR)


class _HTTP(HTTPHandler):
    @override
    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_Connection, req)


class _HTTPS(HTTPSHandler):
    @override
    def https_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_SecureConnection, req)


class _NoRedirect(HTTPRedirectHandler):
    """Leaves a redirect what it is, an error: it could lead to another host, or away from HTTPS."""

    @override
    def redirect_request(self, *args: object, **kwargs: object) -> None:
        return None


def _opener(url: str) -> OpenerDirector:
    """With the proxy that the environment names, unless the server is on this machine."""
    local = urlsplit(url).hostname in _LOOPBACK
    return build_opener(_HTTP, _HTTPS, _NoRedirect, *([ProxyHandler({})] if local else []))
