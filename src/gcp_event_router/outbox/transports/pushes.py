"""Writes an outgoing event as Pub/Sub would push it, for transports that send it past Pub/Sub."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from django.db import connections
from django.utils import timezone

from ...utils import make_pubsub_message
from ..models import OutgoingEvent

#: The subscription in such a push.
SUBSCRIPTION: Final = "projects/outbox/subscriptions/relay"


def push_of(event: OutgoingEvent) -> bytes:
    """Write the body of a wrapped push; it is the same each time the event is sent."""
    return make_pubsub_message(
        bytes(event.data),
        SUBSCRIPTION,
        event.sent_attributes,
        str(event.key),
        event.ordering_key or None,
        published_at(event),
    )


def published_at(event: OutgoingEvent) -> datetime:
    """When the event was published; aware, also with `USE_TZ = False`."""
    time = event.created_at
    if not timezone.is_naive(time):
        return time
    is_utc = connections[event._state.db or "default"].vendor == "sqlite"  # noqa: SLF001 -- documented by Django
    return timezone.make_aware(time, UTC if is_utc else timezone.get_default_timezone())
