"""Globs as automata: rows of places, one before each of a glob's characters and one after the last. Pure; for `overlaps`.

A star lets a place stay where it is. All characters that the globs at hand do not tell apart are one letter, so that `[!a]` and
`?` cost no more than `a`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import Final

from .glob import Glob

__all__ = ["Coverage", "Machine", "OutOfStepsError", "Steps", "Texts", "search"]

_TOKEN = re.compile(r"\[!?+\]?+[^\]]*\]|.")
_END = 0x110000
_READABLE = "abcdefghijklmnopqrstuvwxyz0123456789"
#: What it costs to begin, in steps.
_START: Final = 20


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


class OutOfStepsError(Exception):
    """A question is given up."""


class Steps:
    """How many steps may still be taken: by one question, and by all that share them."""

    __slots__ = ("_all", "_each", "_left")

    def __init__(self, each: int, together: int) -> None:
        self._each = self._left = each
        self._all = together

    def begin(self) -> None:
        """Begin another question. Raises `OutOfStepsError`."""
        self._left = min(self._each, self._all)
        self.spend(_START)

    def spend(self, steps: int) -> None:
        """Take some steps. Raises `OutOfStepsError` where there are none left."""
        self._left -= steps
        self._all -= steps
        if self._left < 0:
            raise OutOfStepsError


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


class Machine:
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


def search(one: Glob, other: Glob, texts: Texts, steps: Steps) -> str | None:
    """A shortest text that both globs match, breadth first; None where there is none. Raises `OutOfStepsError`."""
    steps.begin()
    letters = _Letters((one, other), texts)
    first, second = Machine(one, letters), Machine(other, letters)
    goal = (first.end, second.end)
    if not texts.shortest and not first.end and not second.end:
        return ""
    seen: set[tuple[int, int]] = set()  # without the start, which does not count until it is come back to
    level = [((0, 0), "")]
    while level and (texts.longest is None or len(level[0][1]) < texts.longest):
        following: list[tuple[tuple[int, int], str]] = []
        for (left, right), text in level:
            steps.spend(1)
            for to_left, by_left in first.moves(left, letters.all):
                for to_right, by_right in second.moves(right, letters.all):
                    both, places = by_left & by_right, (to_left, to_right)
                    if both and places not in seen:
                        seen.add(places)
                        longer = text + letters.characters[(both & -both).bit_length() - 1]
                        if places == goal:
                            return longer
                        following.append((places, longer))
        level = following
    return None


class Coverage:
    """The search for a text that one glob matches and no other one does. All places of all others are bits of one number."""

    def __init__(self, globs: Sequence[Glob], narrower: Glob, texts: Texts, steps: Steps) -> None:
        steps.begin()
        self._texts, self._steps = texts, steps
        letters = _Letters((*globs, narrower), texts)
        self._inner = Machine(narrower, letters)
        self._all = letters.all
        self._forward = [0] * len(letters.characters)  # by letter: the places from which it leads on
        self._start = self._stays = self._ends = self._won = 0
        self._before: dict[int, int] = {}  # by a star's bit: the places before it, which can do nothing that it cannot
        offset = 0
        for glob in globs:
            machine = Machine(glob, letters)
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
                        self._steps.spend(1 + len(smallest.get(to, ())))
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
            self._steps.spend(1)
            places &= ~self._before[1 << star]
        return places


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
