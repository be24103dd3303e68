"""Delivers pulled messages to the handlers of this process, as the endpoint does."""

from __future__ import annotations

from django.core.cache import caches
from django.db import close_old_connections, reset_queries
from typing_extensions import override

from .._dispatch.raw_event import RawEvent
from .._log import log_malformed
from ..envelopes import read
from ..outcomes import Outcome, classify
from ..signals import event_received
from .puller import DeliveryResult, Destination


class Here(Destination):
    """Sends `event_received` for each message, to routers and plain receivers, and returns the worst outcome.

    Authenticators are not asked, since Google checks who may pull the subscription. `MAX_BODY_SIZE` does not apply, since
    Pub/Sub limits messages to 10 MB.
    """

    @override
    def deliver(self, kind: str, reference: str, body: bytes) -> DeliveryResult:
        """Handle an event to its end."""
        # as Django does before and after a request, so that a long-lived thread gets working connections
        reset_queries()
        close_old_connections()
        try:
            outcome = self._outcome(kind, reference, body)
        finally:
            close_old_connections()
            caches.close_all()
        return DeliveryResult(outcome.acknowledged, outcome.value)

    def _outcome(self, kind: str, reference: str, body: bytes) -> Outcome:
        try:
            envelope = read(body)
            if envelope.malformed:
                log_malformed(kind, reference, envelope.message_id, envelope.malformed)
            return event_received.deliver(type(self), kind, reference, RawEvent(envelope))
        except Exception as error:  # noqa: BLE001 -- becomes an outcome; the handlers' failures are logged already
            return classify(error)
