"""The globs of registrations, one by one, for the checks that compare them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from typing_extensions import override

from .._dispatch.handler import Handler
from .._globs.attributes import ANY_ATTRIBUTES, AttributeGlobs
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
    attributes: AttributeGlobs = ANY_ATTRIBUTES

    @property
    def kinds(self) -> Glob:
        """The kinds of the entry."""
        return self.kind or _ALL

    def covers(self, other: Entry) -> bool | None:
        """Whether it includes all events of another entry; None if the answer would take too long."""
        attributes = self.attributes.covers(other.attributes)
        if attributes is False:
            return False
        answers: list[bool | None] = [attributes]
        if self.ce_type is not None:
            answers.append(other.ce_type is not None and covers(self.ce_type, other.ce_type, TYPES))
        if False not in answers:
            answers.append(covers(self.kinds, other.kinds))
        return False if False in answers else None if None in answers else True

    def common(self, other: Entry) -> str | None:
        """A kind, or a type if only that counts, of events that both include; None if surely no event has it."""
        if not self.attributes.meets(other.attributes):
            return None
        for typed, plain in ((self, other), (other, self)):
            if typed.kind is None and typed.ce_type is not None and plain.kind is not None and plain.ce_type is None:
                # an event that has its own kind need not have such a type; without one, the type is the kind
                return intersects(typed.ce_type, plain.kind)
        if self.kind is None and other.kind is None:
            types = self.ce_type or _ALL, other.ce_type or _ALL
            return intersects(*types) or intersects(*types, TYPES)
        if self.ce_type and other.ce_type and intersects(self.ce_type, other.ce_type, TYPES) is None:
            return None
        return intersects(self.kinds, other.kinds)

    @override
    def __str__(self) -> str:
        """The arguments of the registration."""
        parts = [] if self.kind is None else [repr(self.kind.pattern)]
        conditions = [] if self.ce_type is None else [f"ce_type={self.ce_type.pattern!r}"]
        conditions += [str(self.attributes)] if self.attributes else []
        return " with ".join([*parts, " and ".join(conditions)] if conditions else parts)


def entries_of(router: EventRouter) -> Iterator[Entry]:
    """The entries of all registrations except fallbacks, which never run beside another handler."""
    for registration in router:
        if not registration.is_fallback:
            for glob in registration.globs or (None,):
                yield Entry(registration.handler, glob, registration.ce_type, registration.attributes)


def literal_values(entries: Sequence[Entry]) -> list[str | None]:
    """Of each entry, the literal value of the attribute that most entries want; None if it wants several values, or any.

    Two entries with different values have no events in common, so that the checks need not compare each with each.
    """
    (name, _), *_ = Counter(name for entry in entries for name, _ in entry.attributes).most_common(1) or [("", 0)]
    globs = [entry.attributes.glob_of(name) for entry in entries]
    return [glob.pattern if glob is not None and glob.is_literal else None for glob in globs]
