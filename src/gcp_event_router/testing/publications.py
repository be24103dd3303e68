"""Records what is published, for assertions, and relays it within a test.

with published() as recorded:
    place_order(4711)
[event] = recorded.of(OrderPlaced)
assert event.payload.order_id == 4711
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, cast

from typing_extensions import TypeVar, override

from .. import publishing
from .._dispatch.lookup import LISTENING
from .._dispatch.payload import payload_reader
from .._words import counted
from ..exceptions import ConfigurationError
from ..kinds import Kind
from ..outcomes import Reject, Retry
from ..publishing import AnyTransport, KeptEvent, Publication
from ..router import EventRouter, events
from .recording import UNSET, Unset

PayloadT = TypeVar("PayloadT", default=Any)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedEvent(Generic[PayloadT]):
    """An event that has been published."""

    #: As `publish` returns it.
    id: str
    kind: str
    #: As handlers get it.
    payload: PayloadT
    #: As the sender or the kind's declaration names it; empty if neither does.
    topic: str = ""
    attributes: Mapping[str, str]
    ordering_key: str = ""
    #: When it is due; None for at once.
    due: datetime | None = None
    #: The id of the event whose handler has published it; empty if there is none.
    cause: str = ""

    @override
    def __str__(self) -> str:
        facts = {"topic": self.topic, "ordering key": self.ordering_key, "attributes": dict(self.attributes)}
        due = "" if self.due is None else f", due {self.due.isoformat()}"
        return f"{self.kind!r}: {self.payload!r}" + "".join(f", {name} {fact!r}" for name, fact in facts.items() if fact) + due


class Published:
    """All events that this process has published since `published` began, in order; with the outbox, those that exist.

    With the outbox, each look at them is a query. In async tests, write `await sync_to_async(recorded.of)(OrderPlaced)`.
    """

    def __init__(self) -> None:
        self._recorded: list[tuple[str, Publication, bool]] = []

    def record(self, event_id: str, publication: Publication, *, is_stored: bool) -> None:
        """Record an event; `publish` calls it."""
        self._recorded.append((event_id, publication, is_stored))

    def of(self, kind: Kind[PayloadT]) -> list[PublishedEvent[PayloadT]]:
        """The events of one kind, in order. Raises `TypeError` for anything but a declared kind."""
        if not isinstance(cast("object", kind), Kind):
            msg = (
                f"The kind must be a declared one, not {kind!r}, of type {type(kind).__name__}. Give what events.kind() returns."
            )
            raise TypeError(msg)
        return [event for event in self if event.kind == kind.name]

    def assert_published(
        self,
        kind: Kind[PayloadT],
        *,
        payload: PayloadT | Unset = UNSET,
        topic: str | Unset = UNSET,
        ordering_key: str | Unset = UNSET,
        times: int | None = None,
    ) -> PublishedEvent[PayloadT]:
        """Assert that an event was published, and return the last such event.

        Args:
            kind: The declared kind.
            payload: The payload of the event. This and the following match any event by default.
            topic: The topic of the event.
            ordering_key: The ordering key of the event; empty for an event without one.
            times: How often exactly; by default at least once.

        Raises:
            AssertionError: It was not. The message lists everything that was published.
            TypeError: `kind` is not a declared kind, but its name, for example.
            ValueError: `times` is less than 1.

        """
        __tracebackhide__ = True  # pytest shows the line of the test instead
        if times is not None and times < 1:
            msg = f"times must be at least 1, not {times}. Use assert_not_published."
            raise ValueError(msg)
        expected = {"payload": payload, "topic": topic, "ordering key": ordering_key}
        found = [
            event
            for event in self.of(kind)
            if payload in (UNSET, event.payload) and topic in (UNSET, event.topic) and ordering_key in (UNSET, event.ordering_key)
        ]
        if not found or times not in {None, len(found)}:
            facts = "".join(f", {name} {value!r}" for name, value in expected.items() if value is not UNSET)
            count = "" if times is None else f" {counted(times, 'time')}, not {len(found)}"
            self._fail(f"{kind.name!r} should have been published{facts}{count}")
        return found[-1]

    def assert_not_published(self, kind: Kind[Any]) -> None:
        """Assert that no event of a kind was published."""
        __tracebackhide__ = True
        if self.of(kind):
            self._fail(f"{kind.name!r} should not have been published")

    def __iter__(self) -> Iterator[PublishedEvent[Any]]:
        """Iterate over the events of all kinds, in the order in which they were published."""
        recorded = tuple(self._recorded)
        outbox = publishing.current_outbox()
        ids = [event_id for event_id, _, is_stored in recorded if is_stored]
        stored = {event.id: event for event in outbox.stored(ids)} if ids and outbox is not None else {}
        for event_id, publication, is_stored in recorded:
            if not is_stored or event_id in stored:
                yield _event_of(stored.get(event_id) or KeptEvent(event_id, publication), publication.payload)

    def __len__(self) -> int:
        """The number of events."""
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        """Whether anything was published."""
        return len(self) > 0

    @override
    def __str__(self) -> str:
        return "\n".join(f"  {event}" for event in self) or "  nothing"

    @override
    def __repr__(self) -> str:
        return f"<Published: {counted(len(self), 'event')}\n{self}>"

    def _fail(self, expectation: str) -> None:
        __tracebackhide__ = True
        msg = f"{expectation}. Published:\n{self}"
        raise AssertionError(msg)


@contextmanager
def published() -> Generator[Published]:
    """Record what is published in this process.

    With the outbox, events are stored as usual. Without it, nothing is sent to Pub/Sub meanwhile, whichever client is given, so
    that a test needs neither credentials nor a network.
    """
    recorded = Published()
    publishing.recorders.append(recorded)
    try:
        yield recorded
    finally:
        publishing.recorders.remove(recorded)


def relay_now(transport: AnyTransport | None = None, *, raises: bool = True) -> list[PublishedEvent[Any]]:
    """Send what is due in the outbox, as `manage.py outbox relay` does, in this thread and its transaction; return what was sent.

    Args:
        transport: By default `Local`, whatever the settings name: the handlers of this project get the events, and what they
            publish is sent, too.
        raises: Whether to raise the exceptions of handlers, or of the transport: one by itself, several in an `ExceptionGroup`.
            Never raises `Retry` and `Reject`.

    Raises:
        ConfigurationError: The outbox is not installed.
        RuntimeError: Handlers publish without end.
        TypeError: `transport` is not a transport.

    """
    outbox = publishing.current_outbox()
    if outbox is None:
        msg = 'There is no outbox to relay from. Add "gcp_event_router.outbox" to INSTALLED_APPS.'
        raise ConfigurationError(msg)
    sent, errors = outbox.relay(transport)
    failures = [error for error in errors if type(error) not in {Retry, Reject}] if raises else []
    if len(failures) == 1:
        raise failures[0]
    if failures:
        msg = "the relay could not send several events"
        raise BaseExceptionGroup(msg, failures)
    return [_event_of(event, _payload_of(event.publication)) for event in sent]


def _event_of(stored: KeptEvent, payload: Any) -> PublishedEvent[Any]:
    publication = stored.publication
    return PublishedEvent(
        id=stored.id,
        kind=publication.kind,
        payload=payload,
        topic=publication.topic,
        attributes=publication.attributes,
        ordering_key=publication.ordering_key,
        due=stored.due,
        cause=stored.cause,
    )


def _payload_of(publication: Publication) -> object:
    """Read a payload as the kind declares it; the bytes, if no router that gets events declares the kind."""
    routers = [events, *(router for router in tuple(LISTENING) if isinstance(router, EventRouter))]
    kind = next((router.kinds[publication.kind] for router in routers if publication.kind in router.kinds), None)
    return publication.data if kind is None else payload_reader(kind.adapter, kind.payload_type)(publication.data)
