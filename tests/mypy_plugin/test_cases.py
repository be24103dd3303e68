"""What mypy says with the plugin, about the small projects under `cases`."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from ..support.checkers import LIMIT
from .runs import run_mypy

CASES = sorted((Path(__file__).parent / "cases").glob("*.txt"))
CONFIG = """\
[mypy]
plugins = gcp_event_router.mypy, pydantic.mypy
strict = True
[gcp-event-router]
kinds = shop.kinds, shop.billing
"""

pytestmark = [
    pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed here; `make check` installs it"),
    pytest.mark.timeout(LIMIT + 60),
    pytest.mark.proof,
]


def written(case: str, folder: Path) -> str:
    """Write the files of a case, each after a line `--- name`, into a folder. Return the expected output, after `--- output`."""
    files: dict[str, str] = dict(re.findall(r"^--- (\S+)\n(.*?)(?=^--- |\Z)", case, re.MULTILINE | re.DOTALL))
    expected = files.pop("output")
    if not files.keys() & {"mypy.ini", "pyproject.toml"}:
        files = {"mypy.ini": CONFIG, "shop/__init__.py": "", "shop/kinds.py": "", "shop/billing.py": "", **files}
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return expected


def sorted_findings(printed: str) -> str:
    """Return what mypy prints, file by file, without the last line, which counts."""
    findings = re.sub(r"^(Found|Success).*\n\Z", "", printed, flags=re.MULTILINE)
    return "".join(sorted(findings.splitlines(keepends=True), key=_place))


def _place(line: str) -> tuple[str, int]:
    """The file and the line of an error: releases of mypy check files in other orders."""
    found = re.match(r"(\S+):(\d+): ", line)
    return (found[1], int(found[2])) if found else ("", 0)


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_case(case: Path, tmp_path: Path) -> None:
    """The output of mypy is that of the case, line by line."""
    expected = written(case.read_text(), tmp_path)

    assert sorted_findings(run_mypy(tmp_path, ".")) == expected


def test_enough_mistakes() -> None:
    """The plugin reports at least 40 mistakes that no checker sees without it."""
    places = re.findall(r"^(shop/\w+\.py:\d+): error: ", (CASES[0].parent / "unseen.txt").read_text(), re.MULTILINE)

    assert len(set(places)) >= 40
