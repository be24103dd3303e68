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
    print(f"Python {platform.python_version()}, {names}; {os.cpu_count()} cores; median of {ROUNDS} rounds\n")


def compare(title: str, contestants: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Print a table and return, for each contestant, the median ratio of its time to the first one's in the same round."""
    loops = {name: _loops(call) for name, call in contestants.items()}
    rounds = [{name: _time(call, loops[name]) / loops[name] for name, call in contestants.items()} for _ in range(ROUNDS)]
    first = next(iter(contestants))
    ratios = {name: statistics.median(each[name] / each[first] for each in rounds) for name in contestants}
    print(f"{title:<64} {'median':>12} {'ratio':>7}\n{'-' * 85}")
    for name, ratio in ratios.items():
        median = statistics.median(each[name] for each in rounds)
        print(f"{name:<64} {median * 1e6:>9.2f} µs {ratio:>7.2f}")
    print()
    return ratios


def _time(call: Callable[[], object], times: int) -> float:
    gc.collect()
    gc.disable()
    try:
        start = perf_counter()
        for _ in range(times):
            call()
        return perf_counter() - start
    finally:
        gc.enable()


def _loops(call: Callable[[], object]) -> int:
    call()  # what is done once, such as building an index, is not what is measured
    times = 1
    while (spent := _time(call, times)) < SLICE / 5:
        times *= 4 if spent < SLICE / 50 else 2
    return max(1, round(times * SLICE / spent))
