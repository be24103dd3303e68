"""The columns of the list of events in the admin. Each shows what `changelist` fetched; `model_admin` lists them."""

from __future__ import annotations

from typing import Any, Final, cast

from django.contrib import admin
from django.utils.html import format_html
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ..clock import as_shown
from ..database import database
from ..display import error_line, printable
from ..models import Delivery, State, StoredEvent
from .filters import WORST_FIRST

_NAMED: Final = 2
"""So many handlers of an event are named."""


@admin.display(description=_("state"))
def state(event: StoredEvent) -> str:
    """The worst of its deliveries' states."""
    worst = _worst(event)
    if worst is None:
        return "-"
    return format_html('<span class="gei-state gei-{}">{}</span>', worst.state, State(worst.state).label)


@admin.display(description=_("kind"))
def kind(event: StoredEvent) -> str:
    """Its kind, and the link to its page."""
    return format_html("<bdi>{}</bdi>", printable(event.kind))


@admin.display(description=_("reference"))
def reference(event: StoredEvent) -> str:
    """Its reference."""
    return format_html("<bdi>{}</bdi>", printable(event.reference))


@admin.display(description=_("handlers"))
def handlers(event: StoredEvent) -> str:
    """The names of few handlers, the number of many; where their states differ, the worst one's name first, with its state."""
    deliveries = [delivery for delivery in _deliveries(event) if delivery.handler]
    if len({delivery.state for delivery in deliveries}) > 1:
        named = deliveries if len(deliveries) <= _NAMED else deliveries[:1]
        text = ", ".join(f"{printable(delivery.handler)} ({State(delivery.state).label})" for delivery in named)
        more = len(deliveries) - len(named)
        return text + (ngettext(" and %d more", " and %d more", more) % more if more else "")
    names = sorted(printable(delivery.handler) for delivery in deliveries)
    return ", ".join(names) if len(names) <= _NAMED else ngettext("%d handler", "%d handlers", len(names)) % len(names)


@admin.display(description=_("error"))
def error(event: StoredEvent) -> str:
    """The error of the worst delivery that has one; whoever sees the list may see payloads, and so its text."""
    for delivery in _deliveries(event):
        beginnings: Any = delivery  # of its error and of the error's text, which `changelist` fetched
        if delivery.error_type or beginnings.error_beginning:
            line = error_line(delivery.error_type, beginnings.error_beginning, beginnings.text_beginning)
            return format_html("<bdi>{}</bdi>", line)
    return "-"


@admin.display(description=_("attempts"))
def attempts(event: StoredEvent) -> str:
    """How many runs of the worst delivery count."""
    worst = _worst(event)
    return "-" if worst is None else _("%(number)d of %(most)d") % {"number": worst.counted, "most": worst.limit}


@admin.display(description=_("age"))
def age(event: StoredEvent) -> str:
    """How long ago it came, by the database's clock, which `EventList` asked; and when."""
    alias, time = database(), event.received_at
    return format_html(
        '<time datetime="{0}" title="{0}">{1}</time>',
        as_shown(alias, time).isoformat(timespec="seconds"),
        timesince(time, cast("Any", event).now, depth=1),
    )


def _deliveries(event: StoredEvent) -> list[Delivery]:
    """Its deliveries, the worst first."""
    found: list[Delivery] = list(cast("Any", event).deliveries.all())  # which the field on the other side declares
    return sorted(found, key=lambda delivery: WORST_FIRST.index(State(delivery.state)))


def _worst(event: StoredEvent) -> Delivery | None:
    """The delivery that says most about an event."""
    return next(iter(_deliveries(event)), None)
