"""Delivery to a URL, as Pub/Sub's own push: how a laptop gets real events without a tunnel."""

from __future__ import annotations

import logging
from datetime import timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import SplitResult, urlsplit

from typing_extensions import override

from ..auth import SignedURL, configured
from ..exceptions import PullError
from ..logs import logger
from ..shutdown import StopFlag
from ..utils import get_event_url
from .puller import Delivered, Destination

__all__ = ["ACKNOWLEDGED", "Forward"]

#: What Pub/Sub takes as done, by its documentation of push subscriptions.
ACKNOWLEDGED: Final = frozenset({102, 200, 201, 202, 204})

_PATIENCE: Final = 600.0
"""Seconds to wait for an answer: the longest that a push subscription waits, and time for a debugger."""
_PAUSE: Final = 1.0
"""Seconds to wait before a message is given back, since nothing else slows down what comes at once again."""
_ANSWER: Final = 65536
"""So many bytes of an answer are read, to be forgotten."""
_SIGNED_FOR: Final = timedelta(hours=1)


class Forward(Destination):
    """Posts each message to a URL, and reads the answer as Pub/Sub does; redirects are not followed.

    Args:
        url: `http://localhost:8000`, to which the path of the project's endpoint is added, `/events/KIND/REFERENCE`; signed, if
            the settings name `auth.SignedURL`. A URL with a path or a query of its own is used as it is.
        kind: The kind of the events.
        stop: Once it is set, nothing is waited for but answers.

    Raises:
        PullError: The URL cannot be posted to.
        ConfigurationError: The project has no endpoint, or its authenticators cannot be used.

    """

    def __init__(self, url: str, kind: str, stop: StopFlag) -> None:
        self._parts = _split(url)
        self._stop = stop
        self._own = bool(self._parts.path.strip("/") or self._parts.query)
        self._signed = not self._own and any(isinstance(each, SignedURL) for each in configured().authenticators or ())
        self._target(kind, "1")  # what the project lacks is said at once

    @override
    def deliver(self, kind: str, reference: str, body: bytes) -> Delivered:
        """Post a push."""
        target = self._target(kind, reference)
        connection = (HTTPSConnection if self._parts.scheme == "https" else HTTPConnection)(
            self._parts.hostname or "", self._parts.port, timeout=_PATIENCE
        )
        try:
            connection.request("POST", target, body, {"Content-Type": "application/json", "User-Agent": "gcp-event-router"})
            response = connection.getresponse()
            response.read(_ANSWER)
        except (OSError, HTTPException) as error:
            return self._failed(target, f"no answer ({type(error).__name__})")
        finally:
            connection.close()
        said = f"answered {response.status}"
        if response.status not in ACKNOWLEDGED:
            return self._failed(target, said)
        self._log(logging.INFO, target, said)
        return Delivered(acknowledged=True, said=said)

    def _failed(self, target: str, said: str) -> Delivered:
        self._log(logging.WARNING, target, said)
        self._stop.wait(_PAUSE)
        return Delivered(acknowledged=False, said=said)

    def _log(self, level: int, target: str, said: str) -> None:
        path = target.partition("?")[0]  # the query may hold a signature
        url = f"{self._parts.scheme}://{self._parts.netloc}{path}"
        logger.log(level, "Forwarded an event to %r: %s", url, said, extra={"url": url, "answer": said})

    def _target(self, kind: str, reference: str) -> str:
        """The path and the query."""
        if self._own:
            query = f"?{self._parts.query}" if self._parts.query else ""
            return f"{self._parts.path or '/'}{query}"
        return get_event_url(kind, reference, base_url="", signed=self._signed, max_age=_SIGNED_FOR if self._signed else None)


def _split(url: str) -> SplitResult:
    problem = "http:// or https://, a host, and a port if it has one: http://localhost:8000"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
        parts = urlsplit("")
    if not usable or not url.isascii() or not url.isprintable() or " " in url:
        msg = f"{url!r} is no URL to forward to. Write {problem}."
        raise PullError(msg)
    if "@" in parts.netloc:
        msg = f"The URL to forward to holds a name or a password, which would not be sent. Write {problem}."
        raise PullError(msg)
    return parts
