"""Fetches Google's public keys on demand, in one thread at a time, and keeps using them if Google is unreachable.

`oidc` asks for the key of each token, even if it has accepted the token before. Google rotates its keys about daily, and
publishes a new one before it signs with it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Generator, Mapping
from concurrent.futures import Future, wait
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from math import inf
from threading import Lock, Thread
from time import monotonic, perf_counter
from typing import Final, Literal, NotRequired
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from jwt import PyJWK, PyJWKSet
from pydantic import OnErrorOmit, TypeAdapter
from typing_extensions import TypedDict, override

from .._flow import Flow, either
from .._log import logger
from ..exceptions import UnavailableError

#: The keys of Google's identity tokens, by https://accounts.google.com/.well-known/openid-configuration.
GOOGLE: Final = "https://www.googleapis.com/oauth2/v3/certs"

#: In seconds, like the next three. Keys are not fetched more often than this, since strangers can name any key.
INTERVAL = 10.0
#: Keys of this age are fetched again, but still used.
LIFETIME = 3600.0
#: Keys of this age are no longer used.
BOUND = 24 * 3600.0
#: How long a request waits for keys, and how long their server may be silent. By default, Pub/Sub waits 10 s for an answer.
TIMEOUT = 5.0
#: The size limit in bytes; Google's document has about 1,500.
LIMIT = 256 * 1024

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_CHUNK = 64 * 1024


class _Key(TypedDict):
    """An RS256 key; a set may contain others."""

    kty: Literal["RSA"]
    kid: str
    n: str
    e: str
    alg: NotRequired[Literal["RS256"]]
    use: NotRequired[Literal["sig"]]


class _CertificateDocument(TypedDict):
    keys: list[OnErrorOmit[_Key]]


_DOCUMENT = TypeAdapter(_CertificateDocument)
#: Documents that `testing` serves instead of every URL; the last one counts.
_SERVED: list[bytes] = []


class KeySet:
    """The keys that a URL serves, by id. Fetches nothing before the first one is needed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._lock = Lock()
        self._keys: Mapping[str, PyJWK] = {}
        self._fetched = -inf
        self._tried = -inf
        self._failed = False
        #: The running fetch, if any; its end means that the keys, or the failure, can be looked up.
        self._flight: Future[None] | None = None

    def current(self, kid: str) -> PyJWK | None:
        """Return a key that need not be fetched again yet. No lock is needed, since `_fetch` sets the keys before their time."""
        return self._keys.get(kid) if monotonic() - self._fetched < LIFETIME else None

    def find(self, kid: str) -> Flow[PyJWK | None]:
        """Find the key of an id, or None if the server has none. Raises `UnavailableError` if the server is unreachable."""
        key, flight = self._look(kid)
        if key is None and flight is not None:
            yield either(_wait, _await, flight)
        with self._lock:
            key = key or self._usable(kid)
            if key is None and self._failed:
                raise UnavailableError(reason="the keys that verify tokens cannot be fetched")
            return key

    def _usable(self, kid: str) -> PyJWK | None:
        return self._keys.get(kid) if monotonic() - self._fetched < BOUND else None

    def _look(self, kid: str) -> tuple[PyJWK | None, Future[None] | None]:
        """Return a usable key, and the fetch that is running, which starts if it is due."""
        with self._lock:
            now = monotonic()
            key = self._usable(kid)
            if key is not None and now - self._fetched < LIFETIME:
                return key, None
            if now - self._tried > max(INTERVAL, 3 * TIMEOUT):
                self._flight = None  # a proxy or a name server holds it
            if self._flight is None and now - self._tried >= INTERVAL:
                self._tried, self._failed = now, True  # until it succeeds
                self._flight = self._start()
            return key, self._flight

    def _start(self) -> Future[None] | None:
        """Fetch the keys in a thread, since a name server may be silent, too."""
        flight: Future[None] = Future()
        flight.set_running_or_notify_cancel()  # a waiter that gives up must not cancel it for the others
        try:
            Thread(target=self._fetch, args=[flight], name="gcp_event_router.keys", daemon=True).start()
        except RuntimeError as error:  # too many threads, or the interpreter is shutting down
            self._complain(error)
            return None
        return flight

    def _fetch(self, flight: Future[None]) -> None:
        keys: Mapping[str, PyJWK] | None = None
        try:
            keys = _read(_SERVED[-1] if _SERVED else _download(self.url))
        except Exception as error:  # noqa: BLE001 -- after any exception, there are no keys
            self._complain(error)
            if isinstance(error, HTTPError):
                error.close()  # its connection; whoever logs errors may keep it
        finally:  # all waiters must be woken
            with self._lock:
                if self._flight is flight:  # not abandoned for a later one
                    self._flight = None
                    if keys is not None:
                        # by the clock of those who ask: freezegun freezes it, but not in threads
                        self._keys, self._fetched, self._failed = _merge(self._keys, keys), self._tried, False
            flight.set_result(None)

    def _complain(self, error: Exception) -> None:
        level = logging.WARNING if monotonic() - self._fetched < BOUND else logging.ERROR
        logger.log(level, "The keys at %s cannot be fetched: %s", self.url, type(error).__name__)
        logger.debug("The keys cannot be fetched", exc_info=error)


def _wait(flight: Future[None]) -> None:
    wait([flight], TIMEOUT)


async def _await(flight: Future[None]) -> None:
    """Wait without occupying a thread of the event loop's pool."""
    waiter = asyncio.wrap_future(flight)
    try:
        await asyncio.wait([waiter], timeout=TIMEOUT)
    finally:
        waiter.cancel()  # the fetch continues; the loop may end before it


def is_acceptable(url: str) -> bool:
    """Whether keys may be fetched from a URL: only over HTTPS, or from this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK))


@contextmanager
def serve_document(document: bytes) -> Generator[None]:
    """Replace the document of every URL, for `testing`."""
    _SERVED.append(document)
    try:
        yield
    finally:
        _SERVED.pop()


class _NoRedirect(HTTPRedirectHandler):
    """Treats a redirect as an error, since it could lead to another host, or away from HTTPS."""

    @override
    def redirect_request(self, *args: object, **kwargs: object) -> None:
        return None


def _download(url: str) -> bytes:
    """Fetch a document. Raises `OSError`, `HTTPException` or `ValueError` unless it arrives completely, in time and with 200."""
    local = urlsplit(url).hostname in _LOOPBACK  # no proxy leads there, even if the environment names one
    opener = build_opener(_NoRedirect, *([ProxyHandler({})] if local else []))
    until = perf_counter() + TIMEOUT
    body = b""
    with opener.open(Request(url, headers={"Accept": "application/json"}), timeout=TIMEOUT) as response:  # noqa: S310 -- is_acceptable
        if response.status != HTTPStatus.OK:
            msg = f"status {response.status}"
            raise ValueError(msg)
        while chunk := response.read1(_CHUNK):
            body += chunk
            if len(body) > LIMIT:
                msg = f"more than {LIMIT} bytes"
                raise ValueError(msg)
            if perf_counter() > until:
                raise TimeoutError
    return body


def _read(document: bytes) -> Mapping[str, PyJWK]:
    """Read the RS256 keys of a JWK set (RFC 7517). Raises `ValueError` or `PyJWKSetError` if there are none."""
    jwk_set = PyJWKSet.from_dict({**_DOCUMENT.validate_json(document)})
    return {str(key.key_id): key for key in jwk_set.keys}


def _merge(old: Mapping[str, PyJWK], fetched: Mapping[str, PyJWK]) -> Mapping[str, PyJWK]:
    """The fetched keys; an unchanged key stays the same object, since `oidc` compares identity."""
    return {kid: old[kid] if kid in old and old[kid].key == key.key else key for kid, key in fetched.items()}


@cache
def key_set(url: str) -> KeySet:
    """The only key set of a URL in this process."""
    return KeySet(url)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=key_set.cache_clear)  # the child lacks the thread that may be fetching
