"""Where the inbox plugs in: the store that keeps events, so that each handler runs once, and the history of its deliveries.

`dispatch` and `pipeline` run handlers through the store's record of an event; without a store, every delivery runs every handler.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

from django.dispatch import Signal

from .. import conf
from .._globs.glob import Glob
from ..exceptions import EnvelopeError
from ..outcomes import Outcome
from .handler import Handler
from .lookup import HandlersFound, find_everywhere
from .raw_event import RawEvent


class Result(NamedTuple):
    """How a handler's run ended."""

    outcome: Outcome
    #: What it raised; raised again unless the outcome is acknowledged.
    error: Exception | None = None


#: The result of most runs.
HANDLED = Result(Outcome.HANDLED)


class HandlerRun(Protocol):
    """The run of a handler; the `Run` of `pipeline`."""

    @property
    def handler(self) -> Handler:
        """The handler."""
        ...

    def once_key(self) -> str | None:
        """Make the event, and return its business key, if any. It may block; the handler's call raises its errors."""
        ...

    def order_key(self) -> str | None:
        """Return the key by which the event is ordered, in the same way."""
        ...

    def go_on_from(self, earlier: Any, /) -> None:
        """Take over what an earlier run of the same handler and event has made to find a key."""
        ...


class RunRecord(Protocol):
    """Decides whether a handler runs, and notes how its run ends. The methods that are not async may block."""

    def begin(self, run: HandlerRun, /) -> Result | None:
        """Begin a handler's run. Returns a result instead if its work is done, or another worker is running it."""
        ...

    async def abegin(self, run: HandlerRun, /) -> Result | None:
        """Do the same on an event loop."""
        ...

    def run(self, handler: Handler, call: Callable[[], None], /) -> Result:
        """Run a sync handler with `call`, and note how that ended."""
        ...

    async def arun(self, handler: Handler, call: Callable[[], Awaitable[None]], /) -> Result:
        """Do the same with an async handler."""
        ...


class EventRecord(RunRecord, Protocol):
    """One event in an `EventStore`."""

    def open(self) -> None:
        """Store the event; called once, before any handler. Raises an exception if the store cannot do so."""

    async def aopen(self) -> None:
        """Do the same on an event loop."""


class EventStore(Protocol):
    """Stores events, so that each handler's work is done once."""

    def record(self, kind: str, reference: str, raw_event: RawEvent, handlers: HandlersFound, /) -> EventRecord:
        """Make the record of an event, without a database query. Without handlers, the event is only stored."""
        ...

    def reject(self, kind: str, reference: str, raw_event: RawEvent, problem: EnvelopeError) -> None:
        """Store an unreadable event; may block. Raises an exception if that fails."""
        ...


#: Sent when the store has changed.
store_changed: Final = Signal()
_store: EventStore | None = None


def set_store(store: EventStore | None) -> None:
    """Store all events in `store` from now on, or nowhere. The inbox's app calls it."""
    global _store  # noqa: PLW0603 -- one for each process, like its settings
    if store is not _store:
        _store = store
        store_changed.send(None)


def event_store() -> EventStore | None:
    """Return the store of this process."""
    return _store


def record_of(store: EventStore, kind: str, reference: str, raw_event: RawEvent, handlers: HandlersFound) -> EventRecord | None:
    """Return the record of an event; None for one that nothing handles, unless it is to be kept."""
    if not any(handlers) and (not _is_kept(raw_event) or is_handled(kind, raw_event)):
        return None
    return store.record(kind, reference, raw_event, handlers)


def _is_kept(raw_event: RawEvent) -> bool:
    """Whether an event that nothing handles is stored: always if Pub/Sub has given it up, since nobody sends it again."""
    return conf.current().UNHANDLED == "keep" or raw_event.envelope.dead_letter is not None


def is_handled(kind: str, raw_event: RawEvent) -> bool:
    """Whether any router has a handler for an event."""
    return any(map(any, find_everywhere(kind, raw_event.envelope)))


class Delivered(NamedTuple):
    """One event's delivery to one handler, without its payload."""

    #: In lower case, such as `"done"`.
    state: str
    #: The state for people.
    label: str
    kind: str
    reference: str
    #: The handler's name; empty for an event that could not be read.
    handler: str
    attempts: int
    max_attempts: int
    received_at: datetime
    #: Of the page with the details, if there is one.
    url: str
    #: The type of its error and the beginning of its text; empty without an error.
    error: str = ""


class History(Protocol):
    """Lists the last deliveries. The methods may block."""

    #: The permission that users need, for people.
    permission: str

    def may_view(self, user: object) -> bool:
        """Whether a request's user may see deliveries."""
        ...

    def last(self, kind: Glob, kind_only: str | None, handlers: Collection[str] | None, most: int) -> Sequence[Delivered]:
        """List at most that many deliveries of kinds and handlers (None for all), the newest first.

        `kind_only` is the kind if `kind` matches no other; otherwise old deliveries may be left out. Raises
        `django.db.DatabaseError` if the database cannot be read.
        """
        ...

    def url_of_all(self, kind: str | None, handler: str | None) -> str:
        """Return the URL of the page with all deliveries of a kind, or to a handler; "" if there is none."""
        ...


_load_history: Callable[[], History] | None = None


def set_history(load: Callable[[], History] | None) -> None:
    """List deliveries from what `load` returns from now on, or not at all. The inbox's app calls it."""
    global _load_history  # noqa: PLW0603 -- as in set_store()
    _load_history = load


def history() -> History | None:
    """Return the history of this process, for the catalogue."""
    return None if _load_history is None else _load_history()
