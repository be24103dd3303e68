"""Builds the wheel and runs the tests against it, in a copy of the repository without `src`: `make wheel`.

What the wheel leaves out, or takes from the source folder by accident, fails here.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("tests", "example", "docs", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "pyproject.toml", "mypy.ini", "Makefile")


def main() -> int:
    """Return pytest's exit status."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        run(sys.executable, "-m", "build", "--wheel", "--outdir", str(place), str(ROOT))
        (wheel,) = place.glob("*.whl")
        venv.create(place / "venv", with_pip=True)
        python = str(place / "venv" / "bin" / "python")
        run(python, "-m", "pip", "install", "--quiet", "--upgrade", "pip>=25.1")
        project = place / "project"
        project.mkdir()
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, project / name, ignore=shutil.ignore_patterns("__pycache__", "*.sqlite3", "node_modules"))
            else:
                shutil.copy(source, project / name)
        group = f"{ROOT / 'pyproject.toml'}:test"
        run(python, "-m", "pip", "install", "--quiet", str(wheel), "--group", group)
        return subprocess.run([python, "-m", "pytest", "-q", "-m", "not slow"], cwd=project, check=False).returncode


def run(*command: str) -> None:
    """Run a command and stop at its failure."""
    subprocess.run(command, check=True)


if __name__ == "__main__":
    sys.exit(main())
