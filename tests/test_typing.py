"""The files under tests/typing, which mypy and pyright read and nobody runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TYPING = ROOT / "tests" / "typing"
IGNORE = re.compile(r"  # type: ignore\[(.*?)\]")

pytestmark = pytest.mark.skipif(
    find_spec("mypy") is None or find_spec("pyright") is None,
    reason="mypy and pyright are not installed here; `make check` installs them",
)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a checker from the repository's folder."""
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)


def pyright(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pyright with the packages of this Python."""
    return run("pyright", "--pythonpath", sys.executable, *arguments)


def expected() -> dict[int, set[str]]:
    """The lines of rejected.py with an ignore, and the codes that it names."""
    lines = (TYPING / "rejected.py").read_text().splitlines()
    found = {number: IGNORE.search(line) for number, line in enumerate(lines, 1)}
    return {number: set(ignore.group(1).split(", ")) for number, ignore in found.items() if ignore}


@pytest.fixture
def stripped(tmp_path: Path) -> str:
    """A copy of rejected.py without its ignores."""
    copy = tmp_path / "rejected.py"
    copy.write_text(IGNORE.sub("", (TYPING / "rejected.py").read_text()))
    return str(copy)


def test_enough_bad_uses() -> None:
    """There are at least 25 bad uses."""
    assert len(expected()) >= 25


def test_mypy_is_content() -> None:
    """Good uses are accepted by mypy strict, and no bad use has an ignore that it does not need."""
    checked = run("mypy", str(TYPING))

    assert checked.returncode == 0, checked.stdout


def test_pyright_is_content() -> None:
    """Good uses are accepted by pyright strict, and no bad use has an ignore that it does not need."""
    checked = pyright(str(TYPING))

    assert checked.returncode == 0, checked.stdout


def test_mypy_rejects_each_bad_use(stripped: str) -> None:
    """Without its ignore, each bad use is an error of mypy, of exactly the codes that the ignore names."""
    checked = run("mypy", stripped)

    found: dict[int, set[str]] = defaultdict(set)
    for line, code in re.findall(r"rejected\.py:(\d+): error: .*\[([\w-]+)\]$", checked.stdout, re.MULTILINE):
        found[int(line)].add(code)
    assert dict(found) == expected()


def test_pyright_rejects_each_bad_use(stripped: str) -> None:
    """Without its ignore, each bad use is an error of pyright."""
    checked = pyright("--outputjson", stripped)

    diagnostics = json.loads(checked.stdout)["generalDiagnostics"]
    assert {each["range"]["start"]["line"] + 1 for each in diagnostics if each["severity"] == "error"} == set(expected())
