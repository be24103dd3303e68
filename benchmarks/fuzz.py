"""Looks for bytes from strangers that break a promise, a million of them; run by `make fuzz`.

One process of `fuzz_target` runs for each target, as many at once as there are processors. Prints what became of the inputs, and
exits with 1 if one broke a promise: it stays in the folder that is named, and `fuzz_target.py TARGET --take FILE` shows why.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

#: Each target, and its share of the inputs.
SHARES: Final = {"endpoint": 30, "stored": 15, "globs": 15, "tokens": 15, "signatures": 15, "urls": 10}
_PROGRESS: Final = re.compile(r"cov: (\d+) ft: \d+ corp: (\d+)/")
_BROKEN: Final = ("crash-", "timeout-", "oom-")


@dataclass(frozen=True)
class FuzzFigures:
    """What became of the inputs of a target."""

    target: str
    seed: int
    inputs: int
    seconds: float
    #: How many branches of the package the inputs reached, and how many inputs are kept since they reached others.
    branches: int
    kept: int
    #: How often each thing became of an input.
    verdicts: dict[str, int]
    #: The file of an input that broke a promise, or the log of a process that ended too soon.
    broken: str | None


def main() -> int:
    """Print the figures; returns 1 if an input broke a promise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000, help="how many, of all targets")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000)
    parser.add_argument("--target", choices=list(SHARES), action="append", help="this one alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    names: list[str] = options.target or list(SHARES)
    whole = sum(SHARES[name] for name in names)
    folder = Path(tempfile.mkdtemp(prefix="gcp_event_router_fuzz_"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = [pool.submit(run, name, options.inputs * SHARES[name] // whole, folder / name, options.seed) for name in names]
        figures = [each.result() for each in runs]
    for each in figures:
        print(_row(each), flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(each) for each in figures], indent=1) + "\n")
    return 1 if any(each.broken for each in figures) else 0


def run(name: str, inputs: int, folder: Path, seed: int) -> FuzzFigures:
    """Fuzz a target in a process of its own."""
    folder.mkdir()
    script = Path(__file__).with_name("fuzz_target.py")
    started = time.monotonic()
    with (folder / "log").open("w+") as log:
        subprocess.run(
            [sys.executable, script, name, f"--inputs={inputs}", f"--seed={seed}", f"--folder={folder}"],
            stdout=log,
            stderr=log,
            check=False,
        )
        log.seek(0)
        progress = _PROGRESS.findall(log.read())
    branches, kept = map(int, progress[-1]) if progress else (0, 0)
    broken = [str(path) for path in folder.iterdir() if path.name.startswith(_BROKEN)]
    verdicts: dict[str, int] = {}
    if (folder / "verdicts").exists():
        verdicts = json.loads((folder / "verdicts").read_text())
    elif not broken:
        broken = [str(folder / "log")]
    return FuzzFigures(name, seed, inputs, time.monotonic() - started, branches, kept, verdicts, broken[0] if broken else None)


def _row(figures: FuzzFigures) -> str:
    verdicts = ", ".join(f"{name} {count:,}" for name, count in sorted(figures.verdicts.items(), key=lambda pair: -pair[1]))
    reached = f"{figures.branches:,} branches, {figures.kept:,} inputs kept"
    end = f"BROKEN by {figures.broken}" if figures.broken else "no promise broken"
    return f"{figures.target}: {figures.inputs:,} inputs in {figures.seconds:.0f} s, {reached}: {end}\n    {verdicts}"


if __name__ == "__main__":
    sys.exit(main())
