"""What search engines find, and how documents that are made when asked for are kept."""

from __future__ import annotations

import gzip
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedsvc.model import ID_PREFIX
from feedsvc.rendering import RENDERER_VERSION
from feedsvc.web import crawlers
from tests.conftest import utc
from tests.contract import InProcess
from tests.service import Service
from tests.test_discovery import OWN, xml

NS = {"s": crawlers.SITEMAP, "n": crawlers.NEWS}
MADE = (
    "/feeds/",
    "/feeds/health",
    "/feeds.opml",
    "/sitemap.xml",
    "/sitemap-1.xml",
    "/news-sitemap.xml",
    "/robots.txt",
    "/manifest.webmanifest",
    f"/feed-style/{RENDERER_VERSION}/en.css",
)


def paths(service: Service, sitemap: str) -> list[str]:
    """What a sitemap names, below the site's address."""
    found = xml(service.get(sitemap)).xpath("//s:loc/text()", namespaces=NS)
    return [address.removeprefix(f"{OWN}{service.port}") for address in found]


def articles(service: Service, sitemap: str) -> list[str]:
    return [path for path in paths(service, sitemap) if path.startswith("/articles/")]


def test_each_is_made_once_and_asked_about(in_process: InProcess) -> None:
    in_process.write(title="Tea & <sleep>")
    for path in MADE:
        plain = in_process.get(path)
        assert plain.status == 200, path
        assert in_process.request("HEAD", path).headers["etag"] == plain.headers["etag"]
        packed = in_process.get(path, Accept_Encoding="gzip")
        if packed.headers.get("content-encoding"):
            assert gzip.decompress(packed.body) == plain.body
            assert packed.headers["etag"] != plain.headers["etag"]
        for answer in (plain, packed):
            asked = {"If_None_Match": answer.headers["etag"], "Accept_Encoding": "gzip"}
            if answer is plain:
                del asked["Accept_Encoding"]
            again = in_process.get(path, **asked)
            assert (again.status, again.body) == (304, b""), path
            assert again.headers["cache-control"] == answer.headers["cache-control"]
        if path not in ("/feeds/", "/feeds/health"):
            # Nobody's language changes it.
            assert plain.headers["vary"] == "Accept-Encoding", path
            seconds = 31_536_000 if "style" in path else 60
            assert plain.headers["cache-control"].startswith(f"public, max-age={seconds}")
        else:
            assert plain.headers["cache-control"] == "no-cache"


def test_sitemaps_have_what_is_live_and_nothing_else(
    either: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    either.write(title="Of old", publish_at="19/01/2026 10:00")
    path = either.write(title="Tea & <sleep>", language="", category="science")
    either.write("schedule", title="Later", publish_at="21/01/2026 19:40")
    withdrawn = either.write(title="Taken back")
    either.edit(withdrawn, "withdraw")
    either.write("save_draft", title="A draft")
    root = xml(either.get("/sitemap.xml"))
    assert paths(either, "/sitemap.xml")[:4] == [
        "/",
        "/categories/health",
        "/categories/science",
        "/feeds/",
    ]
    assert sorted(articles(either, "/sitemap.xml")) == ["/articles/of-old", "/articles/tea-sleep"]
    dates = root.xpath("//s:url[contains(s:loc, 'tea-sleep')]/s:lastmod/text()", namespaces=NS)
    assert dates == ["2026-01-21T18:30:00Z"]
    # Of the last two days only.
    assert articles(either, "/news-sitemap.xml") == ["/articles/tea-sleep"]
    news = xml(either.get("/news-sitemap.xml")).find(".//n:news", NS)
    assert [one.text for one in news.iter() if not len(one)] == [
        "The Example",
        "en",
        "2026-01-21T18:30:00Z",
        "Tea & <sleep>",
    ]
    # On the clock of the feeds: at its moment, with its feed.
    either.set_clock(utc(2026, 1, 21, 18, 40))
    either.settle()
    assert b"Later" in either.get("/feeds/health.rss").body
    assert "/articles/later" in articles(either, "/sitemap.xml")
    assert articles(either, "/news-sitemap.xml")[0] == "/articles/later"
    either.edit(path, "update", title="Tea, corrected", told="update")
    dates = xml(either.get("/sitemap.xml")).xpath(
        "//s:url[contains(s:loc, 'tea')]/s:lastmod/text()", namespaces=NS
    )
    assert dates == ["2026-01-21T18:40:00Z"]
    either.edit(path, "withdraw")
    left = sorted(articles(either, "/sitemap.xml"))
    assert left == ["/articles/later", "/articles/of-old"]

    # Where there are many an index, whose parts have each article once.
    monkeypatch.setattr(crawlers, "PER_SITEMAP", 1)
    either.set_clock(utc(2026, 1, 21, 18, 41))
    parts = paths(either, "/sitemap.xml")
    assert parts[0] == "/sitemap-0.xml"
    assert len(parts) >= 3
    assert paths(either, parts[0])[-1] == "/feeds/"
    assert sorted(path for part in parts for path in articles(either, part)) == left
    assert either.get("/sitemap-999999999.xml").status == 404


@given(ids=st.sets(st.uuids(version=4), min_size=30, max_size=60), per=st.integers(1, 8))
@settings(max_examples=25)
def test_the_parts_of_an_archive_have_each_id_once(ids: set[UUID], per: int) -> None:
    written = sorted(f"{ID_PREFIX}{one}" for one in ids)
    bits = crawlers.bits_for(written[per])
    assert 1 <= bits <= crawlers.MOST_BITS
    found = []
    for number in range(1 << bits, 2 << bits):
        first, end = crawlers.range_of(number)
        found += [one for one in ids if first <= one.int >> 96 < end]
    assert len(found) == len(ids)
    assert set(found) == ids
    assert crawlers.bits_for(None) == 0


def test_languages_of_news_are_named_as_google_does() -> None:
    tags = {"de-AT": "de", "en": "en", "zh-Hans": "zh-cn", "zh-TW": "zh-tw", "zh": "zh-cn"}
    assert {tag: crawlers.news_language(tag) for tag in tags} == tags


def test_robots_lead_to_what_is_there(in_process: InProcess) -> None:
    lines = in_process.get("/robots.txt").text.splitlines()
    assert lines[:3] == ["User-agent: *", "Disallow: /editor/", "Allow: /"]
    for line in lines[4:]:
        path = line.removeprefix(f"Sitemap: {OWN}{in_process.port}")
        assert in_process.get(path).status == 200
