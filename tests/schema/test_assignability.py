"""What may be given where a type is declared: the rules of type checkers, as far as classes know them at run time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum, Flag
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, NoReturn, NotRequired, Protocol, Union

import pytest
from pydantic import BaseModel, Field, JsonValue, RootModel
from typing_extensions import ReadOnly, TypeAliasType, TypedDict, TypeVar

from gcp_event_router._schema.aliases import unaliased
from gcp_event_router._schema.assignability import accepts


class Base(BaseModel):
    a: int


class Derived(Base):
    b: int


class Other(BaseModel):
    c: int


T = TypeVar("T")
Covariant_co = TypeVar("Covariant_co", covariant=True)
Contravariant_contra = TypeVar("Contravariant_contra", contravariant=True)
Bound = TypeVar("Bound", bound=Base)
Choice = TypeVar("Choice", Base, Other)


class Page(BaseModel, Generic[T]):
    items: list[T]


class BasePage(Page[Base]): ...


Item = TypeVar("Item")


class NumberedPage(Page[Item]):
    number: int


@dataclass
class Box(Generic[Covariant_co]):
    content: Covariant_co


@dataclass
class DerivedBox(Box[Derived]): ...


class Sink(Generic[Contravariant_contra]): ...


class Rows(list[Derived]): ...


class Named(Protocol):
    name: str


class Row(TypedDict):
    sku: str


class LongRow(Row):
    count: int


class SameRow(TypedDict):
    sku: str


class SoftRow(TypedDict):
    sku: NotRequired[str]


class OtherRow(TypedDict):
    sku: int


class FrozenRow(TypedDict):
    sku: ReadOnly[object]


class FrozenSoftRow(TypedDict):
    sku: NotRequired[ReadOnly[str]]


class Pair(NamedTuple):
    x: int
    y: int


class Colour(Enum):
    RED = 1
    BLUE = 2


class Bits(Flag):
    A = 1


Id = NewType("Id", int)
SubId = NewType("SubId", Id)
Doc = Annotated[Base, "doc"]
Alias = TypeAliasType("Alias", Base)
Quoted = TypeAliasType("Quoted", "list[Base]")
Listed = TypeAliasType("Listed", list[T], type_params=(T,))
Itself = TypeAliasType("Itself", "T", type_params=(T,))
Tree = TypeAliasType("Tree", "dict[str, Tree] | int")
Bush = TypeAliasType("Bush", "dict[str, Bush] | int")
# type checkers refuse these four
make_alias: Any = TypeAliasType
Endless: Any = make_alias("Endless", "Endless")
Unknown: Any = make_alias("Unknown", "DefinedLater")
list_of: Any = list
Open: Any = list_of[T]
OpenBound: Any = list_of[Bound]


@pytest.mark.parametrize(
    ("declared", "given"),
    list[Any](
        [
            (Any, Base),
            (object, Base),
            (object, None),
            (None, type(None)),
            (Base, Base),
            (Base, Derived),
            (Base | None, Base),
            (Base | Other, Derived | Other),
            (Union[Base, None], None),  # noqa: UP007 -- the other form of a union
            (Doc, Base),
            (Base, Doc),
            (Annotated[Base | Other, Field()], Annotated[Derived, "doc"]),
            (Alias, Derived),
            (Base, Alias),
            (Quoted, list[Base]),
            (Listed[Base], list[Alias]),
            (Itself[Base], Derived),
            (Tree, Bush),
            (Endless, Base),
            (Unknown, Base),
            (list_of[Unknown], list[Base]),
            (T, Base),
            (Bound, Derived),
            (Choice, Other),
            (Open, list[Base]),
            (OpenBound, list[Derived]),
            (BaseModel, Derived),
            (Hashable, int),
            (int, bool),
            (float, int),
            (complex, bool | float),
            (date, datetime),
            (int, Id),
            (Id, SubId),
            (str, Literal["a", "b"]),
            (Literal["a", "b"], Literal["a"]),
            (Union[Literal["a"], Literal["b"], None], Literal["a", "b"]),  # noqa: PYI030, UP007 -- as it may be written
            (Literal[True, False], bool),
            (Union[Literal[True], Literal[False]], bool),  # noqa: PYI030, UP007 -- as it may be written
            (Literal["a", None], None),  # noqa: PYI061 -- as it may be written
            (Literal["a", None], Literal["a"] | None),  # noqa: PYI061 -- as it may be written
            (Page[int], NumberedPage[int]),
            (Literal[Colour.RED, Colour.BLUE], Colour),
            (Colour, Literal[Colour.RED]),
            (int, NoReturn),
            (list, list[int]),
            (list[Any], list[int]),
            (list[int], list[Any]),
            (list[int], list),
            (list[int | str], list[str | int]),
            (Sequence[Base], list[Derived]),
            (Sequence[object], tuple[int, str]),
            (Sequence[str], str),
            (Iterable[int], bytes),
            (Iterable[str], dict[str, int]),
            (AbstractSet[Base], set[Derived]),
            (Mapping[str, Base], dict[str, Derived]),
            (Mapping[str, object], Row),
            (tuple[Base, ...], tuple[Derived, Base]),
            (tuple[Base, Base], tuple[Derived, Derived]),
            (tuple[int, ...], Pair),
            (tuple[Base, ...], tuple[Derived, ...]),
            (list[Derived], Rows),
            (Sequence[Base], Rows),
            (Page, Page[Base]),
            (Page[Any], Page[Base]),
            (Page[Any], BasePage),
            (Page[Base], BasePage),
            (RootModel[list[Base]], RootModel[list[Base]]),
            (Box[Base], Box[Derived]),
            (Box[Base], DerivedBox),
            (Sink[Derived], Sink[Base]),
            (type[Base], type[Derived]),
            (Callable[[int], None], Callable[[], None]),
            (Named, Base),
            (Row, LongRow),
            (Row, SameRow),
            (FrozenRow, OtherRow),
            (FrozenSoftRow, Row),
            (JsonValue, str),
            (JsonValue, JsonValue | None),
            ("Base", Other),
            (5, Base),
        ]
    ),
)
def test_wider_types(declared: object, given: object) -> None:
    """Every value of the given type is one of the declared type, or nobody can know that it is not."""
    assert accepts(declared, given)


@pytest.mark.parametrize(
    ("declared", "given"),
    list[Any](
        [
            (None, Base),
            (Base, None),
            (Derived, Base),
            (Base, Other),
            (Base, Base | None),
            (Base | Other, Base | int),
            (Base, object),
            (Bound, Other),
            (Choice, int),
            (Alias, Other),
            (Listed[Base], list[Other]),
            (bool, int),
            (int, float),
            (int, str),
            (str, bytes),
            (Id, int),
            (SubId, Id),
            (Literal["a"], Literal["a", "b"]),
            (Literal["a"], str),
            (Literal[1], Literal[True]),
            (Literal[True], bool),
            (Literal[Colour.RED], Colour),
            (Literal[Bits.A], Bits),
            (int, Literal["a"]),
            (list[Base], list[Derived]),
            (list[int], tuple[int, ...]),
            (set[float], set[int]),
            (dict[str, float], dict[str, int]),
            (Mapping[object, int], dict[str, int]),
            (MutableMapping[str, object], dict[str, int]),
            (dict[str, Any], Row),
            (Iterator[int], list[int]),
            (Sequence[Derived], list[Base]),
            (Sequence[int], str),
            (Iterable[int], dict[str, int]),
            (tuple[Base, Base], tuple[Base, ...]),
            (tuple[Base, Base], tuple[Base]),
            (tuple[Derived, ...], tuple[Derived, Base]),
            (list[Base], Rows),
            (Page[Base], Page[Derived]),
            (Page[Derived], BasePage),
            (Page[int], NumberedPage[str]),
            (Box[Derived], Box[Base]),
            (Box[Other], DerivedBox),
            (Sink[Base], Sink[Derived]),
            (LongRow, Row),
            (Row, SoftRow),
            (SoftRow, Row),
            (Row, OtherRow),
            (Row, Base),
            (Base, Row),
            (FrozenSoftRow, OtherRow),
            (JsonValue, Base),
            (str, JsonValue),
        ]
    ),
)
def test_narrower_and_unrelated_types(declared: object, given: object) -> None:
    """Some value of the given type surely is not one of the declared type."""
    assert not accepts(declared, given)


@pytest.mark.parametrize(
    ("declared", "given", "fits"),
    list[Any](
        [
            (Any, Any, True),
            (object, Any, True),
            (T, Any, True),
            (Base, Any, False),
            (dict[str, int], dict[str, Any], False),
            (dict[str, int], dict, False),
            (dict[str, Any], dict[str, int], True),
            (dict[str, object], dict[str, Any], True),
            (Open, list[int], True),
            (list[dict[str, Any]], list[dict[str, int]], True),
            (list[dict[str, int]], list[dict[str, Any]], False),
            (Base, Derived, True),
        ]
    ),
)
def test_any_that_fits_nothing_but_itself(declared: object, given: object, fits: bool) -> None:
    """With `any_fits=False`, a type that leaves something open does not fit one that says it."""
    assert accepts(declared, given, any_fits=False) is fits


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax is new in Python 3.12")
def test_type_statements() -> None:
    """Aliases and classes of the new syntax; the variance of their variables is unknown, so that either direction passes."""
    names: dict[str, Any] = {"Base": Base, "Derived": Derived, "Other": Other, "__name__": __name__}
    exec(
        "type Alias = Base\ntype In[A, B] = dict[B, A]\ntype Later = Nowhere\nclass Shelf[A]:\n    pass\n",
        names,
    )
    alias, swapped, later, shelf = names["Alias"], names["In"], names["Later"], names["Shelf"]

    assert unaliased(alias) is Base
    assert unaliased(swapped[int, str]) == dict[str, int]
    assert accepts(alias, Derived)
    assert not accepts(alias, Other)
    assert accepts(later, Base)
    assert accepts(shelf[Base], shelf[Derived])
    assert not accepts(shelf[Base], shelf[Other])
