"""Pulled messages: the push that each would have been, its handlers and its outcome, with and without the inbox."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from queue import Queue
from threading import Thread
from typing import Any

import pytest
from django.db import OperationalError, connections
from django.test import override_settings
from google.cloud.pubsub_v1.subscriber.message import Message
from google.cloud.pubsub_v1.types import PubsubMessage
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from gcp_event_router import Event, EventRouter, Reject, Retry
from gcp_event_router._shutdown import StopFlag
from gcp_event_router.envelopes import read
from gcp_event_router.inbox.models import StoredEvent
from gcp_event_router.pulling import DeliveryResult, Here, Puller, as_push
from gcp_event_router.signals import event_received
from gcp_event_router.utils import make_pubsub_message

from ..conftest import post_wsgi
from ..support.deliveries import beside, effects, rows, take_effect, with_databases

SUBSCRIPTION = "projects/p/subscriptions/s"


def message(attempt: int = 0, **fields: Any) -> tuple[Message, Queue[Any]]:
    """A message as Google's client hands it out, and where it writes what it is told."""
    told: Queue[Any] = Queue()
    made: Any = PubsubMessage
    return Message(made.pb(made(**fields)), "an id", attempt, told), told


def pull(*messages: Message, kind: str = "k", reference: str | None = "r", subscription: str = SUBSCRIPTION) -> list[str]:
    """What is said of each message, once it is delivered; in another thread, as the command does it."""
    said: list[str] = []

    def tell(message_id: str, delivered: DeliveryResult) -> None:
        said.append(delivered.result)

    puller = Puller(Here(), subscription, kind, reference, stop=StopFlag(), tell=tell)
    with beside(lambda: [puller.receive(each) for each in messages]) as taken:
        pass
    assert taken.result() == [True] * len(messages)
    assert puller.acknowledged + puller.given_back == len(said) == len(messages)
    return said


def told(queue: Queue[Any]) -> list[str]:
    """What Google's client was told, in order."""
    return [type(queue.get_nowait()).__name__ for _ in range(queue.qsize())]


texts = st.text(st.characters(codec="utf-8"), max_size=20)
times = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 -- Hypothesis wants naive bounds


@given(
    data=st.binary(max_size=100),
    attributes=st.dictionaries(texts, texts, max_size=5),
    message_id=texts.filter(bool),
    published=times,
    ordering_key=texts,
    attempt=st.integers(0, 1000),
)
def test_envelope_is_that_of_the_push(
    data: bytes, attributes: dict[str, str], message_id: str, published: datetime, ordering_key: str, attempt: int
) -> None:
    """Whatever a message holds, its envelope holds the same, and its identity is that of its push."""
    pulled, _ = message(
        attempt, data=data, attributes=attributes, message_id=message_id, publish_time=published, ordering_key=ordering_key
    )

    envelope = read(as_push(pulled, SUBSCRIPTION))

    assert (envelope.form, envelope.data, dict(envelope.attributes)) == ("pubsub", data, attributes)
    assert (envelope.message_id, envelope.subscription, envelope.ordering_key) == (message_id, SUBSCRIPTION, ordering_key or None)
    assert envelope.delivery_attempt == (attempt or None)
    assert envelope.publish_time == pulled.publish_time
    pushed = read(make_pubsub_message(data, SUBSCRIPTION, message_id=message_id))
    assert envelope.identity == pushed.identity == ("pubsub", SUBSCRIPTION, message_id)


def test_push() -> None:
    """A message becomes the body that Pub/Sub pushes, both spellings of its names included."""
    published = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
    pulled, _ = message(3, data=b"{}", attributes={"a": "b"}, message_id="17", publish_time=published, ordering_key="key")

    assert as_push(pulled, SUBSCRIPTION).decode() == (
        '{"message": {"data": "e30=", "publishTime": "2026-01-02T03:04:05.678000000Z", "attributes": {"a": "b"}, '
        '"messageId": "17", "orderingKey": "key", "message_id": "17", "publish_time": "2026-01-02T03:04:05.678000000Z"}, '
        '"subscription": "projects/p/subscriptions/s", "deliveryAttempt": 3}'
    )


class Order(BaseModel):
    order_id: int


@pytest.mark.parametrize(
    ("data", "error", "said", "answer"),
    [
        (b'{"order_id": 1}', None, "handled", "AckRequest"),
        (b'{"order_id": 1}', Reject("no"), "rejected", "AckRequest"),
        (b'{"order_id": 1}', Retry("later"), "retry", "NackRequest"),
        (b'{"order_id": 1}', ValueError("broken"), "failed", "NackRequest"),
        (b'{"order_id": 1}', OperationalError("away"), "unavailable", "NackRequest"),
        (b'{"order_id": 1}', SystemExit(1), "failed", "NackRequest"),
        (b'{"order_id": "one"}', None, "invalid", "NackRequest"),
        (b"\xff", None, "invalid", "NackRequest"),
        (b"", None, "invalid", "NackRequest"),
    ],
)
def test_outcomes(router: EventRouter, data: bytes, error: BaseException | None, said: str, answer: str) -> None:
    """A message is acknowledged or given back as its push would be, whatever the handler raises."""

    @router.on("order-*")
    def record(event: Event[Order]) -> None:
        if error:
            raise error

    pulled, queue = message(data=data, message_id="17")

    assert (pull(pulled, kind="order-placed"), told(queue)) == ([said], [answer])


@pytest.mark.parametrize(
    ("unhandled", "said", "answer"), [("accept", "unhandled", "AckRequest"), ("error", "invalid", "NackRequest")]
)
def test_unhandled(router: EventRouter, unhandled: str, said: str, answer: str) -> None:
    """What nothing handles is acknowledged, unless the settings call it an error."""
    pulled, queue = message(data=b"{}", message_id="17")

    with override_settings(GCP_EVENT_ROUTER={"UNHANDLED": unhandled}):
        assert (pull(pulled), told(queue)) == ([said], [answer])


def test_handler_gets_what_a_push_brings(router: EventRouter) -> None:
    """Sync and async handlers get the event, under its message id where no reference is given; nobody is its principal."""
    seen: list[Event[Order]] = []

    @router.on("order-placed")
    def record(event: Event[Order]) -> None:
        seen.append(event)

    @router.on("order-*")
    async def arecord(event: Event[Order]) -> None:
        seen.append(event)

    pulled, queue = message(data=b'{"order_id": 4711}', message_id="17", attributes={"a": "b"})

    assert (pull(pulled, kind="order-placed", reference=None), told(queue)) == (["handled"], ["AckRequest"])
    assert [(each.kind, each.reference, each.payload, each.parameters, each.principal) for each in seen] == [
        ("order-placed", "17", Order(order_id=4711), {}, None)
    ] * 2
    assert [dict(each.envelope.attributes) for each in seen] == [{"a": "b"}] * 2


def test_plain_receiver(router: EventRouter) -> None:
    """A plain receiver gets the arguments that a push gives it."""
    seen: list[tuple[str, str, Any, dict[str, str]]] = []

    def receive(
        sender: object, event_kind: str, event_reference: str, event_payload: Any, event_parameters: dict[str, str]
    ) -> None:
        seen.append((event_kind, event_reference, event_payload, event_parameters))

    event_received.connect(receive)
    pulled, _ = message(data=b"{}", message_id="17")
    pull(pulled)

    [(kind, reference, payload, parameters)] = seen
    assert (kind, reference, parameters) == ("k", "r", {})
    assert (payload["message"]["data"], payload["message"]["messageId"], payload["subscription"]) == ("e30=", "17", SUBSCRIPTION)


def test_line_of_what_nobody_expects(router: EventRouter, lines: Callable[[], list[str]]) -> None:
    """What is no ordinary exception has its line in the log, too, without its text."""

    @router.on("k")
    def leave(event: Event[object]) -> None:
        raise SystemExit("a secret")

    pulled, _ = message(data=b"{}", message_id="17")
    pull(pulled)

    [line] = lines()
    assert line.startswith("ERROR Event of kind 'k' with reference 'r' (message '17'): failed: SystemExit at ")
    assert "secret" not in line


def test_stop() -> None:
    """Told to stop, it leaves a message as it is; with a limit, it tells itself."""
    stop = StopFlag()
    puller = Puller(Here(), SUBSCRIPTION, "k", stop=stop, limit=1)
    (first, one), (second, two) = message(data=b"{}", message_id="1"), message(data=b"{}", message_id="2")

    with beside(lambda: (puller.receive(first), stop.is_set(), puller.receive(second))) as taken:
        pass

    assert taken.result() == (True, True, False)
    assert (told(one), told(two), puller.acknowledged, puller.given_back) == (["AckRequest"], [], 1, 0)


def test_nobody_reads_what_is_told() -> None:
    """Where what is told cannot be written any more, the message is acknowledged all the same, and it stops in order."""
    stop = StopFlag()
    told_in_vain: list[str] = []

    def tell(message_id: str, delivered: DeliveryResult) -> None:
        told_in_vain.append(message_id)
        raise BrokenPipeError

    puller = Puller(Here(), SUBSCRIPTION, "k", stop=stop, tell=tell)
    (first, one), (second, two) = message(data=b"{}", message_id="1"), message(data=b"{}", message_id="2")

    with beside(lambda: (puller.receive(first), stop.is_set(), puller.receive(second))) as taken:
        pass

    assert taken.result() == (True, True, False)
    assert (told(one), told(two), told_in_vain) == (["AckRequest"], [], ["1"])


@with_databases
def test_pushed_again_after_it_was_pulled(inbox: str, router: EventRouter) -> None:
    """A message is one event, however often and by whichever way its subscription delivers it."""

    @router.on("k", name="h")
    def work(event: Event[object]) -> None:
        take_effect(inbox, "h")

    first, one = message(data=b"{}", message_id="17")
    again, two = message(2, data=b"{}", message_id="17")
    said = pull(first, again)
    response = post_wsgi("/events/k/r", make_pubsub_message({}, SUBSCRIPTION, message_id="17"))

    assert (said, told(one), told(two)) == (["handled", "duplicate"], ["AckRequest"], ["AckRequest"])
    assert (response.status_code, effects(inbox), rows(inbox)) == (200, ["h"], [("h", "done", 1)])


@with_databases
def test_what_is_done_is_not_done_again(inbox: str, router: EventRouter) -> None:
    """A message that one of two handlers wants again comes again, and the other one's work is not repeated."""
    wanted = [Retry("not yet")]

    @router.on("k", name="done")
    def work(event: Event[object]) -> None:
        take_effect(inbox, "done")

    @router.on("k", name="later")
    def later(event: Event[object]) -> None:
        if wanted:
            raise wanted.pop()
        take_effect(inbox, "later")

    first, one = message(data=b"{}", message_id="17")
    again, two = message(data=b"{}", message_id="17")
    said = pull(first, again)

    assert (said, told(one), told(two)) == (["retry", "duplicate"], ["NackRequest"], ["AckRequest"])
    assert effects(inbox) == ["done", "later"]


@with_databases
def test_another_subscription_is_another_event(inbox: str, router: EventRouter) -> None:
    """The same message of another subscription is for whoever wants it there."""

    @router.on("k", name="h")
    def work(event: Event[object]) -> None:
        take_effect(inbox, "h")

    pulled, _ = message(data=b"{}", message_id="17")

    assert pull(pulled) + pull(pulled, subscription="projects/p/subscriptions/other") == ["handled", "handled"]
    assert (effects(inbox), StoredEvent.objects.using(inbox).count()) == (["h", "h"], 2)


@with_databases
def test_connections_are_closed_after_each_message(inbox: str, router: EventRouter) -> None:
    """A thread that lives for long keeps no connection beyond its age, as after a request."""
    open_connections: list[bool] = []

    @router.on("k", name="h")
    def work(event: Event[object]) -> None:
        open_connections.append(connections[inbox].connection is not None)

    def run() -> None:
        pulled, _ = message(data=b"{}", message_id="17")
        pull(pulled)
        open_connections.append(connections[inbox].connection is not None)

    thread = Thread(target=run)
    thread.start()
    thread.join()

    assert open_connections == [True, False]
