"""Takes events for a relay, by conditional writes: each with a lease, and with a token without which nobody settles it.

A relay takes an event with an ordering key only if it takes all earlier ones of the key that have not been sent. So each key is
in the hands of one relay at a time.

An event whose relay is gone is taken alone. If its handling ends the process, as that of an event with the transport `Local` may,
no other event is lost with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate, takewhile
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import connections, transaction
from django.db.models import BigIntegerField, Exists, ExpressionWrapper, F, Min, OuterRef, Q, QuerySet
from django.db.models.functions import Length, Now

from .. import conf
from .._boxes.clock import ahead
from .._boxes.conflicts import retry_conflicts
from .._boxes.states import OPEN, State
from .attempts import give_back
from .models import BLOCKING, UNSENT, OutgoingEvent

_WAITS: Final = (State.PENDING, State.FAILED)
_IS_DUE: Final = Q(state__in=_WAITS) & (Q(not_before=None) | Q(not_before__lte=Now())) | Q(
    state=State.RUNNING, lease_until__lt=Now()
)
#: An unsent event for which later ones with its ordering key have to wait, unless a relay takes them together. Pending events
#: with a key are due, and not here, so that the index skips them.
_BLOCKS: Final = Q(state__in=BLOCKING) & (
    Q(state=State.PARKED) | Q(state=State.FAILED, not_before__gt=Now()) | Q(state=State.RUNNING, lease_until__gte=Now())
)
#: The most bytes of payloads in the hands of a relay, which has them in memory; but it takes one event at least.
MOST_BYTES: Final = 32_000_000
#: How many due events a relay reads at once from databases that sort all of them for that.
_PAGE: Final = 5_000
#: So that an event is due after the wait for it.
_MARGIN: Final = timedelta(milliseconds=10)
#: An event's number as an expression, so that no database but PostgreSQL, whose index has unsent events alone, sorts by walking
#: the primary key past all that were sent.
_PLACE: Final = ExpressionWrapper(F("pk") + 0, output_field=BigIntegerField())


@dataclass(frozen=True, slots=True)
class Taken:
    """Events that a relay has taken."""

    token: UUID
    #: The events in order, each with its age since it was due for the first time.
    events: Mapping[OutgoingEvent, timedelta]
    #: The highest number that was looked at; later events may be due, too.
    last: int


class DueEvents:
    """The due events of a database, in the order of their numbers, for one relay."""

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._after = 0
        #: Numbers and states that are read already.
        self._page: list[tuple[int, str]] = []

    def restart(self) -> None:
        """Begin again with the first one."""
        self._after, self._page = 0, []

    def take(self, most: int, room: int = MOST_BYTES) -> Taken | None:
        """Take the next ones; None if no other is due.

        The result may have no events, if other relays have just taken them.

        Args:
            most: How many events to take at most.
            room: How many bytes their payloads may have together.

        """
        numbers: Sequence[int] = ()
        if not _skips_locked(self._alias):
            numbers = self._read(most, room)
            if not numbers:
                return None
        taken = _take(self._alias, self._after, most, room, numbers)
        if taken is not None:
            self._after = taken.last
        return taken

    def _read(self, most: int, room: int) -> Sequence[int]:
        """Return the numbers of the next due events that fit."""
        self._page = [row for row in self._page if row[0] > self._after]
        if not self._page:
            self._page = list(due(self._alias, self._after).values_list("pk", "state")[:_PAGE])
        return _fitting(self._alias, self._page[:most], room)


@retry_conflicts
def renew(alias: str, token: UUID, events: Sequence[OutgoingEvent]) -> int:
    """Extend the leases of events; returns how many are still held."""
    rows = OutgoingEvent.objects.using(alias).filter(pk__in=[event.pk for event in events], token=token)
    return rows.update(lease_until=ahead(conf.current().OUTBOX.LEASE))


def time_until_due(alias: str) -> timedelta | None:
    """Return how long it takes until the next event is due, or a lease expires; None without either."""
    rows = OutgoingEvent.objects.using(alias).filter(state__in=OPEN)
    waiting = Q(state__in=_WAITS, not_before__gt=Now())
    running = Q(state=State.RUNNING, lease_until__gte=Now())
    found = rows.aggregate(due=Min("not_before", filter=waiting), lost=Min("lease_until", filter=running), now=Min(Now()))
    times = [time for time in (found["due"], found["lost"]) if time is not None]
    return max(min(times) - found["now"], timedelta()) + _MARGIN if times else None


def _skips_locked(alias: str) -> bool:
    """Whether relays lock what they look at. MySQL would lock all events that it reads to sort them."""
    return connections[alias].vendor == "postgresql"


def due(alias: str, after: int) -> QuerySet[OutgoingEvent]:
    """Select the due events after a number, in order, that no earlier one with their key blocks."""
    rows = OutgoingEvent.objects.using(alias)
    # not by the primary key, which would let PostgreSQL read all earlier events instead of those of the key
    earlier = rows.alias(place=_PLACE).filter(_BLOCKS, order_key=OuterRef("order_key"), place__lt=OuterRef("pk"))
    found = rows.filter(_IS_DUE, ~Exists(earlier), state__in=OPEN, pk__gt=after)
    return found.order_by("pk") if _skips_locked(alias) else found.alias(place=_PLACE).order_by("place")


def _fitting(alias: str, found: Sequence[tuple[int, str]], room: int) -> Sequence[int]:
    """Return the numbers of the first events that fit, up to the first one whose relay is gone, or of that one alone."""
    waiting = list(takewhile(lambda row: State(row[1]) is not State.RUNNING, found))
    numbers = [number for number, _ in waiting or found[:1]]
    # not in the first query, for which some databases sort all due events
    sizes = dict(OutgoingEvent.objects.using(alias).filter(pk__in=numbers).values_list("pk", Length("data")))
    totals = accumulate(sizes.get(number, 0) for number in numbers)
    return numbers[: max(sum(total <= room for total in totals), 1)]


@retry_conflicts
def _take(alias: str, after: int, most: int, room: int, numbers: Sequence[int]) -> Taken | None:
    token = uuid4()
    is_outermost = connections[alias].get_autocommit()
    with transaction.atomic(using=alias):
        if _skips_locked(alias):
            if is_outermost:
                walk_in_order(alias)
            locked = due(alias, after).select_for_update(skip_locked=True, of=("self",))
            numbers = _fitting(alias, list(locked.values_list("pk", "state")[:most]), room)
            if not numbers:
                return None
        rows = OutgoingEvent.objects.using(alias).filter(pk__in=numbers)
        # MySQL sets one column after the other, so the state, on which the condition depends, comes last
        lease = ahead(conf.current().OUTBOX.LEASE)
        rows.filter(_IS_DUE).update(attempts=F("attempts") + 1, token=token, lease_until=lease, state=State.RUNNING)
        taken = list(rows.filter(token=token).order_by("pk").annotate(now=Now()))
        blocked = _blocked(alias, token, taken)
        give_back(alias, token, blocked)
    kept: list[OutgoingEvent] = [event for event in taken if event not in blocked]
    return Taken(token, {event: _age_of(event) for event in kept}, numbers[-1])


def walk_in_order(alias: str) -> None:
    """Let PostgreSQL find due events in the order of its index until the end of the transaction.

    Its statistics are older than a sudden backlog, all of which it would read, and sort or compare, for each batch.
    """
    with connections[alias].cursor() as cursor:
        cursor.execute("; ".join(f"SET LOCAL enable_{name} = off" for name in ("sort", "material", "bitmapscan")))


def _age_of(event: Any) -> timedelta:
    """Return the age of an event that was read with the time of the database."""
    age: timedelta = event.now - event.created_at - event.delay
    return age


def _blocked(alias: str, token: UUID, taken: Sequence[OutgoingEvent]) -> set[OutgoingEvent]:
    """Find the events that must wait for earlier ones of their key, which another relay has taken or locked meanwhile."""
    ordered = [event for event in taken if event.order_key is not None]
    if not ordered:
        return set()
    keys = {event.order_key for event in ordered}
    earlier = OutgoingEvent.objects.using(alias).filter(order_key__in=keys, pk__lt=ordered[-1].pk, state__in=UNSENT)
    others = earlier.exclude(state=State.RUNNING, token=token).order_by().values_list("order_key")
    first = dict(others.annotate(first=Min("pk")))
    return {event for event in ordered if event.order_key in first and first[event.order_key] < event.pk}
