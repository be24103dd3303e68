"""Delivers pulled messages to a URL, as Pub/Sub's push does, so that a laptop gets real events without a tunnel."""

from __future__ import annotations

import logging
from http.client import HTTPException
from typing import Final

from typing_extensions import override

from .._log import logger
from .._shutdown import StopFlag
from .http import PushClient
from .puller import DeliveryResult, Destination

#: Seconds to wait before a message is returned, since Pub/Sub delivers it again at once.
_PAUSE: Final = 1.0


class Forward(Destination):
    """Posts each message to a URL, and reads the answer as Pub/Sub does; redirects are not followed.

    Args:
        url: See `PushClient`.
        kind: The kind of the events.
        stop: Once it is set, only answers are waited for.

    Raises:
        PostError: The URL is invalid.
        ConfigurationError: The project has no endpoint, or its authenticators cannot be created.

    """

    def __init__(self, url: str, kind: str, stop: StopFlag) -> None:
        self._client = PushClient(url)
        self._stop = stop
        self._client.path(kind, "1")  # raises at once if the project has no endpoint

    @override
    def deliver(self, kind: str, reference: str, body: bytes) -> DeliveryResult:
        """Post a push."""
        path = self._client.path(kind, reference)
        try:
            response = self._client.post(path, body, {"Content-Type": "application/json"})
        except (OSError, HTTPException) as error:
            return self._failed(path, f"no answer ({type(error).__name__})")
        result = f"answered {response.status}"
        if not response.acknowledged:
            return self._failed(path, result)
        self._log(logging.INFO, path, result)
        return DeliveryResult(acknowledged=True, result=result)

    def _failed(self, path: str, result: str) -> DeliveryResult:
        self._log(logging.WARNING, path, result)
        self._stop.wait(_PAUSE)
        return DeliveryResult(acknowledged=False, result=result)

    def _log(self, level: int, path: str, result: str) -> None:
        url = self._client.base + path.partition("?")[0]  # the query may hold a signature
        logger.log(level, "Forwarded an event to %r: %s", url, result, extra={"url": url, "answer": result})
