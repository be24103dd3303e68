"""Shutdown: commands that work through many events end in order, in real processes that get a signal."""

from __future__ import annotations

import json
import signal
import sys
from itertools import count, takewhile
from threading import Thread
from types import FrameType
from typing import Any

import pytest

from gcp_event_router._shutdown import stop_flag
from gcp_event_router.inbox.models import Delivery, State

from .support.commands import keep, start
from .support.deliveries import PATIENCE, effects, with_databases
from .support.processes import rest

pytestmark = pytest.mark.proof


@with_databases
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_process_goes_on_until_it_is_told_to_stop(inbox: str, number: signal.Signals) -> None:
    """It runs present and later deliveries, and at SIGTERM or Ctrl-C it ends with 0 and no delivery half done."""
    keep(inbox, 2, State.PENDING)
    with start(inbox, "process", "--loop", "--interval", "1s", "--json") as process:
        assert process.stdout
        assert [json.loads(process.stdout.readline())["outcome"] for _ in range(2)] == ["handled"] * 2
        Delivery.objects.using(inbox).filter(event__reference="1").update(state=State.PENDING)
        assert json.loads(process.stdout.readline())["outcome"] == "handled"

        process.send_signal(number)
        left = rest(process)

    assert (process.returncode, left) == (0, ("", ""))
    assert effects(inbox) == ["convert"] * 3


@with_databases
def test_a_replay_ends_after_the_delivery_that_it_is_at(inbox: str) -> None:
    """A stopped replay leaves no delivery running, reports its progress, and fails; the same command does the rest."""
    keep(inbox, 300, State.PARKED)
    with start(inbox, "replay", "--json") as process:
        assert process.stdout
        for _ in range(5):
            process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        more, error = rest(process)

    done = 5 + len(more.splitlines())
    assert (process.returncode, error) == (1, "CommandError: Stopped early. Repeat the command to continue.\n")
    assert done < 300
    assert Delivery.objects.using(inbox).filter(state=State.DONE).count() == done
    with start(inbox, "replay") as process:
        assert process.communicate(timeout=PATIENCE)[0] == f"Replayed {300 - done} deliveries: {300 - done} handled.\n"
    assert len(effects(inbox)) == 300


def test_the_second_signal_does_as_ever() -> None:
    """The second signal ends what the first did not; the block restores the handlers of signals."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever this process was started with
    try:
        with stop_flag() as stop:
            signal.raise_signal(signal.SIGINT)
            assert stop.is_set()
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_signal_at_any_line_of_a_wait() -> None:
    """At whatever line the signal interrupts the waiting thread, the flag is set and the wait ends."""
    tracing = sys.gettrace()

    def interrupted(line: int) -> bool | None:
        """Whether a signal at a line ends the wait; None if it has fewer lines."""
        lines = iter(range(line + 1))

        def trace(_frame: FrameType, event: str, _argument: object) -> Any:
            if event == "line" and next(lines, None) == line:
                signal.raise_signal(signal.SIGTERM)
            return trace

        with stop_flag() as stop:
            sys.settrace(trace)
            try:
                stop.wait(0.001)
            finally:
                sys.settrace(tracing)
            return stop.is_set() or (None if next(lines, None) is not None else False)

    def stuck(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stuck)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        found = list(takewhile(lambda each: each is not None, map(interrupted, count())))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert found
    assert all(found)


def test_in_another_thread() -> None:
    """In a thread that receives no signals, nothing sets the flag."""
    seen: list[bool] = []

    def look() -> None:
        with stop_flag() as stop:
            seen.append(stop.is_set())

    thread = Thread(target=look)
    thread.start()
    thread.join(PATIENCE)
    assert seen == [False]
