"""Which kinds globs have in common, and whether one leaves another anything: exact. Pure; for `checks`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ..event import LABEL_LENGTH, is_label
from .automata import Coverage, OutOfStepsError, Steps, Texts, search
from .glob import Glob

__all__ = ["KINDS", "LABELS", "TYPES", "cover", "covers", "example", "intersects", "neighbours", "patience"]

#: How many steps one question may take before its answer is unknown, and all questions of a check: some tenths of a second.
_EACH: Final = 100_000
_TOGETHER: Final = 1_000_000

_ALL: Final = Glob("*")


def patience(each: int = _EACH, together: int = _TOGETHER) -> Steps:
    """The steps that the questions of one check may take."""
    return Steps(each, together)


def _anything(character: str) -> bool:  # noqa: ARG001 -- there is no character that it refuses
    return True


#: The kinds that a URL can hold, as `event.is_label` says.
LABELS: Final = Texts(is_label, 1, LABEL_LENGTH)
#: The kinds that an event can have. At `/events/` its type is its kind, and that may be any text but an empty one.
KINDS: Final = Texts(_anything, 1, None)
#: The types of CloudEvents. Nothing is ruled out, so that what is said to be covered surely is.
TYPES: Final = Texts(_anything, 0, None)


def example(glob: Glob, texts: Texts = KINDS) -> str | None:
    """A shortest text that `glob` matches; None when no text does, as with 'a/b' for labels. One step for each character."""
    return intersects(glob, _ALL, texts)


def intersects(one: Glob, other: Glob, texts: Texts = KINDS, steps: Steps | None = None) -> str | None:
    """A shortest text that both globs match; None when there is none, or none that `steps` suffice to find.

    At most one step for each pair of places: 65,536 of them for two globs of 255 characters.
    """
    if not _may_meet(one, other):
        return None
    for literal, glob in ((one, other), (other, one)):
        if literal.is_literal:
            return literal.pattern if texts.hold(literal.pattern) and glob.matches(literal.pattern) else None
    try:
        return search(one, other, texts, steps or patience())
    except OutOfStepsError:
        return None


def covers(wider: Glob, narrower: Glob, texts: Texts = KINDS, steps: Steps | None = None) -> bool | None:
    """Whether `wider` matches all that `narrower` matches; None when `steps` do not suffice to tell."""
    return cover((wider,), narrower, texts, steps)


def cover(globs: Iterable[Glob], narrower: Glob, texts: Texts = KINDS, steps: Steps | None = None) -> bool | None:
    """Whether each text that `narrower` matches is matched by one of `globs`; None when `steps` do not suffice to tell.

    Looks for the shortest text that is not, through all sets of places that the globs can be in. Of those only the smallest
    ones count, and of one glob none before its last star.
    """
    near = [glob for glob in dict.fromkeys(globs) if _may_meet(glob, narrower)]
    if narrower in near:
        return True
    if narrower.is_literal:
        return not texts.hold(narrower.pattern) or any(glob.matches(narrower.pattern) for glob in near)
    try:
        return Coverage(near, narrower, texts, steps or patience()).holds()
    except OutOfStepsError:
        return None


def neighbours(globs: Sequence[Glob]) -> Iterator[tuple[int, int]]:
    """The pairs of globs, by their places in the order, that may match one kind: the others surely do not.

    Told by their literal beginnings and endings; what is left wants `intersects`.
    """
    prefixes: dict[str, list[int]] = {}
    for place, glob in enumerate(globs):
        prefixes.setdefault(glob.prefix, []).append(place)
    for place, glob in enumerate(globs):
        for length in range(len(glob.prefix) + 1):
            for other in prefixes.get(glob.prefix[:length], ()):
                # of two that begin alike, each finds the other
                if (length < len(glob.prefix) or other < place) and _may_meet(glob, globs[other]):
                    yield min(place, other), max(place, other)


def _may_meet(one: Glob, other: Glob) -> bool:
    return (one.prefix.startswith(other.prefix) or other.prefix.startswith(one.prefix)) and (
        one.suffix.endswith(other.suffix) or other.suffix.endswith(one.suffix)
    )
