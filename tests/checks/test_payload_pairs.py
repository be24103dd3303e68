"""The pairs of payloads on which the checks, the plugin and the stub agree, as the checks see them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gcp_event_router import EventRouter
from gcp_event_router.checks.payloads import check_payloads

from ..support.payload_pairs import (
    GOOGLE_PAIRS,
    GOOGLE_READABLE,
    GOOGLE_UNREADABLE,
    PAIRS,
    READABLE,
    UNREADABLE,
    Pair,
    register,
    register_google,
)


def test_e010_of_each_pair() -> None:
    """The checks report exactly the handlers whose pair says so."""
    router = EventRouter()
    register(router)

    assert reported(router, "gcp_event_router.E010", PAIRS) == [str(pair) for pair in UNREADABLE]


@pytest.mark.proof
def test_e011_of_each_pair() -> None:
    """The same for the types of Google's events."""
    router = EventRouter()
    register_google(router)

    assert reported(router, "gcp_event_router.E011", GOOGLE_PAIRS) == [str(pair) for pair in GOOGLE_UNREADABLE]


def reported(router: EventRouter, check: str, pairs: Sequence[Pair]) -> list[str]:
    """The pairs whose handlers a check reports."""
    handlers = {message.obj for message in check_payloads(router) if message.id == check}
    return [str(pair) for number, pair in enumerate(pairs) if f"reads_{number}" in handlers]


def test_enough_pairs() -> None:
    """There are at least 60 pairs, no two of them the same."""
    assert min(len(READABLE), len(UNREADABLE)) >= 30
    assert min(len(GOOGLE_READABLE), len(GOOGLE_UNREADABLE)) >= 30
    assert len({str(pair) for pair in (*PAIRS, *GOOGLE_PAIRS)}) == len(PAIRS) + len(GOOGLE_PAIRS)
