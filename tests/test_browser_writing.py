"""In a real browser: nothing typed is lost, what is pasted is clean, and everybody can use it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pyotp
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.browsing import needs_chromium, send_out, sign_up, write
from tests.service import PASSWORD, ROOT, Service

pytestmark = needs_chromium

WHOLE = """Science 21/01/2026 19:13

Snails keep better time than thought

What was measured

A sentence about snails.

  • slow
  • slower

Sources:

  • A journal https://journal.example/snails

News in the same category
"""


def paste(page: Page, label: str, plain: str, html: str = "") -> None:
    """What pasting does, with the clipboard's content given."""
    page.get_by_label(label, exact=True).evaluate(
        """(field, [plain, html]) => {
            field.focus();
            const data = new DataTransfer();
            data.setData("text/plain", plain);
            if (html) data.setData("text/html", html);
            const pasted = new ClipboardEvent(
                "paste", {clipboardData: data, bubbles: true, cancelable: true});
            if (field.dispatchEvent(pasted)) document.execCommand("insertText", false, plain);
        }""",
        [plain, html],
    )


def sign_in(page: Page, name: str) -> None:
    page.goto("/editor/sign-in")
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill("a few words in a row")
    page.get_by_role("button", name="Sign in").click()


def left_offline(context: BrowserContext, live: Service, text: str) -> str:
    """Store a draft, type ``text`` while the server is gone, close the window; its address."""
    page = context.new_page()
    sign_up(page, live)
    write(page, "Stored")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_role("status")).to_contain_text("Readers do not see it")
    page.wait_for_load_state()
    address = page.url
    context.set_offline(True)
    page.get_by_label("Body").fill(text)
    expect(page.locator("#kept")).to_contain_text("cannot be reached")
    page.close()
    context.set_offline(False)
    return address


# Nothing is lost


def test_what_was_typed_survives_a_closed_window(page: Page, live: Service) -> None:
    sign_up(page, live)
    write(page, "Half an article")
    expect(page.locator("#kept")).to_contain_text("Kept at")
    assert "/editor/entries/" in page.url
    other = page.context.new_page()
    page.close()
    other.goto("/editor/")
    other.get_by_role("link", name="Half an article").click()
    expect(other.get_by_role("status")).to_contain_text("what you typed and did not save")
    expect(other.get_by_label("Title")).to_have_value("Half an article")
    expect(other.get_by_label("Body")).to_have_value("## Why\n\nBecause *so*.")
    expect(other.get_by_label("Category")).to_have_value("health")
    send_out(other, "Publish")
    expect(other.get_by_role("status")).to_contain_text("Published")
    other.get_by_role("link", name="Desk").click()
    expect(other.locator("#unsaved")).to_be_hidden()
    assert "Half an article" in live.get("/feeds/health.rss").text


def test_what_was_typed_while_the_server_was_gone_is_in_the_browser(
    browser: Browser, live: Service
) -> None:
    context = browser.new_context(base_url=f"http://127.0.0.1:{live.port}")
    address = left_offline(context, live, "Typed in a tunnel.")
    again = context.new_page()
    again.goto(address)
    expect(again.locator("#typed")).to_contain_text("text of yours in this browser")
    again.get_by_role("button", name="Take it up").click()
    expect(again.get_by_label("Body")).to_have_value("Typed in a tunnel.")
    again.get_by_role("button", name="Save draft").click()
    expect(again.get_by_label("Body")).to_have_value("Typed in a tunnel.")
    expect(again.locator("#typed")).to_have_count(0)
    again.wait_for_load_state()
    context.set_offline(True)
    again.get_by_label("Body").fill("Discarded.")
    expect(again.locator("#kept")).to_contain_text("cannot be reached")
    again.close()
    context.set_offline(False)
    again = context.new_page()
    again.goto(address)
    again.get_by_role("button", name="Discard it").click()
    again.reload()
    expect(again.locator("#typed")).to_have_count(0)
    expect(again.get_by_label("Body")).to_have_value("Typed in a tunnel.")
    context.close()


def test_a_new_article_typed_while_the_server_was_gone_stands_on_the_desk(
    browser: Browser, live: Service
) -> None:
    context = browser.new_context(base_url=f"http://127.0.0.1:{live.port}")
    page = context.new_page()
    sign_up(page, live)
    page.goto("/editor/new")
    page.wait_for_load_state()
    context.set_offline(True)
    page.get_by_label("Title").fill("Never arrived")
    page.get_by_label("Category").select_option("Health")
    expect(page.locator("#kept")).to_contain_text("cannot be reached")
    page.close()
    context.set_offline(False)
    page = context.new_page()
    page.goto("/editor/")
    page.get_by_role("link", name="Never arrived").click()
    page.get_by_role("button", name="Take it up").click()
    expect(page.get_by_label("Title")).to_have_value("Never arrived")
    expect(page.get_by_label("Category")).to_have_value("health")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_role("status")).to_contain_text("Readers do not see it")
    # Whoever signs out leaves nothing behind.
    page.get_by_label("Body").fill("Secret.")
    page.wait_for_timeout(500)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.evaluate("Object.keys(localStorage).length") == 0
    context.close()


def test_what_this_browser_kept_overwrites_nothing_that_was_saved_since(
    browser: Browser, live: Service
) -> None:
    context = browser.new_context(base_url=f"http://127.0.0.1:{live.port}")
    address = left_offline(context, live, "Half, in the train.")
    path = address.removeprefix(f"http://127.0.0.1:{live.port}")
    live.sign_up_cookie(context.cookies())
    live.edit(path, "save_draft", body="Finished, on another machine.")
    again = context.new_page()
    again.goto(address)
    expect(again.locator("#typed")).to_contain_text("the article was saved since")
    # Typing beside the offer takes nothing of it away.
    again.get_by_label("Author").fill("Ada L.")
    expect(again.locator("#kept")).to_contain_text("Kept at")
    again.get_by_role("button", name="Take it up").click()
    expect(again.get_by_label("Body")).to_have_value("Half, in the train.")
    again.get_by_role("button", name="Save draft").click()
    expect(again.get_by_role("alert")).to_contain_text("saved this article on")
    expect(again.locator(".rival .columns pre")).to_have_text(
        ["Finished, on another machine.", "Half, in the train."]
    )
    assert live.browse(path).field("body") == "Finished, on another machine."
    # Nobody else sees in this browser what was kept of her.
    again.evaluate("""() => {
        const uuid = location.pathname.split("/").pop();
        localStorage.setItem(`feedsvc:1:${uuid}:w`, JSON.stringify(
            {title: "Private", revision: 0, fields: [["title", "Private"]], at: 1}));
    }""")
    live.run("editor", "add", "grace", input="a few words in a row\na few words in a row\n")
    context.clear_cookies()
    sign_in(again, "grace")
    expect(again.get_by_role("heading", name="Desk")).to_be_visible()
    again.wait_for_load_state("networkidle")
    expect(again.locator("#unsaved")).to_be_hidden()
    again.goto(address)
    again.wait_for_load_state("networkidle")
    expect(again.locator("#typed")).to_have_count(0)
    context.close()


def test_a_page_that_comes_back_unsaved_is_kept(page: Page, live: Service) -> None:
    sign_up(page, live)
    page.goto("/editor/new")
    page.get_by_label("Title").fill("Looked at, not saved")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview .card")).to_be_visible()
    expect(page.locator("#kept")).to_contain_text("Kept at")
    page.goto("/editor/")
    expect(page.get_by_role("link", name="Looked at, not saved")).to_be_visible()


def test_two_editors_see_each_other_and_both_texts(browser: Browser, live: Service) -> None:
    live.run("editor", "add", "grace", input="a few words in a row\na few words in a row\n")
    hers, his = (
        browser.new_context(base_url=f"http://127.0.0.1:{live.port}").new_page() for _ in range(2)
    )
    sign_in(hers, "grace")
    write(hers, "Shared")
    hers.get_by_role("button", name="Save draft").click()
    live.run("editor", "add", "ada", input="a few words in a row\na few words in a row\n")
    sign_in(his, "ada")
    his.goto(hers.url)
    his.get_by_label("Body").fill("His words.")
    expect(his.locator("#kept")).to_contain_text("Kept at")
    hers.get_by_label("Body").fill("Her words.")
    expect(hers.locator("#others")).to_have_text("ada is writing in this article too.")
    hers.get_by_role("button", name="Save draft").click()
    his.get_by_role("button", name="Save draft").click()
    expect(his.get_by_role("alert")).to_contain_text("grace saved this article on")
    expect(his.locator(".rival .columns pre")).to_have_text(["Her words.", "His words."])
    hers.context.close()
    his.context.close()


# Preview and pasting


def test_the_preview_follows_what_is_typed(page: Page, live: Service) -> None:
    sign_up(page, live)
    write(page, "Seen before")
    shown = page.locator("#preview")
    expect(shown.get_by_role("heading", name="Why")).to_be_visible()
    expect(shown.locator(".text em")).to_have_text("so")
    expect(shown).to_contain_text("Nothing stands out.")
    page.get_by_label("Body").fill("[a](www.example.org) <b onclick=alert(1)>bold</b>")
    expect(shown).to_contain_text("put https:// before it")
    assert shown.locator("b").get_attribute("onclick") is None


def test_an_article_pasted_whole_fills_the_form(page: Page, live: Service) -> None:
    sign_up(page, live)
    page.goto("/editor/new")
    paste(page, "Body", WHOLE)
    expect(page.get_by_label("Title")).to_have_value("Snails keep better time than thought")
    expect(page.get_by_label("Category")).to_have_value("science")
    expect(page.get_by_label("Publish at")).to_have_value("21/01/2026 19:13")
    expect(page.get_by_label("Body")).to_have_value(
        "## What was measured\n\nA sentence about snails.\n\n- slow\n- slower"
    )
    send_out(page, "Publish")
    expect(page.get_by_role("status")).to_contain_text("Published")
    assert "21 Jan 2026 18:13:00" in live.get("/feeds/science.rss").text


WORD = """<html><head><style>p {color: red}</style></head><body>
<b style="font-weight:normal"><h1>A heading</h1><p>Some <span style="font-weight:700">bold </span>
and <i>slanted</i> words with <a href="https://example.org/a(b)">a link</a>&nbsp;and 2 * 3 * 4.</p>
<script>alert(1)</script><ul><li><p>one</p></li><li>two<ol><li>a</li><li>b</li></ol></li></ul>
<table><tr><th>A</th><th>B</th></tr><tr><td>1|2</td><td><p>3</p></td></tr></table>
<blockquote><p>Said.</p></blockquote><p><img src="https://example.org/x.png" alt="An x">
<img src="file:///c:/secret.png"><a href="javascript:alert(1)">no</a><br>next</p></b>
</body></html>"""
MARKDOWN = """## A heading

Some **bold** and *slanted* words with [a link](https://example.org/a%28b%29) and 2 \\* 3 \\* 4.

- one
- two
  1. a
  2. b

| A | B |
| --- | --- |
| 1\\|2 | 3 |

> Said.

![An x](https://example.org/x.png) no\\
next"""


def test_what_is_pasted_from_elsewhere_becomes_clean_markdown(page: Page, live: Service) -> None:
    sign_up(page, live)
    page.goto("/editor/new")
    page.get_by_label("Title").fill("Pasted")
    page.route("https://example.org/**", lambda route: route.abort())
    paste(page, "Body", "plain", WORD)
    assert page.get_by_label("Body").input_value() == MARKDOWN
    # Plain text stays what it is.
    page.get_by_label("Body").fill("")
    paste(page, "Body", "a *plain* text", "<meta charset='utf-8'><span>a *plain* text</span>")
    assert page.get_by_label("Body").input_value() == "a *plain* text"


# For everyone


def test_no_page_of_the_desk_breaks_a_rule_of_accessibility(
    browser: Browser, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/feedsvc.db"
    arguments = ("--samples", str(ROOT / "data/samples"))
    with Service(tmp_path, url, clock=False, arguments=arguments) as live:
        live.start()
        context = browser.new_context(base_url=f"http://127.0.0.1:{live.port}")
        page = context.new_page()
        sign_up(page, live)
        write(page, "Begun")
        expect(page.locator("#kept")).to_contain_text("Kept at")
        check(page, "an article being written")
        page.goto("/editor/new")
        page.get_by_label("Publish at").fill("29/03/2026 02:30")
        send_out(page, "Publish")
        check(page, "a refused form")
        for path in (
            "/editor/",
            "/editor/?state=published&words=the",
            "/editor/categories",
            "/editor/account",
            "/editor/settings",
            "/editor/accounts",
            "/editor/accounts/1",
            "/editor/accounts/1/remove",
            "/editor/log",
        ):
            page.goto(path)
            check(page, path)
        page.goto("/editor/accounts")
        page.get_by_role("button", name="Make a link").click()
        check(page, "a link for a new account")
        link = page.locator("code").inner_text()
        secret = switch_on_second_factor(page, check)
        page.goto("/editor/?state=published")
        page.locator("table a").first.click()
        check(page, "a stored article")
        page.get_by_label("Body").fill("Changed.")
        page.get_by_role("button", name="Update").click()
        page.get_by_role("link", name="Versions").click()
        check(page, "versions")
        page.locator("table a").first.click()
        check(page, "a version")
        for path in ("/", "/categories/culture", "/articles/nothing"):
            page.goto(path)
            check(page, path)
        page.goto("/")
        page.locator("article a").first.click()
        check(page, "an article")
        page.goto("/editor/new")
        page.get_by_role("link", name="Deutsch").click()
        page.get_by_role("button", name="Veröffentlichen").click()
        expect(page.get_by_role("alert")).to_contain_text("Es wurde noch nichts gespeichert.")
        check(page, "a refused form, German")
        page.goto("/editor/")
        check(page, "the desk, German")
        page.get_by_role("link", name="English").click()
        page.get_by_role("button", name="Sign out").click()
        check(page, "sign in")
        page.emulate_media(color_scheme="dark")
        check(page, "sign in, dark")
        page.get_by_label("User name").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        check(page, "the code")
        # The one at which it was switched on is used up; the next is right already.
        page.get_by_label("Code").fill(pyotp.TOTP(secret).at(int(time.time()) + 30))
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Desk")).to_be_visible()
        page.goto("/editor/account")
        expect(page.get_by_text("It is on: signing in asks for a code.")).to_be_visible()
        check(page, "an account with a second factor")
        page.goto(link)
        check(page, "an invitation")
        context.close()


def switch_on_second_factor(page: Page, look: Callable[[Page, str], None]) -> str:
    """Set it up as an editor does; the secret."""
    page.goto("/editor/account")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Set it up").click()
    secret = page.locator(".secret").inner_text().replace(" ", "")
    look(page, "a second factor being set up")
    page.get_by_label("Code").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Switch it on").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    look(page, "recovery codes")
    page.get_by_role("link", name="I have kept them").click()
    return secret


def check(page: Page, name: str) -> None:
    """Nothing that axe finds, and nothing wider than the window, however narrow that is."""
    found = Axe().run(page)
    faults = [
        (one["id"], [node["html"][:200] for node in one["nodes"]])
        for one in found.response["violations"]
    ]
    assert not faults, f"{name}: {json.dumps(faults, indent=1)}"
    for width in (320, 2560, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wider <= 0, f"{name} is {wider} pixels wider than {width}"


@pytest.mark.parametrize("path", ["/editor/new", "/editor/"])
def test_a_page_of_the_desk_is_small(page: Page, live: Service, path: str) -> None:
    sizes: list[int] = []
    sign_up(page, live)

    def measured(route: Route) -> None:
        answer = route.fetch()
        sizes.append(len(answer.body()))
        route.fulfill(response=answer)

    page.route("**/*", measured)
    page.goto(path)
    page.wait_for_load_state("networkidle")
    assert sum(sizes) < 100_000
