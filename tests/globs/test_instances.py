"""A kind that a glob matches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcp_event_router._globs.glob import Glob, escape
from gcp_event_router._globs.instances import instance_of, only_of
from gcp_event_router.exceptions import GlobError


@pytest.mark.parametrize(
    ("pattern", "instance", "only"),
    [
        ("order-placed", "order-placed", "order-placed"),
        ("order-*", "order-example", None),
        ("*", "example", None),
        ("v?", "vx", None),
        ("v[12]", "v1", None),
        ("v[!a]", "vb", None),
        ("a[*]b[?]c[[]", "a*b?c[", "a*b?c["),
        ("a[]]", "a]", "a]"),
        ("a]", "a]", "a]"),
    ],
)
def test_instances(pattern: str, instance: str | None, only: str | None) -> None:
    """An instance is a plain kind that the pattern matches; `only_of` returns it if there is no other."""
    assert (instance_of(Glob(pattern)), only_of(Glob(pattern))) == (instance, only)


@given(st.text(alphabet="ab-*?[]!^\\", min_size=1, max_size=12))
def test_instance_is_matched(pattern: str) -> None:
    """A pattern matches its instance; its only text is that instance."""
    try:
        glob = Glob(pattern)
    except GlobError:
        return
    made = instance_of(glob)
    assert made is None or glob.matches(made)
    assert only_of(glob) in {None, made}


@given(st.text(alphabet="ab-*?[]!^\\", min_size=1, max_size=12))
def test_escaped_text_has_one_instance(text: str) -> None:
    """The glob of an escaped text matches only that text."""
    assert only_of(Glob(escape(text))) == text
