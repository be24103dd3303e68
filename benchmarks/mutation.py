"""Measures how much of the core no test would miss, and writes docs/explanation/mutation.md: `make mutation`.

Runs mutmut on one part after the other. An interrupted run continues where it was; the results of each part that is complete go
to benchmarks/results/mutation. Fails if a part scores below 90 %, if a survivor has no reason in
benchmarks/mutation_score/reasons.toml, or if a reason there has no survivor.
"""

from __future__ import annotations

# ruff: noqa: E402 -- the path comes before the imports
import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "mutation"
PAGE = ROOT / "docs" / "explanation" / "mutation.md"
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT)]

from comparison import machine
from mutation_score import mutants, page, reasons, running
from mutation_score.parts import PARTS, Part
from mutation_score.results import LEAST, Result


def main() -> None:
    """Measure some parts, or all; then write the page from what there is, and judge it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(part.name for part in PARTS)}; all by default")
    parser.add_argument("--children", type=int, default=os.cpu_count() or 1, help="processes at a time")
    parser.add_argument("--sample", action="store_true", help="test about a third of the mutants only")
    parser.add_argument("--page", action="store_true", help="measure nothing, and write the page from the results that there are")
    options = parser.parse_args()
    if unknown := set(options.parts) - {part.name for part in PARTS}:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    RESULTS.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        if not options.page and part.name in (options.parts or [part.name]):
            running.run(part, options.children, is_sample=options.sample)
            file(part).write_text(
                json.dumps(result(part, is_sample=options.sample).stored(), indent=1, ensure_ascii=False) + "\n"
            )
    results = [Result.load(json.loads(file(part).read_text())) for part in PARTS if file(part).exists()]
    known = reasons.load()
    PAGE.write_text(page.write(results, known))
    complaints = judge(results, known)
    print("\n".join([*(f"{result.part}: {result.score:.1%}" for result in results), *complaints]))
    sys.exit(bool(complaints))


def file(part: Part) -> Path:
    """Where the results of a part are."""
    return RESULTS / f"{part.name}.json"


def result(part: Part, *, is_sample: bool) -> Result:
    """What mutmut has found in a part. Raises `LookupError` if it has not finished."""
    folder = running.WORK / part.name
    return Result.of(
        part.name,
        mutants.read(folder),
        is_sample=is_sample,
        date=f"{datetime.now(tz=UTC):%Y-%m-%d}",
        commit=machine.commit(ROOT),
        versions={"Python": platform.python_version(), **{name: version(name) for name in ("mutmut", "pytest", "Django")}},
        tests=list(part.tests),
    )


def judge(results: list[Result], known: dict[mutants.Mutant, str]) -> list[str]:
    """Say what is too little, missing or left over."""
    low = [f"{result.part} scores {result.score:.1%}, less than {LEAST:.0%}" for result in results if result.score < LEAST]
    survivors = [mutant for result in results for mutant in result.survivors]
    return low + reasons.complaints(survivors, (module for result in results for module in result.modules), known)


if __name__ == "__main__":
    main()
