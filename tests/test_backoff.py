"""Policies of retries: the bounds of their waits, when they give up, their words, and their errors."""

from __future__ import annotations

from datetime import timedelta
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcp_event_router import Backoff, Retry
from gcp_event_router.backoff import duration_text

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)

times = st.one_of(st.timedeltas(timedelta(0)), st.timedeltas(timedelta(0), HOUR), st.sampled_from([timedelta(0), timedelta.max]))
factors = st.one_of(st.floats(1, 10), st.floats(1, allow_infinity=False), st.integers(1, 10**300))
failures = st.one_of(st.integers(1, 20), st.integers(0, 10**6), st.integers(10**6, 10**400))


@st.composite
def policies(draw: st.DrawFn, jitter: float | None = None) -> Backoff:
    """Any policy; with a certain jitter, if it is given."""
    first, cap = sorted([draw(times), draw(times)])
    return Backoff(first=first, cap=cap, factor=draw(factors), jitter=draw(st.floats(0, 1)) if jitter is None else jitter)


def without_jitter(policy: Backoff) -> Backoff:
    return Backoff(first=policy.first, cap=policy.cap, factor=policy.factor, jitter=0)


def bounds(policy: Backoff, base: timedelta) -> tuple[timedelta, timedelta]:
    """The least and the longest wait around a base, in whole microseconds."""
    share = policy.jitter
    longest = policy.cap if base and share >= policy.cap / base - 1 else min(base * (1 + share), policy.cap)
    return base * (1 - share), longest


@given(policies(), failures)
def test_a_wait_is_within_the_jitter_and_the_cap(policy: Backoff, number: int) -> None:
    """After any number of failures, from any first wait to the longest one, it differs from its base by the jitter at most."""
    low, high = bounds(policy, without_jitter(policy).wait(number))
    assert low <= policy.wait(number) <= high <= policy.cap


@given(policies(), times)
def test_a_wait_after_retry_is_within_the_jitter_and_the_cap(policy: Backoff, waited: timedelta) -> None:
    """The same holds however long the work has waited so far; its base is the first wait at least."""
    base = without_jitter(policy).wait_again(waited)
    low, high = bounds(policy, base)
    assert policy.first <= base
    assert low <= policy.wait_again(waited) <= high <= policy.cap


@given(policies(jitter=0), st.lists(failures, min_size=2, max_size=5))
def test_more_failures_never_shorten_a_wait(policy: Backoff, numbers: list[int]) -> None:
    """Without jitter, the waits grow from the first one until they stay at the cap."""
    waits = [policy.wait(number) for number in sorted(numbers)]
    assert waits == sorted(waits)
    assert policy.wait(1) == policy.first


def test_the_waits_of_the_default() -> None:
    """They double from ten seconds to ten minutes."""
    policy = without_jitter(Backoff())
    assert [policy.wait(number) // SECOND for number in range(1, 10)] == [10, 20, 40, 80, 160, 320, 600, 600, 600]


def test_waits_add_up_by_the_factor() -> None:
    """Work that asks to wait has waited three times as long after each wait, if the factor is three."""
    policy = Backoff(factor=3, jitter=0, cap=HOUR)
    waited, sums = timedelta(0), list[int]()
    for _ in range(4):
        waited += policy.wait_again(waited)
        sums.append(waited // SECOND)
    assert sums == [10, 30, 90, 270]


def test_a_first_wait_of_zero_never_waits() -> None:
    """Then no failure is followed by a wait, whatever the other values are."""
    policy = Backoff(first=timedelta(0), factor=1e300, cap=timedelta.max, jitter=1)
    assert {policy.wait(number) for number in (1, 2, 10**6)} | {policy.wait_again(HOUR)} == {timedelta(0)}


def test_waits_spread() -> None:
    """With jitter, work that has failed together does not come back together, at the cap neither."""
    policy = Backoff(cap=MINUTE)
    assert len({policy.wait(20) for _ in range(100)}) > 90


TIMEOUT, VALUE = TimeoutError(), ValueError()


@pytest.mark.parametrize(
    ("options", "error", "gives_up"),
    [
        ({}, VALUE, False),
        ({"on": OSError}, TIMEOUT, False),
        ({"on": OSError}, VALUE, True),
        ({"on": (KeyError, OSError)}, TIMEOUT, False),
        ({"give_up_on": ValueError}, VALUE, True),
        ({"give_up_on": ValueError}, UnicodeError(), True),
        ({"give_up_on": (ValueError, KeyError)}, TIMEOUT, False),
        ({"on": OSError, "give_up_on": TimeoutError}, TIMEOUT, True),
        ({}, ExceptionGroup("g", [VALUE, TIMEOUT]), False),
        ({"give_up_on": ValueError}, ExceptionGroup("g", [TIMEOUT, VALUE]), True),
        ({"give_up_on": ValueError}, ExceptionGroup("g", [ExceptionGroup("h", [VALUE])]), True),
        ({"give_up_on": ExceptionGroup}, ExceptionGroup("g", [TIMEOUT]), True),
        ({"on": OSError}, ExceptionGroup("g", [TIMEOUT, OSError()]), False),
        ({"on": OSError}, ExceptionGroup("g", [TIMEOUT, VALUE]), True),
        ({"on": ExceptionGroup}, ExceptionGroup("g", [TIMEOUT, VALUE]), False),
        ({"on": ExceptionGroup}, TIMEOUT, True),
        ({}, BaseExceptionGroup("g", [KeyboardInterrupt()]), True),
        ({}, KeyboardInterrupt(), True),
    ],
)
def test_which_exceptions_give_up(options: dict[str, Any], error: BaseException, gives_up: bool) -> None:
    """An exception outside of `on` gives up, and one of `give_up_on`; so does a group that has any such exception."""
    assert Backoff(**options).gives_up(error) is gives_up


@pytest.mark.parametrize(
    ("within", "age", "is_over"),
    [
        (None, timedelta.max, False),
        (HOUR, None, False),
        (HOUR, HOUR - timedelta.resolution, False),
        (HOUR, HOUR, True),
        (HOUR, -HOUR, False),
        (timedelta.max, timedelta.max, True),
    ],
)
def test_work_is_not_tried_again_for_ever(within: timedelta | None, age: timedelta | None, is_over: bool) -> None:
    """From the age of `within` on, every failure is the last one."""
    policy = Backoff(within=within)
    assert (policy.is_over(age), policy.gives_up(VALUE, age)) == (is_over, is_over)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "after 10 s, doubling up to 10 min, give or take 20%"),
        ({"first": timedelta(0)}, "at once"),
        ({"first": 10 * MINUTE, "jitter": 0}, "after 10 min"),
        ({"factor": 1, "jitter": 0.05}, "after 10 s, give or take 5%"),
        ({"factor": 1.5, "cap": 90 * SECOND, "jitter": 0}, "after 10 s, times 1.5 up to 90 s"),
        ({"first": 1.5 * SECOND, "jitter": 0, "on": OSError}, "after 1500 ms, doubling up to 10 min, only on OSError"),
        (
            {"first": timedelta(0), "on": (OSError, KeyError), "give_up_on": (Retry, TimeoutError), "within": 36 * HOUR},
            "at once, only on OSError or KeyError, giving up on Retry or TimeoutError, within 36 h",
        ),
    ],
)
def test_a_policy_in_words(options: dict[str, Any], words: str) -> None:
    """Its text names what differs from trying again at once, without an end."""
    assert str(Backoff(**options)) == words


@pytest.mark.parametrize(
    ("time", "text"),
    [(48 * HOUR, "2 d"), (90 * MINUTE, "90 min"), (61 * SECOND, "61 s"), (SECOND / 4, "250 ms"), (SECOND / 3, "333333 µs")],
)
def test_a_duration_in_words(time: timedelta, text: str) -> None:
    """It is exact, in the largest unit that allows it."""
    assert duration_text(time) == text


CLASSES = "is neither a subclass of Exception nor a tuple of them, so it matches no failure."
NO_TIME = "is not a timedelta, so its unit is unknown."
NO_NUMBER = "is not a number, so no wait can be computed."
GROWS = "would not lengthen the waits up to the cap. Give a number from 1, such as 2."
SHARE = "is not a share of a wait. Give a number from 0 to 1, such as 0.2."


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"first": 5}, TypeError(f"Backoff(first=5) {NO_TIME} Write first=timedelta(seconds=5).")),
        ({"cap": 1.5}, TypeError(f"Backoff(cap=1.5) {NO_TIME} Write cap=timedelta(seconds=1.5).")),
        ({"cap": None}, TypeError(f"Backoff(cap=None) {NO_TIME} Write cap=timedelta(seconds=10).")),
        ({"within": "6h"}, TypeError(f"Backoff(within='6h') {NO_TIME} Write within=timedelta(seconds=10).")),
        ({"factor": "2"}, TypeError(f"Backoff(factor='2') {NO_NUMBER} Write one, such as factor=2.")),
        ({"factor": None}, TypeError(f"Backoff(factor=None) {NO_NUMBER} Write one, such as factor=2.")),
        ({"jitter": True}, TypeError(f"Backoff(jitter=True) {NO_NUMBER} Write one, such as jitter=0.2.")),
        ({"on": "KeyError"}, TypeError(f"Backoff(on='KeyError') {CLASSES} Write on=ValueError or on=(ValueError, KeyError).")),
        ({"on": None}, TypeError(f"Backoff(on=None) {CLASSES} Write on=ValueError or on=(ValueError, KeyError).")),
        (
            {"give_up_on": [KeyError]},
            TypeError(
                f"Backoff(give_up_on=[{KeyError}]) {CLASSES} Write give_up_on=ValueError or give_up_on=(ValueError, KeyError)."
            ),
        ),
        (
            {"on": (KeyError, SystemExit)},
            TypeError(f"Backoff(on=({KeyError}, {SystemExit})) {CLASSES} Write on=ValueError or on=(ValueError, KeyError)."),
        ),
        (
            {"first": -SECOND},
            ValueError(f"Backoff(first={-SECOND!r}) is negative, and nobody can wait for the past. Give a timedelta from 0."),
        ),
        (
            {"first": HOUR},
            ValueError(f"Backoff(first={HOUR!r}) is longer than cap={10 * MINUTE!r}, the longest wait. Give a longer cap."),
        ),
        *[({"factor": value}, ValueError(f"Backoff(factor={value!r}) {GROWS}")) for value in (0.5, 0, -2, nan, inf, 10**400)],
        *[({"jitter": value}, ValueError(f"Backoff(jitter={value!r}) {SHARE}")) for value in (-0.1, 1.1, 20, nan, inf)],
        (
            {"on": ()},
            ValueError(
                "Backoff(on=()) names no exception, so nothing is tried again. Leave it out, and set max_attempts=1 instead."
            ),
        ),
        *[
            (
                {"within": value},
                ValueError(
                    f"Backoff(within={value!r}) leaves no time for a retry. Give a positive timedelta, or None for no limit."
                ),
            )
            for value in (timedelta(0), -HOUR)
        ],
    ],
)
def test_misuse(options: dict[str, Any], error: Exception) -> None:
    """A value that no wait can follow from is refused, with what to write instead."""
    with pytest.raises(type(error)) as caught:
        Backoff(**options)
    assert str(caught.value) == str(error)
