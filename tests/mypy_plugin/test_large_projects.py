"""With the plugin, mypy has nothing to say about large projects without a mistake."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from ..support.large_projects import SHAPES
from ..support.mypy_versions import PYTHONS, ROOT, python_with_mypy

CACHE = ROOT / ".mypy_cache" / "plugin"
LIMIT = 400
#: With the settings of test_cases.py, mypy can read its cache again.
CONFIG = """\
[mypy]
plugins = gcp_event_router.mypy, pydantic.mypy
strict = True
[gcp-event-router]
kinds = {kinds}
"""
pytestmark = [pytest.mark.timeout(LIMIT + 60), pytest.mark.proof]


def run_mypy(python: str, folder: Path, kinds: str) -> str:
    """Run mypy as a user does, and return what it prints."""
    (folder / "mypy.ini").write_text(CONFIG.format(kinds=kinds))
    ended = subprocess.run(
        [python, "-m", "mypy", "--cache-dir", str(CACHE), "--no-error-summary", "shop"],
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    return ended.stdout + ended.stderr


def write(folder: Path, project: Mapping[str, str]) -> None:
    """Write the files of a project."""
    for path, text in project.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


@pytest.mark.parametrize("version", PYTHONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_is_reported(shape: str, version: str, tmp_path: Path) -> None:
    """A project of more than fifty modules is fine: with kinds, with included routers, and without any declaration."""
    project = SHAPES[shape]()
    write(tmp_path, project)

    printed = run_mypy(python_with_mypy(version), tmp_path, "" if shape == "legacy" else "shop.kinds")

    assert (len(project) > 50, printed) == (True, "")


@pytest.mark.parametrize("version", PYTHONS)
def test_a_typo_is_found(version: str, tmp_path: Path) -> None:
    """The same project with one typo has one report, so that the plugin does read it."""
    write(tmp_path, SHAPES["several routers"]())
    links = tmp_path / "shop" / "app7" / "links.py"
    links.write_text(links.read_text().replace('"app7-placed"', '"app7-plcaed"'))

    printed = run_mypy(python_with_mypy(version), tmp_path, "shop.kinds")

    assert re.findall(r"^(\S+): error: .*\[(.*)\]$", printed, re.MULTILINE) == [("shop/app7/links.py:6", "event-kind")]
