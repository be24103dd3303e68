"""Publishes in transactions, a tenth of which it rolls back, until SIGTERM; a process that `test_outbox_chaos` kills.

Each transaction also writes what it publishes into the table of effects, after it has the lock of the ordering key: so this table
has what was committed, in order for each key.
"""

from __future__ import annotations

# ruff: noqa: E402 -- Django's settings come before its imports
import os
import random
import time
from itertools import count

import django

django.setup()

from django.db import DatabaseError, InterfaceError, connection, transaction

from gcp_event_router import events
from gcp_event_router._shutdown import stop_flag
from tests.effects.models import Effect

KEYS = 10
Numbered = events.kind("numbered", bytes)


def publish(number: str) -> None:
    """Publish one to three events with a key, in one transaction."""
    key = f"k{random.randrange(KEYS)}"
    with transaction.atomic():
        for part in range(random.randint(1, 3)):
            Numbered.publish(f"{number}.{part}".encode(), ordering_key=key)
            Effect.objects.create(handler=key, reference=f"{number}.{part}")
        time.sleep(random.uniform(0, 0.005))
        transaction.set_rollback(random.random() < 0.1)


with stop_flag() as stop:
    for number in count():
        if stop.wait(0.01):
            break
        try:
            publish(f"{os.getpid()}.{number}")
        except (DatabaseError, InterfaceError):
            connection.close()
            stop.wait(0.2)
connection.close()
