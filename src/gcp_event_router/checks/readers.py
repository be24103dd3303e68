"""What JSON handlers read, found out once for each; for the checks of payloads."""

from __future__ import annotations

from pydantic.errors import PydanticUserError

from ..declarations import type_text
from ..exceptions import ConfigurationError
from ..handlers import Handler
from ..payloads import reads_json
from ..schemas import read_shape
from ..shapes import Shape, conflict

__all__ = ["Readers", "names_of"]


class Readers:
    """The shapes of what handlers read, and whether two of them leave each other any."""

    def __init__(self) -> None:
        self._shapes: dict[Handler, Shape] = {}
        # by the ids of types, which the handlers keep
        self._conflicts: dict[tuple[int, int], str | None] = {}

    def shape(self, handler: Handler) -> Shape:
        """What a handler reads; None for what reads anything, and for what another check complains of."""
        if handler not in self._shapes:
            self._shapes[handler] = _shape(handler)
        return self._shapes[handler]

    def conflict(self, one: Handler, other: Handler) -> str | None:
        """Why no payload satisfies both; None where one may."""
        shapes = self.shape(one), self.shape(other)
        if None in shapes or one.payload_type is other.payload_type:
            return None
        key = id(one.payload_type), id(other.payload_type)
        if key not in self._conflicts:
            self._conflicts[key] = conflict(*shapes, names_of(one.payload_type, other.payload_type))
        return self._conflicts[key]


def names_of(one: object, other: object) -> tuple[str, str]:
    """What two types are called; with their modules, where they have one name."""
    names = type_text(one), type_text(other)
    return names if names[0] != names[1] else (_full_name(one), _full_name(other))


def _shape(handler: Handler) -> Shape:
    try:
        return read_shape(handler.adapter) if reads_json(handler.payload_type) else None
    except (ConfigurationError, PydanticUserError, NameError, TypeError):
        return None


def _full_name(declared: object) -> str:
    return f"{declared.__module__}.{declared.__qualname__}" if isinstance(declared, type) else str(declared)
