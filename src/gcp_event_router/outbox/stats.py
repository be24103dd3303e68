"""Counts the outgoing events, for `manage.py outbox stats` and for alerts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import QuerySet
from django.db.models.functions import Now

from .._boxes.clock import now
from .._boxes.counts import Counts, count
from .._boxes.states import OPEN, State
from ..management.output import age_text
from .models import OutgoingEvent, SeenRelay

#: The states that an outgoing event can have.
STATES: Final = (*OPEN, State.DONE, State.PARKED, State.DISCARDED)
#: How many of the oldest events in a state are read.
_OLDEST: Final = 500


@dataclass(frozen=True, slots=True)
class OutgoingStats:
    """The figures at one moment."""

    events: Counts
    #: How long ago a relay has looked for events; None if no relay is known.
    relay_seen: timedelta | None

    def text(self) -> Iterator[str]:
        """Format the figures for a terminal."""
        yield self.events.table("events")
        yield "No relay has been seen." if self.relay_seen is None else f"A relay was seen {age_text(self.relay_seen)} ago."

    def fields(self) -> dict[str, Any]:
        """The figures for scripts, with ages in seconds."""
        seen = None if self.relay_seen is None else self.relay_seen.total_seconds()
        return self.events.fields("events") | {"relay_seen": seen}


def stats(alias: str) -> OutgoingStats:
    """Count the events. Raises the database's errors."""
    return OutgoingStats(count(OutgoingEvent.objects.using(alias), STATES, first_due), last_relay(alias))


def first_due(rows: QuerySet[OutgoingEvent]) -> datetime | None:
    """Return when the first of the events was due that are due; `at=` and `delay=` are no delays of ours."""
    due = rows.exclude(state=State.PENDING, not_before__gt=Now()).order_by("pk").only("created_at", "metadata")
    return min((event.created_at + event.delay for event in due[:_OLDEST]), default=None)


def last_relay(alias: str) -> timedelta | None:
    """Return how long ago a relay has looked for events; None if no relay is known."""
    seen_at = SeenRelay.objects.using(alias).order_by("-seen_at").values_list("seen_at", flat=True).first()
    return None if seen_at is None else max(now(alias) - seen_at, timedelta(0))
