"""Batches of deliveries that a worker claims at once, on PostgreSQL, each with a token of its own.

They run one after the other. Those whose turn has not come are claimed, but have not begun: if their worker is killed, they are
claimable soon, and no run is counted. If the batch takes long, the rest is released, from a thread if a handler is still running.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from threading import Timer
from time import monotonic
from typing import Any, Final, NamedTuple, Self

from django.db import IntegrityError, connections

from .._boxes.conflicts import AWAY, retry_conflicts
from .._boxes.states import State
from .._dispatch.store import HANDLED, Result
from . import batches_postgresql as postgresql
from . import claims
from .leases import Claim, DeliveryTerms, Successor
from .models import Delivery, StoredEvent

#: How many deliveries a batch has at most, and the first one, since nobody knows yet how long the handlers take.
MOST: Final = 50
FIRST: Final = 8
#: How many bytes the bodies of a batch have, which are in memory together; but it has one delivery at least.
MOST_BYTES: Final = 32_000_000
#: For how long a worker keeps what it does not run, unless leases are short.
_PATIENCE: Final = timedelta(seconds=1)
#: What has not begun is claimable again after this time, if its worker cannot release it.
_HELD_FOR: Final = timedelta(seconds=10)
#: The share of a lease for which others wait.
_SHARE: Final = 4
_COLUMNS: Final = ("key", "kind", "reference", "parameters", "body", "meta", "principal")


class Claimed(NamedTuple):
    """A claimed delivery, with its event."""

    delivery: Delivery
    claim: Claim
    lease: timedelta


def can_claim(alias: str) -> bool:
    """Whether deliveries can be claimed in batches: on PostgreSQL, outside a transaction."""
    return connections[alias].vendor == "postgresql" and connections[alias].get_autocommit()


@retry_conflicts
def claim(alias: str, wanted: Mapping[int, DeliveryTerms]) -> list[Claimed] | None:
    """Claim deliveries by their numbers, of which the first begins. The others may not be due, or in the hands of others.

    Returns None if another worker has just begun a delivery with the key of one of them.
    """
    try:
        rows = postgresql.claim(alias, wanted, _HELD_FOR, _COLUMNS)
    except IntegrityError:
        return None
    return [_make(alias, wanted[row[0]], row) for row in sorted(rows)]


@retry_conflicts
def release(alias: str, held: Collection[Claimed], *, begun: bool = False) -> None:
    """Make claimed deliveries pending again, as far as nobody has begun them, or, for `begun`, even so."""
    postgresql.release(alias, {one.claim.delivery: one.claim.token for one in held}, begun=begun)


class Batch:
    """A batch in the hands of its worker, as a context manager: iterate over what is to be run, each by `run`."""

    def __init__(self, alias: str, claimed: Sequence[Claimed]) -> None:
        self._alias = alias
        self._claimed = claimed
        #: The place of the next one.
        self._next = 0
        self._left: list[Claimed] = []
        self._has_begun = True
        self._successor: Successor | None = None
        shortest = min((one.lease for one in claimed), default=_PATIENCE)
        patience = min(_PATIENCE, shortest / _SHARE).total_seconds()
        self._until = monotonic() + patience
        self._timer = Timer(patience, self._release_meanwhile) if len(claimed) > 1 else None

    @property
    def left(self) -> Sequence[Claimed]:
        """What has not been run, once the batch has ended."""
        return [*self._left, *self._claimed[self._next :]]

    def __enter__(self) -> Self:
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join(_PATIENCE.total_seconds())  # it may wait for a connection for long, and changes nothing later
        if rest := self._claimed[self._next :]:
            try:
                release(self._alias, rest, begun=True)
            except AWAY:
                connections[self._alias].close()  # a handler may have broken it
                with suppress(*AWAY):
                    release(self._alias, rest, begun=True)

    def __iter__(self) -> Iterator[Claimed]:
        while self._next < len(self._claimed):
            one = self._claimed[self._next]
            if not self._has_begun and (self._is_over() or not claims.begin(self._alias, one.claim, one.lease)):
                if self._is_over():
                    return
                self._left.append(one)
                self._next += 1
                continue
            self._next += 1
            self._has_begun = False
            yield self._with_successor(one)

    def run(self, work: Callable[[], Result]) -> Result:
        """Run the delivery that was just yielded."""
        result = work()
        self._has_begun = result is HANDLED and self._successor is not None and self._successor.is_begun
        return result

    def _with_successor(self, one: Claimed) -> Claimed:
        self._successor = None
        if self._next == len(self._claimed) or self._is_over():
            return one
        following = self._claimed[self._next]
        self._successor = Successor(following.claim.delivery, following.claim.token, following.lease)
        return one._replace(claim=one.claim._replace(successor=self._successor))

    def _is_over(self) -> bool:
        return monotonic() >= self._until

    def _release_meanwhile(self) -> None:
        try:
            with suppress(*AWAY):  # then they are claimable a little later
                release(self._alias, self._claimed[self._next :])
        finally:
            connections[self._alias].close()  # that of this thread


def _make(alias: str, terms: DeliveryTerms, row: tuple[Any, ...]) -> Claimed:
    """Make a claimed delivery of a row, without the columns that nobody needs to run it."""
    number, token, attempts, lost, waited, handler, digest, *values = row
    event = StoredEvent.from_db(alias, _COLUMNS, values)
    delivery = Delivery.from_db(alias, ["id", "event_id", "handler", "order_digest"], [number, event.key, handler, digest])
    delivery.event = event
    since: timedelta = waited or timedelta()
    held = Claim(number, State.RUNNING, token, attempts, lost, terms.max_attempts, waited=since, is_ordered=digest is not None)
    return Claimed(delivery, held, terms.lease)
