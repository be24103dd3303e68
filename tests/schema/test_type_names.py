"""How lists and documents write the types of payloads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, Optional, TypeVar, Union

from pydantic import BaseModel, Discriminator, Field, Tag
from typing_extensions import TypeAliasType

from gcp_event_router._schema.type_names import type_words

ItemT = TypeVar("ItemT")


class V1(BaseModel): ...


class V2(BaseModel): ...


class Box(BaseModel, Generic[ItemT]):
    item: ItemT


TAGGED = Annotated[Annotated[V1, Tag("v1")] | Annotated[V2, Tag("v2")], Discriminator(lambda value: value["version"])]
AnyOrder = TypeAliasType("AnyOrder", TAGGED)


def test_types_are_written_as_in_code() -> None:
    """Types have neither modules nor the metadata of `Annotated`, at any depth, and unions have bars."""
    types: dict[object, str] = {
        TAGGED: "V1 | V2",
        Union[V1, Annotated[V2, Tag("v2")]]: "V1 | V2",  # noqa: UP007 -- what is tested
        Optional[V1]: "V1 | None",  # noqa: UP045 -- as above
        list[TAGGED]: "list[V1 | V2]",
        dict[str, Annotated[list[V1], Field(min_length=1)]]: "dict[str, list[V1]]",
        tuple[int, ...]: "tuple[int, ...]",
        Callable[[int, V1], None]: "Callable[[int, V1], None]",
        Literal["a.b", 1]: "Literal['a.b', 1]",
        Box[V1]: "Box[V1]",
        AnyOrder: "AnyOrder",
        datetime: "datetime",
        type(None): "None",
        Any: "Any",
    }

    assert {name: type_words(declared) for declared, name in types.items()} == {name: name for name in types.values()}
