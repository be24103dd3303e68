"""Ending in order: what runs until it is told to stop. Called by the management commands that work through many events."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from threading import Event as Flag
from threading import current_thread, main_thread
from typing import Final

__all__ = ["stop_flag"]

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_flag() -> Generator[Flag]:
    """A flag that the first SIGTERM or Ctrl-C sets, so that what is under way can be finished; the second does as ever.

    Outside of the main thread, which alone is told of signals, nothing sets it.
    """
    flag = Flag()
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
