"""Types of payloads of every sort that pydantic has something of its own for."""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, NamedTuple, NotRequired
from uuid import UUID

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Json,
    PlainSerializer,
    RootModel,
    computed_field,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema
from pydantic_core.core_schema import int_schema, with_default_schema
from typing_extensions import TypedDict


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1


class Order(BaseModel):
    type: Literal["order"]
    a: int


class Refund(BaseModel):
    type: Literal["refund", "return"]
    a: list[int] = []


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    a: int = 1


class Aliased(BaseModel):
    a: Annotated[list[int], Field(validation_alias="b")]


class TwoNames(BaseModel):
    model_config = ConfigDict(populate_by_name=True, extra="forbid")
    a: Annotated[list[int], Field(validation_alias="b")]


class Choices(BaseModel):
    a: Annotated[list[int], Field(validation_alias=AliasChoices("a", "b"))]


class Lenient(BaseModel):
    type: Literal["order"]

    @model_validator(mode="before")
    @classmethod
    def _anything(cls, value: object) -> object:
        return {"type": "order"} if isinstance(value, list) else value


class Dressed(BaseModel):
    """Publishes a schema that has nothing to do with what it takes."""

    model_config = ConfigDict(json_schema_extra={"type": "array", "required": ["z"]})
    a: int | None = None


class CustomInit(BaseModel):
    a: list[int]

    def __init__(self, **values: Any) -> None:
        super().__init__(a=[1], **{key: value for key, value in values.items() if key != "a"})


class Node(BaseModel):
    a: Node | None = None
    type: Color


class Items(RootModel[list[int]]): ...


@dataclass
class Point:
    a: int
    b: list[int]


class Row(TypedDict):
    a: list[int]
    type: NotRequired[str]


class OnlyB(TypedDict):
    b: str


class Pair(NamedTuple):
    a: int
    b: int


class Texts(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)
    a: str
    b: list[str] = []


class Rewritten(BaseModel):
    a: Annotated[int, PlainSerializer(lambda value: [value])]
    b: Annotated[str, AfterValidator(list)] = ""


class Computed(BaseModel):
    type: Literal["order", "a"]

    @computed_field  # type: ignore[prop-decorator]  # as pydantic has it
    @property
    def a(self) -> int:
        return 1


class Renamed(BaseModel):
    a: Annotated[int, Field(serialization_alias="b")]
    type: Annotated[str, Field(exclude=True)]


class Listed(BaseModel):
    a: int

    @model_serializer
    def _list(self) -> list[int]:
        return [self.a]


class Floats(BaseModel):
    model_config = ConfigDict(ser_json_inf_nan="strings", extra="allow")
    a: float


@dataclass
class Started:
    a: int
    b: InitVar[list[int]]
    type: str = field(init=False, default="order")


class Defaulted(BaseModel):
    a: int = 1


class Forgiving:
    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> CoreSchema:
        return with_default_schema(int_schema(), default=1, on_error="default")


class Text(BaseModel):
    a: str


class TextB(BaseModel):
    b: str


TYPES: list[Any] = [
    Any, None, bool, int, float, str, bytes, Decimal, datetime, UUID, Color, Level, list[int], tuple[int, str], set[str],
    dict[str, int], dict[str, list[int]], Order, Refund, Closed, Aliased, TwoNames, Choices, Lenient, Dressed, CustomInit, Node,
    Items, Point, Row, Pair, Json[int], Order | Refund, Order | None, Literal["a", "b"], Literal["b", 1], Literal["c"] | None,
    Annotated[Order | Refund, Discriminator("type")], Annotated[int, AfterValidator(abs)], list[int] | str,
    Annotated[Order, BeforeValidator(lambda value: {"type": "order", "a": 1})], Texts, Rewritten, Computed, Renamed, Listed,
    Floats, Started, Defaulted, Forgiving, Text, TextB, Annotated[str, AfterValidator(list)], Annotated[float, Field(gt=0)],
]  # fmt: skip
