"""The inbox in Django's admin: what came, what became of it, and running it again or giving it up.

Found by `admin.autodiscover`, so it is imported only where the admin is installed. All that it asks, it asks of the inbox's
own database, which need not be the one that has the users.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, ClassVar, cast
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.html import format_html
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from typing_extensions import override

from . import decisions
from .changelist import EventList, narrowing
from .filters import CappedPaginator, HandlerFilter, KindFilter, StateFilter
from ..keeper import database
from ..models import Delivery, State, StoredEvent
from .pages import EventPages, by_itself
from ..shown import printable
from .summary import WORST_FIRST

__all__ = ["StoredEventAdmin"]

_AT_ONCE = 500
"""How many events an action takes: a request has to end, and holds 1,000 fields at the most."""
_NAMED = 2
"""So many handlers of an event are named in the list."""


@admin.register(StoredEvent)
class StoredEventAdmin(EventPages):
    """Events can be looked at, and their deliveries run again or given up; nobody adds or changes one."""

    list_display = ("state", "kind_", "reference_", "handlers", "attempts", "age")
    list_display_links = ("kind_",)
    list_filter = (StateFilter, KindFilter, HandlerFilter)
    date_hierarchy = "received_at"
    search_fields = ("reference", "message_id", "key")
    search_help_text = _("A reference, a message id or a key, in full.")
    ordering = ("-received_at", "key")
    sortable_by = ()  # other orders have no index
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator
    actions = ("run_again", "give_up")

    class Media:
        """Its colours are variables of the admin's own, light and dark."""

        css: ClassVar = {"all": ("gcp_event_inbox/admin.css",)}

    @override
    def get_queryset(self, request: HttpRequest) -> QuerySet[StoredEvent]:
        """The events of the inbox's database, without what may be large."""
        return super().get_queryset(request).using(database()).only("key", "kind", "reference", "message_id", "received_at")

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

    # the columns of the list

    @admin.display(description=_("state"))
    def state(self, event: StoredEvent) -> str:
        """The worst of its deliveries' states."""
        worst = _worst(event)
        if worst is None:
            return "-"
        return format_html('<span class="gei-state gei-{}">{}</span>', worst.state, State(worst.state).label)

    @admin.display(description=_("kind"))
    def kind_(self, event: StoredEvent) -> str:
        """Its kind, and the link to its page."""
        return format_html("<bdi>{}</bdi>", printable(event.kind))

    @admin.display(description=_("reference"))
    def reference_(self, event: StoredEvent) -> str:
        """Its reference."""
        return format_html("<bdi>{}</bdi>", printable(event.reference))

    @admin.display(description=_("handlers"))
    def handlers(self, event: StoredEvent) -> str:
        """The names of few handlers, the number of many."""
        names = [printable(each.handler) for each in _deliveries_of(event) if each.handler]
        return ", ".join(names) if len(names) <= _NAMED else ngettext("%d handler", "%d handlers", len(names)) % len(names)

    @admin.display(description=_("attempts"))
    def attempts(self, event: StoredEvent) -> str:
        """How often the worst delivery was begun."""
        worst = _worst(event)
        return "" if worst is None else _("%(number)d of %(most)d") % {"number": worst.attempts, "most": worst.max_attempts}

    @admin.display(description=_("age"))
    def age(self, event: StoredEvent) -> str:
        """How long ago it came."""
        return format_html('<time datetime="{}">{}</time>', event.received_at.isoformat(), timesince(event.received_at, depth=1))

    # the list and its actions

    @override
    @by_itself
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, extra_context)

    @override
    def response_action(self, request: HttpRequest, queryset: QuerySet[StoredEvent], *args: Any, **kwargs: Any) -> Any:
        """Refuse what is more than a request can do."""
        if request.POST.get("select_across", "0") != "0" and queryset.order_by()[: _AT_ONCE + 1].count() > _AT_ONCE:
            text = _("These are more than %d events. Narrow the list, or use manage.py inbox.") % _AT_ONCE
            self.message_user(request, text, messages.ERROR)
            return None
        return super().response_action(request, queryset, *args, **kwargs)

    @admin.action(permissions=["replay"], description=_("Run again"))
    def run_again(self, request: HttpRequest, queryset: QuerySet[StoredEvent]) -> None:
        """Run what is not done of the chosen events."""
        events = list(queryset)
        rows = _deliveries(request, events)
        keys = list(rows.exclude(state=State.DONE).values_list("pk", flat=True))
        self.tell(request, events, decisions.run_again(database(), keys, done=rows.filter(state=State.DONE).count()))

    @admin.action(permissions=["discard"], description=_("Give up"))
    def give_up(self, request: HttpRequest, queryset: QuerySet[StoredEvent]) -> HttpResponseBase | None:
        """Give up what is open or parked of the chosen events, once it is confirmed."""
        events = list(queryset)
        keys = list(_deliveries(request, events).filter(state__in=decisions.GIVEN_UP).values_list("pk", flat=True))
        if keys and "confirmed" not in request.POST:
            fields = [("action", "give_up"), *((ACTION_CHECKBOX_NAME, str(event.pk)) for event in events)]
            return self.confirm_giving_up(request, len(keys), fields)
        self.tell(request, events, decisions.give_up(database(), keys))
        return None


def _deliveries_of(event: StoredEvent) -> list[Delivery]:
    """Those that the list fetched with it."""
    return list(cast("Any", event).deliveries.all())  # the field on the other side declares them


def _worst(event: StoredEvent) -> Delivery | None:
    """The delivery that says most about an event."""
    ranks = {state.value: rank for rank, state in enumerate(WORST_FIRST)}
    return min(_deliveries_of(event), key=lambda delivery: ranks[delivery.state], default=None)


def _deliveries(request: HttpRequest, events: Sequence[StoredEvent]) -> QuerySet[Delivery]:
    """The deliveries of some events; where the list is narrowed to those of a state or a handler, no others."""
    return Delivery.objects.using(database()).filter(event__in=[event.pk for event in events], **narrowing(request))
