"""The stream of a subscription, by Google's client: what is acknowledged or given back, how it ends, why it may not start."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from queue import Queue
from threading import Condition, Event
from typing import Any

import pytest
from typing_extensions import override

from gcp_event_router._shutdown import StopFlag
from gcp_event_router.exceptions import PullError
from gcp_event_router.pulling import DeliveryResult, Destination, Puller, stream
from gcp_event_router.pulling.stream import pull

from ..support.deliveries import PATIENCE, Stall
from ..support.ports import reserved_port
from ..support.pubsub_server import NAME, PubSubServer, received


class Called(Destination):
    """Hands each event's reference to a function, which raises or not."""

    def __init__(self, function: Callable[[str], None]) -> None:
        self._function = function

    @override
    def deliver(self, kind: str, reference: str, body: bytes) -> DeliveryResult:
        self._function(reference)
        return DeliveryResult(acknowledged=True, result="handled")


def run(
    server: PubSubServer,
    function: Callable[[str], None],
    stop: StopFlag | None = None,
    *,
    workers: int = 1,
    limit: int | None = None,
) -> None:
    """Pull until told to stop."""
    stop = stop or StopFlag()
    puller = Puller(Called(function), NAME, "k", stop=stop, limit=limit)
    with client_of(server.address):
        pull(NAME, puller.receive, stop, workers=workers, max_messages=10, max_bytes=1000, timeout=PATIENCE)


@contextmanager
def client_of(address: str) -> Generator[None]:
    """Google's clients ask this address, in the block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBSUB_EMULATOR_HOST", address)
        yield


@pytest.fixture
def begin_with(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let no worker begin before so many messages are in their hands: only from there, each is given back in the end."""
    arrived: list[object] = []
    wanted: list[int] = []
    changed = Condition()

    class Waiting(ThreadPoolExecutor):
        @override
        def submit(self, fn: Callable[..., Any], /, *args: Any, **named: Any) -> Any:
            def begin() -> Any:
                with changed:
                    assert changed.wait_for(lambda: len(arrived) >= wanted[0], PATIENCE)
                return fn(*args, **named)

            submitted = super().submit(begin)
            with changed:
                arrived.append(submitted)
                changed.notify_all()
            return submitted

    monkeypatch.setattr(stream, "ThreadPoolExecutor", Waiting)
    return wanted.append


def test_told_to_stop(begin_with: Callable[[int], None]) -> None:
    """What waits is given back at once; what is under way is finished, and then acknowledged; nothing else is begun."""
    stall, stop, begun = Stall(), StopFlag(), list[str]()

    def work(reference: str) -> None:
        begun.append(reference)
        stall()

    begin_with(3)
    with PubSubServer(received(1), received(2), received(3)) as server, stall.during(lambda: run(server, work, stop)):
        stop.set()
        assert sorted(server.told(2)) == ["nack 2", "nack 3"]
        stall.release()
        assert server.told(1) == ["ack 1"]
    assert (begun, server.told_more()) == (["1"], [])


def test_told_to_stop_with_ordered_messages() -> None:
    """What is behind a message of the same ordering key is not begun when that is finished, and comes again in its order."""
    stall, stop, begun = Stall(), StopFlag(), list[str]()

    def work(reference: str) -> None:
        begun.append(reference)
        stall()

    messages = [received(number, ordering_key="key") for number in (1, 2, 3)]
    with PubSubServer(*messages) as server:
        with stall.during(lambda: run(server, work, stop, workers=2)):
            stop.set()
        told = server.told_more()
    # the library may forget to give them back, and their deadline ends
    assert (begun, set(told) - {"nack 2", "nack 3"}) == (["1"], {"ack 1"})


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit])
def test_nothing_that_is_raised_ends_the_stream(error: type[BaseException]) -> None:
    """Whatever a message's delivery raises, the message is given back, and the next one is delivered."""

    def work(reference: str) -> None:
        if reference == "1":
            raise error

    with PubSubServer(received(1), received(2)) as server:
        run(server, work, limit=2)
        assert sorted(server.told(2)) == ["ack 2", "nack 1"]


def test_limit(begin_with: Callable[[int], None]) -> None:
    """So many messages are delivered as it is told, and no more, by however many workers; the others are given back."""
    delivered: list[str] = []

    begin_with(9)
    with PubSubServer(*map(received, range(9))) as server:
        run(server, delivered.append, limit=3, workers=4)
        told = server.told(9)
    assert (len(delivered), sorted(told)) == (
        3,
        sorted([f"ack {n}" for n in delivered] + [f"nack {n}" for n in range(9) if str(n) not in delivered]),
    )


def test_workers_deliver_at_once() -> None:
    """As many messages are delivered at the same time as there are workers."""
    seen: set[str] = set()
    all_here = StopFlag()

    def work(reference: str) -> None:
        seen.add(reference)
        if len(seen) == 3:
            all_here.set()
        assert all_here.wait(PATIENCE)

    with PubSubServer(*map(received, range(3))) as server:
        run(server, work, limit=3, workers=3)
        assert sorted(server.told(3)) == ["ack 0", "ack 1", "ack 2"]


REFUSALS = {
    "NOT_FOUND": (
        f"Cannot pull from {NAME}. It does not exist. "
        "Create it: gcloud pubsub subscriptions create orders --project=shop-project --topic=TOPIC"
    ),
    "PERMISSION_DENIED": f"Cannot pull from {NAME}. The credentials lack the role roles/pubsub.subscriber.",
    "UNAUTHENTICATED": (
        f"Cannot pull from {NAME}. There are no usable credentials. Run gcloud auth application-default login, "
        "name a key file in GOOGLE_APPLICATION_CREDENTIALS, or an emulator in PUBSUB_EMULATOR_HOST."
    ),
    "FAILED_PRECONDITION": f"Cannot pull from {NAME}. Google's client says: FailedPrecondition: 400 no, said the server",
}


@pytest.mark.parametrize("code", REFUSALS)
def test_refusals(code: str) -> None:
    """Why the stream is refused is said, with what to do; who may pull need not be allowed to look at the subscription."""
    with PubSubServer() as server:
        server.refused = {"GetSubscription": "PERMISSION_DENIED", "StreamingPull": code}
        with pytest.raises(PullError) as raised:
            run(server, lambda _: None)
    assert str(raised.value) == REFUSALS[code]


def test_refused_while_the_library_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that ends before the library has started all of its threads leaves none of them behind."""
    ending: Queue[None] = Queue()

    class Watched(Event):
        @override
        def wait(self, timeout: float | None = None) -> bool:
            ending.put(None)
            return super().wait(timeout)

    leasers: Any = import_module("google.cloud.pubsub_v1.subscriber._protocol.leaser").Leaser  # it has no types
    begin, end = leasers.start, leasers.stop

    def start(leaser: Any) -> None:
        ending.get(timeout=PATIENCE)
        begin(leaser)

    def stop(leaser: Any) -> None:
        end(leaser)
        ending.put(None)

    monkeypatch.setattr(stream, "Event", Watched)
    monkeypatch.setattr(leasers, "start", start)
    monkeypatch.setattr(leasers, "stop", stop)
    before = set(threading.enumerate())
    with PubSubServer() as server:
        server.refused = {"StreamingPull": "NOT_FOUND"}
        with pytest.raises(PullError) as raised:
            run(server, lambda _: None)

    assert str(raised.value) == REFUSALS["NOT_FOUND"]
    assert [each.name for each in set(threading.enumerate()) - before if each.name == "Thread-LeaseMaintainer"] == []


def test_push_subscription() -> None:
    """A subscription that pushes is not pulled from."""
    with PubSubServer(endpoint="https://shop.example/events/k/r") as server, pytest.raises(PullError) as raised:
        run(server, lambda _: None)
    assert str(raised.value) == (
        f"{NAME} pushes its messages to an endpoint, so they cannot be pulled. "
        "Create another subscription of its topic, without --push-endpoint."
    )


def test_nobody_answers() -> None:
    """Where Pub/Sub cannot be reached at the start, that is said at once, and not waited for."""
    refusal = r"^Cannot pull from .* Google's client says: ServiceUnavailable: "
    with reserved_port() as port, client_of(f"127.0.0.1:{port}"), pytest.raises(PullError, match=refusal):
        pull(NAME, lambda _: True, StopFlag(), workers=1, max_messages=1, max_bytes=1)


def test_no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without credentials, it is said how to get some."""
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", os.fspath(tmp_path / "none.json"))
    with pytest.raises(PullError) as raised:
        pull(NAME, lambda _: True, StopFlag(), workers=1, max_messages=1, max_bytes=1)
    assert str(raised.value) == REFUSALS["UNAUTHENTICATED"]
