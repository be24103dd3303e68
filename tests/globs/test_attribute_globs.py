"""Globs of attributes: examples of them, and what one set says about another."""

from __future__ import annotations

import pytest

from gcp_event_router._globs.attributes import AttributeGlobs

#: The search for a text that the first matches and the second does not takes too long.
NARROWER, WIDER = "*a" * 100 + "*", "*a" + "?" * 100 + "*"


def test_examples_are_texts_that_the_globs_match() -> None:
    """Each attribute has an example that its glob matches."""
    assert AttributeGlobs.of({"eventType": "OBJECT_*", "size": "[!x]?"}).examples() == {
        "eventType": "OBJECT_example",
        "size": "ax",
    }


@pytest.mark.parametrize(
    ("wider", "narrower", "covered"),
    [
        ({"a": "*"}, {"a": "x", "b": "y"}, True),
        ({"a": "*", "b": "*"}, {"a": "x"}, False),  # its events may lack b
        ({"a": "?*"}, {"a": "*"}, False),  # a value may be empty
        ({"a": WIDER}, {"a": NARROWER}, None),
        ({"a": WIDER, "b": "*"}, {"a": NARROWER, "b": "x"}, None),
        ({"a": "*", "b": WIDER}, {"a": "x", "b": NARROWER}, None),
        ({"a": WIDER, "b": "x"}, {"a": NARROWER, "b": "y"}, False),
    ],
)
def test_coverage_of_attributes(wider: dict[str, str], narrower: dict[str, str], covered: bool | None) -> None:
    """Globs cover others if each covers the one of its name; one that nobody can tell leaves the whole unknown."""
    assert AttributeGlobs.of(wider).covers(AttributeGlobs.of(narrower)) is covered


@pytest.mark.parametrize(
    ("attributes", "selected"),
    [
        ({"a": "x", "b": "y", "c": "z"}, True),
        ({"a": "x", "b": "z"}, False),
        ({"a": "y", "b": "y"}, False),
        ({"a": "x"}, False),
        ({"b": "y"}, False),
        ({}, False),
    ],
)
def test_all_globs_have_to_match(attributes: dict[str, str], selected: bool) -> None:
    """An event is selected if each glob matches the attribute of its name, and nothing matches one that is missing."""
    globs = AttributeGlobs.of({"a": "x", "b": "[!z]"})

    assert globs.matches(attributes) is selected
    assert (globs.mismatches(attributes) == []) is selected
