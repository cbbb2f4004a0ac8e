"""How readers and people find feeds, and what they see of them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from lxml import etree
from PIL import Image
from playwright.sync_api import Browser, Route, expect

from feedsvc.rendering import RENDERER_VERSION
from feedsvc.web import discovery
from feedsvc.web.languages import said_in
from tests import icons
from tests.browsing import needs_chromium
from tests.contract import InProcess
from tests.service import ROOT, Answer, Service
from tests.test_browser_writing import check

SCHEMAS = ROOT.parent / "shared" / "schemas"
# Whatever the configuration says of the port.
OWN = "http://127.0.0.1:"


def xml(answer: Answer) -> Any:
    assert answer.status == 200, answer.text
    return etree.fromstring(answer.body)


# Pages


def test_the_page_of_all_feeds_and_the_page_of_one(
    either: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 6):
        either.write(title=f"Health {number}", publish_at=f"2{number}/12/2025 10:00")
    either.write(title="Stars", category="science")
    either.write("schedule", title="Not yet", publish_at="01/02/2026 10:00")
    either.edit(either.write(title="Taken back"), "withdraw")
    shown = either.get("/feeds/").page
    sections = shown.xpath("//section")
    titles = [section.findtext("h2/a") for section in sections]
    assert titles == ["The Example", "Health – The Example", "Science – The Example"]
    newest = [[a.text_content() for a in one.xpath(".//li/a[bdi]")] for one in sections]
    assert newest == [
        ["Stars", "Health 5", "Health 4"],
        ["Health 5", "Health 4", "Health 3"],
        ["Stars"],
    ]
    site = f"{OWN}{either.port}"
    addresses = sections[1].xpath(".//input[@readonly]/@value")
    assert addresses == [f"{site}/feeds/health.{format}" for format in ("rss", "atom", "json")]
    labels = shown.xpath("//input/@aria-label")
    assert len(labels) == len(set(labels)) == 9
    # In which order a page has them is the desk's to say; many are spread over pages.
    monkeypatch.setattr(discovery, "FEEDS_PER_PAGE", 2)
    first, second = either.get("/feeds/").page, either.get("/feeds/?page=2").page
    assert [page.xpath("//section/h2/a/@href") for page in (first, second)] == [
        ["/feeds/all", "/feeds/health"],
        ["/feeds/science"],
    ]
    assert first.xpath("//a[@rel='next']/@href") == ["/feeds/?page=2"]
    assert second.xpath("//a[@rel='prev']/@href") == ["/feeds/"]
    assert either.get("/feeds/?page=3").status == 404

    # One feed: what its documents have, by the same rule (here three, and two days).
    page = either.get("/feeds/health").page
    read = [one.text_content().strip() for one in page.xpath("//article/h3")]
    documents = json.loads(either.get("/feeds/health.json").body)["items"]
    assert read == [one["title"] for one in documents]
    assert page.xpath("//a[@href='/categories/health' and not(ancestor::nav)]")
    linked = page.xpath("//link[@rel='alternate']")
    assert [one.get("href").removeprefix(site) for one in linked[:4]] == [
        "/feeds/health.rss",
        "/feeds/health.atom",
        "/feeds/health.json",
        "/feeds/all.rss",
    ]
    assert len({one.get("title") for one in linked}) == 6
    monkeypatch.setattr(discovery, "MOST_READ", 2)
    cut = either.get("/feeds/health").page
    assert len(cut.xpath("//article")) == 2
    assert "There is more in it" in cut.text_content()
    # Every page leads there.
    for path in ("/", "/articles/stars", "/nothing", "/articles/taken-back", "/editor/"):
        assert either.browse(path).page.xpath("//footer//a[@href='/feeds/']"), path


def test_a_feed_is_read_under_every_name_that_it_had(in_process: InProcess) -> None:
    change = {"name": "Well-being", "slug": "well-being", "description": "", "language": ""}
    page = "/editor/categories"
    answer = in_process.post(f"{page}/health", change, page=page)
    assert answer.status == 303, answer.text
    moved = in_process.get("/feeds/health")
    assert (moved.status, moved.headers["location"]) == (301, "/feeds/well-being")
    assert in_process.get("/feeds/all").status == 200
    for path in ("/feeds/nothing", "/feeds/authors", "/feeds/authors/nobody", "/feeds/%00"):
        assert in_process.get(path).status == 404, path
    # What is called like a document is none of these pages.
    for path in ("/feeds/health.pdf", "/feeds/nothing.rss"):
        assert in_process.get(path).status == 404, path


# For programs


def test_the_list_for_readers_is_opml(in_process: InProcess) -> None:
    page = "/editor/categories"
    added = {"name": 'Tea & "<sleep>"', "slug": "tea", "language": "de-AT", "description": "D & d"}
    assert in_process.post(page, added).status == 303
    answer = in_process.get("/feeds.opml")
    assert answer.headers["content-type"] == "text/x-opml; charset=utf-8"
    outlines = xml(answer).xpath("/opml[@version='2.0']/body/outline")
    site = f"{OWN}{in_process.port}"
    assert [one.get("xmlUrl") for one in outlines] == [
        f"{site}/feeds/{slug}.rss" for slug in ("all", "health", "science", "tea")
    ]
    assert dict(outlines[3].attrib) == {
        "type": "rss",
        "text": 'Tea & "<sleep>" – The Example',
        "title": 'Tea & "<sleep>" – The Example',
        "description": "D & d",
        "language": "de-AT",
        "xmlUrl": f"{site}/feeds/tea.rss",
        "htmlUrl": f"{site}/categories/tea",
    }
    schema = SCHEMAS / "opml-2.0.xsd"
    if not schema.exists():
        pytest.skip("the OPML schema is not here: ../shared/schemas/opml-2.0.xsd is absent")
    etree.XMLSchema(etree.parse(schema)).assertValid(xml(answer))


def test_the_manifest_leads_to_icons_that_are_there(in_process: InProcess) -> None:
    manifest = json.loads(in_process.get("/manifest.webmanifest").body)
    assert manifest["name"] == "The Example"
    purposes = set()
    for icon in manifest["icons"]:
        assert in_process.get(icon["src"]).headers["content-type"].startswith(icon["type"])
        purposes.add((icon["sizes"], icon["purpose"]))
    assert {("192x192", "any"), ("512x512", "any"), ("512x512", "maskable")} <= purposes
    page = in_process.get("/").page
    icon = in_process.get("/favicon.ico")
    assert (icon.status, icon.body[:4]) == (200, b"\0\0\1\0")
    for rel in ("manifest", "apple-touch-icon", "icon"):
        [href] = page.xpath(f"//link[@rel='{rel}']/@href")
        assert in_process.get(href).status == 200
    for name, (width, height, *_) in icons.PICTURES.items():
        with Image.open(icons.TARGET / name) as stored:
            assert stored.size == (width, height), name


# Documents in a browser


def test_whoever_changes_the_sheet_raises_its_address() -> None:
    """Caches keep it for ever: the number in its address is RENDERER_VERSION."""
    digest = hashlib.sha256(discovery.sheet("en")).hexdigest()[:16]
    assert (RENDERER_VERSION, digest) == (5, "374112a526f0e7a6")


def test_a_document_names_its_sheet_in_its_own_language(in_process: InProcess) -> None:
    page = "/editor/categories"
    in_process.post(page, {"name": "Kunst", "slug": "kunst", "language": "de-AT"})
    for format in ("rss", "atom"):
        document = etree.ElementTree(xml(in_process.get(f"/feeds/kunst.{format}")))
        sheet, comment = document.xpath("/processing-instruction() | /comment()")
        assert sheet.get("type") == "text/css"
        assert f"{OWN}{in_process.port}/feeds/kunst" in comment.text
        styled = in_process.get(sheet.get("href"), Accept_Language="en")
        assert styled.headers["content-type"] == "text/css; charset=utf-8"
        assert "immutable" in styled.headers["cache-control"]
        assert said_in("de", discovery.SHEET_SAYS["this-is-a-feed"]) in styled.text
    # Of other versions what is there now, and not for ever.
    for path in ("/feed-style/1/fr.css", "/feed-style/99/en.css"):
        other = in_process.get(path)
        assert "This is a feed" in other.text
        assert other.headers["cache-control"] == "public, max-age=60"
    assert in_process.get("/feed-style/5/%22x.css").status == 404


@needs_chromium
def test_documents_and_addresses_in_a_browser(browser: Browser, live: Service) -> None:
    live.sign_up()
    live.write(title="Tea & sleep", summary="In short.", body="Hidden *words*.")
    context = browser.new_context(
        base_url=f"{OWN}{live.port}", permissions=["clipboard-read", "clipboard-write"]
    )
    page = context.new_page()
    page.goto("/feeds/health")
    page.get_by_role("button", name="Copy RSS address of Health – The Example").click()
    expect(page.get_by_role("status")).to_have_text("Copied")
    address = f"{OWN}{live.port}/feeds/health.rss"
    assert page.evaluate("navigator.clipboard.readText()") == address
    for path in ("/feeds/", "/feeds/health"):
        page.goto(path)
        check(page, path)
    # Chromium shows the source of a feed by its media type; here as browsers do that show XML.
    page.route("**/feeds/health.*", _as_xml)
    for format in ("rss", "atom"):
        page.goto(f"/feeds/health.{format}")
        said = page.evaluate(
            "getComputedStyle(document.querySelector('channel, feed'), '::before').content"
        )
        assert said.startswith('"This is a feed: copy the address of this page')
        for words in ("Health – The Example", "Tea & sleep", "In short."):
            expect(
                page.get_by_text(words, exact=True).locator("visible=true").first
            ).to_be_visible()
        expect(page.get_by_text("Hidden")).to_have_count(1)
        expect(page.get_by_text("Hidden")).to_be_hidden()
    context.close()


def _as_xml(route: Route) -> None:
    answer = route.fetch()
    route.fulfill(response=answer, headers={**answer.headers, "content-type": "text/xml"})
