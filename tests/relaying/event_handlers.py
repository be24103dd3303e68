"""The kind that the site sends to itself, and its handler, which the inbox's workers run."""

from __future__ import annotations

import random
import time
from datetime import timedelta

from pydantic import BaseModel

from gcp_event_router import Backoff, Event, events

from ..effects.models import Arrived

LONGEST = 0.005
"""Seconds that the handler takes beside its work."""
FAILURES = 0.02
"""The share of its runs that fail."""


class Move(BaseModel):
    account: str
    number: int


Moves = events.kind("moved", Move, topic="moves")


@Moves.on(
    name="arrive",
    deferred=True,
    order_by=lambda event: event.payload.account,  # the emulator leaves the ordering key out
    lease=timedelta(seconds=3),
    retry=Backoff(first=timedelta(milliseconds=100), cap=timedelta(seconds=1)),
    max_attempts=10_000,
)
def arrive(event: Event[Move]) -> None:
    Arrived.objects.create(account=event.payload.account, number=event.payload.number)
    time.sleep(random.uniform(0, LONGEST))
    if random.random() < FAILURES:
        msg = "the handler fails at random"
        raise RuntimeError(msg)
