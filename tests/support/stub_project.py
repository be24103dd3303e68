"""A project with a generated stub: what it declares, uses that type checkers accept, and uses that they refuse."""

from __future__ import annotations

from typing import Final

SETTINGS: Final = 'SECRET_KEY = "for this run only"\nINSTALLED_APPS = ["gcp_event_router", "store"]\n'

KINDS: Final = '''\
from typing import Annotated, Literal

from pydantic import BaseModel, Field, TypeAdapter
from typing_extensions import TypedDict

from gcp_event_router import EventRouter, events


class Order(BaseModel):
    order_id: int


class OrderReference(BaseModel):
    """What some handlers read of an order."""

    order_id: int


class Customer(BaseModel):
    name: str


class Paid(BaseModel):
    type: Literal["paid"]


class Refused(BaseModel):
    type: Literal["refused"]


class StockRow(TypedDict):
    sku: str
    pieces: int


OrderPlaced = events.kind("order-placed", Order)
OrderChanged = events.kind("order-changed", Order)
CustomerMoved = events.kind("customer-moved", Customer)
Settled = events.kind("payment-settled", TypeAdapter[Paid | Refused](Annotated[Paid | Refused, Field(discriminator="type")]))
StockMoved = events.kind("stock-moved", StockRow)
Ping = events.kind("ping", None)

billing = EventRouter()
Billed = billing.kind("sent", OrderReference)
events.include(billing, prefix="bill-")
'''

ACCEPTED: Final = """\
from datetime import timedelta
from typing import Any

from gcp_event_router import Event, EventRouter, events
from gcp_event_router.google.storage import StorageObjectData
from gcp_event_router.router import Explanation
from gcp_event_router.testing import Pushed, apush, push
from gcp_event_router.utils import get_event_url
from store.kinds import Customer, Order, OrderPlaced, OrderReference, Paid, Refused


@events.on("order-placed")
def place(event: Event[Order]) -> None: ...


place(event=Event("order-placed", "1", Order(order_id=1)))


@events.on("order-placed", once=False, lease=timedelta(minutes=1))
async def read_less(event: Event[OrderReference]) -> None: ...


@events.on("order-*", ce_type="com.example.*")
def read_each(event: Event[Order]) -> None: ...


@events.on("order-changed", "order-placed")
def read_both(event: Event[OrderReference]) -> None: ...


@events.on("order-placed", "customer-moved")
def read_different(event: Event[Order | Customer]) -> None: ...


@events.on("*")
def read_anything(event: Event[object]) -> None: ...


@events.on("order-changed")
def read_raw(event: Event[Any, Any]) -> None: ...


@events.on("payment-settled")
def settle(event: Event[Paid | Refused]) -> None: ...


@events.on("ping")
def answer(event: Event[None]) -> None: ...


@events.on("ping", payload=None)
def answer_again(event: Event[None]) -> None: ...


@events.on("bill-sent")
def bill(event: Event[OrderReference]) -> None: ...


@events.on("order-placed", payload=Order)
def place_again(event: Event[Order]) -> None: ...


@events.on("order-placed", payload=OrderReference)
def read_less_again(event: Event[OrderReference]) -> None: ...


@events.on("order-placed", once_key=lambda event: event.payload.order_id)
def place_once(event: Event[Order]) -> None: ...


@events.on("order-placed", payload=Order, once_key=lambda event: event.payload.order_id)
def place_once_again(event: Event[Order]) -> None: ...


@events.on("order-placed", order_by=lambda event: event.payload.order_id)
def place_in_order(event: Event[Order]) -> None: ...


@events.on("order-placed", "customer-moved", once_key=lambda event: event.reference)
def any_once(event: Event[object]) -> None: ...


@events.on(ce_type="google.cloud.storage.object.v1.finalized")
def store(event: Event[bytes]) -> None: ...


@OrderPlaced.on
def handle(event: Event[Order]) -> None: ...


@events.fallback
def keep(event: Event[bytes]) -> None: ...


class Callback:
    def __call__(self, event: Event[Order]) -> None: ...


callback: Callback = events.on("order-placed")(Callback())
router: EventRouter = events
explanation: Explanation = events.explain("order-placed")


async def send() -> None:
    url: str = get_event_url("order-placed", 1, signed=True)
    same: str = get_event_url(event_kind="bill-sent", event_reference=1)
    pushed: Pushed = push("order-placed", "1", Order(order_id=1))
    unnamed: Pushed = push(None, payload=Order(order_id=1))
    declared: Pushed = push(OrderPlaced, "1", Order(order_id=1))
    sent: Pushed = await apush("order-placed", "1", {"order_id": 1})
    print(url, same, pushed, unnamed, declared, sent)


@events.on("order-*", ce_type="com.example.customer")
def of_type(event: Event[Customer]) -> None: ...


@events.on("*", ce_type="google.cloud.storage.object.v1.finalized")
def of_object(event: Event[StorageObjectData]) -> None: ...


@events.on(ce_type="google.cloud.storage.object.v1.finalized", payload=StorageObjectData)
def of_given_object(event: Event[StorageObjectData]) -> None: ...


@events.on("order-*", ce_type="google.cloud.storage.object.v1.deleted", payload=StorageObjectData)
def of_given_objects(event: Event[StorageObjectData]) -> None: ...


@events.on("order-*", ce_type="com.example.customer", payload=Customer, name="given_type")
def of_given_type(event: Event[Customer]) -> None: ...
"""

#: mypy takes each of these strings for a literal that no kind has: use its plugin.
VARIABLES: Final = """\
from gcp_event_router import Event, events
from gcp_event_router.router import Explanation
from gcp_event_router.testing import Pushed, push
from gcp_event_router.utils import get_event_url
from store.kinds import Order, OrderPlaced


def use(name: str) -> None:
    @events.on(name)
    def first(event: Event[Order]) -> None: ...

    @events.on(OrderPlaced.name, payload=Order)
    def second(event: Event[Order]) -> None: ...

    first(event=Event(name, "1", Order(order_id=1)))
    url: str = get_event_url(name, 1)
    explanation: Explanation = events.explain(name)
    pushed: Pushed = push(name, "1", b"")
    print(url, explanation, pushed)
"""

#: mypy, without the plugin, and pyrefly do not take the type of the dict from the kind.
DICTS: Final = """\
from gcp_event_router.testing import Pushed, push
from store.kinds import StockMoved

row: Pushed = push(StockMoved, "1", {"sku": "a", "pieces": 1})
"""

#: Each line with the comment is wrong.
REFUSED: Final = """\
from gcp_event_router import Event, events
from gcp_event_router.router import Explanation
from gcp_event_router.testing import Pushed, apush, push
from gcp_event_router.utils import get_event_url
from store.kinds import Customer, Order, OrderReference, Paid, StockMoved


@events.on("ordr-placed")  # wrong
def misspelt(event: Event[Order]) -> None: ...


@events.on("order-placed", "ordr-changed")  # wrong
def misspelt_second(event: Event[Order]) -> None: ...


@events.on("sent")  # wrong: only with its prefix
def unprefixed(event: Event[OrderReference]) -> None: ...


@events.on("invoice-*")  # wrong
def unmatched(event: Event[Order]) -> None: ...


@events.on("ordr-placed", payload=Order)  # wrong
def misspelt_payload(event: Event[Order]) -> None: ...


@events.on("order-placed")  # wrong
def another(event: Event[Customer]) -> None: ...


@events.on("customer-moved", once=False)  # wrong
async def another_async(event: Event[Order]) -> None: ...


@events.on("order-*")  # wrong
def another_glob(event: Event[Customer]) -> None: ...


@events.on("order-changed", "order-placed")  # wrong
def another_two(event: Event[Customer]) -> None: ...


@events.on("order-placed", "customer-moved")  # wrong
def part(event: Event[Order]) -> None: ...


@events.on("payment-settled")  # wrong
def part_of_union(event: Event[Order]) -> None: ...


@events.on("ping")  # wrong
def nothing(event: Event[Order]) -> None: ...


@events.on("order-placed", payload=Customer)  # wrong
def another_payload(event: Event[Customer]) -> None: ...


@events.on("*", ce_type="google.cloud.storage.object.v1.finalized")  # wrong
def another_model(event: Event[Order]) -> None: ...


@events.on(ce_type="google.cloud.storage.object.v1.finalized")  # wrong
def no_model(event: Event[Order]) -> None: ...


@events.on(ce_type="google.cloud.storage.object.v1.finalized", payload=Order)  # wrong
def another_given_model(event: Event[Order]) -> None: ...


@events.on("order-placed")  # wrong
def no_event(order: Order) -> None: ...


@events.on("order-placed")  # wrong
def returns(event: Event[Order]) -> int:
    return 1


url: str = get_event_url("ordr-placed", 1)  # wrong
explanation: Explanation = events.explain("ordr-placed")  # wrong
pushed: Pushed = push("ordr-placed", "1", b"")  # wrong
row: Pushed = push(StockMoved, "1", {"sku": "a", "pieces": "all"})  # wrong


async def send() -> None:
    sent: Pushed = await apush("ordr-placed", "1", b"")  # wrong
    print(sent)
"""

#: The module that Django imports: it registers all that the stub has to accept, and so knows the types that read less.
HANDLERS: Final = "from . import accepted, kinds\n"
