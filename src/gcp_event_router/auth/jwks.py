"""One key set document: fetched over HTTP, within limits, and read. Called by `keys`, in a thread of its own."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from jwt import PyJWK, PyJWKSet
from pydantic import TypeAdapter
from typing_extensions import TypedDict, override

__all__ = ["GOOGLE", "fetch", "is_acceptable", "served"]

#: The keys of Google's identity tokens, as https://accounts.google.com/.well-known/openid-configuration names them.
GOOGLE: Final = "https://www.googleapis.com/oauth2/v3/certs"

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_CHUNK = 64 * 1024


class _Document(TypedDict):
    keys: list[dict[str, Any]]


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
    deadline = monotonic() + timeout
    body = b""
    with _opener(url).open(Request(url, headers={"Accept": "application/json"}), timeout=timeout) as response:  # noqa: S310 -- is_acceptable
        while chunk := response.read1(_CHUNK):
            body += chunk
            if len(body) > limit:
                msg = f"more than {limit} bytes"
                raise ValueError(msg)
            if monotonic() > deadline:
                msg = f"not all within {timeout} s"
                raise TimeoutError(msg)
    return _read(body)


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
    document = PyJWKSet.from_dict(dict(_DOCUMENT.validate_json(body)))
    keys = {
        each.key_id: each
        for each in document.keys
        if isinstance(each.key_id, str) and each.algorithm_name == "RS256" and each.public_key_use in {None, "sig"}
    }
    if not keys:
        msg = "no RS256 key"
        raise ValueError(msg)
    return keys


class _NoRedirect(HTTPRedirectHandler):
    """Leaves a redirect what it is, an error: it could lead to another host, or away from HTTPS."""

    @override
    def redirect_request(self, *args: object, **kwargs: object) -> None:
        return None


def _opener(url: str) -> OpenerDirector:
    """With the proxy that the environment names, unless the server is on this machine."""
    local = urlsplit(url).hostname in _LOOPBACK
    return build_opener(_NoRedirect, *([ProxyHandler({})] if local else []))
