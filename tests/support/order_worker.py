"""A process of tests/inbox/test_order_processes.py: it runs deliveries in order, until none is open."""

from __future__ import annotations

import logging
import random
import sys
import time
from datetime import timedelta
from pathlib import Path

import django

django.setup()

from pydantic import BaseModel  # noqa: E402 -- settings come first

from gcp_event_router import Backoff, Event, events  # noqa: E402 -- as above
from gcp_event_router._boxes.states import OPEN  # noqa: E402 -- as above
from gcp_event_router.inbox.models import Delivery  # noqa: E402 -- as above
from gcp_event_router.inbox.workers import process  # noqa: E402 -- as above

from ..effects.models import Effect  # noqa: E402 -- as above

_seed, _gate = sys.argv[1:]
_GATE = Path(_gate)
_random = random.Random(_seed)


class GiveUpError(Exception):
    """After it, the delivery is parked."""


class Step(BaseModel):
    key: str
    number: int


@events.on(
    "step",
    name="step",
    payload=Step,
    order_by=lambda event: event.payload.key,
    deferred=True,
    max_attempts=10_000,
    retry=Backoff(first=timedelta(0), give_up_on=GiveUpError),
)
def take(event: Event[Step]) -> None:
    """Note the step. A tenth of the runs fail.

    Until the gate is open, the first step of one key waits in its run, and that of another one fails, and is parked after that.
    """
    step = event.payload
    Effect.objects.create(handler=step.key, reference=str(step.number))
    while step.key == "held" and step.number == 0 and not _GATE.exists():  # the test ends this process if it never opens
        time.sleep(0.02)
    if step.key == "parked" and step.number == 0:
        raise GiveUpError if _GATE.exists() else ValueError
    if _random.random() < 0.1:
        raise ValueError


if __name__ == "__main__":
    logging.disable()  # of the failures
    while Delivery.objects.filter(state__in=OPEN).exists():
        for _ in process("default"):
            pass
        time.sleep(0.05)
