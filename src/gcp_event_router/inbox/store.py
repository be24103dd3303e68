"""The inbox as the core sees it: a keeper, which keeps each event and runs what is open of it. Installed by `apps`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from asgiref.sync import sync_to_async
from django.db import router
from typing_extensions import override

from .. import conf
from .._dispatch.handler import Handler
from .._dispatch.lookup import Found
from .._dispatch.options import MAX_ATTEMPTS
from .._dispatch.store import HANDLED, AsyncWork, Result, Unread, Work, aattempt, attempt
from .._log import logger
from ..envelopes import CloudTask
from ..event import Arrival
from ..exceptions import BodyTooLargeError, EnvelopeError, UnavailableError
from ..outcomes import Outcome
from . import claims, execution
from . import claims_mysql as mysql
from .clock import LONGEST
from .deferred import defer
from .errors import kept
from .leases import Claim, Payload, Wanted
from .models import State, StoredEvent
from .renewals import key_of_task
from .serialization import row_of, sender_attempt_of, unread_row

__all__ = ["Inbox", "Kept", "database", "numbered", "terms_of", "wanted"]

_DUPLICATE = Result(Outcome.DUPLICATE)
_SETTLED: Mapping[str, Result] = {
    State.DONE: _DUPLICATE,
    State.REJECTED: _DUPLICATE,
    State.DISCARDED: _DUPLICATE,
    State.PARKED: Result(Outcome.PARKED),
}
_NAME_LENGTH = 255
_LOST = 10
_LOST_PER_ATTEMPT = 3
"""A run that is lost is seldom its handler's fault, so more of them are allowed than failures."""


def database() -> str:
    """The alias of the database that has the inbox; never one that is only read."""
    return conf.current().INBOX.DATABASE or router.db_for_write(StoredEvent)


def numbered(name: str, number: int) -> str:
    """The name by which the inbox knows the first, second ... of the handlers that have one name."""
    return name[:_NAME_LENGTH] if number == 1 else f"{name[: _NAME_LENGTH - 8]}#{number}"


def wanted(found: Found) -> Mapping[Handler, Wanted]:
    """On which terms the handlers are run that the inbox governs; each under a name of its own."""
    settings = conf.current().INBOX
    terms: dict[Handler, Wanted] = {}
    names: set[str] = set()
    for handler in (each for handlers in found for each in handlers if each.options.once):
        own, name, number = handler.options, numbered(handler.name, 1), 1
        while name in names:  # two methods of one class, on two objects; a system check asks for names
            number += 1
            name = numbered(handler.name, number)
        names.add(name)
        deferred = settings.DEFERRED if own.deferred is None else own.deferred
        terms[handler] = terms_of(name, own.lease, own.max_attempts, deferred=deferred)
    return terms


def terms_of(name: str, lease: timedelta | None = None, max_attempts: int | None = None, *, deferred: bool = False) -> Wanted:
    """The terms of one handler, with what the settings say where it says nothing itself."""
    settings = conf.current().INBOX
    most = max_attempts or settings.MAX_ATTEMPTS
    lost = settings.MAX_LOST or min(max(_LOST, _LOST_PER_ATTEMPT * most), MAX_ATTEMPTS)
    return Wanted(name, min(lease or settings.LEASE, LONGEST), most, lost, deferred)


class Inbox:
    """The keeper of a process."""

    def record(self, kind: str, reference: str, arrival: Arrival, found: Found) -> Kept:
        """Make the record of an event that is about to be handled, or that nothing handles."""
        if not (found.blocking or found.awaited):
            return Unhandled(kind, reference, arrival, {}, alone=False)
        return Kept(kind, reference, arrival, wanted(found), alone=sum(map(len, found)) == 1)

    def reject(self, unread: Unread, error: Exception) -> None:
        """Keep a request that cannot be read. Raises `UnavailableError` if the database cannot do that now."""
        try:
            claims.keep_rejected(database(), unread_row(unread), kept(error))
        except execution.AWAY as away:
            raise _not_kept(database(), unread.kind, unread.reference, unread.body) from away


class Kept:
    """The record of one event."""

    __slots__ = ("_alias", "_alone", "_arrival", "_claims", "_kind", "_reference", "_wanted")

    def __init__(self, kind: str, reference: str, arrival: Arrival, terms: Mapping[Handler, Wanted], *, alone: bool) -> None:
        self._kind = kind
        self._reference = reference
        self._arrival = arrival
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
            self._claims = claims.open_event(self._alias, row, terms, sender_attempt_of(self._arrival), begun=self._alone)
            if self._arrival.kept_as is not None:  # it is read again, and its sender was told then that all is well
                claims.leave(self._alias, [each.delivery for each in self._claims.values() if each.token is not None])
        except execution.AWAY as error:  # also if it says no, as for want of a table: nothing is lost while the sender has it
            raise self._not_kept() from error
        payloads = {each.payload for each in self._claims.values()} - {Payload.SAME}
        if payloads:
            self._log_another("is handled in its place" if Payload.TAKEN in payloads else "is not handled")
        defer(self._alias, [each.delivery for each in self._claims.values() if each.is_new and each.token is None])

    def _log_another(self, fate: str) -> None:
        message = "An event of kind %r with reference %r came again with another payload, which %s"
        logger.error(message, self._kind, self._reference, fate)

    def _row(self) -> StoredEvent:
        row = row_of(self._kind, self._reference, self._arrival)
        envelope = self._arrival.envelope
        if isinstance(envelope, CloudTask) and str(row.key) != self._arrival.kept_as:  # what was read from its row has its key
            row.key = key_of_task(self._alias, row, envelope)
        return row

    def _not_kept(self) -> Exception:
        return _not_kept(self._alias, self._kind, self._reference, self._arrival.envelope.body)

    async def aopen(self) -> None:
        """Do the same on an event loop."""
        await sync_to_async(self.open)()

    def run(self, handler: Handler, call: Work) -> Result:
        """Have a sync handler do its work, if it is open and ours."""
        terms = self._wanted.get(handler)
        if terms is None:
            return attempt(call)
        claim = self._claims[terms.handler]
        if claim.token is None:
            return _standing(claim, terms)
        return self._begun(claim, terms) or execution.run(self._alias, claim, call)

    async def arun(self, handler: Handler, call: AsyncWork) -> Result:
        """Do the same with an async handler."""
        terms = self._wanted.get(handler)
        if terms is None:
            return await aattempt(call)
        claim = self._claims[terms.handler]
        if claim.token is None:
            return _standing(claim, terms)
        if not self._alone:
            problem = await sync_to_async(self._begun)(claim, terms)
            if problem is not None:
                return problem
        return await execution.arun(self._alias, claim, call)

    def _begun(self, claim: Claim, terms: Wanted) -> Result | None:
        """Begin a delivery whose turn has come, if it was claimed together with others; returns what keeps it from that."""
        if self._alone:
            return None
        try:
            return None if claims.begin(self._alias, claim, terms.lease) else execution.busy()
        except execution.AWAY as error:
            return execution.away(error)


class Unhandled(Kept):
    """The record of an event that nothing handles: it is kept, for when something does."""

    __slots__ = ()

    @override
    def open(self) -> None:
        """Keep the event. Raises `UnavailableError` if the database cannot do that now."""
        try:
            self._arrival.document()
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
        "its max_allowed_packet is %d bytes. See the system check gcp_event_router.W042."
    )
    logger.error(message, kind, reference, len(body), alias, packet)
    return BodyTooLargeError()


def _standing(claim: Claim, terms: Wanted) -> Result:
    """What to tell the sender of a delivery that is not ours to run."""
    if terms.deferred and claim.is_new:
        return HANDLED
    settled = _SETTLED.get(claim.state)
    if settled is not None:
        return settled
    if claim.payload is Payload.REFUSED:  # nothing is done by the first, and this one is not kept: its sender has to keep it
        return execution.busy(claim.wait)
    return _DUPLICATE if terms.deferred or claim.payload is Payload.IGNORED else execution.busy(claim.wait)
