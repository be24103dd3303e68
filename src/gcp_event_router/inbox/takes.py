"""Takes open deliveries for a claim, by conditional updates, and parks those that were lost too often."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Now

from .._boxes.clock import ahead
from .._boxes.selecting import IS_OPEN
from .._boxes.states import State
from .._boxes.stored_errors import StoredError
from . import orders
from .leases import LOST, LOST_TOO_OFTEN, DeliveryTerms
from .models import Delivery


def _change(name: str, condition: Q, value: Any) -> Case:
    """The new value of a column where a condition holds, and its old value elsewhere."""
    field: Any = Delivery._meta.get_field(name)  # noqa: SLF001 -- Django's own public name
    return Case(When(condition, then=value), default=F(name), output_field=field)


_LOST_RUN: Final = Q(state=State.RUNNING, started_at__isnull=False)
#: The changes of an open delivery that is taken.
_TAKEN: Final[Mapping[str, Any]] = {
    "attempts": _change("attempts", ~Q(state=State.RUNNING, started_at__isnull=True), F("attempts") + 1),
    **{name: _change(name, _LOST_RUN, Value(value)) for name, value in StoredError(trail=LOST).columns.items()},
    "lost": _change("lost", _LOST_RUN, F("lost") + 1),
}
#: The changes of one that was lost too often.
_PARKED: Final[Mapping[str, Any]] = {
    "state": State.PARKED,
    "lost": F("lost") + 1,
    "finished_at": Now(),
    **StoredError(trail=LOST_TOO_OFTEN).columns,
}
#: What handlers share whose deliveries one statement takes.
common: Final = attrgetter("lease", "max_attempts", "max_lost")


def take(
    rows: QuerySet[Delivery],
    count: int,
    terms: DeliveryTerms,
    token: UUID,
    sender_attempt: object,
    *,
    begun: bool,
    is_ordered: bool,
) -> int:
    """Take the open ones of `count` deliveries, and park those that were lost too often. Returns how many rows changed."""
    # MySQL sets one column after the other, and expressions see earlier changes: columns that others read come last
    ready = rows.filter(IS_OPEN, ~_is_spent(terms))
    update = partial(orders.take, ready) if is_ordered else ready.update
    taken = update(
        **_shared(terms, sender_attempt),
        **_TAKEN,
        token=token,
        lease_until=ahead(terms.lease),
        finished_at=None,
        started_at=Now() if begun else None,
        state=State.RUNNING,
    )
    return taken if taken == count else taken + park_lost(rows, terms, sender_attempt)


def park_lost(rows: QuerySet[Delivery], terms: DeliveryTerms, sender_attempt: object) -> int:
    """Park deliveries that were lost too often. Returns how many rows changed."""
    freed = {"token": None, "lease_until": None, "running_digest": None}
    return rows.filter(IS_OPEN, _is_spent(terms)).update(**_shared(terms, sender_attempt), **_PARKED, **freed)


def _is_spent(terms: DeliveryTerms) -> Q:
    return _LOST_RUN & Q(lost__gte=terms.max_lost - 1)


def _shared(terms: DeliveryTerms, sender_attempt: object) -> dict[str, Any]:
    """The changes of a delivery that is taken or parked."""
    return {"max_attempts": terms.max_attempts, "sender_attempt": sender_attempt, "not_before": None}
