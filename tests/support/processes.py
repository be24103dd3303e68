"""Processes that tests start: each ends within a time, so that nobody who reads what it writes waits for ever."""

from __future__ import annotations

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from socket import AF_UNIX, socket
from threading import Timer
from typing import AnyStr

#: Seconds that a process may take.
LIMIT = 120.0
#: The size of the pipe that a test gives to a process, in bytes (on Linux). Writing more, the process waits for its reader.
AHEAD = 4096


@contextmanager
def limited(process: subprocess.Popen[AnyStr]) -> Generator[subprocess.Popen[AnyStr]]:
    """Kill a process that has not ended in time, so that whoever reads what it writes finds an end."""
    limit = Timer(LIMIT, process.kill)
    limit.start()
    try:
        with process:
            yield process
    finally:
        limit.cancel()


def rest(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What a process still writes, of which some lines were read before, and its complaints."""
    assert process.stdout
    assert process.stderr
    written = process.stdout.read(), process.stderr.read()
    process.wait()
    return written


def listens(path: Path) -> bool:
    """Whether a process listens on a socket."""
    with socket(AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0
