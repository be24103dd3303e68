"""The smaller run of events on their whole way; `make chaos` is the larger one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ..support.relay_chaos import run_relays

if TYPE_CHECKING:
    from local_pubsub import Emulator


@pytest.mark.proof
def test_committed_events_take_effect_once_and_in_order_while_processes_are_killed(emulator: Emulator) -> None:
    """Two hundred transactions, a tenth of them rolled back, twenty kills, a crash of PostgreSQL: each event has its effect."""
    figures = run_relays(emulator, events=200, kills=20, restarts=1, accounts=20)

    assert figures.is_sound, figures
    assert (sum(figures.kills.values()), figures.restarts) == (20, 1)
