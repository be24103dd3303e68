"""The payloads and parameters that the uses share."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal, NamedTuple, NewType, TypeAlias

from pydantic import BaseModel, Field, RootModel
from typing_extensions import TypedDict


class Order(BaseModel):
    order_id: int
    total: Decimal


class BigOrder(Order):
    approved_by: str


class Customer(BaseModel):
    name: str


class Paid(BaseModel):
    state: Literal["paid"]
    amount: int


class Refunded(BaseModel):
    state: Literal["refunded"]
    reason: str


class Where(BaseModel):
    warehouse: int


class WhereExactly(Where):
    shelf: str


class Row(TypedDict):
    sku: str
    count: int


class Point(NamedTuple):
    x: int
    y: int


@dataclass
class Parcel:
    weight: float


@dataclass
class Filter:
    region: str = "eu"


class Orders(RootModel[list[Order]]):
    pass


OrderId = NewType("OrderId", int)
Switch: TypeAlias = Literal["on", "off"]
Payment: TypeAlias = Annotated[Paid | Refunded, Field(discriminator="state")]

ORDER = Order(order_id=1, total=Decimal(2))
BIG_ORDER = BigOrder(order_id=1, total=Decimal(2), approved_by="me")
CUSTOMER = Customer(name="a")
WHERE = Where(warehouse=1)
