"""What feeds say of how often to ask, whose they are and how they look."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from feedsvc.model import Author, Content, Feed, Format, Window
from feedsvc.rendering.frame import minutes_to_live, update_rhythm
from tests.builders import CHANGED, HEALTH, HEALTH_FEED, SITE, make_entry, rendered
from tests.judge import findings

NS = {
    "a": "http://www.w3.org/2005/Atom",
    "sy": "http://purl.org/rss/1.0/modules/syndication/",
    "dc": "http://purl.org/dc/elements/1.1/",
}
SECONDS = {"hourly": 3_600, "daily": 86_400}


@given(st.integers(0, 86_400))
@example(86_400)
@example(3_600)
@example(300)
def test_readers_are_asked_to_wait_as_long_as_caches_do(max_age_seconds: int) -> None:
    period, frequency = update_rhythm(max_age_seconds)
    assert frequency >= 1
    assert SECONDS[period] / frequency >= max_age_seconds
    assert 60 * minutes_to_live(max_age_seconds) >= max_age_seconds
    # And not much longer.
    assert SECONDS[period] / frequency <= 2 * max(max_age_seconds, 1)
    assert 60 * (minutes_to_live(max_age_seconds) - 1) < max(max_age_seconds, 1)


def rss(**options: Any) -> Any:
    return etree.fromstring(rendered(Format.RSS, make_entry(), **options))


def test_rss_says_how_often_it_is_worth_asking() -> None:
    root = rss(window=Window(max_age_seconds=300))
    assert root.findtext("channel/ttl") == "5"
    assert root.findtext("channel/sy:updatePeriod", namespaces=NS) == "hourly"
    assert root.findtext("channel/sy:updateFrequency", namespaces=NS) == "12"
    unsaid = rss(window=Window())
    assert unsaid.find("channel/ttl") is None
    assert unsaid.find("channel/sy:updatePeriod", namespaces=NS) is None


def test_rights_and_a_logo_are_said_where_formats_have_room() -> None:
    site = replace(SITE, rights="© The <Example>", logo="https://example.org/logo.png")
    root = rss(site=site)
    assert root.findtext("channel/copyright") == "© The <Example>"
    assert root.findtext("channel/image/url") == "https://example.org/logo.png"
    assert root.findtext("channel/image/link") == root.findtext("channel/link")
    atom = etree.fromstring(rendered(Format.ATOM, make_entry(), site=site))
    assert atom.findtext("a:rights", namespaces=NS) == "© The <Example>"
    assert atom.findtext("a:logo", namespaces=NS) == "https://example.org/logo.png"
    # Which wants a square one.
    assert "icon" not in json.loads(rendered(Format.JSON, site=site))
    uploaded = rss(site=replace(site, logo="/media/a.png"))
    assert uploaded.findtext("channel/image/url") == SITE.absolute("/media/a.png")
    ours = etree.fromstring(rendered(Format.ATOM, make_entry()))
    assert ours.findtext("a:logo", namespaces=NS).startswith(SITE.url)
    assert ours.findtext("a:icon", namespaces=NS).startswith(SITE.url)


def test_an_item_of_another_language_says_so() -> None:
    arabic = replace(HEALTH, language="ar")
    entry = make_entry(categories=(arabic,))
    everything = Feed(id=2, urn=HEALTH_FEED.urn)
    root = etree.fromstring(rendered(Format.RSS, entry, feed=everything))
    assert root.findtext("channel/item/dc:language", namespaces=NS) == "ar"
    own = etree.fromstring(rendered(Format.RSS, entry, feed=replace(HEALTH_FEED, category=arabic)))
    assert own.findtext("channel/language") == "ar"
    assert own.find("channel/item/dc:language", namespaces=NS) is None


@pytest.mark.parametrize("format", Format)
def test_an_authors_feed_and_a_second_one_are_valid_and_their_own(format: Format) -> None:
    feed = Feed(id=3, urn=HEALTH_FEED.urn, author=Author("ada", "Ada & Co"))
    body = rendered(format, make_entry(author="Ada & Co"), feed=feed)
    assert findings(body, format, SITE.absolute(f"/feeds/authors/ada.{format}"), CHANGED) == []
    assert b"Ada &" in body
    window = Window(content="full+summary")
    second = rendered(format, make_entry(), window=window, second=Content.SUMMARY)
    address = SITE.absolute(f"/feeds/health/summary.{format}")
    assert findings(second, format, address, CHANGED) == []
    assert "(summaries)" in second.decode()
    if format is Format.ATOM:
        ids = {etree.fromstring(one).findtext("a:id", namespaces=NS) for one in (body, second)}
        assert len(ids) == 2
