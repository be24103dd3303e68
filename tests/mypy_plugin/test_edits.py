"""After each edit of a project, a warm cache, a running daemon and a new one lead to the reports of a cold run."""

from __future__ import annotations

import json
import subprocess
from typing import TypeAlias

import pytest

from ..support.mypy_versions import ROOT, python_with_mypy
from .edits import EDITS, MYPY_FAILS, ON_OLDEST

#: By edit, for each of its steps and for undoing it, what mypy reports in each way.
Reports: TypeAlias = "dict[str, list[dict[str, list[str]]]]"

LIMIT = 1500
pytestmark = [pytest.mark.timeout(LIMIT + 60), pytest.mark.proof]


#: By version of mypy, the edits that are tried; those of the newest are all.
TRIED = {"newest": {edit.name for edit in EDITS}, "oldest": ON_OLDEST}


@pytest.fixture(scope="module", params=TRIED)
def reports(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Reports:
    """The table, from a process of its own: it forks, which a process with threads should not."""
    python = python_with_mypy(request.param)
    output = tmp_path_factory.mktemp("edits") / "reports"
    ended = subprocess.run(
        [python, "-m", "tests.mypy_plugin.edited_runs", str(output), *TRIED[request.param]],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    assert ended.returncode == 0, ended.stdout
    return dict(json.loads(line) for line in output.read_text().splitlines())


@pytest.mark.parametrize("way", ["warm", "daemon", "new daemon"])
def test_agrees_with_a_cold_run(reports: Reports, way: str) -> None:
    """After each step of each edit, mypy reports line by line what a cold run reports; the daemon also after undoing it."""
    different = {
        f"{name}, step {number}": (step[way], "instead of", step["cold"])
        for name, steps in reports.items()
        for number, step in enumerate(steps, 1)
        if way in step and step[way] != step["cold"] and (name, way) not in MYPY_FAILS
    }

    assert different == {}


def test_edits_have_an_effect(reports: Reports) -> None:
    """The last step of each edit leads to a report with the code that the table names, or to none at all."""
    wrong: dict[str, list[str]] = {}
    for edit in EDITS:
        if edit.name not in reports:
            continue
        last = reports[edit.name][-2]["cold"]  # the very last step undoes the edit
        codes = {"*", *(line.rpartition("[")[2].rstrip("]") for line in last)} if last else {None}
        if edit.code not in codes:
            wrong[edit.name] = last

    assert (wrong, len(reports) >= 30) == ({}, True)
