"""docs/tutorial.md, followed to the letter in an empty directory, with the wheel of this tree."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from shutil import which

import pytest

from .support.followed_page import Reader
from .support.ports import reserved_port

pytestmark = [
    pytest.mark.proof,
    pytest.mark.timeout(600),
    pytest.mark.skipif(which("curl") is None, reason="there is no curl here"),
]

ROOT = Path(__file__).resolve().parent.parent
#: What differs from run to run, and what pip says of a machine with indexes of its own.
MASKS = {
    r"^WARNING: Location .*\n": "",
    r"\d+\.\d+ ms": "0.0 ms",
    r"in \d+\.\d+s\b": "in 0.00s",
    r"\b\d+ s\b": "0 s",
    r"  +": "  ",
}


def wheel(folder: Path) -> Path:
    """Build the wheel of this tree."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def masked(text: str) -> str:
    for pattern, instead in MASKS.items():
        text = re.sub(pattern, instead, text, flags=re.MULTILINE)
    return text


def test_every_command_prints_what_the_tutorial_shows(tmp_path: Path) -> None:
    """A reader ends with an authenticated event that was handled once, passing tests, and types that mypy checks."""
    names = ("VIRTUAL_ENV", "PYTHONPATH", "DJANGO_SETTINGS_MODULE")
    environment = {name: value for name, value in os.environ.items() if name not in names and not name.startswith("PYTEST")}
    environment |= {"PYTHONUNBUFFERED": "1", "COLUMNS": "80", "PATH": f"{Path(sys.base_prefix) / 'bin'}:{os.environ['PATH']}"}
    page = (ROOT / "docs" / "tutorial.md").read_text()
    (tmp_path / "empty").mkdir()

    with ExitStack() as until_end:
        site, issuer = (str(until_end.enter_context(reserved_port())) for _ in range(2))
        replaced = {
            "runserver": f"runserver {site}",
            "8000": site,
            "8099": issuer,
            "../gcp-event-router": str(wheel(tmp_path / "wheel")),
        }
        reader = Reader(until_end, tmp_path / "empty", environment, replaced)
        shown, printed = zip(*reader.follow(page), strict=True)

    assert [*map(masked, printed)] == [*map(masked, shown)]
