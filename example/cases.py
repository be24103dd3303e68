"""The events that the demo sends to the shop, with the expected results."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

TOKEN = "open sesame"
SENDER = "pubsub@shop.iam.gserviceaccount.com"
JSON = {"Content-Type": "application/json"}
GITHUB_SECRET = b"5f8b1d0c3e7a49264b0d8e1f6c2a9735"
STRIPE_SECRET = b"whsec_Zk3vQ8tLw1XyR6nBs0JdHc7MfPq2Ga5U"
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
    #: Makes the headers of a signature over the body, when it is sent.
    sign: Callable[[bytes], Mapping[str, str]] | None = None
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


def github(body: bytes) -> dict[str, str]:
    """Sign as GitHub does, without the package's help."""
    return {"X-Hub-Signature-256": "sha256=" + hmac.digest(GITHUB_SECRET, body, "sha256").hex()}


def stripe(body: bytes) -> dict[str, str]:
    """Sign as Stripe does, whose signature has a time."""
    now = str(int(time.time()))
    signature = hmac.digest(STRIPE_SECRET, f"{now}.".encode() + body, "sha256").hex()
    return {"Stripe-Signature": f"t={now},v1={signature}"}


def forged(body: bytes) -> dict[str, str]:
    """Sign another body."""
    return stripe(body + b" ")


PULL_REQUEST = {"action": "closed", "pull_request": {"number": 7, "title": "Ship faster", "merged": True}}
DELIVERY = {**JSON, "X-GitHub-Event": "pull_request", "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958"}
INTENT = {
    "id": "evt_1NG8Du2eZvKYlo2C",
    "type": "payment_intent.succeeded",
    "created": 1_767_323_045,
    "data": {"object": {"object": "payment_intent", "amount_received": 1250, "metadata": {"order_id": "1"}}},
}


def webhook(title: str, reference: str, data: object, status: int, handlers: str, **options: Any) -> Case:
    """Make a case of a signed webhook."""
    return Case(title, f"/events/{reference}", json.dumps(data).encode(), status, handlers, account=None, **options)


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
    *(
        webhook(
            title,
            "github/shop",
            PULL_REQUEST,
            status,
            handlers,
            headers=DELIVERY,
            sign=github,
            query="select number, title from shop_change",
            rows=((7, "Ship faster"),),
        )
        for title, status, handlers in (
            ("GitHub merged a pull request", 201, "log_change"),
            ("GitHub delivers the same again", 200, "log_change: duplicate"),
        )
    ),
    *(
        webhook(
            title,
            "stripe/shop-account",
            INTENT,
            status,
            handlers,
            sign=stripe,
            query="select order_id, cents from shop_booking",
            rows=((1, 1250),),
        )
        for title, status, handlers in (
            ("Stripe received money", 201, "book_payment"),
            ("Stripe says it again, signed anew", 200, "book_payment: duplicate"),
        )
    ),
    webhook(
        "somebody who claims to be Stripe",
        "stripe/forged",
        INTENT,
        401,
        "no handler",
        sign=forged,
        query="select count(*) from shop_booking",
        rows=((1,),),
    ),
)
