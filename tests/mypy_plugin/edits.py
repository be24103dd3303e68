"""A small project of several modules, and the edits after which mypy has to report what it reports in a cold run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

#: What an edit does to one file: a new text, pairs of an old and a new part, or None to delete it.
Change: TypeAlias = "str | tuple[tuple[str, str], ...] | None"
Changes: TypeAlias = "Mapping[str, Change]"

CONFIGURATION: Final = """\
[mypy]
plugins = gcp_event_router.mypy, pydantic.mypy
mypy_path = {packages}:{library}
no_site_packages = True
strict = True
[gcp-event-router]
kinds = shop.kinds, shop.routers
[mypy-gcp_event_router.*]
follow_imports = silent
[mypy-asgiref.*,django.*,google.*,opentelemetry.*,pydantic.*,pydantic_core.*]
ignore_missing_imports = True
"""

PROJECT: Final = {
    "mypy.ini": CONFIGURATION,
    "shop/__init__.py": "",
    "shop/base.py": """\
from pydantic import BaseModel


class Numbered(BaseModel):
    number: int
""",
    "shop/places.py": """\
from pydantic import BaseModel


class Address(BaseModel):
    street: str
    city: str = ""


class Locker(BaseModel):
    locker: int


Destination = Address
""",
    "shop/payloads.py": """\
from dataclasses import dataclass
from typing import TypedDict

from .base import Numbered
from .places import Address, Destination


class Order(Numbered):
    total: int
    address: Address


class Refund(Numbered):
    amount: int


class Parcel(Numbered):
    destination: Destination


class StockRow(TypedDict):
    sku: str
    pieces: int


@dataclass
class Invoice:
    number: int
    due: str = ""


Sent = Parcel
""",
    "shop/readers.py": """\
from typing import TypedDict

from pydantic import BaseModel


class Street(BaseModel):
    street: str


class HasNumber(BaseModel):
    number: int


class HasTotal(BaseModel):
    total: int
    note: str = ""


class HasStreet(BaseModel):
    address: Street


class Goes(BaseModel):
    destination: Street


class Pieces(TypedDict):
    pieces: int
""",
    "shop/kinds.py": """\
from gcp_event_router import events

from .payloads import Order, Refund, Sent, StockRow

OrderPlaced = events.kind("order-placed", Order)
OrderPaid = events.kind("order-paid", Order)
events.kind("refund-asked", Refund)
ParcelSent = events.kind("parcel-sent", Sent)
StockMoved = events.kind("stock-moved", StockRow)
""",
    "shop/routers.py": """\
from gcp_event_router import EventRouter, events

from .payloads import Invoice

billing = EventRouter()
InvoiceSent = billing.kind("sent", Invoice)
InvoicePaid = billing.kind("paid", Invoice)
events.include(billing, prefix="invoice-")
""",
    "shop/handlers.py": """\
from gcp_event_router import Event, events

from .readers import Goes, HasNumber, HasStreet, HasTotal, Pieces


@events.on("order-placed")
def add_total(event: Event[HasTotal]) -> None: ...


@events.on("order-*")
def print_label(event: Event[HasStreet]) -> None: ...


@events.on("order-p*", "refund-asked")
def log_number(event: Event[HasNumber]) -> None: ...


@events.on("parcel-sent")
def announce(event: Event[Goes]) -> None: ...


@events.on("stock-moved", payload=Pieces)
def count(event: object) -> None: ...


@events.on("invoice-*")
def remind(event: Event[HasNumber]) -> None: ...
""",
    "shop/by_kind.py": """\
from gcp_event_router import Event

from .kinds import OrderPlaced, ParcelSent
from .payloads import Order, Parcel
from .routers import InvoiceSent, billing
from .readers import HasNumber


@OrderPlaced.on
def confirm(event: Event[Order]) -> None: ...


@ParcelSent.on(name="track")
def track(event: Event[Parcel]) -> None: ...


@billing.on("sent")
def archive(event: Event[HasNumber]) -> None: ...
""",
    "shop/links.py": """\
from gcp_event_router import events
from gcp_event_router.utils import get_event_url


def link(number: int) -> str:
    return get_event_url("order-placed", number)


class Links:
    def explained(self) -> object:
        return events.explain("invoice-paid")
""",
    "shop/receivers.py": """\
from django.dispatch import receiver

from gcp_event_router.lifecycle import handler_finished
from gcp_event_router.signals import event_received


@receiver(event_received)
def audit(sender: object, event_kind: str, event_reference: str) -> None: ...


@receiver(handler_finished)
def measure(sender: object, duration: float, **kwargs: object) -> None: ...
""",
    "shop/legacy.py": """\
from gcp_event_router import Event, events

from .readers import HasNumber


@events.on("refund-*")
def refund(event: Event[HasNumber]) -> None: ...
""",
}


@dataclass(frozen=True)
class Edit:
    """One row of the table."""

    name: str
    #: The code of a report after the last step; "*" for mypy's own, and None if it should leave none.
    code: str | None
    #: Each one is checked, one after the other.
    steps: tuple[Changes, ...]


def edit(name: str, code: str | None, *steps: Changes) -> Edit:
    return Edit(name, code, steps)


def renamed(path: str, *pairs: tuple[str, str]) -> dict[str, Change]:
    return {path: pairs}


KINDS, ROUTERS, HANDLERS, LINKS = "shop/kinds.py", "shop/routers.py", "shop/handlers.py", "shop/links.py"
PAYLOADS, PLACES, READERS, RECEIVERS = "shop/payloads.py", "shop/places.py", "shop/readers.py", "shop/receivers.py"
MORE_KINDS: Final = """\
from gcp_event_router import events

from .payloads import Order

events.kind("order-lost", Order)
"""
MISSPELT: Final = """\
from gcp_event_router import Event, events

from .payloads import Order


@events.on("order-lost", "order-paid")
def search(event: Event[Order]) -> None: ...
"""
PARCELS: Final = """\
from gcp_event_router import Event, events

from .readers import HasNumber


@events.on("parcel-sent")
def label(event: Event[HasNumber]) -> None: ...
"""
REFUNDS: Final = """\
from .base import Numbered


class Refund(Numbered):
    amount: int
"""
ORDER_HAS_ANOTHER_BASE: Final[Changes] = {
    PAYLOADS: (
        ("class Order(Numbered)", "class Order(BaseModel)"),
        ("from .base", "from pydantic import BaseModel\n\nfrom .base"),
    )
}
REFUND_MOVES: Final[Changes] = {
    "shop/refunds.py": REFUNDS,
    PAYLOADS: (("class Refund(Numbered):\n    amount: int\n", "from .refunds import Refund as Refund\n"),),
}

EDITS: Final = (
    # names
    edit("a kind is renamed", "event-kind", renamed(KINDS, ('"order-placed"', '"order-made"'))),
    edit(
        "a handler's typo is mended",
        None,
        renamed(HANDLERS, ('"order-placed"', '"order-placd"')),
        renamed(HANDLERS, ("order-placd", "order-paid")),
    ),
    edit(
        "a typo becomes a kind",
        None,
        {"shop/more.py": MISSPELT},
        renamed(KINDS, ('"order-placed"', '"order-lost"'))
        | renamed(HANDLERS, ('"order-placed"', '"order-lost"'))
        | renamed(LINKS, ('"order-placed"', '"order-lost"')),
    ),
    edit(
        "a typo stays while the nearest kind goes",
        "event-kind",
        {"shop/more.py": MISSPELT},
        renamed(KINDS, ('"order-paid"', '"order-found"')),
    ),
    edit("a glob matches nothing", "event-glob", renamed(HANDLERS, ('"invoice-*"', '"invoices-*"'))),
    edit("all kinds of a glob are renamed", "event-glob", renamed(KINDS, ('"order-p', '"purchase-p'))),
    edit("a kind is removed", "event-kind", renamed(KINDS, ('StockMoved = events.kind("stock-moved", StockRow)\n', ""))),
    edit("a kind without a variable is removed", "event-kind", renamed(KINDS, ('events.kind("refund-asked", Refund)\n', ""))),
    edit(
        "a kind without a variable is added",
        "event-payload",
        {"shop/more.py": MISSPELT},
        renamed(KINDS, ("OrderPaid =", 'events.kind("order-lost", Refund)\nOrderPaid =')),
    ),
    edit("a kind's variable is renamed", "attr-defined", renamed(KINDS, ("ParcelSent", "ParcelLeft"))),
    edit(
        "kinds change places",
        None,
        renamed(
            KINDS,
            ('events.kind("refund-asked", Refund)\n', ""),
            ("StockMoved", 'events.kind("refund-asked", Refund)\nStockMoved'),
        ),
    ),
    edit("a kind is declared twice", "event-kind", renamed(KINDS, ('"order-paid", Order', '"order-placed", Refund'))),
    edit(
        "a kind's name is known at run time only",
        None,
        {"shop/more.py": MISSPELT},
        renamed(KINDS, ('"refund-asked"', 'str("refund-asked")')),
    ),
    edit(
        "a name that was unknown is written down",
        "event-kind",
        renamed(KINDS, ('"refund-asked"', 'str("refund-asked")')) | {"shop/more.py": MISSPELT},
        renamed(KINDS, ('str("refund-asked")', '"refund-asked"')),
    ),
    edit(
        "a constant that names a kind changes",
        "event-kind",
        {
            "shop/names.py": 'from typing import Final\n\nPLACED: Final = "order-placed"\n',
            KINDS: (("from .pay", "from .names import PLACED\nfrom .pay"), ('"order-placed"', "PLACED")),
        },
        renamed("shop/names.py", ("order-placed", "order-made")),
    ),
    # payloads
    edit("a kind carries another payload", "event-payload", renamed(KINDS, ('"order-placed", Order', '"order-placed", Refund'))),
    edit(
        "a kind without a variable carries another payload",
        "event-payload",
        renamed(KINDS, ('"refund-asked", Refund', '"refund-asked", StockRow')),
    ),
    edit("a field is renamed", "event-payload", renamed(PAYLOADS, ("total:", "sum:"))),
    edit("a field has another type", "event-payload", renamed(PAYLOADS, ("total: int", "total: list[int]"))),
    edit("a field of a TypedDict is renamed", "event-payload", renamed(PAYLOADS, ("pieces:", "amount:"))),
    edit(
        "a field of a TypedDict gets a validator",
        None,
        renamed(READERS, ("pieces: int", "pieces: list[int]")),
        renamed(
            READERS, ("pieces: list[int]", "pieces: Annotated[list[int], print]"), ("import Typed", "import Annotated, Typed")
        ),
    ),
    edit(
        "an alias of a payload gets a validator",
        None,
        renamed(PLACES, ("Destination = Address", "Destination = Locker")),
        renamed(PLACES, ("= Locker", "= Annotated[Locker, print]"), ("from pyd", "from typing import Annotated\n\nfrom pyd")),
    ),
    edit(
        "a field of a dataclass is renamed",
        "event-payload",
        renamed(PAYLOADS, ("    number: int\n    due", "    no: int\n    due")),
    ),
    edit("a reader's default is removed", "event-payload", renamed(READERS, ('note: str = ""', "note: str"))),
    edit(
        "a reader's field gets a default",
        None,
        renamed(PAYLOADS, ("total:", "sum:")),
        renamed(READERS, ("    total: int", "    total: int = 0")),
    ),
    edit(
        "a reader's field is renamed",
        "event-payload",
        renamed(READERS, ("class HasNumber(BaseModel):\n    number", "class HasNumber(BaseModel):\n    numero")),
    ),
    edit("a nested payload in a third module changes", "event-payload", renamed(PLACES, ("street:", "road:"))),
    edit(
        "a nested payload is mended",
        None,
        renamed(PLACES, ("street:", "road:")),
        renamed(PLACES, ("    road: str", "    street: str = ''")),
    ),
    edit("a base class in a third module changes", "event-payload", renamed("shop/base.py", ("number", "numero"))),
    edit("a payload has another base class", "event-payload", ORDER_HAS_ANOTHER_BASE),
    edit("an alias of a payload means another one", "event-payload", renamed(PAYLOADS, ("Sent = Parcel", "Sent = Order"))),
    edit(
        "an alias of a nested payload means another one",
        "event-payload",
        renamed(PLACES, ("Destination = Address", "Destination = Locker")),
    ),
    edit("a payload moves to a third module", None, REFUND_MOVES),
    edit(
        "a payload moves, and changes there",
        "event-payload",
        REFUND_MOVES,
        {"shop/refunds.py": (("from .base import Numbered", "from pydantic import BaseModel"), ("Numbered", "BaseModel"))},
    ),
    edit(
        "a kind carries another payload, which changes",
        "event-payload",
        renamed(KINDS, ('"refund-asked", Refund', '"refund-asked", Order')),
        ORDER_HAS_ANOTHER_BASE,
    ),
    edit(
        "an alias of a payload means another one, which changes",
        "event-payload",
        {"shop/more.py": PARCELS},
        renamed(PAYLOADS, ("Sent = Parcel", "Sent = Invoice")),
        renamed(PAYLOADS, ("    number: int\n    due", "    no: int\n    due")),
    ),
    edit(
        "a field gets another name in JSON",
        "event-payload",
        renamed(
            PAYLOADS,
            ("    total: int\n", '    total: int = Field(alias="sum")\n'),
            ("from .base", "from pydantic import Field\n\nfrom .base"),
        ),
    ),
    edit(
        "a payload becomes Any",
        None,
        renamed(KINDS, ('"order-placed", Order', '"order-placed", Refund')),
        renamed(PAYLOADS, ("class Refund(Numbered):\n    amount: int\n", "from typing import Any\n\nRefund: Any = int\n")),
    ),
    # handlers
    edit(
        "a handler's annotation changes",
        "event-payload",
        renamed(HANDLERS, ("add_total(event: Event[HasTotal])", "add_total(event: Event[Goes])")),
    ),
    edit("payload= changes", "event-payload", renamed(HANDLERS, ("payload=Pieces", "payload=HasTotal"))),
    edit(
        "a handler returns something",
        "event-handler",
        renamed(
            HANDLERS,
            ("print_label(event: Event[HasStreet]) -> None: ...", "print_label(event: Event[HasStreet]) -> int:\n    return 1"),
        ),
    ),
    edit(
        "a handler of a kind takes another payload",
        "*",
        renamed("shop/by_kind.py", ("confirm(event: Event[Order])", "confirm(event: Event[Parcel])")),
    ),
    edit(
        "a handler of a router takes another payload",
        "event-payload",
        renamed(
            "shop/by_kind.py", ("archive(event: Event[HasNumber])", "archive(event: Event[HasTotal])"), ("HasNumber", "HasTotal")
        ),
    ),
    edit("a handler with a mistake is removed", None, {"shop/more.py": MISSPELT}, {"shop/more.py": '"""Nothing."""\n'}),
    # receivers
    edit("a receiver's argument is renamed", "event-receiver", renamed(RECEIVERS, ("event_reference:", "event_referenz:"))),
    edit("a receiver takes another type", "event-receiver", renamed(RECEIVERS, ("duration: float", "duration: str"))),
    # routers
    edit("a prefix changes", "event-glob", renamed(ROUTERS, ("invoice-", "bill-"))),
    edit("a prefix is removed", "event-glob", renamed(ROUTERS, (', prefix="invoice-"', ""))),
    edit(
        "a prefix is known at run time only",
        None,
        {"shop/more.py": MISSPELT},
        renamed(ROUTERS, ('"invoice-"', 'str("invoice-")')),
    ),
    edit("a router is included no longer", "event-glob", renamed(ROUTERS, ('events.include(billing, prefix="invoice-")\n', ""))),
    edit("a router is renamed", "attr-defined", renamed(ROUTERS, ("billing", "invoicing"))),
    edit(
        "a router is renamed everywhere",
        None,
        renamed(ROUTERS, ("billing", "invoicing")) | renamed("shop/by_kind.py", ("billing", "invoicing")),
    ),
    edit("a kind of an included router is renamed", "event-kind", renamed(ROUTERS, ('"sent"', '"mailed"'))),
    # modules
    edit(
        "a kind moves to another module",
        None,
        renamed(
            ROUTERS, ("InvoiceSent", 'events.kind("refund-asked", Refund)\nInvoiceSent'), ("Invoice\n\n", "Invoice, Refund\n\n")
        )
        | renamed(KINDS, ('events.kind("refund-asked", Refund)\n', "")),
    ),
    edit(
        "a kind moves to another module, and is renamed there",
        "event-kind",
        renamed(
            ROUTERS, ("InvoiceSent", 'events.kind("refund-asked", Refund)\nInvoiceSent'), ("Invoice\n\n", "Invoice, Refund\n\n")
        )
        | renamed(KINDS, ('events.kind("refund-asked", Refund)\n', "")),
        renamed(ROUTERS, ("refund-asked", "refund-paid")),
    ),
    edit("the module of the kinds is deleted", "*", {KINDS: None}),
    edit("the module of the kinds is deleted, and a new one has another kind", "event-kind", {KINDS: None}, {KINDS: MORE_KINDS}),
    edit("the module of the routers is empty", "event-glob", {ROUTERS: ""}),
    edit("a module of payloads is deleted", "*", {PAYLOADS: None}),
    edit("a nested payload's module is deleted", "*", {PLACES: None}),
    edit("a new module has a mistake", "event-kind", {"shop/more.py": MISSPELT}),
    edit("a module outside the setting declares kinds", "event-config", {"shop/more_kinds.py": MORE_KINDS}),
    edit(
        "a module that has handlers declares kinds",
        "event-config",
        renamed("shop/legacy.py", ("@events", 'events.kind("refund-paid", HasNumber)\n\n\n@events')),
    ),
    edit(
        "a syntax error and back",
        None,
        renamed(KINDS, ("events.kind(", "events.kind((")),
        renamed(KINDS, ("events.kind((", "events.kind(")),
    ),
    edit(
        "a syntax error in handlers while a kind is renamed",
        "event-kind",
        renamed(HANDLERS, ("def count(", "def count((")),
        renamed(KINDS, ('"order-paid"', '"order-found"'), ('"order-placed"', '"order-made"')),
        renamed(HANDLERS, ("def count((", "def count(")),
    ),
    edit(
        "a cycle of imports between kinds and handlers",
        "event-kind",
        renamed(KINDS, ("StockMoved =", "from . import handlers as handlers\n\nStockMoved =")),
        renamed(KINDS, ('"order-placed"', '"order-made"')),
    ),
    # configuration
    edit(
        "a module is added to the setting",
        None,
        {"shop/more_kinds.py": MORE_KINDS, "shop/more.py": MISSPELT},
        renamed("mypy.ini", ("shop.routers", "shop.routers, shop.more_kinds")),
    ),
    edit(
        "a module in the setting is created later",
        None,
        renamed("mypy.ini", ("shop.routers", "shop.routers, shop.more_kinds")),
        {"shop/more.py": MISSPELT},
        {"shop/more_kinds.py": MORE_KINDS},
    ),
    edit(
        "a code is disabled",
        None,
        {"shop/more.py": MISSPELT},
        renamed("mypy.ini", ("[gcp-event-router]", "[gcp-event-router]\ndisable = event-kind")),
    ),
    edit("the setting lacks a module", "event-config", renamed("mypy.ini", (", shop.routers", ""))),
)

#: The edits that are tried with the oldest mypy, too: each kind of edit, and whatever only its daemon once missed.
ON_OLDEST: Final = frozenset(
    {
        # names
        "a kind is renamed",
        "a handler's typo is mended",
        "a typo becomes a kind",
        "all kinds of a glob are renamed",
        "a kind without a variable is removed",
        "a kind is declared twice",
        "a name that was unknown is written down",
        "a constant that names a kind changes",
        # payloads
        "a kind carries another payload",
        "a kind carries another payload, which changes",
        "a field has another type",
        "a field of a TypedDict is renamed",
        "a field of a dataclass is renamed",
        "a reader's field gets a default",
        "a nested payload in a third module changes",
        "a base class in a third module changes",
        "an alias of a payload means another one",
        "a payload moves, and changes there",
        # handlers and receivers
        "a handler's annotation changes",
        "payload= changes",
        "a receiver's argument is renamed",
        # routers
        "a prefix changes",
        "a router is included no longer",
        "a kind of an included router is renamed",
        # modules
        "a kind moves to another module, and is renamed there",
        "the module of the kinds is deleted, and a new one has another kind",
        "a nested payload's module is deleted",
        "a new module has a mistake",
        "a module outside the setting declares kinds",
        # configuration
        "a module is added to the setting",
        "the setting lacks a module",
    }
)

#: The ways in which mypy itself fails after an edit, as it does without the plugin, and how.
MYPY_FAILS: Final = {
    ("a syntax error and back", "new daemon"): "mypy 2.4 ends with an AssertionError in refresh_suppressed_submodules",
}
