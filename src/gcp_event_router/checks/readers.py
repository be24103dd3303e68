"""What JSON handlers read, found out once for each; for the checks of payloads."""

from __future__ import annotations

from .._dispatch.handler import Handler
from .._dispatch.payload import reads_json
from .._dispatch.signature import type_text
from ..exceptions import ConfigurationError
from .core_schema import read_shape
from .json_shape import Shape, conflict

__all__ = ["Readers", "names_of"]


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
