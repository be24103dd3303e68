"""Prints what the mypy plugin costs in a project of 300 kinds and 500 handlers: `python -u benchmarks/typing_plugin.py`."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.large_projects import one_router  # noqa: E402 -- the path comes first

APPS: Final = 50
ROUNDS: Final = int(os.environ.get("BENCH_ROUNDS", "5"))
PLUGINS: Final[Mapping[str, str]] = {
    "without the plugin": "pydantic.mypy",
    "with the plugin": "gcp_event_router.mypy, pydantic.mypy",
}


def main() -> None:
    """Measure three ways to check the project, each without and with the plugin."""
    files = one_router(APPS)
    kinds, handlers = (sum(text.count(word) for text in files.values()) for word in (".kind(", "@events.on("))
    handlers += sum(text.count(".on\n") + text.count(".on(name") for text in files.values())
    print(f"mypy {version('mypy')}; {len(files)} modules, {kinds} kinds, {handlers} handlers; median of {ROUNDS} rounds\n")
    with tempfile.TemporaryDirectory() as folder:
        projects = {
            name: write(Path(folder) / str(number), files, plugins) for number, (name, plugins) in enumerate(PLUGINS.items())
        }
        for project in projects.values():  # fills the cache with what the project imports
            check(project)
        report("nothing has changed", {name: [check(project) for _ in range(ROUNDS)] for name, project in projects.items()})
        report("a new kind", {name: [edited(project) for _ in range(ROUNDS)] for name, project in projects.items()})
        report("without any cache", {name: [cold(project) for _ in range(ROUNDS)] for name, project in projects.items()})


def write(project: Path, files: Mapping[str, str], plugins: str) -> Path:
    """Write the project with its configuration."""
    for path, text in files.items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text)
    config = f"[mypy]\nplugins = {plugins}\nstrict = True\ncache_dir = cache\n[gcp-event-router]\nkinds = shop.kinds\n"
    (project / "mypy.ini").write_text(config)
    return project


def check(project: Path) -> float:
    """Run mypy, and return the seconds that it takes."""
    start = perf_counter()
    ended = subprocess.run(
        [sys.executable, "-m", "mypy", "shop"], cwd=project, capture_output=True, text=True, check=False, timeout=900
    )
    seconds = perf_counter() - start
    if ended.returncode:
        sys.exit(ended.stdout + ended.stderr)
    return seconds


def edited(project: Path) -> float:
    """Check the project after a change that each handler depends on."""
    kinds = project / "shop" / "kinds.py"
    number = kinds.read_text().count("events.kind(")
    kinds.write_text(f'{kinds.read_text()}events.kind("new-{number}", bytes)\n')
    return check(project)


def cold(project: Path) -> float:
    """Check the project and all that it imports."""
    shutil.rmtree(project / "cache")
    return check(project)


def report(title: str, seconds: Mapping[str, list[float]]) -> None:
    """Print the medians, and their ratio to the first."""
    print(f"{title:<40} {'median':>10} {'ratio':>7}\n{'-' * 59}")
    first = statistics.median(next(iter(seconds.values())))
    for name, durations in seconds.items():
        print(f"{name:<40} {statistics.median(durations):>8.2f} s {statistics.median(durations) / first:>7.2f}")
    print()


if __name__ == "__main__":
    main()
