"""Workers that are killed at random moments, while batches of fifty deliveries run; called by a test and by `make chaos`."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from django.db import connections
from django.db.models import Count, F, Q, Sum

from gcp_event_router._boxes.states import OPEN
from gcp_event_router._dispatch.raw_event import RawEvent
from gcp_event_router.envelopes import read
from gcp_event_router.inbox.models import Delivery, State, StoredEvent
from gcp_event_router.inbox.serialization import row_of

from ..effects.models import Effect
from .deliveries import push
from .own_postgres import until

ROOT = Path(__file__).resolve().parents[2]
WORKERS = 3
_KEPT = ("ENGINE", "NAME", "HOST", "PORT", "USER", "OPTIONS")
_PATIENCE = 1200.0


@dataclass(frozen=True)
class WorkerFigures:
    """What was done, and what came of it."""

    seed: int
    deliveries: int
    kills: int
    #: At how many kills deliveries were claimed that had not begun, and how many at most.
    kills_in_batches: int
    most_waiting: int
    seconds: float
    #: How many runs the inbox found to have ended without a word.
    runs_lost: int
    #: Deliveries with more attempts than the run that succeeded and the lost ones.
    miscounted: int
    unfinished: int
    #: Deliveries that took effect once, less often, and more often.
    effects: int
    lost: int
    doubled: int

    @property
    def is_sound(self) -> bool:
        """Whether each delivery took effect once, and nothing counts that had not begun."""
        return self.effects == self.deliveries and not (
            self.lost or self.doubled or self.unfinished or self.miscounted or self.runs_lost > self.kills
        )


def store_steps(alias: str, payloads: list[object]) -> None:
    """Store a delivery for each payload."""
    rows: list[StoredEvent] = []
    for number, payload in enumerate(payloads):
        raw_event = RawEvent(read(push(number, payload), {"CONTENT_TYPE": "application/json"}))
        rows.append(row_of("step", str(number), raw_event))
    StoredEvent.objects.using(alias).bulk_create(rows, batch_size=1000)
    deliveries = [Delivery(event=row, handler="step", deferred=True) for row in rows]
    Delivery.objects.using(alias).bulk_create(deliveries, batch_size=1000)


@contextmanager
def working(alias: str, workers: int, lease: float, max_lost: int = 1000) -> Generator[tuple[subprocess.Popen[str], list[int]]]:
    """Run workers until the block ends; yields the process that forks them, and the numbers of all that it has forked so far."""
    settings = {key: value for key, value in connections[alias].settings_dict.items() if key in _KEPT}
    own = {"DJANGO_SETTINGS_MODULE": "tests.support.inbox_server_settings", "EVENTS_DATABASE": json.dumps(settings, default=str)}
    command = [sys.executable, "-m", "tests.support.batch_worker", str(workers), "1s", str(lease), str(max_lost)]
    forked: list[int] = []
    pipe = subprocess.PIPE
    environment = {**os.environ, **own}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True, process_group=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        lines = process.stdout
        reader = Thread(target=lambda: forked.extend(int(line) for line in lines))
        reader.start()
        try:
            yield process, forked
            process.stdin.close()
            assert process.wait(_PATIENCE) == 0
        finally:
            if process.poll() != 0:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # what it has forked belongs to its group
            process.wait()
            reader.join()


def run_workers(alias: str, *, deliveries: int, kills: int, seed: int | None = None) -> WorkerFigures:
    """Let workers run deliveries, and kill one after the other while they do.

    Args:
        alias: A PostgreSQL database with the tables of the inbox and of `effects`, which are empty.
        deliveries: How many deliveries.
        kills: How often a worker is killed.
        seed: Decides when, and which.

    """
    seed = random.randrange(1_000_000) if seed is None else seed
    chance = random.Random(seed)
    store_steps(alias, [None] * deliveries)
    started = time.monotonic()
    rows = Delivery.objects.using(alias)
    waiting: list[int] = []
    killed: set[int] = set()  # places in `forked`: the system gives the number of an ended process to another one
    with working(alias, WORKERS, lease=5) as (process, forked):
        for kill in range(1, kills + 1):
            wait_for(alias, kill * deliveries // (kills + 1), process)
            until(lambda: len(forked) == WORKERS + len(killed))
            time.sleep(chance.uniform(0, 0.02))
            waiting.append(rows.filter(state=State.RUNNING, started_at=None).count())
            victim = chance.choice([place for place in range(len(forked)) if place not in killed])
            killed.add(victim)
            os.kill(forked[victim], signal.SIGKILL)
        wait_for(alias, deliveries, process)
    seconds = time.monotonic() - started
    effects = (
        Effect.objects.using(alias)
        .values_list("reference")
        .annotate(begins=Count("pk", filter=Q(handler="begins")), ends=Count("pk", filter=Q(handler="ends")))
    )
    counts = Counter((begins, ends) for _, begins, ends in effects)
    return WorkerFigures(
        seed=seed,
        deliveries=deliveries,
        kills=len(waiting),
        kills_in_batches=sum(map(bool, waiting)),
        most_waiting=max(waiting, default=0),
        seconds=seconds,
        runs_lost=rows.aggregate(all=Sum("lost"))["all"] or 0,
        miscounted=rows.exclude(attempts=F("lost") + 1).count(),
        unfinished=rows.exclude(state=State.DONE).count(),
        effects=counts[1, 1],
        lost=deliveries - sum(counts.values()),
        doubled=sum(number for pair, number in counts.items() if pair != (1, 1)),
    )


def wait_for(alias: str, count: int, process: subprocess.Popen[str]) -> None:
    """Wait until so many deliveries are no longer open."""
    deadline = time.monotonic() + _PATIENCE
    settled = Delivery.objects.using(alias).exclude(state__in=OPEN)
    while settled.count() < count:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
