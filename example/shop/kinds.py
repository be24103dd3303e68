"""The kinds of events that the shop knows, and what they carry."""

from __future__ import annotations

from gcp_event_router import events

from .payloads import IntentSucceeded, OrderPlaced, Payment, PullRequestClosed, Refund, Returned, Shipment, Signup, StockMoved

OrderWasPlaced = events.kind("order-placed", OrderPlaced)
StockReceived = events.kind("stock-received", StockMoved)
Stocktaking = events.kind("stocktaking", StockMoved)
PaymentChanged = events.kind("payment-changed", Payment)
ShipmentReady = events.kind("shipment-ready", Shipment)
LabelPrinted = events.kind("label-printed", bytes)
OrderReturned = events.kind("order-returned", Returned, topic="returns")
RefundBooked = events.kind("refund-booked", Refund, topic="refunds")
GitHubSent = events.kind("github", PullRequestClosed)
StripeSent = events.kind("stripe", IntentSucceeded)
NewsletterSignup = events.kind("newsletter-signup", Signup)
