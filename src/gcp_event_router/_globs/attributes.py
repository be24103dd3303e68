"""The attributes that a registration selects events by: a glob for each name, and all of them have to match."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Self, cast

from typing_extensions import override

from ..exceptions import GlobError, RegistrationError
from .glob import Glob
from .overlaps import VALUES, covers, example, intersects

#: The attributes of an event that has none.
NO_ATTRIBUTES: Final[Mapping[str, str]] = MappingProxyType({})
_HOW: Final = 'Write a glob for each name: `attributes={"eventType": "OBJECT_*"}`.'


class AttributeGlobs(tuple[tuple[str, Glob], ...]):
    """Pairs of a name and a glob, ordered by name; empty for events with any attributes, or none."""

    __slots__ = ()

    @classmethod
    def of(cls, attributes: object) -> Self:
        """Read the argument of a registration. None selects events with any attributes.

        Raises `RegistrationError` for anything but a mapping of strings to strings, and `GlobError` for a malformed glob.
        """
        if attributes is None:
            return cast("Self", ANY_ATTRIBUTES)
        if not isinstance(attributes, Mapping):
            msg = f"attributes={attributes!r} does not say which attribute has to match which glob. {_HOW}"
            raise RegistrationError(msg)
        if not attributes:
            msg = f"attributes={attributes!r} names no attribute, so it selects no events. {_HOW} Or leave it out."
            raise GlobError(msg)
        return cls(sorted(_pair(name, value) for name, value in cast("Mapping[object, object]", attributes).items()))

    def matches(self, attributes: Mapping[str, str]) -> bool:
        """Whether an event with these attributes is selected. An attribute that it lacks matches no glob, not even `*`."""
        for name, glob in self:
            value = attributes.get(name)
            if value is None or not glob.matches(value):
                return False
        return True

    def mismatches(self, attributes: Mapping[str, str]) -> list[str]:
        """Say for each glob that does not match why; one clause each."""
        reasons: list[str] = []
        for name, glob in self:
            value = attributes.get(name)
            if value is None:
                reasons.append(f"it wants the attribute {name!r} to match {glob.pattern!r}, and the event does not have it")
            elif not glob.matches(value):
                reasons.append(f"the attribute {name!r} is {value!r}, which does not match {glob.pattern!r}")
        return reasons

    def covers(self, other: AttributeGlobs) -> bool | None:
        """Whether all events that `other` selects are selected; None if the search would take too long."""
        is_certain = True
        for name, glob in self:
            narrower = other.glob_of(name)
            answer = narrower is not None and covers(glob, narrower, VALUES)
            if answer is False:  # soon, since a check compares many registrations of one kind in pairs
                return False
            is_certain = is_certain and answer is True
        return True if is_certain else None

    def meets(self, other: AttributeGlobs) -> bool:
        """Whether some event is selected by both."""
        for name, glob in self:
            theirs = other.glob_of(name)
            if theirs is not None and intersects(glob, theirs, VALUES) is None:
                return False
        return True

    def glob_of(self, name: str) -> Glob | None:
        """The glob of an attribute, if it counts."""
        for own, glob in self:
            if own == name:
                return glob
        return None

    def examples(self) -> dict[str, str]:
        """Return attributes that all globs match."""
        return {name: example(glob, VALUES) or "" for name, glob in self}

    @property
    def patterns(self) -> dict[str, str]:
        """The globs as text, by name."""
        return {name: glob.pattern for name, glob in self}

    @property
    def words(self) -> str:
        """The globs for people, such as `eventType=OBJECT_* and bucketId=photos`."""
        return " and ".join(f"{name}={glob.pattern}" for name, glob in self)

    @override
    def __str__(self) -> str:
        """The argument of the registration."""
        return f"attributes={self.patterns}"


#: No condition.
ANY_ATTRIBUTES: Final = AttributeGlobs()


def _pair(name: object, value: object) -> tuple[str, Glob]:
    if not isinstance(name, str) or not name:
        msg = f"{name!r} cannot be the name of an attribute, which is a text of one character or more. {_HOW}"
        raise RegistrationError(msg)
    if not isinstance(value, str):
        msg = f"The attribute {name!r} cannot be {value!r}, of type {type(value).__name__}: attributes are texts. {_HOW}"
        raise RegistrationError(msg)
    if not value:
        msg = f"The glob of the attribute {name!r} is empty, as if a setting was missing. Write '*' for any value."
        raise GlobError(msg)
    if not value.isprintable():
        msg = (
            f"The glob {value!r} of the attribute {name!r} holds a character that cannot be printed, so nobody could read it. "
            "Write '?' in its place."
        )
        raise GlobError(msg)
    return name, Glob(value, f"glob {value!r} of the attribute {name!r}")
