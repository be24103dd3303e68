"""The states of rows, in both boxes."""

from __future__ import annotations

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _


class State(models.TextChoices):
    """The state of a delivery, or of an outgoing event. The first three are open."""

    PENDING = "pending", _("pending")
    RUNNING = "running", _("running")
    FAILED = "failed", _("failed")
    DONE = "done", _("done")
    REJECTED = "rejected", _("rejected")
    PARKED = "parked", _("parked")
    DISCARDED = "discarded", _("discarded")
    UNHANDLED = "unhandled", _("no handler")


#: The states of rows that are waiting or running, in the order of the index of open deferred deliveries.
OPEN: Final = (State.PENDING, State.RUNNING, State.FAILED)
#: The states of rows that only a person's decision runs again.
SETTLED: Final = frozenset(set(State) - set(OPEN))
