"""Fixtures for pytest, which finds them by itself; a project that uses none of them notices nothing.

`event_push` and `event_apush` send events; `event_recording` has what was delivered since the test began; `event_router` is
`events` without any handler, for handlers of the test's own; `event_signer` signs tokens, as Google does.
"""

# ruff: noqa: PLC0415 -- pytest imports this before Django has its settings

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, Unpack, cast

import pytest

if TYPE_CHECKING:
    from ..event import Principal
    from ..router import EventRouter
    from .client import PushOptions
    from .recording import Recording
    from .result import Pushed
    from .token_signer import TokenSigner

__all__ = [
    "APush",
    "Push",
    "event_apush",
    "event_principal",
    "event_push",
    "event_recording",
    "event_router",
    "event_signer",
]

ResultT_co = TypeVar("ResultT_co", covariant=True)


class _Pusher(Protocol[ResultT_co]):
    """What `event_push` and `event_apush` are."""

    def __call__(self, kind: Any, reference: Any = "1", payload: Any = None, **options: Unpack[PushOptions]) -> ResultT_co:
        """Send an event."""
        ...


if TYPE_CHECKING:
    Push: TypeAlias = _Pusher[Pushed]
    APush: TypeAlias = _Pusher[Awaitable[Pushed]]
else:
    Push = APush = _Pusher


@pytest.fixture
def event_principal() -> Principal | None:
    """Who is said to send, by the two below; have it return a `Principal` in your conftest, or leave it to the settings."""
    return None


@pytest.fixture
def event_push(event_principal: Principal | None) -> Push:
    """`testing.push`, sent by `event_principal`."""
    from .client import push

    return cast("Push", push if event_principal is None else partial(push, principal=event_principal))


@pytest.fixture
def event_apush(event_principal: Principal | None) -> APush:
    """`testing.apush`, sent by `event_principal`."""
    from .client import apush

    return cast("APush", apush if event_principal is None else partial(apush, principal=event_principal))


@pytest.fixture
def event_recording() -> Iterator[Recording]:
    """What is delivered to handlers during the test."""
    from .recording import record

    with record() as recording:
        yield recording


@pytest.fixture
def event_router() -> Iterator[EventRouter]:
    """`events` without any registration; after the test all is as before."""
    from .isolation import isolated

    with isolated(empty=True) as router:
        yield router


@pytest.fixture
def event_signer() -> Iterator[TokenSigner]:
    """Signs tokens that `auth.OIDC` accepts during the test. Needs the extra `oidc`."""
    from .token_signer import TokenSigner

    with TokenSigner() as signer:
        yield signer
