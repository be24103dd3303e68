"""Finds the last deliveries of a kind, for the catalogue.

It reads few events, however many are stored: those of one kind by an index, those of a glob among the newest.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from django.urls import NoReverseMatch, reverse
from typing_extensions import override

from .._boxes.clock import as_shown
from .._boxes.display import printable
from .._boxes.states import State
from .._dispatch.store import Delivered, History
from .._globs.glob import Glob
from .database import database
from .models import Delivery, StoredEvent

#: How many of the newest deliveries are searched if no index helps.
_NEWEST: Final = 1_000
_LARGE: Final = ("error", "error_text", "event__body", "event__meta", "event__parameters", "event__principal")
_NAME_LENGTH: Final = 255


class InboxHistory(History):
    """The history in the inbox's tables."""

    permission: str = "gcp_event_inbox.view_storedevent"

    @override
    def may_view(self, user: Any) -> bool:
        return bool(user.has_perm(self.permission))

    @override
    def last(self, kind: Glob, kind_only: str | None, handlers: Collection[str] | None, most: int) -> Sequence[Delivered]:
        rows = Delivery.objects.using(database()).select_related("event").defer(*_LARGE).order_by("-pk")
        if kind_only is not None:
            newest = StoredEvent.objects.using(database()).filter(kind=kind_only).order_by("-received_at")
            deliveries = list(rows.filter(event__in=list(newest.values_list("pk", flat=True)[:most])))
            deliveries.sort(key=lambda delivery: delivery.event.received_at, reverse=True)
        else:
            deliveries = [delivery for delivery in rows[:_NEWEST] if kind.matches(delivery.event.kind)]
        names = None if handlers is None else {name[:_NAME_LENGTH] for name in handlers}
        return [_describe(delivery) for delivery in deliveries if names is None or delivery.handler in names][:most]


def _describe(delivery: Delivery) -> Delivered:
    event = delivery.event
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
    )
