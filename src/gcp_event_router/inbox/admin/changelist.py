"""The list of events in the admin: its queries.

Each query ends soon among a million rows: every count has a limit, and no query walks all events by time to find those with a
delivery in one state, or to one handler.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final, NamedTuple, TypeVar

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db import DataError, connections
from django.db.models import BinaryField, Exists, Model, OuterRef, Prefetch, QuerySet, TextField
from django.db.models.functions import Left, Now
from django.http import HttpRequest
from typing_extensions import override

from ..._boxes.states import State
from ..database import database
from ..models import Delivery
from .filters import MOST, WITH_ERRORS, WORST_FIRST

RowT = TypeVar("RowT", bound=Model)

#: The columns of deliveries that the filters use.
_COLUMNS: Final = {"state": "state", "handler": "handler", "error": "error_type"}
#: How many characters of an error the list fetches.
_BEGINNING: Final = 300
#: The query lists at most this many keys of events.
_FEW: Final = 500
#: Beside other filters, a subquery finds at most this many.
_SOME: Final = 10_000
#: At most this many deliveries in a state are counted.
_MOST: Final = 10_000


class StateCount(NamedTuple):
    """The number of deliveries in a state."""

    state: State
    number: int
    has_more: bool


class EventList(ChangeList):
    """Django's list, with filters by the columns of deliveries."""

    #: Whether the filters ignored older deliveries.
    _is_cut: bool = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().__init__(*args, **kwargs)
        except (ValueError, OverflowError, DataError) as error:  # such as a NUL in the query string
            raise IncorrectLookupParameters from error

    @override
    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        return self._filter(super().get_queryset(request, exclude_parameters), delivery_filters(request))

    @override
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        beginnings = {"error_beginning": Left("error", _BEGINNING), "text_beginning": Left("error_text", _BEGINNING)}
        deliveries = without_large(Delivery.objects.using(database())).annotate(**beginnings).order_by("handler")
        self.result_list: Any = self.result_list.annotate(now=Now()).prefetch_related(Prefetch("deliveries", deliveries))

    @property
    def has_more(self) -> bool:
        """Whether there are more events than the page says; for the template."""
        return self._is_cut or bool(self.paginator.has_more)

    @cached_property
    def state_counts(self) -> list[StateCount]:
        """The numbers at the top of the page; for the template."""
        return state_counts(database())

    def _filter(self, events: QuerySet[Any], values: dict[str, str]) -> QuerySet[Any]:
        """Select the events with a delivery that has all of these values."""
        self._is_cut = False
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
                self._is_cut = has_more
                return events.filter(key__in=deliveries.order_by("-pk").values("event")[:most])
        return events.filter(Exists(deliveries.filter(event=OuterRef("pk"))))


def state_counts(alias: str) -> list[StateCount]:
    """Count the deliveries in each state up to a limit, the worst state first."""
    deliveries = Delivery.objects.using(alias)
    numbers = [(state, deliveries.filter(state=state)[: _MOST + 1].count()) for state in WORST_FIRST]
    return [StateCount(state, min(number, _MOST), number > _MOST) for state, number in numbers]


def without_large(rows: QuerySet[RowT]) -> QuerySet[RowT]:
    """Fetch rows without the columns that may be large."""
    # `_meta` is public: https://docs.djangoproject.com/en/stable/ref/models/meta/
    return rows.defer(*(field.name for field in rows.model._meta.fields if isinstance(field, TextField | BinaryField)))  # noqa: SLF001


def delivery_filters(request: HttpRequest) -> dict[str, str]:
    """The values of deliveries that the list is filtered by. Raises `IncorrectLookupParameters` for an unknown state."""
    values = {column: request.GET[name] for name, column in _COLUMNS.items() if name in request.GET}
    if values.get("state", State.DONE) not in State.values:
        raise IncorrectLookupParameters
    return values
