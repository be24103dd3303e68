"""What the list of events in the admin can be narrowed to, and how far it counts. `changelist` puts it together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from ..clock import ago
from ..database import database
from ..display import printable
from ..models import Delivery, State, StoredEvent
from ..selections import kinds

#: Those first that want a person, then those that want time, then those that want nothing.
WORST_FIRST: Final = (
    State.PARKED,
    State.REJECTED,
    State.UNHANDLED,
    State.FAILED,
    State.RUNNING,
    State.PENDING,
    State.DISCARDED,
    State.DONE,
)
#: How many events are counted, and can be paged through, before it is said that there are more.
MOST: Final = 1_000
_CHOICES: Final = 50
_LENGTHS: Final = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
_NEWEST: Final = 1_000
#: The states of deliveries that may have an error: it goes when one is done.
WITH_ERRORS: Final = tuple(state for state in WORST_FIRST if state is not State.DONE)

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

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


class _Filter(admin.SimpleListFilter):
    """A filter by a column of deliveries. `EventList` narrows the list by it, since it looks at all of these together."""

    @override
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        return None


class StateFilter(_Filter):
    """By the state of any delivery; with a handler, by that of its delivery."""

    title: StrOrPromise | None = _("state")
    parameter_name: str | None = "state"

    @override
    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [(state.value, str(state.label)) for state in WORST_FIRST]


class HandlerFilter(_Filter):
    """By handler: those that the newest deliveries of each state are for; the address takes others."""

    title: StrOrPromise | None = _("handler")
    parameter_name: str | None = "handler"

    @override
    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [(name, printable(name)) for name in sorted(_newest("handler", State))[:_CHOICES]]


class ErrorFilter(_Filter):
    """By the type of an error: those of the newest deliveries in each state; the address takes others."""

    title: StrOrPromise | None = _("error")
    parameter_name: str | None = "error"

    @override
    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        types = sorted((name.rpartition(".")[2], name) for name in _newest("error_type", WITH_ERRORS))[:_CHOICES]
        names = Counter(short for short, _ in types)
        return [(name, printable(short if names[short] == 1 else name)) for short, name in types]


class ReceivedFilter(admin.SimpleListFilter):
    """By how long ago an event came, by the database's clock."""

    title: StrOrPromise | None = _("received")
    parameter_name: str | None = "received"

    @override
    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, StrOrPromise]]:
        return [("hour", _("Last hour")), ("day", _("Last day")), ("week", _("Last week"))]

    @override
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        length = _LENGTHS.get(self.value() or "")
        return None if length is None else queryset.filter(received_at__gte=ago(length))


class KindFilter(admin.SimpleListFilter):
    """By kind; where there are more of them than can be chosen from, the address takes the others."""

    title: StrOrPromise | None = _("kind")
    parameter_name: str | None = "kind"

    @override
    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [(kind, printable(kind)) for kind in islice(kinds(database()), _CHOICES)]

    @override
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        kind = self.value()
        return None if kind is None else queryset.filter(kind=kind)


def _newest(column: str, states: Iterable[State]) -> set[str]:
    """The values that a column has in the newest deliveries of each state."""
    rows = Delivery.objects.using(database()).order_by("-pk").values_list(column, flat=True)
    return {value for state in states for value in rows.filter(state=state)[:_NEWEST]} - {""}
