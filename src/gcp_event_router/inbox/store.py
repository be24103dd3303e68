"""The inbox as the core sees it: a store, which keeps each event and runs what is open of it. Installed by `apps`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from asgiref.sync import sync_to_async
from typing_extensions import override

from .. import _check_ids as check_ids
from .._dispatch.handler import Handler
from .._dispatch.lookup import HandlersFound
from .._dispatch.raw_event import RawEvent
from .._dispatch.store import HANDLED, Result
from .._log import logger
from ..envelopes import CloudTask
from ..exceptions import BodyTooLargeError, EnvelopeError, UnavailableError
from ..outcomes import Outcome
from . import claims, decisions, execution
from . import claims_mysql as mysql
from .database import database
from .deferred import defer
from .errors import kept
from .leases import Claim, DeliveryTerms, Payload, delivery_terms
from .models import State, StoredEvent
from .renewals import key_of_task
from .serialization import row_of, sender_attempt_of, unread_row

__all__ = ["InboxRecord", "InboxStore"]

_DUPLICATE = Result(Outcome.DUPLICATE)
_SETTLED: Mapping[str, Result] = {
    State.DONE: _DUPLICATE,
    State.REJECTED: _DUPLICATE,
    State.DISCARDED: _DUPLICATE,
    State.PARKED: Result(Outcome.PARKED),
}


class InboxStore:
    """The store of a process."""

    def record(self, kind: str, reference: str, raw_event: RawEvent, found: HandlersFound) -> InboxRecord:
        """Make the record of an event that is about to be handled, or that nothing handles."""
        if not (found.blocking or found.awaited):
            return Unhandled(kind, reference, raw_event, {}, alone=False)
        return InboxRecord(kind, reference, raw_event, delivery_terms(found), alone=sum(map(len, found)) == 1)

    def reject(self, kind: str, reference: str, raw_event: RawEvent, problem: EnvelopeError) -> None:
        """Keep an event that cannot be read. Raises `UnavailableError` if the database cannot do that now."""
        try:
            claims.keep_rejected(database(), unread_row(kind, reference, raw_event), kept(problem))
        except execution.AWAY as away:
            raise _not_kept(database(), kind, reference, raw_event.envelope.body) from away


class InboxRecord:
    """The record of one event."""

    __slots__ = ("_alias", "_alone", "_claims", "_kind", "_raw_event", "_reference", "_wanted")

    def __init__(
        self, kind: str, reference: str, raw_event: RawEvent, terms: Mapping[Handler, DeliveryTerms], *, alone: bool
    ) -> None:
        self._kind = kind
        self._reference = reference
        self._raw_event = raw_event
        self._alias = database()
        #: Whether the event has one handler, whose claim begins it; of several, each is begun in its turn.
        self._alone = alone
        self._wanted = terms
        self._claims: dict[str, Claim] = {}

    def open(self) -> None:
        """Keep the event and claim what is open of it. Raises `UnavailableError` if the database cannot do that now."""
        terms = list(self._wanted.values())
        if not terms:
            return
        try:
            row = self._row()
            self._claims = claims.open_event(self._alias, row, terms, sender_attempt_of(self._raw_event), begun=self._alone)
            if self._raw_event.kept_as is not None:  # it is read again, and its sender was told then that all is well
                decisions.leave(self._alias, [each.delivery for each in self._claims.values() if each.token is not None])
        except execution.AWAY as error:  # also if it says no, as for want of a table: nothing is lost while the sender has it
            raise self._not_kept() from error
        payloads = {each.payload for each in self._claims.values()} - {Payload.SAME}
        if payloads:
            self._log_another("is handled in its place" if Payload.TAKEN in payloads else "is not handled")
        new = [each.delivery for each in self._claims.values() if each.is_new and each.token is None]
        if new:
            defer(self._alias, new)

    def _log_another(self, fate: str) -> None:
        message = "An event of kind %r with reference %r came again with another payload, which %s"
        logger.error(message, self._kind, self._reference, fate)

    def _row(self) -> StoredEvent:
        row = row_of(self._kind, self._reference, self._raw_event)
        envelope = self._raw_event.envelope
        if isinstance(envelope, CloudTask) and str(row.key) != self._raw_event.kept_as:  # what was read from its row has its key
            row.key = key_of_task(self._alias, row, envelope)
        return row

    def _not_kept(self) -> Exception:
        return _not_kept(self._alias, self._kind, self._reference, self._raw_event.envelope.body)

    async def aopen(self) -> None:
        """Do the same on an event loop."""
        await sync_to_async(self.open)()

    def begin(self, handler: Handler) -> Result | None:
        """Begin a delivery whose turn has come. Returns its result where it is not open, or not ours."""
        terms = self._wanted.get(handler)
        if terms is None:
            return None
        claim = self._claims[terms.handler]
        if claim.token is None:
            return _standing(claim, terms)
        if self._alone:
            return None
        try:
            return None if claims.begin(self._alias, claim, terms.lease) else execution.busy()
        except execution.AWAY as error:
            return execution.away(error)

    async def abegin(self, handler: Handler) -> Result | None:
        """Do the same on an event loop, in a thread only where the database is asked."""
        terms = self._wanted.get(handler)
        if self._alone or terms is None or self._claims[terms.handler].token is None:
            return self.begin(handler)
        return await sync_to_async(self.begin)(handler)

    def run(self, handler: Handler, call: Callable[[], None]) -> Result:
        """Have a sync handler do its work, as part of its delivery's transaction unless it is registered with `once=False`."""
        terms = self._wanted.get(handler)
        if terms is None:
            call()
            return HANDLED
        return execution.run(self._alias, self._claims[terms.handler], call)

    async def arun(self, handler: Handler, call: Callable[[], Awaitable[None]]) -> Result:
        """Have an async handler do its work."""
        terms = self._wanted.get(handler)
        if terms is None:
            await call()
            return HANDLED
        return await execution.arun(self._alias, self._claims[terms.handler], call)


class Unhandled(InboxRecord):
    """The record of an event that nothing handles: it is kept, for when something does."""

    __slots__ = ()

    @override
    def open(self) -> None:
        """Keep the event. Raises `UnavailableError` if the database cannot do that now."""
        try:
            self._raw_event.document()
        except EnvelopeError:
            return  # it is refused, and then kept as what cannot be read
        try:
            payload = claims.keep_unhandled(self._alias, self._row())
        except execution.AWAY as away:
            raise self._not_kept() from away
        if payload is not Payload.SAME:
            self._log_another("is kept in its place" if payload is Payload.TAKEN else "is not handled")


def _not_kept(alias: str, kind: str, reference: str, body: bytes) -> BodyTooLargeError | UnavailableError:
    """Why the database could not keep an event."""
    packet = mysql.packet_that_is_too_short(alias, len(body))
    if not packet:
        return UnavailableError(reason="the inbox's database is away or not migrated")
    message = (
        "An event of kind %r with reference %r has a body of %d bytes, which the database %r cannot keep: "
        "its max_allowed_packet is %d bytes. See the system check %s."
    )
    logger.error(message, kind, reference, len(body), alias, packet, check_ids.MYSQL_PACKET)
    return BodyTooLargeError()


def _standing(claim: Claim, terms: DeliveryTerms) -> Result:
    """What to tell the sender of a delivery that is not ours to run."""
    if terms.deferred and claim.is_new:
        return HANDLED
    settled = _SETTLED.get(claim.state)
    if settled is not None:
        return settled
    if claim.payload is Payload.REFUSED:  # nothing is done by the first, and this one is not kept: its sender has to keep it
        return execution.busy(claim.wait)
    return _DUPLICATE if terms.deferred or claim.payload is Payload.IGNORED else execution.busy(claim.wait)
