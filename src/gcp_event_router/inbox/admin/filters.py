"""The filters of the list of events in the admin."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from ..._boxes.admin.lists import CHOICES, AgeFilter, error_choices, newest
from ..._boxes.admin.parts import WORST_FIRST
from ..._boxes.display import printable
from ..._boxes.states import State
from ...templatetags.gcp_event_text import breakable
from ..database import database
from ..models import Delivery
from ..selections import kinds

#: The states of deliveries that may have an error.
WITH_ERRORS: Final = tuple(state for state in WORST_FIRST if state is not State.DONE)

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


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
        return [(name, breakable(printable(name))) for name in sorted(_newest("handler", State))[:CHOICES]]


class ErrorFilter(_DeliveryFilter):
    """Events with a delivery that has a type of error. Offers those of the newest deliveries; the URL accepts others."""

    title: StrOrPromise | None = _("error")
    parameter_name: str | None = "error"

    @override
    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [(name, breakable(printable(text))) for name, text in error_choices(_newest("error_type", WITH_ERRORS))]


class ReceivedFilter(AgeFilter):
    """Events that were received within some time."""

    title: StrOrPromise | None = _("received")
    parameter_name: str | None = "received"
    column: ClassVar[str] = "received_at"


class KindFilter(admin.SimpleListFilter):
    """Events of a kind. Offers the first kinds; the URL accepts others."""

    title: StrOrPromise | None = _("kind")
    parameter_name: str | None = "kind"

    @override
    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [(kind, breakable(printable(kind))) for kind in islice(kinds(database()), CHOICES)]

    @override
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        kind = self.value()
        return None if kind is None else queryset.filter(kind=kind)


def _newest(column: str, states: Iterable[State]) -> set[str]:
    return newest(Delivery.objects.using(database()), column, states)
