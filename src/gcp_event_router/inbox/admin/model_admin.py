"""Events in Django's admin: the list, and what can be decided there. All that it asks, it asks of the inbox's own database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Final
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from ..database import database
from ..decisions import discardable
from ..models import Delivery, State, StoredEvent
from ..replay import REPLAYED
from . import actions, columns
from .changelist import EventList, narrowing, without_large
from .detail_views import EventPages, by_itself
from .filters import CappedPaginator, ErrorFilter, HandlerFilter, KindFilter, ReceivedFilter, StateFilter

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Column = str | Callable[[StoredEvent], str | bool]
Filters = tuple[type[admin.SimpleListFilter], ...]
Names = list[str] | tuple[str, ...]
Columns = list[Column] | tuple[Column, ...]

_FILTERS: Final = ("state", "kind", "handler", "error", "received")
_AT_ONCE: Final = 500
"""How many events an action takes: a request has to end, and holds 1,000 fields at the most."""


class StoredEventAdmin(EventPages):
    """Events can be looked at, and their deliveries replayed or discarded; nobody adds, changes or deletes one."""

    list_display: Columns = (
        columns.state,
        columns.kind,
        columns.reference,
        columns.handlers,
        columns.error,
        columns.attempts,
        columns.age,
    )
    list_display_links: Columns | None = (columns.kind,)
    list_filter: ClassVar[Filters] = (StateFilter, ReceivedFilter, KindFilter, HandlerFilter, ErrorFilter)  # pyright: ignore[reportIncompatibleVariableOverride] -- nobody writes it
    search_fields: ClassVar[Names] = ("reference", "message_id", "key")
    search_help_text: ClassVar[StrOrPromise | None] = _("A reference, a message id or a key, in full.")
    ordering: ClassVar[tuple[str, ...]] = ("-received_at", "key")  # pyright: ignore[reportIncompatibleVariableOverride] -- as above
    sortable_by: ClassVar[Names | None] = ()  # other orders have no index
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator
    actions: Sequence[Any] | None = ("replay", "discard")

    class Media:
        """Its colours are variables of the admin's own, light and dark."""

        css: ClassVar[Mapping[str, tuple[str, ...]]] = {"all": ("gcp_event_inbox/admin.css",)}

    @override
    def get_queryset(self, request: HttpRequest) -> QuerySet[StoredEvent]:
        """The events of the inbox's database, without what may be large."""
        return without_large(super().get_queryset(request).using(database()))

    @override
    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[EventList]:
        return EventList

    @override
    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[StoredEvent], search_term: str
    ) -> tuple[QuerySet[StoredEvent], bool]:
        """What is the term, and not what contains it: that would be looked for in all events."""
        term = search_term.strip()
        if not term:
            return queryset, False
        found = Q(reference=term) | Q(message_id=term)
        with suppress(ValueError):
            found |= Q(key=UUID(term))
        return queryset.filter(found), False

    @override
    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Allow what the page links to, and nothing that would search all events."""
        return lookup in _FILTERS

    @override
    @by_itself
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, extra_context)

    @override
    def response_action(self, request: HttpRequest, queryset: QuerySet[StoredEvent], *args: Any, **kwargs: Any) -> Any:
        """Refuse what is more than a request can do, and what is no event."""
        try:
            for chosen in request.POST.getlist(ACTION_CHECKBOX_NAME):
                UUID(chosen)
        except ValueError:
            self.message_user(request, _("There is no such event; choose some of the list."), messages.ERROR)
            return None
        if request.POST.get("select_across", "0") != "0" and queryset.order_by()[: _AT_ONCE + 1].count() > _AT_ONCE:
            text = _("These are more than %d events. Narrow the list, or use manage.py inbox.") % _AT_ONCE
            self.message_user(request, text, messages.ERROR)
            return None
        return super().response_action(request, queryset, *args, **kwargs)

    @admin.action(permissions=["replay"], description=_("Replay"))
    def replay(self, request: HttpRequest, queryset: QuerySet[StoredEvent]) -> None:
        """Replay what is not done of the chosen events; what is discarded only where the list is narrowed to that."""
        events = list(queryset)
        discarded = narrowing(request).get("state") == State.DISCARDED.value
        rows = _deliveries(request, events).filter(state__in=[State.DISCARDED] if discarded else REPLAYED)
        self.tell(request, events, actions.replay(rows))

    @admin.action(permissions=["discard"], description=_("Discard"))
    def discard(self, request: HttpRequest, queryset: QuerySet[StoredEvent]) -> HttpResponseBase | None:
        """Discard what can be discarded of the chosen events, once it is confirmed."""
        events = list(queryset)
        rows = discardable(_deliveries(request, events))
        number = rows.count()
        if number and "confirmed" not in request.POST:
            chosen = [(ACTION_CHECKBOX_NAME, str(event.pk)) for event in events]
            return self.confirm_discarding(request, number, [("action", "discard"), *chosen])
        self.tell(request, events, actions.discard(rows))
        return None


def _deliveries(request: HttpRequest, events: list[StoredEvent]) -> QuerySet[Delivery]:
    """The deliveries of some events; where the list is narrowed to those of a state, a handler or an error, no others."""
    return Delivery.objects.using(database()).filter(event__in=[event.pk for event in events], **narrowing(request))
