"""Medians of the rounds, with their spread."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Run: TypeAlias = Mapping[str, Any]
"""A run as it is in the JSON file."""


@dataclass(frozen=True)
class Figure:
    """A median, the least and the most of all rounds."""

    median: float
    least: float
    most: float

    def text(self, digits: int = 0) -> str:
        """As tables show it."""
        return f"{self.median:,.{digits}f} ({self.least:,.{digits}f} to {self.most:,.{digits}f})"


def figure(values: Iterable[float]) -> Figure:
    """Summarize the values of all rounds."""
    found = list(values)
    return Figure(statistics.median(found), min(found), max(found))


def ratio(runs: Sequence[Run], others: Sequence[Run], value: Callable[[Run], float]) -> Figure:
    """How many times the value of others each value is, round by round."""
    theirs = {run["round"]: value(run) for run in others}
    return figure(value(run) / theirs[run["round"]] for run in runs)


def by(runs: Iterable[Run], *keys: str) -> dict[tuple[str, ...], list[Run]]:
    """Group runs by some of their keys, in the order of the first round."""
    found: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        found.setdefault(tuple(run[key] for key in keys), []).append(run)
    return found


def work_per_cpu(run: Run) -> float:
    """Jobs per CPU second of the workers and the servers behind them."""
    return float(run["jobs"] / (run["worker_cpu"] + run["server_cpu"]))


def cpu_per_request(run: Run) -> float:
    """CPU microseconds of the server and PostgreSQL for each request."""
    return float((run["server_cpu"] + run["database_cpu"]) / run["requests"] * 1e6)
