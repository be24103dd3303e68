"""The outbox as the core sees it: it stores events in the current transaction, until a relay sends them.

Later events of an ordering key must not be committed before earlier ones, or a relay would overtake them. So the second
transaction that publishes with a key waits for the end of the first, and gets its row's number after that. SQLite has one writer
at a time, so no transaction has to wait there.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connections, transaction
from django.utils import timezone

from .._boxes.clock import LONGEST, ahead
from .._boxes.conflicts import refuse_uncommitted
from ..publishing import AnyTransport, KeptEvent, Publication
from . import ordering_keys, puts_postgresql
from .causes import cause_and_trace
from .database import database
from .enqueueing import enqueue_relay
from .models import OutgoingEvent
from .transports.configured import transport_class

#: Pub/Sub's largest message in bytes, and its largest number of attributes; both without those that a transport adds.
_MAX_SIZE: Final = 10_000_000 - 1_000
_MAX_ATTRIBUTES: Final = 100 - 4
_MAX_TOPIC: Final = 255


class OutboxStore:
    """The outbox of a process."""

    def put(self, publication: Publication) -> str:
        """Store an event in the current transaction of the outbox's database, and return its id.

        Raises:
            ConfigurationError: The settings name no usable transport, or autocommit is off, outside of an atomic block.
            ValueError: The transport could not send the event, or its time or its order cannot be kept.

        """
        _check(publication)
        alias = database()
        refuse_uncommitted(alias)
        row = _row_of(publication)
        at, delay = publication.at, publication.delay and min(publication.delay, LONGEST)
        if at is not None and not settings.USE_TZ:  # a row's times are in the zone of the database's session, which is unknown
            at, delay = None, _delay_of(publication)
        vendor = connections[alias].vendor
        if vendor == "postgresql":
            puts_postgresql.insert(alias, row, at, delay)
        else:
            not_before: Any = at if delay is None else ahead(delay)
            row.not_before = not_before
            is_locked = vendor == "mysql" and row.order_key is not None
            with transaction.atomic(using=alias, savepoint=False) if is_locked else nullcontext():
                if is_locked and row.order_key is not None:
                    ordering_keys.lock(alias, row.order_key)
                row.save(using=alias, force_insert=True)
        enqueue_relay(alias)
        return str(row.key)

    def stored(self, ids: Collection[str]) -> list[KeptEvent]:
        """Return those of the events that exist."""
        from . import for_tests  # noqa: PLC0415 -- only tests need it

        return for_tests.stored(ids)

    def relay(self, transport: AnyTransport | None) -> tuple[list[KeptEvent], list[BaseException]]:
        """Send what is due, in this thread, and return what was sent, and the exceptions of failed attempts."""
        from . import for_tests  # noqa: PLC0415 -- as above

        return for_tests.relay_here(transport)


def order_key_of(ordering_key: str) -> UUID:
    """Return the beginning of the SHA-256 of an ordering key, by which its events are found."""
    return UUID(bytes=sha256(ordering_key.encode()).digest()[:16], version=5)


def _row_of(publication: Publication) -> OutgoingEvent:
    cause, trace = cause_and_trace()
    metadata = {
        "attributes": dict(publication.attributes),
        "ordering_key": publication.ordering_key,
        "trace": trace,
        "delay": _delay_of(publication).total_seconds(),
    }
    used = {name: value for name, value in metadata.items() if value}
    return OutgoingEvent(
        key=uuid4(),
        kind=publication.kind,
        topic=publication.topic,
        data=publication.data,
        metadata=json.dumps(used) if used else "",
        order_key=order_key_of(publication.ordering_key) if publication.ordering_key else None,
        cause=cause,
    )


def _delay_of(publication: Publication) -> timedelta:
    """Return how long an event waits until it is due, by this host's clock."""
    at = publication.at
    if at is None:
        return publication.delay or timedelta()
    return max((timezone.make_aware(at) if timezone.is_naive(at) else at) - datetime.now(UTC), timedelta())


def _check(publication: Publication) -> None:
    """Refuse what the transport could not send, or the table not hold."""
    topic, attributes = publication.topic, publication.attributes
    if not topic and transport_class().needs_topic:
        msg = (
            f"The kind {publication.kind!r} has no topic, and {transport_class().__name__} needs one. "
            "Give it to publish, or declare it: events.kind(..., topic='my-topic')."
        )
        raise ValueError(msg)
    if len(topic) > _MAX_TOPIC or not topic.isprintable():
        msg = f"The topic is not a printable text of at most {_MAX_TOPIC} characters, so it cannot be stored. Give its name."
        raise ValueError(msg)
    if len(attributes) > _MAX_ATTRIBUTES:
        msg = (
            f"{len(attributes)} attributes are too many: Pub/Sub carries {_MAX_ATTRIBUTES} beside those of the outbox. "
            "Put some into the payload."
        )
        raise ValueError(msg)
    size = len(publication.data) + len(publication.ordering_key.encode())
    size += sum(len(name.encode()) + len(value.encode()) for name, value in attributes.items())
    if size > _MAX_SIZE:
        msg = (
            f"The event has {size} bytes, and Pub/Sub carries {_MAX_SIZE} beside the attributes of the outbox. "
            "Store the payload elsewhere, and publish its name."
        )
        raise ValueError(msg)
