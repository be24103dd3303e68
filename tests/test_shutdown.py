"""Shutdown: what works through many events ends in order, in real processes that are told to stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.db import connections

from gcp_event_router.envelopes import read
from gcp_event_router.event import Arrival
from gcp_event_router.inbox.models import Delivery, State, StoredEvent
from gcp_event_router.inbox.rows import row_of
from gcp_event_router.shutdown import stop_flag

from .deliveries import PATIENCE, effects, push, with_databases

ROOT = Path(__file__).resolve().parent.parent
HANDLER = "tests.workers.handlers.convert"


def start(alias: str, *arguments: str) -> subprocess.Popen[str]:
    """The command, in a process of its own, on the test's database."""
    settings = connections[alias].settings_dict
    database = {key: settings[key] for key in ("ENGINE", "NAME", "USER", "HOST", "OPTIONS")}
    given: dict[str, Any] = {"database": database, "tasks": {}, "apps": [], "queues": {}}
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.workers.settings", "EVENTS_WORKER": json.dumps(given)}
    command = [sys.executable, "-m", "django", "inbox", *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def keep(alias: str, count: int, state: State) -> None:
    """Have deferred deliveries been kept."""
    arrivals = [(number, Arrival(read(push(number, {"a": number})))) for number in range(count)]
    events = [row_of("video-up", str(number), arrival) for number, arrival in arrivals]
    StoredEvent.objects.using(alias).bulk_create(events)
    Delivery.objects.using(alias).bulk_create(
        Delivery(event=each, handler=HANDLER, state=state, deferred=True) for each in events
    )


@with_databases
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_process_goes_on_until_it_is_told_to_stop(inbox: str, number: signal.Signals) -> None:
    """It runs what is there and what comes later, and ends well at SIGTERM and at Ctrl-C, with nothing half done."""
    keep(inbox, 2, State.PENDING)
    with start(inbox, "process", "--loop", "--interval", "1s", "--json") as process:
        assert process.stdout
        assert [json.loads(process.stdout.readline())["outcome"] for _ in range(2)] == ["handled"] * 2
        Delivery.objects.using(inbox).filter(event__reference="1").update(state=State.PENDING)
        assert json.loads(process.stdout.readline())["outcome"] == "handled"

        process.send_signal(number)
        rest = process.communicate(timeout=PATIENCE)

    assert (process.returncode, rest) == (0, ("", ""))
    assert effects(inbox) == ["convert"] * 3


@with_databases
def test_a_replay_ends_after_the_delivery_that_it_is_at(inbox: str) -> None:
    """Told to stop, it leaves no delivery running, says how far it came, and fails; the same command does the rest."""
    keep(inbox, 300, State.PARKED)
    with start(inbox, "replay", "--json") as process:
        assert process.stdout
        for _ in range(5):
            process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        more, error = process.communicate(timeout=PATIENCE)

    done = 5 + len(more.splitlines())
    assert (process.returncode, error) == (1, "CommandError: Stopped before the end; the same command goes on.\n")
    assert done < 300
    assert Delivery.objects.using(inbox).filter(state=State.DONE).count() == done
    with start(inbox, "replay") as process:
        assert process.communicate(timeout=PATIENCE)[0] == f"Replayed {300 - done} deliveries: {300 - done} handled.\n"
    assert len(effects(inbox)) == 300


def test_the_second_signal_does_as_ever() -> None:
    """What does not end after the first can be ended by the second; after the block all is as before."""
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


def test_in_another_thread() -> None:
    """Where no signal can be heard, the flag is there, and nothing sets it."""
    seen: list[bool] = []

    def look() -> None:
        with stop_flag() as stop:
            seen.append(stop.is_set())

    thread = Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [False]
