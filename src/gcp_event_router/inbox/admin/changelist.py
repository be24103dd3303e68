"""The list of events in the admin: what it finds, and what its page says around that.

With a million rows, each query has to end soon. So nothing is counted to its end, and no query walks all events in order of
time, looking for the few whose deliveries are in one state or for one handler: the keys of few are found first.
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

from ..database import database
from ..models import Delivery, State
from .filters import MOST, WITH_ERRORS, WORST_FIRST

RowT = TypeVar("RowT", bound=Model)

#: What the list can be narrowed to of the deliveries, and their columns.
_OF_DELIVERIES: Final = {"state": "state", "handler": "handler", "error": "error_type"}
_BEGINNING: Final = 300
"""So many characters are fetched of an error."""
_FEW: Final = 500
"""So few keys are looked up as they are,"""
_SOME: Final = 10_000
"""and so few by a subquery, among those that fit all else."""
#: So many deliveries of a state are counted.
_MOST: Final = 10_000


class StateCount(NamedTuple):
    """How many deliveries are in a state."""

    state: State
    number: int
    has_more: bool


class EventList(ChangeList):
    """Django's list, narrowed to deliveries of one state, handler or error without looking at all."""

    #: Whether there may be more than what was looked through.
    _is_cut: bool = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().__init__(*args, **kwargs)
        except (ValueError, OverflowError, DataError) as error:  # such as a text with a NUL
            raise IncorrectLookupParameters from error

    @override
    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        return self._narrowed(super().get_queryset(request, exclude_parameters), narrowing(request))

    @override
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        beginnings = {"error_beginning": Left("error", _BEGINNING), "text_beginning": Left("error_text", _BEGINNING)}
        deliveries = without_large(Delivery.objects.using(database())).annotate(**beginnings).order_by("handler")
        self.result_list: Any = self.result_list.annotate(now=Now()).prefetch_related(Prefetch("deliveries", deliveries))

    @property
    def has_more(self) -> bool:
        """Whether there are more events than the result's count; called by the template."""
        return self._is_cut or bool(self.paginator.has_more)

    @cached_property
    def state_counts(self) -> list[StateCount]:
        """The numbers at the top of the page; called by the template."""
        return state_counts(database())

    def _narrowed(self, found: QuerySet[Any], values: dict[str, str]) -> QuerySet[Any]:
        """The events that have a delivery with these values."""
        self._is_cut = False
        if not values:
            return found
        alias = database()
        deliveries = Delivery.objects.using(alias).filter(**values)
        if "error_type" in values and "state" not in values:
            deliveries = deliveries.filter(state__in=WITH_ERRORS)  # which are few, and have an index
        few = list(deliveries.values_list("event", flat=True)[: _FEW + 1])
        if len(few) <= _FEW:
            return found.filter(key__in=few)
        if connections[alias].features.allow_sliced_subqueries_with_in:  # as on all but MySQL
            is_alone = not found.query.has_filters()
            most = MOST if is_alone else _SOME
            has_more = deliveries[: most + 1].count() > most
            if is_alone or not has_more:
                self._is_cut = has_more
                return found.filter(key__in=deliveries.order_by("-pk").values("event")[:most])
        return found.filter(Exists(deliveries.filter(event=OuterRef("pk"))))


def state_counts(alias: str) -> list[StateCount]:
    """Count the deliveries in each state, from the worst, in one statement, for which the ORM has no form.

    No state is counted to its end, so that the page of a busy site is as quick as any other.
    """
    deliveries = Delivery.objects.using(alias)
    counts: list[str] = []
    values: list[Any] = []
    for place, state in enumerate(WORST_FIRST):
        rows = deliveries.filter(state=state).values_list("pk")[: _MOST + 1]
        sql, parameters = rows.query.get_compiler(alias).as_sql()
        counts.append(f"(SELECT COUNT(*) FROM ({sql}) AS n{place})")  # noqa: S608 -- Django's own
        values += parameters
    with connections[alias].cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(counts)}", values)
        numbers: list[int] = list(cursor.fetchone() or ())
    return [StateCount(state, min(number, _MOST), number > _MOST) for state, number in zip(WORST_FIRST, numbers, strict=True)]


def without_large(rows: QuerySet[RowT]) -> QuerySet[RowT]:
    """Fetch rows without the columns whose values may be large."""
    # `_meta` is public: https://docs.djangoproject.com/en/stable/ref/models/meta/
    return rows.defer(*(field.name for field in rows.model._meta.fields if isinstance(field, TextField | BinaryField)))  # noqa: SLF001


def narrowing(request: HttpRequest) -> dict[str, str]:
    """What the list is narrowed to, of the deliveries: a state, a handler, the type of an error, all of one delivery.

    Raises `IncorrectLookupParameters` for a state that there is not.
    """
    values = {column: request.GET[name] for name, column in _OF_DELIVERIES.items() if name in request.GET}
    if values.get("state", State.DONE) not in State.values:
        raise IncorrectLookupParameters
    return values
