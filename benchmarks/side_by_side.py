"""Compares this package with others that do the same work, on one PostgreSQL: `make benchmarks`.

It writes docs/explanation/benchmarks.md. The figures of all rounds go to benchmarks/results, in a file named by the date. The
contestants are in the folder `contestants`, and `comparison` measures them.
"""

from __future__ import annotations

# ruff: noqa: E402 -- the path comes before the imports
import argparse
import json
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT)]

from comparison import ingestion, load, machine, page, work
from comparison.databases import postgresql


def main() -> None:
    """Measure, unless there is a file of results to write the page from."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=2, help="how long an endpoint is measured in a round")
    parser.add_argument("--before", type=Path, metavar="PATH", help="a checkout whose `inbox process` is measured, too")
    parser.add_argument("--page", type=Path, metavar="FILE", help="measure nothing, and write the page from this file")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no server is left behind
    file = options.page or RESULTS / f"{datetime.now(tz=UTC):%Y-%m-%d}.json"
    if options.page:
        write_page(file)
    else:
        RESULTS.mkdir(exist_ok=True)
        for results in measure(options):
            file.write_text(json.dumps(results, indent=1) + "\n")
            write_page(file)


def write_page(file: Path) -> None:
    """Write the page and its plot."""
    text, plot = page.write(json.loads(file.read_text()), file.stem)
    (ROOT / "docs" / "explanation" / "benchmarks.md").write_text(text)
    (ROOT / "docs" / "images" / "benchmarks.svg").write_text(plot)


def measure(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Measure everything, as the file of results keeps it; yields after each round, so that a run can be stopped."""
    with postgresql() as server, work.redis() as (broker, redis_pid):
        durable, requests = work.Work(server, broker, redis_pid, options.before), ingestion.Ingestion(server)
        results: dict[str, Any] = {
            "date": f"{datetime.now(tz=UTC):%Y-%m-%d %H:%M} UTC",
            "commit": machine.commit(ROOT),
            "before": options.before and machine.commit(options.before),
            "machine": machine.machine(),
            "versions": machine.versions(),
            "postgresql": server.settings(),
            "options": {
                "jobs": options.jobs,
                "seconds": options.seconds,
                "connections": ingestion.CONNECTIONS,
                "body": len(load.body()),
            },
            "promises": {engine.name: engine.promise for engine in durable.engines},
            "work": [],
            "requests": [],
        }
        for number in range(1, options.rounds + 1):
            results["work"] += durable.measure(number, options.jobs)
            results["requests"] += requests.measure(number, options.seconds)
            results["options"]["rounds"] = number
            yield results


if __name__ == "__main__":
    main()
