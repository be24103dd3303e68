"""Waits until somebody stores a row, as far as the database can tell: PostgreSQL, through psycopg 3.2 or newer, with NOTIFY."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any, Final

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from .._shutdown import StopFlag
from .conflicts import AWAY

#: How often a wait looks at the flag, in seconds: a signal does not end the driver's own wait.
_LOOK: Final = 0.5


class Wakeups:
    """Notifications on a channel, if any, from the moment when this object is made, on a connection of its own."""

    def __init__(self, alias: str, channel: str | None, stop: StopFlag) -> None:
        self._alias = alias
        self._channel = channel
        self._stop = stop
        self._listening: BaseDatabaseWrapper | None = None
        self.listen()

    def listen(self) -> None:
        """Begin to listen, unless it does, or the database cannot."""
        if self._listening is not None or self._channel is None or not _notifies(self._alias):
            return
        connection = connections[self._alias].copy()
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"LISTEN {self._channel}")
        except AWAY:
            connection.close()
        else:
            self._listening = connection

    def wait(self, seconds: float) -> bool:
        """Wait for a notification, until the flag is set, or for some seconds; return whether the flag is set."""
        if self._listening is None:
            return self._stop.wait(seconds)
        until = monotonic() + seconds
        driver: Any = self._listening.connection
        try:
            with self._listening.wrap_database_errors:
                while not self._stop.is_set() and (left := until - monotonic()) > 0:
                    if list(driver.notifies(timeout=min(left, _LOOK), stop_after=1)):
                        break
        except AWAY:
            self.close()
            return self._stop.wait(max(until - monotonic(), 0))
        return self._stop.is_set()

    def close(self) -> None:
        """Stop listening."""
        if self._listening is not None:
            with suppress(*AWAY):
                self._listening.close()
            self._listening = None


@contextmanager
def wakeups(alias: str, channel: str | None, stop: StopFlag) -> Generator[Wakeups]:
    """Listen in the block."""
    made = Wakeups(alias, channel, stop)
    try:
        yield made
    finally:
        made.close()


def _notifies(alias: str) -> bool:
    if connections[alias].vendor != "postgresql":
        return False
    connection: Any = connections[alias]
    return tuple(map(int, connection.Database.__version__.split(".")[:2])) >= (3, 2)
