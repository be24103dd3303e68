"""What `testing.published` and `testing.relay_now` ask of the outbox."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from ..publishing import AnyTransport, KeptEvent, Publication
from .database import database
from .models import OutgoingEvent
from .relay import relay
from .transports import Local, Transport

#: How many attempts a test may take: handlers that publish what they handle would go on for ever.
_MOST: Final = 10_000


def stored(ids: Collection[str]) -> list[KeptEvent]:
    """Return those of the events that exist."""
    return [_kept(row) for row in OutgoingEvent.objects.using(database()).filter(key__in=ids)]


def relay_here(transport: AnyTransport | None) -> tuple[list[KeptEvent], list[BaseException]]:
    """Send what is due, in this thread, and return what was sent, and the exceptions of failed attempts.

    Raises:
        RuntimeError: The handlers publish events without end.
        TypeError: `transport` is not a transport.

    """
    if not isinstance(transport, Transport | None):
        msg = f"transport must be a Transport, not {transport!r}. Give one, such as PubSub(), or leave it out for Local."
        raise TypeError(msg)
    sent: list[KeptEvent] = []
    errors: list[BaseException] = []

    def tell(event: OutgoingEvent, error: BaseException | None) -> None:
        if error is None:
            sent.append(_kept(event))
        else:
            error.add_note(f"while the relay sent {event.kind!r}, with the id {event.key}")
            errors.append(error)

    own = Local() if transport is None else transport
    try:
        relay(database(), own, lambda: len(sent) + len(errors) >= _MOST, tell)
    finally:
        if transport is None:
            own.close()
    if len(sent) + len(errors) >= _MOST:
        msg = f"relay_now() has sent {_MOST} events, and there are more. Let no handler publish what it handles, or send fewer."
        raise RuntimeError(msg)
    return sent, errors


def _kept(row: OutgoingEvent) -> KeptEvent:
    publication = Publication(
        kind=row.kind, topic=row.topic, data=bytes(row.data), attributes=row.attributes, ordering_key=row.ordering_key
    )
    due = row.created_at + row.delay if row.delay else None
    # a failed attempt replaces it by the time of the next one
    return KeptEvent(str(row.key), publication, due if row.attempts else row.not_before, row.cause)
