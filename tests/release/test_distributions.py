"""What stops a release after it is built: a file that is missing, or one that should not be there."""

from __future__ import annotations

import io
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from . import distributions

FILES = ("src/shop/__init__.py", "src/shop/py.typed", "src/shop/templates/page.html", "README.md")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository, of which git ignores the file of a database."""
    root = tmp_path / "project"
    for name in (*FILES, "src/shop/__pycache__/__init__.pyc", "db.sqlite3"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / ".gitignore").write_text("db.sqlite3\n__pycache__/\n")
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    return root


def wheel_of(folder: Path, *names: str) -> Path:
    """A wheel with metadata and some files."""
    path = folder / "shop-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in (*names, "shop-1.0.dist-info/METADATA"):
            archive.writestr(name, "")
    return path


def sdist_of(folder: Path, *names: str) -> Path:
    """An sdist with metadata and some files."""
    path = folder / "shop-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in (*names, "PKG-INFO"):
            archive.addfile(tarfile.TarInfo(f"shop-1.0/{name}"), io.BytesIO())
    return path


def test_complete_distributions_pass(project: Path, tmp_path: Path) -> None:
    """A wheel has every file below src, and an sdist every file that git does not ignore."""
    wheel = wheel_of(tmp_path, "shop/__init__.py", "shop/py.typed", "shop/templates/page.html")
    sdist = sdist_of(tmp_path, *FILES, ".gitignore")

    assert list(distributions.contents(project, wheel, sdist)) == []


def test_missing_files_are_named(project: Path, tmp_path: Path) -> None:
    """A file that one of them lacks stops the release."""
    wheel = wheel_of(tmp_path, "shop/__init__.py", "shop/templates/page.html")
    sdist = sdist_of(tmp_path, *FILES)

    assert list(distributions.contents(project, wheel, sdist)) == [
        "shop-1.0-py3-none-any.whl lacks: shop/py.typed",
        "shop-1.0.tar.gz lacks: .gitignore",
    ]


def test_other_files_are_named(project: Path, tmp_path: Path) -> None:
    """So does a file that one of them has by accident."""
    wheel = wheel_of(tmp_path, "shop/__init__.py", "shop/py.typed", "shop/templates/page.html", "shop/__pycache__/__init__.pyc")
    sdist = sdist_of(tmp_path, *FILES, ".gitignore", "db.sqlite3")

    assert list(distributions.contents(project, wheel, sdist)) == [
        "shop-1.0-py3-none-any.whl has, and should not: shop/__pycache__/__init__.pyc",
        "shop-1.0.tar.gz has, and should not: db.sqlite3",
    ]
