"""Parks dead letters: messages that Pub/Sub has given up, and forwarded to a dead-letter topic.

The forwarded copy has an id of its own. So that no handler's work is done twice, it counts as the event of which it is a copy, if
the inbox has that: with an id from an outbox or a CloudEvent's, both have the same key; all others are found by what Pub/Sub says
of the first message.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Concat, Now

from .._boxes.clock import at
from .._boxes.conflicts import retry_conflicts
from .._boxes.selecting import IS_OPEN
from .._boxes.states import OPEN, State
from ..envelopes import DeadLetter, Envelope
from ..exceptions import EnvelopeError
from . import claims
from .deferral import enqueue_next
from .leases import Claim, ClaimRequest, DeliveryTerms
from .models import Delivery, StoredEvent
from .serialization import key_of, raw_event_of

#: The type of error of an event that the inbox knows only as a dead letter.
DEAD_LETTER: Final = "DeadLetter"
#: How much the database's clock may differ from Pub/Sub's.
_SKEW: Final = timedelta(minutes=10)
#: Pub/Sub may give both times with different precision.
_PRECISION: Final = timedelta(milliseconds=1)
#: How many events with the same payload are compared, such as those of a clock: this many, or fewer if they have more bytes.
_COMPARED: Final = 1_000
_BYTES: Final = 8_000_000
_AT_LEAST: Final = 10


def gave_up(letter: DeadLetter) -> str:
    """Say which subscription gave a message up."""
    times = "" if letter.deliveries is None else f" after {letter.deliveries} deliveries"
    return f"{letter.subscription} gave it up{times}"


@retry_conflicts
def park(alias: str, row: StoredEvent, wanted: Sequence[DeliveryTerms], envelope: Envelope) -> dict[str, Claim]:
    """Store a dead letter with parked deliveries; or park the open ones of the event of which it is a copy.

    What is done stays done; a worker that runs a delivery goes on, and workers go on with deferred deliveries. Returns the state
    of each wanted delivery. Raises the database's errors.
    """
    letter = envelope.dead_letter
    if letter is None:
        msg = "This event is not a dead letter."
        raise ValueError(msg)
    row.key = _find_key(alias, row, envelope, letter)
    reason = gave_up(letter)
    request = ClaimRequest(alias, row, wanted, letter.deliveries, begun=False, token=uuid4(), order_keys={})
    rows = Delivery.objects.using(alias).filter(event=row.key)
    if StoredEvent.objects.using(alias).filter(key=row.key).exclude(erased_at=None).exists():
        return claims.read(request)[0]
    with transaction.atomic(using=alias):
        claims.insert(alias, row)
        freed = {"token": None, "lease_until": None, "running_digest": None, "not_before": None, "waiting_since": None}
        parked = {"state": State.PARKED, "finished_at": Now(), "sender_attempt": letter.deliveries}
        ended = list(rows.filter(IS_OPEN, deferred=False))
        rows.filter(IS_OPEN, deferred=False).update(error=Concat(Value(f"{reason}: "), F("error")), **parked, **freed)
        new = {**parked, "event_id": row.key, "error_type": DEAD_LETTER, "error": reason}
        deliveries = [Delivery(handler=terms.handler, max_attempts=terms.max_attempts, **new) for terms in wanted]
        Delivery.objects.using(alias).bulk_create(deliveries, ignore_conflicts=True)
    for delivery in ended:
        enqueue_next(alias, delivery)
    return claims.read(request)[0]


def _find_key(alias: str, row: StoredEvent, envelope: Envelope, letter: DeadLetter) -> UUID:
    """Find the key of the event of which a dead letter is a copy; its own, if the inbox has none, or another payload."""
    events = StoredEvent.objects.using(alias)
    digest = events.filter(key=row.key).values_list("digest", flat=True).first()
    if digest is not None:
        is_same = bytes(digest) in {b"", row.digest}  # an erased event has none
        return row.key if is_same else key_of(row.kind, row.reference, (DEAD_LETTER, *map(str, (row.key, envelope.message_id))))
    if letter.publish_time is None:
        return row.key
    same = events.filter(kind=row.kind, reference=row.reference, digest=row.digest)
    in_memory = min(_BYTES // (len(row.body) + 1), _COMPARED)  # they have about the size of the copy
    found = same.filter(received_at__gte=at(letter.publish_time - _SKEW)).order_by("received_at")[: max(in_memory, _AT_LEAST)]
    originals = [event.key for event in found.iterator(chunk_size=max(in_memory, 1)) if _is_original(event, letter)]
    if len(originals) > 1:  # messages with equal payloads, published at once: one that is done was not given up
        is_open = Delivery.objects.using(alias).filter(event__in=originals, state__in=OPEN).values_list("event", flat=True)
        originals = [*is_open, *originals]
    return originals[0] if originals else row.key


def _is_original(event: StoredEvent, letter: DeadLetter) -> bool:
    """Whether an event is the message that a subscription gave up."""
    try:
        envelope = raw_event_of(event).envelope
    except EnvelopeError:
        return False
    time = envelope.publish_time
    if time is None or letter.publish_time is None or envelope.subscription != letter.subscription:
        return False
    return abs(time - letter.publish_time) < _PRECISION
