"""Globs in a query: the database finds what `Glob.matches` says, whatever the glob and the text."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.db.models import CharField, Value
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gcp_event_router._boxes.selecting import fits
from gcp_event_router._globs.glob import Glob
from gcp_event_router.exceptions import GlobError
from gcp_event_router.inbox.models import StoredEvent

from ..support.deliveries import with_databases

pytestmark = [with_databases, pytest.mark.proof]

#: What means something in a glob or in a regular expression of one of the databases, and letters of one to four bytes.
LETTERS = "aAbB-*?[]!^.$+(){}|\\&~#_%:=;'\" éÉßñ日😀"
TEXTS = st.text(LETTERS, max_size=6)
PARTS = st.sampled_from(
    ["*", "?", "[ab]", "[!ab]", "[a-b]", "[]a]", "[!]a]", "[^a]", "[[]", "[é-ñ]", "[-a]", "[:a:]", "[[:a:]", *LETTERS]
)


@pytest.fixture
def kept(inbox: str) -> str:
    """A database with one row to ask about."""
    StoredEvent.objects.using(inbox).create(key=UUID(int=1), kind="k", reference="r", body=b"", digest=b"")
    return inbox


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@example(parts=["\\", "[:a:]"], texts=["\\:", "\\a", "\\b"])
@given(parts=st.lists(PARTS, min_size=1, max_size=6), texts=st.lists(TEXTS, min_size=1, max_size=12))
def test_as_globs_match(kept: str, parts: list[str], texts: list[str]) -> None:
    """Every glob finds the same texts in a query as it does in Python: letter by letter, in their case, as a whole."""
    try:
        glob = Glob("".join(parts))
    except GlobError:
        return
    row = StoredEvent.objects.using(kept)
    for text in [*texts, "".join(parts)]:
        asked = row.annotate(text=Value(text, CharField())).filter(fits(kept, "text", glob))
        assert asked.exists() is glob.matches(text), (glob, text)
