"""The pages of one event in the admin, and what all of the admin's pages need: who may what, what is said, what is deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import connections, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from typing_extensions import override

from . import decisions
from .details import Details, data_of
from ..keeper import database
from ..models import Delivery, State, StoredEvent

if TYPE_CHECKING:
    EventModelAdmin = admin.ModelAdmin[StoredEvent]
else:
    EventModelAdmin = admin.ModelAdmin

__all__ = ["EventPages", "by_itself"]

ViewT = TypeVar("ViewT", bound=Callable[..., HttpResponseBase])
_TEMPLATES = "admin/gcp_event_inbox/storedevent"


def by_itself(view: ViewT) -> ViewT:
    """Keep a view out of `ATOMIC_REQUESTS`: what it runs has transactions of its own, and others have to see its claims."""
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view


def _may(request: HttpRequest, permission: str) -> bool:
    user: Any = request.user  # of whichever model the project has
    return bool(user.has_perm(f"gcp_event_inbox.{permission}"))


class EventPages(EventModelAdmin):
    """What `StoredEventAdmin` has beside its list."""

    @override
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @override
    def has_change_permission(self, request: HttpRequest, obj: StoredEvent | None = None) -> bool:
        return False

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Whether who asks may run deliveries again; called by Django for the action."""
        return _may(request, "replay_delivery")

    def has_discard_permission(self, request: HttpRequest) -> bool:
        """Whether who asks may give deliveries up; as above."""
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
            return self._decide(request, event, {str(each.pk): each for each in deliveries})
        context = {
            **self.admin_site.each_context(request),
            "title": _("Event"),
            "subtitle": str(event),
            "opts": self.opts,
            "original": event,
            "media": self.media,
            "details": Details(event, deliveries),
            "may_replay": self.has_replay_permission(request),
            "may_discard": self.has_discard_permission(request),
            "has_delete_permission": self.has_delete_permission(request, event),
            "has_view_permission": True,
            "preserved_filters": self.get_preserved_filters(request),
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, f"{_TEMPLATES}/change_form.html", context)

    def payload_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The whole payload of an event, as a file; a browser is never to show it."""
        event = self._event(request, object_id)
        headers = {
            "Content-Disposition": f'attachment; filename="{event.key}.bin"',
            "Content-Security-Policy": "sandbox",
            "X-Content-Type-Options": "nosniff",
        }
        return HttpResponse(data_of(event), content_type="application/octet-stream", headers=headers)

    def tell(self, request: HttpRequest, events: Iterable[StoredEvent], told: decisions.Told) -> None:
        """Say what came of a decision, and note in each event's history who made it."""
        self.message_user(request, told.text, messages.SUCCESS if told.is_success else messages.WARNING)
        user: Any = request.user
        LogEntry.objects.log_actions(user.pk, list(events), CHANGE, told.text)

    def confirm_giving_up(self, request: HttpRequest, number: int, fields: Sequence[tuple[str, str]]) -> HttpResponse:
        """Ask before deliveries are given up."""
        text = ngettext("Give up %d delivery?", "Give up %d deliveries?", number) % number
        after = _("Nobody runs it then, also if the sender sends the event again, until somebody has it run again here.")
        return self._confirm(request, text, after, _("Give up"), fields)

    @override
    def get_deleted_objects(
        self, objs: Iterable[StoredEvent], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """What goes with some events, in the inbox's own database; Django would look in the one that its routers say."""
        events = list(objs)
        deliveries = Delivery.objects.using(database()).filter(event__in=[event.pk for event in events]).count()
        counts = {str(self.opts.verbose_name_plural): len(events), str(Delivery._meta.verbose_name_plural): deliveries}  # noqa: SLF001 -- Django's own public name
        needed: set[str] = set() if self.has_delete_permission(request) else {str(self.opts.verbose_name)}
        return list(map(str, events)), counts, needed, []

    @override
    def delete_model(self, request: HttpRequest, obj: StoredEvent) -> None:
        obj.delete(using=database())

    def _event(self, request: HttpRequest, object_id: str) -> StoredEvent:
        """The whole of an event, for who may see it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            return StoredEvent.objects.using(database()).get(pk=UUID(unquote(object_id)))
        except (ValueError, StoredEvent.DoesNotExist) as error:
            text = _("There is no such event; it may have been purged.")
            raise Http404(text) from error

    def _decide(self, request: HttpRequest, event: StoredEvent, deliveries: dict[str, Delivery]) -> HttpResponse:
        """Do what a button of the page says; a button is named after what it does, and its value is a delivery."""
        decision = "run_again" if "run_again" in request.POST else "give_up"
        if not (self.has_replay_permission if decision == "run_again" else self.has_discard_permission)(request):
            raise PermissionDenied
        delivery = deliveries.get(request.POST.get(decision, ""))
        if delivery is None:
            told = decisions.Told(_("There is no such delivery any more."), is_success=False)
        elif decision == "run_again":
            is_done = State(delivery.state) is State.DONE
            if is_done and "confirmed" not in request.POST:
                text = _("%s is done. Run it again all the same?") % delivery.handler
                return self._confirm(
                    request, text, _("Its effects happen once more."), _("Run again"), [(decision, str(delivery.pk))]
                )
            told = decisions.run_again(database(), [delivery.pk], force=is_done)
        elif "confirmed" not in request.POST:
            return self.confirm_giving_up(request, 1, [(decision, str(delivery.pk))])
        else:
            told = decisions.give_up(database(), [delivery.pk])
        self.tell(request, [event], told)
        return HttpResponseRedirect(request.get_full_path())

    def _confirm(
        self, request: HttpRequest, question: str, after: str, verb: str, fields: Sequence[tuple[str, str]]
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": question,
            "after": after,
            "verb": verb,
            "fields": fields,
            "back": request.get_full_path(),
            "opts": self.opts,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, f"{_TEMPLATES}/confirm.html", context)
