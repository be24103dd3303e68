"""What may keep events between the endpoint and the handlers, so that each handler's work is done once: the inbox does.

`dispatch` has the store's record of each event run its handlers; without a store, every handler is called for every delivery.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from django.dispatch import Signal

from .. import conf
from .._globs.glob import Glob
from ..exceptions import EnvelopeError
from ..outcomes import Outcome
from .handler import Handler
from .lookup import HandlersFound, find_everywhere
from .raw_event import RawEvent


class Result(NamedTuple):
    """What became of one handler."""

    outcome: Outcome
    #: What it raised, and what is raised again unless the outcome is acknowledged.
    error: Exception | None = None


#: What most handlers come to.
HANDLED = Result(Outcome.HANDLED)


class RunRecord(Protocol):
    """What notes how a handler's run ends. All methods that are not async may block."""

    def begin(self, handler: Handler, /) -> Result | None:
        """Begin a handler's run. Returns its result where it must not run: its work is done, or somebody else is at it."""
        ...

    async def abegin(self, handler: Handler, /) -> Result | None:
        """Do the same on an event loop."""
        ...

    def run(self, handler: Handler, call: Callable[[], None], /) -> Result:
        """Have a sync handler do its work by `call`, and note how that ended."""
        ...

    async def arun(self, handler: Handler, call: Callable[[], Awaitable[None]], /) -> Result:
        """Do the same with an async handler."""
        ...


class EventRecord(RunRecord, Protocol):
    """One event in an `EventStore`."""

    def open(self) -> None:
        """Keep the event; called once, before any handler. Raises what keeps the store from doing so."""

    async def aopen(self) -> None:
        """Do the same on an event loop."""


class EventStore(Protocol):
    """Keeps events, so that the work of each handler is done once; the inbox is one."""

    def record(self, kind: str, reference: str, raw_event: RawEvent, found: HandlersFound) -> EventRecord:
        """Make the record of an event that is about to be handled, or that nothing handles and is to be kept all the same.

        Nothing is asked of a database yet.
        """
        ...

    def reject(self, kind: str, reference: str, raw_event: RawEvent, problem: EnvelopeError) -> None:
        """Keep an event that cannot be read, so that its sender need not. May block. Raises what keeps it from being kept."""
        ...


#: Sent when another store, or none, keeps events from then on.
store_changed: Final = Signal()
_store: EventStore | None = None


def set_store(store: EventStore | None) -> None:
    """Have `store` keep all events from now on; None for none. Called by the app of the inbox."""
    global _store  # noqa: PLW0603 -- one of a process, as its settings are
    if store is not _store:
        _store = store
        store_changed.send(None)


def event_store() -> EventStore | None:
    """Return what keeps events; called by `refusal`, and by `pipeline`."""
    return _store


def record_of(store: EventStore, kind: str, reference: str, raw_event: RawEvent, found: HandlersFound) -> EventRecord | None:
    """Return the record of an event that is about to be handled; None for one that nothing handles, unless such are kept."""
    if not (found.blocking or found.awaited) and (conf.current().UNHANDLED != "keep" or _is_handled(kind, raw_event)):
        return None
    return store.record(kind, reference, raw_event, found)


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
