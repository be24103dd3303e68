"""Finds the events of a person by values in them, for `inbox erase` and `outbox erase`. The values appear in no log line.

Events are read in pages of bounded size, so a table may have any number of them.
"""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from json import dumps
from typing import Any, Final, TypeVar, cast

from django.core.management.base import CommandError, OutputWrapper
from django.db.models import Model, QuerySet
from django.db.models.functions import Length
from pydantic_core import from_json

from .._words import counted
from ..management.arguments import pair
from ..management.subcommands import argument
from .exact_text import ascii_text

RowT = TypeVar("RowT", bound=Model)

#: How many rows a page has, and how many bytes it may have, unless one row has more.
_ROWS: Final = 500
_BYTES: Final = 32_000_000
_MAX_PATH: Final = 32

#: For `--yes`.
YES: Final = argument("--yes", action="store_true", help="erase; without it, the command only counts")


class Match:
    """A value that an event has to have: of a member of its payload, of an attribute, or of a parameter.

    A path such as `customer.id` names a member of a member; of a list, any item may have the value. A number has it if it is
    equal, a text only if all characters are. Raises `ValueError` for an empty value, or an empty name in the path.
    """

    def __init__(self, path: str, value: str) -> None:
        self._path = path
        self._steps = path.split(".")
        #: The value as it was given.
        self.value: Final = value
        if not all(self._steps) or len(self._steps) > _MAX_PATH or not value:
            msg = "A match needs a name or a path of names, and a value, such as customer.id=42."
            raise ValueError(msg)
        try:
            number = Decimal(value)
        except InvalidOperation:
            number = Decimal("NaN")
        self._number: Final = number if number.is_finite() else None  # a signalling NaN cannot be compared

    def is_in(self, documents: Iterable[object]) -> bool:
        """Whether one of several documents has the value: decoded JSON, or attributes by their names."""
        return any(self._names(document) or self._finds(document, self._steps) for document in documents)

    def _names(self, document: object) -> bool:
        return isinstance(document, Mapping) and cast("Mapping[str, object]", document).get(self._path) == self.value

    def _finds(self, document: object, steps: Sequence[str]) -> bool:
        if isinstance(document, (list, tuple)):
            return any(self._finds(item, steps) for item in cast("list[object]", document))
        if not steps:
            return self._equals(document)
        if not isinstance(document, dict):
            return False
        members = cast("dict[str, object]", document)
        names = {size: ".".join(steps[:size]) for size in range(1, len(steps) + 1)}  # a name may have a dot in it
        return any(name in members and self._finds(members[name], steps[size:]) for size, name in names.items())

    def _equals(self, value: object) -> bool:
        if isinstance(value, bool):
            return self.value == ("true" if value else "false")
        if isinstance(value, (int, float)):
            return self._number is not None and Decimal(value if isinstance(value, int) else repr(value)) == self._number
        return value == self.value


def match(text: str) -> Match:
    """Parse the argument of `--match`, without repeating it in an error."""
    try:
        return Match(*pair(text))
    except (ValueError, ArgumentTypeError):
        msg = "write NAME=VALUE or PATH=VALUE, such as customer_id=42 or customer.id=42."
        raise ArgumentTypeError(msg) from None


#: For `--match`.
MATCH: Final = argument(
    "--match",
    type=match,
    action="append",
    required=True,
    metavar="PATH=VALUE",
    help="a value in the payload, the attributes or the parameters, such as customer.id=42; repeatable, and all have to match",
)


@dataclass(frozen=True, slots=True)
class Erased:
    """The numbers of events that were read and erased, or would be."""

    #: How many events were read: all of the kind, without those that were erased before.
    read: int = 0
    #: How many events were erased, or would be.
    erased: int = 0
    #: How many deliveries, or outgoing events, were open or waited for a person, and are discarded.
    discarded: int = 0
    #: How many events match, but are in use at this moment, and so are not erased.
    in_use: int = 0
    #: How many events have a payload that is not JSON; only their attributes and parameters were compared.
    not_json: int = 0


def json_of(data: bytes) -> tuple[object, ...]:
    """Decode JSON; empty for anything else."""
    try:
        return (from_json(data),)
    except ValueError:
        return ()


def require_matches(matches: Collection[Match]) -> None:
    """Raise `ValueError` without a match."""
    if not matches:
        msg = "Say what the events to erase have in common: without a match, all events would be erased."
        raise ValueError(msg)


def erase_matching(
    matches: Collection[Match],
    rows: QuerySet[RowT],
    column: str,
    read: Callable[[RowT], tuple[Collection[object], bool]],
    erase: Callable[[Sequence[Any]], Erased],
) -> Erased:
    """Read rows by their primary keys, and erase those that have all values.

    Args:
        matches: The values.
        rows: The rows, in any order.
        column: The name of the column with the body.
        read: Returns the documents in which a row may have a value, and whether its payload is JSON.
        erase: Erases the rows with some primary keys, or only counts them.

    """
    total = Erased()
    for page in _pages(rows, column):
        keys: list[Any] = []
        not_json = total.not_json
        for row in page:
            documents, is_json = read(row)
            not_json += not is_json
            if all(match.is_in(documents) for match in matches):
                keys.append(row.pk)
        total = replace(total, read=total.read + len(page), not_json=not_json)
        if keys:
            part = erase(keys)
            counts = {name: getattr(total, name) + getattr(part, name) for name in ("erased", "discarded", "in_use")}
            total = replace(total, **counts)
    return total


def without_values(text: str, matches: Iterable[Match]) -> str:
    """Return a name in which a value must not stay: empty if one of them is a word of it."""
    values = {form for match in matches for form in (match.value, ascii_text(match.value))}  # of an id, the latter is stored
    return "" if any(re.search(rf"(?<![^\W_]){re.escape(value)}(?![^\W_])", text) for value in values) else text


def print_erased(out: OutputWrapper, numbers: Erased, nouns: tuple[str, str], *, done: bool, json: bool) -> None:
    """Write the numbers. Fails if events are left because they are in use."""
    if json:
        names = {} if done else {"erased": "would_erase", "discarded": "would_discard"}
        out.write(dumps({names.get(name, name): getattr(numbers, name) for name in Erased.__slots__}))
    else:
        verb, discarded = ("Erased", "Discarded") if done else ("Would erase", "Would discard")
        text = f"{verb} {counted(numbers.erased, 'event')} of {numbers.read}."
        if numbers.discarded:
            text += f" {discarded} {counted(numbers.discarded, *nouns)}."
        if numbers.not_json:
            text += f" {counted(numbers.not_json, 'payload is', 'payloads are')} not JSON, and could not be searched."
        out.write(text if done else f"{text} Repeat the command with --yes to erase.")
    if numbers.in_use:
        are = "event matches, but is" if numbers.in_use == 1 else "events match, but are"
        msg = f"{numbers.in_use} {are} in use at this moment. Repeat the command later."
        raise CommandError(msg)


def _pages(rows: QuerySet[RowT], column: str) -> Iterator[list[RowT]]:
    """Read rows in the order of their primary keys, as many at once as fit into memory."""
    sized = rows.order_by("pk").annotate(_size=Length(column)).values_list("pk", "_size")
    found: list[tuple[Any, int]] = list(sized[:_ROWS])
    while found:
        page: list[Any] = []
        room = _BYTES
        for key, size in found:
            if page and size > room:
                yield list(rows.filter(pk__in=page))
                page, room = [], _BYTES
            page.append(key)
            room -= size
        yield list(rows.filter(pk__in=page))
        found = list(sized.filter(pk__gt=found[-1][0])[:_ROWS])
