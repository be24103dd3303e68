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


class Signup(BaseModel):
    """Somebody wants the newsletter."""

    email: str
