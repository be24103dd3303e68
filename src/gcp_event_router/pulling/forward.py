"""Delivery to a URL, as Pub/Sub's own push: how a laptop gets real events without a tunnel."""

from __future__ import annotations

import logging
from http.client import HTTPException
from typing import Final

from typing_extensions import override

from .._log import logger
from .._shutdown import StopFlag
from .http import PushClient
from .puller import DeliveryResult, Destination

__all__ = ["Forward"]

_PAUSE: Final = 1.0
"""Seconds to wait before a message is given back, since nothing else slows down what comes at once again."""


class Forward(Destination):
    """Posts each message to a URL, and reads the answer as Pub/Sub does; redirects are not followed.

    Args:
        url: As `posts.PushClient` takes it.
        kind: The kind of the events.
        stop: Once it is set, nothing is waited for but answers.

    Raises:
        PostError: The URL cannot be posted to.
        ConfigurationError: The project has no endpoint, or its authenticators cannot be used.

    """

    def __init__(self, url: str, kind: str, stop: StopFlag) -> None:
        self._target = PushClient(url)
        self._stop = stop
        self._target.path(kind, "1")  # what the project lacks is said at once

    @override
    def deliver(self, kind: str, reference: str, body: bytes) -> DeliveryResult:
        """Post a push."""
        path = self._target.path(kind, reference)
        try:
            posted = self._target.post(path, body, {"Content-Type": "application/json"})
        except (OSError, HTTPException) as error:
            return self._failed(path, f"no answer ({type(error).__name__})")
        said = f"answered {posted.status}"
        if not posted.acknowledged:
            return self._failed(path, said)
        self._log(logging.INFO, path, said)
        return DeliveryResult(acknowledged=True, said=said)

    def _failed(self, path: str, said: str) -> DeliveryResult:
        self._log(logging.WARNING, path, said)
        self._stop.wait(_PAUSE)
        return DeliveryResult(acknowledged=False, said=said)

    def _log(self, level: int, path: str, said: str) -> None:
        url = self._target.base + path.partition("?")[0]  # the query may hold a signature
        logger.log(level, "Forwarded an event to %r: %s", url, said, extra={"url": url, "answer": said})
