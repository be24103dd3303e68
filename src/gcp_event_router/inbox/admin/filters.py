"""What the list of events in the admin can be narrowed to, and how far it counts. `changelist` puts it together."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from ...router import find_everywhere
from ..keeper import database, wanted
from ..models import Delivery, StoredEvent
from ..shown import printable
from .summary import WORST_FIRST

__all__ = ["MOST", "CappedPaginator", "HandlerFilter", "KindFilter", "StateFilter"]

#: How many rows are counted, or found by state and handler, before it is said that there are more.
MOST: Final = 10_000
_CHOICES: Final = 100

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
        return [(kind, printable(kind)) for kind in _kinds()]

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
        for kind in _kinds():
            names.update(each.handler for found in find_everywhere(kind) for each in wanted(found).values())
        return [(name, printable(name)) for name in sorted(names - {""})[:_CHOICES]]

    @override
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        return None


def _kinds() -> list[str]:
    """The kinds of all events, in order: each by its place in the index, so that the events between are not looked at."""
    rows = StoredEvent.objects.using(database()).order_by("kind").values_list("kind", flat=True)
    found: list[str] = []
    kind = rows.first()
    while kind is not None and len(found) < _CHOICES:
        found.append(kind)
        kind = rows.filter(kind__gt=kind).first()
    return found
