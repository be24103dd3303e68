"""What mypy says with the plugin, about the small projects under `cases`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
CASES = sorted((Path(__file__).parent / "cases").glob("*.txt"))
#: Shared by all cases, and kept between runs, since mypy needs long to read Django and pydantic.
CACHE = ROOT / ".mypy_cache" / "plugin"
CONFIG = """\
[mypy]
plugins = gcp_event_router.mypy, pydantic.mypy
strict = True
[gcp-event-router]
kinds = shop.kinds
"""

pytestmark = [
    pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed here; `make check` installs it"),
    pytest.mark.proof,
]


def written(case: str, folder: Path) -> str:
    """Write the files of a case, each after a line `--- name`, into a folder. Return the expected output, after `--- output`."""
    expected = ""
    (folder / "mypy.ini").write_text(CONFIG)
    for name, text in re.findall(r"^--- (\S+)\n(.*?)(?=^--- |\Z)", case, re.MULTILINE | re.DOTALL):
        if name == "output":
            expected = text
        else:
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    return expected


def run_mypy(folder: Path) -> str:
    """Run mypy as a user does, and return what it prints, file by file, without the last line if that only counts."""
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", str(CACHE), "."],
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    printed = re.sub(r"^(Found|Success).*\n\Z", "", run.stdout + run.stderr, flags=re.MULTILINE)
    return "".join(sorted(printed.splitlines(keepends=True), key=_place))


def _place(line: str) -> tuple[str, int]:
    """The file and the line of an error: releases of mypy check files in other orders."""
    found = re.match(r"(\S+):(\d+): ", line)
    return (found[1], int(found[2])) if found else ("", 0)


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_case(case: Path, tmp_path: Path) -> None:
    """The output of mypy is that of the case, line by line."""
    expected = written(case.read_text(), tmp_path)

    assert run_mypy(tmp_path) == expected


def test_enough_mistakes() -> None:
    """The plugin reports at least 40 mistakes that no checker sees without it."""
    places = re.findall(r"^(shop/\w+\.py:\d+): error: ", (CASES[0].parent / "unseen.txt").read_text(), re.MULTILINE)

    assert len(set(places)) >= 40
