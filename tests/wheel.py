"""Builds the wheel, installs it alone into an empty environment, and uses it there as a new project does: `make wheel`.

What the wheel leaves out, takes from the source folder by accident, or needs beyond its own requirements fails here.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path
from typing import Final

from .smoke import smoke

ROOT: Final = Path(__file__).resolve().parent.parent
#: The packages.
SOURCES: Final = ROOT / "src"


def main() -> int:
    """Return 0 if the wheel works."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        run(sys.executable, "-m", "build", "--wheel", "--outdir", str(place), str(ROOT))
        (wheel,) = place.glob("*.whl")
        if not is_complete(wheel):
            return 1
        venv.create(place / "venv", with_pip=True)
        python = str(place / "venv" / "bin" / "python")
        run(python, "-m", "pip", "install", "--quiet", str(wheel))
        ended = smoke(python)
        print(ended.stdout, end="")
    print("The wheel works on its own." if ended.returncode == 0 else "The wheel does not work on its own.")
    return ended.returncode


def is_complete(wheel: Path) -> bool:
    """Whether the wheel holds each file of the packages, and nothing else; says what it lacks, or has too much."""
    written = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = {path for path in SOURCES.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    wanted = {path.relative_to(SOURCES).as_posix() for path in files}
    for what, names in (("lacks", wanted - written), ("has, and should not", written - wanted)):
        for name in sorted(names):
            print(f"The wheel {what}: {name}")
    return written == wanted


def run(*command: str) -> None:
    """Run a command and stop at its failure."""
    subprocess.run(command, check=True)


if __name__ == "__main__":
    sys.exit(main())
