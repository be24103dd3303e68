"""What may keep events between the endpoint and the handlers, so that each handler's work is done once: the inbox does.

`dispatch` has the store's record of each event run its handlers; without a store, every handler is called for every delivery.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from .. import conf
from .._globs.glob import Glob
from ..outcomes import Outcome, classify
from .handler import Handler
from .lookup import HandlersFound, find_everywhere
from .raw_event import RawEvent, UnreadableRequest

__all__ = [
    "HANDLED",
    "AsyncWork",
    "Delivered",
    "EventRecord",
    "EventStore",
    "History",
    "Result",
    "Work",
    "aattempt",
    "attempt",
    "history",
    "keeper",
    "record_of",
    "set_history",
    "set_store",
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


class EventRecord(Protocol):
    """One event in a `EventStore`. All but `aopen` and `arun` may block."""

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


class EventStore(Protocol):
    """Keeps events, so that the work of each handler is done once; the inbox is one."""

    def record(self, kind: str, reference: str, raw_event: RawEvent, found: HandlersFound) -> EventRecord:
        """Make the record of an event that is about to be handled, or that nothing handles and is to be kept all the same.

        Nothing is asked of a database yet.
        """
        ...

    def reject(self, unread: UnreadableRequest, error: Exception) -> None:
        """Keep a request that cannot be read, so that its sender need not. May block. Raises what keeps it from being kept."""
        ...


_keeper: EventStore | None = None


def set_store(keeper: EventStore | None) -> None:
    """Have `keeper` keep all events from now on; None for none. Called by the app of the inbox."""
    global _keeper  # noqa: PLW0603 -- one of a process, as its settings are
    _keeper = keeper


def keeper() -> EventStore | None:
    """Who keeps events; called by `views`, and by `record_of`."""
    return _keeper


def record_of(kind: str, reference: str, raw_event: RawEvent, found: HandlersFound) -> EventRecord | None:
    """The record of an event that is about to be handled; None where nothing is kept of it."""
    if _keeper is None:
        return None
    if not (found.blocking or found.awaited) and (conf.current().UNHANDLED != "keep" or _is_handled(kind, raw_event)):
        return None
    return _keeper.record(kind, reference, raw_event, found)


def _is_handled(kind: str, raw_event: RawEvent) -> bool:
    """Whether another router has a handler for an event."""
    return any(found.blocking or found.awaited for found in find_everywhere(kind, raw_event.envelope.type))


class Delivered(NamedTuple):
    """One event on its way to one handler; nothing of its payload."""

    #: Such as `"done"`: lower case letters.
    state: str
    #: The same for people.
    label: str
    kind: str
    reference: str
    #: Its name; empty for an event that could not be read.
    handler: str
    attempts: int
    max_attempts: int
    received_at: datetime
    #: Of the page that says more; empty where there is none.
    url: str


class History(Protocol):
    """Tells the last deliveries. All of it may block."""

    #: What somebody needs to be told, for people.
    permission: str

    def may_view(self, user: object) -> bool:
        """Whether a user, as a request has one, may be told."""
        ...

    def last(self, kind: Glob, kind_only: str | None, handlers: Collection[str] | None, most: int) -> Sequence[Delivered]:
        """The last deliveries, from the newest.

        Args:
            kind: Of which kinds.
            kind_only: The kind, if there is only one that fits; of others, some that are long past may not be told.
            handlers: The names of those of which deliveries are told; None for all.
            most: How many.

        Raises `django.db.DatabaseError` if they cannot be read now.

        """
        ...


_history: History | None = None


def set_history(found: History | None) -> None:
    """Have deliveries told by `found` from now on; None for nobody. Called by the app of the inbox."""
    global _history  # noqa: PLW0603 -- one of a process, as its settings are
    _history = found


def history() -> History | None:
    """Who tells of deliveries; called by the catalogue."""
    return _history
