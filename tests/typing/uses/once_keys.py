"""Business keys: `once_key` and `once_for`."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from pydantic import BaseModel

from gcp_event_router import Event, events


class Payment(BaseModel):
    payment_id: str
    number: UUID


class CardPayment(Payment):
    card: str


class Order(BaseModel):
    order_id: int


class Params(BaseModel):
    shop: int


def payment_id(event: Event[Payment]) -> str:
    return event.payload.payment_id


def number_in_shop(event: Event[Payment, Params]) -> int:
    return event.parameters.shop


def amount(event: Event[Payment]) -> float:
    return 1.5


async def slow_id(event: Event[Payment]) -> str:
    return event.payload.payment_id


def reference(event: Event[object]) -> str:
    return event.reference


PaymentMade = events.kind("payment-made", Payment)


@PaymentMade.on(once_key=lambda event: event.payload.payment_id, once_for=timedelta(days=30))
def record(event: Event[Payment]) -> None: ...


@PaymentMade.on(once_key=payment_id)
async def record_async(event: Event[Payment]) -> None: ...


@PaymentMade.on(once_key=number_in_shop)
def record_in_shop(event: Event[Payment, Params]) -> None: ...


@events.on("payment-*", payload=Payment, once_key=lambda event: event.payload.number)
def record_payment(event: Event[Payment]) -> None: ...


@events.on("payment-*", payload=CardPayment, once_key=payment_id)
def record_card(event: Event[CardPayment]) -> None: ...


@events.on("payment-*", once_key=payment_id)
def record_by_function(event: Event[Payment]) -> None: ...


@events.on(ce_type="payment.*", once_key=number_in_shop, name="cloud")
async def record_cloud(event: Event[Payment, Params]) -> None: ...


@events.on("payment-*", once_key=lambda event: event.reference)
def record_reference(event: Event[Order]) -> None: ...


@events.on("payment-*", payload=CardPayment, once_key=reference)
def record_any_reference(event: Event[CardPayment]) -> None: ...


@events.fallback(once_key=lambda event: None)
def record_other(event: Event[bytes]) -> None: ...


@PaymentMade.on(once_key=lambda event: event.payload.order_id)  # bad: a field that the kind's payload lacks
def bad_field(event: Event[Payment]) -> None: ...


@PaymentMade.on(once_key=lambda event: event.payload)  # bad: a model as a kind's key
def bad_key(event: Event[Payment]) -> None: ...


@PaymentMade.on(once_key=payment_id)  # bad: a kind with a key, and a handler of another payload
def bad_payload(event: Event[Order]) -> None: ...


@events.on("payment-*", payload=Payment, once_key=lambda event: event.payload.order_id)  # bad: a field that payload= lacks
def bad_payload_field(event: Event[Payment]) -> None: ...


@events.on("payment-*", once_key=payment_id)  # bad: a function of another payload than the handler's
def bad_function(event: Event[Order]) -> None: ...


@events.on("payment-*", payload=Order, once_key=payment_id)  # bad: a function of another payload than payload=
def bad_function_of_payload(event: Event[Order]) -> None: ...


@events.on("payment-*", once_key=lambda event: event.payload.payment_id)  # bad: a lambda that reads a payload of no known type
def unknown_field(event: Event[Payment]) -> None: ...


@events.fallback(once_key=payment_id)  # bad: a fallback's function of another payload
def bad_fallback(event: Event[bytes]) -> None: ...


events.on("payment-*", once_key=amount)(record)  # bad: a float as a key
events.on("payment-*", once_key=slow_id)(record)  # bad: an async function as once_key
events.on("payment-*", once_key="payment_id")(record)  # bad: the name of a field as once_key
events.on("payment-*", once_key=lambda: "p1")(record)  # bad: a lambda without an event as once_key
events.on("payment-*", once_key=payment_id, once_for=30)(record)  # bad: days as once_for
PaymentMade.on(once_key=reference, once_for="30d")(record)  # bad: a text as once_for
