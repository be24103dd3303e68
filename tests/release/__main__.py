"""Rehearses a release without publishing it: `make release-check`.

    python -m tests.release               what is in the tree
    python -m tests.release --tag v0.1.0  what this tag would release; the release workflow runs it

It compares version, tag and changelog, builds wheel and sdist twice, looks into both, installs each into an empty environment,
and runs a new project and the demo there. What passes is then in `dist`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from . import announcements, distributions

ROOT: Final = Path(__file__).resolve().parents[2]


def main() -> int:
    """Return 0 if this could be released; otherwise print why it could not."""
    parser = argparse.ArgumentParser(prog="python -m tests.release", description="Rehearse a release.")
    parser.add_argument("--tag", help="the tag that would start the release")
    tag: str | None = parser.parse_args().tag
    mistakes = announcements.mistakes(ROOT, tag)
    if not mistakes:
        with tempfile.TemporaryDirectory() as folder:
            mistakes = distributions.mistakes(ROOT, Path(folder))
            if not mistakes:
                _keep(Path(folder))
    for mistake in mistakes:
        print(mistake)
    print("This cannot be released." if mistakes else "This can be released.")
    return 1 if mistakes else 0


def _keep(folder: Path) -> None:
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    shutil.copytree(folder / distributions.BUILT, ROOT / "dist")


if __name__ == "__main__":
    sys.exit(main())
