"""Handlers of one kind whose payloads leave each other nothing: whatever is sent, one of them fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from django.core.checks import CheckMessage
from django.core.checks import Warning as Warn
from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError

from ..declarations import type_text
from ..exceptions import ConfigurationError
from ..globs import Glob
from ..handlers import Handler
from ..overlaps import TYPES, intersects, neighbours
from ..payloads import reads_json
from ..router import EventRouter
from ..shapes import Shape, conflict, shape

__all__ = ["check_exclusions"]

_ALL = Glob("*")


class _Entry(NamedTuple):
    """One glob of a registration."""

    handler: Handler
    kind: Glob
    ce_type: Glob


def check_exclusions(router: EventRouter) -> Iterator[CheckMessage]:
    """Which handlers run for one event, while no payload satisfies both; each is named with the first such other one."""
    entries = [
        _Entry(each.handler, glob, each.ce_type or _ALL)
        for each in router
        if not each.is_fallback  # it does not run beside another one
        for glob in each.globs or (_ALL,)
    ]
    shapes = _Shapes()
    told: set[Handler] = set()
    for first, second in neighbours([each.kind for each in entries]):
        one, other = entries[first], entries[second]
        if one.handler.key == other.handler.key or other.handler in told:
            continue
        reason = shapes.conflict(one.handler, other.handler)
        kind = reason and intersects(one.kind, other.kind)
        if kind is None or intersects(one.ce_type, other.ce_type, TYPES) is None:
            continue
        told.add(other.handler)
        yield Warn(
            f"{_text(one.handler)} and {_text(other.handler)} both handle {kind!r}, and no payload satisfies both: {reason}.",
            hint="Register one of them for fewer kinds, or declare one payload in both; until then, one fails each time.",
            obj=other.handler.name,
            id="gcp_event_router.W015",
        )


class _Shapes:
    """What payloads handlers take, found out once for each type."""

    def __init__(self) -> None:
        self._known: dict[int, Shape] = {}
        self._conflicts: dict[tuple[int, int], str | None] = {}

    def conflict(self, one: Handler, other: Handler) -> str | None:
        """Why no payload satisfies both; None where one may."""
        try:
            types = one.payload_type, other.payload_type
        except ConfigurationError:
            return None  # which E001 tells
        key = id(types[0]), id(types[1])  # of types that the handlers keep
        if key not in self._conflicts:
            self._conflicts[key] = None if types[0] is types[1] else conflict(*map(self._shape, types))
        return self._conflicts[key]

    def _shape(self, declared: object) -> Shape:
        if id(declared) not in self._known:
            self._known[id(declared)] = _shape(declared)
        return self._known[id(declared)]


def _shape(declared: object) -> Shape:
    if not reads_json(declared):
        return None
    try:
        return shape(TypeAdapter(cast("type[Any]", declared)).core_schema)
    except (PydanticUserError, NameError):
        return None  # which E001 tells


def _text(handler: Handler) -> str:
    return f"{handler}, of Event[{type_text(handler.payload_type)}],"
