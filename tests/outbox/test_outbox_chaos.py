"""Senders and relays are killed at random, and PostgreSQL restarts: what was committed arrives, in order for each key."""

from __future__ import annotations

import random
import signal
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ..support.own_postgres import OwnServer, own_server, until
from ..support.processes import limited
from ..support.relays import lines, start, wait_for

pytestmark = pytest.mark.proof
KILLS = 20
SENDER = ("tests.support.outbox_sender",)
RELAY = ("django", "outbox", "relay", "--loop", "--interval", "1s")
#: The statuses of a process that SIGTERM ends, also while it starts.
ENDED = {0, -signal.SIGTERM}
COMMANDS = (SENDER, SENDER, RELAY, RELAY)


def test_chaos(tmp_path: Path) -> None:
    """Two senders and two relays, twenty kills, one restart of PostgreSQL; a tenth of the transactions is rolled back."""
    sink = tmp_path / "sink"
    with own_server() as server:
        database = {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "postgres", "HOST": server.host}
        with limited(start(database, sink, "django", "migrate", "--run-syncdb", "--verbosity", "0")) as migrating:
            assert (migrating.communicate(), migrating.returncode)[1] == 0
        processes = [run(database, sink, command) for command in COMMANDS]
        try:
            for number in range(KILLS):
                wait_for(sink, len(lines(sink)) + 5)
                killed = random.randrange(len(COMMANDS))
                end(processes[killed], signal.SIGKILL)
                processes[killed] = run(database, sink, COMMANDS[killed])
                if number == KILLS // 2:
                    server.stop()
                    server.start()
            assert {end(process, signal.SIGTERM) for process in processes[:2]} <= ENDED
            until(lambda: rows(server, "SELECT 1 FROM gcp_event_outbox_event WHERE state <> 'done' LIMIT 1") == [])
            assert {end(process, signal.SIGTERM) for process in processes[2:]} <= ENDED
        finally:
            for process in processes:
                end(process, signal.SIGKILL)
        committed = rows(server, "SELECT handler, reference FROM effects_effect ORDER BY id")

    arrived = [tuple(line.split()) for line in lines(sink)]
    assert len(committed) > 5 * KILLS / 2
    assert by_key(arrived) == by_key(committed)


def run(database: dict[str, Any], sink: Path, command: tuple[str, ...]) -> subprocess.Popen[str]:
    return start(database, sink, *command, seconds=0.005)


def end(process: subprocess.Popen[str], number: signal.Signals) -> int:
    process.send_signal(number)
    process.communicate(timeout=60)
    return process.returncode


def rows(server: OwnServer, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(host=server.host, dbname="postgres", user="postgres") as connection:
        return connection.execute(statement.encode()).fetchall()


def by_key(events: list[tuple[Any, ...]]) -> dict[str, list[str]]:
    """The events of each key, in the order of their first arrivals."""
    found: dict[str, dict[str, None]] = {}
    for key, event in events:
        found.setdefault(key, {})[event] = None
    return {key: list(ordered) for key, ordered in sorted(found.items())}
