"""The shop's own tests: `python manage.py test shop`."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# as in models.py

from __future__ import annotations

from decimal import Decimal

from django.http import HttpResponse
from django.test import TestCase

from gcp_event_router import Event, Reject, Retry
from gcp_event_router.utils import get_event_url, make_pubsub_message

from .event_handlers import record_order, ship
from .models import AuditEntry, Label, Order, StockLevel, Subscriber
from .payloads import OrderPlaced, Shipment


class HandlerTests(TestCase):
    """Handlers are functions, and tested as such."""

    def test_second_delivery_changes_nothing(self) -> None:
        """An order that is delivered twice is there once."""
        event = Event("order-placed", "1", OrderPlaced(order_id=1, total=Decimal("12.50")))

        record_order(event)
        record_order(event)

        self.assertEqual(list(Order.objects.values_list("pk", "total")), [(1, Decimal("12.50"))])

    def test_unpaid_order_is_shipped_later(self) -> None:
        """A shipment waits for its payment."""
        Order.objects.create(pk=1, total=5)

        with self.assertRaisesMessage(Retry, "the order is not paid yet"):
            ship(Event("shipment-ready", "1", Shipment(order_id=1)))

    def test_unknown_order_is_never_shipped(self) -> None:
        """A shipment of an order that does not exist is given up."""
        with self.assertRaisesMessage(Reject, "there is no such order"):
            ship(Event("shipment-ready", "1", Shipment(order_id=1)))


class EndpointTests(TestCase):
    """Events as they arrive."""

    def push(
        self, kind: str, data: object, token: str = "open sesame", message_id: str = "17", **parameters: str
    ) -> HttpResponse:
        """Send a push as Pub/Sub does."""
        url = get_event_url(kind, "1", parameters, base_url="")
        body = make_pubsub_message(data, message_id=message_id)
        response = self.client.post(url, body, content_type="application/json", headers={"X-Shop-Token": token})
        assert isinstance(response, HttpResponse)
        return response

    def test_stock_is_counted_woken_and_audited(self) -> None:
        """One event reaches two handlers and the plain receiver."""
        Order.objects.create(pk=1, total=5, paid=True)

        response = self.push("stock-received", {"sku": "A-1", "quantity": 5}, warehouse="3")

        self.assertEqual(response.status_code, 201)
        self.assertEqual(list(StockLevel.objects.values_list("sku", "warehouse", "quantity")), [("A-1", 3, 5)])
        self.assertTrue(Order.objects.get().shipped)
        self.assertEqual(list(AuditEntry.objects.values_list("kind", "reference")), [("stock-received", "1")])

    def test_refused_payment_cancels_the_order(self) -> None:
        """The async handler tells the members of the union apart."""
        Order.objects.create(pk=1, total=5)

        response = self.push("payment-changed", {"state": "refused", "order_id": 1, "reason": "no funds"})

        self.assertEqual(response.status_code, 201)
        self.assertFalse(Order.objects.exists())

    def test_binary_label_is_kept_as_it_came(self) -> None:
        """A bytes payload is not decoded."""
        response = self.push("label-printed", b"\x89PNG\x00\xff")

        self.assertEqual(response.status_code, 201)
        self.assertEqual(bytes(Label.objects.get().image), b"\x89PNG\x00\xff")

    def test_signup_twice_is_one_subscriber(self) -> None:
        """A second signup changes nothing, whether it is the same event or another one."""
        statuses = [
            self.push("newsletter-signup", {"email": "reader@example.com"}, message_id=message_id).status_code
            for message_id in ("17", "17", "18")
        ]

        self.assertEqual(statuses, [201, 200, 201])
        self.assertEqual(Subscriber.objects.count(), 1)

    def test_wrong_secret_is_refused(self) -> None:
        """A stranger is told 401, and nothing happens."""
        response = self.push("order-placed", {"order_id": 1, "total": "1"}, token="guess")

        self.assertEqual(response.status_code, 401)
        self.assertFalse(Order.objects.exists())
