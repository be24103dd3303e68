"""A gRPC server in the place of Pub/Sub's, which sends what a test wants, and notes in which order it is told what.

It takes what is published, too, and gives it to nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from queue import Empty, Queue
from types import TracebackType
from typing import Any, Final, Self

from google.pubsub_v1 import types

from .deliveries import PATIENCE

__all__ = ["NAME", "PubSubServer", "received"]

NAME: Final = "projects/shop-project/subscriptions/orders"
grpc: Any = import_module("grpc")  # it has no types


def received(number: int, data: bytes = b"{}", ordering_key: str = "") -> types.ReceivedMessage:
    """A message as the stream brings it: its acknowledgement has the id `a` and its number."""
    message = types.PubsubMessage(data=data, message_id=str(number), ordering_key=ordering_key)
    return types.ReceivedMessage(ack_id=f"a{number}", message=message)


class PubSubServer:
    """Has one subscription, whose stream brings `messages`; a with-block."""

    def __init__(self, *messages: types.ReceivedMessage, endpoint: str = "") -> None:
        self._messages = messages
        self._endpoint = endpoint
        #: What to answer in place of what is asked, by the name of the method.
        self.refused: dict[str, str] = {}
        #: The requests to publish, in order, also those that are refused; each is passed to `before_publishing`.
        self.requests: list[types.PublishRequest] = []
        #: Returns the name of the code with which a request fails, if it does; may wait.
        self.before_publishing: Callable[[types.PublishRequest], str | None] = lambda _: None
        self._told: Queue[str] = Queue()
        self._threads = ThreadPoolExecutor(8)
        self._server = grpc.server(self._threads)
        handlers = {
            "GetSubscription": self._unary(self._get, types.GetSubscriptionRequest, types.Subscription),
            "Acknowledge": self._unary(self._acknowledge, types.AcknowledgeRequest),
            "ModifyAckDeadline": self._unary(self._modify, types.ModifyAckDeadlineRequest),
            "StreamingPull": grpc.stream_stream_rpc_method_handler(
                self._stream, **_coded(types.StreamingPullRequest, types.StreamingPullResponse)
            ),
        }
        publish = {"Publish": self._unary(self._publish, types.PublishRequest, types.PublishResponse)}
        services = {"Subscriber": handlers, "Publisher": publish}
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(f"google.pubsub.v1.{name}", each) for name, each in services.items()]
        )
        #: For `PUBSUB_EMULATOR_HOST`.
        self.address: str = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.stop(None).wait(PATIENCE)
        self._threads.shutdown()

    def told(self, number: int) -> list[str]:
        """The next that it is told of messages, `ack` or `nack` and the number of one each."""
        return [self._told.get(timeout=PATIENCE) for _ in range(number)]

    def told_more(self) -> list[str]:
        """What it was told beyond that."""
        more: list[str] = []
        while True:
            try:
                more.append(self._told.get_nowait())
            except Empty:
                return more

    @staticmethod
    def _unary(method: Any, request: Any, response: Any = None) -> Any:
        return grpc.unary_unary_rpc_method_handler(method, **_coded(request, response))

    def _refuse(self, method: str, context: Any) -> None:
        if code := self.refused.get(method):
            context.abort(grpc.StatusCode[code], "no, said the server")

    def _get(self, request: types.GetSubscriptionRequest, context: Any) -> types.Subscription:
        self._refuse("GetSubscription", context)
        return types.Subscription(name=request.subscription, push_config=types.PushConfig(push_endpoint=self._endpoint))

    def _publish(self, request: types.PublishRequest, context: Any) -> types.PublishResponse:
        self.requests.append(request)
        self._refuse("Publish", context)
        if code := self.before_publishing(request):
            context.abort(grpc.StatusCode[code], "no, said the server")
        return types.PublishResponse(message_ids=[each.data.decode() for each in request.messages])

    def _acknowledge(self, request: types.AcknowledgeRequest, context: Any) -> bytes:
        for each in request.ack_ids:
            self._told.put(f"ack {each[1:]}")
        return b""  # google.protobuf.Empty

    def _modify(self, request: types.ModifyAckDeadlineRequest, context: Any) -> bytes:
        if request.ack_deadline_seconds == 0:
            for each in request.ack_ids:
                self._told.put(f"nack {each[1:]}")
        return b""  # google.protobuf.Empty

    def _stream(self, requests: Iterator[types.StreamingPullRequest], context: Any) -> Iterator[types.StreamingPullResponse]:
        self._refuse("StreamingPull", context)
        ended: Queue[None] = Queue()
        if not context.add_callback(lambda: ended.put(None)):  # it has ended already
            return
        if self._messages:
            yield types.StreamingPullResponse(received_messages=self._messages)
        ended.get()


def _coded(request: Any, response: Any) -> dict[str, Any]:
    """How bytes become a request, and a response bytes; without a class it is bytes already."""
    return {"request_deserializer": request.deserialize, "response_serializer": response and response.serialize}
