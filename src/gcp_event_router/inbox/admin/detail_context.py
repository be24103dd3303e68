"""One event as its page in the admin shows it. Made by `detail_views`."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..clock import as_shown
from ..database import database
from ..decisions import discardable
from ..display import error_details, payload, printable
from ..facts import attributes_of, cloudevent_of, data_of, envelope_of, facts_of, pairs_of
from ..models import Delivery, State, StoredEvent

_TIMES: Final = {
    "created_at": _("noted"),
    "started_at": _("begun"),
    "finished_at": _("ended"),
    "lease_until": _("leased until"),
    "not_before": _("not before"),
}


def details_of(event: StoredEvent, deliveries: QuerySet[Delivery]) -> dict[str, Any]:
    """An event, taken apart for the template. What came from outside is text, and `printable`."""
    envelope = envelope_of(event)
    free = set(discardable(deliveries).values_list("pk", flat=True))
    return {
        "is_read": envelope is not None,  # if not, the payload is the request's body, and the attributes are its headers
        "payload": payload(data_of(event, envelope)),
        "attributes": attributes_of(event, envelope),
        "parameters": pairs_of(event.parameters),
        "cloudevent": cloudevent_of(envelope),
        "facts": [(gettext(name), value) for name, value in facts_of(event, envelope)],
        "rows": [_row(delivery, can_be_discarded=delivery.pk in free) for delivery in deliveries],
    }


def _row(delivery: Delivery, *, can_be_discarded: bool) -> dict[str, Any]:
    """One delivery, what is known of its error, and what can be decided about it."""
    alias = database()
    times = [(title, getattr(delivery, name)) for name, title in _TIMES.items()]
    return {
        "delivery": delivery,
        **{name: printable(getattr(delivery, name)) for name in ("handler", "error_type", "error", "error_text")},
        "error_details": error_details(delivery.error),
        "times": [(title, as_shown(alias, time)) for title, time in times if time is not None],
        "is_done": State(delivery.state) is State.DONE,
        "can_be_discarded": can_be_discarded,
    }
