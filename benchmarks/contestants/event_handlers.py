"""Our handlers."""

from __future__ import annotations

from django.apps import apps

from gcp_event_router import Event, events

from .models import write
from .orders import Order


@events.on("order-placed")
def record(event: Event[Order]) -> None:
    """Write the row."""
    write(event.reference, event.payload.customer)


@events.on("order-seen")
def ignore(event: Event[Order]) -> None:
    """Do nothing."""


@events.on("order-deferred", deferred=True if apps.is_installed("gcp_event_router.inbox") else None)
def record_later(event: Event[Order]) -> None:
    """Write the row, but not in the request."""
    write(event.reference, event.payload.customer)
