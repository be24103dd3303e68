"""Handlers of one kind whose payloads leave each other nothing: whatever is sent, one of them fails."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from django.core.checks import CheckMessage
from django.core.checks import Warning as Warn

from .._dispatch.handler import Handler
from .._dispatch.payload import reads_json
from .._globs.overlaps import neighbours
from .._schema.type_names import type_text
from ..exceptions import ConfigurationError
from ..router import EventRouter
from .core_schema import read_shape
from .glob_entries import entries_of
from .json_shape import Shape, conflict

__all__ = ["Readers", "check_exclusions", "names_of"]


def check_exclusions(router: EventRouter, readers: Readers, wrong: AbstractSet[Handler]) -> Iterator[CheckMessage]:
    """Which handlers run for one event, while no payload satisfies both; each is named with the first such other one.

    Nothing is said of handlers in `wrong`, whose payload is known to be. Called by `check_payloads`.
    """
    entries = [each for each in entries_of(router) if each.handler not in wrong and readers.shape(each.handler) is not None]
    told: set[Handler] = set()
    for first, second in neighbours([each.kinds for each in entries]):
        one, other = entries[first], entries[second]
        if one.handler.key == other.handler.key or other.handler in told:
            continue
        kind = one.common(other) if readers.exclude(one.handler, other.handler) else None
        if kind is None:
            continue
        reason = readers.reason(one.handler, other.handler)
        told.add(other.handler)
        yield Warn(
            f"{_text(one.handler)} and {_text(other.handler)} both handle {kind!r}, and no payload satisfies both: {reason}.",
            hint="Register one of them for fewer kinds, or declare one payload in both; until then, one fails each time.",
            obj=other.handler.name,
            id="gcp_event_router.W015",
        )


def _text(handler: Handler) -> str:
    return f"{handler}, of Event[{type_text(handler.payload_type)}],"


class Readers:
    """The shapes of what handlers read, and whether two of them leave each other any."""

    def __init__(self) -> None:
        self._shapes: dict[Handler, Shape] = {}
        # of shapes that are alike there is but one, so that few are compared with each other
        self._alike: dict[str, Shape] = {}
        self._exclusions: dict[tuple[int, int], bool] = {}

    def shape(self, handler: Handler) -> Shape:
        """What a handler reads; None for what reads anything, and for what another check complains of."""
        if handler not in self._shapes:
            shape = _shape(handler)
            self._shapes[handler] = self._alike.setdefault(repr(shape), shape)
        return self._shapes[handler]

    def exclude(self, one: Handler, other: Handler) -> bool:
        """Whether no payload satisfies both."""
        shapes = self.shape(one), self.shape(other)
        key = id(shapes[0]), id(shapes[1])
        if key not in self._exclusions:
            self._exclusions[key] = shapes[0] is not shapes[1] and self.reason(one, other) is not None
        return self._exclusions[key]

    def reason(self, one: Handler, other: Handler) -> str | None:
        """Why no payload satisfies both; None where one may."""
        return conflict(self.shape(one), self.shape(other), names_of(one.payload_type, other.payload_type))


def names_of(one: object, other: object) -> tuple[str, str]:
    """What two types are called; with their modules, where they have one name."""
    names = type_text(one), type_text(other)
    return names if names[0] != names[1] else (_full_name(one), _full_name(other))


def _shape(handler: Handler) -> Shape:
    try:
        return read_shape(handler.adapter) if reads_json(handler.payload_type) else None
    except ConfigurationError:
        return None


def _full_name(declared: object) -> str:
    return f"{declared.__module__}.{declared.__qualname__}" if isinstance(declared, type) else str(declared)
