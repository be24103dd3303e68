"""Takes the pictures in docs/images: the shop's catalogue and the inbox in its admin. `make screenshots` calls it.

The shop runs on a real server, with a member of the staff and with events in several states; a headless browser opens four pages,
in the sizes of a screen and of a phone, light and dark.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Final, Literal

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

HERE: Final = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "example"))

from cases import CASES, TOKEN  # noqa: E402 -- as the demo's own scripts
from servers import PATIENCE, STAFF, Google, Shop, running  # noqa: E402 -- as above

SIZES: Final = (ViewportSize(width=1280, height=860), ViewportSize(width=390, height=844))
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
INBOX: Final = "/admin/gcp_event_inbox/storedevent/"
PAGES: Final = {
    "catalogue": "/catalogue/",
    "catalogue-payment": "/catalogue/channel/?kind=payment-*",
    "inbox": INBOX,
    "inbox-event": f"{INBOX}?state=rejected",
}


def main() -> int:
    """Write the pictures."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        print("There is no chromium here; apt-get install chromium.", file=sys.stderr)
        return 1
    images = HERE / "images"
    images.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        Google() as google,
        running(Path(folder) / "db.sqlite3", certs_url=google.url) as shop,
        sync_playwright() as playwright,
    ):
        fill(shop, google)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for size in SIZES:
            take(browser, size, f"http://127.0.0.1:{shop.port}", images)
        browser.close()
    return 0


def fill(shop: Shop, google: Google) -> None:
    """Create a member of the staff, and send the shop the demo's events and a few payments."""
    shop.add_staff()
    signature = shop.signature()
    for case in CASES:
        post(shop, case.path.format(signature=signature), case.body, google.headers(case))
    headers = {"X-Shop-Token": TOKEN, "Content-Type": "application/json"}
    for number in (1, 1001, 1002):
        post(shop, f"/events/payment-changed/{number}", b'{"state": "paid", "order_id": %d}' % number, headers)
    post(shop, "/events/payment-changed/1003", b'{"state": "refused", "order_id": 1, "reason": "no funds"}', headers)
    post(shop, "/events/payment-changed/1004", b'{"state": "paid"}', headers)


def post(shop: Shop, path: str, body: bytes, headers: dict[str, str]) -> None:
    """Send one event, whose result the pictures show."""
    with closing(HTTPConnection("127.0.0.1", shop.port, timeout=PATIENCE)) as connection:
        connection.request("POST", path, body, headers)
        connection.getresponse().read()


def take(browser: Browser, size: ViewportSize, site: str, images: Path) -> None:
    """Take all pages in one size."""
    context = browser.new_context(base_url=site, viewport=size)
    page = context.new_page()
    page.goto("/admin/")
    page.get_by_label("Username:").fill(STAFF.name)
    page.get_by_label("Password:").fill(STAFF.password)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="Events", exact=True).first.wait_for()
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for name, path in PAGES.items():
            page.goto(path)
            if name == "inbox-event":
                page.locator("#result_list .field-event a").first.click()
                page.locator(".gei-event").wait_for()
            write(page, images / f"{name}-{size['width']}-{scheme}.png")
    context.close()


def write(page: Page, file: Path) -> None:
    """Write what the window shows; pictures of whole pages would be too long."""
    page.evaluate("Promise.all(document.getAnimations().map(each => each.finished))")
    page.screenshot(path=file)
    print(os.path.relpath(file))


if __name__ == "__main__":
    sys.exit(main())
