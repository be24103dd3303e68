"""Events on their whole way, while every process on it is killed at random and the database is restarted.

Senders publish in transactions; relays send to Google's emulator, which pushes to a server; its inbox keeps each event, and
workers run the handler. Called by test_relay_chaos.py and by `make chaos`.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL

from .own_postgres import OwnServer, own_server

if TYPE_CHECKING:
    from local_pubsub import Emulator

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 200.0
"""Seconds within which another event must be committed or arrive, after the last kill."""
_PAUSE = 0.8
"""Seconds between two kills, on average: about as long as a process needs to start."""
_SENDERS = _RELAYS = _WORKERS = 2
_PYTHON = (sys.executable, "-m")
_MANAGE = (*_PYTHON, "django")


@dataclass(frozen=True)
class RelayFigures:
    """What was done, and what came of it."""

    seed: int
    #: How many events transactions have published, and how many of these took effect: at all, more than once, out of order.
    committed: int
    arrived: int
    #: How many took no effect, without being `unfinished`.
    lost: int
    doubled: int
    invented: int
    misplaced: int
    accounts: int
    kills: dict[str, int]
    restarts: int
    #: How many events the outbox has sent, how many the inbox has stored, and how many of either are not done.
    sent: int
    stored: int
    unfinished: int
    seconds: float

    @property
    def is_sound(self) -> bool:
        """Whether each committed event took effect once and in its order, and nothing else did."""
        wrong = self.lost + self.doubled + self.invented + self.misplaced + self.unfinished
        return not wrong and self.committed == self.arrived == self.sent == self.stored


def run_relays(
    emulator: Emulator, *, events: int, kills: int, restarts: int, accounts: int = 100, seed: int | None = None
) -> RelayFigures:
    """Publish events and kill processes, until so many are committed and all of them have taken effect.

    Args:
        emulator: Google's emulator, which is not killed.
        events: How many transactions are committed at least.
        kills: How often one of the processes is killed.
        restarts: How often PostgreSQL ends as in a crash, and starts again.
        accounts: How many ordering keys there are.
        seed: Decides which process is killed when.

    """
    seed = random.randrange(1_000_000) if seed is None else seed
    chance = random.Random(seed)
    started = time.monotonic()
    with ExitStack() as stack:
        server = stack.enter_context(own_server())
        database = {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "postgres", "HOST": server.host}
        environment = {
            **os.environ,
            **emulator.environment,
            "DJANGO_SETTINGS_MODULE": "tests.relaying.settings",
            "EVENTS_DATABASE": json.dumps(database),
        }
        ledger = _Ledger(server)
        subprocess.run([*_MANAGE, "migrate", "--run-syncdb", "--verbosity=0"], check=True, cwd=ROOT, env=environment)
        ledger.open_accounts(accounts)
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=128))
        topic = emulator.topic("moves")
        endpoint = f"http://127.0.0.1:{listening.getsockname()[1]}/events/moved/account"
        emulator.subscription("moves", topic, endpoint, enable_message_ordering=True)
        pause = kills * _PAUSE * _SENDERS / events
        fleet = stack.enter_context(_fleet(listening, environment, [str(events), str(accounts), f"{pause:.4f}"]))
        moments = set(chance.sample(range(kills), restarts))
        for number in range(kills):
            time.sleep(chance.uniform(0, 2 * _PAUSE))
            fleet.kill(chance)
            if number in moments:
                server.stop()
                server.start()
        _wait(ledger, events, fleet.revive)
        return ledger.figures(
            seed=seed, accounts=accounts, kills=dict(fleet.kills), restarts=restarts, seconds=time.monotonic() - started
        )


def _wait(ledger: _Ledger, events: int, meanwhile: Callable[[], None]) -> None:
    """Wait until so many events are committed and all have arrived, for as long as one more does within `PATIENCE`."""
    progress, deadline = (0, 0), time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        committed, arrived = ledger.committed(), ledger.arrived()
        if committed >= events and ledger.is_quiet():
            return
        if (committed, arrived) > progress:
            progress, deadline = (committed, arrived), time.monotonic() + PATIENCE
        meanwhile()
        time.sleep(0.2)


class _Ledger:
    """What the tables say, read on a connection of its own, since Django's settings are those of whoever runs this."""

    def __init__(self, server: OwnServer) -> None:
        self._address = make_conninfo(host=server.host, dbname="postgres", user="postgres")

    def open_accounts(self, accounts: int) -> None:
        self._execute(
            "INSERT INTO effects_account SELECT 'account ' || number, 0 FROM generate_series(0, %s) AS number", accounts - 1
        )

    def committed(self) -> int:
        return self._number("SELECT count(*) FROM effects_published")

    def arrived(self) -> int:
        return self._number("SELECT count(*) FROM effects_arrived")

    def is_quiet(self) -> bool:
        """Whether all that was published has arrived."""
        return self._number(_UNFINISHED) == 0 and self.arrived() >= self.committed()

    def figures(self, **others: Any) -> RelayFigures:
        published = set(self._execute("SELECT account, number FROM effects_published"))
        unfinished = self._number(_UNFINISHED)  # before what has arrived is read: processes still run
        rows = self._execute("SELECT account, number FROM effects_arrived ORDER BY id")
        arrived = Counter(rows)
        last: Counter[str] = Counter()
        misplaced = 0
        for account, number in rows:
            misplaced += number < last[account]
            last[account] = max(number, last[account])
        return RelayFigures(
            committed=len(published),
            arrived=len(arrived),
            lost=max(0, len(published - arrived.keys()) - unfinished),
            doubled=sum(count > 1 for count in arrived.values()),
            invented=len(arrived.keys() - published),
            misplaced=misplaced,
            sent=self._number("SELECT count(*) FROM gcp_event_outbox_event WHERE state = 'done'"),
            stored=self._number("SELECT count(*) FROM gcp_event_inbox_event"),
            unfinished=unfinished,
            **others,
        )

    def _number(self, statement: LiteralString) -> int:
        (row,) = self._execute(statement)
        return int(row[0])

    def _execute(self, statement: LiteralString, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._address, autocommit=True) as connection:
            cursor = connection.execute(SQL(statement), parameters)
            return cursor.fetchall() if cursor.description else []


_UNFINISHED = """
SELECT (SELECT count(*) FROM gcp_event_outbox_event WHERE state <> 'done')
    + (SELECT count(*) FROM gcp_event_inbox_delivery WHERE state <> 'done')
"""


class _Fleet:
    """All processes that may be killed, each replaced by another one."""

    def __init__(self, commands: dict[str, list[str]], web: subprocess.Popen[bytes], environment: dict[str, str]) -> None:
        self._commands = commands
        self._web = web
        self._environment = environment
        self._running = {name: self._start(name) for name in commands}
        self.kills: Counter[str] = Counter()

    def kill(self, chance: random.Random) -> None:
        """Kill one process, chosen at random, and replace those that are gone."""
        name = chance.choice([*sorted(self._commands), "server"])
        if name == "server":
            children = Path(f"/proc/{self._web.pid}/task/{self._web.pid}/children").read_text().split()
            if children:
                with suppress(ProcessLookupError):
                    os.kill(int(chance.choice(children)), signal.SIGKILL)  # gunicorn replaces it
        else:
            self._running[name].kill()
            self._running[name].wait()
        self.kills[name.partition(" ")[0]] += 1
        self.revive()

    def revive(self) -> None:
        """Start a process again that has ended, unless it is a sender that has nothing more to do."""
        for name, process in self._running.items():
            if process.poll() not in {None, 0}:
                self._running[name] = self._start(name)

    def end(self) -> None:
        for process in self._running.values():
            process.kill()
            process.wait()

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        silent = subprocess.DEVNULL
        return subprocess.Popen(self._commands[name], cwd=ROOT, env=self._environment, stdout=silent, stderr=silent)


@contextmanager
def _fleet(listening: socket.socket, environment: dict[str, str], quota: list[str]) -> Generator[_Fleet]:
    fd = listening.fileno()
    options = f"--bind fd://{fd} --workers 2 --threads 4 --log-level critical"
    web_command = [*_PYTHON, "gunicorn", "django.core.wsgi:get_wsgi_application()", *options.split()]
    commands = {
        **{f"sender {number}": [*_PYTHON, "tests.relaying.sender", *quota] for number in range(_SENDERS)},
        **{f"relay {number}": [*_MANAGE, "outbox", "relay", "--loop", "--interval=1s", "--json"] for number in range(_RELAYS)},
        **{f"worker {number}": [*_MANAGE, "inbox", "process", "--loop", "--interval=1s", "--json"] for number in range(_WORKERS)},
    }
    silent = subprocess.DEVNULL  # its log has each restart of the database
    web = subprocess.Popen(web_command, cwd=ROOT, env=environment, pass_fds=[fd], stdout=silent, stderr=silent)
    fleet = _Fleet(commands, web, environment)
    try:
        yield fleet
    finally:
        fleet.end()
        web.send_signal(signal.SIGINT)
        try:
            web.wait(10)
        except subprocess.TimeoutExpired:
            web.kill()
            web.wait()
