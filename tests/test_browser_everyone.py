"""The main job without a script, and by the keyboard alone."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from tests.browsing import needs_chromium, send_out, sign_up, write
from tests.service import PASSWORD, Service

pytestmark = needs_chromium

SHIFTED = """() => new Promise((resolve) => {
  let sum = 0;
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) if (!one.hadRecentInput) sum += one.value;
  }).observe({type: "layout-shift", buffered: true});
  setTimeout(() => resolve(sum), 300);
})"""


def test_all_of_writing_works_without_a_script(browser: Browser, live: Service) -> None:
    context = browser.new_context(
        base_url=f"http://127.0.0.1:{live.port}", java_script_enabled=False
    )
    page = context.new_page()
    sign_up(page, live)
    write(page, "By hand")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview em")).to_have_text("so")
    page.get_by_role("button", name="Save draft").click()
    send_out(page, "Publish")
    expect(page.get_by_role("status")).to_contain_text("Published")
    page.get_by_label("Title").fill("By hand, corrected")
    page.get_by_role("button", name="Update").click()
    expect(page.get_by_role("status")).to_contain_text("Corrected")
    assert "By hand, corrected" in live.get("/feeds/health.rss").text
    page.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_role("status")).to_contain_text("Withdrawn")
    page.get_by_role("button", name="Restore").click()
    page.get_by_role("link", name="Versions").click()
    page.get_by_role("link", name=re.compile("1: Draft saved")).click()
    page.get_by_role("link", name="Take this text into the form").click()
    expect(page.get_by_label("Title")).to_have_value("By hand")
    page.get_by_role("link", name="Desk").click()
    page.get_by_label("Words").fill("corrected")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Published (1)").click()
    expect(page.get_by_role("link", name="By hand, corrected")).to_be_visible()
    context.close()


def test_an_article_is_written_and_published_by_the_keyboard_alone(
    page: Page, live: Service
) -> None:
    link = re.findall(r"(/editor/welcome/\S+)", live.output.read_text())[-1]
    page.goto(link)
    keys = page.keyboard
    walk_to(page, "name")
    keys.type("ada")
    walk_to(page, "password")
    keys.type(PASSWORD)
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Desk")).to_be_visible()
    walk_to(page, "New article")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="New article")).to_be_visible()
    walk_to(page, "title")
    keys.type("By keys")
    walk_to(page, "category")
    keys.type("Health")
    walk_to(page, "body")
    keys.type("Typed.")
    walk_to(page, "Publish")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Publish this article?")).to_be_visible()
    keys.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Published")
    assert "By keys" in live.get("/feeds/health.rss").text


def walk_to(page: Page, wanted: str) -> None:
    """Press Tab until the control of that name, or with those words, is reached and seen."""
    for _ in range(60):
        page.keyboard.press("Tab")
        found = page.evaluate(
            """() => {
              const one = document.activeElement;
              const style = getComputedStyle(one);
              return [one.id || one.name, one.textContent.trim(), style.outlineStyle];
            }"""
        )
        if wanted in found[:2]:
            assert found[2] != "none", f"nobody sees that {wanted} is reached"
            return
    raise AssertionError(f"{wanted} cannot be reached by Tab")


def test_no_page_jumps_while_it_is_built(page: Page, live: Service) -> None:
    sign_up(page, live)
    write(page, "It stays where it is")
    send_out(page, "Publish")
    form = page.url
    for path in ("/", "/editor/", "/editor/new", form, f"{form}/versions", "/editor/account"):
        page.goto(path)
        assert page.evaluate(SHIFTED) < 0.01, path
