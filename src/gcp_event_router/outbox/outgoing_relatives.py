"""Finds outgoing events for the inbox, which shows what the handlers of an event have published."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from uuid import UUID

from django.db.models import QuerySet
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from .._boxes.clock import as_shown
from .._boxes.display import printable
from .._boxes.lineage import MOST_RELATIVES, Relative
from .._boxes.states import State
from .database import database
from .models import OutgoingEvent


class OutboxRelatives:
    """The events in the outbox's tables."""

    permission: str = "gcp_event_outbox.view_outgoingevent"

    def find(self, ids: Collection[str]) -> Sequence[Relative]:
        """Find the events with one of these ids."""
        keys: list[UUID] = []
        for event_id in ids:
            with suppress(ValueError):
                keys.append(UUID(event_id))
        return _describe(_rows().filter(key__in=keys)) if keys else ()

    def caused_by(self, ids: Collection[str]) -> Sequence[Relative]:
        """Find the events whose cause has one of these ids, the newest first."""
        return _describe(_rows().filter(cause__in=ids).order_by("-pk"))


def _rows() -> QuerySet[OutgoingEvent]:
    return OutgoingEvent.objects.using(database()).only("key", "kind", "cause", "state", "created_at")


def _describe(rows: QuerySet[OutgoingEvent]) -> list[Relative]:
    found: list[Relative] = []
    for event in rows[: MOST_RELATIVES + 1]:
        try:
            url = reverse("admin:gcp_event_outbox_outgoingevent_change", args=[event.pk])
        except NoReverseMatch:
            url = ""
        text, time, label = printable(str(event)), as_shown(database(), event.created_at), str(State(event.state).label)
        found.append(Relative(_("Outbox"), text, url, time, event.cause, event.state, label))
    return found
