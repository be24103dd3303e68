"""Decides whether two globs match a common text, and whether one covers the other.

A glob is a row of places, one before each of its characters and one after the last; a star allows a text to stay at its place.
Characters that two globs do not distinguish count as one letter, so that `[!a]` and `?` cost no more than `a`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, pairwise
from typing import Final, Generic, NamedTuple, TypeAlias, TypeVar

from ..event import LABEL_LENGTH, is_label
from .glob import Glob, GlobIndex, tokens

State = TypeVar("State")
T = TypeVar("T")
#: Yields the letters, as bits, that lead from a state to the next ones, and these states.
_Moves: TypeAlias = Callable[[State], Iterator[tuple[int, State]]]

#: The most states in the search for a text that a glob does not cover.
_MAX_STATES: Final = 2_000
_END: Final = 0x110000
_READABLE: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_ALL: Final = Glob("*")


class Texts(NamedTuple):
    """The texts that globs may match."""

    #: Whether a text may contain a character; `str` is true for all.
    allows: Callable[[str], object]
    #: The lengths in characters; `longest` is None without a limit.
    shortest: int
    longest: int | None

    def hold(self, text: str) -> bool:
        """Whether `text` is one of them."""
        fits = len(text) >= self.shortest and (self.longest is None or len(text) <= self.longest)
        return fits and all(map(self.allows, text))


#: The kinds that a URL can contain, by `event.is_label`.
LABELS: Final = Texts(is_label, 1, LABEL_LENGTH)
#: The kinds that an event can have. At `/events/`, its type is its kind, which may be any text but an empty one.
KINDS: Final = Texts(str, 1, None)
#: The types of CloudEvents. All texts are allowed, so that coverage is certain.
TYPES: Final = Texts(str, 0, None)
#: The values of attributes, which may be empty.
VALUES: Final = TYPES


def example(glob: Glob, texts: Texts = KINDS) -> str | None:
    """Return a text that `glob` matches, preferably a readable one; None if no text does, such as 'a/b' for labels."""
    text = "".join(map(_readable, tokens(glob.pattern)))
    return text if texts.hold(text) and glob.matches(text) else intersects(glob, _ALL, texts)


def _readable(token: str) -> str:
    if len(token) == 1:
        return {"*": "example", "?": "x"}.get(token, token)
    return token[1] if token[1] != "!" else next(filter(Glob(token).matches, _READABLE), "")


def intersects(one: Glob, other: Glob, texts: Texts = KINDS) -> str | None:
    """Return a shortest text that both globs match; None if there is none.

    Each pair of places is visited once: 65,536 of them for two globs of 255 characters.
    """
    if not _may_meet(one, other):
        return None
    for literal, glob in ((one, other), (other, one)):
        if literal.is_literal:
            return literal.pattern if texts.hold(literal.pattern) and glob.matches(literal.pattern) else None
    letters = _letters(one, other, texts)
    first, second = Machine(one, letters), Machine(other, letters)

    def moves(places: tuple[int, int]) -> Iterator[tuple[int, tuple[int, int]]]:
        for left, by_left in first.moves(places[0]):
            for right, by_right in second.moves(places[1]):
                yield by_left & by_right, (left, right)

    return _shortest((0, 0), moves, (first.end, second.end).__eq__, letters, texts)


def covers(wider: Glob, narrower: Glob, texts: Texts = KINDS) -> bool | None:
    """Whether `wider` matches all texts that `narrower` matches; None if the search would take too long.

    Searches all sets of places of `wider` for a shortest text that it does not match.
    """
    if wider == narrower:
        return True
    if narrower.is_literal:
        return not texts.hold(narrower.pattern) or wider.matches(narrower.pattern)
    if not _may_meet(wider, narrower):
        return example(narrower, texts) is None
    letters = _letters(wider, narrower, texts)
    inner, outer = Machine(narrower, letters), Machine(wider, letters)

    def moves(state: tuple[int, int]) -> Iterator[tuple[int, tuple[int, int]]]:
        for place, by in inner.moves(state[0]):
            for letter in (1 << number for number in range(by.bit_length()) if by >> number & 1):
                places = outer.after(state[1], letter)
                if not outer.has_won(places):
                    yield letter, (place, places)

    def is_missed(state: tuple[int, int]) -> bool:
        return state[0] == inner.end and not state[1] >> outer.end & 1

    try:
        return _shortest((0, 1), moves, is_missed, letters, texts, _MAX_STATES) is None
    except OverflowError:
        return None


class CoverIndex(Generic[T]):
    """Finds those of many globs that can cover another one: they match an example of it."""

    def __init__(self, pairs: Iterable[tuple[Glob, T]]) -> None:
        self._index = GlobIndex(pairs)

    def near(self, glob: Glob) -> list[T]:
        """Return the values of the globs that can cover a glob; none for a glob that no kind matches."""
        return self._index.find(example(glob) or "")


def neighbours(globs: Sequence[Glob], values: Sequence[str | None] = ()) -> Iterator[tuple[int, int]]:
    """Yield the pairs of globs, by their positions, whose literal beginnings and endings allow a common kind.

    `values`, one for each glob, exclude pairs of two different ones; None excludes nothing.
    """
    prefixes: dict[str, list[int]] = {}
    buckets: dict[tuple[str, str | None], list[int]] = {}
    valued = list(zip(globs, values or [None] * len(globs), strict=True))
    for position, (glob, value) in enumerate(valued):
        prefixes.setdefault(glob.prefix, []).append(position)
        buckets.setdefault((glob.prefix, value), []).append(position)
    for position, (glob, value) in enumerate(valued):
        for length in range(len(glob.prefix) + 1):
            prefix = glob.prefix[:length]
            others = prefixes.get(prefix, ())
            if others and value is not None:
                others = sorted(buckets.get((prefix, value), []) + buckets.get((prefix, None), []))
            for other in others:
                # of two globs with the same beginning, only the later one finds the other
                if (length < len(glob.prefix) or other < position) and _may_meet(glob, globs[other]):
                    yield min(position, other), max(position, other)


def _may_meet(one: Glob, other: Glob) -> bool:
    return (one.prefix.startswith(other.prefix) or other.prefix.startswith(one.prefix)) and (
        one.suffix.endswith(other.suffix) or other.suffix.endswith(one.suffix)
    )


def _shortest(
    start: State, moves: _Moves[State], is_goal: Callable[[State], bool], letters: dict[int, str], texts: Texts, most: int = _END
) -> str | None:
    """Search breadth first for a shortest text that leads to a goal. Raises `OverflowError` after `most` states."""
    if not texts.shortest and is_goal(start):
        return ""
    seen: set[State] = set()  # without the start, until a text leads back to it
    queue = [(start, "")]
    for state, text in queue:  # the loop appends to it
        if len(text) == texts.longest:
            return None
        for by, to in moves(state):
            if by and to not in seen:
                longer = text + letters[by & -by]
                if is_goal(to):
                    return longer
                seen.add(to)
                queue.append((to, longer))
        if len(seen) > most:
            raise OverflowError
    return None


class Machine:
    """A glob as a row of places, with the letters, as bits, that lead from each place to the next one."""

    def __init__(self, glob: Glob, letters: dict[int, str]) -> None:
        self._all = sum(letters)
        self._steps: list[int] = []
        #: The places of stars, as bits.
        self._stays = 0
        for token in tokens(glob.pattern):
            if token == "*":  # noqa: S105 -- a part of a glob
                self._stays |= 1 << len(self._steps)
            else:
                matches = Glob(token).matches
                self._steps.append(sum(bit for bit, character in letters.items() if matches(character)))
        self.end: int = len(self._steps)

    def moves(self, place: int) -> Iterator[tuple[int, int]]:
        """Yield the next places of a place, and the letters that lead there."""
        if place < self.end:
            yield place + 1, self._steps[place]
        if self._stays >> place & 1:
            yield place, self._all

    def after(self, places: int, letter: int) -> int:
        """Return the places that a letter leads to, without those before the last star, which add nothing."""
        after = places & self._stays
        for place, step in enumerate(self._steps):
            if places >> place & 1 and step & letter:
                after |= 2 << place
        stars = after & self._stays
        return after >> stars.bit_length() - 1 << stars.bit_length() - 1 if stars else after

    def has_won(self, places: int) -> bool:
        """Whether the glob matches, whatever text follows."""
        return bool(places & self._stays & 1 << self.end)


def _letters(one: Glob, other: Glob, texts: Texts) -> dict[int, str]:
    """Choose one character of each class that two globs distinguish; readable ones first, for examples."""
    cuts = {0, _END}
    for token in {*tokens(one.pattern), *tokens(other.pattern)} - {"*", "?"}:
        for character in token:
            cuts |= {ord(character), ord(character) + 1}
    candidates = (_first(low, high, texts.allows) for low, high in pairwise(sorted(cuts)))
    characters = sorted(filter(None, candidates), key=_unreadable)
    return {1 << number: character for number, character in enumerate(characters)}


def _unreadable(character: str) -> tuple[int, str]:
    return _READABLE.find(character) % _END, character


@lru_cache(maxsize=4096)
def _first(low: int, high: int, allows: Callable[[str], object]) -> str | None:
    """A character from `low` up to `high`, preferably a letter or a digit."""
    readable = (character for character in _READABLE if low <= ord(character) < high)
    return next(filter(allows, chain(readable, map(chr, range(low, high)))), None)
