"""Finds events in the inbox for the outbox, which shows what caused an outgoing event."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from .._boxes.clock import as_shown
from .._boxes.display import printable
from .._boxes.exact_text import ascii_text
from .._boxes.lineage import Relative
from .database import database
from .facts import envelope_of
from .models import StoredEvent

#: How many events with the same id are shown, such as those of several subscriptions.
_MOST: Final = 5


class InboxRelatives:
    """The events in the inbox's tables."""

    permission: str = "gcp_event_inbox.view_storedevent"

    def find(self, ids: Collection[str]) -> Sequence[Relative]:
        """Find the events with one of these ids; of these, the newest one says what caused it."""
        rows = StoredEvent.objects.using(database()).filter(message_id__in=[ascii_text(event_id) for event_id in ids])
        events = list(rows.defer("body").order_by("-received_at")[:_MOST])
        return [_describe(event, with_cause=event is events[0]) for event in events]

    def caused_by(self, ids: Collection[str]) -> Sequence[Relative]:  # noqa: ARG002 -- as for other boxes
        """Find none: their causes are in their bodies."""
        return ()


def cause_of(event: StoredEvent) -> str:
    """Return the id of the event whose handler published this one, as its sender says; or ""."""
    envelope = envelope_of(event)
    return "" if envelope is None else envelope.cause or ""


def _describe(event: StoredEvent, *, with_cause: bool) -> Relative:
    try:
        url = reverse("admin:gcp_event_inbox_storedevent_change", args=[event.key])
    except NoReverseMatch:
        url = ""
    cause = cause_of(event) if with_cause else ""
    return Relative(_("Inbox"), printable(str(event)), url, as_shown(database(), event.received_at), cause)
