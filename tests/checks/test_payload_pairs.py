"""The pairs of payloads on which the checks, the plugin and the stub agree, as the checks see them."""

from __future__ import annotations

from gcp_event_router import EventRouter
from gcp_event_router.checks.payloads import check_payloads

from ..support.payload_pairs import PAIRS, READABLE, UNREADABLE, register


def test_e010_of_each_pair() -> None:
    """The checks report exactly the handlers whose pair says so."""
    router = EventRouter()
    register(router)

    reported = {message.obj for message in check_payloads(router) if message.id == "gcp_event_router.E010"}
    assert [str(pair) for number, pair in enumerate(PAIRS) if f"reads_{number}" in reported] == [str(pair) for pair in UNREADABLE]


def test_enough_pairs() -> None:
    """There are at least 60 pairs, no two of them the same."""
    assert min(len(READABLE), len(UNREADABLE)) >= 30
    assert len({str(pair) for pair in PAIRS}) == len(PAIRS)
