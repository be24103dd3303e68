from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from google.api_core.retry import Retry
from google.pubsub_v1.types import Subscription, Topic

from .futures import Future
from .subscriber.futures import StreamingPullFuture
from .subscriber.message import Message
from .subscriber.scheduler import Scheduler
from .types import FlowControl, PublisherOptions

class PublisherClient:
    def __init__(self, *, publisher_options: PublisherOptions = ...) -> None: ...
    def create_topic(self, *, name: str) -> Topic: ...
    def publish(self, topic: str, data: bytes, ordering_key: str = "", **attrs: str) -> Future[str]: ...
    def stop(self) -> None: ...

class SubscriberClient:
    def __init__(self) -> None: ...
    def create_subscription(self, request: dict[str, Any]) -> Subscription: ...
    def get_subscription(self, *, subscription: str, retry: Retry | None = ..., timeout: float = ...) -> Subscription: ...
    def subscribe(
        self,
        subscription: str,
        callback: Callable[[Message], Any],
        flow_control: FlowControl = ...,
        scheduler: Scheduler | None = ...,
        use_legacy_flow_control: bool = ...,
        await_callbacks_on_shutdown: bool = ...,
    ) -> StreamingPullFuture: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None: ...
