"""`manage.py inbox process --loop` in processes of their own, which are woken, stopped and killed in the middle of a batch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from functools import partial
from typing import Any

import pytest
from django.db import connections
from django.test import override_settings

from gcp_event_router import EventRouter
from gcp_event_router.inbox.models import Delivery, State

from ..conftest import post_wsgi
from ..effects.models import Effect
from ..support.deliveries import ahead, on_postgresql, push, with_databases
from ..support.own_postgres import until
from ..support.worker_chaos import run_workers, store_steps, wait_for, working
from ..workers.handlers import convert

pytestmark = [with_databases, on_postgresql, pytest.mark.proof, pytest.mark.timeout(600)]


def test_workers_that_are_killed_in_batches(inbox: str) -> None:
    """A thousand deliveries, twenty kills: each takes effect once, and only what had begun counts as lost."""
    figures = run_workers(inbox, deliveries=1000, kills=20)

    assert figures.is_sound, figures
    assert (figures.effects, figures.kills, figures.lost, figures.doubled) == (1000, 20, 0, 0)


def test_a_delivery_that_kills_its_workers(inbox: str) -> None:
    """It is parked after MAX_LOST runs; the others of its batches are done, in one attempt each."""
    store_steps(inbox, ["poison" if number == 20 else None for number in range(60)])
    poison = Delivery.objects.using(inbox).filter(event__reference="20", state=State.RUNNING)

    with working(inbox, 2, lease=3600, max_lost=3) as (process, forked):
        for lost in range(1, 4):
            until(lambda: len(forked) == 2 + lost)  # noqa: B023 -- called at once
            assert poison.update(lease_until=ahead(-1)) == 1
        wait_for(inbox, 60, process)

    found = Counter(Delivery.objects.using(inbox).values_list("state", "attempts", "lost"))
    assert found == {("done", 1, 0): 59, ("parked", 3, 3): 1}
    assert Effect.objects.using(inbox).count() == 2 * 59


@override_settings(TASKS={"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}})
def test_workers_are_woken(inbox: str, router: EventRouter) -> None:
    """A worker that would wait for an hour runs what is stored meanwhile; it ends after SIGTERM."""
    router.on("video-*", deferred=True)(convert)
    with waiting_worker(inbox) as worker:
        for number in range(2):
            until(lambda: _listens(inbox))
            assert post_wsgi(f"/events/video-up/{number}", push(number, {})).status_code == 201
            until(partial(are_done, inbox, number + 1))
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(100) == 0
    assert sorted(Effect.objects.using(inbox).values_list("reference", flat=True)) == ["0", "1"]


def are_done(alias: str, count: int) -> bool:
    return Delivery.objects.using(alias).filter(state=State.DONE).count() == count


def waiting_worker(alias: str) -> subprocess.Popen[bytes]:
    """Start a worker that looks again after an hour."""
    settings = connections[alias].settings_dict
    given: dict[str, Any] = {
        "database": {name: settings[name] for name in ("ENGINE", "NAME", "USER", "HOST")},
        "tasks": {},
        "apps": [],
        "queues": {},
    }
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.workers.settings", "EVENTS_WORKER": json.dumps(given)}
    command = [sys.executable, "-m", "django", "inbox", "process", "--loop", "--interval", "1h"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)


def _listens(alias: str) -> bool:
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN gcp_event_inbox' AND datname = current_database()"
    with connections[alias].cursor() as cursor:
        cursor.execute(sessions)
        return bool(cursor.fetchone() == (1,))
