"""In a real browser: a picture chosen, pasted and dropped; sources as a table; no script at all."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.browsing import needs_chromium, send_out, sign_up, write
from tests.service import Service
from tests.test_browser_writing import check
from tests.test_pictures import picture

pytestmark = needs_chromium

# What pasting and dropping do, with the file given as octets.
BRING = """(field, [event, octets, type]) => {
    field.focus();
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(octets)], "cup", {type}));
    const given = {bubbles: true, cancelable: true};
    field.dispatchEvent(event === "paste"
        ? new ClipboardEvent("paste", {...given, clipboardData: data})
        : new DragEvent("drop", {...given, dataTransfer: data}));
}"""


def bring(page: Page, event: str, data: bytes, kind: str = "image/png") -> None:
    page.get_by_label("Body", exact=True).evaluate(BRING, [event, list(data), kind])


def test_pictures_and_sources_with_a_script(page: Page, live: Service, tmp_path: Path) -> None:
    sign_up(page, live)
    sources_are_a_table_and_lines_alike(page)
    pictures_come_by_choosing_pasting_and_dropping(page, tmp_path)


def pictures_come_by_choosing_pasting_and_dropping(page: Page, tmp_path: Path) -> None:
    write(page, "A cup")
    file = tmp_path / "cup.jpg"
    file.write_bytes(picture(900, 300, "RGB", "JPEG"))
    # What was typed by hand of another file goes, and not before there is another.
    address = page.get_by_label("Address of the picture")
    page.get_by_text("Its host cannot be asked?").first.click()
    kind, length = page.locator("#picture_type"), page.locator("#picture_length")
    kind.fill("image/gif")
    address.fill("https://example.org/a.gif")
    length.fill("5")
    expect(kind).to_have_value("image/gif")
    address.fill("https://example.org/b.gif")
    length.focus()
    expect(kind).to_have_value("")
    expect(length).to_have_value("")
    length.fill("6")
    page.get_by_label("File").set_input_files(file)
    expect(address).to_have_value(re.compile(r"^/media/[0-9a-f]{32}\.jpg$"))
    expect(length).to_have_value("")
    expect(page.locator("#picture-hint")).to_contain_text("900 × 300")
    # Asked for what it shows, and remarked as long as nobody says so.
    expect(page.get_by_label("Alternative text")).to_be_focused()
    expect(page.locator(".remarks")).to_contain_text("description")
    page.get_by_label("Alternative text").fill("A cup of tea")
    expect(page.locator("#preview figure img")).to_have_attribute("alt", "A cup of tea")
    check(page, "a form with a picture")
    # Into the body, where its description is asked for between the brackets.
    body = page.get_by_label("Body", exact=True)
    body.fill("")
    bring(page, "paste", picture())
    expect(body).to_have_value(re.compile(r"^!\[\]\(/media/[0-9a-f]{32}\.png\)$"))
    page.keyboard.type("a gradient")
    expect(body).to_have_value(re.compile(r"^!\[a gradient\]\(/media/"))
    body.fill("Words.\n\n")
    bring(page, "drop", picture(70, 70))
    expect(body).to_have_value(re.compile(r"^Words\.\n\n!\[\]\(/media/[0-9a-f]{32}\.png\)$"))
    # What is no picture leaves the text as it was, and says why.
    body.fill("Words.")
    bring(page, "drop", b"<svg/>", "image/svg+xml")
    expect(page.locator("#picture_file-hint")).to_contain_text("SVG")
    expect(body).to_have_value("Words.")
    send_out(page, "Publish")
    expect(page.get_by_role("status")).to_contain_text("Published")
    expect(address).to_have_value(re.compile("^/media/"))
    page.get_by_role("link", name="the article's page").click()
    shown = page.get_by_role("img", name="A cup of tea")
    expect(shown).to_be_visible()
    assert shown.evaluate("async (one) => { await one.decode(); return one.naturalWidth; }") > 0


def sources_are_a_table_and_lines_alike(page: Page) -> None:
    write(page, "With sources")
    field = page.get_by_label("Sources")
    old = "• Mercury https://example.org/wiki/Mercury_(planet)\nwords alone"
    field.fill(old)
    expect(page.get_by_label("Name, row 1")).to_have_value("Mercury")
    expect(page.get_by_label("Address, row 1")).to_have_value(
        "https://example.org/wiki/Mercury_(planet)"
    )
    expect(page.get_by_label("Name, row 2")).to_have_value("words alone")
    # By the keyboard alone, into the last row, which is always there.
    page.get_by_label("Name, row 2").focus()
    page.keyboard.press("Enter")
    page.keyboard.type("A journal")
    page.keyboard.press("Tab")
    page.keyboard.type("example.org")
    fault = page.locator("#source-fault-3")
    expect(fault).to_be_visible()
    page.keyboard.press("Home")
    page.keyboard.type("https://")
    expect(fault).to_be_hidden()
    # Lines that nobody touched stay as they were written.
    expect(field).to_have_value(f"{old}\nA journal – https://example.org")
    expect(page.get_by_label("Name, row 4")).to_have_value("")
    page.get_by_role("button", name="Remove row 2").press("Enter")
    expect(page.get_by_label("Name, row 2")).to_be_focused()
    expect(field).to_have_value(f"{old.splitlines()[0]}\nA journal – https://example.org")
    # What another script puts into the field stands in the table, too.
    field.evaluate(
        "(one) => { one.value = 'Brought back'; one.form.dispatchEvent(new Event('input')); }"
    )
    expect(page.get_by_label("Name, row 1")).to_have_value("Brought back")
    expect(page.get_by_label("Name, row 2")).to_have_value("")
    page.get_by_label("Address, row 1").fill("https://example.org")
    # Enter means what it meant before there was a button Upload above the others.
    page.get_by_label("Title").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Readers do not see it")
    expect(field).to_have_value("Brought back – https://example.org")
    expect(page.get_by_label("Address, row 1")).to_have_value("https://example.org")
    # More than an article may have stand in the field alone, and none is lost.
    many = "\n".join(f"source {number}" for number in range(201))
    old = field.input_value()
    field.fill(many)
    expect(page.locator("table.rows")).to_be_hidden()
    expect(field).to_have_value(many)
    field.fill(old)
    expect(page.get_by_label("Name, row 2")).to_have_value("")
    # Nothing moves while the scripts come.
    page.reload()
    moved = page.evaluate(
        """() => new Promise((done) => {
            let sum = 0;
            const add = (one) => { sum += one.value; };
            new PerformanceObserver((list) => list.getEntries().forEach(add))
                .observe({type: "layout-shift", buffered: true});
            setTimeout(() => done(sum), 300);
        })"""
    )
    assert moved < 0.01


def test_without_a_script_a_file_is_uploaded_by_the_button(
    browser: Browser, live: Service, tmp_path: Path
) -> None:
    context = browser.new_context(
        base_url=f"http://127.0.0.1:{live.port}", java_script_enabled=False
    )
    page = context.new_page()
    sign_up(page, live)
    write(page, "Plainly")
    expect(page.locator("table.rows")).to_be_hidden()
    file = tmp_path / "cup.jpg"
    file.write_bytes(picture(900, 300, "RGB", "JPEG"))
    page.get_by_label("File").set_input_files(file)
    # Another button sends no more than its name, and says so.
    page.get_by_role("button", name="Publish").click()
    expect(page.locator("#picture_file-fault")).to_contain_text("cup.jpg")
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_label("Address of the picture")).to_have_value(re.compile("^/media/"))
    expect(page.get_by_label("Title")).to_have_value("Plainly")
    expect(page.get_by_label("Sources")).to_have_value("A journal – https://example.org/")
    page.get_by_label("Alternative text").fill("A cup")
    send_out(page, "Publish")
    expect(page.get_by_role("status")).to_contain_text("Published")
    assert 'type="image/jpeg"' in live.get("/feeds/health.atom").text
    context.close()
