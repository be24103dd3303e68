"""Parts of the queries with which people select rows: globs in SQL, and the values of a column."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import islice
from typing import Final, Literal, TypeAlias, TypeVar

from django.db import connections
from django.db.models import BooleanField, Func, Model, Q, QuerySet, Value
from django.db.models.functions import Now

from .._globs.glob import Glob
from .clock import ago
from .states import State

RowT = TypeVar("RowT", bound=Model)

#: The values of `State`.
StateName: TypeAlias = Literal["pending", "running", "failed", "done", "rejected", "parked", "discarded", "unhandled"]

#: The condition that a row can be claimed: it is pending, it failed, or its lease has expired.
IS_OPEN: Final = Q(state__in=[State.PENDING, State.FAILED]) | Q(state=State.RUNNING, lease_until__lt=Now())
#: The condition that a row's next run or attempt need not wait any longer.
IS_DUE: Final = Q(not_before=None) | Q(not_before__lte=Now())
#: Python compares at most this many values with a glob, so that the query can use the index.
_FEW: Final = 100
#: The most digits of a row's number.
_MAX_DIGITS: Final = 18
#: The regular expressions of each vendor: its operator, and a pattern that matches the whole text and its case.
_OPERATORS: Final = {
    "sqlite": ("REGEXP", r"\A(?s:%s)\Z"),  # Python's own
    "postgresql": ("~", "^(?:%s)$"),
    "mysql": ("REGEXP", r"(?s-i)\A(?:%s)\z"),
}
#: A character after a bracket that begins a class name for some vendors, but is an ordinary one in a glob. After an even number
#: of backslashes, the bracket is a bracket.
_NAMED_CLASS: Final = re.compile(r"(?<!\\)((?:\\\\)*\[\^?)([:.=])")


def fits(alias: str, field: str, glob: Glob) -> Func:
    """Make the condition that a text field matches a glob, as `Glob.matches` does."""
    vendor = connections[alias].vendor
    operator, form = _OPERATORS[vendor]
    pattern = fnmatch.translate(glob.pattern)[len("(?s:") : -len(r")\Z")]
    if vendor == "postgresql":  # it has no atomic groups, and needs none
        pattern = pattern.replace("(?>", "(?:")
    pattern = _NAMED_CLASS.sub(r"\1\\\2", pattern)
    return Func(field, Value(form % pattern), arg_joiner=f" {operator} ", template="%(expressions)s", output_field=BooleanField())


def matching(
    rows: QuerySet[RowT], field: str, glob: Glob, values: Callable[[str], Iterable[str]] | None = None
) -> QuerySet[RowT]:
    """Select the rows whose field matches a glob; `values` lists all values of an indexed field in a database."""
    if glob.is_literal:
        return rows.filter(**{field: glob.pattern})
    if values is not None:
        few = list(islice(values(rows.db), _FEW))
        if len(few) < _FEW:
            return rows.filter(**{f"{field}__in": [value for value in few if glob.matches(value)]})
    return rows.filter(fits(rows.db, field, glob))


def with_error(rows: QuerySet[RowT], text: str) -> QuerySet[RowT]:
    """Select the rows with a text in the last error's type or description."""
    return rows.filter(Q(error_type__contains=text) | Q(error__contains=text))


def of_age(rows: QuerySet[RowT], field: str, older_than: timedelta | None, newer_than: timedelta | None) -> QuerySet[RowT]:
    """Select the rows whose time lies so long ago at least and at most, by the database's clock."""
    if older_than is not None:
        rows = rows.filter(**{f"{field}__lt": ago(older_than)})
    return rows if newer_than is None else rows.filter(**{f"{field}__gte": ago(newer_than)})


def idle(rows: QuerySet[RowT]) -> QuerySet[RowT]:
    """Select the rows that nobody works on."""
    return rows.exclude(state=State.RUNNING, lease_until__gte=Now())


def values_in_order(rows: QuerySet[RowT], field: str) -> Iterator[str]:
    """Iterate over the values of an indexed field in order, each by a look-up in the index."""
    values = rows.order_by(field).values_list(field, flat=True)
    value = values.first()
    while value is not None:
        yield value
        value = values.filter(**{f"{field}__gt": value}).first()


def row_number(text: str) -> int | None:
    """Parse the number of a row; None for a text that cannot be one."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else None
