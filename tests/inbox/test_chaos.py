"""The smaller chaos run; `make chaos` is the larger one. Row E2."""

from __future__ import annotations

import pytest

from ..support.chaos import run
from ..support.deliveries import with_databases

pytestmark = [with_databases, pytest.mark.proof]


@pytest.mark.parametrize("alias", ["postgresql", "mariadb"])
def test_e2_each_event_takes_effect_once_while_processes_are_killed(alias: str, transactional_db: None) -> None:
    """A hundred events, three copies of each, four processes, twenty kills: each event takes effect once."""
    figures = run(alias, events=100, kills=20)

    assert figures.is_sound, figures
    assert (figures.effects, figures.kills, figures.lost, figures.doubled) == (100, 20, 0, 0)
