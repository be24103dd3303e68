"""What the tests in a real browser share: the browser, a site of its own, a page with somebody logged in, and axe.

Playwright drives the system's `chromium`; where there is none, the tests that are marked `in_browser` are skipped, and say so.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize, expect, sync_playwright

from .deliveries import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here; apt-get install chromium")

expect.set_options(timeout=PATIENCE * 1000)  # five seconds by default, however busy the machine is

SCREEN, PHONE = ViewportSize(width=1280, height=900), ViewportSize(width=360, height=740)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@contextmanager
def serving(folder: Path) -> Generator[str]:
    """Where a server of its own serves `tests.support.admin_server`, with its data in a folder."""
    environment = {**os.environ, "EVENTS_FILE": str(folder / "events.sqlite3"), "PYTHONPATH": os.pathsep.join(sys.path)}
    environment["DJANGO_SETTINGS_MODULE"] = "tests.support.admin_server_settings"
    subprocess.run(
        [sys.executable, "-m", "tests.support.admin_server"],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        timeout=120,
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        options = ["--bind", f"fd://{listening.fileno()}", "--threads", "4", "--log-level", "warning"]
        command = [sys.executable, "-m", "gunicorn", "tests.support.admin_server:application", *options]
        server = subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[listening.fileno()])
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.terminate()
            server.wait(PATIENCE)


@contextmanager
def browsing() -> Generator[Browser]:
    """A browser without a window."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=PATIENCE * 1000)
        yield running
        running.close()


@contextmanager
def looking(browser: Browser, site: str, size: ViewportSize, complaints: list[str], **options: Any) -> Generator[Page]:
    """A page of somebody of the staff who has just logged in; what the browser complains of is added to a list.

    Complaints are of scripts and styles that it refuses, errors of scripts, and what is not found.
    """
    context = browser.new_context(base_url=site, viewport=size, **options)
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()

    def complain(message: ConsoleMessage) -> None:
        # what is put into a page from here, as axe is, has no address
        if message.type in {"error", "warning"} and message.location["url"]:
            complaints.append(f"{message.location} {message.text}")

    page.on("console", complain)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto("/admin/")
    page.get_by_label("Username:").fill("operator")
    page.get_by_label("Password:").fill("a long one")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("link", name="Events", exact=True).first).to_be_visible()
    yield page
    context.close()


AXE_SCRIPT = files("axe_playwright_python").joinpath("axe.min.js").read_text()
#: It would ask for styles once more, and not find those that another file imports.
AXE = "excluded => axe.run({exclude: excluded}, {preload: false})"


def violations(page: Page, *excluded: str) -> list[str]:
    """What axe finds, light and dark, outside of some elements: the rule, the element, and what is wrong with it."""
    found: list[str] = []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        page.evaluate("Promise.all(document.getAnimations().map(each => each.finished))")  # of links that change their colour
        page.evaluate(AXE_SCRIPT)
        answer: dict[str, Any] = page.evaluate(AXE, [[each] for each in excluded])
        found += [
            f"{scheme} {page.url} {rule['id']}: {node['html'][:200]} {node['failureSummary']}"
            for rule in answer["violations"]
            for node in rule["nodes"]
        ]
    return found


def fits(page: Page) -> bool:
    """Whether a page is no wider than its window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))
