"""Posts events to a URL, as senders do, without following redirects: for `Forward` and for `manage.py events send`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from http.client import HTTPConnection, HTTPSConnection
from typing import Any, Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from .._event_urls import add_query, get_event_url, reverse_pattern
from ..auth import configured
from ..auth.base import curl_hint
from ..exceptions import PostError
from ..outcomes import ACKNOWLEDGED

#: Seconds to wait for an answer: as long as a push subscription waits at most, and time for a debugger.
_TIMEOUT: Final = 600.0
#: The most bytes to read of an answer.
_MAX_ANSWER: Final = 65536
_SIGNED_FOR: Final = timedelta(hours=1)


class PushResponse(NamedTuple):
    """An HTTP answer."""

    status: int
    #: The reason phrase, such as `Created`.
    reason: str
    body: bytes
    retry_after: str | None

    @property
    def acknowledged(self) -> bool:
        """Whether Pub/Sub would regard the message as acknowledged."""
        return self.status in ACKNOWLEDGED


class PushClient:
    """Posts events to a base URL.

    Args:
        url: `http://localhost:8000`, to which the path of the project's endpoint is added, `/events/KIND/REFERENCE`; signed, if
            the settings name `auth.SignedURL`. A URL with its own path or query is used as it is.
        signed: Whether to sign the URL; false if the request is authenticated in another way.

    Raises:
        PostError: The URL is invalid.
        ConfigurationError: The project's authenticators cannot be created.

    """

    def __init__(self, url: str, *, signed: bool = True) -> None:
        self._parts = _split(url)
        self._has_path = bool(self._parts.path.strip("/") or self._parts.query)
        authenticators = () if not signed or self._has_path else configured().authenticators or ()
        self._signed = any(curl_hint(authenticator, url).is_signed for authenticator in authenticators)
        #: Scheme and host.
        self.base: str = f"{self._parts.scheme}://{self._parts.netloc}"

    def path(self, kind: str | None, reference: str, parameters: Mapping[str, Any] | None = None) -> str:
        """The path and the query for an event; a kind of None is that of a CloudEvent whose type is its kind.

        Raises `ConfigurationError` if the project has no endpoint.
        """
        if self._has_path:
            query = f"?{self._parts.query}" if self._parts.query else ""
            return f"{self._parts.path or '/'}{query}"
        max_age = _SIGNED_FOR if self._signed else None
        if kind is None:
            return cloudevents_path(parameters, max_age)
        return get_event_url(kind, reference, parameters, base_url="", signed=self._signed, max_age=max_age)

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> PushResponse:
        """Post a body with headers. Raises `OSError` or `HTTPException` if the server does not answer."""
        connect = HTTPSConnection if self._parts.scheme == "https" else HTTPConnection
        connection = connect(self._parts.hostname or "", self._parts.port, timeout=_TIMEOUT)
        try:
            connection.request("POST", path, body, {"User-Agent": "gcp-event-router", **headers})
            response = connection.getresponse()
            return PushResponse(response.status, response.reason, response.read(_MAX_ANSWER), response.getheader("Retry-After"))
        finally:
            connection.close()


def cloudevents_path(parameters: Mapping[str, Any] | None = None, max_age: timedelta | None = None) -> str:
    """The path and the query for CloudEvents whose type is their kind; signed, if there is a `max_age`.

    Raises `ConfigurationError` if the project has no such endpoint.
    """
    path = reverse_pattern("gcp-cloudevents")
    return add_query(path, parameters, signed=max_age is not None, max_age=max_age, single_use=False)


def _split(url: str) -> SplitResult:
    """Split a URL to post to. Raises `PostError`, which quotes nothing, since a URL may hold a password."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")  # as the look-up does
        is_usable = parts.scheme in {"http", "https"} and bool(host) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        is_usable, parts = False, urlsplit("")
    if not is_usable or not url.isascii() or not url.isprintable() or " " in url:
        msg = (
            "The URL cannot be posted to. Write http:// or https://, a host without a name or a password, "
            "and a port if it has one: http://localhost:8000"
        )
        raise PostError(msg)
    return parts
