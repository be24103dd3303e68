"""Runs mutmut on one part, in a folder of its own, so that a run can be interrupted and continued."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from tests.support import mariadb, postgres

from .mutants import SAMPLE, alive
from .parts import LEFT_OUT, MARIADB, NO_DATABASE, Part

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "mutants"
#: What chooses the tests that a mutant meets.
PLUGIN = "mutation_score.selection"
#: What tests read beside the sources.
_COPIED = ("example", "stubs", "docs", "benchmarks", "scripts", "README.md", "CONTRIBUTING.md", "CHANGELOG.md")


def run(part: Part, children: int, *, is_sample: bool = False) -> None:
    """Test the mutants of a part, or a sample: those that no earlier run has killed."""
    folder = WORK / part.name
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("src", "tests", *_COPIED):
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)
    _forget_what_changed(folder, part)
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    environment["PYTHONPATH"] = str(ROOT / "benchmarks")  # for the plugin
    with ExitStack() as stack:
        if part.marked != NO_DATABASE:
            environment[postgres.RUNNING] = stack.enter_context(postgres.server(durable=False))
            children = 1  # they share its database
        if part.marked == MARIADB:
            environment[mariadb.RUNNING] = stack.enter_context(mariadb.server(durable=False)).host
        command = [str(Path(sys.executable).with_name("mutmut")), "run", "--max-children", str(children)]
        for warmup in ("collect", "none"):
            (folder / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text() + configuration(part, warmup))
            names = alive(folder, is_sample=is_sample)  # mutmut tests all that a pattern names again
            if names is None:
                names = [SAMPLE] if is_sample else []
            elif not names:
                break
            subprocess.run([*command, *names], cwd=folder, env=environment, check=True)


def configuration(part: Part, warmup: str) -> str:
    """The section of pyproject.toml that mutmut reads.

    Its processes fork after they have collected all tests, and so imported the code. What a module calls while it is imported is
    then as it was, so survivors meet the tests again in processes that import everything themselves.

    Without a server of its own that forks, mutmut would fork after it has run tests, and so without the threads that asgiref has
    kept since: async tests would wait for ever.
    """
    changed = [f"src/gcp_event_router/{module}.py" for module in part.modules]
    arguments = [
        "-p",
        "no:cacheprovider",
        "-p",
        PLUGIN,
        "--hypothesis-profile=mutants",
        "--tb=no",
        "--timeout=30",
        "-m",
        part.marked,
    ]
    arguments += [f"--deselect={test}" for test in LEFT_OUT]
    return f"""
[tool.mutmut]
source_paths = ["src"]
only_mutate = {json.dumps(changed)}
also_copy = {json.dumps(_COPIED)}
pytest_add_cli_args = {json.dumps(arguments)}
pytest_add_cli_args_test_selection = {json.dumps(part.tests)}
process_isolation = "forkserver"
forkserver_warmup = "{warmup}"
use_git_change_detection = false
"""


def _forget_what_changed(folder: Path, part: Part) -> None:
    """Begin anew if the code has changed, and read and watch the tests again if these have."""
    copies = folder / "mutants"
    sources = (path for module in part.modules for path in sorted((ROOT / "src" / "gcp_event_router").glob(f"{module}.py")))
    marks = {
        "code.sha256": digest(sources),
        "tests.sha256": digest(ROOT / "tests" / test.removeprefix("tests/") for test in part.tests),
    }
    changed = {name for name, mark in marks.items() if not (folder / name).exists() or (folder / name).read_text() != mark}
    if "code.sha256" in changed:
        shutil.rmtree(copies, ignore_errors=True)
    elif changed:
        shutil.rmtree(copies / "tests", ignore_errors=True)
        (copies / "mutmut-stats.json").unlink(missing_ok=True)
    for name, mark in marks.items():
        (folder / name).write_text(mark)


def digest(paths: Iterable[Path]) -> str:
    """A hash over the Python files at some paths."""
    found = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            found.update(file.read_bytes())
    return found.hexdigest()
