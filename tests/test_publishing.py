"""Publishing a declared kind through Google's own client, and what it refuses. `test_emulator` tests the whole way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import timedelta
from threading import get_ident
from typing import Any

import pytest
from google.api_core.exceptions import NotFound

from gcp_event_router import EventRouter
from gcp_event_router.exceptions import ConfigurationError
from gcp_event_router.kinds import Kind
from gcp_event_router.publishing import _client as client_of  # pyright: ignore[reportPrivateUsage] -- is made but once

from .support.deliveries import PATIENCE
from .support.pubsub_server import PubSubServer

TOPIC = "projects/p/topics/orders"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PubSubServer]:
    """The server to which the client of this process publishes."""
    client_of.cache_clear()
    with PubSubServer() as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
        yield server
        client_of(os.getpid()).stop()
        client_of.cache_clear()


@pytest.fixture
def counted(router: EventRouter) -> Kind[int]:
    return router.kind("counted", int)


def test_what_failed_once_is_not_refused_for_ever(server: PubSubServer, counted: Kind[int]) -> None:
    """After a message of an ordering key has failed, as its future reports, the next ones of that key are published."""
    server.refused = {"Publish": "NOT_FOUND"}
    with pytest.raises(NotFound):
        counted.publish(TOPIC, 1, ordering_key="k").result(PATIENCE)
    server.refused = {}

    assert [counted.publish(TOPIC, each, ordering_key="k").result(PATIENCE) for each in (2, 3)] == ["2", "3"]


def test_a_message_of_nothing_is_refused(router: EventRouter) -> None:
    """Pub/Sub refuses a message without data and attributes, so `publish` raises immediately."""
    with pytest.raises(ValueError) as caught:
        router.kind("nothing", type(None)).publish(TOPIC, None)
    assert str(caught.value) == (
        "The message has neither data nor attributes, and Pub/Sub refuses such messages. Add an attribute."
    )


def test_an_ordering_key_that_is_too_long_is_refused(counted: Kind[int]) -> None:
    """Pub/Sub counts bytes."""
    with pytest.raises(ValueError) as caught:
        counted.publish(TOPIC, 1, ordering_key="\xe4" * 513)
    assert str(caught.value) == ("The ordering key is too long: Pub/Sub carries 1024 bytes. Give a hash of it.")


def test_a_topic_is_missing(counted: Kind[int]) -> None:
    """Without the outbox, `publish` sends to Pub/Sub, which needs a topic."""
    with pytest.raises(ValueError) as caught:
        counted.publish(1)
    assert str(caught.value) == (
        "The kind 'counted' has no topic, and Pub/Sub needs one. "
        "Give it to publish, or declare it: events.kind(..., topic='my-topic')."
    )


@pytest.mark.parametrize(
    ("given", "named"), [((), {}), ((), {"topic": "t"}), ((1,), {"topic": "t"}), (("t", 1), {"payload": 1}), (("t", 1, 2), {})]
)
def test_arguments_that_are_neither_a_payload_nor_a_topic_and_a_payload(
    counted: Kind[int], given: tuple[Any, ...], named: dict[str, Any]
) -> None:
    """Too few, too many, or a topic by its name behind the payload: `publish` says what it takes."""
    with pytest.raises(TypeError) as caught:
        counted.publish(*given, **named)
    assert str(caught.value) == (
        "publish takes a payload, or a topic and a payload. Write publish(payload) or publish('my-topic', payload)."
    )


def test_times_need_the_outbox(counted: Kind[int]) -> None:
    """Pub/Sub sends each message at once."""
    with pytest.raises(ConfigurationError) as caught:
        counted.publish(TOPIC, 1, delay=timedelta(seconds=1))
    assert str(caught.value) == (
        "Pub/Sub sends each message at once, so at= and delay= need the outbox. "
        'Add "gcp_event_router.outbox" to INSTALLED_APPS, and leave client= out.'
    )


class OwnClient:
    """Notes in which thread it publishes."""

    def __init__(self) -> None:
        self.thread = 0

    def publish(self, topic: str, data: bytes, ordering_key: str = "", **attrs: str) -> Future[str]:
        self.thread = get_ident()
        future = Future[str]()
        future.set_result("17")
        return future


async def test_apublish_uses_no_thread(counted: Kind[int]) -> None:
    """Google's client does not block, so `apublish` calls it on the event loop."""
    client = OwnClient()

    assert await counted.apublish(TOPIC, 1, client=client) == "17"
    assert client.thread == get_ident()
