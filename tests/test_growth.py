"""What senders choose - kinds, references, types, attributes, tokens - takes no memory for ever, however many there are."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import RequestFactory

from gcp_event_router import Event, EventRouter, auth
from gcp_event_router._dispatch.dispatch import warned
from gcp_event_router._dispatch.raw_event import RawEvent
from gcp_event_router.envelopes import read
from gcp_event_router.exceptions import AuthenticationError
from gcp_event_router.signals import EventSignal

from .support.issuers import google

#: A memory of 1,024 entries is as full after these many as before.
MANY = 100 * 1024
#: Enough to fill every bounded memory.
FEW = 20 * 1024
#: Each object is a block of memory, or more.
BLOCKS = 2_000

JSON = {"CONTENT_TYPE": "application/json"}
CLOUD_EVENT = {"CONTENT_TYPE": "application/cloudevents+json"}
PUSH = b'{"message": {"data": "e30=", "attributes": {"region": "%d"}}, "subscription": "projects/p/subscriptions/s"}'
EVENT = b'{"specversion": "1.0", "id": "%d", "source": "/s", "type": "com.example.t%d", "data": {}}'


def handle(event: Event[Any]) -> None: ...


@pytest.fixture
def quiet() -> Iterator[None]:
    """Log nothing, since pytest keeps all lines."""
    logger = logging.getLogger("gcp_event_router")
    before, logger.disabled = logger.disabled, True
    yield
    logger.disabled = before


def growth(send: Callable[[int], object], few: int = FEW, many: int = MANY) -> int:
    """How many blocks of memory more are in use after many calls than after a few."""
    for number in range(few):
        send(number)
    gc.collect()
    before = sys.getallocatedblocks()
    for number in range(few, few + many):
        send(number)
    gc.collect()
    return sys.getallocatedblocks() - before


def delivery(kind: str, body: bytes, meta: dict[str, str], **options: Any) -> Callable[[int], object]:
    """Deliver events to a router with one handler, with their number for each `%d`."""
    router, signal = EventRouter(), EventSignal()
    router.on("order-*", **options)(handle)
    router.listen(signal)
    numbers = body.count(b"%d")
    return lambda number: signal.deliver(
        None, kind.replace("%d", str(number)), str(number), RawEvent(read(body % ((number,) * numbers), meta))
    )


@pytest.mark.proof
@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    ("kind", "body", "meta", "options"),
    [
        pytest.param("order-%d", b"{}", JSON, {}, id="kinds"),
        pytest.param("refund-%d", b"{}", JSON, {}, id="unhandled kinds"),
        pytest.param("order-a", PUSH, JSON, {"attributes": {"region": "[!x]*"}}, id="attributes"),
        pytest.param("order-a", EVENT, CLOUD_EVENT, {"ce_type": "com.example.*"}, id="types"),
    ],
)
def test_events(kind: str, body: bytes, meta: dict[str, str], options: dict[str, Any]) -> None:
    """Events leave nothing behind, although each has a reference, and a kind, an attribute or a type, that no other has."""
    assert growth(delivery(kind, body, meta, **options)) < BLOCKS


@pytest.mark.proof
@pytest.mark.usefixtures("quiet")
def test_refused_tokens() -> None:
    """Tokens that are refused leave nothing behind, although each is new; `test_accepted_tokens` counts the others."""
    with google() as world:
        authenticator = auth.configured()
        header, claims, signature = world.issuer.token().split(".")
        factory = RequestFactory()

        def send(number: int) -> None:
            token = f"{header}.{claims}.{number:010d}{signature[10:]}"
            with pytest.raises(AuthenticationError):
                authenticator.authenticate(factory.post("/events/a/1", HTTP_AUTHORIZATION=f"Bearer {token}"))

        assert growth(send, FEW // 10, MANY // 10) < BLOCKS  # each takes a verification


def test_long_kinds() -> None:
    """Types that no handler takes leave little in memory, however long they are: the warnings remember their beginnings."""
    send = delivery("%d" * 1_000_000, b"{}", JSON)
    for number in range(3):
        send(number)
    assert sum(map(len, warned)) == 3 * 255
