"""Publishing through Google's client, which the extra `pubsub` installs. Called by `kinds`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from typing import Any, Final, Protocol

from .exceptions import ConfigurationError

__all__ = ["Publisher", "publish"]

_TOPIC: Final = re.compile(r"projects/[^/]+/topics/[^/]+")
#: Names of the client's own parameters, which it would take an attribute for.
_TAKEN: Final = frozenset({"self", "topic", "data", "ordering_key", "retry", "timeout"})
#: Pub/Sub's limits: "Quotas and limits" of its documentation. It counts bytes.
_ATTRIBUTES: Final = 100
_KEY: Final = 256
_VALUE: Final = 1024
_ORDERING_KEY: Final = 1024
#: What Google's client answers for each message of an ordering key, once one of it has failed.
_PAUSED: Final = "PublishToPausedOrderingKeyException"


class Publisher(Protocol):
    """What publishes: `google.cloud.pubsub_v1.PublisherClient`, or what a test has in its place."""

    def publish(self, topic: str, data: bytes, ordering_key: str = "", **attrs: str) -> Future[str]:
        """Publish a message; the future has its id."""
        ...


def publish(
    topic: str, data: bytes, attributes: Mapping[str, str] | None, ordering_key: str, client: Publisher | None
) -> Future[str]:
    """Publish a message, by a client that is made once for each process unless one is given.

    Raises:
        ConfigurationError: Google's client is not installed.
        ValueError: The topic is no path of one, or Pub/Sub cannot carry the message.

    """
    if not _TOPIC.fullmatch(topic):
        msg = f"The topic {topic!r} is not a full path. Write 'projects/my-project/topics/my-topic'."
        raise ValueError(msg)
    _check(attributes or {})
    if not data and not attributes:
        msg = "The message has neither data nor attributes, and Pub/Sub refuses such a message. Give it an attribute."
        raise ValueError(msg)
    if len(ordering_key.encode()) > _ORDERING_KEY:
        msg = f"The ordering key is too long: Pub/Sub carries {_ORDERING_KEY} bytes. Give a hash of it."
        raise ValueError(msg)
    if client is not None:
        return client.publish(topic, data, ordering_key=ordering_key, **(attributes or {}))
    publisher = _client(os.getpid())
    future: Future[str] = publisher.publish(topic, data, ordering_key=ordering_key, **(attributes or {}))
    if ordering_key and future.done() and type(future.exception()).__name__ == _PAUSED:
        # the future of the message that failed has told so, and nobody else has this client to let the key go on
        with suppress(RuntimeError):  # another thread has just done so
            publisher.resume_publish(topic, ordering_key)
        future = publisher.publish(topic, data, ordering_key=ordering_key, **(attributes or {}))
    return future


@lru_cache(maxsize=1)
def _client(_process: int) -> Any:
    """The client of this process; one made before a fork does not work after it."""
    try:
        pubsub: Any = import_module("google.cloud.pubsub_v1")
    except ImportError as error:
        msg = "publish() needs Google's client, which is not installed: pip install 'gcp-event-router[pubsub]'."
        raise ConfigurationError(msg) from error
    return pubsub.PublisherClient(publisher_options=pubsub.types.PublisherOptions(enable_message_ordering=True))


def _check(attributes: Mapping[Any, Any]) -> None:
    if len(attributes) > _ATTRIBUTES:
        msg = f"{len(attributes)} attributes are too many: Pub/Sub carries {_ATTRIBUTES}. Put some into the payload."
        raise ValueError(msg)
    for key, value in attributes.items():
        problem = None
        if not isinstance(key, str) or not isinstance(value, str):
            problem = "is not text. Map strings to strings."
        elif not 0 < len(key.encode()) <= _KEY or len(value.encode()) > _VALUE:
            problem = f"is too long, or has no name: Pub/Sub carries names of {_KEY} bytes and values of {_VALUE}."
        elif key.lower().startswith("goog"):
            problem = "has a name that Pub/Sub keeps for itself. Choose one that does not begin with 'goog'."
        elif key in _TAKEN:
            problem = "has the name of a parameter of Google's client, which would take it for that. Choose another name."
        if problem is not None:
            msg = f"The attribute {key!r} {problem}"
            raise ValueError(msg)
