"""Publishing payloads of declared kinds."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Protocol

from tests.typing.uses.payloads import BIG_ORDER, CUSTOMER, ORDER, Order, Paid, Refunded, Row
from typing_extensions import assert_type

from gcp_event_router import events
from gcp_event_router.publishing import Publisher

OrderPlaced = events.kind("order-placed", Order)
StockMoved = events.kind("stock-moved", Row)
Payments = events.kind("payments", Paid | Refunded)
Nothing = events.kind("nothing", None)
Texts = events.kind("texts", str)
Announced = events.kind("announced", Order, topic="projects/p/topics/t")
TOPIC = "projects/p/topics/t"


class Publishes:
    def publish(self, topic: str, data: bytes, ordering_key: str = "", **attrs: str) -> Future[str]:
        return Future()


class PublishesMore:
    def publish(self, topic: str, data: bytes, ordering_key: str = "", timeout: float = 1.0, **attrs: str) -> Future[str]:
        return Future()


class Base(Protocol):
    def publish(self, topic: str, data: bytes, ordering_key: str = "", **attrs: str) -> Future[str]: ...


publisher: Publisher = Publishes()
assert_type(OrderPlaced.publish(TOPIC, ORDER), Future[str])
assert_type(OrderPlaced.publish(TOPIC, BIG_ORDER, client=Publishes(), ordering_key="k"), Future[str])
assert_type(OrderPlaced.publish(TOPIC, payload=ORDER, attributes={"a": "b"}).result(timeout=1), str)
OrderPlaced.publish(topic=TOPIC, payload=ORDER, client=None)
StockMoved.publish(TOPIC, {"sku": "a", "count": 1})
Payments.publish(TOPIC, Refunded(state="refunded", reason="late"))
Nothing.publish(TOPIC, None)
assert_type(Announced.topic, str)
assert_type(Announced.publish(ORDER), Future[str])
assert_type(Announced.publish(BIG_ORDER, attributes={"a": "b"}, ordering_key="k").result(), str)
assert_type(Announced.publish(payload=ORDER, client=Publishes()), Future[str])
assert_type(Announced.publish(ORDER, at=datetime.now(UTC)), Future[str])
assert_type(Announced.publish(TOPIC, ORDER, delay=timedelta(minutes=5)), Future[str])
Announced.publish(ORDER, at=None, delay=None, attributes=None)
StockMoved.publish({"sku": "a", "count": 1}, delay=timedelta(hours=1))
Payments.publish(Refunded(state="refunded", reason="late"))
Nothing.publish(None)
Texts.publish("text")
Texts.publish(TOPIC, "text")


async def publishes(client: Publisher) -> None:
    assert_type(await OrderPlaced.apublish(TOPIC, ORDER, attributes={"a": "b"}, client=client), str)
    await asyncio.gather(OrderPlaced.apublish(TOPIC, ORDER), OrderPlaced.apublish(TOPIC, BIG_ORDER))
    assert_type(await Announced.apublish(ORDER, at=datetime.now(UTC), ordering_key="k"), str)
    await asyncio.gather(Announced.apublish(payload=ORDER), Announced.apublish(BIG_ORDER, delay=timedelta(minutes=5)))


def with_any(client: Base) -> None:
    OrderPlaced.publish(TOPIC, ORDER, client=client)


# --- bad


class PublishesText:
    def publish(self, topic: str, data: str, ordering_key: str = "", **attrs: str) -> Future[str]:
        return Future()


class PublishesNothing:
    def publish(self, topic: str, data: bytes, ordering_key: str = "", **attrs: str) -> None: ...


class PublishesWithoutAttributes:
    def publish(self, topic: str, data: bytes) -> Future[str]:
        return Future()


class Sends:
    def send(self, topic: str, data: bytes, ordering_key: str = "", **attrs: str) -> Future[str]:
        return Future()


text: Publisher = PublishesText()  # bad: a client that publishes text
nothing: Publisher = PublishesNothing()  # bad: a client without a future
few: Publisher = PublishesWithoutAttributes()  # bad: a client without attributes
sends: Publisher = Sends()  # bad: a client with another method
of_class: Publisher = Publishes  # bad: a client's class
OrderPlaced.publish(TOPIC)  # bad: a publication without a payload
OrderPlaced.publish(ORDER, TOPIC)  # bad: a publication with its arguments exchanged
OrderPlaced.publish(TOPIC, {"order_id": 1})  # bad: a dict that is published for a model
OrderPlaced.publish(TOPIC, CUSTOMER)  # bad: another model that is published
OrderPlaced.publish(TOPIC, b"{}")  # bad: bytes that are published for a model
OrderPlaced.publish(TOPIC, [ORDER])  # bad: a list that is published for a model
OrderPlaced.publish(TOPIC, None)  # bad: None that is published for a model
OrderPlaced.publish(TOPIC, ORDER, {"a": "b"})  # bad: attributes by position
OrderPlaced.publish(TOPIC, ORDER, attributes={"a": 1})  # bad: a number as a published attribute
OrderPlaced.publish(TOPIC, ORDER, ordering_key=1)  # bad: a number as an ordering key
OrderPlaced.publish(TOPIC, ORDER, client="client")  # bad: the name of a client
OrderPlaced.publish(TOPIC, ORDER, client=PublishesText())  # bad: an argument that publishes text
OrderPlaced.publish(TOPIC, ORDER, topic_path=TOPIC)  # bad: an unknown argument of publish
OrderPlaced.publish(1, ORDER)  # bad: a number as a topic
OrderPlaced.publish(TOPIC, ORDER) + "a"  # bad: a future as text
StockMoved.publish(TOPIC, {"sku": "a"})  # bad: a TypedDict that is published without a key
Payments.publish(TOPIC, ORDER)  # bad: a payload that is published outside of a union
Nothing.publish(TOPIC, ORDER)  # bad: a payload that is published for none
Announced.topic = TOPIC  # bad: a new topic for a kind
Announced.publish()  # bad: a publication of nothing
Announced.publish(topic=TOPIC)  # bad: a publication of a topic alone
Announced.publish(CUSTOMER)  # bad: another model, without a topic
Announced.publish({"order_id": 1})  # bad: a dict for a model, without a topic
Announced.publish([ORDER])  # bad: a list for a model, without a topic
Announced.publish(None)  # bad: None for a model, without a topic
Announced.publish(ORDER, ORDER)  # bad: two payloads
Announced.publish(ORDER, {"a": "b"})  # bad: attributes by position, without a topic
Announced.publish(ORDER, attributes={"a": 1})  # bad: a number as an attribute, without a topic
Announced.publish(ORDER, payload=ORDER)  # bad: a payload that is given twice
Announced.publish(ORDER, at="2026-01-01")  # bad: text as the time of a publication
Announced.publish(ORDER, at=timedelta(minutes=5))  # bad: a duration as the time of a publication
Announced.publish(ORDER, at=1_767_225_600)  # bad: seconds as the time of a publication
Announced.publish(ORDER, delay=300)  # bad: a delay of a publication in seconds
Announced.publish(ORDER, delay=datetime.now(UTC))  # bad: a time as a delay
Announced.publish(TOPIC, ORDER, delay="5 min")  # bad: text as a delay
Announced.publish(ORDER, after=timedelta(minutes=5))  # bad: a delay by another name
StockMoved.publish({"sku": "a"})  # bad: a TypedDict without a key, and without a topic
Payments.publish(ORDER)  # bad: a payload outside of a union, without a topic
Nothing.publish(ORDER)  # bad: a payload for none, without a topic
Texts.publish(1)  # bad: a number for text, without a topic


async def bad_publishes() -> None:
    OrderPlaced.apublish(TOPIC, ORDER)  # bad: a publication that nobody awaits
    await OrderPlaced.publish(TOPIC, ORDER)  # bad: a future that somebody awaits
    await OrderPlaced.apublish(TOPIC, CUSTOMER)  # bad: another model that is published, async
    Announced.apublish(ORDER)  # bad: a publication without a topic that nobody awaits
    await Announced.publish(ORDER)  # bad: a future without a topic that somebody awaits
    await Announced.apublish(CUSTOMER)  # bad: another model, async and without a topic
    await Announced.apublish(ORDER, at=300)  # bad: seconds as the time of an async publication
