"""Lets a command finish its work when it is asked to stop. Used by the management commands that run many events."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from threading import current_thread, main_thread
from typing import Final

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class StopFlag:
    """Whether to stop. A signal handler may set it at any time; a `threading.Event` might then wait for its own thread."""

    def __init__(self) -> None:
        self._is_set = False
        self._wakeups: SimpleQueue[None] = SimpleQueue()  # `put` is allowed in the middle of a `get`

    def set(self) -> None:
        """Set the flag, and end all waits."""
        self._is_set = True
        self._wakeups.put(None)

    def is_set(self) -> bool:
        """Whether the flag is set."""
        return self._is_set

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the flag is set, or for some seconds; return whether it is set. Several threads may wait."""
        if not self._is_set:
            with suppress(Empty):
                self._wakeups.get(timeout=seconds)
                self._wakeups.put(None)  # for the next thread
        return self._is_set


@contextmanager
def stop_flag() -> Generator[StopFlag]:
    """Provide a flag that the first SIGTERM or Ctrl-C sets, so that the current work can be finished; the second ends it.

    Only the main thread receives signals, so nothing sets the flag in another thread.
    """
    flag = StopFlag()
    before = {number: signal.getsignal(number) for number in _SIGNALS} if current_thread() is main_thread() else {}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def stop(*_: object) -> None:
        flag.set()
        restore()

    for number in before:
        signal.signal(number, stop)
    try:
        yield flag
    finally:
        restore()
