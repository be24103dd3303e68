"""When failed work is tried again: `Backoff`, for handlers in the inbox and for the outbox's relay."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from sys import float_info
from typing import Final, TypeAlias

from typing_extensions import override

from ._frames import leaves

__all__ = ["Backoff"]

#: As an `except` clause takes them.
Exceptions: TypeAlias = type[Exception] | tuple[type[Exception], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """A policy of retries: how long to wait after each failure, and when to give up.

    ```python
    Backoff(first=timedelta(seconds=5), cap=timedelta(minutes=10), give_up_on=ValueError, within=timedelta(hours=6))
    ```

    The n-th wait is `first * factor ** (n - 1)`, at most `cap`, and differs from that by up to the share `jitter` at random.
    How many failures are allowed is another option: `max_attempts`.

    Raises:
        TypeError: A value has another type, such as a number in the place of a timedelta.
        ValueError: A value is out of bounds, such as a negative time, or a `cap` that is shorter than `first`.

    """

    #: The wait after the first failure. Zero tries again at once, however often.
    first: timedelta = timedelta(seconds=10)
    #: How many times as long each wait is as the one before.
    factor: float = 2.0
    #: The longest wait.
    cap: timedelta = timedelta(minutes=10)
    #: The share of a wait by which it is shortened or lengthened at random, so that work which failed together spreads out.
    jitter: float = 0.2
    #: The exceptions that are worth another try; all others give up at once.
    on: Exceptions = (Exception,)
    #: The exceptions that give up at once, although they are among `on`.
    give_up_on: Exceptions = ()
    #: Work of this age is not tried again after a failure; None for no limit.
    within: timedelta | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        wrong_type = self._wrong_type()
        if wrong_type is not None:
            msg = f"Backoff({wrong_type}"
            raise TypeError(msg)
        wrong_value = self._wrong_value()
        if wrong_value is not None:
            msg = f"Backoff({wrong_value}"
            raise ValueError(msg)

    def wait(self, failures: int) -> timedelta:
        """How long to wait after so many failures: at random within the jitter, and never longer than `cap`."""
        if not self.first:
            return self.first  # beyond the range of floats, zero times a power would be an error
        try:
            base = self._capped(self.first, float(self.factor) ** max(failures - 1, 0))
        except OverflowError:
            base = self.cap
        return self._spread(base)

    def wait_again(self, waited: timedelta) -> timedelta:
        """How long to wait after work that did not fail, but has asked to wait, so far for `waited`.

        All waits together grow by `factor`; each is at least `first`, and at most `cap`.
        """
        return self._spread(max(self._capped(waited, float(self.factor) - 1), self.first)) if self.first else self.first

    def gives_up(self, error: BaseException, age: timedelta | None = None) -> bool:
        """Whether a failure is the last one, because of its exception or the age of the work.

        A group is worth another try if all its exceptions are, or if `on` names the group's class itself.
        """
        errors = list(leaves(error))
        is_worth_it = isinstance(error, self.on) or all(isinstance(leaf, self.on) for leaf in errors)
        return not is_worth_it or any(isinstance(one, self.give_up_on) for one in (error, *errors)) or self.is_over(age)

    def is_over(self, age: timedelta | None) -> bool:
        """Whether work has reached the age after which the policy gives it up."""
        return self.within is not None and age is not None and age >= self.within

    @override
    def __str__(self) -> str:
        """Describe the policy for people, such as `"after 10 s, doubling up to 10 min, give or take 20%"`."""
        parts = [f"after {duration_text(self.first)}" if self.first else "at once"]
        if self.first and self.factor > 1 and self.cap > self.first:
            growth = "doubling" if self.factor == 2 else f"times {self.factor:g}"  # noqa: PLR2004 -- as the word says
            parts.append(f"{growth} up to {duration_text(self.cap)}")
        if self.first and self.jitter:
            parts.append(f"give or take {self.jitter:.0%}")
        if _tuple(self.on) != (Exception,):
            parts.append(f"only on {_names(self.on)}")
        if self.give_up_on:
            parts.append(f"giving up on {_names(self.give_up_on)}")
        if self.within is not None:
            parts.append(f"within {duration_text(self.within)}")
        return ", ".join(parts)

    def _capped(self, time: timedelta, factor: float) -> timedelta:
        try:
            return min(time * factor, self.cap)
        except OverflowError:
            return self.cap

    def _spread(self, base: timedelta) -> timedelta:
        low, high = base * (1 - self.jitter), self._capped(base, 1 + self.jitter)
        return low + (high - low) * random.random()  # noqa: S311 -- not a secret

    def _wrong_type(self) -> str | None:
        """Say which value has another type, after `Backoff(`."""
        times: dict[str, object] = {"first": self.first, "cap": self.cap}
        times |= {} if self.within is None else {"within": self.within}
        for name, time in times.items():
            if not isinstance(time, timedelta):
                example = f"{name}=timedelta(seconds={time if _is_number(time) else 10!r})"
                return f"{name}={time!r}) is not a timedelta, so its unit is unknown. Write {example}."
        for name, number, usual in (("factor", self.factor, 2), ("jitter", self.jitter, 0.2)):
            if not _is_number(number):
                return f"{name}={number!r}) is not a number, so no wait can be computed. Write one, such as {name}={usual}."
        for name, classes in (("on", self.on), ("give_up_on", self.give_up_on)):
            if not all(map(_is_exception, _tuple(classes))):
                what = f"{name}={classes!r}) is neither a subclass of Exception nor a tuple of them, so it matches no failure."
                return f"{what} Write {name}=ValueError or {name}=(ValueError, KeyError)."
        return None

    def _wrong_value(self) -> str | None:
        """Say which value is out of bounds, after `Backoff(`."""
        if self.first < timedelta(0):
            return f"first={self.first!r}) is negative, and nobody can wait for the past. Give a timedelta from 0."
        if self.cap < self.first:
            return f"first={self.first!r}) is longer than cap={self.cap!r}, the longest wait. Give a longer cap."
        if not 1 <= self.factor <= float_info.max:
            return f"factor={self.factor!r}) would not lengthen the waits up to the cap. Give a number from 1, such as 2."
        if not 0 <= self.jitter <= 1:
            return f"jitter={self.jitter!r}) is not a share of a wait. Give a number from 0 to 1, such as 0.2."
        if not _tuple(self.on):
            return "on=()) names no exception, so nothing is tried again. Leave it out, and set max_attempts=1 instead."
        if self.within is not None and self.within <= timedelta(0):
            return f"within={self.within!r}) leaves no time for a retry. Give a positive timedelta, or None for no limit."
        return None


def duration_text(time: timedelta) -> str:
    """Write a positive duration in the largest unit that is exact, such as `"10 min"`."""
    unit, name = next((unit, name) for unit, name in _UNITS if not time % unit)
    return f"{time // unit} {name}"


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_exception(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Exception)


def _tuple(classes: Exceptions) -> tuple[type[Exception], ...]:
    return classes if isinstance(classes, tuple) else (classes,)


def _names(classes: Exceptions) -> str:
    return " or ".join(exception.__qualname__ for exception in _tuple(classes))


_UNITS: Final = (
    (timedelta(days=1), "d"),
    (timedelta(hours=1), "h"),
    (timedelta(minutes=1), "min"),
    (timedelta(seconds=1), "s"),
    (timedelta(milliseconds=1), "ms"),
    (timedelta(microseconds=1), "µs"),
)
