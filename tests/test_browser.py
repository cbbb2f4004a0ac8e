"""The main job in a real browser, as an editor does it."""

from __future__ import annotations

from pathlib import Path

import feedparser
from playwright.sync_api import Browser, Page, expect

from tests.browsing import needs_chromium, send_out, sign_up, write
from tests.service import PASSWORD, Service

pytestmark = needs_chromium


def test_from_the_form_to_the_reader(page: Page, live: Service) -> None:
    sign_up(page, live)
    write(page, "Written in a browser")
    expect(page.get_by_text("Europe/Rome")).to_be_visible()
    page.get_by_label("Publish at").fill("21/01/2026 19:13")
    send_out(page, "Publish")
    expect(page.get_by_role("status")).to_contain_text("Published")
    expect(page.get_by_text("21/01/2026 19:13 CET (18:13 UTC)").first).to_be_visible()
    for extension in ("rss", "atom"):
        feed = feedparser.parse(live.get(f"/feeds/health.{extension}").body)
        assert [entry.title for entry in feed.entries] == ["Written in a browser"]
        assert feed.entries[0].published_parsed[:6] == (2026, 1, 21, 18, 13, 0)
        assert feed.entries[0].author == "Ada"
    page.get_by_role("link", name="the article's page").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Written in a browser")


def test_publish_asks_once_where_to_and_when(page: Page, live: Service) -> None:
    sign_up(page, live)
    write(page, "Thought over")
    page.get_by_text("A new category").click()
    page.get_by_label("Its name").fill("Snails & <slugs>")
    page.get_by_label("Publish at").fill("21/01/2036 19:13")
    page.get_by_role("button", name="Schedule").click()
    question = page.get_by_role("region", name="Schedule this article?")
    expect(question).to_contain_text("It goes out on 21/01/2036 19:13 CET (18:13 UTC).")
    expect(question.get_by_role("listitem")).to_have_text(
        ["Snails & <slugs> (a new category)", "Ada", "Everything"]
    )
    expect(question.get_by_role("button", name="Schedule")).to_be_focused()
    # Nothing is done yet, not even to the categories; and no is an answer.
    assert "Snails" not in live.get("/").text
    page.get_by_role("button", name="Not yet").click()
    expect(question).to_have_count(0)
    expect(page.get_by_label("Body")).to_have_value("## Why\n\nBecause *so*.")
    page.get_by_role("button", name="Schedule").click()
    # Of another time than the one that was asked about it is asked again.
    page.get_by_label("Publish at").fill("22/01/2036 19:13")
    page.get_by_role("button", name="Schedule").click()
    expect(question).to_contain_text("22/01/2036")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Scheduled: it will be in the feeds of")
    page.get_by_label("Publish at").fill("")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Readers get it at once.")).to_be_visible()
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("status")).to_contain_text("Published")
    assert "Thought over" in live.get("/feeds/snails-slugs.rss").text


def test_a_correction_and_a_withdrawal(page: Page, live: Service) -> None:
    sign_up(page, live)
    write(page, "A tilte")
    send_out(page, "Publish")
    page.get_by_label("Title").fill("A title")
    page.get_by_role("button", name="Update").click()
    expect(page.get_by_role("status")).to_contain_text("Corrected")
    assert "A title" in live.get("/feeds/health.rss").text
    page.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_role("status")).to_contain_text("Withdrawn")
    assert feedparser.parse(live.get("/feeds/health.rss").body).entries == []


def test_a_draft_is_kept_and_published_later(page: Page, live: Service) -> None:
    sign_up(page, live)
    write(page, "Half done")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_role("status")).to_contain_text("Readers do not see it")
    page.get_by_role("link", name="Desk").click()
    page.get_by_role("link", name="Half done").click()
    send_out(page, "Publish")
    assert "Half done" in live.get("/feeds/health.rss").text


def test_a_refused_time_keeps_every_field(page: Page, live: Service) -> None:
    sign_up(page, live)
    write(page, "Kept")
    page.get_by_label("Publish at").fill("29/03/2026 02:30")
    send_out(page, "Publish")
    expect(page.get_by_role("alert")).to_contain_text("does not exist in Europe/Rome")
    expect(page.get_by_label("Publish at")).to_have_value("29/03/2026 02:30")
    expect(page.get_by_label("Title")).to_have_value("Kept")
    expect(page.get_by_label("Body")).to_have_value("## Why\n\nBecause *so*.")
    expect(page.get_by_label("Sources")).to_have_value("A journal – https://example.org/")


def test_signing_out_and_in(page: Page, live: Service) -> None:
    sign_up(page, live)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Desk")).to_be_visible()


def test_scheduling_with_a_time_chosen_beside_a_gap(page: Page, live: Service) -> None:
    sign_up(page, live)
    write(page, "In spring")
    page.get_by_label("Publish at").fill("28/03/2027 02:30")
    send_out(page, "Schedule")
    page.get_by_label("28/03/2027 03:00 CEST (01:00 UTC)").check()
    send_out(page, "Schedule")
    expect(page.get_by_role("status")).to_contain_text("Scheduled")
    expect(page.get_by_label("Publish at")).to_have_value("28/03/2027 03:00")
    page.get_by_role("button", name="Save draft").click()
    page.get_by_label("Publish at").fill("")
    send_out(page, "Publish")
    assert "In spring" in live.get("/feeds/health.rss").text


def test_a_withdrawn_article_is_restored(page: Page, live: Service) -> None:
    sign_up(page, live)
    write(page, "There and back")
    send_out(page, "Publish")
    page.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_label("Title")).to_be_disabled()
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("status")).to_contain_text("Restored")
    assert "There and back" in live.get("/feeds/health.rss").text


def test_a_category_is_renamed(page: Page, live: Service) -> None:
    sign_up(page, live)
    page.get_by_role("link", name="Categories").click()
    page.get_by_text("Health", exact=True).click()
    page.get_by_label("Name").first.fill("Well-being")
    page.get_by_label("Address").first.fill("well-being")
    page.get_by_role("button", name="Save Health").click()
    expect(page.get_by_role("status")).to_contain_text("Addresses that it had go on working")
    assert live.get("/feeds/health.rss").body == live.get("/feeds/well-being.rss").body


def test_the_seconds_of_grace_are_counted_down(browser: Browser, tmp_path: Path) -> None:
    grace = {"FEEDSVC_FEEDS_GRACE_SECONDS": "4"}
    url = f"sqlite:///{tmp_path}/feedsvc.db"
    with Service(tmp_path, url, clock=False, environment=grace) as live:
        live.start()
        page = browser.new_page(base_url=f"http://127.0.0.1:{live.port}")
        sign_up(page, live)
        write(page, "Slowly")
        send_out(page, "Publish")
        expect(page.get_by_text("held back until")).to_be_visible()
        assert "Slowly" not in live.get("/feeds/health.rss").text
        expect(page.locator(".countdown")).to_have_text("a moment", timeout=8000)
        page.wait_for_timeout(800)
        assert "Slowly" in live.get("/feeds/health.rss").text
        page.close()
