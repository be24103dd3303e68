"""A registration's globs, one by one, to be compared with each other's; for the checks of what overlaps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from typing_extensions import override

from .._dispatch.handler import Handler
from .._globs.glob import Glob
from .._globs.overlaps import TYPES, covers, intersects
from ..router import EventRouter

_ALL: Final = Glob("*")


class Entry(NamedTuple):
    """One glob of a registration, or none of a registration by type alone."""

    handler: Handler
    kind: Glob | None
    #: Of types; None for events of any type, and for those without.
    ce_type: Glob | None

    @property
    def kinds(self) -> Glob:
        """Which kinds it is for."""
        return self.kind or _ALL

    def covers(self, other: Entry) -> bool | None:
        """Whether it handles all that another one does; None where it would take too long to tell."""
        if self.ce_type is None:
            return covers(self.kinds, other.kinds)
        types = other.ce_type is not None and covers(self.ce_type, other.ce_type, TYPES)
        kinds = types is not False and covers(self.kinds, other.kinds)
        return False if kinds is False else types and kinds

    def common(self, other: Entry) -> str | None:
        """A kind whose events both handle, or a type where only that counts; None where there is none for sure."""
        for typed, plain in ((self, other), (other, self)):
            if typed.kind is None and typed.ce_type is not None and plain.kind is not None and plain.ce_type is None:
                # what has a kind of its own need not have such a type, but without one, the type is the kind
                return intersects(typed.ce_type, plain.kind)
        if self.kind is None and other.kind is None:
            types = self.ce_type or _ALL, other.ce_type or _ALL
            return intersects(*types) or intersects(*types, TYPES)
        if self.ce_type and other.ce_type and intersects(self.ce_type, other.ce_type, TYPES) is None:
            return None
        return intersects(self.kinds, other.kinds)

    @override
    def __str__(self) -> str:
        """What is written in the registration."""
        parts = [] if self.kind is None else [repr(self.kind.pattern)]
        return " with ".join(parts if self.ce_type is None else [*parts, f"ce_type={self.ce_type.pattern!r}"])


def entries_of(router: EventRouter) -> Iterator[Entry]:
    """The entries of all registrations but fallbacks, which never run beside another one."""
    for each in router:
        if not each.is_fallback:
            yield from (Entry(each.handler, glob, each.ce_type) for glob in each.globs or (None,))
