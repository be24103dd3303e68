"""The subscription itself: Pub/Sub's streaming pull. This module alone needs google-cloud-pubsub; `[pubsub]` installs it."""

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

__all__ = ["pull"]

_PATIENCE: Final = 10.0
"""Seconds to wait for the first answer."""


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
    """Have each message of a subscription received, until told to stop; then finish what is under way, and give back the rest.

    An interruption of the connection is waited out. Called by `manage.py events pull`, in its main thread.

    Args:
        subscription: Its full name, `projects/P/subscriptions/S`.
        receive: Called in one of the workers' threads; acknowledges the message or gives it back, or returns False to have that
            done in the end. Raises nothing.
        stop: Set by whoever wants it to end. It is set in the end in any case.
        workers: How many messages are received at once.
        max_messages: How many messages may be here at once: Pub/Sub sends no more.
        max_bytes: How many bytes they may have; one message may have more.
        timeout: Seconds after which to stop.

    Raises:
        PullError: The subscription cannot be pulled from, or not any longer; says what to do.

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
            future.result()  # once the last message is received, and all that was said of messages is sent
    except (GoogleAPIError, GoogleAuthError) as error:
        raise _explained(error, subscription) from error


class _Workers(Scheduler):
    """Threads that receive messages. In the end, what still waits is given back, and then the threads are waited for.

    The library's own scheduler waits first. Nothing is given back as long as messages come: it would come again at once, and
    what comes while the stream ends is nobody's until its deadline is over. The library calls `schedule` and `shutdown`.
    """

    def __init__(self, number: int) -> None:
        #: The library has started all of its threads. Of a stream that is refused before, it would stop them first, and then
        #: start one that nothing ends, or find none to start: an AttributeError in place of the refusal.
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
        """What messages write their acknowledgements to."""
        return self._queue

    @override
    def schedule(self, callback: Callable[[Message], None], message: Message, *_: Any, **__: Any) -> None:
        """Have a message received."""
        with self._lock:
            if not self._closed:
                future = self._executor.submit(callback, message)
                self._waiting[future] = message
                future.add_done_callback(lambda done: self._waiting.pop(done, None))
                return
        message.nack()

    def leave(self, message: Message) -> None:
        """Have a message given back in the end."""
        with self._lock:
            if not self._closed:
                self._left.append(message)
                return
        message.nack()

    @override
    def shutdown(self, await_msg_callbacks: bool = False) -> list[Message]:
        """Give back what waits, and receive no more; returns what the library should give back, which is nothing."""
        self.begun.wait()
        with self._lock:
            self._closed = True
        waiting = [message for future, message in list(self._waiting.items()) if future.cancel()]
        for message in (*waiting, *self._left):
            message.nack()
        self._executor.shutdown(wait=await_msg_callbacks)
        return []


def _look(client: SubscriberClient, subscription: str) -> None:
    """Ask for the subscription once, since the stream would wait for ever where it cannot get through."""
    try:
        found = client.get_subscription(subscription=subscription, retry=None, timeout=_PATIENCE)
    except PermissionDenied:  # who may pull need not be allowed to look
        return
    if found.push_config.push_endpoint:
        msg = (
            f"{subscription} pushes its messages to an endpoint, so they cannot be pulled. "
            "Create another subscription of its topic, without --push-endpoint."
        )
        raise PullError(msg)


def _explained(error: GoogleAPIError | GoogleAuthError, subscription: str) -> PullError:
    _, project, _, name = subscription.split("/")
    if isinstance(error, NotFound):
        advice = f"There is none. Create it: gcloud pubsub subscriptions create {name} --project={project} --topic=TOPIC"
    elif isinstance(error, PermissionDenied):
        advice = (
            f"These credentials may not. Allow it: gcloud pubsub subscriptions add-iam-policy-binding {name} "
            f"--project={project} --member=MEMBER --role=roles/pubsub.subscriber"
        )
    elif isinstance(error, (GoogleAuthError, Unauthenticated)):
        advice = (
            "There are no credentials that can be used. Run gcloud auth application-default login, name a key file in "
            "GOOGLE_APPLICATION_CREDENTIALS, or an emulator in PUBSUB_EMULATOR_HOST."
        )
    else:
        advice = f"Google's client says: {type(error).__name__}: {error}"
    return PullError(f"Cannot pull from {subscription}. {advice}")
