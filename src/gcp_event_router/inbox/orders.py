"""Orders the deliveries of a handler by keys: those with the same key run one after the other, in the order of their arrival.

The order of arrival is that of the deliveries' numbers. A delivery's turn comes when no earlier one with its key is open. Two may
see that at once: if the earlier one was stored by a longer transaction, or if a person replays it. Then the unique index of
running keys lets only one of them run.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, Final, NamedTuple, TypeVar

from django.db import IntegrityError, connections, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from .._boxes.conflicts import retry_conflicts
from .._boxes.exact_text import ascii_text
from .._boxes.states import OPEN, State
from .leases import Claim, OrderKey
from .models import DELIVERIES, EVENTS, Delivery
from .once_keys import digest_of

T = TypeVar("T")


class Waiting(NamedTuple):
    """A delivery that waits for a worker; they sort by their numbers."""

    number: int
    handler: str
    kind: str
    #: The bytes of the event's body.
    size: int
    #: Whether its last run was lost.
    is_lost: bool = False


_EARLIER: Final = Delivery.objects.filter(
    order_digest=OuterRef("order_digest"), handler=OuterRef("handler"), state__in=OPEN, pk__lt=OuterRef("pk")
)
#: The condition that it is a delivery's turn. An `OR` keeps PostgreSQL from joining all open deliveries of a key with each other.
IS_TURN: Final = Q(order_digest=None) | ~Exists(_EARLIER)

_DIGEST: Final[Any] = Delivery._meta.get_field("order_digest")  # noqa: SLF001 -- Django's own public name
_FIRST: Final = f"""
SELECT waiting.id, waiting.handler, event.kind, LENGTH(event.body)
FROM {DELIVERIES} AS waiting JOIN {EVENTS} AS event ON event.key = waiting.event_id
WHERE waiting.order_digest = %s AND waiting.handler = %s AND waiting.state BETWEEN %s AND %s
    AND waiting.state IN ({", ".join(f"'{state}'" for state in OPEN)})
ORDER BY waiting.state, waiting.id LIMIT 1
"""  # noqa: S608 -- the names are our own
#: The first in each of two states, however many wait. Each is a look-up in the index of the order: no other has the order of
#: state and number, and `IN` tells PostgreSQL that it has the open ones. If the state were equal to one, PostgreSQL might walk
#: the primary key.
_NEXT: Final = f"SELECT * FROM ({_FIRST}) AS a UNION ALL SELECT * FROM ({_FIRST}) AS b ORDER BY id LIMIT 1"  # noqa: S608


def order_key(text: str) -> OrderKey:
    """Make the key that a handler's `order_by` has found."""
    return OrderKey(digest_of(text), ascii_text(text))


def take(rows: QuerySet[Delivery], **values: Any) -> int:
    """Update a claimable delivery with the values of a claim if its turn has come. Returns the number of updated rows."""
    connection = connections[rows.db]
    if connection.vendor != "mysql":
        rows = rows.filter(IS_TURN)
    elif not rows.filter(IS_TURN).exists():  # MySQL cannot update a table that a subquery reads, and MariaDB would lock its rows
        return 0
    return alone(rows.db, lambda: rows.update(**values, running_digest=F("order_digest"))) or 0


def alone(alias: str, take_one: Callable[[], T]) -> T | None:
    """Call a function that takes a delivery; returns None if another one with its key is running."""
    try:
        with transaction.atomic(using=alias) if connections[alias].in_atomic_block else nullcontext():
            return take_one()
    except IntegrityError:
        return None


@retry_conflicts
def join(alias: str, held: Claim, key: OrderKey) -> bool:
    """Give a claimed delivery a key, if it was stored without. Returns False if it is not its turn, or the claim is lost."""
    rows = Delivery.objects.using(alias).filter(pk=held.delivery, token=held.token)
    return bool(rows.update(order_digest=key.digest, order_key=key.text) and take(rows))


def next_of(alias: str, delivery: Delivery) -> Waiting | None:
    """Return the first waiting delivery with the key of one that has ended, if any; None if that one waits again itself."""
    if delivery.order_digest is None:
        return None
    key = [_DIGEST.get_db_prep_value(delivery.order_digest, connections[alias]), delivery.handler]
    with connections[alias].cursor() as cursor:
        cursor.execute(_NEXT, [*key, *[State.PENDING] * 2, *key, *[State.FAILED] * 2])
        following = cursor.fetchone()
    return Waiting(*following) if following is not None and following[0] > delivery.pk else None


def waits_for(alias: str, delivery: Delivery) -> int | None:
    """Return the number of the delivery that has to end before a waiting one may run, if any."""
    if delivery.order_digest is None or delivery.state not in {State.PENDING, State.FAILED}:
        return None
    rows = Delivery.objects.using(alias).filter(order_digest=delivery.order_digest, handler=delivery.handler)
    before = rows.filter(state__in=OPEN, pk__lt=delivery.pk) | rows.filter(running_digest=delivery.order_digest)
    return before.order_by("pk").values_list("pk", flat=True).first()
