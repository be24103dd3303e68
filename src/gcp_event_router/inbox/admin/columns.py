"""The columns of the list of events in the admin. `model_admin` lists them, and `changelist` fetches what they show."""

from __future__ import annotations

from typing import Any, Final, cast

from django.contrib import admin
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ..._boxes.admin import parts
from ..._boxes.admin.parts import WORST_FIRST, badge, isolated
from ..._boxes.display import error_line, printable
from ..._boxes.states import State
from ..database import database
from ..models import Delivery, StoredEvent

#: How many handlers of an event are named.
_NAMED: Final = 2


@admin.display(description=_("state"))
def state(event: StoredEvent) -> str:
    """The worst state of its deliveries."""
    worst = next(iter(_worst_first(event)), None)
    if worst is None:
        return "-"
    return badge(worst.state)


@admin.display(description=_("kind"))
def kind(event: StoredEvent) -> str:
    """Its kind."""
    return isolated(event.kind)


@admin.display(description=_("reference"))
def reference(event: StoredEvent) -> str:
    """Its reference."""
    return isolated(event.reference)


@admin.display(description=_("handlers"))
def handlers(event: StoredEvent) -> str:
    """The names of its handlers, or their number. If their states differ, the worst comes first, with its state."""
    deliveries = [delivery for delivery in _worst_first(event) if delivery.handler]
    if len({delivery.state for delivery in deliveries}) > 1:
        named = deliveries if len(deliveries) <= _NAMED else deliveries[:1]
        text = ", ".join(f"{printable(delivery.handler)} ({State(delivery.state).label})" for delivery in named)
        more = len(deliveries) - len(named)
        return text + (ngettext(" and %d more", " and %d more", more) % more if more else "")
    names = sorted(printable(delivery.handler) for delivery in deliveries)
    return ", ".join(names) if len(names) <= _NAMED else ngettext("%d handler", "%d handlers", len(names)) % len(names)


@admin.display(description=_("error"))
def error(event: StoredEvent) -> str:
    """The error of the worst delivery that has one. Users of the list may see payloads, so they may see its text."""
    for delivery in _worst_first(event):
        beginnings: Any = delivery
        if delivery.error_type or beginnings.error_beginning:
            line = error_line(delivery.error_type, beginnings.error_beginning, beginnings.text_beginning)
            return isolated(line)
    return "-"


@admin.display(description=_("key"))
def once_key(event: StoredEvent) -> str:
    """The business key of the worst delivery that has one, and the delivery that was done with it before."""
    for delivery in _worst_first(event):
        if delivery.once_key:
            line = isolated(delivery.once_key)
            if delivery.duplicate_of is None:
                return line
            return format_html("{} ({})", line, _("duplicate of %d") % delivery.duplicate_of)
    return "-"


@admin.display(description=_("attempts"))
def attempts(event: StoredEvent) -> str:
    """The attempts of the worst delivery."""
    worst = next(iter(_worst_first(event)), None)
    return "-" if worst is None else _("%(number)d of %(most)d") % {"number": worst.counted, "most": worst.limit}


@admin.display(description=_("age"))
def age(event: StoredEvent) -> str:
    """Its age by the database's clock, and the time when it was received."""
    return parts.age(database(), event.received_at, cast("Any", event).now)


def _worst_first(event: StoredEvent) -> list[Delivery]:
    deliveries: list[Delivery] = list(cast("Any", event).deliveries.all())  # the related name of a field of `Delivery`
    return sorted(deliveries, key=lambda delivery: WORST_FIRST.index(State(delivery.state)))
