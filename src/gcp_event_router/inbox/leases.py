"""What is asked of the claims, and what they answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

__all__ = ["LOST", "SOON", "Claim", "Wanted", "lost_runs"]

#: The error of a run that ended without a word.
LOST: Final = "the worker ended, or took longer than its lease"
#: Seconds to wait where nothing says how long.
SOON: Final = 1.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """One handler of an event, and on which terms it is run."""

    handler: str
    lease: timedelta
    max_attempts: int
    #: Whether it is only to be noted, for a worker to run.
    deferred: bool = False


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
    #: Whether the event was kept before with another payload.
    differs: bool = False
    #: Whether workers run the delivery.
    is_deferred: bool = False
    #: Whether it was noted for them just now.
    is_new: bool = False

    @property
    def is_last(self) -> bool:
        """Whether a failure of this run is one too many."""
        return self.attempts - self.lost >= self.max_attempts


def lost_runs(max_attempts: int) -> int:
    """After how many runs that ended without a word a delivery is parked: as after failures, but one may be bad luck."""
    return max(2, max_attempts)
