"""The list of events in Django's admin, and its actions. All queries use the inbox's database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Final
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from ..._boxes.redaction import VIEW_PERSONAL, conceal
from ..._boxes.states import State
from ..._dispatch.lookup import registered_everywhere
from ..database import database
from ..decisions import discardable
from ..models import Delivery, StoredEvent
from ..once_keys import deliveries_with
from ..replay import REPLAYED
from . import actions, columns
from .changelist import EventList, delivery_filters
from .detail_views import EventPages
from .filters import ErrorFilter, HandlerFilter, KindFilter, ReceivedFilter, StateFilter

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Column = str | Callable[[StoredEvent], str | bool]
Filters = tuple[type[admin.SimpleListFilter], ...]
Names = list[str] | tuple[str, ...]
Columns = list[Column] | tuple[Column, ...]

#: How many events with one business key are found.
_FOUND: Final = 500


class StoredEventAdmin(EventPages):
    """Shows events, and replays or discards their deliveries. Nobody can add, change or delete an event."""

    list_display: Columns = (*(columns.state, columns.event, columns.handlers, columns.error, columns.age),)
    list_display_links: Columns | None = (columns.event,)
    list_filter: ClassVar[Filters] = (StateFilter, ReceivedFilter, KindFilter, HandlerFilter, ErrorFilter)  # pyright: ignore[reportIncompatibleVariableOverride] -- never assigned
    search_fields: ClassVar[Names] = ("reference", "message_id", "key")
    search_help_text: ClassVar[StrOrPromise | None] = _("A whole reference, message id, business key or key.")
    ordering: ClassVar[tuple[str, ...]] = ("-received_at", "key")  # pyright: ignore[reportIncompatibleVariableOverride] -- as above
    lookups: ClassVar[Collection[str]] = ("state", "kind", "handler", "error", "received")
    command: ClassVar[str] = "manage.py inbox"
    actions: Sequence[Any] | None = ("replay", "discard")

    @override
    def get_list_display(self, request: HttpRequest) -> Columns:
        """List business keys, too, if a handler has them."""
        shown: Columns = super().get_list_display(request)
        has_keys = any(registration.handler.options.once_key for registration in registered_everywhere())
        return (*shown[:3], columns.once_key, *shown[3:]) if has_keys else shown

    @override
    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[EventList]:
        return EventList

    @override
    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[StoredEvent], search_term: str
    ) -> tuple[QuerySet[StoredEvent], bool]:
        """Find the term itself. A search for a part of a text would read all events.

        The keys of kinds with personal fields are hidden from most users, who cannot guess them here, either.
        """
        term = search_term.strip()
        if not term:
            return queryset, False
        condition = Q(reference=term) | Q(message_id=term)
        found = deliveries_with(database(), term).select_related("event").only("handler", "event__kind")[:_FOUND]
        is_personal = self.may(request, VIEW_PERSONAL)
        keyed = [delivery.event.pk for delivery in found if is_personal or not conceal([delivery], delivery.event.kind)]
        condition |= Q(key__in=keyed)
        with suppress(ValueError):
            condition |= Q(key=UUID(term))
        return queryset.filter(condition), False

    @admin.action(permissions=["replay"], description=_("Replay"))
    def replay(self, request: HttpRequest, queryset: QuerySet[StoredEvent]) -> None:
        """Replay the deliveries that are not done; discarded ones only if the list is filtered by that state."""
        events = list(queryset)
        is_discarded = delivery_filters(request).get("state") == State.DISCARDED.value
        rows = _deliveries(request, events).filter(state__in=[State.DISCARDED] if is_discarded else REPLAYED)
        self.report(request, events, actions.replay(rows))

    @admin.action(permissions=["discard"], description=_("Discard"))
    def discard(self, request: HttpRequest, queryset: QuerySet[StoredEvent]) -> HttpResponseBase | None:
        """Discard the deliveries that can be discarded, after a confirmation."""
        events = list(queryset)
        rows = discardable(_deliveries(request, events))
        if "confirmed" not in request.POST and rows.exists():
            fields = [(ACTION_CHECKBOX_NAME, str(event.pk)) for event in events]
            return self.confirm_discarding(request, rows, [("action", "discard"), *fields])
        self.report(request, events, actions.discard(rows))
        return None


def _deliveries(request: HttpRequest, events: list[StoredEvent]) -> QuerySet[Delivery]:
    """The deliveries of events that match the filters of the list."""
    return Delivery.objects.using(database()).filter(event__in=[event.pk for event in events], **delivery_filters(request))
