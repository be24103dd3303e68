"""When failed work is tried again: `Backoff`, for handlers in the inbox and for the outbox's relay."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from math import isfinite
from typing import Final, cast

from typing_extensions import override

from ._frames import leaves

__all__ = ["Backoff"]

#: The highest power of `factor` that is computed; every cap is reached before.
_MAX_POWER: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """A policy of retries: how long to wait after each failure, and when to give up.

        Backoff(first=timedelta(seconds=5), cap=timedelta(minutes=10), give_up_on=(ValueError,), within=timedelta(hours=6))

    The n-th wait is `first * factor ** (n - 1)`, at most `cap`, and differs from that by up to the share `jitter` at random.
    How many failures are allowed is another option: `max_attempts`.

    Raises:
        ValueError: A time is not positive, `cap` is shorter than `first`, `factor` is under 1, or `jitter` is not from 0 to 1.
        TypeError: A value has another type, such as a number in the place of a timedelta.

    """

    #: The wait after the first failure. Zero tries again at once.
    first: timedelta = timedelta(seconds=10)
    #: How many times as long as the wait before each further wait is.
    factor: float = 2.0
    #: The longest wait.
    cap: timedelta = timedelta(minutes=10)
    #: The share of a wait by which it is shortened or lengthened at random, so that many failures do not meet again.
    jitter: float = 0.2
    #: The exceptions that are worth another try; all others give up at once.
    on: tuple[type[Exception], ...] = (Exception,)
    #: The exceptions that give up at once, although `on` has them.
    give_up_on: tuple[type[Exception], ...] = ()
    #: The age after which a failure is the last one; None for no limit.
    within: timedelta | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        times = {"first": self.first, "cap": self.cap, "within": self.within}
        for name, time in times.items():
            if not isinstance(cast("object", time), timedelta) and not (name == "within" and time is None):
                msg = f"Backoff({name}={time!r}) is not a timedelta, so its unit is unknown. Write timedelta(seconds={time!r})."
                raise TypeError(msg)
        for name in ("on", "give_up_on"):
            _check_exceptions(name, getattr(self, name))
        problem = self._problem()
        if problem is not None:
            raise ValueError(problem)

    def wait(self, failures: int) -> timedelta:
        """How long to wait after so many failures, at random within the jitter, and never longer than `cap`."""
        seconds, cap = self.first.total_seconds(), self.cap.total_seconds()
        base = min(seconds * self.factor ** min(max(failures, 1) - 1, _MAX_POWER), cap)
        low, high = base * (1 - self.jitter), min(base * (1 + self.jitter), cap)
        return timedelta(seconds=random.uniform(low, high))  # noqa: S311 -- not a secret

    def gives_up(self, error: BaseException, age: timedelta | None = None) -> bool:
        """Whether an exception ends the retries at once, of work of that age; of a group, all of its exceptions count."""
        if self.within is not None and age is not None and age >= self.within:
            return True
        errors = list(leaves(error))
        return not any(isinstance(leaf, self.on) for leaf in errors) or any(isinstance(leaf, self.give_up_on) for leaf in errors)

    @override
    def __str__(self) -> str:
        """Describe the policy for people, such as `"10 s, then 2 times as long each time, up to 10 min"`."""
        parts = ["at once" if not self.first else duration_text(self.first)]
        if self.first and self.factor > 1 and self.cap > self.first:
            parts.append(f"then {self.factor:g} times as long each time, up to {duration_text(self.cap)}")
        if self.first and self.jitter:
            parts.append(f"give or take {self.jitter:.0%}")
        if self.on != (Exception,):
            parts.append(f"only after {_names(self.on)}")
        if self.give_up_on:
            parts.append(f"never after {_names(self.give_up_on)}")
        if self.within is not None:
            parts.append(f"for {duration_text(self.within)}")
        return ", ".join(parts)

    def _problem(self) -> str | None:
        if self.first < timedelta(0):
            return f"Backoff(first={self.first!r}) is negative, and nobody can wait for the past. Give a time from 0."
        if self.cap < self.first:
            return f"Backoff(cap={self.cap!r}) is shorter than first={self.first!r}, so no wait could be both. Give a longer cap."
        if not (isinstance(cast("object", self.factor), (int, float)) and self.factor >= 1 and isfinite(self.factor)):
            return f"Backoff(factor={self.factor!r}) would shorten each wait. Give a number from 1, such as 2."
        if not (isinstance(cast("object", self.jitter), (int, float)) and 0 <= self.jitter <= 1):
            return f"Backoff(jitter={self.jitter!r}) is no share of a wait. Give a number from 0 to 1, such as 0.2."
        if self.within is not None and self.within <= timedelta(0):
            return f"Backoff(within={self.within!r}) allows no retry. Give a positive timedelta, or None for no limit."
        return None


def duration_text(time: timedelta) -> str:
    """Write a duration in the largest unit that is exact, such as `"10 min"`."""
    for unit, name in _UNITS:
        if time >= unit and not time % unit:
            return f"{time // unit} {name}"
    return f"{time.total_seconds():g} s"


def _check_exceptions(name: str, classes: object) -> None:
    items = cast("tuple[object, ...]", classes) if isinstance(classes, tuple) else (None,)
    if all(isinstance(item, type) and issubclass(item, Exception) for item in items):
        return
    msg = f"Backoff({name}={classes!r}) is not a tuple of exception classes. Write {name}=(ValueError,)."
    raise TypeError(msg)


def _names(classes: tuple[type[Exception], ...]) -> str:
    return " or ".join(item.__qualname__ for item in classes)


_UNITS: Final = (
    (timedelta(days=1), "d"),
    (timedelta(hours=1), "h"),
    (timedelta(minutes=1), "min"),
    (timedelta(seconds=1), "s"),
    (timedelta(milliseconds=1), "ms"),
)
