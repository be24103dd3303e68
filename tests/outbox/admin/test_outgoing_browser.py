"""The outbox's admin in a real browser: what somebody of the staff does there, on a screen and on a phone, light and dark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from ...catalogue.test_accessibility import DJANGOS
from ...inbox.admin.test_browser import look
from ...support.browsing import PHONE, SCREEN, browsing, in_browser, looking, serving, violations

pytestmark = [in_browser, pytest.mark.proof]
LIST = "/admin/gcp_event_outbox/outgoingevent/"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """Where a server of its own serves events in several states."""
    with serving(tmp_path) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as running:
        yield running


@pytest.mark.parametrize("size", [SCREEN, PHONE], ids=["screen", "phone"])
def test_looking_and_deciding(browser: Browser, site: str, size: ViewportSize) -> None:
    """The pages fit their window, can be read, and have no violation; an event is retried, discarded, and leads to its cause."""
    complaints: list[str] = []
    with looking(browser, site, size, complaints) as page:
        page.get_by_role("link", name="Outgoing events", exact=True).first.click()
        expect(page.locator("#result_list tbody .field-state .gei-state")).to_have_text(["failed", "parked", "pending", "done"])
        look(page)
        assert violations(page, *DJANGOS) == []

        page.goto(f"{LIST}?state=parked")
        page.locator("#result_list .field-kind a").click()
        expect(page.locator(".gei-payload")).to_contain_text("<script>")
        page.get_by_text("Text and traceback").click()
        look(page)
        assert violations(page, *DJANGOS) == []

        page.get_by_role("button", name="Retry").press("Enter")
        expect(page.locator(".messagelist")).to_have_text("Retried 1 event: it is due now.")
        page.get_by_role("button", name="Discard").click()
        expect(page.get_by_role("heading", name="Discard 1 event?")).to_be_visible()
        look(page)
        page.get_by_role("button", name="Discard").press("Enter")
        expect(page.locator(".messagelist")).to_have_text("Discarded 1 event.")

        page.locator(".gei-lineage a").click()
        expect(page.get_by_role("heading", level=2, name="order-placed/3")).to_be_visible()
        expect(page.get_by_role("heading", level=2, name="Published by its handlers")).to_be_visible()
        look(page)
        assert violations(page, *DJANGOS) == []
        page.locator(".gei-lineage a").first.click()
        expect(page).to_have_url(re.compile(LIST))
    assert complaints == []
