"""Processes that are killed at random, while somebody delivers to them as Pub/Sub does.

Called by test_chaos.py and by `make chaos`.
"""

from __future__ import annotations

import heapq
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Condition

from django.db import connections
from django.db.models import Count, Sum

from gcp_event_router.inbox.models import Delivery, State

from ..effects.models import Effect
from .deliveries import push
from .own_postgres import until

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = 4
_COMMAND = (
    "gunicorn tests.support.chaos_server:wsgi --config python:tests.support.chaos_server --preload"
    " --bind fd://{fd} --workers {workers} --threads 8 --log-level critical"
)
_KEPT = ("ENGINE", "NAME", "HOST", "USER", "OPTIONS", "ATOMIC_REQUESTS")
_ACKNOWLEDGED = frozenset({200, 201, 204})
_CLIENTS = 24
_RATE = 150
"""How many copies are due in a second."""
_SPREAD = 30
"""The copies of an event are at most so many places apart."""
_FIRST_WAIT, _LAST_WAIT = 0.1, 1.0
_ACK_DEADLINE = 10.0
_PATIENCE = 10.0
"""Seconds that an event's share of the whole may take at most, twenty-four being under way at once."""
_AIM = 0.02
"""Within how many seconds after a request was sent a process is killed."""


@dataclass(frozen=True)
class Figures:
    """What was done, and what came of it."""

    seed: int
    events: int
    copies: int
    kills: int
    #: How many kills ended a process in the middle of a handler, and how many runs of handlers they ended.
    kills_in_handlers: int
    runs_ended: int
    requests: int
    #: How often each status was the answer; 0 stands for a connection that ended without one.
    answers: dict[int, int]
    redeliveries: int
    seconds: float
    #: Copies that were not acknowledged when time was up.
    unacknowledged: int
    #: How many runs the inbox found to have ended without a word.
    runs_lost: int
    #: Deliveries that are not done.
    unfinished: int
    #: Events whose handlers each took effect once; events that have less than that, and that have more.
    effects: int
    lost: int
    doubled: int

    @property
    def is_sound(self) -> bool:
        """Whether each event took effect once."""
        return self.effects == self.events and not (self.lost or self.doubled or self.unfinished or self.unacknowledged)


def run(alias: str, *, events: int, kills: int, copies: int = 3, seed: int | None = None) -> Figures:
    """Deliver events to a server whose processes are killed, until all are acknowledged, and look what took effect.

    Args:
        alias: A PostgreSQL or MariaDB database with the tables of the inbox and of `effects`, which are empty.
        events: How many events; each tenth has two handlers.
        kills: How often a process is killed.
        copies: How often each event is sent, whatever the answers.
        seed: Decides in which order copies are sent, and on which of them a process is killed.

    """
    seed = random.randrange(1_000_000) if seed is None else seed
    kinds = {f"{number:05d}": "two" if number % 10 == 0 else "one" for number in range(events)}
    started = time.monotonic()
    with _serve(alias) as (port, processes):
        subscription = _Subscription(port, kinds, copies, random.Random(seed))
        killer = _Killer(processes, subscription, kills, random.Random(seed))
        with ThreadPoolExecutor(_CLIENTS + 1) as pool:
            killing = pool.submit(killer.run)
            for client in [pool.submit(subscription.deliver) for _ in range(_CLIENTS)]:
                client.result()
            killing.result()
        seconds = time.monotonic() - started
    effects, lost, doubled = _effects(alias, kinds)
    deliveries = Delivery.objects.using(alias)
    return Figures(
        seed=seed,
        events=events,
        copies=copies,
        kills=killer.kills,
        kills_in_handlers=killer.hits,
        runs_ended=killer.ended,
        requests=subscription.sent,
        answers=dict(sorted(subscription.answers.items())),
        redeliveries=subscription.sent - events * copies,
        seconds=seconds,
        unacknowledged=subscription.open,
        runs_lost=deliveries.aggregate(all=Sum("lost"))["all"] or 0,
        unfinished=deliveries.exclude(state=State.DONE).count(),
        effects=effects,
        lost=lost,
        doubled=doubled,
    )


def _effects(alias: str, kinds: dict[str, str]) -> tuple[int, int, int]:
    """How many events took effect once, how many less, how many more."""
    rows = Effect.objects.using(alias).values_list("reference", "handler").annotate(count=Count("pk"))
    found = {(reference, what): count for reference, what, count in rows}
    once, lost, doubled = 0, 0, 0
    for reference, kind in kinds.items():
        names = ("first", "second") if kind == "two" else ("first",)
        counts = [found.pop((reference, f"{name} {part}"), 0) for name in names for part in ("begins", "ends")]
        once += set(counts) == {1}
        lost += min(counts) < 1
        doubled += max(counts) > 1
    return once, lost, doubled + len(found)  # what is left over is nobody's, and so too much


class _Subscription:
    """Pub/Sub's part: sends each copy, and again after a while unless it is acknowledged."""

    def __init__(self, port: int, kinds: dict[str, str], copies: int, chance: random.Random) -> None:
        first = [(place + chance.uniform(0, _SPREAD), reference) for _ in range(copies) for place, reference in enumerate(kinds)]
        start = time.monotonic()
        self._due = [(start + number / _RATE, number, reference, 0) for number, (_, reference) in enumerate(sorted(first))]
        self._port = port
        self._kinds = kinds
        self._deadline = start + max(60.0, len(kinds) * copies * _PATIENCE / _CLIENTS)
        self._changed = Condition()
        self.open = len(self._due)
        self.sent = 0
        self.answers: Counter[int] = Counter()

    def deliver(self) -> None:
        """Send what is due, until all is acknowledged or time is up; called by several threads."""
        while (copy := self._next()) is not None:
            number, reference, tries = copy
            status = self._post(reference)
            with self._changed:
                self.answers[status] += 1
                if status in _ACKNOWLEDGED:
                    self.open -= 1
                else:
                    wait = min(_FIRST_WAIT * 2**tries, _LAST_WAIT)
                    heapq.heappush(self._due, (time.monotonic() + wait, number, reference, min(tries + 1, 10)))
                self._changed.notify_all()

    def wait_for(self, sent: int) -> None:
        """Wait until so many requests were sent, or it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self.sent >= sent or self._is_over, self._deadline - time.monotonic())

    @property
    def _is_over(self) -> bool:
        return not self.open or time.monotonic() > self._deadline

    def _next(self) -> tuple[int, str, int] | None:
        with self._changed:
            while not self._is_over:
                wait = self._due[0][0] - time.monotonic() if self._due else 1.0
                if wait <= 0:
                    self.sent += 1
                    self._changed.notify_all()
                    return heapq.heappop(self._due)[1:]
                self._changed.wait(wait)
        return None

    def _post(self, reference: str) -> int:
        """The status of the answer; 0 if there is none."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=_ACK_DEADLINE)
        try:
            path = f"/events/{self._kinds[reference]}/{reference}"
            connection.request("POST", path, push(reference), {"Content-Type": "application/json"})
            return connection.getresponse().status
        except (OSError, HTTPException):
            return 0
        finally:
            connection.close()


class _Killer:
    """Kills a process shortly after some requests were sent, chosen at random among the first ones of all copies."""

    def __init__(self, processes: Path, subscription: _Subscription, kills: int, chance: random.Random) -> None:
        self._processes = processes
        self._subscription = subscription
        self._moments = sorted(chance.sample(range(1, subscription.open + 1), kills))
        self._chance = chance
        self.kills = 0
        self.hits = 0
        self.ended = 0

    def run(self) -> None:
        for moment in self._moments:
            self._subscription.wait_for(moment)
            time.sleep(self._chance.uniform(0, _AIM))
            self._kill()

    def _kill(self) -> None:
        until(lambda: bool(self._alive()))
        process = self._chance.choice(self._alive())
        os.kill(int(process.name), signal.SIGKILL)
        until(lambda: not process.exists())
        left = list(self._processes.glob(f"{process.name}-*"))
        self.kills += 1
        self.hits += bool(left)
        self.ended += len(left)
        for run in left:
            run.unlink()

    def _alive(self) -> list[Path]:
        return sorted(each for each in self._processes.iterdir() if each.name.isdecimal())


@contextmanager
def _serve(alias: str) -> Generator[tuple[int, Path]]:
    """Run a server, which makes a new process for each that is killed; yields its port, and the folder that names them."""
    kept = {key: value for key, value in connections[alias].settings_dict.items() if key in _KEPT}
    with (
        tempfile.TemporaryDirectory(prefix="gcp_event_router_") as folder,
        socket.create_server(("127.0.0.1", 0), backlog=128) as listening,
    ):
        processes = Path(folder) / "processes"
        processes.mkdir()
        fd = listening.fileno()
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.support.inbox_server_settings",
            "EVENTS_DATABASE": json.dumps({**kept, "CONN_MAX_AGE": 60}, default=str),
            "EVENTS_FOLDER": str(processes),
            "XDG_RUNTIME_DIR": folder,  # where gunicorn puts its control socket
        }
        command = [sys.executable, "-m", *_COMMAND.format(fd=fd, workers=PROCESSES).split()]
        server = subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[fd])
        try:
            until(lambda: len(list(processes.iterdir())) == PROCESSES)
            yield listening.getsockname()[1], processes
        finally:
            server.send_signal(signal.SIGINT)  # at once, and not when all connections are idle
            try:
                server.wait(_ACK_DEADLINE)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
