"""The events that the demo sends to the shop, with the expected results."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

TOKEN = "open sesame"
SENDER = "pubsub@shop.iam.gserviceaccount.com"
JSON = {"Content-Type": "application/json"}
SHARED = {"X-Shop-Token": TOKEN, **JSON}


@dataclass(frozen=True)
class Case:
    """One event, and its expected result."""

    title: str
    path: str
    body: bytes
    status: int
    handlers: str
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    #: The account of the token; None without a token.
    account: str | None = SENDER
    #: A query on the shop's database, and the expected rows.
    query: str = ""
    rows: tuple[tuple[object, ...], ...] = ()

    @property
    def reference(self) -> str:
        """The event's reference: no two cases share one."""
        return self.path.partition("?")[0].rstrip("/").rpartition("/")[2]


def push(data: object, message_id: str = "17") -> bytes:
    """Make a wrapped push, as Pub/Sub sends it."""
    encoded = base64.b64encode(json.dumps(data).encode()).decode()
    time = "2026-01-02T03:04:05.678Z"
    message = {"data": encoded, "messageId": message_id, "message_id": message_id, "publishTime": time, "publish_time": time}
    return json.dumps({"message": message, "subscription": "projects/shop/subscriptions/events"}).encode()


def unwrapped(subscription: str) -> dict[str, str]:
    """Make the headers of an unwrapped push with metadata."""
    return {
        "Content-Type": "application/octet-stream",
        "x-goog-pubsub-subscription-name": f"projects/shop/subscriptions/{subscription}",
        "x-goog-pubsub-message-id": "18",
        "x-goog-pubsub-publish-time": "2026-01-02T03:04:05.678Z",
    }


CASES = (
    Case(
        "a wrapped Pub/Sub push",
        "/events/order-placed/one",
        push({"order_id": 1, "total": "12.50"}),
        201,
        "record_order",
        query="select id, total from shop_order",
        rows=((1, 12.5),),
    ),
    Case(
        "an unwrapped push, binary",
        "/events/label-printed/two",
        b"\x89PNG\x00\xff",
        201,
        "keep_label",
        headers=unwrapped("labels"),
        query="select parcel, image from shop_label",
        rows=(("two", b"\x89PNG\x00\xff"),),
    ),
    Case(
        "a plain webhook",
        "/events/newsletter-signup/three/",
        b'{"email": "reader@example.com"}',
        201,
        "subscribe",
        headers=SHARED,
        account=None,
        query="select email from shop_subscriber",
        rows=(("reader@example.com",),),
    ),
    Case(
        "a shipment too early: Retry",
        "/events/shipment-ready/four",
        push({"order_id": 1}),
        503,
        "ship: retry",
        query="select paid, shipped from shop_order",
        rows=((0, 0),),
    ),
    Case(
        "an async handler, a union",
        "/events/payment-changed/five",
        b'{"state": "paid", "order_id": 1}',
        201,
        "settle_payment",
        query="select paid, shipped from shop_order",
        rows=((1, 0),),
    ),
    Case(
        "two handlers and a plain receiver",
        "/events/stock-received/six?warehouse=3",
        push({"sku": "A-1", "quantity": 5}),
        201,
        "count_stock, wake_backorders, write_audit",
        query="select reference, warehouse, quantity, shipped from shop_auditentry, shop_stocklevel, shop_order",
        rows=(("six", 3, 5, 1),),
    ),
    Case(
        "the same once more",
        "/events/stock-received/six?warehouse=3",
        push({"sku": "A-1", "quantity": 5}),
        200,
        "count_stock, wake_backorders: duplicate, write_audit",
        query="select warehouse, quantity from shop_stocklevel",
        rows=((3, 5),),
    ),
    Case(
        "a bad payload",
        "/events/order-placed/seven",
        push({"order_id": "two", "total": "12.50"}),
        200,
        "record_order: rejected",
        query="select count(*) from shop_order",
        rows=((1,),),
    ),
    Case(
        "an order that is not there: Reject",
        "/events/shipment-ready/eight",
        push({"order_id": 99}),
        200,
        "ship: rejected",
        query="select id, shipped from shop_order",
        rows=((1, 1),),
    ),
    Case(
        "a kind that nothing handles",
        "/events/weather-changed/nine",
        push({"wind": 7}),
        201,
        "no handler",
        query="select count(*) from shop_auditentry",
        rows=((2,),),
    ),
    Case(
        "a stranger",
        "/events/order-placed/ten",
        push({"order_id": 3, "total": "0.01"}),
        401,
        "no handler",
        account=None,
        query="select count(*) from shop_order",
        rows=((1,),),
    ),
    Case(
        "a token of somebody else's",
        "/events/order-placed/eleven",
        push({"order_id": 3, "total": "0.01"}),
        403,
        "no handler",
        account="pubsub@elsewhere.iam.gserviceaccount.com",
        query="select count(*) from shop_order",
        rows=((1,),),
    ),
    Case(
        "a signed URL",
        "/events/label-printed/twelve?signature={signature}",
        b"\x89PNG",
        201,
        "keep_label",
        account=None,
        headers={"Content-Type": "image/png"},
        query="select parcel, image from shop_label where parcel = 'twelve'",
        rows=(("twelve", b"\x89PNG"),),
    ),
    Case(
        "a signed URL, for another parcel",
        "/events/label-printed/thirteen?signature={signature}",
        b"\x89PNG",
        401,
        "no handler",
        account=None,
        headers={"Content-Type": "image/png"},
        query="select count(*) from shop_label",
        rows=((2,),),
    ),
)
