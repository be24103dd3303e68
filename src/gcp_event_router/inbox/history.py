"""Finds the last deliveries of a kind, for the catalogue.

It reads few events, however many are stored: those of one kind by an index, those of a glob among the newest.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any, Final, cast
from urllib.parse import urlencode

from django.db.models.functions import Left
from django.urls import NoReverseMatch, reverse
from typing_extensions import override

from .._boxes.clock import as_shown
from .._boxes.display import error_line, printable
from .._boxes.redaction import conceal
from .._boxes.states import State
from .._dispatch.store import Delivered, History
from .._globs.glob import Glob
from .database import database
from .models import Delivery, StoredEvent

#: How many of the newest deliveries are searched if no index helps.
_NEWEST: Final = 1_000
_LARGE: Final = ("error", "error_text", "event__body", "event__meta", "event__parameters", "event__principal")
#: How many characters of an error are fetched.
_BEGINNING: Final = 300
_NAME_LENGTH: Final = 255


class InboxHistory(History):
    """The history in the inbox's tables."""

    permission: str = "gcp_event_inbox.view_storedevent"

    @override
    def may_view(self, user: Any) -> bool:
        return bool(user.has_perm(self.permission))

    @override
    def last(self, kind: Glob, kind_only: str | None, handlers: Collection[str] | None, most: int) -> Sequence[Delivered]:
        beginnings = {"error_beginning": Left("error", _BEGINNING), "text_beginning": Left("error_text", _BEGINNING)}
        rows = Delivery.objects.using(database()).select_related("event").defer(*_LARGE).annotate(**beginnings).order_by("-pk")
        if kind_only is not None:
            newest = StoredEvent.objects.using(database()).filter(kind=kind_only).order_by("-received_at")
            deliveries = list(rows.filter(event__in=list(newest.values_list("pk", flat=True)[:most])))
            deliveries.sort(key=lambda delivery: delivery.event.received_at, reverse=True)
        else:
            deliveries = [delivery for delivery in rows[:_NEWEST] if kind.matches(delivery.event.kind)]
        names = None if handlers is None else {name[:_NAME_LENGTH] for name in handlers}
        return [_describe(delivery) for delivery in deliveries if names is None or delivery.handler in names][:most]

    @override
    def url_of_all(self, kind: str | None, handler: str | None) -> str:
        known = {"kind": kind} if kind is not None else {"handler": handler[:_NAME_LENGTH]} if handler is not None else {}
        with suppress(NoReverseMatch):
            return f"{reverse('admin:gcp_event_inbox_storedevent_changelist')}?{urlencode(known)}" if known else ""
        return ""


def _describe(delivery: Delivery) -> Delivered:
    event, beginnings = delivery.event, cast("Any", delivery)
    conceal([delivery], event.kind)  # the catalogue is for all of the staff
    try:
        url = reverse("admin:gcp_event_inbox_storedevent_change", args=[event.key])
    except NoReverseMatch:
        url = ""
    return Delivered(
        state=delivery.state,
        label=str(State(delivery.state).label),
        kind=printable(event.kind),
        reference=printable(event.reference),
        handler=printable(delivery.handler),
        attempts=delivery.counted,
        max_attempts=delivery.limit,
        received_at=as_shown(database(), event.received_at),
        url=url,
        error=error_line(delivery.error_type, beginnings.error_beginning, beginnings.text_beginning),
    )
