"""What people decide about deliveries in the admin: to run them again, or to give them up. Says what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from time import monotonic
from typing import Final, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ...outcomes import Outcome
from ..models import Delivery, State

__all__ = ["GIVEN_UP", "Told", "give_up", "run_again"]

#: The states from which a delivery can be given up.
GIVEN_UP: Final = (State.PENDING, State.FAILED, State.PARKED)
_PATIENCE: Final = 20.0
"""Seconds after which a request begins no other delivery: servers end those that take long."""
_WORDS: Final[Mapping[Outcome, str | Promise]] = {
    Outcome.HANDLED: gettext_lazy("handled"),
    Outcome.DUPLICATE: gettext_lazy("done before"),
    Outcome.REJECTED: gettext_lazy("rejected"),
    Outcome.PARKED: gettext_lazy("parked"),
    Outcome.FAILED: gettext_lazy("failed"),
    Outcome.RETRY: gettext_lazy("to be tried again"),
    Outcome.UNAVAILABLE: gettext_lazy("without the database"),
    Outcome.BUSY: gettext_lazy("at work elsewhere"),
    Outcome.UNHANDLED: gettext_lazy("without a handler"),
}


class Told(NamedTuple):
    """What to say of a decision."""

    text: str
    is_success: bool


def run_again(alias: str, deliveries: Collection[int], *, done: int = 0, force: bool = False) -> Told:
    """Run deliveries again, one after the other.

    Args:
        alias: The inbox's database.
        deliveries: Their keys.
        done: How many others were chosen, which are done and so are left alone.
        force: Whether to run what is done, too.

    """
    from ..replay import replay  # noqa: PLC0415

    outcomes: Counter[Outcome] = Counter()
    end = monotonic() + _PATIENCE
    left = 0
    for _delivery, result in replay(Delivery.objects.using(alias).filter(pk__in=deliveries), force=force):
        outcomes[result.outcome] += 1
        if monotonic() > end:
            left = len(deliveries) - outcomes.total()
            break
    words = [f"{outcomes[each]} {_WORDS.get(each, each.value)}" for each in Outcome if outcomes[each]]
    texts = [_("Run again: %s.") % ", ".join(words) if words else _("Nothing was run again.")]
    if done:
        texts.append(ngettext("%d is done, and was left alone.", "%d are done, and were left alone.", done) % done)
    if left:
        late = ngettext(
            "%d was not begun, since this took long: choose it again.",
            "%d were not begun, since this took long: choose them again, or use manage.py inbox replay.",
            left,
        )
        texts.append(late % left)
    return Told(" ".join(texts), is_success=not left and set(outcomes) == {Outcome.HANDLED})


def give_up(alias: str, deliveries: Collection[int]) -> Told:
    """Give deliveries up: nobody runs them any more, unless somebody has them run again."""
    from ..replay import discard  # noqa: PLC0415

    number = discard(Delivery.objects.using(alias).filter(pk__in=deliveries))
    if not number:
        return Told(_("Nothing was given up."), is_success=False)
    return Told(ngettext("%d delivery was given up.", "%d deliveries were given up.", number) % number, is_success=True)
