"""Runs deliveries from their rows instead of a request: for an engine's task, `inbox process` and a replay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from heapq import heappop, heappush
from time import perf_counter
from typing import Final, TypeAlias

from django.db.models import BigIntegerField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import Now

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
from . import claims, decisions, execution
from .deferral import enqueue_next
from .leases import Claim, DeliveryTerms, delivery_terms, terms_of
from .models import Delivery
from .names import Names
from .orders import IS_TURN, next_of
from .serialization import raw_event_of
from .store import InboxRecord

#: How many deliveries are read at once.
_BATCH: Final = 5_000
#: Larger than any delivery's number.
_LARGEST: Final = 2**63
#: A delivery's number as an expression, so that no database sorts by walking the primary key past all settled deliveries.
_PLACE: Final = ExpressionWrapper(F("pk") + 0, output_field=BigIntegerField())

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


def process(alias: str, tell: Callable[[str], None] | None = None) -> Iterator[tuple[Delivery, Result]]:
    """Run due deliveries one after the other, until none is left. Several processes may do so at once.

    Args:
        alias: The database.
        tell: Called with a sentence the first time that deliveries are skipped because their handler is not registered.

    """
    names = Names()
    number = 0
    while rows := list(names.worth_reading(due(alias, number)).values_list("pk", "handler", "event__kind")[:_BATCH]):
        last = rows[-1][0] if len(rows) == _BATCH else _LARGEST
        while rows and rows[0][0] <= last:  # a heap, since what comes next with a key takes its place among the others
            number, name, kind = heappop(rows)
            claimed = _claim_next(alias, number) if names.may_run(name, kind) else (None, _GONE)
            if claimed is None:
                continue
            delivery, run = claimed
            if run is _GONE:
                text = names.warn_unhandled(name, kind)
                if text is not None and tell is not None:
                    tell(text)
            elif delivery is not None and run is not _TAKEN:
                yield delivery, run if isinstance(run, Result) else run()
                following = next_of(alias, delivery)
                if following is not None and following[0] > number:
                    heappush(rows, following)


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
    try:
        raw_event = raw_event_of(delivery.event)
    except EnvelopeError as error:
        terms = terms_of(delivery.handler)
        claim = _claim(alias, delivery, terms, rerun=rerun)
        return claim if isinstance(claim, Result) else partial(execution.run, alias, claim, terms.retry, partial(_refuse, error))
    for handlers in find_everywhere(delivery.event.kind, raw_event.envelope):
        for handler, terms in delivery_terms(handlers).items():
            if terms.handler == delivery.handler:
                claim = _claim(alias, delivery, terms, rerun=rerun)
                return claim if isinstance(claim, Result) else partial(_run, alias, delivery, raw_event, handler, terms, claim)
    return _GONE


def _claim(alias: str, delivery: Delivery, terms: DeliveryTerms, *, rerun: bool) -> Claim | Result:
    """Claim a delivery; or return a result, if it cannot be claimed."""
    if rerun and delivery.state in SETTLED and not decisions.reopen(alias, delivery):
        return _TAKEN
    claim = claims.claim(alias, delivery.pk, terms, is_ordered=delivery.order_digest is not None, early=rerun)
    if claim is None:
        return _TAKEN
    if claim.token is None:
        return Result(Outcome.PARKED)
    return replace(claim, waited=None) if rerun else claim  # a replay by a person does not count as waiting


def _run(alias: str, delivery: Delivery, raw_event: RawEvent, handler: Handler, terms: DeliveryTerms, claim: Claim) -> Result:
    started = perf_counter()
    kind, reference = delivery.event.kind, delivery.event.reference
    pipeline = BUILT.pipeline or build()
    record = InboxRecord(alias, kind, reference, raw_event, {handler: terms}, True, {terms.handler: claim})
    run = Run(handler, kind, reference, raw_event, record)
    result = wait_for(partial(pipeline.arun, run)) if handler.is_async else pipeline.run(run)
    log_run(handler, result, kind, reference, raw_event, perf_counter() - started)
    return result


def _refuse(error: Exception) -> None:
    """Fail in place of the handler, since the event can no longer be read."""
    raise error
