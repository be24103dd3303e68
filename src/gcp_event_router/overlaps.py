"""Which kinds globs have in common, and whether one leaves another anything: exact, by automata. Pure; `checks` asks it.

A glob is a row of places, one before each of its characters and one after the last; a star lets a place stay where it is. All
characters that the globs at hand do not tell apart are one letter, so that `[!a]` and `?` cost no more than `a`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import Final

from .event import LABEL_LENGTH, is_label
from .globs import Glob

__all__ = ["KINDS", "STEPS", "TYPES", "Texts", "cover", "covers", "example", "intersects", "neighbours"]

#: How many steps a question about coverage may take before its answer is "unknown": some 10 milliseconds.
STEPS: Final = 100_000

_TOKEN = re.compile(r"\[!?+\]?+[^\]]*\]|.")
_END = 0x110000
_READABLE = "abcdefghijklmnopqrstuvwxyz0123456789"
_ALL: Final = Glob("*")


@dataclass(frozen=True, slots=True)
class Texts:
    """Which texts there are for globs to match."""

    #: Whether a text may hold a character.
    allows: Callable[[str], bool]
    #: In characters; no text is longer than `longest`, unless that is None.
    shortest: int
    longest: int | None

    def hold(self, text: str) -> bool:
        """Whether `text` is one of them."""
        fits = len(text) >= self.shortest and (self.longest is None or len(text) <= self.longest)
        return fits and all(map(self.allows, text))


def _anything(character: str) -> bool:  # noqa: ARG001 -- there is no character that it refuses
    return True


#: The kinds that an event can have, as `event.is_label` says.
KINDS: Final = Texts(is_label, 1, LABEL_LENGTH)
#: The types of CloudEvents. Nothing is ruled out, so that what is said to be covered surely is.
TYPES: Final = Texts(_anything, 0, None)


def example(glob: Glob, texts: Texts = KINDS) -> str | None:
    """A shortest text that `glob` matches; None when no text does, as with 'a/b' for kinds."""
    return intersects(glob, _ALL, texts)


def intersects(one: Glob, other: Glob, texts: Texts = KINDS) -> str | None:
    """A shortest text that both globs match; None when there is none.

    At most one step for each pair of places: 65,536 of them for two globs of 255 characters.
    """
    if not _may_meet(one, other):
        return None
    for literal, glob in ((one, other), (other, one)):
        if literal.is_literal:
            return literal.pattern if texts.hold(literal.pattern) and glob.matches(literal.pattern) else None
    return next(_search(one, other, texts), None)


def covers(wider: Glob, narrower: Glob, texts: Texts = KINDS, steps: int = STEPS) -> bool | None:
    """Whether `wider` matches all that `narrower` matches; None when `steps` do not suffice to tell."""
    return cover((wider,), narrower, texts, steps)


def cover(globs: Iterable[Glob], narrower: Glob, texts: Texts = KINDS, steps: int = STEPS) -> bool | None:
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
        return _Coverage(near, narrower, texts, steps).holds()
    except _OutOfStepsError:
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


class _Letters:
    """The characters that some globs tell apart, each class of them one letter; a set of letters is a number's bits."""

    __slots__ = ("_bits", "_lows", "all", "characters")

    def __init__(self, globs: Iterable[Glob], texts: Texts) -> None:
        cuts = {0, _END}
        told_apart = {token for glob in globs for token in _TOKEN.findall(glob.pattern)} - {"*", "?"}
        for character in set[str]().union(*told_apart):
            cuts |= {ord(character), ord(character) + 1}
        bounds = sorted(cuts)
        found = [(character, low) for low, high in pairwise(bounds) if (character := _first(low, high, texts.allows)) is not None]
        found.sort(key=_unreadable)  # examples take the first letter that fits
        self.characters: list[str] = [character for character, _ in found]
        self._lows = [low for _, low in found]
        self._bits = {low: 1 << place for place, low in enumerate(self._lows)}
        self.all: int = (1 << len(found)) - 1

    def of(self, token: str) -> int:
        """The letters that one part of a glob stands for, other than a star."""
        if token == "?":  # noqa: S105 -- a part of a glob
            return self.all
        if len(token) == 1:
            return self._bits.get(ord(token), 0)
        glob = Glob(token)
        return sum(self._bits[low] for low in self._lows if glob.matches(chr(low)))


class _Machine:
    """A glob as a row of places."""

    __slots__ = ("end", "stays", "tokens")

    def __init__(self, glob: Glob, letters: _Letters) -> None:
        meaning = cache(letters.of)
        #: From each place to the next one: with which letters.
        self.tokens: list[int] = []
        #: The places of stars.
        self.stays: set[int] = set()
        for token in _TOKEN.findall(glob.pattern):
            if token == "*":  # noqa: S105 -- a part of a glob
                self.stays.add(len(self.tokens))
            else:
                self.tokens.append(meaning(token))
        self.end: int = len(self.tokens)

    def moves(self, place: int, everything: int) -> Iterator[tuple[int, int]]:
        """Where a text may lead from a place, and with which letters."""
        if place < self.end:
            yield place + 1, self.tokens[place]
        if place in self.stays:
            yield place, everything


def _search(one: Glob, other: Glob, texts: Texts) -> Iterator[str]:
    """The shortest texts of two globs, first breadth first."""
    letters = _Letters((one, other), texts)
    first, second = _Machine(one, letters), _Machine(other, letters)
    goal = (first.end, second.end)
    if not texts.shortest and not first.end and not second.end:
        yield ""
    seen: set[tuple[int, int]] = set()  # without the start, which does not count until it is come back to
    level = [((0, 0), "")]
    while level and (texts.longest is None or len(level[0][1]) < texts.longest):
        following: list[tuple[tuple[int, int], str]] = []
        for (left, right), text in level:
            for to_left, by_left in first.moves(left, letters.all):
                for to_right, by_right in second.moves(right, letters.all):
                    both, places = by_left & by_right, (to_left, to_right)
                    if both and places not in seen:
                        seen.add(places)
                        longer = text + letters.characters[(both & -both).bit_length() - 1]
                        if places == goal:
                            yield longer
                        following.append((places, longer))
        level = following


class _OutOfStepsError(Exception):
    """A question about coverage is given up."""


class _Coverage:
    """The search for a text that one glob matches and no other one does. All places of all others are bits of one number."""

    def __init__(self, globs: Sequence[Glob], narrower: Glob, texts: Texts, steps: int) -> None:
        self._texts, self._steps = texts, steps
        letters = _Letters((*globs, narrower), texts)
        self._inner = _Machine(narrower, letters)
        self._all = letters.all
        self._forward = [0] * len(letters.characters)  # by letter: the places from which it leads on
        self._start = self._stays = self._ends = self._won = 0
        self._before: dict[int, int] = {}  # by a star's bit: the places before it, which can do nothing that it cannot
        offset = 0
        for glob in globs:
            machine = _Machine(glob, letters)
            for place, token in enumerate(machine.tokens, offset):
                for letter in _bits(token):
                    self._forward[letter] |= 1 << place
            for place in machine.stays:
                self._before[1 << (offset + place)] = (1 << (offset + place)) - (1 << offset)
                self._stays |= 1 << (offset + place)
            self._start |= 1 << offset
            self._ends |= 1 << (offset + machine.end)
            self._won |= (machine.end in machine.stays) << (offset + machine.end)
            offset += machine.end + 1
        # what leads on from few places comes first: it leaves the least
        self._order = sorted(range(len(self._forward)), key=lambda letter: self._forward[letter].bit_count())

    def holds(self) -> bool:
        """Whether there is no such text."""
        if not self._texts.shortest and not self._inner.end and not self._start & self._ends:
            return False
        smallest: dict[int, list[int]] = {}
        level, length = [(0, self._start)], 0
        while level and length != self._texts.longest:
            following: list[tuple[int, int]] = []
            for place, places in level:
                for to, by in self._inner.moves(place, self._all):
                    for after in self._after(places, by):
                        self._spend(1 + len(smallest.get(to, ())))
                        if after & self._won or any(not each & ~after for each in smallest.get(to, ())):
                            continue
                        if to == self._inner.end and not after & self._ends:
                            return False
                        smallest[to] = [each for each in smallest.get(to, ()) if after & ~each] + [after]
                        following.append((to, after))
            level, length = following, length + 1
        return True

    def _after(self, places: int, by: int) -> Iterator[int]:
        """Where the others may be after one of some letters."""
        for letter in self._order:
            if by >> letter & 1:
                moved = places & self._forward[letter]
                yield self._reduced(moved << 1 | places & self._stays)
                if not moved:
                    return  # no other letter leaves less

    def _reduced(self, places: int) -> int:
        for star in _bits(places & self._stays):
            self._spend(1)
            places &= ~self._before[1 << star]
        return places

    def _spend(self, steps: int) -> None:
        self._steps -= steps
        if self._steps < 0:
            raise _OutOfStepsError


def _bits(number: int) -> Iterator[int]:
    while number:
        yield (number & -number).bit_length() - 1
        number &= number - 1


def _unreadable(letter: tuple[str, int]) -> tuple[int, bool, str]:
    character, _ = letter
    return _READABLE.find(character) % _END, not character.isascii(), character


@lru_cache(maxsize=4096)
def _first(low: int, high: int, allows: Callable[[str], bool]) -> str | None:
    """A character from `low` up to `high`, preferably a letter or a digit. What no text may hold is walked through once."""
    readable = next((character for character in _READABLE if low <= ord(character) < high and allows(character)), None)
    return readable or next((chr(point) for point in range(low, high) if allows(chr(point))), None)
