"""Workers that may be killed: a process that forks some, and another one for each that ends, until its input ends.

It is `inbox process --loop` in each of them. The parent prints the number of each process that it forks. Batches have fifty
deliveries from the first one on.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import django
from django.conf import settings

_workers, _interval, _lease, _max_lost = sys.argv[1:]
settings.GCP_EVENT_ROUTER = {"AUTHENTICATION": [], "INBOX": {"MAX_LOST": int(_max_lost)}}
django.setup()

from django.core.management import call_command  # noqa: E402 -- settings come first

from gcp_event_router import Event, events  # noqa: E402 -- as above
from gcp_event_router.inbox import claimed_batches, workers  # noqa: E402 -- as above

from ..effects.models import Effect  # noqa: E402 -- as above


@events.on("step", name="step", deferred=True, lease=timedelta(seconds=float(_lease)))
def step(event: Event[Any]) -> None:
    """Leave two effects; a poisonous event kills the worker between them."""
    Effect.objects.create(handler="begins", reference=event.reference)
    if event.payload == "poison":
        os.kill(os.getpid(), signal.SIGKILL)
    Effect.objects.create(handler="ends", reference=event.reference)


def fork() -> int:
    """Start a worker; returns its number."""
    child = os.fork()
    if child == 0:
        with Path(os.devnull).open("w", encoding="ascii") as nowhere:
            call_command("inbox", "process", "--loop", f"--interval={_interval}", stdout=nowhere)
        os._exit(0)
    print(child, flush=True)
    return child


def main() -> None:
    """Fork workers until the input ends, and end them."""
    setattr(workers, "FIRST", claimed_batches.MOST)  # noqa: B010 -- a constant for type checkers
    logging.disable()
    children = {fork() for _ in range(int(_workers))}
    while not select.select([sys.stdin], [], [], 0.1)[0]:
        while (ended := _ended()) is not None:
            children.remove(ended)
            children.add(fork())
    for child in children:
        os.kill(child, signal.SIGTERM)
    statuses = {os.waitpid(child, 0)[1] for child in children}
    # The last one may have been killed just now, and its successor may not listen for SIGTERM yet.
    assert statuses <= {0, signal.SIGKILL, signal.SIGTERM}, statuses


def _ended() -> int | None:
    return os.waitpid(-1, os.WNOHANG)[0] or None


if __name__ == "__main__":
    main()
