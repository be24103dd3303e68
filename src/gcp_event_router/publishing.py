"""Publishes messages: into the outbox where it is installed, or through Google's client, which the extra `pubsub` installs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple, Protocol
from uuid import uuid4

from django.conf import settings
from django.core import mail
from django.core.exceptions import SynchronousOnlyOperation
from django.utils import timezone
from typing_extensions import TypedDict

from ._concurrency import in_thread
from ._pubsub_client import make_client, topic_path
from .exceptions import ConfigurationError

__all__ = ["Publisher", "publish"]

#: The client's own parameters: an attribute of such a name would be passed as that parameter.
_CLIENT_PARAMETERS: Final = frozenset({"self", "topic", "data", "ordering_key", "retry", "timeout"})
#: The beginning of the names of attributes that the outbox adds.
OWN_ATTRIBUTES: Final = "event-router-"
#: Pub/Sub's limits, in bytes ("Quotas and limits" in its documentation).
_MAX_ATTRIBUTES: Final = 100
_MAX_NAME: Final = 256
_MAX_VALUE: Final = 1024
_MAX_ORDERING_KEY: Final = 1024
#: What PostgreSQL, Python and a time zone of any offset can all write.
_YEARS: Final = range(2, 9999)
#: On SQLite, a moment after the year 9999 is none, and so due at once.
_LONGEST_DELAY: Final = timedelta(days=36_525)
_NOT_UNICODE: Final = "has half of a character, which UTF-8 cannot encode."
#: What type checkers ask for, by the names of `Publication`, with an example each.
_TYPES: Final[Mapping[str, tuple[Any, str]]] = {
    "topic": (str, "'my-topic'"),
    "attributes": (Mapping, "{'name': 'value'}"),
    "ordering_key": (str, "'customer-17'"),
    "at": (datetime | None, "timezone.now() + timedelta(hours=1)"),
    "delay": (timedelta | None, "timedelta(hours=1)"),
}
#: Google's client raises it for further messages with an ordering key, after one of them has failed.
_PAUSED: Final = "PublishToPausedOrderingKeyException"


class Publisher(Protocol):
    """The type of `google.cloud.pubsub_v1.PublisherClient`, or of a test's replacement."""

    def publish(self, topic: str, data: bytes, ordering_key: str = "", **attrs: str) -> Future[str]:
        """Publish a message, and return a future of its id."""
        ...


class PublishOptions(TypedDict, total=False, closed=True):  # type: ignore[call-arg, unused-ignore]
    """The keyword arguments of `Kind.publish`, which explains them, for type checkers."""

    attributes: Mapping[str, str] | None
    ordering_key: str
    at: datetime | None
    delay: timedelta | None
    client: Publisher | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """An event that a sender publishes."""

    kind: str
    #: As the sender or the kind's declaration names it; empty if neither does.
    topic: str
    data: bytes
    attributes: Mapping[str, str]
    ordering_key: str = ""
    #: When it is due; None for at once. At most one of the two is given.
    at: datetime | None = None
    delay: timedelta | None = None
    #: The payload as handlers read it, for tests.
    payload: object = None


class KeptEvent(NamedTuple):
    """An event in the outbox, for tests."""

    id: str
    publication: Publication
    due: datetime | None = None
    #: The id of the event whose handler has published it; empty if there is none.
    cause: str = ""


class AnyTransport(Protocol):
    """The type of the outbox's transports, as far as tests need it."""

    def send(self, event: Any, /) -> str:
        """Send an event, and return the id that the receiver gave it, or ""."""
        ...


class Outbox(Protocol):
    """Keeps events until a relay sends them. The app `gcp_event_router.outbox` plugs itself in."""

    def put(self, publication: Publication) -> str:
        """Store an event in the current transaction, and return its id."""
        ...

    def stored(self, ids: Collection[str]) -> Sequence[KeptEvent]:
        """Return those of the events that exist."""
        ...

    def relay(self, transport: AnyTransport | None) -> tuple[Sequence[KeptEvent], Sequence[BaseException]]:
        """Send what is due, in this thread, and return what was sent, and the exceptions of failed attempts."""
        ...


class Recorder(Protocol):
    """Watches what a test publishes."""

    def record(self, event_id: str, publication: Publication, *, is_stored: bool) -> None:
        """Note an event, and whether the outbox has stored it."""
        ...


#: Those of the current test. While there are any, nothing is sent to Pub/Sub at once.
recorders: Final[list[Recorder]] = []
_outbox: Outbox | None = None


def set_outbox(new: Outbox | None) -> None:
    """Keep events in `new` from now on, or send them at once. The outbox's app calls it."""
    global _outbox  # noqa: PLW0603 -- one for each process
    _outbox = new


def current_outbox() -> Outbox | None:
    """Return the outbox of this process, if it is installed."""
    return _outbox


def publish(publication: Publication, client: Publisher | None) -> Future[str]:
    """Publish an event: into the outbox, or, without one or with a client, at once.

    Raises:
        ConfigurationError: Google's client is not installed or has no credentials, or a time is given without the outbox.
        TypeError: An option has another type.
        ValueError: The topic has no full path, or Pub/Sub would refuse the message, or a time or an order cannot be kept.
        SynchronousOnlyOperation: An event loop runs in this thread, which the outbox would block.

    """
    _check(publication)
    if _outbox is None or client is not None:
        return _send(publication, client)
    try:
        return _done(_put(_outbox, publication))
    except SynchronousOnlyOperation as error:
        msg = "In async code, publish would block the event loop until the database has answered. Write await and apublish."
        raise SynchronousOnlyOperation(msg) from error


async def apublish(publication: Publication, client: Publisher | None) -> str:
    """Do the same as `publish`, and await the id; in a thread only if the outbox needs the database."""
    _check(publication)
    if _outbox is not None and client is None:
        return await in_thread(partial(_put, _outbox, publication))
    return await asyncio.wrap_future(_send(publication, client))


def _put(outbox: Outbox, publication: Publication) -> str:
    event_id = outbox.put(publication)
    for recorder in recorders:
        recorder.record(event_id, publication, is_stored=True)
    return event_id


def _send(publication: Publication, client: Publisher | None) -> Future[str]:
    if publication.at is not None or publication.delay is not None:
        msg = (
            "Pub/Sub sends each message at once, so at= and delay= need the outbox. "
            'Add "gcp_event_router.outbox" to INSTALLED_APPS, and leave client= out.'
        )
        raise ConfigurationError(msg)
    if not publication.topic:
        msg = (
            f"The kind {publication.kind!r} has no topic, and Pub/Sub needs one. "
            "Give it to publish, or declare it: events.kind(..., topic='my-topic')."
        )
        raise ValueError(msg)
    if recorders:
        topic_path(publication.topic, "test")
        _check_content(publication.data, publication.attributes)
        event_id = str(uuid4())
        for recorder in recorders:
            recorder.record(event_id, publication, is_stored=False)
        return _done(event_id)
    return send(publication.topic, publication.data, publication.attributes, publication.ordering_key, client)


def _done(event_id: str) -> Future[str]:
    future = Future[str]()
    future.set_result(event_id)
    return future


def send(
    topic: str, data: bytes, attributes: Mapping[str, str] | None, ordering_key: str, client: Publisher | None
) -> Future[str]:
    """Send a message to Pub/Sub at once, by default with one client for each process.

    Raises:
        ConfigurationError: Google's client is not installed, or has no credentials.
        ValueError: The topic has no full path, or Pub/Sub would refuse the message.

    """
    topic = topic_path(topic)
    _check_content(data, attributes)
    publisher: Any = _client(os.getpid()) if client is None else client
    call: Callable[[], Future[str]] = partial(publisher.publish, topic, data, ordering_key=ordering_key, **(attributes or {}))
    future = call()
    if client is None and ordering_key and future.done() and type(future.exception()).__name__ == _PAUSED:
        # the failed message's future has reported the failure, and only we can resume the key on this client
        with suppress(RuntimeError):  # another thread has just resumed it
            publisher.resume_publish(topic, ordering_key)
        future = call()
    return future


@lru_cache(maxsize=1)
def _client(_process: int) -> Any:
    """Make the client of this process; a client from before a fork does not work after it."""
    if hasattr(mail, "outbox") and not os.environ.get("PUBSUB_EMULATOR_HOST"):  # setup_test_environment sets it
        msg = (
            "This test publishes to Pub/Sub itself, which takes credentials and a network. Publish within "
            "`with testing.published():`, pass client=, or name an emulator in the environment variable PUBSUB_EMULATOR_HOST."
        )
        raise ConfigurationError(msg)
    return make_client()


def _check_content(data: bytes, attributes: Mapping[str, str] | None) -> None:
    if not data and not attributes:
        msg = "The message has neither data nor attributes, and Pub/Sub refuses such messages. Add an attribute."
        raise ValueError(msg)


def _check(publication: Publication) -> None:
    for name, (types, example) in _TYPES.items():
        if not isinstance(value := getattr(publication, name), types):
            msg = f"publish cannot use {name}= of the type {type(value).__qualname__}. Write {name}={example}."
            raise TypeError(msg)
    if not _is_unicode(publication.ordering_key):
        msg = f"The ordering key {publication.ordering_key!r} {_NOT_UNICODE}"
        raise ValueError(msg)
    if len(publication.ordering_key.encode()) > _MAX_ORDERING_KEY:
        msg = f"The ordering key is too long: Pub/Sub carries {_MAX_ORDERING_KEY} bytes. Give a hash of it."
        raise ValueError(msg)
    problem = _problem_of_times(publication)
    if problem is not None:
        raise ValueError(problem)
    _check_attributes(publication.attributes)


def _problem_of_times(publication: Publication) -> str | None:
    at, delay = publication.at, publication.delay
    if at is not None and delay is not None:
        return "at= and delay= are both given, and an event is due at one time. Give one of them."
    if (at is not None or delay is not None) and publication.ordering_key:
        name = "delay" if at is None else "at"
        return (
            f"ordering_key= and {name}= are both given, so all later events with the key would have to wait for this one. "
            "Leave one of them out."
        )
    if at is not None and settings.USE_TZ and timezone.is_naive(at):
        return f"at={at!r} has no time zone, so the moment is unknown. Give an aware time, such as timezone.now() + ..."
    if at is not None and at.year not in _YEARS:
        return f"at={at!r} is in a year that some time zones do not have. Give a time between the years 2 and 9998."
    if delay is not None and delay < timedelta(0):
        return f"delay={delay!r} is negative, and nobody can send into the past. Give a timedelta from 0."
    if delay is not None and delay > _LONGEST_DELAY:
        return f"delay={delay!r} is longer than a hundred years. Give a shorter one."
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_attributes(attributes: Mapping[Any, Any]) -> None:
    if len(attributes) > _MAX_ATTRIBUTES:
        msg = f"{len(attributes)} attributes are too many: Pub/Sub carries {_MAX_ATTRIBUTES}. Put some into the payload."
        raise ValueError(msg)
    for key, value in attributes.items():
        if not isinstance(key, str) or not isinstance(value, str):
            problem = "must map a string to a string."
        elif not (_is_unicode(key) and _is_unicode(value)):
            problem = _NOT_UNICODE
        elif not 0 < len(key.encode()) <= _MAX_NAME or len(value.encode()) > _MAX_VALUE:
            problem = f"is too long, or has no name: Pub/Sub carries names of {_MAX_NAME} bytes and values of {_MAX_VALUE}."
        elif key.lower().startswith("goog"):
            problem = "has a name that Pub/Sub reserves. Choose one that does not begin with 'goog'."
        elif key.lower().startswith(OWN_ATTRIBUTES):
            problem = f"has a name that the outbox needs. Choose one that does not begin with {OWN_ATTRIBUTES!r}."
        elif key in _CLIENT_PARAMETERS:
            problem = "has the name of a parameter of Google's client. Choose another name."
        else:
            continue
        msg = f"The attribute {key!r} {problem}"
        raise ValueError(msg)
