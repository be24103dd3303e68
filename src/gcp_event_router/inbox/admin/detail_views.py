"""The pages of one event in the admin, and the permissions and messages of all pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from typing_extensions import override

from ..._boxes.admin.pages import NAMED, BoxAdmin, non_atomic
from ..._boxes.clock import as_shown
from ..._boxes.display import error_details, payload, printable
from ..._boxes.lineage import causes_of, effects_of
from ..._boxes.redaction import VIEW_PERSONAL, shown_payload
from ..._boxes.selecting import row_number
from ..._boxes.states import OPEN, State
from ..database import database
from ..decisions import discardable
from ..facts import attributes_of, cloudevent_of, data_of, envelope_of, facts_of, pairs_of, shown_of
from ..models import Delivery, StoredEvent
from ..names import event_terms
from ..orders import waits_for
from . import actions

_TEMPLATE: Final = "admin/gcp_event_inbox/storedevent/change_form.html"
_TIMES: Final = {
    "created_at": gettext_lazy("created"),
    "started_at": gettext_lazy("started"),
    "finished_at": gettext_lazy("finished"),
    "lease_until": gettext_lazy("leased until"),
    "not_before": gettext_lazy("next attempt"),
}


class EventPages(BoxAdmin):
    """The part of `StoredEventAdmin` that is not the list."""

    @override
    def alias(self) -> str:
        return database()

    @override
    def parse_key(self, text: str) -> UUID:
        return UUID(text)

    @override
    def data_of(self, row: StoredEvent, *, personal: bool) -> bytes:
        envelope = envelope_of(row)
        data = data_of(row, envelope)
        names = Delivery.objects.using(database()).filter(event=row.pk).values_list("handler", flat=True)
        return data if personal else shown_payload(row.kind, envelope, data, names)

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Whether the user may replay deliveries; Django calls it for the action."""
        return self.may(request, "replay_delivery")

    def has_discard_permission(self, request: HttpRequest) -> bool:
        """Whether the user may discard deliveries."""
        return self.may(request, "discard_delivery")

    @override
    @non_atomic
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show an event, or replay or discard one of its deliveries."""
        event: StoredEvent = self.row(request, object_id)
        deliveries = Delivery.objects.using(database()).filter(event=event.pk).order_by("handler")
        if request.method == "POST":
            return self._decide(request, event, deliveries)
        context = {
            "title": _("Event"),
            "subtitle": printable(str(event)),
            "original": printable(str(event)),
            "event": event,
            "details": _details(event, deliveries, request.user, personal=self.may(request, VIEW_PERSONAL)),
            "may_replay": event.erased_at is None and self.has_replay_permission(request),
            "may_discard": self.has_discard_permission(request),
            "has_view_permission": True,
            **(extra_context or {}),
        }
        return self.page(request, _TEMPLATE, context)

    def confirm_discarding(
        self, request: HttpRequest, deliveries: QuerySet[Delivery], fields: Sequence[tuple[str, str]]
    ) -> HttpResponse:
        """Ask whether to discard deliveries, and name them."""
        number = deliveries.count()
        few = deliveries.select_related("event").only("handler", "state", "event__kind", "event__reference").order_by("-pk")
        names = [f"{delivery.event}: {delivery.handler} ({State(delivery.state).label})" for delivery in few[:NAMED]]
        question = ngettext("Discard %d delivery?", "Discard %d deliveries?", number) % number
        effect = _("Nothing runs discarded deliveries, even if the sender sends the event again, until you replay them.")
        return self.confirm(request, question, effect, _("Discard"), fields, names, number)

    def _decide(self, request: HttpRequest, event: StoredEvent, deliveries: QuerySet[Delivery]) -> HttpResponse:
        """Do what a button says: its name is the decision, and its value the number of a delivery."""
        decision = "replay" if "replay" in request.POST else "discard"
        if not self.may(request, f"{decision}_delivery"):
            raise PermissionDenied
        number = request.POST.get(decision, "")
        rows = deliveries.filter(pk=row_number(number) or 0)
        delivery = rows.first()
        if delivery is None:
            raise Http404(_("This delivery does not exist."))
        is_confirmed = "confirmed" in request.POST
        is_done = State(delivery.state) is State.DONE
        if decision == "discard" and not is_confirmed:
            return self.confirm_discarding(request, rows, [(decision, number)])
        if decision == "replay" and is_done and not is_confirmed:
            question = _("%s is done. Replay it anyway?") % printable(delivery.handler)
            return self.confirm(request, question, _("Its effects happen again."), _("Replay"), [(decision, number)])
        result = actions.discard(rows) if decision == "discard" else actions.replay(rows, force=is_done)
        self.report(request, [event], result)
        return HttpResponseRedirect(request.get_full_path())


def _details(event: StoredEvent, deliveries: QuerySet[Delivery], user: Any, *, personal: bool) -> dict[str, Any]:
    """An event for the template, as `printable` text."""
    envelope = envelope_of(event)
    can_be_discarded = set(discardable(deliveries).values_list("pk", flat=True))
    rows = list(deliveries)
    terms = event_terms(event.kind, envelope)
    data, parameters, once_keys = shown_of(event, envelope, rows, personal=personal)
    done_before = _events_of(delivery.duplicate_of for delivery in rows)
    ids = [event.message_id] if envelope is None else [envelope.outbox_id, envelope.message_id]
    effects, has_more_effects = effects_of(ids, user)
    return {
        "causes": causes_of("" if envelope is None else envelope.cause or "", user),
        "effects": effects,
        "has_more_effects": has_more_effects,
        "is_read": envelope is not None
        or event.erased_at is not None,  # if not, the payload is the request's body, and the attributes are its headers
        "payload": payload(data),
        "attributes": attributes_of(event, envelope),
        "parameters": pairs_of(parameters),
        "cloudevent": cloudevent_of(envelope),
        "facts": [(_(name), value) for name, value in facts_of(event, envelope)],
        "rows": [
            {
                **_row(delivery),
                "policy": terms[delivery.handler].retry if delivery.handler in terms and _is_open(delivery) else None,
                # a replay leaves others to the workers, too
                "is_deferred": delivery.handler in terms and terms[delivery.handler].deferred,
                "waits_for_worker": delivery.deferred and _is_open(delivery) and State(delivery.state) is not State.RUNNING,
                "can_be_discarded": delivery.pk in can_be_discarded,
                "once_key": printable(once_keys.get(delivery.pk, "")),
                "order_key": printable(delivery.order_key),
                "waits_for": waits_for(database(), delivery),
                "done_before": done_before.get(delivery.duplicate_of),
            }
            for delivery in rows
        ],
    }


def _is_open(delivery: Delivery) -> bool:
    """Whether a delivery is still to be run."""
    return State(delivery.state) in OPEN


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
