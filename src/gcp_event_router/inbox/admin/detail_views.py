"""The pages of one event in the admin, and the permissions and messages of all pages."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import connections, transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from typing_extensions import override

from ..._boxes.clock import as_shown
from ..._boxes.display import error_details, payload, printable
from ..._boxes.selecting import row_number
from ..._boxes.states import State
from ..database import database
from ..decisions import discardable
from ..facts import attributes_of, cloudevent_of, data_of, envelope_of, facts_of, pairs_of
from ..models import Delivery, StoredEvent
from ..once_keys import texts_of
from . import actions

if TYPE_CHECKING:
    EventModelAdmin = admin.ModelAdmin[StoredEvent]
else:
    EventModelAdmin = admin.ModelAdmin

ViewT = TypeVar("ViewT", bound=Callable[..., HttpResponseBase])
_TEMPLATES: Final = "admin/gcp_event_inbox/storedevent"
_TIMES: Final = {
    "created_at": gettext_lazy("created"),
    "started_at": gettext_lazy("started"),
    "finished_at": gettext_lazy("finished"),
    "lease_until": gettext_lazy("leased until"),
    "not_before": gettext_lazy("not before"),
}


def non_atomic(view: ViewT) -> ViewT:
    """Exclude a view from `ATOMIC_REQUESTS`: a replay has its own transactions, and other sessions must see its claims."""
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view


class EventPages(EventModelAdmin):
    """The part of `StoredEventAdmin` that is not the list."""

    @override
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @override
    def has_change_permission(self, request: HttpRequest, obj: StoredEvent | None = None) -> bool:
        return False

    @override
    def has_delete_permission(self, request: HttpRequest, obj: StoredEvent | None = None) -> bool:
        return False  # a deleted event would be handled again; `inbox purge` deletes old ones

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Whether the user may replay deliveries; Django calls it for the action."""
        return _has_permission(request, "replay_delivery")

    def has_discard_permission(self, request: HttpRequest) -> bool:
        """Whether the user may discard deliveries."""
        return _has_permission(request, "discard_delivery")

    @override
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.payload_view)
        return [path("<path:object_id>/payload/", view, name="gcp_event_inbox_storedevent_payload"), *super().get_urls()]

    @override
    @non_atomic
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show an event, or replay or discard one of its deliveries."""
        event = self._event(request, object_id)
        deliveries = Delivery.objects.using(database()).filter(event=event.pk).order_by("handler")
        if request.method == "POST":
            return self._decide(request, event, deliveries)
        context = {
            "title": _("Event"),
            "subtitle": printable(str(event)),
            "original": printable(str(event)),
            "event": event,
            "details": _details(event, deliveries),
            "may_replay": self.has_replay_permission(request),
            "may_discard": self.has_discard_permission(request),
            "has_view_permission": True,
            **(extra_context or {}),
        }
        return self._page(request, "change_form", context)

    @override
    def history_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().history_view(request, object_id, {"media": self.media, **(extra_context or {})})

    def payload_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Download the payload of an event. Browsers must never render it."""
        event = self._event(request, object_id)
        headers = {
            "Content-Disposition": f'attachment; filename="{event.key}.bin"',
            "Content-Security-Policy": "sandbox",
            "X-Content-Type-Options": "nosniff",
        }
        return HttpResponse(data_of(event, envelope_of(event)), content_type="application/octet-stream", headers=headers)

    def report(self, request: HttpRequest, events: Iterable[StoredEvent], result: actions.ActionReport) -> None:
        """Show the result of a decision, and note it in the history of each event."""
        self.message_user(request, result.text, messages.SUCCESS if result.is_success else messages.WARNING)
        user: Any = request.user  # of the project's own model
        LogEntry.objects.log_actions(user.pk, list(events), CHANGE, result.text)

    def confirm_discarding(self, request: HttpRequest, number: int, fields: Collection[tuple[str, str]]) -> HttpResponse:
        """Ask whether to discard deliveries."""
        question = ngettext("Discard %d delivery?", "Discard %d deliveries?", number) % number
        effect = _("Nothing runs discarded deliveries, even if the sender sends the event again, until you replay them.")
        return self._confirm(request, question, effect, _("Discard"), fields)

    def _event(self, request: HttpRequest, object_id: str) -> StoredEvent:
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            return StoredEvent.objects.using(database()).get(pk=UUID(unquote(object_id)))
        except (ValueError, StoredEvent.DoesNotExist) as error:
            text = _("This event does not exist. It may have been purged.")
            raise Http404(text) from error

    def _decide(self, request: HttpRequest, event: StoredEvent, deliveries: QuerySet[Delivery]) -> HttpResponse:
        """Do what a button says: its name is the decision, and its value the number of a delivery."""
        decision = "replay" if "replay" in request.POST else "discard"
        if not _has_permission(request, f"{decision}_delivery"):
            raise PermissionDenied
        number = request.POST.get(decision, "")
        rows = deliveries.filter(pk=row_number(number) or 0)
        delivery = rows.first()
        if delivery is None:
            raise Http404(_("This delivery does not exist."))
        is_confirmed = "confirmed" in request.POST
        is_done = State(delivery.state) is State.DONE
        if decision == "discard" and not is_confirmed:
            return self.confirm_discarding(request, 1, [(decision, number)])
        if decision == "replay" and is_done and not is_confirmed:
            question = _("%s is done. Replay it anyway?") % printable(delivery.handler)
            return self._confirm(request, question, _("Its effects happen again."), _("Replay"), [(decision, number)])
        result = actions.discard(rows) if decision == "discard" else actions.replay(rows, force=is_done)
        self.report(request, [event], result)
        return HttpResponseRedirect(request.get_full_path())

    def _confirm(
        self, request: HttpRequest, question: str, effect: str, verb: str, fields: Collection[tuple[str, str]]
    ) -> HttpResponse:
        context = {"title": question, "effect": effect, "verb": verb, "fields": fields, "back": request.get_full_path()}
        return self._page(request, "confirm", context)

    def _page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        request.current_app = self.admin_site.name
        site_context = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media}
        return TemplateResponse(request, f"{_TEMPLATES}/{template}.html", site_context | context)


def _has_permission(request: HttpRequest, permission: str) -> bool:
    user: Any = request.user
    return bool(user.has_perm(f"gcp_event_inbox.{permission}"))


def _details(event: StoredEvent, deliveries: QuerySet[Delivery]) -> dict[str, Any]:
    """An event for the template, as `printable` text."""
    envelope = envelope_of(event)
    can_be_discarded = set(discardable(deliveries).values_list("pk", flat=True))
    rows = list(deliveries)
    once_keys = texts_of(database(), rows)
    done_before = _events_of(delivery.duplicate_of for delivery in rows)
    return {
        "is_read": envelope is not None,  # if not, the payload is the request's body, and the attributes are its headers
        "payload": payload(data_of(event, envelope)),
        "attributes": attributes_of(event, envelope),
        "parameters": pairs_of(event.parameters),
        "cloudevent": cloudevent_of(envelope),
        "facts": [(_(name), value) for name, value in facts_of(event, envelope)],
        "rows": [
            {
                **_row(delivery),
                "can_be_discarded": delivery.pk in can_be_discarded,
                "once_key": printable(once_keys.get(delivery.pk, "")),
                "done_before": done_before.get(delivery.duplicate_of),
            }
            for delivery in rows
        ],
    }


def _events_of(numbers: Iterable[int | None]) -> Mapping[int | None, UUID]:
    """The keys of the events of some deliveries, as far as they are not purged."""
    known = [number for number in numbers if number is not None]
    return dict(Delivery.objects.using(database()).filter(pk__in=known).values_list("pk", "event_id")) if known else {}


def _row(delivery: Delivery) -> dict[str, Any]:
    alias = database()
    times = [(title, getattr(delivery, name)) for name, title in _TIMES.items()]
    return {
        "delivery": delivery,
        **{name: printable(getattr(delivery, name)) for name in ("handler", "error_type", "error", "error_text")},
        "error_details": error_details(delivery.error),
        "times": [(title, as_shown(alias, time)) for title, time in times if time is not None],
        "is_done": State(delivery.state) is State.DONE,
    }
