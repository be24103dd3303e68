"""The documentation as a site: built with warnings as errors, then looked at in a browser, as a reader does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any, Final
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest
from playwright.sync_api import Browser, expect
from typing_extensions import override

from .support.browsing import PHONE, SCREEN, browsing, fits, in_browser, violations
from .test_docs import ROOT

PAGES: Final = (
    "index.html",
    "guides/inbox.html",
    "reference/settings.html",
    "reference/api/router.html",
    "explanation/event-way.html",
)
#: What a reader types, and the page that has to be among the first three results.
SEARCHES: Final = {"dead letter": "guides/dead-letters.html", "unhandled": "guides/inbox.html"}

pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(find_spec("sphinx") is None, reason="Sphinx is not installed here; `make docs` installs it"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--quiet", "-W", "--keep-going", "-n", "-d", str(folder / "doctrees")]
    built = subprocess.run([*command, str(ROOT / "docs"), str(folder / "html")], capture_output=True, text=True, check=False)
    assert (built.returncode, built.stderr) == (0, "")
    return folder / "html"


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The address of a server of the site."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietHandler, directory=str(site)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as running:
        yield running


class _QuietHandler(SimpleHTTPRequestHandler):
    @override
    def log_message(self, format: str, *args: Any) -> None:  # its name in the base class
        pass


class Links(HTMLParser):
    """The links of a page, and what they may lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: set[str] = set()
        self.ids: set[str] = {""}
        self.feed(text)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids.add(given.get("id") or "")
        target = given.get("href") if tag in {"a", "link"} else given.get("src")
        if target and not urlsplit(target).scheme:
            self.targets.add(target)


def test_no_link_is_broken(site: Path) -> None:
    """Every link within the site leads to a file, and to an element of it."""
    pages = {path.relative_to(site).as_posix(): Links(path.read_text()) for path in site.rglob("*.html")}
    broken: list[tuple[str, str]] = []
    for name, page in pages.items():
        for target in page.targets:
            path, fragment = urldefrag(urljoin(f"/{name}", target))
            path = unquote(urlsplit(path).path).lstrip("/") or "index.html"
            reached = pages.get(path)
            if not (site / path).exists() or (reached is not None and unquote(fragment) not in reached.ids):
                broken.append((name, target))

    assert broken == []


def test_llms_txt_names_every_page(site: Path) -> None:
    """llms.txt begins as llmstxt.org asks, each of its links leads to a file, and it names all pages but lists of pages."""
    title, _, summary, *lines = (site / "llms.txt").read_text().splitlines()
    targets = {line.partition("](")[2].partition(")")[0] for line in lines if line.startswith("- ")}
    pages = {path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    named = {target.removeprefix("_sources/").removesuffix(".md.txt").removesuffix(".html") for target in targets}

    assert (title, summary[:14]) == ("# gcp-event-router", "> Typed handle")
    assert [target for target in targets if not (site / target).exists()] == []
    assert {page for page in pages if Path(page).name != "index"} == named
    assert "# The inbox" in (site / "llms-full.txt").read_text().splitlines()


@in_browser
@pytest.mark.parametrize("path", PAGES)
def test_page_is_accessible_and_fits(browser: Browser, address: str, path: str) -> None:
    """A page has nothing that axe finds, light and dark, and is no wider than a screen or a phone: tables and code scroll."""
    page = browser.new_page(base_url=address)
    page.goto(path)
    for size in (SCREEN, PHONE):
        page.set_viewport_size(size)

        assert violations(page) == []
        assert fits(page)
    page.close()


@in_browser
@pytest.mark.parametrize(("words", "wanted"), SEARCHES.items())
def test_search_finds_the_page(browser: Browser, address: str, words: str, wanted: str) -> None:
    """The page about it is among the first three results."""
    page = browser.new_page(base_url=address)
    page.goto(f"search.html?q={words.replace(' ', '+')}")
    expect(page.locator("#search-results .search-summary")).to_contain_text("found")
    found = [urlsplit(link.get_attribute("href") or "").path for link in page.locator("#search-results li > a").all()[:3]]
    page.close()

    assert wanted in found
