"""What the shop does with its events. Found when Django starts."""

from __future__ import annotations

from datetime import timedelta
from time import sleep

from django.db.models import F

from gcp_event_router import Backoff, Event, Reject, Retry, events

from .kinds import LabelPrinted, OrderReturned, RefundBooked
from .models import Booking, Change, Label, Letter, Order, StockLevel, Subscriber
from .payloads import (
    IntentSucceeded,
    OrderPlaced,
    Paid,
    Payment,
    Place,
    PullRequestClosed,
    Refund,
    Returned,
    Shipment,
    Signup,
    StockMoved,
)


@events.on("order-placed")
def record_order(event: Event[OrderPlaced]) -> None:
    """Take an order; a second delivery of it changes nothing."""
    Order.objects.update_or_create(pk=event.payload.order_id, defaults={"total": event.payload.total})


@events.on("stock-*")
def count_stock(event: Event[StockMoved, Place]) -> None:
    """Count pieces in or out of a warehouse, which the URL names; thanks to the inbox, each event counts once."""
    level, _ = StockLevel.objects.get_or_create(sku=event.payload.sku, warehouse=event.parameters.warehouse)
    StockLevel.objects.filter(pk=level.pk).update(quantity=F("quantity") + event.payload.quantity)


@events.on("stock-received")
def wake_backorders(event: Event[StockMoved]) -> None:
    """Ship what waited for the article."""
    Order.objects.filter(paid=True, shipped=False).update(shipped=True)


@events.on("stocktaking")
def take_stock(event: Event[StockMoved]) -> None:
    """Count an article anew, piece by piece. It takes its time, and is undone if the worker is lost in the middle."""
    level, _ = StockLevel.objects.update_or_create(sku=event.payload.sku, warehouse=1, defaults={"quantity": 0})
    for _ in range(event.payload.quantity):
        sleep(0.1)
        StockLevel.objects.filter(pk=level.pk).update(quantity=F("quantity") + 1)


@events.on("payment-*")
async def settle_payment(event: Event[Payment]) -> None:
    """Note who paid."""
    match event.payload:
        case Paid(order_id=order_id):
            if not await Order.objects.filter(pk=order_id).aupdate(paid=True):
                raise Retry("the order is still on its way", after=timedelta(seconds=10))
        case refused:
            await Order.objects.filter(pk=refused.order_id).adelete()


@events.on("shipment-*")
def ship(event: Event[Shipment]) -> None:
    """Ship what is paid; wait for the payment of the rest."""
    order = Order.objects.filter(pk=event.payload.order_id).first()
    if order is None:
        raise Reject("there is no such order")
    if not order.paid:  # pyright: ignore[reportUnknownMemberType] -- as in models.py
        raise Retry("the order is not paid yet", after=timedelta(minutes=5))
    order.shipped = True
    order.save(update_fields=["shipped"])


@LabelPrinted.on
def keep_label(event: Event[bytes]) -> None:
    """Keep the image as the printer sent it."""
    Label.objects.update_or_create(parcel=event.reference, defaults={"image": event.payload})


@events.on("github", attributes={"event": "pull_request", "action": "closed"})
def log_change(event: Event[PullRequestClosed]) -> None:
    """Add a merged change to the change log; thanks to the inbox, once for each delivery."""
    change = event.payload.pull_request
    if change.merged:
        Change.objects.create(number=change.number, title=change.title)


@events.on("stripe", attributes={"event": "payment_intent.succeeded"})
def book_payment(event: Event[IntentSucceeded]) -> None:
    """Book money for an order."""
    intent = event.payload.data.object
    order = Order.objects.get(pk=intent.metadata["order_id"])
    Booking.objects.create(order=order, cents=intent.amount_received)


@events.on("newsletter-signup")
def subscribe(event: Event[Signup]) -> None:
    """Add somebody to the newsletter, once."""
    Subscriber.objects.get_or_create(email=event.payload.email)


@OrderReturned.on(retry=Backoff(first=timedelta(seconds=5), give_up_on=Order.DoesNotExist), order_by="ordering_key")
def refund(event: Event[Returned]) -> None:
    """Book the money back, and announce it. The booking and the announcement are committed together, once."""
    order_id, cents = event.payload.order_id, event.payload.cents
    Booking.objects.create(order=Order.objects.get(pk=order_id), cents=-cents)
    RefundBooked.publish(Refund(order_id=order_id, cents=cents), ordering_key=f"order-{order_id}")


@RefundBooked.on
def write_letter(event: Event[Refund]) -> None:
    """Tell the customer."""
    euros = f"{event.payload.cents / 100:.2f}"
    Letter.objects.create(order_id=event.payload.order_id, text=f"We have refunded {euros} euros.")
