"""The inbox as the core sees it: a store that keeps each event, and runs its open deliveries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from asgiref.sync import sync_to_async
from typing_extensions import override

from .. import _check_ids as check_ids
from .. import conf
from .._boxes.conflicts import AWAY
from .._boxes.states import State
from .._concurrency import in_thread
from .._dispatch.handler import Handler
from .._dispatch.lookup import HandlersFound
from .._dispatch.pipeline import Run
from .._dispatch.raw_event import RawEvent
from .._dispatch.store import HANDLED, HandlerRun, Result
from .._log import logger
from ..envelopes import CloudTask
from ..exceptions import BodyTooLargeError, EnvelopeError, UnavailableError
from ..outcomes import Outcome
from . import claims, decisions, endings, execution, once_keys, orders, parking
from . import claims_mysql as mysql
from .database import database
from .deferral import enqueue
from .errors import describe_error
from .leases import Claim, DeliveryTerms, KeyRequest, OrderKey, Payload, StandingKey, delivery_terms
from .models import StoredEvent
from .renewals import key_of_task
from .serialization import row_of, sender_attempt_of, unread_row

_SETTLED: Final[Mapping[str, Result]] = {
    State.DONE: execution.DUPLICATE,
    State.REJECTED: execution.DUPLICATE,
    State.DISCARDED: execution.DUPLICATE,
    State.PARKED: Result(Outcome.PARKED),
}


class InboxStore:
    """The store of a process."""

    def record(self, kind: str, reference: str, raw_event: RawEvent, handlers: HandlersFound) -> InboxRecord:
        """Make the record of an event, with or without handlers."""
        if raw_event.envelope.dead_letter is not None and raw_event.kept_as is None and any(handlers):
            return DeadLetterRecord(database(), kind, reference, raw_event, delivery_terms(handlers), alone=False)
        if not any(handlers):
            return UnhandledRecord(database(), kind, reference, raw_event, {}, alone=False)
        return InboxRecord(database(), kind, reference, raw_event, delivery_terms(handlers), sum(map(len, handlers)) == 1)

    def reject(self, kind: str, reference: str, raw_event: RawEvent, problem: EnvelopeError) -> None:
        """Store an unreadable event. Raises `UnavailableError` if the database is unavailable."""
        try:
            claims.keep_rejected(database(), unread_row(kind, reference, raw_event), describe_error(problem))
        except AWAY as error:
            raise _not_stored(database(), kind, reference, raw_event, error) from error


@dataclass(slots=True, eq=False)
class InboxRecord:
    """The record of one event."""

    alias: str
    kind: str
    reference: str
    raw_event: RawEvent
    #: The terms of the handlers whose work is done once.
    terms: Mapping[Handler, DeliveryTerms]
    #: Whether the event has one handler, whose delivery begins with its claim; several begin one after the other.
    alone: bool
    #: The claims on their deliveries, by the handlers' names in the inbox; `open` makes them for a new event.
    claims: dict[str, Claim] = field(default_factory=dict[str, Claim])
    #: The runs of ordered handlers, which `open` began in order to find their keys.
    _runs: dict[Handler, Run] = field(default_factory=dict[Handler, Run], init=False)

    def open(self) -> None:
        """Store the event, and claim its open deliveries. Raises `UnavailableError` if the database is unavailable."""
        terms = list(self.terms.values())
        if not terms:
            return
        keys = self._order_keys()
        try:
            row, attempt = self._row(), sender_attempt_of(self.raw_event)
            self.claims = claims.open_event(self.alias, row, terms, attempt, keys, begun=self.alone)
            if self.raw_event.kept_as is not None:  # a replay, whose sender has its answer
                left = [claim for claim in self.claims.values() if claim.token is not None or State(claim.state) is State.PENDING]
                decisions.leave(self.alias, [claim.delivery for claim in left])
        except AWAY as error:  # even if it refuses, such as without tables: the sender still has the event
            raise _not_stored(self.alias, self.kind, self.reference, self.raw_event, error) from error
        payloads = {claim.payload for claim in self.claims.values()} - {Payload.SAME}
        if payloads:
            self._log_other_payload("is handled instead" if Payload.TAKEN in payloads else "is not handled")
        new = [claim.delivery for claim in self.claims.values() if claim.is_new and claim.token is None]
        if new:
            enqueue(self.alias, new)

    async def aopen(self) -> None:
        """Do the same as `open` on an event loop."""
        await sync_to_async(self.open)()

    def begin(self, run: HandlerRun) -> Result | None:
        """Begin a delivery. Returns a result, if it is not open or due, or another worker has it, or another delivery its key."""
        terms = self.terms.get(run.handler)
        if terms is None:
            return None
        claim, earlier = self.claims[terms.handler], self._runs.pop(run.handler, None)
        if claim.token is None:
            return _standing(claim, terms)
        if earlier is not None:
            run.go_on_from(earlier)
        try:
            if not (self.alone or claims.begin(self.alias, claim, terms.lease)):
                return execution.busy()
            if _lacks_order(terms, claim) and not self._join_order(run, claim):
                return execution.busy()
            return None if run.handler.options.once_key is None else self._claim_key(run, terms, claim)
        except AWAY as error:
            return execution.away(self.alias, error)

    async def abegin(self, run: HandlerRun) -> Result | None:
        """Do the same as `begin` on an event loop, in a thread if it needs the database."""
        terms = self.terms.get(run.handler)
        claim = None if terms is None else self.claims[terms.handler]
        if terms is None or claim is None or claim.token is None:
            return self.begin(run)
        if self.alone and run.handler.options.once_key is None and not _lacks_order(terms, claim):
            return self.begin(run)
        return await in_thread(partial(self.begin, run))

    def run(self, handler: Handler, call: Callable[[], None]) -> Result:
        """Run a sync handler, in its delivery's transaction unless it is registered with `once=False`."""
        terms = self.terms.get(handler)
        if terms is not None:
            return execution.run(self.alias, self.claims[terms.handler], terms.retry, call)
        call()
        return HANDLED

    async def arun(self, handler: Handler, call: Callable[[], Awaitable[None]]) -> Result:
        """Run an async handler."""
        terms = self.terms.get(handler)
        if terms is not None:
            return await execution.arun(self.alias, self.claims[terms.handler], terms.retry, call)
        await call()
        return HANDLED

    def _order_keys(self) -> dict[str, OrderKey]:
        """Find the event's keys for ordered handlers. A handler whose function fails is not ordered, and fails when it is run."""
        keys: dict[str, OrderKey] = {}
        for handler, terms in self.terms.items():
            if terms.is_ordered:
                run = self._runs[handler] = Run(handler, self.kind, self.reference, self.raw_event, self)
                key = run.order_key()
                if key is not None:
                    keys[terms.handler] = orders.order_key(key)
        return keys

    def _join_order(self, run: HandlerRun, claim: Claim) -> bool:
        """Order a delivery that was stored without a key, since its handler was not ordered then, or its function failed."""
        key = run.order_key()
        if key is None or orders.join(self.alias, claim, orders.order_key(key)):
            return True
        endings.stand_back(self.alias, claim)
        return False

    def _claim_key(self, run: HandlerRun, terms: DeliveryTerms, claim: Claim) -> Result | None:
        """Hold the business key of the event, if it has one, for the run. Returns a result, if another delivery has it."""
        key = run.once_key()
        if key is None:
            return None
        kept_for = run.handler.options.once_for or conf.current().INBOX.RETENTION
        request = KeyRequest(claim.delivery, claim.token, terms.handler, key, terms.lease, kept_for)
        held = once_keys.claim(self.alias, request)
        if isinstance(held, StandingKey):
            return execution.give_way(self.alias, claim, terms.retry, held)
        self.claims[terms.handler] = claim._replace(key=held)
        return None

    def _row(self) -> StoredEvent:
        row = row_of(self.kind, self.reference, self.raw_event)
        envelope = self.raw_event.envelope
        if isinstance(envelope, CloudTask) and str(row.key) != self.raw_event.kept_as:  # a replayed event already has its key
            row.key = key_of_task(self.alias, row, envelope)
        return row

    def _log_other_payload(self, what: str) -> None:
        message = "A redelivery of an event of kind %r with reference %r has another payload, which %s"
        logger.error(message, self.kind, self.reference, what)


class DeadLetterRecord(InboxRecord):
    """The record of a message that Pub/Sub has given up: it is parked, and no handler runs."""

    __slots__ = ()

    @override
    def open(self) -> None:
        """Park the event. Raises `UnavailableError` if the database is unavailable."""
        terms, envelope = list(self.terms.values()), self.raw_event.envelope
        if not terms:
            return
        try:
            self.claims.update(parking.park(self.alias, self._row(), terms, envelope))
        except AWAY as error:
            raise _not_stored(self.alias, self.kind, self.reference, self.raw_event, error) from error


class UnhandledRecord(InboxRecord):
    """The record of an event without a handler, stored for a later one."""

    __slots__ = ()

    @override
    def open(self) -> None:
        """Store the event. Raises `UnavailableError` if the database is unavailable."""
        try:
            self.raw_event.document()
        except EnvelopeError:
            return  # it will be refused, and stored as unreadable
        try:
            payload = claims.keep_unhandled(self.alias, self._row())
        except AWAY as error:
            raise _not_stored(self.alias, self.kind, self.reference, self.raw_event, error) from error
        if payload is not Payload.SAME:
            self._log_other_payload("is stored instead" if payload is Payload.TAKEN else "is not handled")


def _not_stored(
    alias: str, kind: str, reference: str, raw_event: RawEvent, error: Exception
) -> BodyTooLargeError | UnavailableError:
    """Explain why the database could not store an event."""
    length = len(raw_event.envelope.body)
    packet = mysql.packet_that_is_too_short(alias, length)
    if not packet:
        return execution.unavailable(alias, error)
    message = (
        "An event of kind %r with reference %r has a body of %d bytes, which the database %r cannot store: "
        "its max_allowed_packet is %d bytes. See the system check %s."
    )
    logger.error(message, kind, reference, length, alias, packet, check_ids.MYSQL_PACKET)
    return BodyTooLargeError()


def _lacks_order(terms: DeliveryTerms, claim: Claim) -> bool:
    return terms.is_ordered and not claim.is_ordered


def _standing(claim: Claim, terms: DeliveryTerms) -> Result:
    """Return the result of a delivery that this process may not run."""
    if terms.deferred and claim.is_new:
        return HANDLED
    settled = _SETTLED.get(claim.state)
    if settled is not None:
        return settled
    if claim.payload is Payload.REFUSED:  # the first is not done, and this one is not stored, so the sender has to keep it
        return execution.busy(claim.wait)
    is_stored = terms.deferred and claim.delivery  # otherwise, a purge has just deleted the event
    if is_stored or claim.payload is Payload.IGNORED:
        return execution.DUPLICATE
    return execution.not_due(claim.wait) if claim.is_early else execution.busy(claim.wait)
