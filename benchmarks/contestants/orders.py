"""The payload of the events."""

from __future__ import annotations

from pydantic import BaseModel

ORDER = {
    "order_id": 4711,
    "customer": "Customer 4711",
    "lines": [{"sku": f"sku-{number}", "quantity": number, "price": "19.90"} for number in range(1, 6)],
}


class Line(BaseModel):
    """One line of an order."""

    sku: str
    quantity: int
    price: str


class Order(BaseModel):
    """An order."""

    order_id: int
    customer: str
    lines: list[Line]
