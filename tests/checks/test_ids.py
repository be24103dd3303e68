"""The ids of all checks, compared with the table of them in docs/checks.md."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import gcp_event_router

_ID = re.compile(r"gcp_event_router\.[EWI]\d{3}\b")
_SOURCE = Path(gcp_event_router.__file__).parent
_DOCS = Path(__file__).parents[2] / "docs" / "checks.md"


def _rows() -> list[str]:
    return re.findall(rf"^\| `({_ID.pattern})` \| \S.*\|$", _DOCS.read_text(), re.MULTILINE)


def test_ids_are_documented() -> None:
    """Every id that the source names has a row in docs/checks.md, and every row's id is one that the source names."""
    used = {check_id for file in _SOURCE.rglob("*.py") for check_id in _ID.findall(file.read_text())}

    assert sorted(used) == sorted(_rows())


def test_ids_have_one_row() -> None:
    """No id stands for two checks in the tables."""
    assert [check_id for check_id, count in Counter(_rows()).items() if count > 1] == []
