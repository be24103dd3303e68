"""`manage.py outbox relay --loop` in a process of its own: it is woken, stopped and killed."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from gcp_event_router import EventRouter
from gcp_event_router.kinds import Kind
from gcp_event_router.outbox.models import OutgoingEvent, SeenRelay, State

from ..support.outboxes import TOPIC, on_postgresql, with_outboxes
from ..support.own_postgres import until
from ..support.processes import limited
from ..support.relays import lines, start, wait_for

pytestmark = [with_outboxes, pytest.mark.proof]


@pytest.fixture
def placed(router: EventRouter) -> Kind[int]:
    return router.kind("order-placed", int, topic=TOPIC)


@contextmanager
def relaying(alias: str, sink: Path, interval: str, **options: Any) -> Generator[subprocess.Popen[str]]:
    """Run a relay, which has looked for events once."""
    command = ("django", "outbox", "relay", "--loop", "--interval", interval)
    with limited(start(connections[alias].settings_dict, sink, *command, **options)) as process:
        try:
            until(lambda: SeenRelay.objects.using(alias).exists() or process.poll() is not None)
            yield process
        finally:
            process.kill()


def stop(process: subprocess.Popen[str]) -> int:
    """End a relay with SIGTERM; return its status."""
    process.send_signal(signal.SIGTERM)
    process.communicate()
    return process.returncode


@on_postgresql
def test_a_relay_is_woken(outbox: str, placed: Kind[int], tmp_path: Path) -> None:
    """On PostgreSQL, publishing wakes a relay that would wait for an hour, and so does the time of a delayed event."""
    sink = tmp_path / "sink"
    with relaying(outbox, sink, "1h") as process:
        for number in range(3):
            placed.publish(number, ordering_key="k")
            wait_for(sink, number + 1)
        placed.publish(9, delay=timedelta(seconds=0.5))
        wait_for(sink, 4)
        until(lambda: not OutgoingEvent.objects.using(outbox).exclude(state=State.DONE).exists())
        assert stop(process) == 0
    assert lines(sink) == ["k 0", "k 1", "k 2", " 9"]


def test_a_relay_looks_again(outbox: str, placed: Kind[int], tmp_path: Path) -> None:
    """Other databases cannot wake a relay, so it looks for events at an interval."""
    sink = tmp_path / "sink"
    with relaying(outbox, sink, "1s") as process:
        for number in range(2):
            placed.publish(number)
            wait_for(sink, number + 1)
        assert stop(process) == 0
    assert {row.state for row in OutgoingEvent.objects.using(outbox)} == {State.DONE}


def test_sigterm(outbox: str, placed: Kind[int], tmp_path: Path) -> None:
    """A relay that is stopped settles what it has sent, and gives back all else."""
    sink = tmp_path / "sink"
    for number in range(100):
        placed.publish(number)
    with relaying(outbox, sink, "1h", concurrency=0, seconds=0.5) as process:
        wait_for(sink, 1)
        assert stop(process) == 0
    sent = len(lines(sink))
    rows = OutgoingEvent.objects.using(outbox)
    assert 0 < sent < 100
    assert (rows.filter(state=State.DONE).count(), rows.filter(state=State.PENDING, attempts=0).count()) == (sent, 100 - sent)


def test_kill(outbox: str, placed: Kind[int], tmp_path: Path) -> None:
    """What a killed relay had taken is sent by the next one, after the lease."""
    sink = tmp_path / "sink"
    for number in range(30):
        placed.publish(number, ordering_key="k")
    with relaying(outbox, sink, "1s", seconds=1) as process:
        wait_for(sink, 1)
        process.kill()
        process.wait()
    assert OutgoingEvent.objects.using(outbox).filter(state=State.RUNNING).exists()
    with relaying(outbox, sink, "1s") as process:
        until(lambda: not OutgoingEvent.objects.using(outbox).exclude(state=State.DONE).exists())
        assert stop(process) == 0
    assert list(dict.fromkeys(lines(sink))) == [f"k {number}" for number in range(30)]
