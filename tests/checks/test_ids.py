"""The ids of all checks, compared with the table of them in docs/reference/checks.md."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import gcp_event_router
from gcp_event_router import _check_ids

_ID = re.compile(r"gcp_event_router\.[EWI]\d{3}\b")
_SOURCE = Path(gcp_event_router.__file__).parent
_DOCS = Path(__file__).parents[2] / "docs" / "reference" / "checks.md"


def _rows() -> list[str]:
    return re.findall(rf"^\| `({_ID.pattern})` \| \S.*\|$", _DOCS.read_text(), re.MULTILINE)


def test_ids_are_documented() -> None:
    """Every id has a row in docs/reference/checks.md, and every row has an id of the source."""
    ids = [value for name, value in vars(_check_ids).items() if name.isupper()]

    assert sorted(ids) == sorted(_rows())


def test_ids_are_written_once() -> None:
    """Only `_check_ids` spells ids; each check names its id from there."""
    files = [path.name for path in _SOURCE.rglob("*.py") if _ID.search(path.read_text())]

    assert files == ["_check_ids.py"]


def test_ids_have_one_row() -> None:
    """No id stands for two checks in the tables."""
    assert [check_id for check_id, count in Counter(_rows()).items() if count > 1] == []
