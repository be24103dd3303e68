"""The catalogue and the inbox's admin, as axe-core sees them; with the keyboard alone; and without scripts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from ..support.admin_pages import LIST
from ..support.browsing import PHONE, SCREEN, browsing, fits, in_browser, looking, serving, violations

pytestmark = [in_browser, pytest.mark.proof]

#: What Django's own templates have, and what axe says of it.
DJANGOS = (
    ".breadcrumbs",  # link-in-text-block: its links differ from the rest by their colour alone
    "#searchbar",  # label-title-only: its label is a picture with a text, and its hint is taken for a title
)
CHANNEL = "/catalogue/channel/?kind=order-*"
SIZES = pytest.mark.parametrize("size", [SCREEN, PHONE], ids=["screen", "phone"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A site with events in every state, that nobody changes here."""
    with serving(tmp_path_factory.mktemp("site")) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as running:
        yield running


@SIZES
@pytest.mark.parametrize(
    "path",
    ["/catalogue/", "/catalogue/?q=order", "/catalogue/?q=nothing-like-it", "/catalogue/?page=2", CHANNEL],
)
def test_catalogue_has_no_violation(browser: Browser, site: str, size: ViewportSize, path: str) -> None:
    """Its pages are without a violation of any of axe's rules, fit their window, and have the browser say nothing."""
    complaints: list[str] = []
    with looking(browser, site, size, complaints) as page:
        response = page.goto(path)
        assert response is not None
        assert response.headers["content-security-policy"].startswith("default-src 'self';")
        for each in page.locator("summary").all():
            each.click()

        assert fits(page)
        assert violations(page) == []
    assert complaints == []


@SIZES
@pytest.mark.parametrize(
    "name", ["every-sort-of-field", "<script>alert(document.domain)</script>", "ce", "broken", "finalized", "tagged", "nowhere"]
)
def test_every_sort_of_channel_has_no_violation(browser: Browser, site: str, size: ViewportSize, name: str) -> None:
    """So are those of large payloads, hostile names, CloudEvents and types that cannot be described; and of what is not there."""
    complaints: list[str] = []
    with looking(browser, site, size, complaints) as page:
        if name == "nowhere":
            page.goto("/catalogue/channel/?kind=nowhere")
            expect(page.get_by_role("heading", level=1)).to_have_text("There is no such kind here")
            assert "404" in complaints.pop()
        else:
            page.goto(f"/catalogue/?q={name}")
            page.locator("a.kind").first.click()
            expect(page.get_by_role("heading", name="Send it", exact=True)).to_be_visible()

        assert fits(page)
        assert violations(page) == []
    assert complaints == []


@SIZES
def test_inbox_admin_has_no_violation(browser: Browser, site: str, size: ViewportSize) -> None:
    """The list of events and their pages are without a violation, outside of what Django's templates bring along."""
    complaints: list[str] = []
    with looking(browser, site, size, complaints) as page:
        for path in (LIST, f"{LIST}?state=parked", f"{LIST}?q=43"):
            page.goto(path)
            assert violations(page, *DJANGOS) == []
        for state in ("parked", "rejected", "done", "running"):
            page.goto(f"{LIST}?state={state}")
            page.locator("#result_list .field-event a").first.click()
            expect(page.locator(".gei-event")).to_be_visible()
            assert violations(page, *DJANGOS) == []
        page.get_by_role("link", name="History").click()
        page.go_back()
        page.goto(f"{LIST}?state=parked")
        page.locator("#result_list .field-event a").first.click()
        page.get_by_role("button", name="Discard").click()
        assert violations(page, *DJANGOS) == []
    assert complaints == []


def focused(page: Page) -> str:
    """What has the focus: its text, or its name."""
    return str(page.evaluate("document.activeElement.innerText || document.activeElement.id || document.activeElement.tagName"))


def test_keyboard_reaches_everything(browser: Browser, site: str) -> None:
    """Tab goes to the link past the top, the search, and the first channel; Enter opens it, and scrolls what is long."""
    with looking(browser, site, SCREEN, []) as page:
        page.goto("/catalogue/")
        order: list[str] = []
        for _ in range(14):
            page.keyboard.press("Tab")
            order.append(focused(page))
        assert order[:6] == ["Skip to the content", "Event catalogue", "Admin site", "Log out", "q", "Search"]
        jumps = page.get_by_role("navigation", name="On this page").get_by_role("link").all_inner_texts()
        assert order[6 : 6 + len(jumps)] == jumps
        assert order[6 + len(jumps)] == page.locator("a.kind").first.inner_text()

        page.goto("/catalogue/")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert focused(page) == "q"
        page.keyboard.type("order-placed")
        page.keyboard.press("Enter")
        expect(page.locator("a.kind")).to_have_text(["order-*"])
        page.locator("a.kind").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("order-*")
        page.locator("summary").first.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("region", name="the JSON Schema")).to_be_visible()
        page.keyboard.press("Tab")
        assert focused(page).startswith("{")


def test_focus_is_seen(browser: Browser, site: str) -> None:
    """Whatever has the focus by the keyboard has an outline."""
    with looking(browser, site, SCREEN, []) as page:
        page.goto(CHANNEL)
        for _ in range(12):
            page.keyboard.press("Tab")
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", focused(page)


def test_without_scripts(browser: Browser, site: str) -> None:
    """Search, pages, links and the schema work; there are no buttons that could do nothing."""
    with looking(browser, site, PHONE, [], java_script_enabled=False) as page:
        page.goto("/catalogue/")
        page.get_by_label("Search kinds, handlers and payloads").fill("shop.record")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("link", name="order-*").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("order-*")
        expect(page.locator("button:visible")).to_have_text(["Log out"])
        page.locator("summary").first.click()
        expect(page.get_by_role("region", name="the JSON Schema")).to_contain_text('"order_id"')


def test_copying(browser: Browser, site: str) -> None:
    """With scripts, a button copies a command as it stands, and says so to a screen reader."""
    with looking(browser, site, SCREEN, [], permissions=["clipboard-read", "clipboard-write"]) as page:
        page.add_init_script("window.setTimeout = () => 0")  # what the button says stays until somebody has looked
        page.goto(CHANNEL)
        page.get_by_role("button", name="Copy curl").click()
        expect(page.get_by_role("status")).to_have_text("Copied.")
        command = page.get_by_role("region", name="curl").inner_text()
        assert page.evaluate("navigator.clipboard.readText()") == command
        assert command.startswith("curl -i http://127.0.0.1/events/order-example/1 \\\n")
