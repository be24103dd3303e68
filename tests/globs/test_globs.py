"""Globs and their index."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gcp_event_router._globs.glob import Glob, GlobIndex, escape
from gcp_event_router.exceptions import GlobError

KINDS = st.text("ab-[]*?!", max_size=6)


@st.composite
def globs(draw: st.DrawFn) -> Glob:
    """Any glob over a small alphabet."""
    try:
        return Glob(draw(st.text("ab-[]*?!", min_size=1, max_size=6)))
    except GlobError:
        assume(False)
        raise


@pytest.mark.parametrize(
    ("pattern", "ends"),
    [
        ("order-placed", ("order-placed", "")),
        ("order-*-placed", ("order-", "-placed")),
        ("*", ("", "")),
        ("a?b[cd]ef", ("a", "ef")),
        ("[a]", ("", "")),
    ],
)
def test_literal_ends(pattern: str, ends: tuple[str, str]) -> None:
    """A glob knows the literal text at its ends; a literal has no ending beside its beginning."""
    assert (Glob(pattern).prefix, Glob(pattern).suffix) == ends


@given(globs(), KINDS)
def test_glob_matches_what_fnmatch_matches(glob: Glob, kind: str) -> None:
    """A glob means what Python's fnmatchcase means by it."""
    assert glob.matches(kind) == fnmatch.fnmatchcase(kind, glob.pattern)


@given(st.lists(globs(), max_size=8), KINDS)
def test_index_finds_what_trying_each_finds(patterns: list[Glob], kind: str) -> None:
    """The index finds exactly the globs that match, in order."""
    index = GlobIndex(list(zip(patterns, range(len(patterns)), strict=True)))

    assert index.find(kind) == [place for place, glob in enumerate(patterns) if glob.matches(kind)]


def test_index_keeps_the_order_of_registration() -> None:
    """What matches comes in the order in which it was added, whether a literal, a beginning or an ending found it."""
    patterns = ["*d", "order-placed", "*placed", "order-*", "*", "order-[pq]laced", "x*", "*x"]
    index = GlobIndex((Glob(pattern), pattern) for pattern in patterns)

    assert index.find("order-placed") == patterns[:6]
    assert index.find("x") == ["*", "x*", "*x"]


@given(KINDS.filter(bool), KINDS)
def test_escaped_text_matches_itself_only(text: str, other: str) -> None:
    """An escaped text is a glob of that text alone."""
    assert Glob(escape(text)).matches(other) == (other == text)


@given(KINDS, globs(), KINDS)
def test_prefix_is_taken_literally(prefix: str, glob: Glob, kind: str) -> None:
    """A prefixed glob matches the prefix followed by what the glob matches."""
    matches = kind.startswith(prefix) and glob.matches(kind[len(prefix) :])

    assert glob.prefixed(prefix).matches(kind) == matches


def test_hostile_pattern_is_linear() -> None:
    """Ten stars against two thousand letters take no time; a naive regular expression would never end."""
    assert Glob("*a" * 10 + "b").matches("a" * 2000) is False


def test_globs_of_one_text_are_equal() -> None:
    """Globs with the same text are equal, and show the text."""
    assert (Glob("a-*"), hash(Glob("a-*")), repr(Glob("a-*")), str(Glob("a-*"))) == (
        Glob("a-*"),
        hash(Glob("a-*")),
        "Glob('a-*')",
        "a-*",
    )
    assert Glob("a") != "a"


def test_an_exclamation_mark_begins_no_range() -> None:
    """The mark that negates a sequence is not part of a range, even before a hyphen."""
    glob = Glob("[!- ]")

    assert [glob.matches(text) for text in ("!", "-", " ")] == [True, False, False]


def test_a_range_may_hold_one_character() -> None:
    """A range ends where it begins, or later."""
    assert [Glob("[a-a]").matches(text) for text in "ab"] == [True, False]


CLOSE = "Close the sequence, as in '[ab]', or write '[[]' for the character itself."


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("", "The kind '' is empty, and no event has an empty kind. Write a kind such as 'order-placed', or '*' for all."),
        ("[", f"The kind '[' opens a '[' that is never closed, so it would match nothing. {CLOSE}"),
        ("a[]", f"The kind 'a[]' opens a '[' that is never closed, so it would match nothing. {CLOSE}"),
        ("[!]", f"The kind '[!]' opens a '[' that is never closed, so it would match nothing. {CLOSE}"),
        ("[z-a]", "The kind '[z-a]' contains the range 'z-a', which runs backwards and matches nothing. Write 'a-z'."),
        (
            "a\n",
            (
                "The kind 'a\\n' holds a character that cannot be printed, and the endpoint answers 404 to such kinds. "
                "Write it with printable characters only."
            ),
        ),
    ],
)
def test_malformed_globs_are_refused(pattern: str, message: str) -> None:
    """The error of a malformed glob says what to write instead."""
    with pytest.raises(GlobError) as refused:
        Glob(pattern)

    assert str(refused.value) == message
