"""Turns the options with which people select outgoing events into a query, for the command and for projects."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import Min, OuterRef, Q, QuerySet, Subquery

from .._boxes.selecting import StateName, matching, of_age, row_number, with_error
from .._boxes.states import State
from .._globs.glob import Glob
from .database import database
from .models import UNSENT, OutgoingEvent
from .store import order_key_of

__all__ = ["OutgoingSelection"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingSelection:
    """The outgoing events that match all options; by default, all of them."""

    #: One of these states.
    states: Collection[State | StateName] = ()
    #: A glob of kinds.
    kind: str = ""
    #: A glob of topics.
    topic: str = ""
    #: The whole ordering key.
    ordering_key: str = ""
    #: The ids that `publish` returned.
    keys: Collection[UUID] = ()
    #: A part of the last error's type or safe description; `error_text` is not searched.
    error: str = ""
    #: The least and the greatest age of the event, by the database's clock.
    older_than: timedelta | None = None
    newer_than: timedelta | None = None

    def events(self, alias: str | None = None) -> QuerySet[OutgoingEvent]:
        """Make the query, by default for the outbox's database. Raises `GlobError` for a malformed glob."""
        rows = OutgoingEvent.objects.using(alias or database())
        if self.states:
            rows = rows.filter(state__in=self.states)
        if self.kind:
            rows = matching(rows, "kind", Glob(self.kind))
        if self.topic:
            rows = matching(rows, "topic", Glob(self.topic, f"glob {self.topic!r}"))
        if self.ordering_key:
            rows = rows.filter(order_key=order_key_of(self.ordering_key))
        if self.keys:
            rows = rows.filter(key__in=self.keys)
        if self.error:
            rows = with_error(rows, self.error)
        return of_age(rows, "created_at", self.older_than, self.newer_than).order_by("pk")


def identified_by(identifier: str) -> Q:
    """Make the condition that an event has a number or an id; both have an index."""
    condition = Q(pk=row_number(identifier) or 0)
    try:
        return condition | Q(key=UUID(identifier))
    except ValueError:
        return condition


def with_predecessors(rows: QuerySet[OutgoingEvent]) -> QuerySet[OutgoingEvent]:
    """Add, as `behind`, the number of the first unsent event with an event's ordering key, for which that event waits."""
    earlier = OutgoingEvent.objects.using(rows.db).filter(
        order_key=OuterRef("order_key"), pk__lt=OuterRef("pk"), state__in=UNSENT
    )
    first = earlier.order_by().values("order_key").annotate(first=Min("pk")).values("first")
    annotated: QuerySet[OutgoingEvent] = rows.annotate(behind=Subquery(first))
    return annotated
