"""The layout: public paths stay, modules are short, and a contributor finds each part on the map."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import gcp_event_router

from .public import PUBLIC, missing

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path(gcp_event_router.__file__).parent
#: Lines of the longest module that a person writes.
LONGEST = 350
#: Class names that stand for two things.
SHARED_CLASSES = {
    "Command": "Django finds the class of each command by this name",
    "Delivery": "both are public: a row of the inbox, and what a test's recording holds",
}
#: Module names that stand for several things.
SHARED_MODULES = {
    "apps": "Django's name",
    "arguments": "those of each command",
    "base": "what the other modules of its package build upon",
    "checks": "each box has its own",
    "database": "each box has its own",
    "erasure": "each box has its own",
    "models": "Django's name",
    "purge": "each box has its own",
    "selections": "each box has its own",
    "stats": "each box has its own",
    "store": "the interface in _dispatch, and the boxes, of which each has one",
    "urls": "Django's name",
    "views": "Django's name",
}


def test_public_paths_stay() -> None:
    """What users import stays where it is; without Django's apps, models and the URLs of views cannot be imported."""
    assert missing() == []


def test_pages_import_what_is_public() -> None:
    """README, docs, CHANGELOG, the example and the typing tests import nothing but public paths."""
    listed = {(f"gcp_event_router.{module}".rstrip("."), name) for module, names in PUBLIC.items() for name in names.split()}

    assert set(_imports()) - listed == set()


def test_modules_are_short() -> None:
    """No module that people write is longer than a reader takes in, migrations and Google's models aside."""
    lengths = {str(path.relative_to(PACKAGE)): len(path.read_text().splitlines()) for path in _modules()}

    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_every_part_is_on_the_map() -> None:
    """Each module and package at the top has its name in CONTRIBUTING's table."""
    mapped = set(re.findall(r"`([a-z_]+)`", (ROOT / "CONTRIBUTING.md").read_text()))
    parts = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}

    assert parts - mapped - {"__init__"} == set()


def test_no_two_classes_share_a_name() -> None:
    """A class name means one thing; Google's models aside, which are named by Google."""
    assert _shared(name for path in _modules() for name in _classes(path)) - SHARED_CLASSES.keys() == set()


def test_no_two_modules_share_a_name() -> None:
    """A module's name means one thing, but for those that each app or part has."""
    assert _shared(path.stem for path in _modules() if path.stem != "__init__") - SHARED_MODULES.keys() == set()


def _modules() -> Iterator[Path]:
    """The modules that people write, migrations aside."""
    for path in PACKAGE.rglob("*.py"):
        if not {"migrations", "google"} & set(path.parts[len(PACKAGE.parts) :]):
            yield path


def _classes(path: Path) -> list[str]:
    return re.findall(r"^class (\w+)", path.read_text(), re.MULTILINE)


def _shared(names: Iterable[str]) -> set[str]:
    return {name for name, number in Counter(names).items() if number > 1}


def _imports() -> Iterator[tuple[str, str]]:
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    code = [*(ROOT / "tests" / "typing").glob("*.py"), *(ROOT / "example").rglob("*.py")]
    for path in [*pages, *code]:
        for module, names in re.findall(r"from (gcp_event_router[\w.]*) import (\([^)]*\)|[^\n]+)", path.read_text()):
            for name in re.sub(r"#.*", "", names.strip("()")).replace("\n", ",").split(","):
                imported = name.split(" as ")[0].strip(" ()")
                if re.fullmatch(r"\w+", imported):
                    yield module, imported
