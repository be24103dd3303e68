"""The terms on which handlers run, and the claims on their deliveries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from functools import lru_cache
from types import MappingProxyType
from typing import Final
from uuid import UUID

from django.core.signals import setting_changed

from .. import conf
from .._dispatch.handler import Handler
from .._dispatch.lookup import HandlersFound
from ..conf import MAX_ATTEMPTS
from .clock import LONGEST
from .models import StoredEvent

#: The error of a lost run.
LOST: Final = "the worker ended, took longer than its lease, or could not reach the database"
#: The error of a delivery that was parked because of lost runs.
LOST_TOO_OFTEN: Final = f"as many runs were lost as MAX_LOST allows; of each, {LOST}"
#: The default number of seconds to wait.
SOON: Final = 1.0


@dataclass(frozen=True, slots=True)
class DeliveryTerms:
    """The terms on which a handler of an event runs."""

    handler: str
    lease: timedelta
    max_attempts: int
    #: The number of lost runs after which the delivery is parked.
    max_lost: int
    #: Whether a worker runs it later.
    deferred: bool = False


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """A request to store an event unless it exists, and to claim its open deliveries, as `claims.open_event` describes."""

    alias: str
    row: StoredEvent
    wanted: Sequence[DeliveryTerms]
    sender_attempt: int | None
    begun: bool
    #: The token of the deliveries that are claimed.
    token: UUID


class Payload(Enum):
    """How the payload of a delivery compares with the stored one under the same key."""

    SAME = auto()
    #: It differs, and replaces the stored one, of which nothing was done.
    TAKEN = auto()
    #: It differs, while the stored one is running or due.
    REFUSED = auto()
    #: It differs, and is ignored, since a delivery of the stored one is settled.
    IGNORED = auto()


@dataclass(frozen=True, slots=True)
class Claim:
    """The state of a delivery, for the process that asked to run it."""

    delivery: int
    state: str
    #: Set if the caller may run the delivery.
    token: UUID | None = None
    attempts: int = 0
    lost: int = 0
    max_attempts: int = 1
    #: Seconds until another worker's lease expires.
    wait: float = 0.0
    payload: Payload = Payload.SAME
    #: Whether workers run the delivery.
    is_deferred: bool = False
    #: Whether it was just stored for them.
    is_new: bool = False
    #: For how long its runs have ended in `Retry` or without a database; None unless a worker claims it.
    waited: timedelta | None = None

    @property
    def is_last(self) -> bool:
        """Whether a failure of this run is one too many."""
        return self.attempts - self.lost >= self.max_attempts


_NAME_LENGTH = 255
_LOST = 10
#: A lost run is seldom its handler's fault, so more of them are allowed than failures.
_LOST_PER_ATTEMPT = 3


def numbered(name: str, number: int) -> str:
    """The inbox's name for the first, second ... handler of the same name."""
    return name[:_NAME_LENGTH] if number == 1 else f"{name[: _NAME_LENGTH - 8]}#{number}"


@lru_cache(maxsize=1024)
def delivery_terms(found: HandlersFound) -> Mapping[Handler, DeliveryTerms]:
    """On which terms the handlers are run that the inbox governs; each under a name of its own. Remembered."""
    settings = conf.current().INBOX
    terms: dict[Handler, DeliveryTerms] = {}
    names: set[str] = set()
    for handler in (handler for handlers in found for handler in handlers if handler.options.once):
        own, name, number = handler.options, numbered(handler.name, 1), 1
        while name in names:  # the same method of two objects; a system check asks for names
            number += 1
            name = numbered(handler.name, number)
        names.add(name)
        deferred = settings.DEFERRED if own.deferred is None else own.deferred
        terms[handler] = terms_of(name, own.lease, own.max_attempts, deferred=deferred)
    return MappingProxyType(terms)


def _forget(*, setting: str, **_: object) -> None:
    if setting == conf.NAME:
        delivery_terms.cache_clear()


setting_changed.connect(_forget, dispatch_uid="gcp_event_router.inbox.leases")


def terms_of(
    name: str, lease: timedelta | None = None, max_attempts: int | None = None, *, deferred: bool = False
) -> DeliveryTerms:
    """The terms of one handler, with defaults from the settings."""
    settings = conf.current().INBOX
    most = max_attempts or settings.MAX_ATTEMPTS
    lost = settings.MAX_LOST or min(max(_LOST, _LOST_PER_ATTEMPT * most), MAX_ATTEMPTS)
    return DeliveryTerms(name, min(lease or settings.LEASE, LONGEST), most, lost, deferred)
