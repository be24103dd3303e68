"""What may keep events between the endpoint and the handlers, so that each handler's work is done once: the inbox does.

`passages` has the keeper's record of each event run its handlers; without a keeper, every handler is called for every delivery.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from .. import conf
from ..event import Arrival, Principal
from ..exceptions import EnvelopeError
from ..outcomes import Outcome, classify
from .handler import Handler
from .lookup import Found, find_everywhere

__all__ = [
    "HANDLED",
    "AsyncWork",
    "Keeper",
    "Record",
    "Result",
    "Unread",
    "UnreadError",
    "Work",
    "aattempt",
    "attempt",
    "keep_with",
    "keeper",
    "record_of",
]


class Result(NamedTuple):
    """What became of one handler."""

    outcome: Outcome
    #: What it raised, and what is raised again unless the outcome is acknowledged.
    error: Exception | None = None


#: What most handlers come to.
HANDLED = Result(Outcome.HANDLED)


class Work(Protocol):
    """The call of a sync handler."""

    def announce(self) -> None:
        """Tell who watches that the handler is about to be called; outside of any transaction that could undo what they do."""

    def __call__(self) -> None:
        """Call it."""


class AsyncWork(Protocol):
    """The call of an async handler."""

    async def announce(self) -> None:
        """Tell who watches that the handler is about to be called."""

    async def __call__(self) -> None:
        """Await it."""


class Record(Protocol):
    """One event in a `Keeper`. All but `aopen` and `arun` may block."""

    def open(self) -> None:
        """Called once, before any handler. Raises what keeps the event from being kept."""

    async def aopen(self) -> None:
        """Do the same on an event loop."""

    def run(self, handler: Handler, call: Work) -> Result:
        """Announce `call` and have a sync handler do its work by it, unless it is done or somebody else is at it."""
        ...

    async def arun(self, handler: Handler, call: AsyncWork) -> Result:
        """Do the same with an async handler."""
        ...


def attempt(call: Work) -> Result:
    """Have a sync handler do its work where nothing is kept of it."""
    call.announce()
    try:
        call()
    except Exception as error:  # noqa: BLE001 -- the passage raises it, once all have run
        return Result(classify(error), error)
    return HANDLED


async def aattempt(call: AsyncWork) -> Result:
    """Do the same with an async handler."""
    await call.announce()
    try:
        await call()
    except Exception as error:  # noqa: BLE001 -- as above
        return Result(classify(error), error)
    return HANDLED


@dataclass(frozen=True, slots=True)
class Unread:
    """A request whose body is in a form that it does not keep, so that no event could be made of it."""

    kind: str
    reference: str
    body: bytes
    #: What `envelopes.read` was given beside it.
    meta: Mapping[str, Any]
    query: Mapping[str, list[str]]
    principal: Principal | None


class UnreadError(EnvelopeError):
    """Raised for a request that cannot be read, with all that a keeper needs of it."""

    def __init__(self, reason: EnvelopeError, unread: Unread) -> None:
        super().__init__(str(reason))
        # without the frames that it passed: they hold the body, and whoever holds this
        self._reason = reason.with_traceback(None)
        reason.__cause__ = reason.__context__ = None
        self.unread = unread

    @property
    def reason(self) -> EnvelopeError:
        """What was wrong with it, afresh: whoever raises it is in the frames of its traceback, and may hold this."""
        return copy(self._reason)


class Keeper(Protocol):
    """Keeps events, so that the work of each handler is done once; the inbox is one."""

    def record(self, kind: str, reference: str, arrival: Arrival, found: Found) -> Record:
        """Make the record of an event that is about to be handled, or that nothing handles and is to be kept all the same.

        Nothing is asked of a database yet.
        """
        ...

    def reject(self, unread: Unread, error: Exception) -> None:
        """Keep a request that cannot be read, so that its sender need not. May block. Raises what keeps it from being kept."""
        ...


_keeper: Keeper | None = None


def keep_with(keeper: Keeper | None) -> None:
    """Have `keeper` keep all events from now on; None for none. Called by the app of the inbox."""
    global _keeper  # noqa: PLW0603 -- one of a process, as its settings are
    _keeper = keeper


def keeper() -> Keeper | None:
    """Who keeps events; called by `views`, and by `record_of`."""
    return _keeper


def record_of(kind: str, reference: str, arrival: Arrival, found: Found) -> Record | None:
    """The record of an event that is about to be handled; None where nothing is kept of it."""
    if _keeper is None:
        return None
    if not (found.blocking or found.awaited) and (conf.current().UNHANDLED != "keep" or _is_handled(kind, arrival)):
        return None
    return _keeper.record(kind, reference, arrival, found)


def _is_handled(kind: str, arrival: Arrival) -> bool:
    """Whether another router has a handler for an event."""
    return any(found.blocking or found.awaited for found in find_everywhere(kind, arrival.envelope.type))
