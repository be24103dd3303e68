"""Turns the options with which people select deliveries into a query, for the command and for projects."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Final, Literal, TypeAlias
from uuid import UUID

from django.db import connections
from django.db.models import BooleanField, Func, Q, QuerySet, Value
from django.db.models.functions import Now

from .._boxes.clock import ago
from .._boxes.states import State
from .._globs.glob import Glob
from .database import database
from .models import Delivery, StoredEvent

__all__ = ["Selection", "delivery_number", "idle", "kinds"]

#: The values of `State`.
StateName: TypeAlias = Literal["pending", "running", "failed", "done", "rejected", "parked", "discarded", "unhandled"]

#: Python compares at most this many kinds with a glob, so that the query can use the index.
_FEW: Final = 100
#: The most digits of a delivery's number.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The deliveries that match all options; by default, all of them.

    Raises `GlobError` for a malformed glob.
    """

    #: One of these states.
    states: Collection[State | StateName] = ()
    #: A glob of kinds.
    kind: str = ""
    #: A glob of handlers' names.
    handler: str = ""
    #: The whole reference.
    reference: str = ""
    #: The keys of their events.
    events: Collection[UUID] = ()
    #: A part of the last error's type or text.
    error: str = ""
    #: The least and the greatest age of the event, by the database's clock.
    older_than: timedelta | None = None
    newer_than: timedelta | None = None
    #: Whether to leave out those that a worker runs.
    idle: bool = False

    def deliveries(self, alias: str | None = None) -> QuerySet[Delivery]:
        """Make the query, by default for the inbox's database."""
        rows = Delivery.objects.using(alias or database())
        if self.states:
            rows = rows.filter(state__in=self.states)
        if self.kind:
            rows = _filter(rows, "event__kind", Glob(self.kind))
        if self.handler:
            rows = _filter(rows, "handler", Glob(self.handler))
        if self.reference:
            rows = rows.filter(event__reference=self.reference)
        if self.events:
            rows = rows.filter(event__in=self.events)
        if self.error:
            rows = rows.filter(Q(error_type__contains=self.error) | Q(error__contains=self.error))
        if self.older_than is not None:
            rows = rows.filter(event__received_at__lt=ago(self.older_than))
        if self.newer_than is not None:
            rows = rows.filter(event__received_at__gte=ago(self.newer_than))
        if self.idle:
            rows = idle(rows)
        return rows.order_by("pk")


def idle(rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Select the deliveries that no worker runs."""
    return rows.exclude(state=State.RUNNING, lease_until__gte=Now())


def kinds(alias: str) -> Iterator[str]:
    """Iterate over the kinds of all events in order, each by a look-up in the index."""
    rows = StoredEvent.objects.using(alias).order_by("kind").values_list("kind", flat=True)
    kind = rows.first()
    while kind is not None:
        yield kind
        kind = rows.filter(kind__gt=kind).first()


def delivery_number(text: str) -> int | None:
    """Parse the number of a delivery; None for a text that cannot be one."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else None


def fits(alias: str, field: str, glob: Glob) -> Func:
    """Make the condition that a text field matches a glob, as `Glob.matches` does."""
    vendor = connections[alias].vendor
    operator, form = _OPERATORS[vendor]
    pattern = fnmatch.translate(glob.pattern)[len("(?s:") : -len(r")\Z")]
    if vendor == "postgresql":  # it has no atomic groups, and needs none
        pattern = pattern.replace("(?>", "(?:")
    pattern = _NAMED_CLASS.sub(r"\1\\\2", pattern)
    return Func(field, Value(form % pattern), arg_joiner=f" {operator} ", template="%(expressions)s", output_field=BooleanField())


def _filter(rows: QuerySet[Delivery], field: str, glob: Glob) -> QuerySet[Delivery]:
    if glob.is_literal:
        return rows.filter(**{field: glob.pattern})
    if field == "event__kind":
        few = list(islice(kinds(rows.db), _FEW))
        if len(few) < _FEW:
            return rows.filter(event__kind__in=[kind for kind in few if glob.matches(kind)])
    return rows.filter(fits(rows.db, field, glob))
