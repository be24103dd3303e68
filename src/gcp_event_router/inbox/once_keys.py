"""Decides which delivery may run with a business key, by conditional writes, as `claims` decides which worker may run a delivery.

A delivery holds its key with its own token and a lease. The run that ends as done wins the key in the same transaction, and later
deliveries with the key are its duplicates for as long as the key is kept. Any other end frees the key.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from django.db import connections
from django.db.models import Case, Exists, F, Q, QuerySet, When
from django.db.models.functions import Now

from .._boxes.clock import ahead
from .._boxes.conflicts import retry_conflicts
from .._boxes.exact_text import ascii_text
from .._boxes.states import State
from . import claims_postgresql as postgresql
from .leases import SOON, HeldKey, KeyRequest, StandingKey
from .models import Delivery, OnceKey

#: The condition that no run holds a key: its lease has expired, or it has none.
IS_IDLE: Final = Q(token=None) | Q(lease_until__lt=Now())
#: The condition that a key is free, since no delivery is done with it, or was so long ago.
_IS_FREE: Final = Q(IS_IDLE) & (Q(done_at=None) | Q(kept_until__lt=Now()))


def digest_of(key: str) -> UUID:
    """Return the beginning of the key's SHA-256, by which it is found."""
    return UUID(bytes=sha256(key.encode("utf-8", "surrogatepass")).digest()[:16], version=5)  # as in serialization.key_of()


@retry_conflicts
def claim(alias: str, request: KeyRequest) -> HeldKey | StandingKey:
    """Hold a key for a claimed delivery, unless another one holds it, or is done with it, or another worker has the delivery.

    A delivery that is done with the key holds it again if it is replayed.

    Raises:
        DatabaseError: The database is unavailable, or refuses a statement.

    """
    digest, text = digest_of(request.key), ascii_text(request.key)
    if connections[alias].vendor == "postgresql":
        number = postgresql.hold_key(alias, request, digest, text)
    else:
        number = _hold(alias, request, digest, text)
    if number is not None:
        return HeldKey(number, text, request.kept_for)
    rows = OnceKey.objects.using(alias).filter(digest=digest, handler=request.handler).annotate(now=Now())
    for delivery, done_at, kept_until, lease_until, now in rows.values_list(
        "delivery", "done_at", "kept_until", "lease_until", "now"
    ):
        if done_at is not None and kept_until >= now:
            return StandingKey(text, delivery, is_done=True)
        return StandingKey(text, delivery, wait=max((lease_until - now).total_seconds() if lease_until else 0.0, SOON))
    return StandingKey(text)  # its holder has failed, and a purge has deleted it


def win(alias: str, token: UUID | None, key: HeldKey) -> bool:
    """Mark a key as done, in the transaction that does so with its delivery. Returns False if another delivery holds it."""
    values = {"done_at": Now(), "kept_until": ahead(key.kept_for), "token": None, "lease_until": None}
    return bool(_held(alias, token, key).update(**values))


def release(alias: str, token: UUID | None, key: HeldKey) -> None:
    """Let other deliveries have a key, unless an earlier run of its delivery is done with it."""
    _held(alias, token, key).update(token=None, lease_until=None)


@retry_conflicts
def free(alias: str, delivery: int) -> None:
    """Free the key that a delivery holds, which no worker runs any more."""
    OnceKey.objects.using(alias).filter(delivery=delivery).exclude(token=None).update(token=None, lease_until=None)


def texts_of(alias: str, deliveries: Collection[Delivery]) -> Mapping[int, str]:
    """Return the business keys of deliveries for people, by number, also of running ones."""
    running = [delivery.pk for delivery in deliveries if State(delivery.state) is State.RUNNING]
    held = OnceKey.objects.using(alias).filter(delivery__in=running).values_list("delivery", "text") if running else ()
    return {**{delivery.pk: delivery.once_key for delivery in deliveries if delivery.once_key}, **dict(held)}


def deliveries_with(alias: str, key: str) -> QuerySet[Delivery]:
    """Select the deliveries that hold a key or are done with it, each for another handler."""
    rows = OnceKey.objects.using(alias).filter(digest=digest_of(key))
    return Delivery.objects.using(alias).filter(pk__in=list(rows.values_list("delivery", flat=True)))


def _held(alias: str, token: UUID | None, key: HeldKey) -> QuerySet[OnceKey]:
    return OnceKey.objects.using(alias).filter(pk=key.number, token=token)


def _hold(alias: str, request: KeyRequest, digest: UUID, text: str) -> int | None:
    """Insert a key, or take a free one. Returns its number, or None."""
    times: dict[str, Any] = {"lease_until": ahead(request.lease), "kept_until": ahead(request.kept_for)}
    holder = {"delivery": request.delivery, "token": request.token}
    new = OnceKey(handler=request.handler, digest=digest, text=text, **holder, **times)
    OnceKey.objects.using(alias).bulk_create([new], ignore_conflicts=True)
    rows = OnceKey.objects.using(alias).filter(digest=digest, handler=request.handler)
    number = rows.filter(token=request.token).values_list("pk", flat=True).first()
    if number is not None:
        return number
    # MySQL sets one column after the other, and expressions see earlier changes, so the first column reads the others
    done_at: Any = Case(When(delivery=request.delivery, kept_until__gte=Now(), then=F("done_at")), default=None)
    is_ours = Exists(Delivery.objects.using(alias).filter(pk=request.delivery, token=request.token))
    if rows.filter(is_ours, _IS_FREE | Q(delivery=request.delivery)).update(done_at=done_at, **holder, **times):
        return rows.filter(token=request.token).values_list("pk", flat=True).first()
    return None
