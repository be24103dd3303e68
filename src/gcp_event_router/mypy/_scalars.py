"""Texts, numbers, times and the values of literals: which of them pydantic reads from the JSON of which others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final, NamedTuple

from mypy.nodes import TypeInfo, Var
from mypy.types import Instance, LiteralType, get_proper_type

_NUMBERS: Final = frozenset({"int", "float", "bool", "Decimal"})
_TIMES: Final = frozenset({"datetime", "date", "time", "timedelta"})
_TEXTS: Final = frozenset({"str", "bytes", "Path"})
#: The scalars by their full names.
SCALARS: Final[Mapping[str, str]] = {
    **{f"builtins.{name}": name for name in ("int", "float", "bool", "str", "bytes")},
    **{f"datetime.{name}": name for name in _TIMES},
    "_decimal.Decimal": "Decimal",
    "decimal.Decimal": "Decimal",
    "uuid.UUID": "UUID",
    "pathlib.Path": "Path",
}
#: For each scalar that is sent, the scalars that read none of its values.
_UNREAD: Final[Mapping[str, frozenset[str]]] = {
    "int": frozenset({"str", "UUID"}),
    "float": frozenset({"str", "UUID"}),
    "bool": _TIMES | {"str", "UUID", "Decimal"},
    "Decimal": frozenset({"UUID"}),
    "datetime": _NUMBERS | {"time", "timedelta", "UUID"},
    "date": _NUMBERS | {"time", "timedelta", "UUID"},
    "time": _NUMBERS | {"datetime", "date", "UUID"},
    "timedelta": _NUMBERS | {"datetime", "date", "time", "UUID"},
    "UUID": _NUMBERS | _TIMES,
}


class Scalar(NamedTuple):
    """A type of `SCALARS`, by its short name."""

    name: str


class Values(NamedTuple):
    """The values of literals and enumerations, and of null."""

    values: frozenset[str | int | None]


def literal_values(type_: LiteralType) -> Values | None:
    """The value of a literal, if it is a text or an integer."""
    info = type_.fallback.type
    return _values([_member(info, str(type_.value)) if info.is_enum else _plain(type_.value)])


def members_of(info: TypeInfo) -> Values | None:
    """The values of an enumeration, if all of them are texts or integers."""
    members = [name for name, symbol in info.names.items() if isinstance(symbol.node, Var) and not name.startswith("_")]
    return _values([_member(info, name) for name in members])


def _member(info: TypeInfo, name: str) -> str | int | None:
    symbol = info.names.get(name)
    type_ = get_proper_type(symbol.node.type) if symbol is not None and isinstance(symbol.node, Var) else None
    literal = type_.last_known_value if isinstance(type_, Instance) else None
    return None if literal is None else _plain(literal.value)


def _plain(value: object) -> str | int | None:
    return value if isinstance(value, (str, int)) and not isinstance(value, bool) else None


def _values(values: list[str | int | None]) -> Values | None:
    return None if not values or None in values else Values(frozenset(values))


def differ(sent: Scalar | Values, read: Scalar | Values, *, is_free: bool) -> bool:
    """Whether one type surely reads no value of another one.

    Args:
        sent: The type that is sent.
        read: The type that reads it.
        is_free: Whether only null and the values of literals are compared.

    """
    if isinstance(sent, Values) and isinstance(read, Values):
        values = sent.values | read.values
        return sent.values.isdisjoint(read.values) and (None in values or len({type(value) for value in values}) == 1)
    if isinstance(sent, Values):
        return isinstance(read, Scalar) and all(_refuses(read.name, value) for value in sent.values)
    if isinstance(read, Scalar):
        return not is_free and read.name in _UNREAD.get(sent.name, ())
    if None in read.values:
        return True
    are_words = all(isinstance(value, str) and not re.search(r"\d", value) for value in read.values)
    return are_words and not is_free and sent.name not in _TEXTS


def _refuses(scalar: str, value: str | int | None) -> bool:
    """Whether a scalar type surely does not read one value."""
    if value is None:
        return True
    if isinstance(value, int) or scalar not in {"int", "float", "Decimal"}:
        return False
    try:
        Decimal(value)
    except InvalidOperation:
        return True
    return False
