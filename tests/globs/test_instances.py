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
    """Of a pattern the plainest kind is made that it matches; where it matches one kind alone, that is known."""
    assert (instance_of(Glob(pattern)), only_of(Glob(pattern))) == (instance, only)


@given(st.text(alphabet="ab-*?[]!^\\", min_size=1, max_size=12))
def test_instance_is_matched(pattern: str) -> None:
    """Whatever is made of a pattern is matched by it; what is the only one, is."""
    try:
        glob = Glob(pattern)
    except GlobError:
        return
    made = instance_of(glob)
    assert made is None or glob.matches(made)
    assert only_of(glob) in {None, made}


@given(st.text(alphabet="ab-*?[]!^\\", min_size=1, max_size=12))
def test_escaped_text_has_one_instance(text: str) -> None:
    """The glob of a text has that text alone."""
    assert only_of(Glob(escape(text))) == text
