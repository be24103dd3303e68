"""Describes an outgoing event to people, in the admin and in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_noop

from .. import conf
from .._boxes.clock import as_shown
from .._boxes.display import printable
from .._boxes.states import State
from .database import database
from .models import OutgoingEvent
from .selections import with_predecessors


def facts_of(event: OutgoingEvent) -> Iterator[tuple[str, str | datetime]]:
    """Describe what was published and what has become of it, with names that `gettext` translates."""
    alias = database()
    finished = {State.DONE: gettext_noop("Sent"), State.PARKED: gettext_noop("Parked")}
    for name, value in (
        (gettext_noop("Number"), str(event.pk)),
        (gettext_noop("Id"), str(event.key)),
        (gettext_noop("Topic"), event.topic),
        (gettext_noop("Ordering key"), event.ordering_key),
        (gettext_noop("Cause"), event.cause),
        (gettext_noop("Published"), event.created_at),
        (gettext_noop("Due"), event.not_before),
        (gettext_noop("Waits for"), _predecessor_of(event)),
        (gettext_noop("Leased until"), event.lease_until),
        (finished.get(State(event.state), gettext_noop("Discarded")), event.finished_at),
        (gettext_noop("Message id"), event.message_id),
        (gettext_noop("Erased"), event.erased_at),
    ):
        if value:
            yield name, as_shown(alias, value) if isinstance(value, datetime) else printable(value)


def _predecessor_of(event: OutgoingEvent) -> str:
    if event.order_key is None or not is_waiting(event):
        return ""
    row: Any = with_predecessors(OutgoingEvent.objects.using(database()).filter(pk=event.pk)).only("pk").first()
    return "" if row is None or row.behind is None else f"event {row.behind}, which has the same ordering key"


def pairs_of(values: Mapping[str, str]) -> list[tuple[str, str]]:
    """List sorted pairs of names and values."""
    return [(printable(name), printable(value)) for name, value in sorted(values.items())]


def is_waiting(event: OutgoingEvent) -> bool:
    """Whether an event waits for a relay."""
    return State(event.state) in {State.PENDING, State.FAILED}


def attempts_of(event: OutgoingEvent) -> tuple[int, int]:
    """Return the number of attempts, and the highest number by the settings of today."""
    return event.attempts, max(conf.current().OUTBOX.MAX_ATTEMPTS, event.attempts)
