"""Runs the tests on every supported Python that is found, with every Django that it can run: `make matrix`.

    python -m tests.matrix                   all pairs
    python -m tests.matrix --few             as few as show each Python and each Django once
    python -m tests.matrix py3.12-django6.0  this pair alone; its Python has to be there
    python -m tests.matrix --json            print the pairs, for a job each

The versions are those of the classifiers in pyproject.toml. The first pair, `floors`, is the oldest Python with exactly the
lowest release that pyproject.toml declares of each dependency and of each extra's: `make floors`.

Each pair has its own virtual environment below `.venvs`; while one pair is tested, the next ones are installed. A Python that is
not found is named and left out. The first and the last pair run what `make test` runs, and so does a pair that is asked for by
name; the others run the smoke.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .smoke import smoke

ROOT = Path(__file__).resolve().parent.parent
PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: The pairs of `--few`.
FEW: Final = {"floors", "py3.12-django6.0", "py3.13-django5.2", "py3.13-django6.1"}


@dataclass(frozen=True)
class Pair:
    """One virtual environment."""

    name: str
    python: str
    requirements: tuple[str, ...]


def versions(classifier: str) -> list[str]:
    """The versions that the classifiers beginning so name, the oldest first."""
    found = [entry.removeprefix(f"{classifier} :: ") for entry in PROJECT["classifiers"] if entry.startswith(classifier)]
    return sorted((entry for entry in found if re.fullmatch(r"\d+\.\d+", entry)), key=_numbers)


def floors() -> tuple[str, ...]:
    """The lowest declared release of each dependency and of each extra's, as pip pins it."""
    extras: dict[str, list[str]] = PROJECT["optional-dependencies"]
    declared = {*PROJECT["dependencies"], *(requirement for extra in extras.values() for requirement in extra)}
    return tuple(sorted(requirement.replace(">=", "==") for requirement in declared))


def pairs() -> list[Pair]:
    """The floors, and each supported Python with each Django that runs on it."""
    pythons, djangos = versions("Programming Language :: Python"), versions("Framework :: Django")
    wide = [
        Pair(f"py{python}-django{django}", python, (f"Django=={django}.*",))
        for python in pythons
        for django in djangos
        if _numbers(django) < (6,) or _numbers(python) >= (3, 12)  # what Django 6 needs
    ]
    return [Pair("floors", pythons[0], floors()), *wide]


def main() -> int:
    """Return 1 if any pair failed."""
    arguments = sys.argv[1:]
    if arguments == ["--json"]:
        print(json.dumps([{"name": pair.name, "python": pair.python} for pair in pairs()]))
        return 0
    few = arguments == ["--few"]
    named = set[str]() if few else set(arguments)
    chosen = [pair for pair in pairs() if pair.name in named or (not named and (not few or pair.name in FEW))]
    if unknown := named - {pair.name for pair in chosen}:
        print(f"There is no pair {', '.join(sorted(unknown))}. There are: {', '.join(pair.name for pair in pairs())}.")
        return 1
    found = [(pair, python) for pair in chosen if (python := find(pair.python)) is not None]
    absent = sorted({pair.python for pair in chosen} - {pair.python for pair, _ in found})
    for version in absent:
        print(f"Python {version}: not found, left out", flush=True)
    tested = named or {pair.name for pair, _ in (*found[:1], *found[-1:])}
    return 1 if failures(found, tested) or (named and absent) else 0


def failures(found: list[tuple[Pair, str]], tested: set[str]) -> list[str]:
    """Install the pairs and try them; return the names of those that failed."""
    failed: list[str] = []
    with ThreadPoolExecutor(1) as installer:
        installed = [(pair, installer.submit(install, pair, python, tests=pair.name in tested)) for pair, python in found]
        for pair, error in installed:
            print(f"\n{pair.name}", flush=True)
            print(error.result(), end="", flush=True)
            if error.result() or not passes(pair, tests=pair.name in tested):
                failed.append(pair.name)
                print(f"{pair.name} failed", flush=True)
    return failed


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


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


if __name__ == "__main__":
    sys.exit(main())
