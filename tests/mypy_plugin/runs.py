"""Runs of mypy with the plugin."""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Final

from coverage import Coverage

from ..support.checkers import LIMIT

ROOT: Final = Path(__file__).resolve().parent.parent.parent
#: A cache for each configuration, kept between runs, since mypy needs long to read Django and pydantic.
_CACHE: Final = ROOT / ".mypy_cache" / "plugin"
#: In `make coverage`, so that the lines count that a plugin executes in mypy's own process.
_MEASURED: Final = ("-m", "coverage", "run", f"--rcfile={ROOT / 'pyproject.toml'}", f"--data-file={ROOT / '.coverage'}")


def run_mypy(folder: Path, *arguments: str) -> str:
    """Run mypy in a project's folder, as its users do, and return what it prints."""
    config = next(file for name in ("mypy.ini", "pyproject.toml") if (file := folder / name).exists())
    cache = _CACHE / sha256(config.read_bytes()).hexdigest()[:8]
    measured = _MEASURED if Coverage.current() else ()
    run = subprocess.run(
        [sys.executable, *measured, "-m", "mypy", "--no-fast-exit", "--cache-dir", str(cache), *arguments],
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    return run.stdout + run.stderr
