"""Texts that a glob matches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcp_event_router._globs.glob import Glob, escape
from gcp_event_router._globs.overlaps import LABELS, TYPES, example
from gcp_event_router.exceptions import GlobError


@pytest.mark.parametrize(
    ("pattern", "readable", "only"),
    [
        ("order-placed", "order-placed", "order-placed"),
        ("order-*", "order-example", None),
        ("*", "example", None),
        ("v?", "vx", None),
        ("v[12]", "v1", None),
        ("v[!a]", "vb", None),
        ("v[!a]*", "vbexample", None),
        ("v[*]*", "v*example", None),
        ("a[*]b[?]c[[]", "a*b?c[", "a*b?c["),
        ("a[]]", "a]", "a]"),
        ("a]", "a]", "a]"),
    ],
)
def test_examples(pattern: str, readable: str, only: str | None) -> None:
    """An example is a readable text that the glob matches; `only_text` is the text of a glob that matches no other."""
    assert (example(Glob(pattern)), Glob(pattern).only_text) == (readable, only)


@pytest.mark.parametrize("pattern", ["[!a-z0-9]", "[!a-z0-9]*"])
def test_examples_without_letters_and_digits(pattern: str) -> None:
    """If no letter or digit matches, the example is a shortest text."""
    assert example(Glob(pattern), LABELS) == " "


@given(st.text(alphabet="ab-*?[]!^\\", min_size=1, max_size=12))
def test_a_glob_matches_its_example(pattern: str) -> None:
    """A glob matches its example; its only text is that example."""
    try:
        glob = Glob(pattern)
    except GlobError:
        return
    text = example(glob, TYPES)
    assert text is not None
    assert glob.matches(text)
    assert glob.only_text in {None, text}


@given(st.text(alphabet="ab-*?[]!^\\", min_size=1, max_size=12))
def test_escaped_text_has_one_example(text: str) -> None:
    """The glob of an escaped text matches only that text."""
    assert Glob(escape(text)).only_text == text
