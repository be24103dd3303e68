"""Runs the tests on every supported Python that is found, with every Django that it can run: `make matrix`.

    python tests/matrix.py          all pairs
    python tests/matrix.py --few    as few as show each Python and each Django once

Each pair has its own virtual environment below `.venvs`. A Python that is not found is named and left out. Two pairs are
tested at a time; what they print is shown when they end, that of the newest pair at the end. That one alone has the proofs,
those on MariaDB, and the type checkers that some of them ask.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

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
    failed: list[str] = []
    last = ""
    with ThreadPoolExecutor(2) as pool:
        runs = {pool.submit(tried, pair, python, whole=(pair, python) == found[-1]): pair for pair, python in found}
        for run_ in as_completed(runs):
            name, (status, printed) = runs[run_].name, run_.result()
            failed += [name] if status else []
            text = f"\n{name}\n{printed}"
            if name == found[-1][0].name:
                last = text
            else:
                print(text, flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}", flush=True)
    print(last.rstrip(), flush=True)
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


def tried(pair: Pair, python: str, *, whole: bool) -> tuple[int, str]:
    """Install and test one pair; returns its status, and what it printed."""
    place = ROOT / ".venvs" / pair.name
    inside = str(place / "bin" / "python")
    install = [inside, "-m", "pip", "install", "--quiet"]
    commands = [] if place.exists() else [[python, "-m", "venv", str(place)], [*install, "--upgrade", "pip>=25.1"]]
    group = f"{ROOT / 'pyproject.toml'}:{'dev' if whole else 'test'}"
    commands += [[*install, "--editable", str(ROOT), *pair.requirements, "--group", group]]
    commands += [[inside, "tests/support/mariadb.py"]] if whole else []
    commands += [[inside, "-m", "pytest", "-p", "no:cacheprovider", *([] if whole else ["-m", "not proof"])]]
    printed = ""
    for command in commands:
        ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        printed += ended.stdout
        if ended.returncode:
            return ended.returncode, printed
    return 0, printed


if __name__ == "__main__":
    sys.exit(main())
