"""Pictures of every page at phone and desktop width, in build/screenshots."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pyotp
from playwright.sync_api import Page, sync_playwright

from tests.browsing import ARGUMENTS, CHROMIUM, send_out
from tests.service import PASSWORD, ROOT, Service

WIDTHS = {"phone": (360, 740), "desktop": (1280, 900)}
TARGET = ROOT / "build" / "screenshots"
PAGES = {
    "front": "/",
    "category": "/categories/culture",
    "feeds": "/feeds/",
    "feed": "/feeds/culture",
    "missing": "/articles/nothing",
    "desk": "/editor/",
    "new": "/editor/new",
    "found": "/editor/?state=published&words=the",
    "account": "/editor/account",
    "settings": "/editor/settings",
    "accounts": "/editor/accounts",
    "one-account": "/editor/accounts/1",
    "remove-account": "/editor/accounts/1/remove",
    "log": "/editor/log",
}


def main() -> None:
    """Take them all."""
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        arguments = ("--samples", str(ROOT / "data/samples"))
        url = f"sqlite:///{folder}/feedsvc.db"
        grace = {"FEEDSVC_FEEDS_GRACE_SECONDS": "30"}
        with Service(
            Path(folder), url, clock=False, arguments=arguments, environment=grace
        ) as service:
            service.start()
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            context = browser.new_context(base_url=f"http://127.0.0.1:{service.port}")
            page = context.new_page()
            link = re.findall(r"(/editor/welcome/\S+)", service.output.read_text())[-1]
            page.goto(link)
            _take(page, "welcome")
            page.get_by_label("User name").fill("ada")
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Create account").click()
            article = service.get("/").page.xpath("//article//h2/a/@href")[0]
            for name, path in {**PAGES, "article": article}.items():
                page.goto(path)
                _take(page, name)
            page.goto("/editor/new")
            page.get_by_label("Publish at").fill("29/03/2026 02:30")
            send_out(page, "Publish")
            _take(page, "refused")
            page.goto("/editor/")
            page.locator("table a").first.click()
            _take(page, "edit")
            page.get_by_role("button", name="Withdraw").click()
            _take(page, "withdrawn")
            page.get_by_role("link", name="Versions").click()
            _take(page, "versions")
            page.locator("table a").first.click()
            _take(page, "version")
            page.goto("/editor/new")
            page.get_by_label("Title").fill("Written and looked at")
            page.get_by_label("Body").fill(
                "A text.\n\n#### Too deep\n\n[Somewhere](www.example.org)"
            )
            page.wait_for_timeout(3_000)
            _take(page, "written")
            page.goto("/editor/")
            _take(page, "unsaved")
            page.goto("/editor/categories")
            page.get_by_text("Culture", exact=True).click()
            _take(page, "categories")
            _while_a_colleague_acts(page, context.new_page())
            page.goto("/editor/new")
            page.get_by_label("Title").fill("Held back for a while")
            page.get_by_label("Category").select_option("Health")
            page.get_by_label("Body").fill("Text.")
            page.get_by_role("button", name="Publish").click()
            page.get_by_role("heading", name="Publish this article?").wait_for()
            _take(page, "question")
            page.get_by_role("button", name="Not yet").click()
            page.get_by_role("button", name="Save draft").wait_for()
            send_out(page, "Publish")
            _take(page, "held-back")
            _with_a_second_factor(page)
            browser.close()
    print(f"screenshots are in {TARGET.relative_to(ROOT)}")


def _with_a_second_factor(page: Page) -> None:
    """What an editor sees who sets one up, and signs in with it."""
    page.goto("/editor/account")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Set it up").click()
    _take(page, "second-factor")
    secret = page.locator(".secret").inner_text().replace(" ", "")
    page.get_by_label("Code").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Switch it on").click()
    _take(page, "recovery-codes")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    _take(page, "code")


def _while_a_colleague_acts(page: Page, colleague: Page) -> None:
    """What an editor sees whose article was withdrawn, whose category was renamed."""
    page.goto("/editor/?state=published")
    page.locator("table a").first.click()
    page.get_by_label("Body").fill("What I wrote while a colleague withdrew the article.")
    colleague.goto(page.url)
    colleague.get_by_role("button", name="Withdraw").click()
    page.get_by_role("button", name="Update").click()
    _take(page, "withdrawn-meanwhile")
    page.get_by_role("button", name="Restore").click()
    _take(page, "restored-with-words")
    for one in (page, colleague):
        one.goto("/editor/categories")
        one.get_by_text("Culture", exact=True).click()
    colleague.locator("details[open]").get_by_label("Name").fill("Arts")
    colleague.get_by_role("button", name="Save Culture").click()
    page.locator("details[open]").get_by_label("Description").fill("Mine")
    page.get_by_role("button", name="Save Culture").click()
    _take(page, "category-conflict")


def _take(page: Page, name: str) -> None:
    for width, (across, down) in WIDTHS.items():
        page.set_viewport_size({"width": across, "height": down})
        page.screenshot(path=TARGET / f"{name}-{width}.png", full_page=True)


if __name__ == "__main__":
    main()
