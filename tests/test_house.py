"""The layout: public paths stay, modules are short, and a contributor finds each part on the map."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import gcp_event_router

from .public import PUBLIC, missing

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path(gcp_event_router.__file__).parent
#: Lines of the longest module that a person writes.
LONGEST = 350
#: One search, whose parts share its state.
LONG = frozenset({"_schema/samples.py"})


def test_public_paths_stay() -> None:
    """What users import stays where it is; without Django's apps, models and the URLs of views cannot be imported."""
    assert missing() == []


def test_pages_import_what_is_public() -> None:
    """README, docs, CHANGELOG, the example and the typing tests import nothing but public paths."""
    listed = {(f"gcp_event_router.{module}".rstrip("."), name) for module, names in PUBLIC.items() for name in names.split()}

    assert set(_imports()) - listed == set()


def test_modules_are_short() -> None:
    """No module that people write is longer than a reader takes in, migrations and Google's models aside."""
    modules = [path for path in PACKAGE.rglob("*.py") if not {"migrations", "google"} & set(path.parts[len(PACKAGE.parts) :])]
    lengths = {str(path.relative_to(PACKAGE)): len(path.read_text().splitlines()) for path in modules}

    assert {name: length for name, length in lengths.items() if length > LONGEST and name not in LONG} == {}


def test_every_part_is_on_the_map() -> None:
    """Each module and package at the top has its name in CONTRIBUTING's table."""
    mapped = set(re.findall(r"`([a-z_]+)`", (ROOT / "CONTRIBUTING.md").read_text()))
    parts = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}

    assert parts - mapped - {"__init__"} == set()


def _imports() -> Iterator[tuple[str, str]]:
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]
    code = [*(ROOT / "tests" / "typing").glob("*.py"), *(ROOT / "example").rglob("*.py")]
    for path in [*pages, *code]:
        for module, names in re.findall(r"from (gcp_event_router[\w.]*) import (\([^)]*\)|[^\n]+)", path.read_text()):
            for name in re.sub(r"#.*", "", names.strip("()")).replace("\n", ",").split(","):
                imported = name.split(" as ")[0].strip(" ()")
                if re.fullmatch(r"\w+", imported):
                    yield module, imported
