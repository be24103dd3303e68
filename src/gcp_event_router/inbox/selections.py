"""Turns the options with which people select deliveries into a query, for the command and for projects."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import QuerySet

from .._boxes.selecting import StateName, idle, matching, of_age, values_in_order, with_error
from .._boxes.states import State
from .._globs.glob import Glob
from .database import database
from .models import Delivery, StoredEvent

__all__ = ["Selection", "kinds"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The deliveries that match all options; by default, all of them."""

    #: One of these states.
    states: Collection[State | StateName] = ()
    #: A glob of kinds.
    kind: str = ""
    #: A glob of handlers' names.
    handler: str = ""
    #: The whole reference.
    reference: str = ""
    #: The keys of their events.
    events: Collection[UUID] = ()
    #: A part of the last error's type or safe description; `error_text` is not searched.
    error: str = ""
    #: The least and the greatest age of the event, by the database's clock.
    older_than: timedelta | None = None
    newer_than: timedelta | None = None
    #: Whether to leave out those that a worker runs.
    idle: bool = False

    def deliveries(self, alias: str | None = None) -> QuerySet[Delivery]:
        """Make the query, by default for the inbox's database. Raises `GlobError` for a malformed glob."""
        rows = Delivery.objects.using(alias or database())
        if self.states:
            rows = rows.filter(state__in=self.states)
        if self.kind:
            rows = matching(rows, "event__kind", Glob(self.kind), kinds)
        if self.handler:
            rows = matching(rows, "handler", Glob(self.handler, f"glob {self.handler!r}"))
        if self.reference:
            rows = rows.filter(event__reference=self.reference)
        if self.events:
            rows = rows.filter(event__in=self.events)
        if self.error:
            rows = with_error(rows, self.error)
        rows = of_age(rows, "event__received_at", self.older_than, self.newer_than)
        if self.idle:
            rows = idle(rows)
        return rows.order_by("pk")


def kinds(alias: str) -> Iterator[str]:
    """Iterate over the kinds of all events in order."""
    return values_in_order(StoredEvent.objects.using(alias), "kind")
