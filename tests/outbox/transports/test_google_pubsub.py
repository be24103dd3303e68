"""The transport to Pub/Sub: order, failures of a key and limits against a gRPC server, and the whole way through the emulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future, wait
from datetime import timedelta
from itertools import count
from pathlib import Path
from threading import Event as Flag
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

import pytest
from django.test import override_settings
from google.api_core.exceptions import DeadlineExceeded, NotFound
from google.pubsub_v1 import types
from typing_extensions import override

from gcp_event_router import Event, EventRouter
from gcp_event_router._pubsub_client import make_client
from gcp_event_router.exceptions import ConfigurationError
from gcp_event_router.outbox.models import OutgoingEvent
from gcp_event_router.outbox.transports import HeldBackError, PubSub, google_pubsub

from ...effects.models import Effect
from ...support.deliveries import PATIENCE, with_databases
from ...support.loopback_endpoint import serving
from ...support.outgoing import KEY, TRACE, outgoing
from ...support.pubsub_server import PubSubServer

if TYPE_CHECKING:
    from local_pubsub import Emulator

TOPIC = "projects/p/topics/orders"

_numbers = count(1)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PubSubServer]:
    """Where the client publishes; the server answers with the data of a message for its id."""
    with PubSubServer() as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
        yield server


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch) -> Flag:
    """Until it is set, the client publishes full batches alone, however slowly it gets their events: its timer waits for it."""
    flag = Flag()

    def sleep(_: float) -> None:
        assert flag.wait(PATIENCE)

    monkeypatch.setattr("google.cloud.pubsub_v1.publisher.client.time", SimpleNamespace(sleep=sleep))
    return flag


@pytest.fixture
def transport(server: PubSubServer) -> Iterator[PubSub]:
    transport = PubSub(timeout=timedelta(seconds=PATIENCE))
    yield transport
    transport.close()


def line(numbers: range, ordering_key: str = "c1") -> list[OutgoingEvent]:
    return [outgoing(str(n).encode(), key=str(uuid4()), topic=TOPIC, ordering_key=ordering_key) for n in numbers]


def results(futures: Iterator[Future[str]]) -> list[str]:
    """What became of each event: the id of its message, or the type of its exception."""
    errors = [(future.exception(PATIENCE), future) for future in futures]
    return [future.result() if error is None else type(error).__name__ for error, future in errors]


def published(server: PubSubServer) -> list[str]:
    return [message.data.decode() for request in server.requests for message in request.messages]


def test_what_is_published(server: PubSubServer, transport: PubSub) -> None:
    """A message has the event's data, its key and its attributes, with the ids and the trace; the result is its id."""
    metadata: dict[str, Any] = {"attributes": {"colour": "red"}, "trace": {"traceparent": TRACE}, "ordering_key": "c1"}
    assert transport.send(outgoing(b"17", topic=TOPIC, cause="c-1", **metadata)) == "17"

    ((request,), (message,)) = server.requests, server.requests[0].messages
    assert (request.topic, message.data, message.ordering_key) == (TOPIC, b"17", "c1")
    assert dict(message.attributes) == {
        "colour": "red",
        "traceparent": TRACE,
        "event-router-id": KEY,
        "event-router-cause": "c-1",
    }


def test_an_event_without_data(server: PubSubServer, transport: PubSub) -> None:
    """Pub/Sub takes it, since it has an attribute at least."""
    assert transport.send(outgoing(b"", topic=TOPIC)) == ""
    assert dict(server.requests[0].messages[0].attributes) == {"event-router-id": KEY}


def test_the_order_of_a_line(server: PubSubServer, transport: PubSub, submitted: Flag) -> None:
    """The events of a line are published in order, in as few batches as Pub/Sub takes."""
    futures = transport.submit(line(range(250)))
    submitted.set()
    assert results(futures) == [str(number) for number in range(250)]
    assert published(server) == [str(number) for number in range(250)]
    assert len(server.requests) == 3


def test_lines_share_batches(server: PubSubServer, transport: PubSub, submitted: Flag) -> None:
    """Events without an ordering key are published together, although the relay hands over each alone."""
    lines = [transport.submit(line(range(number, number + 1), "")) for number in range(50)]
    submitted.set()
    assert [results(futures) for futures in lines] == [[str(number)] for number in range(50)]
    assert len(server.requests) == 1


@pytest.mark.parametrize("failing", [0, 150])
def test_a_failure_holds_back_the_rest(server: PubSubServer, transport: PubSub, failing: int) -> None:
    """The first event of a refused batch fails, and the rest of its line is held back; other lines are not."""

    def refuse(request: types.PublishRequest) -> str | None:
        is_refused = any(message.data == b"%d" % failing for message in request.messages)
        return "NOT_FOUND" if is_refused and request.messages[0].ordering_key == "c1" else None

    server.before_publishing = refuse
    futures, others = transport.submit(line(range(250))), transport.submit(line(range(3), "c2"))

    outcome = results(futures)
    sent = outcome.index("NotFound")
    assert sent <= failing
    assert outcome == [*map(str, range(sent)), "NotFound", *["HeldBackError"] * (249 - sent)]
    assert results(others) == ["0", "1", "2"]


def test_a_key_goes_on_after_a_failure(server: PubSubServer, transport: PubSub) -> None:
    """After a failure, the same events are published again with their key, and later ones after them."""
    server.refused = {"Publish": "NOT_FOUND"}
    assert results(transport.submit(line(range(3)))) == ["NotFound", "HeldBackError", "HeldBackError"]
    assert results(transport.submit(line(range(3)))) == ["NotFound", "HeldBackError", "HeldBackError"]
    server.refused = {}
    assert results(transport.submit(line(range(3)))) == ["0", "1", "2"]
    assert results(transport.submit(line(range(3, 5)))) == ["3", "4"]
    server.refused = {"Publish": "NOT_FOUND"}
    with pytest.raises(NotFound):
        transport.send(outgoing(topic=TOPIC))


def test_a_failure_while_the_line_is_handed_over(server: PubSubServer) -> None:
    """What the client is given after a failure of its line is not published, either, since its key goes on with the next line."""
    failed = Flag()

    class Watched(PubSub):
        @override
        def _settle(self, *args: Any, **named: Any) -> None:
            super()._settle(*args, **named)
            failed.set()

    class Slow(list[OutgoingEvent]):
        @override
        def __iter__(self) -> Iterator[OutgoingEvent]:
            first, *rest = super().__iter__()
            yield first
            assert failed.wait(PATIENCE)
            yield from rest

    transport = Watched(timeout=timedelta(seconds=PATIENCE))
    server.before_publishing = lambda request: "NOT_FOUND" if request.messages[0].data == b"0" else None
    assert results(transport.submit(Slow(line(range(3))))) == ["NotFound", "HeldBackError", "HeldBackError"]
    assert published(server) == ["0"]
    server.before_publishing = lambda _: None
    assert results(transport.submit(line(range(3)))) == ["0", "1", "2"]
    transport.close()


@pytest.mark.parametrize("code", ["UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "RESOURCE_EXHAUSTED"])
def test_the_client_does_not_retry(server: PubSubServer, transport: PubSub, code: str) -> None:
    """A request is made once, whatever fails and even with an ordering key: the relay tries again, when it is due."""
    server.refused = {"Publish": code}
    for key in ("", "c1"):
        (name,) = results(transport.submit(line(range(1), key)))
        assert name in {"ServiceUnavailable", "DeadlineExceeded", "InternalServerError", "ResourceExhausted"}
    assert published(server) == ["0", "0"]


def test_a_server_that_hangs(server: PubSubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request ends after the timeout, and the transport then closes at once."""
    released = Flag()
    monkeypatch.setattr(google_pubsub, "_PATIENCE", 1000)  # the client has all the time that it takes to tell its timeout
    server.before_publishing = lambda _: str(released.wait(PATIENCE)) and None
    transport = PubSub(timeout=timedelta(seconds=0.2))
    try:
        with pytest.raises(DeadlineExceeded):
            transport.send(outgoing(topic=TOPIC, ordering_key="c1"))
        transport.close()
    finally:
        released.set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_client_that_has_stopped(transport: PubSub, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a thread of the client dies, the events fail in the end, and the next ones get a new client."""
    died = Flag()

    def die(*_: object, **__: object) -> None:
        died.set()
        raise MemoryError

    def wait_in_vain(futures: list[Future[str]], _: float) -> object:
        assert died.wait(PATIENCE)
        return wait(futures, 0.1)

    with monkeypatch.context() as patch:
        patch.setattr("google.cloud.pubsub_v1.publisher.client.Client._gapic_publish", die)
        patch.setattr(google_pubsub, "wait", wait_in_vain)
        assert results(transport.submit(line(range(3)))) == ["TimeoutError", "HeldBackError", "HeldBackError"]
    assert results(transport.submit(line(range(3)))) == ["0", "1", "2"]


def test_several_topics_with_one_key(server: PubSubServer, transport: PubSub) -> None:
    """No event is published before all earlier ones of its key have arrived, also in another topic."""
    events = line(range(4))
    events[2].topic = events[3].topic = f"{TOPIC}-2"
    assert results(transport.submit(events)) == ["0", "1", "HeldBackError", "HeldBackError"]
    assert results(transport.submit(events[2:])) == ["2", "3"]

    server.requests.clear()
    server.before_publishing = lambda request: "NOT_FOUND" if request.topic == TOPIC else None
    assert results(transport.submit(events)) == ["NotFound", *["HeldBackError"] * 3]
    assert [request.topic for request in server.requests] == [TOPIC]


def test_events_that_cannot_be_published(server: PubSubServer, transport: PubSub) -> None:
    """An event that the client refuses fails, and holds back the later ones of its line, but not the earlier ones."""
    events = line(range(4))
    events[2].data = b"a" * 10_000_001
    futures = list(transport.submit(events))
    assert results(iter(futures)) == ["0", "1", "MessageTooLargeError", "HeldBackError"]
    assert isinstance(futures[3].exception(), HeldBackError)

    events = line(range(2))
    events[0].topic = "a/b"
    assert results(transport.submit(events)) == ["ValueError", "HeldBackError"]


@pytest.mark.parametrize(
    ("project", "variable", "path"),
    [("", "from-env", "projects/from-env/topics/orders"), ("from-options", "from-env", "projects/from-options/topics/orders")],
)
def test_short_topics(server: PubSubServer, monkeypatch: pytest.MonkeyPatch, project: str, variable: str, path: str) -> None:
    """A short name belongs to the project of the options, or else of the environment."""
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", variable)
    transport = PubSub(project=project)
    transport.send(outgoing(topic="orders"))
    transport.close()
    assert server.requests[0].topic == path


def test_a_topic_without_a_project(transport: PubSub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a project for a short name, the error says what to write."""
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    with pytest.raises(ValueError) as caught:
        transport.send(outgoing(topic="orders"))
    assert str(caught.value) == (
        "The topic 'orders' is a short name, and no project is known for it. "
        "Write 'projects/my-project/topics/orders', or set the environment variable GOOGLE_CLOUD_PROJECT."
    )


def test_closing(server: PubSubServer) -> None:
    """Closing publishes what the client still has, in several batches, too; a closed transport makes a new client."""
    transport = PubSub()
    transport.close()
    futures = transport.submit(line(range(250)))
    transport.close()
    assert results(futures) == [str(number) for number in range(250)]
    assert transport.send(outgoing(b"5", topic=TOPIC)) == "5"
    transport.close()


@pytest.mark.proof
def test_without_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without credentials, the relay learns so before the first event, and an event fails with the same message."""
    for name in ("PUBSUB_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("GCE_METADATA_IP", "127.0.0.1:1")
    message = (
        "Publishing needs credentials for Google, and there are none that can be used (DefaultCredentialsError). "
        "Run gcloud auth application-default login, name a key file in GOOGLE_APPLICATION_CREDENTIALS, or an emulator in "
        "PUBSUB_EMULATOR_HOST."
    )
    transport = PubSub()
    with pytest.raises(ConfigurationError) as caught:
        transport.open()
    assert str(caught.value) == message
    with pytest.raises(ConfigurationError) as caught:
        transport.send(outgoing(topic=TOPIC))
    assert str(caught.value) == message
    transport.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"project": "My Project"},
            'PubSub cannot use project=\'My Project\', which is not the id of a project. Write "project": "my-project".',
        ),
        ({"project": 5}, 'PubSub cannot use project=5, which is not the id of a project. Write "project": "my-project".'),
        (
            {"endpoint": "https://pubsub.googleapis.com"},
            "PubSub cannot use endpoint='https://pubsub.googleapis.com', which is not a host. "
            'Write "endpoint": "europe-west1-pubsub.googleapis.com", or leave it out.',
        ),
        (
            {"timeout": 30},
            "PubSub cannot use timeout=30, which is not a positive timedelta. "
            'Write "timeout": timedelta(seconds=30), or leave it out.',
        ),
        (
            {"timeout": timedelta(0)},
            "PubSub cannot use timeout=datetime.timedelta(0), which is not a positive timedelta. "
            'Write "timeout": timedelta(seconds=30), or leave it out.',
        ),
    ],
)
def test_options(options: dict[str, Any], message: str) -> None:
    """Each option says what it takes."""
    with pytest.raises(ConfigurationError) as caught:
        PubSub(**options)
    assert str(caught.value) == message


def test_the_default_timeout() -> None:
    """Nothing that the client does outlives the lease of its events."""
    assert PubSub().timeout == 30
    with override_settings(GCP_EVENT_ROUTER={"OUTBOX": {"LEASE": timedelta(seconds=5)}}):
        assert PubSub().timeout == 2.5


def test_publishing_without_the_outbox(server: PubSubServer, router: EventRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind's short topic belongs to the project of the environment without the outbox, too."""
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "from-env")
    counted = router.kind("counted", int, topic="counts")
    assert counted.publish(1, client=make_client()).result(PATIENCE) == "1"
    assert server.requests[0].topic == "projects/from-env/topics/counts"


@pytest.mark.proof
def test_through_the_emulator(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through Google's emulator, messages arrive in the order of their key, and with the ids of their events."""
    for name, value in emulator.environment.items():
        monkeypatch.setenv(name, value)
    name = f"outbox-{next(_numbers)}"
    subscription = emulator.subscription(name, emulator.topic(name), enable_message_ordering=True)
    events = line(range(20))
    for event in events:
        event.topic = name
    transport, subscriber = PubSub(), cast("Any", emulator.subscriber)
    ids = results(transport.submit(events))
    transport.close()

    arrived: list[Any] = []
    while len(arrived) < 20:
        pulled = subscriber.pull(subscription=subscription, max_messages=20, timeout=PATIENCE).received_messages
        arrived += [received.message for received in pulled]
        subscriber.acknowledge(subscription=subscription, ack_ids=[received.ack_id for received in pulled])
    assert [json.loads(message.data) for message in arrived] == list(range(20))
    assert [message.message_id for message in arrived] == ids
    assert [message.attributes["event-router-id"] for message in arrived] == [str(event.key) for event in events]


@pytest.mark.proof
@with_databases
def test_twice_through_the_emulator(inbox: str, router: EventRouter, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that is published twice, and so gets two ids of Pub/Sub, takes effect once in the inbox to which it is pushed."""
    arrived: list[str | None] = []
    is_over = Flag()

    @router.on("k")
    def record(event: Event[int]) -> None:
        Effect.objects.using(inbox).create(handler="record", reference=str(event.payload))
        arrived.append(event.envelope.message_id)
        if event.payload == 2:
            is_over.set()

    for name, value in emulator.environment.items():
        monkeypatch.setenv(name, value)
    name = f"outbox-{next(_numbers)}"
    topic = emulator.topic(name)
    first, second = outgoing(b"1", topic=name, ordering_key="c1"), outgoing(b"2", key=str(uuid4()), topic=name, ordering_key="c1")
    with serving() as url:
        emulator.subscription(name, topic, f"{url}/events/k/1", enable_message_ordering=True)
        transport = PubSub()
        ids = [transport.send(event) for event in (first, first, second)]
        transport.close()
        assert is_over.wait(PATIENCE)
    assert list(Effect.objects.using(inbox).order_by("pk").values_list("reference", flat=True)) == ["1", "2"]
    assert arrived == [ids[0], ids[2]]
    assert len(set(ids)) == 3
