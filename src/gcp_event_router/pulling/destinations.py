"""Destinations of pulled messages: the handlers of this process, or a URL."""

from __future__ import annotations

import logging
from http.client import HTTPException
from typing import Final, NamedTuple, Protocol

from django.core.cache import caches
from django.db import close_old_connections, reset_queries
from typing_extensions import override

from .._dispatch.raw_event import RawEvent
from .._log import log_malformed, logger
from .._shutdown import StopFlag
from ..envelopes import read
from ..event import Principal
from ..outcomes import Outcome, classify
from ..signals import event_received
from .http import PushClient

#: Seconds to wait before a message is returned, since Pub/Sub delivers it again at once.
_PAUSE: Final = 1.0


class DeliveryResult(NamedTuple):
    """The result of a delivery."""

    #: Whether Pub/Sub would have regarded a push as acknowledged.
    acknowledged: bool
    #: For people: an outcome or an answer, without anything of the payload.
    result: str


class Destination(Protocol):
    """A destination of pulled messages: `Here` or `Forward`."""

    def deliver(self, kind: str, reference: str, body: bytes) -> DeliveryResult:
        """Deliver a push; called in several threads at once."""
        ...


def deliver_push(sender: type, kind: str, reference: str, body: bytes, principal: Principal | None = None) -> Outcome:
    """Send `event_received` for a push of Pub/Sub, to routers and plain receivers, and return the worst outcome.

    Authenticators are not asked, and `MAX_BODY_SIZE` does not apply. Raises the exceptions of handlers, which are logged already,
    and `EnvelopeError`.
    """
    envelope = read(body)
    if envelope.malformed:
        log_malformed(kind, reference, envelope.message_id, envelope.malformed)
    return event_received.deliver(sender, kind, reference, RawEvent(envelope, principal=principal))


class Here(Destination):
    """Hands each message to the handlers of this process: Google checks who may pull it, and limits it to 10 MB."""

    @override
    def deliver(self, kind: str, reference: str, body: bytes) -> DeliveryResult:
        """Handle an event to its end."""
        # as Django does before and after a request, so that a long-lived thread gets working connections
        reset_queries()
        close_old_connections()
        try:
            outcome = deliver_push(type(self), kind, reference, body)
        except Exception as error:  # noqa: BLE001 -- becomes an outcome
            outcome = classify(error)
        finally:
            close_old_connections()
            caches.close_all()
        return DeliveryResult(outcome.acknowledged, outcome.value)


class Forward(Destination):
    """Posts each message to a URL as Pub/Sub does, so that a laptop gets real events without a tunnel.

    Reads the answers as Pub/Sub does, and follows no redirects. Once `stop` is set, failures no longer pause. Raises as
    `PushClient` and its `path` do.
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
            acknowledged, result = response.acknowledged, f"answered {response.status}"
        except (OSError, HTTPException) as error:
            acknowledged, result = False, f"no answer ({type(error).__name__})"
        url = self._client.base + path.partition("?")[0]  # the query may hold a signature
        level = logging.INFO if acknowledged else logging.WARNING
        logger.log(level, "Forwarded an event to %r: %s", url, result, extra={"url": url, "answer": result})
        if not acknowledged:
            self._stop.wait(_PAUSE)
        return DeliveryResult(acknowledged, result)
