"""What is asked of the claims, and what they answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import Final
from uuid import UUID

__all__ = ["LOST", "LOST_TOO_OFTEN", "SOON", "Claim", "Payload", "Wanted"]

#: The error of a run that ended without a word.
LOST: Final = "the worker ended, took longer than its lease, or could not reach the database"
#: The error of a delivery that was given up for such runs.
LOST_TOO_OFTEN: Final = f"as many runs were lost as MAX_LOST allows; of each, {LOST}"
#: Seconds to wait where nothing says how long.
SOON: Final = 1.0


@dataclass(frozen=True, slots=True)
class Wanted:
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
