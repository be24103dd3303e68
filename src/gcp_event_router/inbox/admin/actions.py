"""What people decide about deliveries in the admin, and what they are told came of it."""

from __future__ import annotations

from collections import Counter
from time import monotonic
from typing import Final, NamedTuple

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ...outcomes import Outcome
from .. import replay as inbox
from ..models import Delivery

_PATIENCE: Final = 20.0
"""Seconds after which a request begins no other delivery: servers end those that take long."""


class Told(NamedTuple):
    """What to say of a decision."""

    text: str
    is_success: bool


def replay(deliveries: QuerySet[Delivery], *, force: bool = False) -> Told:
    """Replay deliveries for as long as a request may take; `force` those, too, that are done."""
    total = deliveries.count()
    ended: Counter[Outcome] = Counter()
    late = 0
    end = monotonic() + _PATIENCE
    for _delivery, result in inbox.replay(deliveries, force=force):
        ended[result.outcome] += 1
        if monotonic() > end:
            late = total - ended.total()
            break
    if not ended:
        return Told(_("Nothing was replayed. What is done can be replayed on its event's page."), is_success=False)
    parts = ", ".join(f"{number} {outcome.value}" for outcome, number in ended.items())
    text = ngettext("Replayed %d delivery:", "Replayed %d deliveries:", ended.total()) % ended.total()
    text = f"{text} {parts}."
    if late:
        left = ngettext(
            "%d was not begun, since this took long: replay it again.",
            "%d were not begun, since this took long: replay them again, or use manage.py inbox replay.",
            late,
        )
        text = f"{text} {left % late}"
    return Told(text, is_success=not late and ended.keys() <= inbox.SUCCEEDED)


def discard(deliveries: QuerySet[Delivery]) -> Told:
    """Discard deliveries, of those that can be."""
    number = inbox.discard(deliveries)
    if not number:
        return Told(
            _("Nothing was discarded. What is done cannot be, nor what is running before its lease is over."), is_success=False
        )
    return Told(ngettext("Discarded %d delivery.", "Discarded %d deliveries.", number) % number, is_success=True)
