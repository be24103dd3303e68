"""The list of events in the admin: its queries.

Each query ends soon among a million rows: every count has a limit, and no query walks all events by time to find those with a
delivery in one state, or to one handler.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from django.contrib.admin.options import IncorrectLookupParameters
from django.db import connections
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.db.models.functions import Left, Now
from django.http import HttpRequest
from django.utils.formats import localize
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from ..._boxes.admin.lists import MOST, BoxList, StateCount, count_states, without_large
from ..._boxes.admin.parts import WORST_FIRST
from ..._boxes.redaction import VIEW_PERSONAL, conceal
from ..._boxes.states import State
from ..database import database
from ..models import Delivery
from .filters import WITH_ERRORS

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

#: The columns of deliveries that the filters use.
_COLUMNS: Final = {"state": "state", "handler": "handler", "error": "error_type"}
#: How many characters of an error the list fetches.
_BEGINNING: Final = 300
#: The query lists at most this many keys of events.
_FEW: Final = 500
#: Beside other filters, a subquery finds at most this many.
_SOME: Final = 10_000


class EventList(BoxList):
    """Django's list, with filters by the columns of deliveries."""

    summary_title: StrOrPromise = _("Deliveries by state")

    @override
    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        return self._filter(super().get_queryset(request, exclude_parameters), delivery_filters(request))

    @override
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        beginnings = {"error_beginning": Left("error", _BEGINNING), "text_beginning": Left("error_text", _BEGINNING)}
        deliveries = without_large(Delivery.objects.using(database())).annotate(**beginnings).order_by("handler")
        self.result_list: Any = self.result_list.annotate(now=Now()).prefetch_related(Prefetch("deliveries", deliveries))
        user: Any = request.user
        if not user.has_perm(f"{self.opts.app_label}.{VIEW_PERSONAL}"):
            for event in self.result_list:
                conceal(event.deliveries.all(), event.kind)

    @property
    def advice(self) -> str:
        """What to do if there are more events; for the template."""
        text = gettext("There are more than %s. Filter by time, kind, handler or error to see the others.")
        return text % localize(self.result_count)

    @cached_property
    def state_counts(self) -> list[StateCount]:
        """The numbers at the top of the page; for the template."""
        return state_counts(database())

    def _filter(self, events: QuerySet[Any], values: dict[str, str]) -> QuerySet[Any]:
        """Select the events with a delivery that has all of these values."""
        self.is_cut: bool = False
        if not values:
            return events
        alias = database()
        deliveries = Delivery.objects.using(alias).filter(**values)
        if "error_type" in values and "state" not in values:
            deliveries = deliveries.filter(state__in=WITH_ERRORS)  # few, and an index finds them
        keys = list(deliveries.values_list("event", flat=True)[: _FEW + 1])
        if len(keys) <= _FEW:
            return events.filter(key__in=keys)
        if connections[alias].features.allow_sliced_subqueries_with_in:  # all but MySQL
            is_only_filter = not events.query.has_filters()
            most = MOST if is_only_filter else _SOME
            has_more = deliveries[: most + 1].count() > most
            if is_only_filter or not has_more:
                self.is_cut = has_more
                return events.filter(key__in=deliveries.order_by("-pk").values("event")[:most])
        return events.filter(Exists(deliveries.filter(event=OuterRef("pk"))))


def state_counts(alias: str) -> list[StateCount]:
    """Count the deliveries in each state up to a limit, the worst state first."""
    return count_states(Delivery.objects.using(alias), WORST_FIRST)


def delivery_filters(request: HttpRequest) -> dict[str, str]:
    """The values of deliveries that the list is filtered by. Raises `IncorrectLookupParameters` for an unknown state."""
    values = {column: request.GET[name] for name, column in _COLUMNS.items() if name in request.GET}
    if values.get("state", State.DONE) not in State.values:
        raise IncorrectLookupParameters
    return values
