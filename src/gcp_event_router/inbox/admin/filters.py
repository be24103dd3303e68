"""The filters and the paginator of the list of events in the admin."""

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

from ..._boxes.clock import ago
from ..._boxes.display import printable
from ..._boxes.states import State
from ..database import database
from ..models import Delivery, StoredEvent
from ..selections import kinds

#: First the states that need a person, then those that need time, then those that need nothing.
WORST_FIRST: Final = (
    *(State.PARKED, State.REJECTED, State.UNHANDLED, State.FAILED),
    *(State.RUNNING, State.PENDING, State.DISCARDED, State.DONE),
)
#: The states of deliveries that may have an error.
WITH_ERRORS: Final = tuple(state for state in WORST_FIRST if state is not State.DONE)
#: How many events are counted, and can be paged through.
MOST: Final = 1_000
#: How many values a filter offers, and how many deliveries in each state it reads to find them.
_CHOICES: Final = 50
_NEWEST: Final = 1_000
_AGES: Final = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    EventPaginator = Paginator[StoredEvent]
else:
    EventPaginator = Paginator


class CappedPaginator(EventPaginator):
    """Counts and pages at most `MOST` events."""

    @cached_property
    @override
    def count(self) -> int:
        """The number of events, at most `MOST`."""
        return min(self._counted, MOST)

    @property
    def has_more(self) -> bool:
        """Whether there are more events."""
        return self._counted > MOST

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: MOST + 1].count())  # any rows will do, so no order


class _DeliveryFilter(admin.SimpleListFilter):
    """A filter by a column of deliveries. `EventList` applies all of these together."""

    @override
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        return None


class StateFilter(_DeliveryFilter):
    """Events with a delivery in a state."""

    title: StrOrPromise | None = _("state")
    parameter_name: str | None = "state"

    @override
    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [(state.value, str(state.label)) for state in WORST_FIRST]


class HandlerFilter(_DeliveryFilter):
    """Events with a delivery to a handler. Offers the handlers of the newest deliveries; the URL accepts others."""

    title: StrOrPromise | None = _("handler")
    parameter_name: str | None = "handler"

    @override
    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [(name, printable(name)) for name in sorted(_newest("handler", State))[:_CHOICES]]


class ErrorFilter(_DeliveryFilter):
    """Events with a delivery that has a type of error. Offers those of the newest deliveries; the URL accepts others."""

    title: StrOrPromise | None = _("error")
    parameter_name: str | None = "error"

    @override
    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        types = sorted((name.rpartition(".")[2], name) for name in _newest("error_type", WITH_ERRORS))[:_CHOICES]
        names = Counter(short for short, _ in types)
        return [(name, printable(short if names[short] == 1 else name)) for short, name in types]


class ReceivedFilter(admin.SimpleListFilter):
    """Events of the last hour, day or week, by the database's clock."""

    title: StrOrPromise | None = _("received")
    parameter_name: str | None = "received"

    @override
    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, StrOrPromise]]:
        return [("hour", _("Last hour")), ("day", _("Last day")), ("week", _("Last week"))]

    @override
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        age = _AGES.get(self.value() or "")
        return None if age is None else queryset.filter(received_at__gte=ago(age))


class KindFilter(admin.SimpleListFilter):
    """Events of a kind. Offers the first kinds; the URL accepts others."""

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
    """The values of a column in the newest deliveries of each state."""
    rows = Delivery.objects.using(database()).order_by("-pk").values_list(column, flat=True)
    return {value for state in states for value in rows.filter(state=state)[:_NEWEST]} - {""}
