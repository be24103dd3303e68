"""The pages of one event in the admin, and what all of the admin's pages need: who may what, what is asked, what is said."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
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
from django.utils.translation import ngettext
from typing_extensions import override

from ..database import database
from ..display import printable
from ..facts import data_of, envelope_of
from ..models import Delivery, State, StoredEvent
from ..selections import delivery_number
from . import actions
from .detail_context import details_of

if TYPE_CHECKING:
    EventModelAdmin = admin.ModelAdmin[StoredEvent]
else:
    EventModelAdmin = admin.ModelAdmin

ViewT = TypeVar("ViewT", bound=Callable[..., HttpResponseBase])
_TEMPLATES: Final = "admin/gcp_event_inbox/storedevent"


def by_itself(view: ViewT) -> ViewT:
    """Keep a view out of `ATOMIC_REQUESTS`: what it runs has transactions of its own, and others have to see its claims."""
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view


class EventPages(EventModelAdmin):
    """What `StoredEventAdmin` has beside its list."""

    @override
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @override
    def has_change_permission(self, request: HttpRequest, obj: StoredEvent | None = None) -> bool:
        return False

    @override
    def has_delete_permission(self, request: HttpRequest, obj: StoredEvent | None = None) -> bool:
        return False  # `inbox purge` deletes: an event that is forgotten is handled once more

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Whether who asks may replay deliveries; called by Django for the action."""
        return _may(request, "replay_delivery")

    def has_discard_permission(self, request: HttpRequest) -> bool:
        """Whether who asks may discard deliveries; as above."""
        return _may(request, "discard_delivery")

    @override
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.payload_view)
        return [path("<path:object_id>/payload/", view, name="gcp_event_inbox_storedevent_payload"), *super().get_urls()]

    @override
    @by_itself
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show an event, or decide about one of its deliveries."""
        event = self._event(request, object_id)
        deliveries = Delivery.objects.using(database()).filter(event=event.pk).order_by("handler")
        if request.method == "POST":
            return self._decide(request, event, deliveries)
        context = {
            "title": _("Event"),
            "subtitle": printable(str(event)),
            "original": printable(str(event)),
            "event": event,
            "details": details_of(event, deliveries),
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
        """The whole payload of an event, as a file; a browser is never to show it."""
        event = self._event(request, object_id)
        headers = {
            "Content-Disposition": f'attachment; filename="{event.key}.bin"',
            "Content-Security-Policy": "sandbox",
            "X-Content-Type-Options": "nosniff",
        }
        return HttpResponse(data_of(event, envelope_of(event)), content_type="application/octet-stream", headers=headers)

    def tell(self, request: HttpRequest, events: Iterable[StoredEvent], told: actions.Told) -> None:
        """Say what came of a decision, and note in each event's history who made it."""
        self.message_user(request, told.text, messages.SUCCESS if told.is_success else messages.WARNING)
        user: Any = request.user  # of whichever model the project has
        LogEntry.objects.log_actions(user.pk, list(events), CHANGE, told.text)

    def confirm_discarding(self, request: HttpRequest, number: int, fields: Collection[tuple[str, str]]) -> HttpResponse:
        """Ask before deliveries are discarded."""
        question = ngettext("Discard %d delivery?", "Discard %d deliveries?", number) % number
        after = _("Nobody runs it then, also if the sender sends the event again, until somebody replays it here.")
        return self._confirm(request, question, after, _("Discard"), fields)

    def _event(self, request: HttpRequest, object_id: str) -> StoredEvent:
        """The whole of an event, for who may see it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            return StoredEvent.objects.using(database()).get(pk=UUID(unquote(object_id)))
        except (ValueError, StoredEvent.DoesNotExist) as error:
            text = _("There is no such event; it may have been purged.")
            raise Http404(text) from error

    def _decide(self, request: HttpRequest, event: StoredEvent, deliveries: QuerySet[Delivery]) -> HttpResponse:
        """Do what a button of the page says; a button is named after what it does, and its value is a delivery."""
        decision = "replay" if "replay" in request.POST else "discard"
        if not (self.has_replay_permission if decision == "replay" else self.has_discard_permission)(request):
            raise PermissionDenied
        number = request.POST.get(decision, "")
        rows = deliveries.filter(pk=delivery_number(number) or 0)
        delivery = rows.first()
        if delivery is None:
            raise Http404(_("There is no such delivery."))
        is_confirmed = "confirmed" in request.POST
        if decision == "replay":
            is_done = State(delivery.state) is State.DONE
            if is_done and not is_confirmed:
                question = _("%s is done. Replay it all the same?") % printable(delivery.handler)
                return self._confirm(request, question, _("Its effects happen once more."), _("Replay"), [(decision, number)])
            told = actions.replay(rows, force=is_done)
        elif not is_confirmed:
            return self.confirm_discarding(request, 1, [(decision, number)])
        else:
            told = actions.discard(rows)
        self.tell(request, [event], told)
        return HttpResponseRedirect(request.get_full_path())

    def _confirm(
        self, request: HttpRequest, question: str, after: str, verb: str, fields: Collection[tuple[str, str]]
    ) -> HttpResponse:
        context = {"title": question, "after": after, "verb": verb, "fields": fields, "back": request.get_full_path()}
        return self._page(request, "confirm", context)

    def _page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        request.current_app = self.admin_site.name
        whole = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media, **context}
        return TemplateResponse(request, f"{_TEMPLATES}/{template}.html", whole)


def _may(request: HttpRequest, permission: str) -> bool:
    user: Any = request.user
    return bool(user.has_perm(f"gcp_event_inbox.{permission}"))
