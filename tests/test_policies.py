"""What SECURITY.md and the page about stability promise, compared with pyproject.toml and the classifiers in it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from . import matrix

ROOT = Path(__file__).resolve().parent.parent
STABILITY = ROOT / "docs" / "explanation" / "stability.md"


def _rows(page: Path, heading: str) -> dict[str, str]:
    """The first two columns of the table below a heading."""
    section = page.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|", section, re.MULTILINE)
    return dict(rows[1:])


def test_supported_versions_are_the_declared_ones() -> None:
    """The page names each Python and Django of the classifiers, and the floor of each other dependency with its extra."""
    extras = {
        re.split(r"[\[>]", requirement)[0]: extra
        for extra, requirements in matrix.PROJECT["optional-dependencies"].items()
        for requirement in requirements
    }
    floors = dict(re.sub(r"\[\w+\]", "", floor).split("==") for floor in matrix.floors())
    del floors["Django"]

    assert _rows(STABILITY, "What runs with it") == {
        "Python": ", ".join(matrix.versions("Programming Language :: Python")),
        "Django": ", ".join(matrix.versions("Framework :: Django")),
        **{f"{name}, extra `{extras[name]}`" if name in extras else name: f"{floor} or newer" for name, floor in floors.items()},
    }


def test_oldest_versions_are_those_of_the_classifiers() -> None:
    """Installers refuse a Python and a Django older than those that the classifiers name."""
    assert matrix.PROJECT["requires-python"] == f">={matrix.versions('Programming Language :: Python')[0]}"
    assert f"Django=={matrix.versions('Framework :: Django')[0]}" in matrix.floors()


def test_mypy_is_the_oldest_that_is_tested() -> None:
    """The page names the mypy of the group of the oldest tools."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    (mypy,) = (name.removeprefix("mypy==").removesuffix(".*") for name in groups["typing-oldest"] if name.startswith("mypy=="))

    assert f"The plugin runs in mypy {mypy} or newer." in STABILITY.read_text()


def test_newest_minor_release_gets_fixes() -> None:
    """SECURITY.md names the minor release of the version in pyproject.toml."""
    minor = ".".join(matrix.PROJECT["version"].split(".")[:2])

    assert _rows(ROOT / "SECURITY.md", "Supported versions") == {minor: "yes", "older": "no"}


def test_readme_names_what_it_runs_with() -> None:
    """The README names this version, the oldest Python, each Django of the classifiers, and the oldest pydantic."""
    text = " ".join((ROOT / "README.md").read_text().split())
    *djangos, newest = matrix.versions("Framework :: Django")
    (pydantic,) = (floor.removeprefix("pydantic==") for floor in matrix.floors() if floor.startswith("pydantic=="))

    assert f"Version {matrix.PROJECT['version']}, beta" in text
    assert (
        f"Python {matrix.versions('Programming Language :: Python')[0]} or newer, "
        f"Django {', '.join(djangos)} or {newest}, pydantic {pydantic} or newer."
    ) in text
