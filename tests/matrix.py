"""Runs the tests on every supported Python that is found, with every Django that it can run: `make matrix`.

Each pair has its own virtual environment below `.venvs`. A Python that is not found is named and left out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Which Pythons each Django supports, by Django's own release notes.
DJANGOS = {"5.2": ("3.11", "3.12", "3.13"), "6.0": ("3.12", "3.13"), "6.1": ("3.12", "3.13")}
PYTHONS = ("3.11", "3.12", "3.13")
#: The oldest releases that pyproject.toml admits, tried with the oldest Python.
OLDEST = ("pydantic==2.9.*", "typing-extensions==4.12.*")


def main() -> int:
    """Return 1 if any pair failed."""
    failed: list[str] = []
    for version in PYTHONS:
        python = find(version)
        if python is None:
            print(f"Python {version}: not found, left out", flush=True)
            continue
        for django, supported in DJANGOS.items():
            if version in supported:
                failed += tried(f"py{version}-django{django}", python, f"Django=={django}.*")
        if version == PYTHONS[0]:
            failed += tried("oldest", python, "Django==5.2.*", *OLDEST)
    if failed:
        print(f"failed: {', '.join(failed)}", flush=True)
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


def tried(name: str, python: str, *requirements: str) -> list[str]:
    """Install and test one pair; its name, if that failed."""
    place = ROOT / ".venvs" / name
    inside = str(place / "bin" / "python")
    print(f"\n{name}", flush=True)
    if not place.exists():
        run(python, "-m", "venv", str(place))
        run(inside, "-m", "pip", "install", "--quiet", "--upgrade", "pip>=25.1")
    run(
        inside,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--editable",
        str(ROOT),
        *requirements,
        "--group",
        f"{ROOT / 'pyproject.toml'}:test",
    )
    status = subprocess.run([inside, "-m", "pytest", "-p", "no:cacheprovider"], cwd=ROOT, check=False).returncode
    return [name] if status else []


def run(*command: str) -> None:
    """Run a command and stop at its failure."""
    subprocess.run(command, check=True)


if __name__ == "__main__":
    sys.exit(main())
