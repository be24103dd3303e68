"""Enumerations that the sender may extend: a member where it is known, and what was sent where it is not.

A handler compares with members, `status == Status.SUCCESS`, or with their names; whoever wants members only asks
`isinstance(status, Status)`.
"""

from __future__ import annotations

from enum import StrEnum
from types import UnionType
from typing import Annotated, Any, Self, TypeAlias, Union, cast, get_args, get_origin

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema
from typing_extensions import TypeVar, override

__all__ = ["Enumeration", "OpenEnum"]


class Enumeration(StrEnum):
    """A protobuf enumeration: members are their names, have a `number`, and are ordered by it.

    Ordering against anything but a member of the same enumeration is a `TypeError`: what is not known has no place in it.
    """

    #: What protobuf's binary form has in place of the name.
    number: int

    def __new__(cls, name: str, number: int) -> Self:
        """Make a member, which is written `NAME = "NAME", number`."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.number = number
        return member

    @override
    def __lt__(self, other: str) -> bool:
        return self.number < self._same(other).number

    @override
    def __le__(self, other: str) -> bool:
        return self.number <= self._same(other).number

    @override
    def __gt__(self, other: str) -> bool:
        return self.number > self._same(other).number

    @override
    def __ge__(self, other: str) -> bool:
        return self.number >= self._same(other).number

    def _same(self, other: object) -> Self:
        if isinstance(other, type(self)):
            return other
        msg = f"A {type(self).__name__} has a place among its own members only. Ask isinstance(..., {type(self).__name__}) first."
        raise TypeError(msg)


class _Members:
    """Turns the name or the number of a member into the member, and keeps any other name or number."""

    def __get_pydantic_core_schema__(self, source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        members = cast("type[Enumeration]", get_args(source)[0] if get_origin(source) in {Union, UnionType} else source)
        known: dict[str | int, Enumeration] = {}
        for name, member in members.__members__.items():  # with other names of the same number
            known[name] = known[member.number] = member
        sent = core_schema.union_schema(
            [core_schema.str_schema(strict=True), core_schema.int_schema(strict=True, ge=-(2**31), lt=2**31)],
            mode="left_to_right",
        )
        return core_schema.no_info_after_validator_function(lambda value: known.get(value, value), sent)


EnumerationT = TypeVar("EnumerationT", bound=Enumeration)

#: `OpenEnum[Status]`: a member by its name or number. A name that is not known stays a `str`, and a number an `int`.
OpenEnum: TypeAlias = Annotated[EnumerationT | str | int, _Members()]
