"""The inbox's admin in a real browser: what somebody of the staff does there, on a screen and on a phone, light and dark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from ...support.admin_pages import LIST
from ...support.browsing import PHONE, SCHEMES, SCREEN, browsing, fits, in_browser, looking, serving

pytestmark = [in_browser, pytest.mark.proof]
LONG = "shop-" + "0123456789" * 12
"""A reference that `admin_server` makes."""
CONTRAST = 4.5
"""What WCAG 2 asks of text, at level AA."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """Where a server of its own serves events in every state; `<file>.mended` mends its handler."""
    with serving(tmp_path) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as running:
        yield running


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complains of."""
    return []


@pytest.fixture(params=[SCREEN, PHONE], ids=["screen", "phone"])
def page(request: pytest.FixtureRequest, browser: Browser, site: str, complaints: list[str]) -> Iterator[Page]:
    """The list of events, as somebody sees it who has just logged in."""
    with looking(browser, site, request.param, complaints) as page:
        page.get_by_role("link", name="Events", exact=True).first.click()
        expect(page.locator("#result_list")).to_be_visible()
        yield page


def look(page: Page) -> None:
    """See that a page fits its window, and that its states can be read, light and dark."""
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        page.evaluate("Promise.all(document.getAnimations().map(each => each.finished))")  # of links that change their colour
        assert fits(page), (page.url, page.viewport_size)
        for text, colours in page.evaluate(COLOURS):
            assert contrast(*colours) >= CONTRAST, (scheme, text, colours)


COLOURS = """
[...document.querySelectorAll(".gei-state, .gei-number, .gei-times dt, .gei-payload")].map(each => {
    let behind = each
    while (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement
    return [each.textContent, [getComputedStyle(each).color, getComputedStyle(behind).backgroundColor]]
})
"""


def contrast(*colours: str) -> float:
    """How much two colours differ, as WCAG 2 measures it."""
    darker, lighter = sorted(map(luminance, colours))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def column(page: Page, name: str) -> Locator:
    """A column of the list."""
    return page.locator(f"#result_list tbody .field-{name}")


def test_looking(page: Page, complaints: list[str]) -> None:
    """The list and its summary, its filters, its search, and an event with a hostile payload; nothing of it is run."""
    look(page)
    counts = page.get_by_role("list", name="Deliveries by state").get_by_role("link")
    without_zeros = ["5 parked", "5 rejected", "2 failed", "1 running", "2 pending", "1 discarded", "40 done"]
    on_screen = [*without_zeros[:2], "0 no handler", *without_zeros[2:]]
    shown = [" ".join(each.split()) for each in counts.all_inner_texts()]
    assert shown == (on_screen if page.viewport_size == SCREEN else without_zeros)
    if page.viewport_size == SCREEN:
        assert len({count.evaluate("each => each.offsetTop") for count in counts.all()}) == 1  # in one row

    counts.first.click()
    expect(column(page, "state")).to_have_text(["parked1 of 1"] * 5)
    expect(column(page, "event")).to_have_text([f"order-placed/{number}" for number in range(41, 46)])
    page.locator("#changelist-filter a", has_text="rejected").click()
    expect(column(page, "event")).to_have_text([re.compile(f"/{end}$") for end in ("broken", "51", "48", "47", "46")])
    look(page)

    page.goto(LIST)
    page.locator("#searchbar").fill("43")
    page.keyboard.press("Enter")
    assert row_fits(page)
    for name, text in (("event", "order-placed/43"), ("handlers", "shop.record"), ("state", "parked1 of 1")):
        expect(column(page, name)).to_have_text([text])
    page.locator("#result_list a").click()
    expect(page.get_by_role("heading", level=2, name="order-placed/43")).to_be_visible()
    assert (
        page.locator(".gei-payload").inner_text()
        == '{\n  "order_id": 43,\n  "note": "</pre><script>alert(document.domain)</script>"\n}'
    )
    assert "builtins.RuntimeError" in page.get_by_role("region", name="Deliveries").first.inner_text()
    look(page)

    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert '"order_id": 43' in download.value.path().read_text()

    page.goto(f"{LIST}?kind=order-paid")
    look(page)
    page.locator("#result_list a").first.click()
    expect(page.locator(".gei-event")).to_be_visible()
    look(page)
    assert complaints == []


def row_fits(page: Page) -> bool:
    """Whether all columns of the first row are within the window."""
    within = "each => each.getBoundingClientRect().right <= window.innerWidth"
    return all(cell.evaluate(within) for cell in page.locator("#result_list tbody tr").first.locator("th, td").all())


OVERLAPS = """
() => {
    const [one, other] = [":is(#content, .titles) > h2", ".historylink"].map(each => {
        const range = document.createRange()
        range.selectNodeContents(document.querySelector(each))
        return [...range.getClientRects()]
    })
    return one.some(a => other.some(b => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom))
}
"""


def test_long_names(page: Page, complaints: list[str]) -> None:
    """However long the reference of an event is, its pages fit their window, and nothing covers it; so does a question."""
    page.goto(f"{LIST}?state=running")
    page.locator("#result_list .field-event a").click()
    expect(page.get_by_role("heading", level=2, name=f"order-paid/{LONG}")).to_be_visible()
    look(page)
    assert not page.evaluate(OVERLAPS)
    page.get_by_role("link", name="History").click()
    expect(page.get_by_role("heading", level=1, name=f"order-paid/{LONG}")).to_be_visible()
    look(page)

    page.goto(f"{LIST}?q=1")
    page.locator("#result_list .field-event a").click()
    page.get_by_role("button", name="Replay shop.record").click()
    heading = page.get_by_role("heading", name="shop.record is done. Replay it anyway?")
    heading.evaluate(f"each => each.textContent = each.textContent.replace('shop.record', 'shop.{'x' * 250}')")
    look(page)
    assert complaints == []


def test_error_is_read_without_scrolling(page: Page) -> None:
    """What went wrong is within the window, also where the table above it is wider."""
    page.goto(f"{LIST}?q=broken")
    page.locator("#result_list .field-event a").click()
    expect(page.locator(".gei-error pre")).to_contain_text("The body is a Pub/Sub push")
    for each in page.locator(".gei-error :is(p, pre)").all():
        assert each.evaluate(
            "each => each.getBoundingClientRect().right <= window.innerWidth && each.scrollWidth <= each.clientWidth"
        )


def test_deciding(page: Page, complaints: list[str], tmp_path: Path) -> None:
    """Replay and discard, from an event's page and from the list, also by the keyboard; with a question where one is due."""
    open_event(page, "41")
    page.get_by_role("button", name="Replay shop.record").press("Enter")
    expect(page.locator(".messagelist")).to_have_text("Replayed 1 delivery: 1 parked.")
    (tmp_path / "events.sqlite3.mended").touch()
    page.get_by_role("button", name="Replay shop.record").press("Enter")
    expect(page.locator(".messagelist")).to_have_text("Replayed 1 delivery: 1 handled.")
    look(page)

    page.get_by_role("button", name="Replay shop.record").click()
    expect(page.get_by_role("heading", name="shop.record is done. Replay it anyway?")).to_be_visible()
    look(page)
    page.get_by_role("link", name="No, take me back").click()
    expect(page.locator(".gei-state")).to_have_text(["done"])

    open_event(page, "42")
    page.get_by_role("button", name="Discard shop.record").click()
    expect(page.get_by_role("heading", name="Discard 1 delivery?")).to_be_visible()
    page.get_by_role("button", name="Discard").press("Enter")
    expect(page.locator(".messagelist")).to_have_text("Discarded 1 delivery.")
    expect(page.locator(".gei-state")).to_have_text(["discarded"])
    page.get_by_role("link", name="History").click()
    expect(page.locator("#change-history")).to_contain_text("Discarded 1 delivery.")
    look(page)

    decide(page, "parked", "Replay")
    expect(page.locator(".messagelist")).to_have_text("Replayed 3 deliveries: 3 handled.")
    expect(column(page, "state")).to_have_count(0)
    decide(page, "rejected", "Discard")
    expect(page.get_by_role("heading", name="Discard 5 deliveries?")).to_be_visible()
    look(page)
    page.get_by_role("button", name="Discard").click()
    expect(page.locator(".messagelist")).to_have_text("Discarded 5 deliveries.")
    decide(page, "running", "Replay")
    expect(page.locator(".messagelist")).to_have_text("Replayed 1 delivery: 1 busy.")
    look(page)
    assert complaints == []


def open_event(page: Page, reference: str) -> None:
    """Search for an event, and open its page."""
    page.goto(f"{LIST}?q={reference}")
    page.locator("#result_list a").click()
    expect(page.locator(".gei-event")).to_be_visible()


def decide(page: Page, state: str, action: str) -> None:
    """Choose all deliveries of a state in the list, and do something with them."""
    page.goto(f"{LIST}?state={state}")
    page.locator("#action-toggle").check()
    page.get_by_label("Action:").select_option(action)
    page.get_by_role("button", name=re.compile("^(Go|Run)")).click()
