"""What the shop's events hold."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, Field


class OrderPlaced(BaseModel):
    """Somebody ordered."""

    order_id: int
    total: Decimal


class StockMoved(BaseModel):
    """Pieces of an article came or went."""

    sku: str
    quantity: int


class Place(BaseModel):
    """Where stock moved: the parameters of the event's URL."""

    warehouse: int = 1


class Paid(BaseModel):
    """The payment provider has the money."""

    state: Literal["paid"]
    order_id: int


class Refused(BaseModel):
    """The payment provider will not get the money."""

    state: Literal["refused"]
    order_id: int
    reason: str


Payment: TypeAlias = Annotated[Paid | Refused, Field(discriminator="state")]


class Shipment(BaseModel):
    """A parcel is on its way, or should be."""

    order_id: int


class Returned(BaseModel):
    """A customer brought an order back."""

    order_id: int
    cents: int


class Refund(BaseModel):
    """The money of an order is on its way back."""

    order_id: int
    cents: int


class PullRequest(BaseModel):
    """A change to the shop's code."""

    number: int
    title: str
    merged: bool


class PullRequestClosed(BaseModel):
    """The part of GitHub's event `pull_request` that the shop reads."""

    action: Literal["closed"]
    pull_request: PullRequest


class Intent(BaseModel):
    """Stripe's payment of one order."""

    amount_received: int = Field(description="In cents.")
    metadata: dict[str, str] = Field(examples=[{"order_id": "1"}])


class IntentData(BaseModel):
    """Stripe wraps each object like this."""

    object: Intent


class IntentSucceeded(BaseModel):
    """The part of Stripe's event `payment_intent.succeeded` that the shop reads."""

    id: str
    type: Literal["payment_intent.succeeded"]
    data: IntentData


class Signup(BaseModel):
    """Somebody wants the newsletter."""

    email: str
