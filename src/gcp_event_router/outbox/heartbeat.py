"""Notes that relays are running, for people and for the check that asks for it."""

from __future__ import annotations

import os
from datetime import timedelta
from socket import gethostname
from time import monotonic
from typing import Final

from django.db.models.functions import Now

from .._boxes.clock import ago
from .._boxes.conflicts import retry_conflicts
from .models import SeenRelay

#: The shortest time between two notes of a process, in seconds.
_INTERVAL: Final = 10.0
#: How long a process is remembered.
_KEPT: Final = timedelta(days=1)
_HOST_LENGTH: Final = 200

#: The process and the time of the last note, by database.
_noted: Final[dict[str, tuple[int, float]]] = {}


def note_relay(alias: str) -> None:
    """Note that this process relays events, with at most one write in ten seconds."""
    process, time = os.getpid(), monotonic()
    noted = _noted.get(alias)
    if noted is None or noted[0] != process or time - noted[1] >= _INTERVAL:
        _note(alias, f"{gethostname()[:_HOST_LENGTH]}:{process}")
        _noted[alias] = (process, time)


@retry_conflicts
def _note(alias: str, name: str) -> None:
    rows = SeenRelay.objects.using(alias)
    if not rows.filter(pk=name).update(seen_at=Now()):
        rows.bulk_create([SeenRelay(name=name)], ignore_conflicts=True)
        rows.filter(seen_at__lt=ago(_KEPT)).delete()
