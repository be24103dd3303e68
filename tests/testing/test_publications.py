"""`testing.published`: what a test sees of what is published, with the outbox and without it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import transaction
from django.test import TestCase
from pydantic import BaseModel, Field
from typing_extensions import override

from gcp_event_router import EventRouter
from gcp_event_router.exceptions import ConfigurationError
from gcp_event_router.kinds import Kind
from gcp_event_router.outbox.models import OutgoingEvent
from gcp_event_router.outbox.store import OutboxStore
from gcp_event_router.publishing import _client as client_of  # pyright: ignore[reportPrivateUsage] -- is made but once
from gcp_event_router.publishing import set_outbox
from gcp_event_router.testing import EventTestMixin, Published, isolated, published

from ..support.outboxes import with_outboxes

TOPIC = "projects/p/topics/orders"


class Order(BaseModel):
    order_id: int = Field(alias="orderId")


@pytest.fixture
def placed(router: EventRouter) -> Kind[Order]:
    return router.kind("order-placed", Order, topic=TOPIC)


@pytest.fixture
def counted(router: EventRouter) -> Kind[int]:
    return router.kind("counted", int)


def order(number: int) -> Order:
    return Order(orderId=number)


def test_what_would_go_to_google(placed: Kind[Order], counted: Kind[int]) -> None:
    """Without the outbox, events are recorded by kind and typed, and none is sent."""
    with published() as recorded:
        first = placed.publish(order(1), ordering_key="k", attributes={"a": "b"}).result(0)
        counted.publish("counts", 7)  # a short name needs no project here
        placed.publish("others", order(2))

    one, two = recorded.of(placed)
    assert (one.id, one.kind, one.payload, one.topic) == (first, "order-placed", order(1), TOPIC)
    assert (one.ordering_key, one.attributes, one.due, one.cause) == ("k", {"a": "b"}, None, "")
    assert (two.payload.order_id, two.topic, two.ordering_key, two.attributes) == (2, "others", "", {})
    assert [event.payload for event in recorded] == [order(1), 7, order(2)]
    assert (len(recorded), bool(recorded), bool(Published())) == (3, True, False)


async def test_async_without_the_outbox(placed: Kind[Order]) -> None:
    """`apublish` is recorded, and returns the same id."""
    with published() as recorded:
        published_id = await placed.apublish(order(1))

    assert [event.id for event in recorded] == [published_id]


def test_other_clients_send_nothing_either(placed: Kind[Order]) -> None:
    """A client that the project gives is not called within the block."""
    client: Any = object()

    with published() as recorded:
        placed.publish(order(1), client=client)

    assert [event.payload for event in recorded] == [order(1)]


def test_wrong_events_are_refused_as_always(placed: Kind[Order], counted: Kind[int]) -> None:
    """Recording accepts nothing that production would refuse."""
    with published() as recorded:
        with pytest.raises(ValueError) as topic:
            counted.publish("projects/p", 1)
        with pytest.raises(ConfigurationError) as time:
            placed.publish(order(1), delay=timedelta(1))

    assert str(topic.value).startswith("The topic 'projects/p' is neither a path nor a name.")
    assert str(time.value).startswith("Pub/Sub sends each message at once, so at= and delay= need the outbox.")
    assert not recorded


def test_blocks_within_blocks(counted: Kind[int]) -> None:
    """Each block has what was published within it, and the same ids."""
    with published() as outer:
        counted.publish("counts", 1)
        with published() as inner:
            counted.publish("counts", 2)
        counted.publish("counts", 3)

    assert [event.payload for event in outer] == [1, 2, 3]
    assert list(inner) == list(outer)[1:2]


def test_a_test_cannot_wait_for_google(placed: Kind[Order], monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of a block, and without an emulator, publishing to Pub/Sub fails at once, whatever credentials there are."""
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    client_of.cache_clear()

    with pytest.raises(ConfigurationError) as caught:
        placed.publish(order(1))

    assert str(caught.value) == (
        "This test publishes to Pub/Sub itself, which takes credentials and a network. Publish within "
        "`with testing.published():`, pass client=, or name an emulator in the environment variable PUBSUB_EMULATOR_HOST."
    )


def test_assertions(placed: Kind[Order], counted: Kind[int]) -> None:
    """They return the event, or say what was published."""
    with published() as recorded:
        placed.publish(order(1), ordering_key="k", attributes={"a": "b"})
        counted.publish("counts", 7)

    assert recorded.assert_published(placed, payload=order(1), topic=TOPIC, ordering_key="k", times=1).payload.order_id == 1
    said = (
        "  'order-placed': Order(order_id=1), topic 'projects/p/topics/orders', ordering key 'k', attributes {'a': 'b'}\n"
        "  'counted': 7, topic 'counts'"
    )
    for problem, expected in (
        (lambda: recorded.assert_published(placed, payload=order(2)), "should have been published, payload Order(order_id=2)"),
        (lambda: recorded.assert_published(placed, topic="x"), "should have been published, topic 'x'"),
        (lambda: recorded.assert_published(placed, ordering_key=""), "should have been published, ordering key ''"),
        (lambda: recorded.assert_published(placed, times=2), "should have been published 2 times, not 1"),
        (lambda: recorded.assert_not_published(placed), "should not have been published"),
    ):
        with pytest.raises(AssertionError) as caught:
            problem()
        assert str(caught.value) == f"'order-placed' {expected}. Published:\n{said}"
    assert repr(recorded) == f"<Published: 2 events\n{said}>"
    assert repr(Published()) == "<Published: 0 events\n  nothing>"


def test_wrong_questions(placed: Kind[Order]) -> None:
    """A kind is a declared one, and an event is expected once at least."""
    name: Any = "order-placed"

    with pytest.raises(TypeError) as kind:
        Published().of(name)
    with pytest.raises(ValueError) as times:
        Published().assert_published(placed, times=0)

    assert str(kind.value) == (
        "The kind must be a declared one, not 'order-placed', of type str. Give what events.kind() returns."
    )
    assert str(times.value) == "times must be at least 1, not 0. Use assert_not_published."


def test_fixture(event_published: Published, counted: Kind[int]) -> None:
    """The plugin has it, and it records from the beginning of the test."""
    counted.publish("counts", 1)

    assert [event.payload for event in event_published.of(counted)] == [1]


@with_outboxes
def test_rows_that_exist(outbox: str, placed: Kind[Order]) -> None:
    """With the outbox, an event of a transaction that is rolled back is not there, and the others have their times."""
    soon = datetime(2100, 1, 1, tzinfo=UTC)
    with published() as recorded:
        with transaction.atomic(using=outbox):
            placed.publish(order(1), ordering_key="k", attributes={"a": "b"})
            with transaction.atomic(using=outbox):
                placed.publish(order(2))
                transaction.set_rollback(True, using=outbox)
            assert len(recorded) == 1
        placed.publish(order(3), at=soon)
        placed.publish(order(4), delay=timedelta(hours=1))

    one, three, four = recorded.of(placed)
    row = OutgoingEvent.objects.using(outbox).get(pk=min(OutgoingEvent.objects.using(outbox).values_list("pk", flat=True)))
    assert (one.payload, one.ordering_key, one.attributes, one.due) == (order(1), "k", {"a": "b"}, None)
    assert one.id == str(row.key)
    assert (three.payload, three.due) == (order(3), soon)
    assert four.due is not None
    assert timedelta(minutes=59) < four.due - row.created_at < timedelta(minutes=70)
    assert str(three) == f"'order-placed': Order(order_id=3), topic '{TOPIC}', due 2100-01-01T00:00:00+00:00"


@with_outboxes
async def test_async_with_the_outbox(outbox: str, placed: Kind[Order]) -> None:
    """An async test looks at the rows in a thread."""
    with published() as recorded:
        await placed.apublish(order(1))

    assert [event.payload for event in await sync_to_async(recorded.of)(placed)] == [order(1)]


class MixinTests(EventTestMixin, TestCase):
    """The mixin records from the beginning of each test, within the transaction of Django's test case."""

    @override
    def setUp(self) -> None:
        super().setUp()
        self.placed = self.enterContext(isolated(empty=True)).kind("order-placed", Order, topic=TOPIC)

    def test_without_the_outbox(self) -> None:
        """Nothing is sent."""
        self.placed.publish(order(1))

        assert self.assertPublished(self.placed, payload=order(1), topic=TOPIC, times=1).payload.order_id == 1
        with pytest.raises(AssertionError):
            self.assertNotPublished(self.placed)

    def test_rollback(self) -> None:
        """What a block publishes that is rolled back is not there, also while callbacks of commits are captured."""
        set_outbox(OutboxStore())
        with self.captureOnCommitCallbacks(execute=True):
            with transaction.atomic():
                self.placed.publish(order(1))
            with transaction.atomic():
                self.placed.publish(order(2))
                transaction.set_rollback(True)

        assert [event.payload for event in self.published] == [order(1)]
