"""Transports of the tests, which record what they are given."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import ClassVar

from typing_extensions import override

from gcp_event_router.outbox.models import OutgoingEvent
from gcp_event_router.outbox.transports import Transport


class Sink(Transport):
    """Keeps what arrives, in order, and fails if it is told to."""

    def __init__(self, concurrency: int = 8, fail: Callable[[OutgoingEvent], None] = lambda event: None) -> None:
        self.concurrency = concurrency
        self.fail = fail
        self.arrived: list[tuple[str, bytes]] = []
        self.is_closed = False

    @override
    def send(self, event: OutgoingEvent) -> str:
        self.fail(event)
        self.arrived.append((event.ordering_key, bytes(event.data)))
        return f"m{event.pk}"

    @override
    def close(self) -> None:
        super().close()
        self.is_closed = True


class Topics(Sink):
    """One that needs topics."""

    needs_topic: ClassVar[bool] = True


class FileSink(Transport):
    """Appends a line for each event to a file, which several processes may share."""

    def __init__(self, path: str, concurrency: int = 4, seconds: float = 0) -> None:
        self.concurrency = concurrency
        self._path = path
        self._seconds = seconds

    @override
    def send(self, event: OutgoingEvent) -> str:
        time.sleep(self._seconds)
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(file, f"{event.ordering_key} {bytes(event.data).decode()}\n".encode())
        finally:
            os.close(file)
        return ""
