"""What is asked of the claims, and what they answer."""

from __future__ import annotations

from collections.abc import Mapping
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

__all__ = ["LOST", "LOST_TOO_OFTEN", "SOON", "Claim", "DeliveryTerms", "Payload", "delivery_terms", "numbered", "terms_of"]

#: The error of a run that ended without a word.
LOST: Final = "the worker ended, took longer than its lease, or could not reach the database"
#: The error of a delivery that was given up for such runs.
LOST_TOO_OFTEN: Final = f"as many runs were lost as MAX_LOST allows; of each, {LOST}"
#: Seconds to wait where nothing says how long.
SOON: Final = 1.0


@dataclass(frozen=True, slots=True)
class DeliveryTerms:
    """One handler of an event, and on which terms it is run."""

    handler: str
    lease: timedelta
    max_attempts: int
    #: After how many lost runs it is parked.
    max_lost: int
    #: Whether it is only to be noted, for a worker to run.
    deferred: bool = False


class Payload(Enum):
    """How the payload that came compares with the one that is kept under the same key."""

    SAME = auto()
    #: It is another one, and kept in place of the first, of which nothing was done.
    TAKEN = auto()
    #: It is another one, while somebody is at the first, or is to be.
    REFUSED = auto()
    #: It is another one, and the first counts, since something is settled by it.
    IGNORED = auto()


@dataclass(frozen=True, slots=True)
class Claim:
    """Where one delivery stands, for who asked to run it."""

    delivery: int
    state: str
    #: Set if the delivery is the caller's to run.
    token: UUID | None = None
    attempts: int = 0
    lost: int = 0
    max_attempts: int = 1
    #: Seconds until somebody else's lease ends.
    wait: float = 0.0
    payload: Payload = Payload.SAME
    #: Whether workers run the delivery.
    is_deferred: bool = False
    #: Whether it was noted for them just now.
    is_new: bool = False
    #: For how long its runs have ended in `Retry`, or for want of a database; None unless a worker's sweep or task claims it.
    waited: timedelta | None = None

    @property
    def is_last(self) -> bool:
        """Whether a failure of this run is one too many."""
        return self.attempts - self.lost >= self.max_attempts


_NAME_LENGTH = 255


_LOST = 10


_LOST_PER_ATTEMPT = 3
"""A run that is lost is seldom its handler's fault, so more of them are allowed than failures."""


def numbered(name: str, number: int) -> str:
    """The name by which the inbox knows the first, second ... of the handlers that have one name."""
    return name[:_NAME_LENGTH] if number == 1 else f"{name[: _NAME_LENGTH - 8]}#{number}"


@lru_cache(maxsize=1024)
def delivery_terms(found: HandlersFound) -> Mapping[Handler, DeliveryTerms]:
    """On which terms the handlers are run that the inbox governs; each under a name of its own. Remembered."""
    settings = conf.current().INBOX
    terms: dict[Handler, DeliveryTerms] = {}
    names: set[str] = set()
    for handler in (each for handlers in found for each in handlers if each.options.once):
        own, name, number = handler.options, numbered(handler.name, 1), 1
        while name in names:  # two methods of one class, on two objects; a system check asks for names
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
    """The terms of one handler, with what the settings say where it says nothing itself."""
    settings = conf.current().INBOX
    most = max_attempts or settings.MAX_ATTEMPTS
    lost = settings.MAX_LOST or min(max(_LOST, _LOST_PER_ATTEMPT * most), MAX_ATTEMPTS)
    return DeliveryTerms(name, min(lease or settings.LEASE, LONGEST), most, lost, deferred)
