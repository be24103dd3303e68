"""Runs deliveries from their rows instead of a request: for an engine's task, `inbox process` and a replay."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from functools import partial
from heapq import heappop, heappush
from time import perf_counter
from typing import Final, TypeAlias

from django.db.models import BigIntegerField, BooleanField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import Length, Now

from .._boxes.conflicts import retry_conflicts
from .._boxes.selecting import IS_DUE
from .._boxes.states import OPEN, SETTLED, State
from .._concurrency import wait_for
from .._dispatch.handler import Handler
from .._dispatch.log_line import log_run
from .._dispatch.lookup import find_everywhere
from .._dispatch.pipeline import BUILT, Run, build
from .._dispatch.raw_event import RawEvent
from .._dispatch.store import Result
from ..exceptions import EnvelopeError
from ..outcomes import Outcome
from . import claims, decisions, endings, execution
from .claimed_batches import FIRST, MOST, MOST_BYTES, Batch, can_claim
from .claimed_batches import claim as claim_batch
from .deferral import enqueue_next
from .leases import Claim, DeliveryTerms, delivery_terms, terms_of
from .models import Delivery
from .names import Names
from .orders import IS_TURN, Waiting, next_of
from .serialization import raw_event_of
from .store import InboxRecord

#: How many deliveries are read at once.
_PAGE: Final = 5_000
#: Larger than any delivery's number.
_LARGEST: Final = 2**63
#: A delivery's number as an expression, so that no database sorts by walking the primary key past all settled deliveries.
_PLACE: Final = ExpressionWrapper(F("pk") + 0, output_field=BigIntegerField())

#: A run that was lost; what was claimed, but has not begun, was not.
_IS_LOST: Final = ExpressionWrapper(Q(state=State.RUNNING, started_at__isnull=False), output_field=BooleanField())

#: The run of a claimed delivery.
Work: TypeAlias = Callable[[], Result]

_GONE: Final = Result(Outcome.UNHANDLED)
_TAKEN: Final = execution.busy()


def work(alias: str, delivery: Delivery, *, rerun: bool = False) -> Result:
    """Run one open delivery, with the current validation and handler.

    Args:
        alias: The database.
        delivery: The delivery, with its event.
        rerun: Whether to run a delivery that is settled or not due, too, unless it has changed since it was read.

    Returns:
        The result: `UNHANDLED` if its handler is not registered; `BUSY` if another worker has it, it is not open or not due, or
        an earlier one with its key is open.

    """
    run = _claim_run(alias, delivery, rerun=rerun)
    result = run if isinstance(run, Result) else run()
    if result is not _TAKEN:
        enqueue_next(alias, delivery)
    return result


def due(alias: str, after: int = 0) -> QuerySet[Delivery]:
    """Select the due deferred deliveries after a number, in the order in which they were stored.

    Of those with a key of `order_by`, only the first open one of the key is due.
    """
    return _claimable(alias).filter(IS_TURN).alias(place=_PLACE).filter(place__gt=after).order_by("place")


def process(alias: str, tell: Callable[[str], None] | None = None) -> Generator[tuple[Delivery, Result]]:
    """Run due deliveries one after the other, until none is left. Several processes may do so at once.

    Close the iterator to release what it has claimed, but not run.

    Args:
        alias: The database.
        tell: Called with a sentence the first time that deliveries are skipped because their handler is not registered.

    """
    names = Names()
    number = 0
    while page := _read(alias, names, number):
        queue = _Queue(names, tell, page)
        with closing(_claim_all(alias, queue)) as claimed:
            for delivery, run in claimed:
                yield delivery, run if isinstance(run, Result) else run()
                following = next_of(alias, delivery)
                if following is not None:
                    queue.push(following)
        number = queue.number


def _read(alias: str, names: Names, number: int) -> list[Waiting]:
    """Read the first due deliveries after a number."""
    columns = ("pk", "handler", "event__kind", "size", "is_lost")
    rows = names.worth_reading(due(alias, number)).annotate(size=Length("event__body"), is_lost=_IS_LOST)
    return [Waiting(*row) for row in rows.values_list(*columns)[:_PAGE]]


class _Queue:
    """The deliveries of a page, in order; what comes next with a key takes its place among them."""

    def __init__(self, names: Names, tell: Callable[[str], None] | None, page: list[Waiting]) -> None:
        self._names = names
        self._tell = tell
        self._heap = page
        self._last = page[-1].number if len(page) == _PAGE else _LARGEST
        #: The highest number so far.
        self.number = 0

    def push(self, waiting: Waiting) -> None:
        """Add a delivery."""
        heappush(self._heap, waiting)

    def pop(self, most: int) -> tuple[list[Waiting], dict[int, DeliveryTerms]]:
        """Take the next deliveries that a batch may have, with their terms; or one that is claimed alone, without."""
        taken: list[Waiting] = []
        terms: dict[int, DeliveryTerms] = {}
        room = MOST_BYTES
        while len(taken) < max(most, 1) and self._heap and (first := self._heap[0]).number <= self._last:
            self.number = max(self.number, first.number)
            if not self._names.may_run(first.handler, first.kind):
                self.warn_unhandled(heappop(self._heap))
                continue
            its_terms = None if first.is_lost or not most else self._names.terms(first.handler, first.kind)
            room -= first.size
            if taken and (its_terms is None or room < 0):
                break
            taken.append(heappop(self._heap))
            if its_terms is None:
                break
            terms[first.number] = its_terms
        return taken, terms

    def warn_unhandled(self, waiting: Waiting) -> None:
        """Say that nobody runs a delivery."""
        text = self._names.warn_unhandled(waiting.handler, waiting.kind)
        if text is not None and self._tell is not None:
            self._tell(text)


def _claim_all(alias: str, queue: _Queue) -> Generator[tuple[Delivery, Result | Work]]:
    """Claim what waits, and yield each delivery with its run, or with a result, if it cannot be run."""
    most = FIRST if can_claim(alias) else 0
    while True:
        taken, terms = queue.pop(most)
        if not taken:
            return
        claimed = claim_batch(alias, terms) if terms else None
        if claimed is None:
            yield from _claim_alone(alias, queue, taken)
            continue
        waiting = {one.number: one for one in taken}
        with Batch(alias, claimed) as batch:
            for delivery, claim, _ in batch:
                found = _find(alias, delivery)
                if found is not None:
                    yield delivery, partial(batch.run, partial(found[1], claim))
                else:
                    endings.stand_back(alias, claim)
                    queue.warn_unhandled(waiting[delivery.pk])
        for left in batch.left:
            queue.push(waiting[left.delivery.pk])
        most = max(len(claimed) - len(batch.left), 1) if batch.left else min(2 * most, MOST)


def _claim_alone(alias: str, queue: _Queue, taken: Iterable[Waiting]) -> Iterator[tuple[Delivery, Result | Work]]:
    """Claim deliveries one after the other."""
    for waiting in taken:
        claimed = _claim_next(alias, waiting.number)
        if claimed is not None:
            if claimed[1] is _GONE:
                queue.warn_unhandled(waiting)
            elif claimed[1] is not _TAKEN:
                yield claimed


@retry_conflicts
def _claim_next(alias: str, number: int) -> tuple[Delivery, Result | Work] | None:
    """Claim a delivery, and return it with its run; None if it has ceased to be due, or another worker has it."""
    delivery = _claimable(alias).select_related("event").filter(pk=number).first()
    return None if delivery is None else (delivery, _claim_run(alias, delivery))


def _claimable(alias: str) -> QuerySet[Delivery]:
    """Select the due deferred deliveries, of which some may have to wait for their turn."""
    waits = Q(state__in=[State.PENDING, State.FAILED]) & IS_DUE
    is_lost = Q(state=State.RUNNING, lease_until__lt=Now())
    return Delivery.objects.using(alias).filter(waits | is_lost, deferred=True, state__in=OPEN)


def _claim_run(alias: str, delivery: Delivery, *, rerun: bool = False) -> Result | Work:
    """Claim a delivery, and return its run; or a result, if it cannot be run."""
    found = _find(alias, delivery)
    if found is None:
        return _GONE
    terms, run = found
    claim = _claim(alias, delivery, terms, rerun=rerun)
    return claim if isinstance(claim, Result) else partial(run, claim)


def _find(alias: str, delivery: Delivery) -> tuple[DeliveryTerms, Callable[[Claim], Result]] | None:
    """Find the terms of a delivery's handler, and its run with a claim; None if no handler of its name takes the event."""
    try:
        raw_event = raw_event_of(delivery.event)
    except EnvelopeError as error:
        terms = terms_of(delivery.handler)
        return terms, partial(_refuse, alias, terms, error)
    for handlers in find_everywhere(delivery.event.kind, raw_event.envelope):
        for handler, terms in delivery_terms(handlers).items():
            if terms.handler == delivery.handler:
                return terms, partial(_run, alias, delivery, raw_event, handler, terms)
    return None


def _claim(alias: str, delivery: Delivery, terms: DeliveryTerms, *, rerun: bool) -> Claim | Result:
    """Claim a delivery; or return a result, if it cannot be claimed."""
    if rerun and delivery.state in SETTLED and not decisions.reopen(alias, delivery):
        return _TAKEN
    claim = claims.claim(alias, delivery.pk, terms, is_ordered=delivery.order_digest is not None, early=rerun)
    if claim is None:
        return _TAKEN
    if claim.token is None:
        return Result(Outcome.PARKED)
    return claim._replace(waited=None) if rerun else claim  # a replay by a person does not count as waiting


def _run(alias: str, delivery: Delivery, raw_event: RawEvent, handler: Handler, terms: DeliveryTerms, claim: Claim) -> Result:
    started = perf_counter()
    kind, reference = delivery.event.kind, delivery.event.reference
    pipeline = BUILT.pipeline or build()
    record = InboxRecord(alias, kind, reference, raw_event, {handler: terms}, True, {terms.handler: claim})
    run = Run(handler, kind, reference, raw_event, record)
    result = wait_for(partial(pipeline.arun, run)) if handler.is_async else pipeline.run(run)
    log_run(handler, result, kind, reference, raw_event, perf_counter() - started)
    return result


def _refuse(alias: str, terms: DeliveryTerms, error: Exception, claim: Claim) -> Result:
    """Fail in place of the handler, since the event can no longer be read."""

    def fail() -> None:
        raise error

    return execution.run(alias, claim, terms.retry, fail)
