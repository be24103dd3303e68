"""The terms on which handlers run, and the claims on their deliveries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple
from uuid import UUID

from django.core.signals import setting_changed

from .. import conf
from .._boxes.clock import LONGEST
from .._dispatch.handler import Handler
from .._dispatch.lookup import HandlersFound
from .._dispatch.options import Options
from ..backoff import Backoff
from ..conf import MAX_ATTEMPTS
from .models import StoredEvent

#: The error of a lost run.
LOST: Final = "the worker ended, took longer than its lease, or could not reach the database"
#: The error of a delivery that was parked because of lost runs.
LOST_TOO_OFTEN: Final = f"as many runs were lost as MAX_LOST allows; of each, {LOST}"
#: The error of a delivery that waits for another one with the same business key.
KEY_IS_HELD: Final = "delivery {} has the same key, and is running"
#: The default number of seconds to wait.
SOON: Final = 1.0
_NAME_LENGTH: Final = 255
#: The least number of lost runs that are allowed. A lost run is seldom its handler's fault, so more are allowed than failures.
_LOST: Final = 10
_LOST_PER_ATTEMPT: Final = 3


class DeliveryTerms(NamedTuple):
    """The terms on which a handler of an event runs."""

    #: Its name in the inbox.
    handler: str
    lease: timedelta
    max_attempts: int
    #: The number of lost runs after which the delivery is parked.
    max_lost: int
    #: When a run that has failed is tried again.
    retry: Backoff
    #: Whether a worker runs it later.
    deferred: bool = False
    #: Whether it has `order_by`.
    is_ordered: bool = False


class OrderKey(NamedTuple):
    """A key of `order_by`."""

    digest: UUID
    #: The key for people.
    text: str


class ClaimRequest(NamedTuple):
    """The arguments of `claims.open_event`, and the token of the deliveries that it claims."""

    alias: str
    row: StoredEvent
    wanted: Sequence[DeliveryTerms]
    sender_attempt: int | None
    begun: bool
    token: UUID
    #: The keys of ordered deliveries, by the handlers' names.
    order_keys: Mapping[str, OrderKey]


class Payload(Enum):
    """How the payload of a delivery compares with the stored one under the same key."""

    SAME = auto()
    #: It differs, and replaces the stored one, which no handler has used.
    TAKEN = auto()
    #: It differs, while the stored one is running or due.
    REFUSED = auto()
    #: It differs, and is ignored, since a delivery of the stored one is settled.
    IGNORED = auto()


class KeyRequest(NamedTuple):
    """The arguments of `once_keys.claim`."""

    delivery: int
    token: UUID | None
    #: The handler's name in the inbox.
    handler: str
    key: str
    lease: timedelta
    kept_for: timedelta


class HeldKey(NamedTuple):
    """A business key that a claimed delivery holds, with the token of its claim."""

    #: The number of the key's row.
    number: int
    #: The key for people.
    text: str
    kept_for: timedelta


class StandingKey(NamedTuple):
    """A business key that another delivery holds, or is done with."""

    text: str
    #: The number of that delivery; None if it is not known.
    delivery: int | None = None
    is_done: bool = False
    #: Seconds until its lease expires.
    wait: float = SOON


@dataclass(slots=True)
class Successor:
    """The claimed delivery that a worker runs next. On PostgreSQL, the statement that marks the one before as done begins it."""

    delivery: int
    token: UUID | None
    lease: timedelta
    #: Whether it has begun, if that statement is committed.
    is_begun: bool = False


class Claim(NamedTuple):
    """The state of a delivery, for the process that asked to run it."""

    delivery: int
    state: str
    #: Set if the caller may run the delivery.
    token: UUID | None = None
    attempts: int = 0
    lost: int = 0
    max_attempts: int = 1
    #: Seconds until another worker's lease expires, or until the next run is due.
    wait: float = 0.0
    #: Whether it is open, but has to wait.
    is_early: bool = False
    payload: Payload = Payload.SAME
    #: Whether workers run the delivery.
    is_deferred: bool = False
    #: Whether it was just stored for them.
    is_new: bool = False
    #: For how long its runs have ended in `Retry` or without a database; None unless a worker claims it.
    waited: timedelta | None = None
    #: The business key of the event, if the handler has `once_key`.
    key: HeldKey | None = None
    #: Whether the delivery has a key of `order_by`.
    is_ordered: bool = False
    #: What its worker runs next, if it has claimed that, too.
    successor: Successor | None = None

    @property
    def is_last(self) -> bool:
        """Whether no further attempt is left if this run fails."""
        return self.attempts - self.lost >= self.max_attempts


def numbered(name: str, number: int) -> str:
    """Return the inbox's name for the first, second ... handler of the same name."""
    return name[:_NAME_LENGTH] if number == 1 else f"{name[: _NAME_LENGTH - 8]}#{number}"


@lru_cache(maxsize=1024)
def delivery_terms(handlers: HandlersFound) -> Mapping[Handler, DeliveryTerms]:
    """Return the terms of the handlers that are registered with `once=True`, each under a unique name; cached."""
    terms: dict[Handler, DeliveryTerms] = {}
    names: set[str] = set()
    for handler in (*handlers.blocking, *handlers.awaited):
        if not handler.options.once:
            continue
        number = 1
        while numbered(handler.name, number) in names:  # the same method of two objects; a system check asks for names
            number += 1
        name = numbered(handler.name, number)
        names.add(name)
        terms[handler] = terms_of(name, handler.options)
    return MappingProxyType(terms)


def terms_of(name: str, own: Options | None = None) -> DeliveryTerms:
    """Return the terms of one handler: its own options, with defaults from the settings."""
    settings, own = conf.current().INBOX, own or Options()
    attempts = own.max_attempts or settings.MAX_ATTEMPTS
    return DeliveryTerms(
        handler=name,
        lease=min(own.lease or settings.LEASE, LONGEST),
        max_attempts=attempts,
        max_lost=settings.MAX_LOST or min(max(_LOST, _LOST_PER_ATTEMPT * attempts), MAX_ATTEMPTS),
        retry=own.retry or settings.RETRY,
        deferred=settings.DEFERRED if own.deferred is None else own.deferred,
        is_ordered=own.order_by is not None,
    )


def _forget(*, setting: str, **_: object) -> None:
    if setting == conf.NAME:
        delivery_terms.cache_clear()


setting_changed.connect(_forget, dispatch_uid="gcp_event_router.inbox.leases")
