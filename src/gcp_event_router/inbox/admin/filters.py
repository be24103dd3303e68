"""What the list of events in the admin can be narrowed to, and how far it counts. `changelist` puts it together."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin
from django.core.paginator import Paginator
from django.db import connections
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from ...router import find_everywhere
from ..keeper import database, wanted
from ..models import EVENTS, Delivery, StoredEvent
from .summary import WORST_FIRST

__all__ = ["MOST", "CappedPaginator", "HandlerFilter", "KindFilter", "StateFilter", "kinds"]

#: How many rows are counted, or found by state and handler, before it is said that there are more.
MOST: Final = 10_000
_CHOICES: Final = 100

# The next kind is looked up in the index, and the events of the last one are passed over: PostgreSQL does not do so by itself.
_KINDS: Final = f"""
WITH RECURSIVE kinds (kind) AS (
    SELECT MIN(kind) FROM {EVENTS}
    UNION ALL
    SELECT (SELECT MIN(later.kind) FROM {EVENTS} AS later WHERE later.kind > kinds.kind) FROM kinds WHERE kinds.kind IS NOT NULL
)
SELECT kind FROM kinds WHERE kind IS NOT NULL LIMIT {_CHOICES}
"""  # noqa: S608 -- names and numbers of our own

if TYPE_CHECKING:
    EventPaginator = Paginator[StoredEvent]
else:
    EventPaginator = Paginator


class CappedPaginator(EventPaginator):
    """Counts as far as it pages: to `MOST`."""

    @cached_property
    @override
    def count(self) -> int:
        """How many there are, or `MOST`."""
        return min(self._counted, MOST)

    @property
    def has_more(self) -> bool:
        """Whether there are more than are counted."""
        return self._counted > MOST

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: MOST + 1].count())  # in any order, so that the first ones found will do


class StateFilter(admin.SimpleListFilter):
    """By the state of any delivery; with a handler, by that of its delivery. `EventList` does it."""

    title = _("state")
    parameter_name = "state"

    @override
    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [(state.value, str(state.label)) for state in WORST_FIRST]

    @override
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        return None


class KindFilter(admin.SimpleListFilter):
    """By kind; where there are more of them than can be chosen from, the address takes the others."""

    title = _("kind")
    parameter_name = "kind"

    @override
    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [(kind, kind) for kind in kinds()]

    @override
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        kind = self.value()
        return None if kind is None else queryset.filter(kind=kind)


class HandlerFilter(admin.SimpleListFilter):
    """By handler: those that kinds have now, and those that events had lately. `EventList` does it."""

    title = _("handler")
    parameter_name = "handler"

    @override
    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        deliveries = Delivery.objects.using(database())
        newest = deliveries.order_by("-pk").values_list("pk", flat=True).first() or 0
        names = set(deliveries.filter(pk__gt=newest - MOST).values_list("handler", flat=True).distinct())
        for kind in kinds():
            names.update(each.handler for found in find_everywhere(kind) for each in wanted(found).values())
        return [(name, name) for name in sorted(names - {""})[:_CHOICES]]

    @override
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        return None


def kinds() -> list[str]:
    """The kinds of all events, in order."""
    connection = connections[database()]
    if connection.vendor not in {"postgresql", "sqlite"}:  # others do by themselves what `_KINDS` says
        return list(StoredEvent.objects.using(database()).order_by("kind").values_list("kind", flat=True).distinct()[:_CHOICES])
    with connection.cursor() as cursor:
        cursor.execute(_KINDS)
        return [kind for (kind,) in cursor.fetchall()]
