"""Where code stands: below the project, with a link if the settings say how; never a machine's own path."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from django.test import override_settings

from gcp_event_router.catalogue.source_links import SourceLink, place_of
from gcp_event_router.conf import RouterSettings

URL = "https://git.example/blob/main/{path}#L{line}"
LINKED: RouterSettings = {"AUTHENTICATION": [], "SOURCE_URL": URL}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_project(tmp_path: Path) -> None:
    """A file of the project is named from where the project runs; or from BASE_DIR, where that is set."""
    location = f"{tmp_path}/shop/event handlers.py:12"

    assert place_of(location) == SourceLink("shop/event handlers.py:12", "")
    with override_settings(BASE_DIR=tmp_path / "shop"):
        assert place_of(location) == SourceLink("event handlers.py:12", "")
    with override_settings(BASE_DIR=str(tmp_path / "elsewhere")):
        assert place_of(location) == SourceLink("shop/event handlers.py:12", "")


@override_settings(GCP_EVENT_ROUTER=LINKED)
def test_link(tmp_path: Path) -> None:
    """With SOURCE_URL, a file of the project has a link, in which its name is quoted."""
    assert place_of(f"{tmp_path}/shop/#1 {{line}}.py:12").url == "https://git.example/blob/main/shop/%231%20%7Bline%7D.py#L12"


@override_settings(GCP_EVENT_ROUTER=LINKED)
def test_installed() -> None:
    """A file of an installed package is named from there, and has no link: it is in another repository."""
    assert place_of(f"{json.__file__}:7") == SourceLink("json/__init__.py:7", "")


@override_settings(GCP_EVENT_ROUTER=LINKED)
def test_installed_in_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So has one whose virtual environment lies in the project."""
    packages = tmp_path / ".venv" / "lib" / "site-packages"
    monkeypatch.setattr(sys, "path", [str(packages), *sys.path])

    assert place_of(f"{packages}/billing/handlers.py:7") == SourceLink("billing/handlers.py:7", "")


@override_settings(GCP_EVENT_ROUTER=LINKED)
@pytest.mark.parametrize(
    ("location", "expected"),
    [("no source", ""), ("/somewhere/else/a.py:3", "a.py:3"), ("<string>:1", "<string>:1"), ("a.py:x", ""), ("", "")],
)
def test_elsewhere(location: str, expected: str) -> None:
    """Of a file that is nowhere near, the name alone is told; of what is in no file, nothing."""
    assert place_of(location) == SourceLink(expected, "")


def test_where_the_folder_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server whose folder was deleted, as a deployment may, still names what lies below BASE_DIR, and the names of the rest."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    with override_settings(BASE_DIR=tmp_path):
        assert place_of(f"{tmp_path}/shop/a.py:1") == SourceLink("shop/a.py:1", "")
    assert place_of("/somewhere/else/a.py:3") == SourceLink("a.py:3", "")
