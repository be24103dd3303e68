"""Parts of the admin's pages, as HTML."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from ...templatetags.gcp_event_text import breakable
from ..clock import as_shown
from ..display import printable
from ..states import State

#: First the states that need a person, then those that need time, then those that need nothing.
WORST_FIRST: Final = (
    *(State.PARKED, State.REJECTED, State.UNHANDLED, State.FAILED),
    *(State.RUNNING, State.PENDING, State.DISCARDED, State.DONE),
)

#: Stands in a column that has nothing to say.
NOTHING: Final = mark_safe('<span class="gei-nothing">-</span>')


def badge(state: str) -> str:
    """A state in its colour."""
    return format_html('<span class="gei-state gei-{}">{}</span>', state, State(state).label)


def isolated(text: str) -> str:
    """A text from outside, whatever its direction, which may be broken behind its separators."""
    return format_html("<bdi>{}</bdi>", breakable(printable(text)))


def progress(state: str, number: int, most: int) -> str:
    """A state in its colour, and the attempts that led to it."""
    attempts = _("%(number)d of %(most)d") % {"number": number, "most": most}
    return format_html('{}<br><span class="quiet">{}</span>', badge(state), attempts)


def age(alias: str, time: datetime, now: datetime) -> str:
    """The age of a row by its database's clock, and its time."""
    shown = as_shown(alias, time).isoformat(timespec="seconds")
    return format_html('<time datetime="{0}" title="{0}">{1}</time>', shown, timesince(time, now, depth=1))
