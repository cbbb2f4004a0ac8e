"""A real browser, and an editor in it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.service import PASSWORD, Service

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)

# CI installs it; a developer is told how to.
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"),
    reason="these tests need Chromium: apt install chromium",
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path, f"sqlite:///{tmp_path}/feedsvc.db", clock=False) as running:
        yield running.start()


@pytest.fixture
def page(browser: Browser, live: Service) -> Iterator[Page]:
    context = browser.new_context(base_url=f"http://127.0.0.1:{live.port}")
    opened = context.new_page()
    faults: list[str] = []
    opened.on("console", lambda message: message.type == "error" and faults.append(message.text))
    opened.on("request", lambda request: _own(request.url, live, faults))
    yield opened
    context.close()
    # Refused forms answer 422, which the console mentions.
    assert [fault for fault in faults if "422" not in fault] == []


def _own(url: str, live: Service, faults: list[str]) -> None:
    if not url.startswith(f"http://127.0.0.1:{live.port}/"):
        faults.append(f"another host was asked: {url}")


def sign_up(page: Page, live: Service) -> None:
    link = re.findall(r"(/editor/welcome/\S+)", live.output.read_text())[-1]
    page.goto(link)
    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", name="Desk")).to_be_visible()


def write(page: Page, title: str) -> None:
    page.get_by_role("link", name="New article").first.click()
    page.get_by_label("Title").fill(title)
    page.get_by_label("Category").select_option("Health")
    page.get_by_label("Summary").fill("In short.")
    page.get_by_label("Body").fill("## Why\n\nBecause *so*.")
    page.get_by_label("Author").fill("Ada")
    page.get_by_label("Sources").fill("A journal – https://example.org/")


def send_out(page: Page, button: str) -> None:
    """Press Publish or Schedule, and once more when it is asked."""
    with page.expect_navigation():
        page.get_by_role("button", name=button).click()
    if page.get_by_role("heading", name=f"{button} this article?").is_visible():
        page.get_by_role("button", name=button).click()
