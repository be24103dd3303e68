"""What the tests of pulling share: topics and subscriptions of their own, and a stream that ends by itself."""

from __future__ import annotations

from itertools import count
from threading import Event as Flag
from typing import Any

from gcp_event_router.pulling import Delivered, Here, Puller
from gcp_event_router.pulling.stream import pull
from local_pubsub import PATIENCE, Emulator

__all__ = ["new_subscription", "new_topic", "pull_some"]

_numbers = count(1)


def new_topic(emulator: Emulator) -> str:
    """A topic of the test's own."""
    return emulator.topic(f"topic-{next(_numbers)}")


def new_subscription(emulator: Emulator, topic: str, endpoint: str = "", **more: Any) -> str:
    """A subscription of the test's own."""
    return emulator.subscription(f"subscription-{next(_numbers)}", topic, endpoint, **more)


def pull_some(subscription: str, limit: int, kind: str = "k", *, workers: int = 1) -> list[tuple[str, Delivered]]:
    """Pull so many messages into this process's handlers; returns each one's id and what became of it."""
    stop = Flag()
    told: list[tuple[str, Delivered]] = []
    puller = Puller(Here(), subscription, kind, "r", stop=stop, limit=limit, tell=lambda *each: told.append(each))
    pull(subscription, puller.receive, stop, workers=workers, max_messages=10, max_bytes=1 << 20, timeout=PATIENCE)
    return told
