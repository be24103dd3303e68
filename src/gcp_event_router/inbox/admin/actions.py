"""Replays and discards deliveries for the admin, and describes the result in a message."""

from __future__ import annotations

from collections import Counter
from time import monotonic
from typing import Final

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..._boxes.admin.pages import ActionReport
from ...outcomes import Outcome
from .. import replay as inbox
from ..models import Delivery

#: The seconds after which a request starts no more deliveries, since servers end long requests.
_PATIENCE: Final = 20.0


def replay(deliveries: QuerySet[Delivery], *, force: bool = False) -> ActionReport:
    """Replay deliveries for as long as a request may take; with `force` also those that are done."""
    if deliveries.exclude(event__erased_at=None).exists():
        return ActionReport(_("Erased events cannot run again."), is_success=False)
    total = deliveries.count()
    outcomes: Counter[Outcome] = Counter()
    end = monotonic() + _PATIENCE
    for _delivery, result in inbox.replay(deliveries, force=force):
        outcomes[result.outcome] += 1
        if monotonic() > end:
            break
    else:
        total = outcomes.total()
    number, left = outcomes.total(), total - outcomes.total()
    if not number:
        return ActionReport(
            _("Nothing was replayed. Deliveries that are done can be replayed on their event's page."), is_success=False
        )
    text = ngettext("Replayed %d delivery:", "Replayed %d deliveries:", number) % number
    text += f" {', '.join(f'{count} {outcome.value}' for outcome, count in outcomes.items())}."
    if left:
        text += " " + _("Time ran out before the other %d: replay them again, or use manage.py inbox replay.") % left
    return ActionReport(text, is_success=not left and outcomes.keys() <= inbox.SUCCEEDED)


def discard(deliveries: QuerySet[Delivery]) -> ActionReport:
    """Discard the deliveries that can be discarded."""
    number = inbox.discard(deliveries)
    if not number:
        text = _("Nothing was discarded. Deliveries that are done, or that a worker is running, cannot be discarded.")
        return ActionReport(text, is_success=False)
    return ActionReport(ngettext("Discarded %d delivery.", "Discarded %d deliveries.", number) % number, is_success=True)
