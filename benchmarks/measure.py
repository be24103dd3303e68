"""The measuring loop of all benchmarks: every round times every contestant once, so that noise hits all of them alike."""

from __future__ import annotations

import gc
import os
import platform
import statistics
from collections.abc import Callable, Mapping
from importlib.metadata import version
from time import perf_counter

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "11"))
SLICE = float(os.environ.get("BENCH_SLICE", "0.05"))
"""How many seconds one contestant runs in one round."""


def header(*more: str) -> None:
    """Print the machine and the versions; `more` are further packages whose versions matter."""
    names = ", ".join(f"{name} {version(name)}" for name in ("Django", "pydantic", *more))
    load = "/".join(f"{load:.1f}" for load in os.getloadavg())
    machine = f"{os.cpu_count()} cores, load {load}"
    print(f"Python {platform.python_version()}, {names}; {machine}; median of {ROUNDS} rounds and quartiles of their ratios\n")


def compare(
    title: str, contestants: Mapping[str, Callable[[], object]], clock: Callable[[], float] = perf_counter
) -> dict[str, float]:
    """Print a table and return, for each contestant, the median ratio of its time to the first one's in the same round.

    What waits for nothing is measured with `process_time`, of which other processes take less.
    """
    loops = {name: _loops(call, clock) for name, call in contestants.items()}
    rounds = [{name: _time(call, loops[name], clock) / loops[name] for name, call in contestants.items()} for _ in range(ROUNDS)]
    first = next(iter(contestants))
    ratios = {name: [each[name] / each[first] for each in rounds] for name in contestants}
    print(f"{title:<64} {'median':>12} {'ratio':>7} {'quartiles':>11}\n{'-' * 97}")
    for name, all_ratios in ratios.items():
        median = statistics.median(each[name] for each in rounds)
        low, ratio, high = statistics.quantiles(all_ratios, n=4)
        print(f"{name:<64} {median * 1e6:>9.2f} µs {ratio:>7.2f} {low:>5.2f}-{high:<5.2f}")
    print()
    return {name: statistics.median(all_ratios) for name, all_ratios in ratios.items()}


def _time(call: Callable[[], object], times: int, clock: Callable[[], float]) -> float:
    gc.collect()
    gc.disable()
    try:
        start = clock()
        for _ in range(times):
            call()
        return clock() - start
    finally:
        gc.enable()


def _loops(call: Callable[[], object], clock: Callable[[], float]) -> int:
    call()  # what is done once, such as building an index, is not what is measured
    times = 1
    while (spent := _time(call, times, clock)) < SLICE / 5:
        times *= 4 if spent < SLICE / 50 else 2
    return max(1, round(times * SLICE / spent))
