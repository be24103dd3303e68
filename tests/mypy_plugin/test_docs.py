"""docs/guides/typing.md: mypy says of its examples what the page shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="mypy is not installed here; `make check` installs it")

from gcp_event_router.mypy._codes import CODES

from ..support.checkers import LIMIT
from .runs import ROOT, run_mypy
from .test_cases import sorted_findings

PAGE = (ROOT / "docs" / "guides" / "typing.md").read_text()

pytestmark = [pytest.mark.timeout(LIMIT + 60), pytest.mark.proof]


def test_examples_print_what_the_page_shows(tmp_path: Path) -> None:
    """The block of text after a file is what mypy prints about the file, line by line."""
    settings, *_ = re.findall(r"^```ini\n(\[mypy\]\n.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "mypy.ini").write_text(settings)
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    for code, name in re.findall(r"^```py\n(# (\S+)\n.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        (tmp_path / name).write_text(code)

    shown = "".join(re.findall(r"^```\n\n```text\n(shop/.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
    assert sorted(sorted_findings(run_mypy(tmp_path, ".")).splitlines()) == sorted(shown.splitlines())


def test_each_code_has_an_example() -> None:
    """Each code of the plugin is a heading of the page, and the code of an error that the page shows."""
    assert set(re.findall(r"^## (event-\S+)$", PAGE, re.MULTILINE)) == CODES
    assert set(re.findall(r"  \[(event-\S+)\]$", PAGE, re.MULTILINE)) == CODES
