"""Publishing a declared kind through Google's own client, and what it refuses. `test_emulator` tests the whole way."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from google.api_core.exceptions import NotFound

from gcp_event_router import EventRouter
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
