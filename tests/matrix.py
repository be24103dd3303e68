"""Runs the tests on every supported Python that is found, with every Django that it can run: `make matrix`.

    python -m tests.matrix          all pairs
    python -m tests.matrix --few    as few as show each Python and each Django once

Each pair has its own virtual environment below `.venvs`; while one pair is tested, the next ones are installed. A Python that is
not found is named and left out. The oldest and the newest pair run what `make test` runs, the newest at the end; the others run
the smoke.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .smoke import smoke

ROOT = Path(__file__).resolve().parent.parent
#: The oldest releases that pyproject.toml admits, tried with the oldest Python.
OLDEST = ("pydantic==2.9.*", "typing-extensions==4.12.*")


@dataclass(frozen=True)
class Pair:
    """One virtual environment."""

    python: str
    requirements: tuple[str, ...]
    name: str
    #: Whether it is among the few.
    is_needed: bool = True


PAIRS = (
    Pair("3.11", ("Django==5.2.*", *OLDEST), "oldest"),
    Pair("3.11", ("Django==5.2.*",), "py3.11-django5.2", is_needed=False),  # what `make test` has
    Pair("3.12", ("Django==5.2.*",), "py3.12-django5.2", is_needed=False),
    Pair("3.12", ("Django==6.0.*",), "py3.12-django6.0"),
    Pair("3.12", ("Django==6.1.*",), "py3.12-django6.1", is_needed=False),
    Pair("3.13", ("Django==5.2.*",), "py3.13-django5.2"),
    Pair("3.13", ("Django==6.0.*",), "py3.13-django6.0", is_needed=False),
    Pair("3.13", ("Django==6.1.*",), "py3.13-django6.1"),
)


def main() -> int:
    """Return 1 if any pair failed."""
    pairs = [(pair, find(pair.python)) for pair in PAIRS if pair.is_needed or "--few" not in sys.argv[1:]]
    for version in sorted({pair.python for pair, python in pairs if python is None}):
        print(f"Python {version}: not found, left out", flush=True)
    found = [(pair, python) for pair, python in pairs if python is not None]
    tested = {found[0][0], found[-1][0]} if found else set[Pair]()
    failed: list[str] = []
    with ThreadPoolExecutor(1) as installer:
        installed = [(pair, installer.submit(install, pair, python, tests=pair in tested)) for pair, python in found]
        for pair, error in installed:
            print(f"\n{pair.name}", flush=True)
            print(error.result(), end="", flush=True)
            if error.result() or not passes(pair, tests=pair in tested):
                failed.append(pair.name)
                print(f"{pair.name} failed", flush=True)
    return 1 if failed else 0


def find(version: str) -> str | None:
    """The interpreter of a Python version: on the path, or below pyenv's folder."""
    folder = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which(f"python{version}"), *sorted(map(str, folder.glob(f"{version}.*/bin/python")))]
    for candidate in filter(None, candidates):
        answer = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False)
        if re.match(rf"Python {re.escape(version)}\.", answer.stdout):
            return candidate
    return None


def install(pair: Pair, python: str, *, tests: bool) -> str:
    """Install a pair, with what its tests need; return what a command that failed printed, or an empty text."""
    place = ROOT / ".venvs" / pair.name
    pip = [interpreter(pair), "-m", "pip", "install", "--quiet"]
    commands = [] if place.exists() else [[python, "-m", "venv", str(place)], [*pip, "--upgrade", "pip>=25.1"]]
    group = ["--group", f"{ROOT / 'pyproject.toml'}:test"] if tests else []
    commands += [[*pip, "--editable", str(ROOT), *pair.requirements, *group]]
    for command in commands:
        ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if ended.returncode:
            return f"{' '.join(command)}\n{ended.stdout}"
    return ""


def interpreter(pair: Pair) -> str:
    """The Python of a pair's environment."""
    return str(ROOT / ".venvs" / pair.name / "bin" / "python")


def passes(pair: Pair, *, tests: bool) -> bool:
    """Run the tests or the smoke with an installed pair."""
    if tests:
        options = ["-p", "no:cacheprovider", "-m", "not proof", "--hypothesis-profile=few", "-n", "auto", "--dist", "loadfile"]
        return subprocess.run([interpreter(pair), "-m", "pytest", *options], cwd=ROOT, check=False).returncode == 0
    ended = smoke(interpreter(pair))
    print(ended.stdout or "The library works.", flush=True)
    return ended.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
