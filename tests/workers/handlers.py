"""What is deferred; registered in a worker by `event_handlers`, and in a test by the test."""

from __future__ import annotations

from typing import Any

from gcp_event_router import Event
from gcp_event_router.inbox.database import database

from ..effects.models import Effect


def convert(event: Event[dict[str, Any]]) -> None:
    """Leave an effect, or fail after it."""
    Effect.objects.using(database()).create(handler="convert", reference=event.reference)
    if event.payload.get("fails"):
        raise RuntimeError("on purpose")


async def mail(event: Event[dict[str, Any]]) -> None:
    """Leave an effect, on an event loop."""
    await Effect.objects.using(database()).acreate(handler="mail", reference=event.reference)
