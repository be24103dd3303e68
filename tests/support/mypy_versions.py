"""The versions of mypy that the plugin is tested with: this environment's, and two older ones."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
#: By version, a Python that has it. `make typing` and `make proofs` create the older environments.
PYTHONS: Final = {
    "newest": Path(sys.executable),
    "middle": ROOT / ".venvs" / "mypy-middle" / "bin" / "python",
    "oldest": ROOT / ".venvs" / "mypy-oldest" / "bin" / "python",
}


def python_with_mypy(version: str) -> str:
    """The interpreter with a version of mypy. Skips the test if the environment does not exist."""
    if not PYTHONS[version].exists() or (version == "newest" and find_spec("mypy") is None):
        pytest.skip(f"mypy's {version} version is not installed here; `make typing` installs it")
    return str(PYTHONS[version])
