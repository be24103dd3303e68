"""What the processes serve that `chaos` kills, and how gunicorn tells of them: `--config python:tests.support.chaos_server`.

In the folder `EVENTS_FOLDER` there is a file for each process that serves, named by its id, and one for each run of a handler,
named by its process and thread.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.support.inbox_server_settings")

from django.core.wsgi import get_wsgi_application

wsgi = get_wsgi_application()

from gcp_event_router import Event, events  # noqa: E402 -- settings come first

from ..effects.models import Effect  # noqa: E402 -- as above

FOLDER = Path(os.environ.get("EVENTS_FOLDER", os.devnull))
LEASE = timedelta(seconds=2)
ATTEMPTS = 1000
"""Nothing is parked: that would be acknowledged, and not done."""
LONGEST = 0.02
"""Seconds that a handler takes beside its work."""


def post_fork(server: object, worker: Any) -> None:
    """Called by gunicorn in a new process."""
    (FOLDER / str(os.getpid())).touch()


def child_exit(server: object, worker: Any) -> None:
    """Called by gunicorn once a process is no more."""
    (FOLDER / str(worker.pid)).unlink(missing_ok=True)


@contextmanager
def running() -> Generator[None]:
    """Leave a file if the process ends in the block."""
    file = FOLDER / f"{os.getpid()}-{threading.get_ident()}"
    file.touch()
    yield
    file.unlink()


def work(name: str, event: Event[object]) -> None:
    """What has to be done wholly or not at all."""
    with running():
        Effect.objects.create(handler=f"{name} begins", reference=event.reference)
        time.sleep(random.uniform(0, LONGEST))
        Effect.objects.create(handler=f"{name} ends", reference=event.reference)


@events.on("one", "two", name="first", lease=LEASE, max_attempts=ATTEMPTS)
def first(event: Event[object]) -> None:
    """The handler of each event."""
    work("first", event)


@events.on("two", name="second", lease=LEASE, max_attempts=ATTEMPTS)
def second(event: Event[object]) -> None:
    """The second handler that some have."""
    work("second", event)
