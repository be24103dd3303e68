"""Fixtures that pytest finds by itself: for sending, recording, handling and publishing events, and for signing tokens."""

# ruff: noqa: PLC0415 -- pytest imports this module before Django has its settings

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

if TYPE_CHECKING:
    from gcp_event_router_kinds import Pusher

    from ..event import Principal
    from ..router import EventRouter
    from .publications import Published
    from .recording import Recording
    from .result import Pushed
    from .token_signer import TokenSigner

    Push: TypeAlias = Pusher[Pushed]
    APush: TypeAlias = Pusher[Coroutine[Any, Any, Pushed]]
else:
    Push = APush = Any

__all__ = [
    "APush",
    "Push",
    "event_apush",
    "event_principal",
    "event_published",
    "event_push",
    "event_recording",
    "event_router",
    "event_signer",
]


@pytest.fixture
def event_principal() -> Principal | None:
    """Return the sender of `event_push` and `event_apush`, or None if the settings decide. Define it in your conftest."""
    return None


@pytest.fixture
def event_push(event_principal: Principal | None) -> Push:
    """Return `testing.push`, sent by `event_principal` unless it is signed."""
    from .client import push, with_defaults

    return push if event_principal is None else with_defaults(push, principal=event_principal)


@pytest.fixture
def event_apush(event_principal: Principal | None) -> APush:
    """Return `testing.apush`, sent by `event_principal` unless it is signed."""
    from .client import apush, with_defaults

    return apush if event_principal is None else with_defaults(apush, principal=event_principal)


@pytest.fixture
def event_recording() -> Iterator[Recording]:
    """Record deliveries to handlers during the test."""
    from .recording import record

    with record() as recording:
        yield recording


@pytest.fixture
def event_published() -> Iterator[Published]:
    """Record what is published during the test; without the outbox, nothing is sent."""
    from .publications import published

    with published() as recorded:
        yield recorded


@pytest.fixture
def event_router() -> Iterator[EventRouter]:
    """Remove all handlers from `events` during the test."""
    from .isolation import isolated

    with isolated(empty=True) as router:
        yield router


@pytest.fixture
def event_signer() -> Iterator[TokenSigner]:
    """Sign tokens that `auth.OIDC` accepts during the test. Needs the extra `oidc`."""
    from .token_signer import TokenSigner

    with TokenSigner() as signer:
        yield signer
