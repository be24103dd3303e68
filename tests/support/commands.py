"""`manage.py inbox` in a process of its own, which ends within a time whatever becomes of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from django.db import connections

from gcp_event_router._dispatch.raw_event import RawEvent
from gcp_event_router.envelopes import read
from gcp_event_router.inbox.models import Delivery, State, StoredEvent
from gcp_event_router.inbox.serialization import row_of

from .deliveries import push
from .processes import AHEAD, limited

ROOT = Path(__file__).resolve().parents[2]
HANDLER = "tests.workers.handlers.convert"


def start(alias: str, *arguments: str, **environ: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """The command, in a process of its own, on the test's database; for a `with`."""
    settings = connections[alias].settings_dict
    database = {key: settings[key] for key in ("ENGINE", "NAME", "USER", "HOST", "OPTIONS")}
    given: dict[str, Any] = {"database": database, "tasks": {}, "apps": [], "queues": {}}
    worker = {"DJANGO_SETTINGS_MODULE": "tests.workers.settings", "EVENTS_WORKER": json.dumps(given)}
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    environment = {**inherited, **environ, **worker}
    command = [sys.executable, "-m", "django", "inbox", *arguments]
    pipe = subprocess.PIPE
    return limited(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True, pipesize=AHEAD))


def keep(alias: str, count: int, state: State, reference: str = "") -> None:
    """Have deferred deliveries been kept, whose references are numbers after some text."""
    raw_events = [(number, RawEvent(read(push(number, {"a": number})))) for number in range(count)]
    events = [row_of("video-up", f"{reference}{number}", raw_event) for number, raw_event in raw_events]
    StoredEvent.objects.using(alias).bulk_create(events)
    Delivery.objects.using(alias).bulk_create(
        Delivery(event=each, handler=HANDLER, state=state, deferred=True) for each in events
    )
