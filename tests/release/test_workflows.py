"""The workflows and .ci/run: one runs side by side what the other runs on one machine."""

from __future__ import annotations

import re
import tomllib
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from .. import matrix

ROOT = Path(__file__).resolve().parents[2]
JOBS: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]


def test_jobs_make_what_ci_run_makes() -> None:
    """Each target that .ci/run makes has a job, and each job's target is a line of .ci/run."""
    lines = re.findall(r"\bmake (?:--\S+ )*([a-z-]+)", re.sub(r"#.*", "", (ROOT / ".ci" / "run").read_text()))

    assert lines == [*JOBS["make"]["strategy"]["matrix"]["target"], "matrix"]


def test_one_job_requires_all_others() -> None:
    """Branch protection asks for one job, which needs every other."""
    assert [*JOBS["required"]["needs"], "required"] == list(JOBS)


def test_pairs_are_those_of_the_classifiers() -> None:
    """Each Python of the classifiers is tried with each Django of theirs that it can run."""
    pythons, djangos = ("3.11", "3.12", "3.13"), ("5.2", "6.0", "6.1")
    wide = [pair for pair in product(pythons, djangos) if pair not in {("3.11", "6.0"), ("3.11", "6.1")}]

    assert [pair.name for pair in matrix.pairs()] == ["floors", *(f"py{python}-django{django}" for python, django in wide)]


def test_few_pairs_show_each_version() -> None:
    """The pairs of `.ci/run` have each Python and each Django once, or more often."""
    few = [pair for pair in matrix.pairs() if pair.name in matrix.FEW]

    assert {pair.python for pair in few} == set(matrix.versions("Programming Language :: Python"))
    assert {pair.requirements[0][len("Django==") :].rstrip(".*") for pair in few} == set(matrix.versions("Framework :: Django"))


def test_floors_pin_each_dependency() -> None:
    """The floors name one release of each dependency and of each extra's."""
    assert [re.sub(r"==[\d.]+$", "", pin) for pin in matrix.floors()] == [
        "Django",
        "PyJWT[crypto]",
        "cryptography",
        "django-tasks",
        "google-cloud-pubsub",
        "opentelemetry-api",
        "pydantic",
        "typing-extensions",
    ]


def test_oldest_type_checkers_see_the_floors() -> None:
    """The oldest mypy checks with the oldest releases of what it reads; the group repeats their versions."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]

    assert {f"{floor}.*" for floor in matrix.floors() if floor.startswith(("Django=", "pydantic", "typing"))} <= set(
        groups["typing-oldest"]
    )
