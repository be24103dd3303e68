"""Processes of the contestants, and the CPU time of a process with all its children, as Linux counts it in /proc."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

BENCHMARKS = Path(__file__).parent.parent
TICK = os.sysconf("SC_CLK_TCK")
LIMIT = 300.0
"""Seconds after which a benchmark gives up waiting."""


def cpu(pid: int, *without: int) -> float:
    """CPU seconds of a process and its descendants, ended ones included, but without some of them."""
    children: dict[int, list[int]] = {}
    times: dict[int, float] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                fields = (path / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):  # it has just ended
                continue
            children.setdefault(int(fields[1]), []).append(int(path.name))
            # its own time, and that of children for which it has waited
            times[int(path.name)] = sum(map(int, fields[11:15])) / TICK
    total, left = 0.0, [pid]
    while left:
        each = left.pop()
        total += times.get(each, 0.0) if each not in without else 0.0
        left += children.get(each, [])
    return total


def environment(bench: str, source: Path | None = None) -> dict[str, str]:
    """The environment of a contestant; `source` is a checkout whose package it uses instead of this one's."""
    path = os.pathsep.join(map(str, [(source or BENCHMARKS.parent) / "src", BENCHMARKS]))
    return {**os.environ, "PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": "contestants.settings", "BENCH": bench}


def python(*arguments: str) -> list[str]:
    """A command that runs a module with this Python."""
    return [sys.executable, "-m", *arguments]


@contextmanager
def started(command: Sequence[str], environ: Mapping[str, str]) -> Generator[subprocess.Popen[bytes]]:
    """Run a process as long as the block lasts; what it writes to stderr is shown."""
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, cwd=BENCHMARKS)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(is_so: Callable[[], bool], pause: float = 0.02) -> None:
    """Ask until it is so."""
    end = time.monotonic() + LIMIT
    while not is_so():
        if time.monotonic() > end:
            msg = f"nothing happened for {LIMIT} s"
            raise TimeoutError(msg)
        time.sleep(pause)


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool:
    """Whether something listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
