"""The admin's lists of rows: paginator, summary, filters and queries.

Each query ends soon among a million rows: every count has a limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, TypeVar

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db import DataError
from django.db.models import BinaryField, Model, QuerySet, TextField
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from ..clock import ago
from ..states import State

RowT = TypeVar("RowT", bound=Model)

#: How many rows are counted, and can be paged through.
MOST: Final = 1_000
#: How many values a filter offers.
CHOICES: Final = 50
#: How many rows in each state a filter reads to find its values.
_NEWEST: Final = 1_000
#: At most this many rows in a state are counted.
_MOST_IN_STATE: Final = 10_000
_AGES: Final = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    RowPaginator = Paginator[Any]
else:
    RowPaginator = Paginator


class StateCount(NamedTuple):
    """The number of rows in a state."""

    state: State
    number: int
    has_more: bool


class CappedPaginator(RowPaginator):
    """Counts and pages at most `MOST` rows."""

    @cached_property
    @override
    def count(self) -> int:
        """The number of rows, at most `MOST`."""
        return min(self._counted, MOST)

    @property
    def has_more(self) -> bool:
        """Whether there are more rows."""
        return self._counted > MOST

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: MOST + 1].count())  # any rows will do, so no order


class BoxList(ChangeList):
    """Django's list, with the number of rows in each state at its top."""

    #: Whether the filters ignored older rows.
    is_cut: bool = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().__init__(*args, **kwargs)
        except (ValueError, OverflowError, DataError) as error:  # such as a NUL in the query string
            raise IncorrectLookupParameters from error

    @property
    def has_more(self) -> bool:
        """Whether there are more rows than the page says; for the template."""
        return self.is_cut or bool(self.paginator.has_more)


class AgeFilter(admin.SimpleListFilter):
    """Rows of the last hour, day or week, by the database's clock."""

    #: The column of times.
    column: ClassVar[str]

    @override
    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, StrOrPromise]]:
        return [("hour", _("Last hour")), ("day", _("Last day")), ("week", _("Last week"))]

    @override
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        age = _AGES.get(self.value() or "")
        return None if age is None else queryset.filter(**{f"{self.column}__gte": ago(age)})


def count_states(rows: QuerySet[Any], states: Sequence[State]) -> list[StateCount]:
    """Count the rows in each state up to a limit."""
    numbers = [(state, rows.filter(state=state)[: _MOST_IN_STATE + 1].count()) for state in states]
    return [StateCount(state, min(number, _MOST_IN_STATE), number > _MOST_IN_STATE) for state, number in numbers]


def newest(rows: QuerySet[Any], column: str, states: Iterable[State]) -> set[str]:
    """The values of a column in the newest rows of each state."""
    values = rows.order_by("-pk").values_list(column, flat=True)
    return {value for state in states for value in values.filter(state=state)[:_NEWEST]} - {""}


def error_choices(types: Iterable[str]) -> list[tuple[str, str]]:
    """Offer types of errors by their short names, where these differ."""
    found = sorted((name.rpartition(".")[2], name) for name in types)[:CHOICES]
    names = [short for short, _ in found]
    return [(name, short if names.count(short) == 1 else name) for short, name in found]


def without_large(rows: QuerySet[RowT]) -> QuerySet[RowT]:
    """Fetch rows without the columns that may be large."""
    # `_meta` is public: https://docs.djangoproject.com/en/stable/ref/models/meta/
    return rows.defer(*(field.name for field in rows.model._meta.fields if isinstance(field, TextField | BinaryField)))  # noqa: SLF001
