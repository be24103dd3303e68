"""Order across processes, of which some are killed: no inversion, and no key that waits for another."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.db import OperationalError, connections
from django.db.models import DateTimeField, ExpressionWrapper, QuerySet
from django.db.models.functions import Now

from gcp_event_router._boxes.states import OPEN
from gcp_event_router._dispatch.raw_event import RawEvent
from gcp_event_router.envelopes import read
from gcp_event_router.inbox import orders
from gcp_event_router.inbox.models import Delivery, State, StoredEvent
from gcp_event_router.inbox.serialization import row_of

from ..effects.models import Effect
from ..support.deliveries import PATIENCE, push, with_databases
from ..support.gates import ROOT

pytestmark = [with_databases, pytest.mark.proof, pytest.mark.timeout(600)]
KEYS = [f"k{number}" for number in range(998)]
SPECIAL = ["held", "parked"]
STEPS = 2
WORKERS = 4
KILLS = 8
_KEPT = ("ENGINE", "NAME", "HOST", "USER", "OPTIONS")


def store(alias: str) -> None:
    """Store the steps of all keys, mixed, but in order for each key."""
    places = [key for key in (*KEYS, *SPECIAL) for _ in range(STEPS)]
    random.Random(4711).shuffle(places)
    numbers: dict[str, int] = defaultdict(int)
    rows: list[StoredEvent] = []
    deliveries: list[Delivery] = []
    for place, key in enumerate(places):
        body = push(place, {"key": key, "number": numbers[key]})
        row = row_of("step", str(place), RawEvent(read(body, {"CONTENT_TYPE": "application/json"})))
        numbers[key] += 1
        rows.append(row)
        digest, text = orders.order_key(key)
        deliveries.append(Delivery(event=row, handler="step", deferred=True, order_digest=digest, order_key=text))
    StoredEvent.objects.using(alias).bulk_create(rows, batch_size=500)
    Delivery.objects.using(alias).bulk_create(deliveries, batch_size=500)


class Workers:
    """The processes."""

    def __init__(self, alias: str, gate: Path, stack: ExitStack) -> None:
        settings = {key: value for key, value in connections[alias].settings_dict.items() if key in _KEPT}
        own = {
            "DJANGO_SETTINGS_MODULE": "tests.support.inbox_server_settings",
            "EVENTS_DATABASE": json.dumps(settings, default=str),
        }
        self._environment = {**os.environ, **own}
        self._gate = gate
        self._stack = stack
        self._seed = 0
        self._running = [self._start() for _ in range(WORKERS)]

    def _start(self) -> subprocess.Popen[bytes]:
        self._seed += 1
        command = [sys.executable, "-m", "tests.support.order_worker", str(self._seed), str(self._gate)]
        worker = subprocess.Popen(command, cwd=ROOT, env=self._environment)
        self._stack.callback(worker.wait, PATIENCE)
        self._stack.callback(worker.kill)
        return worker

    def kill(self, place: int) -> None:
        """Kill one with -9, and start another one in its place."""
        self._running[place].kill()
        self._running[place].wait(PATIENCE)
        self._running[place] = self._start()

    def check(self) -> None:
        """None has ended because of an error."""
        assert {worker.poll() for worker in self._running} <= {None, 0}

    def ended(self) -> list[int]:
        """The exit codes of all, once they have ended."""
        return [worker.wait(PATIENCE) for worker in self._running]


def until(condition: Callable[[], bool], workers: Workers, rows: QuerySet[Delivery]) -> None:
    """Wait for a condition. Meanwhile, let so much time pass that the leases of rows end, those of living workers, too."""
    deadline = time.monotonic() + 2 * PATIENCE
    past = ExpressionWrapper(Now() - timedelta(seconds=1), output_field=DateTimeField())
    ended = time.monotonic()
    while not condition():
        assert time.monotonic() < deadline
        workers.check()
        time.sleep(0.1)
        if time.monotonic() > ended + 2:
            ended = time.monotonic()
            with suppress(OperationalError):  # a deadlock with a worker
                rows.filter(state=State.RUNNING).update(lease_until=past)


def are_done(rows: QuerySet[Delivery], count: int) -> bool:
    return rows.filter(state=State.DONE).count() >= count


@pytest.mark.parametrize("inbox", ["postgresql", "mariadb"], indirect=True)
def test_workers_that_are_killed_keep_the_order(inbox: str, tmp_path: Path) -> None:
    """Four processes run the steps of a thousand keys, some fail, and processes are killed: each step counts once, in order.

    While the first step of one key runs, and that of another one fails again and again, all other keys finish.
    """
    store(inbox)
    all_rows = Delivery.objects.using(inbox)
    others = all_rows.exclude(order_key__in=SPECIAL)
    special = {key: all_rows.filter(order_key=key).order_by("pk").values_list("state", flat=True) for key in SPECIAL}
    with ExitStack() as stack:
        gate = tmp_path / "gate"
        workers = Workers(inbox, gate, stack)
        for kill in range(1, KILLS + 1):
            share = kill * len(KEYS) * STEPS // (KILLS + 1)
            until(partial(are_done, others, share), workers, others)
            workers.kill(kill % WORKERS)
        until(lambda: not others.filter(state__in=OPEN).exists(), workers, others)
        assert list(special["held"]) == ["running", "pending"]
        assert special["parked"][0] in {"failed", "running"}
        assert special["parked"][1] == "pending"

        gate.touch()
        until(lambda: not all_rows.filter(state__in=OPEN).exists(), workers, all_rows.all())
        assert workers.ended() == [0] * WORKERS

    taken: dict[str, list[str]] = defaultdict(list)
    for key, number in Effect.objects.using(inbox).order_by("pk").values_list("handler", "reference"):
        taken[key].append(number)
    assert taken == {key: ["0", "1"] for key in (*KEYS, "held")} | {"parked": ["1"]}
    assert list(all_rows.exclude(state=State.DONE).values_list("order_key", "state")) == [("parked", "parked")]
