"""The README and the pages under docs: what they show is what happens."""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.test import Client, override_settings

import demo
from gcp_event_router import events
from gcp_event_router._dispatch.store import set_store
from gcp_event_router.inbox.store import InboxStore
from gcp_event_router.outbox.store import OutboxStore
from gcp_event_router.publishing import set_outbox

from .support import telemetry as telemetry  # noqa: PLC0414 -- sets up the SDK of which a process has one, before a page would

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXECUTED = [path for path in PAGES if path.name != "tutorial.md"]  # test_tutorial.py follows that page
BLOCK = re.compile(r"^```(python|output)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Page:
    """Runs the Python blocks of a page one after the other, each as if it were the file that its first line names."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.module = ModuleType(f"page_{path.stem}")
        self.module.__dict__["client"] = Client()
        self.printed = ""

    def run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        text = self.path.read_text()
        with ExitStack() as until_end:
            for found in BLOCK.finditer(text):
                language, block = found.groups()
                line = text.count("\n", 0, found.start()) + 2
                if language == "output":
                    assert block == self.printed, f"{self.path.name}:{line}"
                    continue
                self.execute(block, line)
                if block.startswith("# settings.py"):
                    until_end.enter_context(override_settings(GCP_EVENT_ROUTER=self.module.__dict__["GCP_EVENT_ROUTER"]))
                if block.startswith("# shop/auth.py"):
                    monkeypatch.setitem(sys.modules, "shop", self.module)
                    monkeypatch.setitem(sys.modules, "shop.auth", self.module)

    def execute(self, block: str, line: int) -> None:
        names: dict[str, Any] = self.module.__dict__
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(compile("\n" * (line - 1) + block, str(self.path), "exec", dont_inherit=True), names)
        self.printed = printed.getvalue()


@pytest.fixture
def _logging() -> Iterator[None]:
    """What a page sets up for its log is gone after it."""
    loggers = [logging.getLogger(name) for name in ("shop", "gcp_event_router")]
    before = [(each, each.level, each.handlers[:]) for each in loggers]
    yield
    for each, level, handlers in before:
        each.setLevel(level)
        each.handlers[:] = handlers


@pytest.mark.usefixtures("_logging")
@pytest.mark.django_db(transaction=True, databases=["default", "other"])
@pytest.mark.parametrize("path", EXECUTED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_python_blocks_run_and_print_what_the_page_shows(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every Python block of a page runs, and prints exactly the output block that follows it."""
    page = Page(path)
    if path.stem in {"databases", "dead-letters", "erasure", "inbox", "outbox", "personal", "webhooks"}:
        set_store(InboxStore())
    if path.stem == "outbox":
        set_outbox(OutboxStore())
    for provider in ("GITHUB", "STRIPE"):
        monkeypatch.setenv(f"{provider}_SECRET", "0c4a8a0c12a7b3c9f3d1f1f2b2e1a9d04711")
    monkeypatch.setenv("OPENAI_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    monkeypatch.setenv("SLACK_SECRET", "8f742231b10e8888abcd99yyyzzz85a5")
    monkeypatch.setitem(sys.modules, page.module.__name__, page.module)
    with events.isolated(empty=True):
        page.run(monkeypatch)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    """Every relative link of a page names a file that exists."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text())

    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("folder", ["guides", "reference", "explanation"])
def test_each_page_is_in_its_index(folder: str) -> None:
    """The index of a folder links to each of its pages by title, once in the text and once in the site's navigation, in order."""
    pages = ROOT / "docs" / folder
    index = (pages / "index.md").read_text()
    links = re.findall(r"^- \[(.+)\]\((.+)\.md\)", index, re.MULTILINE)
    listed = index.partition(":hidden:\n\n")[2].removesuffix("```\n").split()
    titles = {path.stem: path.read_text().partition("\n")[0].removeprefix("# ") for path in pages.glob("*.md")}
    titles = {**titles, "api/index": "API"} if folder == "reference" else titles

    assert [name for _, name in links] == listed
    assert {name: title for title, name in links} == {name: title for name, title in titles.items() if name != "index"}


def test_readme_shows_the_curl_that_the_shop_prints() -> None:
    """The README's curl is the command that `make serve` prints, and that example/test_demo.py sends."""
    assert f"$ {demo.curl('http://127.0.0.1:8000')}\n" in (ROOT / "README.md").read_text()
