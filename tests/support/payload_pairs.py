"""Pairs of payloads: what a declared kind carries, and what a handler reads. The plugin, the stub and `check` agree on them.

`modules()` writes a project of the pairs, for type checkers; `register()` registers the same handlers in this process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Annotated, Any, Final, Generic, Literal, NamedTuple, NewType, TypeVar
from uuid import UUID

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    TypeAdapter,
    computed_field,
    field_validator,
    model_validator,
)
from pydantic.dataclasses import dataclass as pydantic_dataclass
from typing_extensions import NotRequired, TypedDict, override  # noqa: UP035 -- pydantic wants these before Python 3.12

from gcp_event_router import Event, EventRouter
from gcp_event_router.google.audit import LogEntryData
from gcp_event_router.google.base import Model
from gcp_event_router.google.cloudbuild import BuildEventData
from gcp_event_router.google.scheduler import JobEventData, SchedulerJobData
from gcp_event_router.google.storage import StorageObjectData

#: Texts of pairs name them.
NAMED: Final = (date, timedelta, UUID, BuildEventData, JobEventData, LogEntryData, SchedulerJobData)

ItemT = TypeVar("ItemT")
OrderId = NewType("OrderId", int)


class Status(Enum):
    OPEN = "open"
    PAID = "paid"


class OtherStatus(Enum):
    CLOSED = "closed"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Order(BaseModel):
    order_id: int
    total: Decimal


class Reference(BaseModel):
    order_id: int


class Customer(BaseModel):
    name: str


class NotedOrder(BaseModel):
    order_id: int
    note: str = ""


class CouponOrder(BaseModel):
    order_id: int
    coupon: str | None


class RushOrder(Order):
    deadline: datetime


class TextOrder(BaseModel):
    order_id: str


class OrderRow(TypedDict):
    order_id: int


class NamedRow(TypedDict):
    order_id: int
    name: str


class PerhapsNamedRow(TypedDict):
    order_id: int
    name: NotRequired[str]


class LooseRow(TypedDict, total=False):
    name: str


@dataclass
class OrderData:
    order_id: int
    lines: list[str] = dataclass_field(default_factory=list[str])


@dataclass
class CustomerData:
    order_id: int
    name: str


@pydantic_dataclass
class CheckedCustomer:
    name: str


class ClosedOrder(BaseModel):
    model_config = ConfigDict(extra="forbid")
    order_id: int


class OpenOrder(BaseModel, extra="allow"):
    order_id: int


class CamelOrder(BaseModel):
    order_id: int = Field(alias="orderId")


class CamelOrSnakeOrder(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    order_id: Annotated[int, Field(alias="orderId")]


class CamelReader(BaseModel):
    orderId: int  # noqa: N815 -- as senders in JavaScript write it


class ChoosyReader(BaseModel):
    number: int = Field(validation_alias=AliasChoices("number", "order_id"))


class GeneratedCamel(BaseModel):
    model_config = ConfigDict(alias_generator=str.upper)
    order_id: int


class ListedBefore(BaseModel):
    tags: list[str]

    @field_validator("tags", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return value.split(",") if isinstance(value, str) else value


class AnnotatedBefore(BaseModel):
    tags: Annotated[list[str], BeforeValidator(str.split)]


class Renamed(BaseModel):
    name: str

    @model_validator(mode="before")
    @classmethod
    def _name(cls, value: Any) -> Any:
        return {"name": str(value["order_id"])} if "order_id" in value else value


class GreetedOrder(BaseModel):
    order_id: int

    @computed_field  # type: ignore[prop-decorator]  # as pydantic's documentation has it
    @property
    def name(self) -> str:
        return f"Order {self.order_id}"


class Tags(BaseModel):
    tags: list[str]


class TagText(BaseModel):
    tags: str


class Value(BaseModel, Generic[ItemT]):
    """One field, of any type."""

    value: ItemT


class Page(BaseModel, Generic[ItemT]):
    items: list[ItemT]
    cursor: str


class Tree(BaseModel):
    name: str
    children: list[Tree]


class TreeLabel(BaseModel):
    name: str


class Paid(BaseModel):
    type: Literal["paid"]
    amount: Decimal


class Refunded(BaseModel):
    type: Literal["refunded"]
    reason: str


class Orders(RootModel[list[Order]]):
    pass


class OneOrder(RootModel[Order]):
    pass


class AnyObject(RootModel[dict[str, object]]):
    pass


class Bucket(BaseModel):
    name: str
    bucket: str


class SnakeContent(BaseModel):
    content_type: str


class CamelContent(BaseModel):
    contentType: str  # noqa: N815 -- Google's name


class Created(BaseModel, Generic[ItemT]):
    timeCreated: ItemT  # noqa: N815 -- as above


class Size(BaseModel, Generic[ItemT]):
    size: ItemT


class Held(BaseModel, Generic[ItemT]):
    temporaryHold: ItemT  # noqa: N815 -- as above


class Named(BaseModel, Generic[ItemT]):
    bucket: ItemT


class Labelled(BaseModel, Generic[ItemT]):
    metadata: ItemT


class Encrypted(BaseModel, Generic[ItemT]):
    customerEncryption: ItemT  # noqa: N815 -- as above


class Steps(BaseModel, Generic[ItemT]):
    steps: ItemT


class Data(BaseModel, Generic[ItemT]):
    payload: ItemT


class Custom(BaseModel, Generic[ItemT]):
    customData: ItemT  # noqa: N815 -- as above


class CalledMethod(BaseModel, Generic[ItemT]):
    methodName: ItemT  # noqa: N815 -- as above


class AuditLog(BaseModel, Generic[ItemT]):
    protoPayload: ItemT  # noqa: N815 -- as above


class Severe(BaseModel, Generic[ItemT]):
    severity: ItemT


class ClosedBucket(BaseModel, extra="forbid"):
    bucket: str


class OptionalOrder(BaseModel):
    order_id: int = 0


class RichObject(StorageObjectData):
    """A subclass of Google's model may read more."""

    label: str


class OwnModel(Model):
    bucket: str


class Place(NamedTuple):
    latitude: float
    longitude: float


class Pair(NamedTuple):
    """Two types, as code writes them within this module."""

    sent: str
    read: str
    #: Whether `check` reports E010.
    is_unreadable: bool = False

    @override
    def __str__(self) -> str:
        return f"{self.sent} as {self.read}"


def _fields(*pairs: tuple[str, str], is_unreadable: bool = False) -> Iterator[Pair]:
    for sent, read in pairs:
        yield Pair(f"Value[{sent}]", f"Value[{read}]", is_unreadable)


READABLE: Final = (
    Pair("Order", "Order"),
    Pair("Order", "Reference"),
    Pair("Order", "NotedOrder"),
    Pair("Order", "OrderRow"),
    Pair("Order", "PerhapsNamedRow"),
    Pair("Order", "LooseRow"),
    Pair("Order", "OrderData"),
    Pair("OrderData", "Reference"),
    Pair("OrderRow", "Reference"),
    Pair("RushOrder", "Order"),
    Pair("Order", "Any"),
    Pair("Order", "object"),
    Pair("Order", "bytes"),
    Pair("Order", "str"),
    Pair("str", "Order"),
    Pair("bytes", "Order"),
    Pair("Any", "Order"),
    Pair("dict[str, Any]", "Order"),
    Pair("dict[str, int]", "Order"),
    Pair("Order", "dict[str, Any]"),
    Pair("Order", "Order | None"),
    Pair("Order | None", "Order"),
    Pair("None", "Order | None"),
    Pair("Paid | Refunded", "Paid | Refunded"),
    Pair("Paid | Refunded", "Paid"),
    Pair("Paid", "Paid | Refunded"),
    Pair("Annotated[Paid | Refunded, Field(discriminator='type')]", "Paid | Refunded"),
    Pair("Orders", "list[Reference]"),
    Pair("list[Order]", "list[Reference]"),
    Pair("list[Order]", "list[Customer]"),
    Pair("OneOrder", "Reference"),
    Pair("Order", "AnyObject"),
    Pair("Page[Order]", "Page[Reference]"),
    Pair("Page[Order]", "Page[Customer]"),
    Pair("Value[Order]", "Value[Reference]"),
    Pair("Tree", "TreeLabel"),
    Pair("Reference", "ClosedOrder"),
    Pair("NotedOrder", "ClosedOrder"),
    Pair("OpenOrder", "Customer"),
    Pair("CamelOrder", "CamelReader"),
    Pair("CamelReader", "CamelOrder"),
    Pair("Order", "CamelOrSnakeOrder"),
    Pair("Order", "ChoosyReader"),
    Pair("TagText", "ListedBefore"),
    Pair("TagText", "AnnotatedBefore"),
    Pair("Order", "Renamed"),
    Pair("GreetedOrder", "Customer"),
    *_fields(
        ("int", "float"),
        ("float", "int"),
        ("str", "int"),
        ("str", "Decimal"),
        ("str", "bool"),
        ("str", "datetime"),
        ("str", "UUID"),
        ("Decimal", "int"),
        ("Decimal", "str"),
        ("datetime", "str"),
        ("datetime", "date"),
        ("int", "datetime"),
        ("int", "timedelta"),
        ("UUID", "str"),
        ("bool", "int"),
        ("int", "bool"),
        ("OrderId", "int"),
        ("Annotated[int, Field(gt=0)]", "int"),
        ("str | None", "str"),
        ("str", "str | None"),
        ("int | str", "int"),
        ("Literal['a', 'b']", "Literal['b', 'c']"),
        ("Literal['a']", "str"),
        ("str", "Literal['a']"),
        ("Status", "Literal['paid']"),
        ("Status", "str"),
        ("str", "Status"),
        ("Level", "int"),
        ("list[int]", "list[str]"),
        ("list[int]", "set[int]"),
        ("list[int]", "tuple[int, int]"),
        ("dict[str, Order]", "dict[str, Customer]"),
        ("Order", "dict[str, Any]"),
    ),
)
UNREADABLE: Final = (
    Pair("Order", "Customer", True),
    Pair("Order", "CouponOrder", True),
    Pair("Order", "RushOrder", True),
    Pair("Order", "NamedRow", True),
    Pair("Order", "CustomerData", True),
    Pair("Order", "CheckedCustomer", True),
    Pair("OrderRow", "Customer", True),
    Pair("OrderData", "Customer", True),
    Pair("dict[str, Order]", "Reference", True),
    Pair("Order", "list[Order]", True),
    Pair("list[Order]", "Order", True),
    Pair("Order", "int", True),
    Pair("int", "Order", True),
    Pair("None", "Order", True),
    Pair("Order", "None", True),
    Pair("Customer", "Paid | Refunded", True),
    Pair("Paid | Refunded", "Customer", True),
    Pair("Paid", "Refunded", True),
    Pair("OneOrder", "Customer", True),
    Pair("Order", "Orders", True),
    Pair("Value[Order]", "Value[Customer]", True),
    Pair("Page[Order]", "Order", True),
    Pair("Tree", "Reference", True),
    Pair("RushOrder", "ClosedOrder", True),
    Pair("CamelOrder", "Order", True),
    Pair("Order", "CamelOrder", True),
    Pair("GeneratedCamel", "Reference", True),
    *_fields(
        ("int", "str"),
        ("bool", "str"),
        ("int", "UUID"),
        ("datetime", "int"),
        ("UUID", "int"),
        ("list[int]", "str"),
        ("str", "list[int]"),
        ("int", "list[int]"),
        ("Order", "str"),
        ("str", "Order"),
        ("str", "None"),
        ("None", "str"),
        ("int | bool", "str"),
        ("OrderId", "str"),
        ("Literal['a']", "Literal['b', 'c']"),
        ("Literal['a']", "int"),
        ("Status", "OtherStatus"),
        ("Status", "Literal['closed']"),
        ("tuple[int, int]", "tuple[int, int, int]"),
        ("tuple[Order, int]", "tuple[Customer, int]"),
        is_unreadable=True,
    ),
)
#: Pairs for which the search of `check` gives up, so that it reports nothing: a bounded number and a text.
UNDECIDED: Final = tuple(_fields(("Annotated[int, Field(gt=0)]", "str"), ("Level", "str"), is_unreadable=True))
PAIRS: Final = (*READABLE, *UNREADABLE, *UNDECIDED)

_OBJECT: Final = "google.cloud.storage.object.v1.finalized"
_LOG: Final = "google.cloud.audit.log.v1.written"
_BUILD: Final = "google.cloud.cloudbuild.build.v1.statusChanged"
_EXECUTED: Final = "google.cloud.scheduler.job.v1.executed"
_JOB: Final = "google.cloud.scheduler.job.v1.created"


def _types(ce_type: str, *reads: str, is_unreadable: bool = False) -> Iterator[Pair]:
    """What handlers of one of Google's types of CloudEvents read; `check` reports E011."""
    for read in reads:
        yield Pair(ce_type, read, is_unreadable)


GOOGLE_READABLE: Final = (
    *_types(_OBJECT, "StorageObjectData", "RichObject", "Model", "Bucket", "CamelContent", "ClosedBucket", "OptionalOrder"),
    *_types(_OBJECT, "Size[int]", "Size[str]", "Size[float]", "Named[int]", "Created[datetime]", "Created[str]"),
    *_types(_OBJECT, "Labelled[dict[str, str]]", "Labelled[dict[str, int]]", "Held[bool]"),
    *_types(_OBJECT, "Encrypted[Order]", "dict[str, Any]", "object", "Any", "bytes", "str"),
    *_types(_OBJECT, "StorageObjectData | BuildEventData", "JobEventData | BuildEventData", "BuildEventData | None"),
    *_types(_EXECUTED, "SchedulerJobData", "Custom[str]", "Custom[bytes]", "Custom[int]"),
    *_types(_LOG, "LogEntryData", "AuditLog[CalledMethod[Literal['a']]]", "AuditLog[CalledMethod[int]]"),
    *_types(_LOG, "Severe[str]", "Severe[Literal['ERROR']]", "Severe[int]"),
    *_types(_BUILD, "BuildEventData", "Steps[list[Order]]"),
    *_types(_JOB, "JobEventData", "Data[Order]"),
)
GOOGLE_UNREADABLE: Final = (
    *_types(_OBJECT, "BuildEventData", "OwnModel", "Order", "OrderData", "OrderRow", is_unreadable=True),
    *_types(_OBJECT, "SnakeContent", "Created[int]", "Created[list[str]]", "Size[list[int]]", is_unreadable=True),
    *_types(_OBJECT, "Named[list[str]]", "Named[dict[str, str]]", "Named[Order]", is_unreadable=True),
    *_types(_OBJECT, "Labelled[str]", "Labelled[list[str]]", "Held[str]", "Held[datetime]", is_unreadable=True),
    *_types(_OBJECT, "Encrypted[str]", "int", "list[int]", "None", "Paid | Refunded", is_unreadable=True),
    *_types(_EXECUTED, "StorageObjectData", "Custom[list[int]]", "Data[str]", is_unreadable=True),
    *_types(_LOG, "AuditLog[CalledMethod[list[int]]]", "AuditLog[str]", "Severe[list[int]]", is_unreadable=True),
    *_types(_BUILD, "Bucket", "Steps[str]", "Steps[int]", is_unreadable=True),
    *_types(_JOB, "SchedulerJobData", "Data[int]", is_unreadable=True),
)
GOOGLE_PAIRS: Final = (*GOOGLE_READABLE, *GOOGLE_UNREADABLE)

_IMPORTS: Final = """
from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, TypeAdapter

from gcp_event_router import Event, events
from gcp_event_router.google.audit import LogEntryData
from gcp_event_router.google.base import Model
from gcp_event_router.google.cloudbuild import BuildEventData
from gcp_event_router.google.scheduler import JobEventData, SchedulerJobData
from gcp_event_router.google.storage import StorageObjectData
from payload_pairs import *
"""


def modules() -> dict[str, str]:
    """The files of a project: the types, `pair_kinds`, which declares each pair's kind, and the handlers of all pairs."""
    kinds = [f'events.kind("pair-{number}", {_argument(pair.sent)})' for number, pair in enumerate(PAIRS)]
    handlers = [f'@events.on("pair-{number}")\n{_function(number, pair)}' for number, pair in enumerate(PAIRS)]
    of_google = [f'@events.on(ce_type="{pair.sent}")\n{_function(number, pair)}' for number, pair in enumerate(GOOGLE_PAIRS)]
    return {
        "payload_pairs.py": Path(__file__).read_text(),
        "pair_kinds.py": "\n".join([_IMPORTS, *kinds, ""]),
        "pair_handlers.py": "\n\n\n".join([_IMPORTS, *handlers, ""]),
        "google_handlers.py": "\n\n\n".join([_IMPORTS, *of_google, ""]),
    }


def pair_at(file: str, line: int) -> Pair | None:
    """The pair whose handler a line of one of the files belongs to."""
    pairs = {"pair_handlers.py": PAIRS, "google_handlers.py": GOOGLE_PAIRS}[file]
    after = modules()[file].splitlines()[line - 1 :]
    number = next((found[1] for text in after if (found := re.match(r"def reads_(\d+)", text))), None)
    return None if number is None else pairs[int(number)]


def register(router: EventRouter) -> None:
    """Declare each pair's kind and register its handler."""
    for number, pair in enumerate(PAIRS):
        router.kind(f"pair-{number}", TypeAdapter(_type(pair.sent)))
        router.on(f"pair-{number}", name=f"reads_{number}")(_handler(_type(pair.read)))


def register_google(router: EventRouter) -> None:
    """Register the handlers of Google's types."""
    for number, pair in enumerate(GOOGLE_PAIRS):
        router.on(ce_type=pair.sent, name=f"reads_{number}")(_handler(_type(pair.read)))


def _function(number: int, pair: Pair) -> str:
    return f"def reads_{number}(event: Event[{pair.read}]) -> None: ..."


def _argument(sent: str) -> str:
    """A type as an argument of `kind`."""
    is_class = sent.isidentifier() and sent not in {"Any", "None"}
    return sent if is_class else f"TypeAdapter[{sent}]({sent})"


def _type(text: str) -> Any:
    return eval(text)


def _handler(payload: Any) -> Any:
    def read(event: Any) -> None: ...

    read.__annotations__["event"] = Event[payload]
    return read
