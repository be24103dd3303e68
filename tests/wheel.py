"""Builds the wheel, installs it alone into an empty environment, and uses it there as a new project does: `make wheel`.

It also builds the wheel of django_gcp-stubs, which has the stubs of django-gcp.

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
STUBS: Final = ROOT / "stubs"


def main() -> int:
    """Return 0 if the wheel works."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        run(sys.executable, "-m", "build", "--wheel", "--outdir", str(place), str(ROOT))
        (wheel,) = place.glob("*.whl")
        if not is_complete(wheel, files_below(SOURCES)):
            return 1
        run(sys.executable, "-m", "build", "--outdir", str(place / "stubs"), str(STUBS))
        (stubs,) = (place / "stubs").glob("*.whl")
        if not is_complete(stubs, {f"django_gcp-stubs/{file}" for file in files_below(STUBS / "django_gcp")}):
            return 1
        venv.create(place / "venv", with_pip=True)
        python = str(place / "venv" / "bin" / "python")
        run(python, "-m", "pip", "install", "--quiet", str(wheel))
        ended = smoke(python)
        print(ended.stdout, end="")
    print("The wheel works on its own." if ended.returncode == 0 else "The wheel does not work on its own.")
    return ended.returncode


def files_below(folder: Path) -> set[str]:
    """The paths of the files that belong into a wheel, relative to their folder."""
    files = {path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    return {path.relative_to(folder).as_posix() for path in files}


def is_complete(wheel: Path, wanted: set[str]) -> bool:
    """Whether a wheel holds each wanted file, and nothing else; says what it lacks, or has too much."""
    written = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    for what, names in (("lacks", wanted - written), ("has, and should not", written - wanted)):
        for name in sorted(names):
            print(f"{wheel.name} {what}: {name}")
    return written == wanted


def run(*command: str) -> None:
    """Run a command and stop at its failure."""
    subprocess.run(command, check=True)


if __name__ == "__main__":
    sys.exit(main())
