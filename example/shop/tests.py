"""The shop's own tests: `python manage.py test shop`."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# as in models.py

from __future__ import annotations

from decimal import Decimal

from django.test import TestCase
from typing_extensions import override

from gcp_event_router import Event, Outcome, Principal, Reject, Retry
from gcp_event_router.auth import GitHub, Stripe
from gcp_event_router.testing import FORMS, EventTestMixin

from .event_handlers import (
    book_payment,
    count_stock,
    keep_label,
    log_change,
    record_order,
    settle_payment,
    ship,
    subscribe,
    wake_backorders,
    write_letter,
)
from .kinds import OrderReturned
from .models import AuditEntry, Booking, Change, Label, Letter, Order, StockLevel, Subscriber
from .payloads import OrderPlaced, PullRequest, PullRequestClosed, Refund, Refused, Returned, Shipment, Signup, StockMoved

SECRET = {"X-Shop-Token": "open sesame"}
GITHUB = GitHub(secrets=["5f8b1d0c3e7a49264b0d8e1f6c2a9735"])
STRIPE = Stripe(secrets=["whsec_Zk3vQ8tLw1XyR6nBs0JdHc7MfPq2Ga5U"])


class HandlerTests(TestCase):
    """Tests that call handlers as functions."""

    def test_second_delivery_changes_nothing(self) -> None:
        """An order that is delivered twice is stored once."""
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
        """A shipment of an unknown order is rejected."""
        with self.assertRaisesMessage(Reject, "there is no such order"):
            ship(Event("shipment-ready", "1", Shipment(order_id=1)))


class EndpointTests(EventTestMixin, TestCase):
    """Tests that push events."""

    event_principal = Principal("test", "pubsub@shop.iam.gserviceaccount.com")

    def test_stock_is_counted_woken_and_audited(self) -> None:
        """One event reaches two handlers and the plain receiver."""
        Order.objects.create(pk=1, total=5, paid=True)

        pushed = self.push("stock-received", "1", StockMoved(sku="A-1", quantity=5), parameters={"warehouse": 3})

        self.assertEqual(pushed.handled, (count_stock, wake_backorders))
        self.assertEqual(list(StockLevel.objects.values_list("sku", "warehouse", "quantity")), [("A-1", 3, 5)])
        self.assertTrue(Order.objects.get().shipped)
        self.assertEqual(list(AuditEntry.objects.values_list("kind", "reference")), [("stock-received", "1")])

    def test_refused_payment_cancels_the_order(self) -> None:
        """The async handler tells the members of the union apart."""
        Order.objects.create(pk=1, total=5)

        self.push("payment-changed", "1", Refused(state="refused", order_id=1, reason="no funds"))

        event = self.assertHandled(settle_payment)
        self.assertEqual(event.payload.state, "refused")
        self.assertFalse(Order.objects.exists())

    def test_binary_label_is_kept_as_it_came(self) -> None:
        """A bytes payload is not decoded, in any envelope."""
        for parcel, envelope in enumerate(FORMS):
            pushed = self.push("label-printed", parcel, b"\x89PNG\x00\xff", envelope=envelope)

            self.assertEqual(pushed.handled, (keep_label,))
        self.assertEqual([bytes(each.image) for each in Label.objects.all()], [b"\x89PNG\x00\xff"] * len(FORMS))

    def test_signup_twice_is_one_subscriber(self) -> None:
        """A second signup changes nothing, whether it is the same event or another one."""
        signup = Signup(email="reader@example.com")

        outcomes = [self.push("newsletter-signup", "1", signup, message_id=each).outcome for each in ("17", "17", "18")]

        self.assertEqual(outcomes, [Outcome.HANDLED, Outcome.DUPLICATE, Outcome.HANDLED])
        self.assertHandled(subscribe, payload=signup, times=2)
        self.assertEqual(Subscriber.objects.count(), 1)

    def test_early_shipment_is_sent_again(self) -> None:
        """A shipment that comes before its payment is not lost."""
        Order.objects.create(pk=1, total=5)

        pushed = self.push("shipment-ready", "1", Shipment(order_id=1))

        self.assertEqual((pushed.outcome, pushed.acknowledged), (Outcome.RETRY, False))

    def test_typo_is_kept_and_named(self) -> None:
        """An order without a total is stored as rejected, with the invalid field."""
        self.push("order-placed", "1", {"order_id": 1})

        error = self.recording.assert_outcome(record_order, Outcome.REJECTED).error
        self.assertEqual(str(error), "invalid payload: 1 error")
        self.assertFalse(Order.objects.exists())


class WebhookTests(EventTestMixin, TestCase):
    """Tests of webhooks, which are signed as their providers sign them; the settings verify them."""

    def test_merged_change_is_logged_once(self) -> None:
        """GitHub's delivery has one effect, however often it comes."""
        change = PullRequestClosed(action="closed", pull_request=PullRequest(number=7, title="Ship faster", merged=True))

        outcomes = [
            self.push(
                "github", "shop", change, signed_by=GITHUB, message_id="72d3162e", attributes={"event": "pull_request"}
            ).outcome
            for _ in range(2)
        ]

        self.assertEqual(outcomes, [Outcome.HANDLED, Outcome.DUPLICATE])
        self.assertHandled(log_change, payload=change)
        self.assertEqual(list(Change.objects.values_list("number", "title")), [(7, "Ship faster")])

    def test_money_is_booked(self) -> None:
        """Stripe names an order in the metadata of its payment."""
        Order.objects.create(pk=1, total=5)
        payment = {"object": {"amount_received": 500, "metadata": {"order_id": "1"}}}

        self.push(
            "stripe", "shop", {"id": "evt_1", "type": "payment_intent.succeeded", "data": payment}, signed_by=STRIPE
        ).assert_handled(book_payment)

        self.assertEqual(list(Booking.objects.values_list("order", "cents")), [(1, 500)])

    def test_another_secret_is_refused(self) -> None:
        """A stranger cannot sign."""
        stranger = GitHub(secrets=["a secret that is not the shop's"])

        self.assertEqual(self.push("github", "shop", {}, signed_by=stranger).status, 401)


class ReturnTests(EventTestMixin, TestCase):
    """Tests of what the shop publishes; it stays in the outbox until it is relayed."""

    @override
    def setUp(self) -> None:
        """Make an order."""
        super().setUp()
        Order.objects.create(pk=1, total=Decimal("12.50"))

    def test_return_is_published(self) -> None:
        """The request publishes an event, and refunds nothing itself."""
        response = self.client.post("/orders/1/return")

        self.assertEqual(response.status_code, 202)
        event = self.assertPublished(OrderReturned, payload=Returned(order_id=1, cents=1250), times=1)
        self.assertEqual((event.topic, event.ordering_key), ("returns", "order-1"))
        self.assertFalse(Booking.objects.exists())

    def test_second_return_publishes_nothing(self) -> None:
        """What a transaction has published that is rolled back is gone."""
        answers = [self.client.post("/orders/1/return").status_code for _ in range(2)]

        self.assertEqual(answers, [202, 409])
        self.assertPublished(OrderReturned, times=1)

    def test_refund_is_announced(self) -> None:
        """The handler of one event publishes the next one, whose cause is the first."""
        self.client.post("/orders/1/return")

        returned, refunded = self.relay_now()

        self.assertEqual((returned.kind, refunded.kind, refunded.cause), ("order-returned", "refund-booked", returned.id))
        self.assertEqual(list(Booking.objects.values_list("order", "cents")), [(1, -1250)])
        self.assertHandled(write_letter, payload=Refund(order_id=1, cents=1250), times=1)
        self.assertEqual(Letter.objects.get().text, "We have refunded 12.50 euros.")


class DoorTests(EventTestMixin, TestCase):
    """Tests of authentication."""

    def test_secret_opens(self) -> None:
        """A sender with the secret may send."""
        pushed = self.push("order-placed", "1", OrderPlaced(order_id=1, total=Decimal(1)), headers=SECRET)

        self.assertEqual(pushed.handled, (record_order,))

    def test_wrong_secret_is_refused(self) -> None:
        """A stranger gets 401, and no handler runs."""
        pushed = self.push("order-placed", "1", OrderPlaced(order_id=1, total=Decimal(1)), headers={"X-Shop-Token": "guess"})

        self.assertEqual((pushed.status, pushed.called), (401, ()))
        self.assertFalse(Order.objects.exists())
