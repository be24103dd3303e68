"""The outgoing events in Django's admin. All queries use the outbox's database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from typing_extensions import override

from ..._boxes.admin.pages import NAMED, ActionReport, BoxAdmin, non_atomic
from ..._boxes.clock import as_shown
from ..._boxes.display import error_details, payload, printable
from ..._boxes.lineage import causes_of, effects_of
from ..._boxes.redaction import VIEW_PERSONAL, conceal, shown_outgoing
from ..._boxes.selecting import row_number
from ..._boxes.states import State
from ..database import database
from ..models import OutgoingEvent
from ..outgoing_facts import attempts_of, facts_of, pairs_of
from ..retry import RETRIED, discard, discardable, retriable, retry
from ..selections import identified_by
from ..store import order_key_of
from . import outgoing_list as columns
from .outgoing_list import COLUMNS, FILTERS, OutgoingList

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Column = str | Callable[[Any], str | bool]
Columns = list[Column] | tuple[Column, ...]

_TEMPLATE: Final = "admin/gcp_event_outbox/outgoingevent/change_form.html"


class OutgoingEventAdmin(BoxAdmin):
    """Shows outgoing events, and retries or discards them. Nobody can add, change or delete one."""

    list_display: Columns = COLUMNS
    list_display_links: Columns | None = (columns.kind,)
    list_filter: ClassVar[tuple[type[admin.SimpleListFilter], ...]] = FILTERS  # pyright: ignore[reportIncompatibleVariableOverride] -- never assigned
    search_fields: ClassVar[list[str] | tuple[str, ...]] = ("key",)
    search_help_text: ClassVar[StrOrPromise | None] = gettext_lazy("A whole id, ordering key, or id of a cause.")
    ordering: ClassVar[tuple[str, ...]] = ("-pk",)  # pyright: ignore[reportIncompatibleVariableOverride] -- as above
    lookups: ClassVar[Collection[str]] = ("state", "kind", "topic", "error", "published")
    command: ClassVar[str] = "manage.py outbox"
    actions: Sequence[Any] | None = ("retry", "discard")

    @override
    def alias(self) -> str:
        return database()

    @override
    def parse_key(self, text: str) -> int:
        number = row_number(text)
        if number is None:
            raise ValueError
        return number

    @override
    def data_of(self, row: OutgoingEvent, *, personal: bool) -> bytes:
        data = bytes(row.data)
        return data if personal else shown_outgoing(row.kind, data)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Whether the user may retry events; Django calls it for the action."""
        return self.may(request, "retry_outgoingevent")

    def has_discard_permission(self, request: HttpRequest) -> bool:
        """Whether the user may discard events."""
        return self.may(request, "discard_outgoingevent")

    @override
    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[OutgoingList]:
        return OutgoingList

    @override
    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        """Find the term itself. A search for a part of a text would read all events."""
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(identified_by(term) | Q(order_key=order_key_of(term)) | Q(cause=term)), False

    @override
    @non_atomic
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show an event, or retry or discard it."""
        event: OutgoingEvent = self.row(request, object_id)
        if request.method == "POST":
            return self._decide(request, event)
        context = {
            "title": _("Outgoing event"),
            "subtitle": printable(str(event)),
            "original": printable(str(event)),
            "event": event,
            "details": _details(event, request.user, personal=self.may(request, VIEW_PERSONAL)),
            "may_retry": self.has_retry_permission(request),
            "may_discard": self.has_discard_permission(request),
            "has_view_permission": True,
            **(extra_context or {}),
        }
        return self.page(request, _TEMPLATE, context)

    @admin.action(permissions=["retry"], description=gettext_lazy("Retry"))
    def retry(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Retry the events that can be retried; discarded ones only if the list is filtered by that state."""
        events = list(queryset)
        is_discarded = request.GET.get("state") == State.DISCARDED.value
        states = [state for state in RETRIED if (state is State.DISCARDED) is is_discarded]
        self.report(request, events, _retry(_rows(events).filter(state__in=states)))

    @admin.action(permissions=["discard"], description=gettext_lazy("Discard"))
    def discard(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponseBase | None:
        """Discard the events that can be discarded, after a confirmation."""
        events = list(queryset)
        chosen = list(discardable(_rows(events)).only("kind", "key", "state").order_by("-pk"))
        if chosen and "confirmed" not in request.POST:
            fields = [(ACTION_CHECKBOX_NAME, str(event.pk)) for event in events]
            return self._confirm(request, chosen, [("action", "discard"), *fields])
        self.report(request, events, _discard(_rows(events)))
        return None

    def _decide(self, request: HttpRequest, event: OutgoingEvent) -> HttpResponse:
        """Do what a button says: its name is the decision."""
        decision = "retry" if "retry" in request.POST else "discard"
        if not self.may(request, f"{decision}_outgoingevent"):
            raise PermissionDenied
        if decision == "discard" and "confirmed" not in request.POST:
            return self._confirm(request, [event], [(decision, "yes")])
        self.report(request, [event], (_retry if decision == "retry" else _discard)(_rows([event])))
        return HttpResponseRedirect(request.get_full_path())

    def _confirm(self, request: HttpRequest, events: Sequence[OutgoingEvent], fields: Sequence[tuple[str, str]]) -> HttpResponse:
        number = len(events)
        names = [f"{event} ({State(event.state).label})" for event in events[:NAMED]]
        question = ngettext("Discard %d event?", "Discard %d events?", number) % number
        effect = _("Nothing sends discarded events until you retry them. Later events no longer wait for them.")
        return self.confirm(request, question, effect, _("Discard"), fields, names, number)


def _rows(events: Collection[OutgoingEvent]) -> QuerySet[OutgoingEvent]:
    return OutgoingEvent.objects.using(database()).filter(pk__in=[event.pk for event in events])


def _retry(events: QuerySet[OutgoingEvent]) -> ActionReport:
    number = retry(events)
    if not number:
        text = _("Nothing was retried. Events that wait, that were sent, or that a relay is sending cannot be retried.")
        return ActionReport(text, is_success=False)
    return ActionReport(
        ngettext("Retried %d event: it is due now.", "Retried %d events: they are due now.", number) % number, is_success=True
    )


def _discard(events: QuerySet[OutgoingEvent]) -> ActionReport:
    number = discard(events)
    if not number:
        text = _("Nothing was discarded. Events that were sent, or that a relay is sending, cannot be discarded.")
        return ActionReport(text, is_success=False)
    return ActionReport(ngettext("Discarded %d event.", "Discarded %d events.", number) % number, is_success=True)


def _details(event: OutgoingEvent, user: Any, *, personal: bool) -> dict[str, Any]:
    """An event for the template, as `printable` text."""
    data = bytes(event.data)
    if not personal:
        data = shown_outgoing(event.kind, data)
        conceal([event], event.kind)
    alias, row = database(), _rows([event])
    number, most = attempts_of(event)
    times = [(_("published"), event.created_at), (_("due"), event.not_before), (_("leased until"), event.lease_until)]
    effects, has_more = effects_of([str(event.key), event.message_id], user)
    return {
        "payload": payload(data),
        "facts": [(_(name), value) for name, value in facts_of(event)],
        "attributes": pairs_of(event.attributes),
        "trace": pairs_of(event.trace),
        "error": {
            **{name: printable(getattr(event, name)) for name in ("error_type", "error", "error_text")},
            "error_details": error_details(event.error),
        },
        "times": [(title, as_shown(alias, time)) for title, time in times if time is not None],
        "attempts": number,
        "most": most,
        "can_be_retried": retriable(row).exists(),
        "can_be_discarded": discardable(row).exists(),
        "causes": causes_of(event.cause, user),
        "effects": effects,
        "has_more_effects": has_more,
    }
