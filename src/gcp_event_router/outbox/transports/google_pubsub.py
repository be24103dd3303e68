"""Publishes events to Google's Pub/Sub."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from datetime import timedelta
from functools import partial
from queue import SimpleQueue
from threading import Lock, Thread
from time import monotonic
from typing import Any, ClassVar, Final, cast

from typing_extensions import override

from ..._pubsub_client import make_client, topic_path
from ..models import OutgoingEvent
from .base import HeldBackError, Transport
from .transport_options import refuse, seconds_to_send

__all__ = ["PubSub"]

_PROJECT: Final = re.compile(r"(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
#: How many times as long as a request may take the client has for a line, whose batches it publishes one after the other.
_PATIENCE: Final = 3
_ENDPOINT: Final = re.compile(r"[a-z0-9.-]+(?::[0-9]{1,5})?", re.IGNORECASE)


class PubSub(Transport):
    """Publishes events to the topics that they name, with Google's client, in batches; needs the extra `pubsub`.

    Args:
        project: The project of topics with a short name, such as `"orders"`; by default, `GOOGLE_CLOUD_PROJECT` in the
            environment.
        endpoint: Where the API is, such as `"europe-west1-pubsub.googleapis.com"`: Pub/Sub keeps the order of messages that are
            published in one region. By default, Google chooses the nearest.
        timeout: How long publishing a batch may take; by default 30 seconds, or half of `LEASE` if that is shorter.

    With `PUBSUB_EMULATOR_HOST` in the environment, the client publishes to the emulator.

    Raises:
        ConfigurationError: An option is invalid.

    """

    #: Google's client has its own threads.
    concurrency: int = 0
    needs_topic: ClassVar[bool] = True

    def __init__(self, *, project: str = "", endpoint: str = "", timeout: timedelta | None = None) -> None:
        if not isinstance(cast("object", project), str) or (project and not _PROJECT.fullmatch(project)):
            refuse(self, f"cannot use project={project!r}, which is not the id of a project", 'Write "project": "my-project".')
        if not isinstance(cast("object", endpoint), str) or (endpoint and not _ENDPOINT.fullmatch(endpoint)):
            advice = 'Write "endpoint": "europe-west1-pubsub.googleapis.com", or leave it out.'
            refuse(self, f"cannot use endpoint={endpoint!r}, which is not a host", advice)
        self._project = project
        self._endpoint = endpoint
        #: In seconds.
        self.timeout: float = seconds_to_send(self, timeout)
        self._client: Any = None
        #: The topics and ordering keys for which the client publishes nothing more, since a message failed.
        self._paused: set[tuple[str, str]] = set()
        self._outstanding: set[Future[str]] = set()
        self._overseer: _Overseer | None = None

    @override
    def open(self) -> None:
        """Make the client. Raises `ConfigurationError` if it is not installed, or without credentials."""
        if self._client is None:
            self._client = make_client(self._endpoint)

    @override
    def send(self, event: OutgoingEvent) -> str:
        """Publish an event, and return Pub/Sub's id of the message. Raises what Google's client raises."""
        (future,) = self.submit([event])
        return future.result()

    @override
    def submit(self, line: Sequence[OutgoingEvent]) -> Iterator[Future[str]]:
        """Publish the events of a line up to another topic, all at once: the client keeps the order in a topic."""
        results = _Results(len(line))
        for number, event in enumerate(line):
            if event.topic != line[0].topic:
                results.fail_from(number, HeldBackError())
                break
            try:
                published = self._publish(event, begins=number == 0)
            except Exception as error:  # noqa: BLE001 -- the relay stores it
                results.fail_from(number, error)
                break
            self._outstanding.add(published)
            published.add_done_callback(partial(self._settle, event, results, number))
        self._overseer = self._overseer or _Overseer(_PATIENCE * self.timeout, self._replace_client)
        self._overseer.watch(results)
        return iter(results.futures)

    @override
    def close(self) -> None:
        """Publish what the client still has, and end it."""
        client, self._client = self._client, None
        if client is not None:
            wait(tuple(self._outstanding), self.timeout)  # `stop` would cancel all batches of a key but the first
            client.stop()
            client.transport.close()
        if self._overseer is not None:
            self._overseer.end()
            self._overseer = None

    def _replace_client(self) -> None:
        """Make a new client for the next event, since a thread of this one has died; it may still publish what it has."""
        self._client = None
        self._outstanding.clear()

    def _publish(self, event: OutgoingEvent, *, begins: bool) -> Future[str]:
        """Hand an event to the client. Only the one that begins a line resumes its key: others may follow one that has failed."""
        self.open()
        topic, key = topic_path(event.topic, self._project), event.ordering_key
        if begins and (topic, key) in self._paused:
            self._paused.discard((topic, key))
            with suppress(RuntimeError):  # it is not paused
                self._client.resume_publish(topic, key)
        # with `retry`, the client would go on for ever in the order of the key, while another relay takes the event
        options: dict[str, Any] = {"retry": None, "timeout": self.timeout, **event.sent_attributes}
        published: Future[str] = self._client.publish(topic, bytes(event.data), key, **options)
        return published

    def _settle(self, event: OutgoingEvent, results: _Results, number: int, published: Future[str]) -> None:
        """Note the result of a message, in a thread of the client."""
        self._outstanding.discard(published)
        if event.ordering_key and published.exception() is not None:
            self._paused.add((topic_path(event.topic, self._project), event.ordering_key))
        results.settle(number, published)


class _Overseer:
    """Expires lines long after the timeout of the client, in a thread.

    The client publishes in threads, and does not settle its futures if such a thread dies, for example for want of memory.
    """

    def __init__(self, seconds: float, replace_client: Callable[[], None]) -> None:
        self._seconds = seconds
        self._replace_client = replace_client
        self._lines: SimpleQueue[tuple[float, _Results] | None] = SimpleQueue()
        Thread(target=self._oversee, name="gcp-event-outbox-overseer", daemon=True).start()

    def watch(self, results: _Results) -> None:
        """Watch one more line."""
        self._lines.put((monotonic() + self._seconds, results))

    def end(self) -> None:
        """End the thread, once all lines are done."""
        self._lines.put(None)

    def _oversee(self) -> None:
        while (line := self._lines.get()) is not None:
            deadline, results = line
            if wait(results.futures, max(deadline - monotonic(), 0)).not_done:
                self._replace_client()
                results.expire()


class _Results:
    """The futures of a line's events, each of which is done after the one before it.

    If the client fails to publish a message, it first cancels the later ones with the key. All of these are held back.
    """

    def __init__(self, count: int) -> None:
        self.futures: list[Future[str]] = [Future() for _ in range(count)]
        self._published: list[Future[str] | None] = [None] * count
        self._settled = 0
        self._has_failed = False
        self._lock = Lock()

    def settle(self, number: int, published: Future[str]) -> None:
        """Note that the client is done with an event."""
        with self._lock:
            self._published[number] = published
            while self._settled < len(self.futures) and (following := self._published[self._settled]) is not None:
                self._settle_next(following)

    def fail_from(self, number: int, error: Exception) -> None:
        """Fail an event that was not handed to the client, and hold back all later ones."""
        failed: Future[str] = Future()
        failed.set_exception(error)
        for later in range(number, len(self.futures)):
            self.settle(later, failed)

    def expire(self) -> None:
        """Fail the first event with which the client is not done, and hold back all later ones."""
        error = TimeoutError("Google's client has stopped publishing, so the next event gets a new one.")
        with self._lock:
            for future in self.futures[self._settled :]:
                future.set_exception(HeldBackError() if self._has_failed else error)
                self._has_failed = True
            self._settled = len(self.futures)

    def _settle_next(self, published: Future[str]) -> None:
        future, error = self.futures[self._settled], published.exception()
        self._settled += 1
        if self._has_failed:
            future.set_exception(HeldBackError())
        elif error is not None:
            self._has_failed = True
            future.set_exception(error)
        else:
            future.set_result(published.result())
