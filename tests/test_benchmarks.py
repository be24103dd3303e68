"""The page of benchmarks: it is what the newest file of results says."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """The page and the plot of the newest file of results."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    from comparison import page  # noqa: PLC0415 -- the folder is on the path now

    newest = max((ROOT / "benchmarks" / "results").glob("[0-9]*.json"))
    return page.write(json.loads(newest.read_text()), newest.stem)


def test_page_shows_the_newest_results(written: tuple[str, str]) -> None:
    """Nobody has edited docs/explanation/benchmarks.md or its plot by hand, or forgotten to write them again."""
    docs = ROOT / "docs"

    assert written == ((docs / "explanation" / "benchmarks.md").read_text(), (docs / "images" / "benchmarks.svg").read_text())


def test_reliability_is_what_the_newest_run_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has edited docs/explanation/reliability.md by hand, each part has run, and none lost or doubled anything."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    import reliability  # noqa: PLC0415 -- the folder is on the path now

    newest = max((ROOT / "benchmarks" / "results").glob("reliability-*.json"))
    results = json.loads(newest.read_text())

    assert reliability.page(results, newest.stem) == (ROOT / "docs" / "explanation" / "reliability.md").read_text()
    assert {name: part["returned"] for name, part in results["parts"].items()} == dict.fromkeys(reliability.PARTS, 0)


def test_medians_and_ratios_are_of_the_rounds(written: tuple[str, str]) -> None:
    """A ratio compares two contestants in each round, and only then takes the median."""
    from comparison.figures import Figure, ratio  # noqa: PLC0415 -- as above

    ours = [{"round": number, "jobs": jobs} for number, jobs in ((1, 30), (2, 10), (3, 80))]
    theirs = [{"round": number, "jobs": jobs} for number, jobs in ((3, 40), (2, 20), (1, 10))]

    assert ratio(ours, theirs, lambda run: float(run["jobs"])) == Figure(2.0, 0.5, 3.0)
