"""The columns of the list of events in the admin. `model_admin` lists them, and `changelist` fetches what they show."""

from __future__ import annotations

from typing import Any, Final, cast

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ..._boxes.admin import parts
from ..._boxes.admin.parts import NOTHING, WORST_FIRST, badge, isolated
from ..._boxes.display import error_line
from ..._boxes.states import State
from ..database import database
from ..models import Delivery, StoredEvent

#: How many handlers of an event are named.
_NAMED: Final = 3


@admin.display(description=_("state"))
def state(event: StoredEvent) -> str:
    """The worst state of its deliveries, and the attempts of that delivery."""
    worst = next(iter(_worst_first(event)), None)
    return NOTHING if worst is None else parts.progress(worst.state, worst.counted, worst.limit)


@admin.display(description=_("event"))
def event(event: StoredEvent) -> str:
    """Its kind and its reference."""
    return isolated(str(event))


@admin.display(description=_("handlers"))
def handlers(event: StoredEvent) -> str:
    """The names of its handlers, each in a line. If their states differ, each has its own, the worst first."""
    deliveries = [delivery for delivery in _worst_first(event) if delivery.handler]
    is_mixed = len({delivery.state for delivery in deliveries}) > 1
    lines = [
        format_html("{} {}", isolated(delivery.handler), badge(delivery.state) if is_mixed else "")
        for delivery in deliveries[:_NAMED]
    ]
    more = len(deliveries) - len(lines)
    lines += [format_html("{}", ngettext("and %d more", "and %d more", more) % more)] if more else []
    return format_html_join("", '<div class="gei-handler">{}</div>', ((line,) for line in lines)) or NOTHING


@admin.display(description=_("error"))
def error(event: StoredEvent) -> str:
    """The error of the worst delivery that has one. Users of the list may see payloads, so they may see its text."""
    for delivery in _worst_first(event):
        beginnings: Any = delivery
        if delivery.error_type or beginnings.error_beginning:
            line = error_line(delivery.error_type, beginnings.error_beginning, beginnings.text_beginning)
            return isolated(line)
    return NOTHING


@admin.display(description=_("key"))
def once_key(event: StoredEvent) -> str:
    """The business key of the worst delivery that has one, and the delivery that was done with it before."""
    for delivery in _worst_first(event):
        if delivery.once_key:
            line = isolated(delivery.once_key)
            if delivery.duplicate_of is None:
                return line
            return format_html("{} ({})", line, _("duplicate of %d") % delivery.duplicate_of)
    return NOTHING


@admin.display(description=_("age"))
def age(event: StoredEvent) -> str:
    """Its age by the database's clock, and the time when it was received."""
    return parts.age(database(), event.received_at, cast("Any", event).now)


def _worst_first(event: StoredEvent) -> list[Delivery]:
    deliveries: list[Delivery] = list(cast("Any", event).deliveries.all())  # the related name of a field of `Delivery`
    return sorted(deliveries, key=lambda delivery: WORST_FIRST.index(State(delivery.state)))
