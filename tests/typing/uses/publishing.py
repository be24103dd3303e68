"""Publishing payloads of declared kinds."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Protocol

from tests.typing.uses.payloads import BIG_ORDER, CUSTOMER, ORDER, Order, Paid, Refunded, Row
from typing_extensions import assert_type

from gcp_event_router import events
from gcp_event_router.publishing import Publisher

OrderPlaced = events.kind("order-placed", Order)
StockMoved = events.kind("stock-moved", Row)
Payments = events.kind("payments", Paid | Refunded)
Nothing = events.kind("nothing", None)
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


async def publishes(client: Publisher) -> None:
    assert_type(await OrderPlaced.apublish(TOPIC, ORDER, attributes={"a": "b"}, client=client), str)
    await asyncio.gather(OrderPlaced.apublish(TOPIC, ORDER), OrderPlaced.apublish(TOPIC, BIG_ORDER))


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
OrderPlaced.publish(ORDER)  # bad: a publication without a topic
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


async def bad_publishes() -> None:
    OrderPlaced.apublish(TOPIC, ORDER)  # bad: a publication that nobody awaits
    await OrderPlaced.publish(TOPIC, ORDER)  # bad: a future that somebody awaits
    await OrderPlaced.apublish(TOPIC, CUSTOMER)  # bad: another model that is published, async
