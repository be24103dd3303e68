"""Ending in order: what runs until it is told to stop. Called by the management commands that work through many events."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from threading import current_thread, main_thread
from typing import Final

__all__ = ["StopFlag", "stop_flag"]

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class StopFlag:
    """Whether to stop. A signal handler can set it whatever its thread is at, while `threading.Event` would wait for itself."""

    def __init__(self) -> None:
        """Begin with nothing set."""
        self._is_set = False
        self._told: SimpleQueue[None] = SimpleQueue()  # whose `put` may come in the middle of its `get`

    def set(self) -> None:
        """Have everybody stop who asks, and end a wait."""
        self._is_set = True
        self._told.put(None)

    def is_set(self) -> bool:
        """Whether to stop."""
        return self._is_set

    def wait(self, seconds: float | None = None) -> bool:
        """Wait so long, or until it is set; returns whether it is. Several threads may wait."""
        if not self._is_set:
            with suppress(Empty):
                self._told.get(timeout=seconds)
                self._told.put(None)  # for the next who waits
        return self._is_set


@contextmanager
def stop_flag() -> Generator[StopFlag]:
    """A flag that the first SIGTERM or Ctrl-C sets, so that what is under way can be finished; the second does as ever.

    Outside of the main thread, which alone is told of signals, nothing sets it.
    """
    flag = StopFlag()
    if current_thread() is not main_thread():
        yield flag
        return
    before = [(number, signal.getsignal(number)) for number in _SIGNALS]

    def restore() -> None:
        for number, handler in before:
            signal.signal(number, handler)

    def stop(*_: object) -> None:
        flag.set()
        restore()

    for number in _SIGNALS:
        signal.signal(number, stop)
    try:
        yield flag
    finally:
        restore()
