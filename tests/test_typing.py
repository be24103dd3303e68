"""The files under tests/typing, which mypy and pyright read and nobody runs, and the stubs beside them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TYPING = ROOT / "tests" / "typing"
REJECTED = TYPING / "rejected.py"
IGNORE = re.compile(r"  # (?P<checker>type|pyright): ignore\[(?P<codes>.*?)\]")

LIMIT = 700
pytestmark = [
    pytest.mark.timeout(LIMIT + 60),  # without their caches, and beside other work, checkers take long
    pytest.mark.skipif(
        find_spec("mypy") is None or find_spec("pyright") is None,
        reason="mypy and pyright are not installed here; `make check` installs them",
    ),
    pytest.mark.proof,
]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a checker from the repository's folder, with this Python's packages."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )


def pyright(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pyright as the folder's own configuration has it."""
    return run("pyright", "--pythonpath", sys.executable, "--project", str(TYPING), *arguments)


def named(checker: str) -> set[tuple[int, str]]:
    """The lines of rejected.py with an ignore for `checker`, and each code that it names."""
    return {
        (number, code)
        for number, line in enumerate(REJECTED.read_text().splitlines(), 1)
        for ignore in IGNORE.finditer(line)
        if ignore["checker"] == checker
        for code in ignore["codes"].split(", ")
    }


@pytest.fixture
def stripped(tmp_path: Path) -> str:
    """A copy of rejected.py without any ignore."""
    copy = tmp_path / REJECTED.name
    copy.write_text(IGNORE.sub("", REJECTED.read_text()))
    return str(copy)


def test_enough_bad_uses() -> None:
    """There are at least 60 bad uses, each with an ignore for either checker."""
    lines = {number for number, _ in named("type")}

    assert lines == {number for number, _ in named("pyright")}
    assert len(lines) >= 60


def test_each_documented_payload_of_google_has_a_good_and_a_bad_use() -> None:
    """Every model in the tables of docs/google.md is among the good uses, and among those that are an error."""
    tables = [line for line in (ROOT / "docs" / "google.md").read_text().splitlines() if line.startswith("| ")]
    models = set(re.findall(r"\b[A-Z]\w+(?:Data|DataV2|Entry|Notification|Attributes)\b", "\n".join(tables)))
    good = set(re.findall(r"\w+", (TYPING / "accepted.py").read_text()))
    bad = {word for line in REJECTED.read_text().splitlines() if IGNORE.search(line) for word in re.findall(r"\w+", line)}
    handled = set(re.findall(r"Event\[(\w+)\]", REJECTED.read_text()))

    assert len(models) == 19
    assert (models - good, models - bad - handled) == (set(), set())


def test_mypy_is_content() -> None:
    """Good uses are accepted by mypy strict, and no bad use has an ignore that it does not need."""
    checked = run("mypy", str(TYPING))

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_pyright_is_content() -> None:
    """Good uses are accepted by pyright strict, and no bad use has an ignore that it does not need."""
    checked = pyright()

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_mypy_rejects_each_bad_use(stripped: str) -> None:
    """Without its ignore, each bad use is an error of mypy, of exactly the codes that the ignore names."""
    checked = run("mypy", stripped)

    found = re.findall(r"rejected\.py:(\d+): error: .*\[([\w-]+)\]$", checked.stdout, re.MULTILINE)
    assert {(int(line), code) for line, code in found} == named("type"), checked.stdout + checked.stderr


def test_pyright_rejects_each_bad_use(stripped: str) -> None:
    """Without its ignore, each bad use is an error of pyright, of exactly the rules that the ignore names."""
    checked = pyright("--outputjson", stripped)

    found = [each for each in json.loads(checked.stdout)["generalDiagnostics"] if each["severity"] == "error"]
    assert {(each["range"]["start"]["line"] + 1, each.get("rule")) for each in found} == named("pyright")


def test_types_are_complete() -> None:
    """Every name that the package exports has a type that pyright knows in full."""
    checked = run("pyright", "--verifytypes", "gcp_event_router", "--ignoreexternal")

    assert "Type completeness score: 100%" in checked.stdout, checked.stdout + checked.stderr


@pytest.mark.skipif(find_spec("django_gcp") is None, reason="django-gcp's releases that import need Python 3.12 or newer")
def test_stubs_are_true() -> None:
    """The stubs say of django-gcp what mypy's stubtest finds in the real package."""
    modules = ("django_gcp.events", "django_gcp.exceptions", "django_gcp.urls")
    checked = run("mypy.stubtest", "--mypy-config-file", "mypy.ini", "--ignore-missing-stub", *modules)

    assert checked.returncode == 0, checked.stdout + checked.stderr
