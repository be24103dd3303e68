"""Intersections and coverage of globs, compared with trying every kind."""

from __future__ import annotations

import fnmatch
import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcp_event_router._globs import overlaps
from gcp_event_router._globs.glob import Glob, escape
from gcp_event_router._globs.overlaps import LABELS, TYPES, Texts, covers, example, intersects, neighbours


def _small(character: str) -> bool:
    return character in "ab-"


#: A world with so few kinds that all can be tried.
SMALL = Texts(_small, 1, 5)
EVERY = ["".join(letters) for length in range(1, 6) for letters in itertools.product("ab-", repeat=length)]

SEQUENCES = ["[ab]", "[!a]", "[a-b]", "[!b-]", "[!ab]", "[+-b]", "[]a]", "[!]a]"]
parts = st.sampled_from(["a", "b", "-", "*", "*", "?", *SEQUENCES, "\U0001f600"])
globs = st.lists(parts, min_size=1, max_size=7).map("".join).map(Glob)


def tried(glob: Glob) -> set[str]:
    """All kinds that a glob matches, according to fnmatch."""
    return {kind for kind in EVERY if fnmatch.fnmatchcase(kind, glob.pattern)}


@given(globs, globs)
def test_intersections(one: Glob, other: Glob) -> None:
    """Two globs intersect exactly if a kind matches both, and the example is a shortest such kind."""
    both = tried(one) & tried(other)
    found = intersects(one, other, SMALL)

    assert (found in both and len(found) == min(map(len, both))) if found is not None else not both


@given(globs, globs)
def test_coverage(wider: Glob, narrower: Glob) -> None:
    """A glob covers another exactly if it matches all kinds that the other matches."""
    assert covers(wider, narrower, SMALL) is (tried(narrower) <= tried(wider))


@given(st.lists(globs, max_size=6))
def test_neighbours(several: list[Glob]) -> None:
    """Each pair that intersects is among the neighbours, once, in order."""
    found = list(neighbours(several))

    assert len(found) == len(set(found))
    assert all(first < second for first, second in found)
    for pair in itertools.combinations(range(len(several)), 2):
        assert pair in found or not tried(several[pair[0]]) & tried(several[pair[1]])


def test_ends_keep_neighbours_apart() -> None:
    """Globs of which each kind begins or ends otherwise are no neighbours."""
    assert list(neighbours([Glob("*a"), Glob("*b"), Glob("c*a"), Glob("d*a")])) == [(0, 2), (0, 3)]


def test_values_keep_neighbours_apart() -> None:
    """Globs with two different values are no neighbours; one without a value is a neighbour of all."""
    assert sorted(neighbours([Glob("a*"), Glob("ab"), Glob("*"), Glob("a?")], ["1", "2", None, "1"])) == [
        (0, 2),
        (0, 3),
        (1, 2),
        (2, 3),
    ]


def test_each_neighbour_has_a_value() -> None:
    """Values of another number than that of the globs are a mistake of the caller."""
    with pytest.raises(ValueError, match=r"^zip\(\) argument 2 is shorter than argument 1$"):
        list(neighbours([Glob("a"), Glob("b")], ["1"]))


printable = st.characters(codec="utf-8").filter(str.isprintable)
sequences = st.tuples(st.sampled_from(["", "!"]), printable.filter(lambda each: each not in "!]")).map(
    lambda each: f"[{each[0]}{each[1]}]"
)
anything = st.lists(st.sampled_from("*?") | printable.map(escape) | sequences, min_size=1, max_size=5).map("".join).map(Glob)


@given(anything, anything)
def test_examples_are_kinds(one: Glob, other: Glob) -> None:
    """Whatever characters globs are made of, an example is a kind that an event can have, and that both match."""
    found = intersects(one, other)

    assert found is None or (found and one.matches(found) and other.matches(found))


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        ("order-*", "*-placed", "order-placed"),
        ("order-*", "*", "order-"),
        ("*", "*", "a"),
        ("order-[!a-z]", "order-?", "order-0"),
        ("[\U0001f600-\U0001f64f]", "[!\U0001f600]", "\U0001f601"),
        ("[.-0]", "[!.0]", "/"),
        ("a/b", "*", "a/b"),
        ("a*c", "*b", None),
        ("a" * 200 + "*", "*" + "b" * 55, "a" * 200 + "b" * 55),
        ("a" * 200 + "*", "*" + "b" * 56, "a" * 200 + "b" * 56),
    ],
)
def test_kinds_in_common(one: str, other: str, kind: str | None) -> None:
    """A kind is any text but an empty one, as the type of a CloudEvent is (CloudEvents, spec.md, "type")."""
    assert intersects(Glob(one), Glob(other)) == intersects(Glob(other), Glob(one)) == kind


@pytest.mark.parametrize(
    ("one", "other", "label"),
    [
        ("[.-0]", "[!.0]", None),  # only a slash is between the two
        ("[!\x20-~]", "?", "\xa1"),  # what comes before cannot be printed
        ("a/b", "*", None),
        ("a" * 255, "*", "a" * 255),
        ("a" * 256, "*", None),
        ("a" * 200 + "*", "*" + "b" * 55, "a" * 200 + "b" * 55),
        ("a" * 200 + "*", "*" + "b" * 56, None),
    ],
)
def test_labels_in_common(one: str, other: str, label: str | None) -> None:
    """A URL holds printable characters, 1 to 255 of them, and no slash."""
    assert intersects(Glob(one), Glob(other), LABELS) == intersects(Glob(other), Glob(one), LABELS) == label


@pytest.mark.parametrize(
    ("wider", "narrower", "covered"),
    [
        ("?*", "*", True),  # no kind is empty
        ("[!ab]*", "*", False),
        ("*a", "?a", True),
        ("[a-z]*", "[a-m]*", True),
        ("[a-m]*", "[a-z]*", False),
        ("*a*", "*[a]b*", True),
        ("*-*-*", "*-*", False),
        ("[!/]", "?", False),
        ("*?" * 200, "?" * 200, True),
        ("?" * 255, "?" * 255 + "*", False),
        ("a/b", "a", False),
    ],
)
def test_covered_kinds(wider: str, narrower: str, covered: bool) -> None:
    """Coverage considers only texts that can be kinds."""
    assert covers(Glob(wider), Glob(narrower)) is covered


def test_types_may_be_anything() -> None:
    """Types may be empty, contain slashes and have any length."""
    assert covers(Glob("?*"), Glob("*"), TYPES) is False
    assert covers(Glob("[!/]"), Glob("?"), TYPES) is False
    assert covers(Glob("?" * 255), Glob("?" * 255 + "*"), TYPES) is False
    assert covers(Glob("*a*"), Glob("a*"), TYPES) is True
    assert intersects(Glob("*"), Glob("*"), TYPES) == ""
    assert example(Glob("a/b"), TYPES) == "a/b"


LONGEST = ["*a" * 127, "*b?" * 85, "?*" * 127, "*[!a]" * 51, "*a" + "?" * 253, "*" + "[ab]" * 63, "[!b]" * 63 + "*", "a*" * 127]


@pytest.mark.proof
@pytest.mark.parametrize("one", LONGEST)
@pytest.mark.parametrize("other", LONGEST)
def test_longest_globs(one: str, other: str) -> None:
    """For globs of 255 characters, the answer may be unknown, but it is never wrong."""
    wider, narrower = Glob(one), Glob(other)
    answer = covers(wider, narrower)

    assert answer is not True or (kind := example(narrower)) is None or wider.matches(kind)
    common = intersects(wider, narrower)
    assert common is None or (wider.matches(common) and narrower.matches(common))


@pytest.mark.proof
@pytest.mark.parametrize("one", LONGEST)
def test_intersections_of_longest_globs(one: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search visits each pair of places once, which bounds the calls of `moves`."""
    calls: list[int] = []
    moves = overlaps.Machine.moves

    def counted(machine: overlaps.Machine, place: int) -> Iterator[tuple[int, int]]:
        calls.append(place)
        return moves(machine, place)

    monkeypatch.setattr(overlaps.Machine, "moves", counted)
    for other in LONGEST:
        calls.clear()
        intersects(Glob(one), Glob(other))
        assert len(calls) <= 3 * (256 * 256 + 1)  # the first glob's once, and the second's for each of at most two of those


def test_what_takes_too_long_is_unknown() -> None:
    """The search gives up if it would have to visit too many sets of places."""
    assert covers(Glob("*a" + "?" * 100 + "*"), Glob("*a" * 100 + "*")) is None
    assert covers(Glob("*[!a]" + "?" * 30), Glob("[ab]" * 10 + "*")) is False
