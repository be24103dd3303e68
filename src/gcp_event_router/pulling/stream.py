"""Reads a subscription by Pub/Sub's streaming pull. The only module that needs google-cloud-pubsub, from the extra `pubsub`."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Queue
from threading import Event, Lock
from typing import Any, Final

from google.api_core.exceptions import GoogleAPIError, NotFound, PermissionDenied, Unauthenticated
from google.auth.exceptions import GoogleAuthError
from google.cloud.pubsub_v1 import SubscriberClient
from google.cloud.pubsub_v1.subscriber.message import Message
from google.cloud.pubsub_v1.subscriber.scheduler import Scheduler
from google.cloud.pubsub_v1.types import FlowControl
from typing_extensions import override

from .._shutdown import StopFlag
from ..exceptions import PullError

#: Seconds to wait for the first answer.
_TIMEOUT: Final = 10.0


def pull(
    subscription: str,
    receive: Callable[[Message], bool],
    stop: StopFlag,
    *,
    workers: int,
    max_messages: int,
    max_bytes: int,
    timeout: float | None = None,
) -> None:
    """Receive messages of a subscription until `stop` is set; then finish the current ones, and return the rest.

    Waits if the connection is interrupted. Call it in the main thread.

    Args:
        subscription: Its full name, `projects/P/subscriptions/S`.
        receive: Called in a worker's thread; acknowledges or returns the message, or returns False to have it returned in the
            end. Never raises.
        stop: Set it to stop; it is always set in the end.
        workers: The number of messages received at once.
        max_messages: The number of messages that Pub/Sub sends at once.
        max_bytes: The total size of these messages; a single message may be larger.
        timeout: Seconds after which to stop.

    Raises:
        PullError: The subscription cannot be pulled, or no longer; says what to do.

    """
    try:
        with SubscriberClient() as client:
            _look(client, subscription)
            scheduler = _Workers(workers)
            flow = FlowControl(max_messages=max_messages, max_bytes=max_bytes)

            def take(message: Message) -> None:
                if not receive(message):
                    scheduler.leave(message)

            try:
                future = client.subscribe(
                    subscription, take, flow_control=flow, scheduler=scheduler, await_callbacks_on_shutdown=True
                )
            finally:
                scheduler.begun.set()
            future.add_done_callback(lambda _: stop.set())
            try:
                stop.wait(timeout)
            finally:
                stop.set()
                future.cancel()
            future.result()  # after the last message, when all acknowledgements are sent
    except (GoogleAPIError, GoogleAuthError) as error:
        raise _explain(error, subscription) from error


class _Workers(Scheduler):
    """Threads that receive messages. In the end, they return waiting messages, and then finish.

    The library's own scheduler finishes first. Messages are returned only in the end: Pub/Sub would deliver them again at once,
    and nobody would handle those that arrive while the stream ends, until their deadline is over.
    """

    def __init__(self, number: int) -> None:
        #: Set once the library has started all of its threads. If the stream is refused earlier, the library would first stop
        #: its threads, and then start one that never ends, or raise an AttributeError instead of the refusal.
        self.begun = Event()
        self._queue: Queue[object] = Queue()
        self._executor = ThreadPoolExecutor(number, thread_name_prefix="events-pull")
        self._lock = Lock()
        self._waiting: dict[Future[None], Message] = {}
        self._left: list[Message] = []
        self._closed = False

    @property
    @override
    def queue(self) -> Queue[object]:
        """The queue of acknowledgements."""
        return self._queue

    @override
    def schedule(self, callback: Callable[[Message], None], message: Message, *_: Any, **__: Any) -> None:
        """Receive a message in a worker."""
        with self._lock:
            if not self._closed:
                future = self._executor.submit(callback, message)
                self._waiting[future] = message
                future.add_done_callback(lambda finished: self._waiting.pop(finished, None))
                return
        message.nack()

    def leave(self, message: Message) -> None:
        """Return a message in the end."""
        with self._lock:
            if not self._closed:
                self._left.append(message)
                return
        message.nack()

    @override
    def shutdown(self, await_msg_callbacks: bool = False) -> list[Message]:
        """Return the waiting messages, and receive no more. Returns the messages for the library to return: none."""
        self.begun.wait()
        with self._lock:
            self._closed = True
        waiting = [message for future, message in list(self._waiting.items()) if future.cancel()]
        for message in (*waiting, *self._left):
            message.nack()
        self._executor.shutdown(wait=await_msg_callbacks)
        return []


def _look(client: SubscriberClient, subscription: str) -> None:
    """Request the subscription once, since the stream would wait for ever if it cannot connect."""
    try:
        details = client.get_subscription(subscription=subscription, retry=None, timeout=_TIMEOUT)
    except PermissionDenied:  # pulling is allowed without permission to read the subscription
        return
    if details.push_config.push_endpoint:
        msg = (
            f"{subscription} pushes its messages to an endpoint, so they cannot be pulled. "
            "Create another subscription of its topic, without --push-endpoint."
        )
        raise PullError(msg)


def _explain(error: GoogleAPIError | GoogleAuthError, subscription: str) -> PullError:
    _, project, _, name = subscription.split("/")
    if isinstance(error, NotFound):
        advice = f"It does not exist. Create it: gcloud pubsub subscriptions create {name} --project={project} --topic=TOPIC"
    elif isinstance(error, PermissionDenied):
        advice = "The credentials lack the role roles/pubsub.subscriber."
    elif isinstance(error, (GoogleAuthError, Unauthenticated)):
        advice = (
            "There are no usable credentials. Run gcloud auth application-default login, name a key file in "
            "GOOGLE_APPLICATION_CREDENTIALS, or an emulator in PUBSUB_EMULATOR_HOST."
        )
    else:
        advice = f"Google's client says: {type(error).__name__}: {error}"
    return PullError(f"Cannot pull from {subscription}. {advice}")
