"""Each fault of feedgen 1.0.0 that touches RSS or Atom, and that it is mended.

The numbers are those of docs/notes/feedgen.md. Where a test says what plain
feedgen does, it fails on the day that feedgen does better: the mend can then go.
"""

from __future__ import annotations

import locale
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from feedgen.entry import FeedEntry
from feedgen.feed import FeedGenerator
from lxml import etree

from feedsvc.errors import RenderingError
from feedsvc.model import Category, Entry, Format, State
from feedsvc.rendering import render
from feedsvc.rendering.repairs import atom_entry, rfc822
from tests.builders import (
    CHANGED,
    FULL,
    HEALTH,
    HEALTH_FEED,
    SCIENCE,
    SITE,
    SUMMARY,
    entry_id,
    make_entry,
    rendered,
)

NS = {
    "atom": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
}
IDS = {Format.RSS: "/rss/channel/item/guid/text()", Format.ATOM: "/*/atom:entry/atom:id/text()"}
DATES = (
    "//pubDate/text() | //lastBuildDate/text() | //atom:updated/text() | //atom:published/text()"
)

both_formats = pytest.mark.parametrize("format", [Format.RSS, Format.ATOM])


def plain_feed() -> FeedGenerator:
    generator = FeedGenerator()
    generator.id("urn:example:feed")
    generator.title("Feed")
    generator.description("About it")
    generator.link(href="https://news.example.org/", rel="alternate")
    return generator


def plain_entry(generator: FeedGenerator, id: str = "urn:example:1") -> FeedEntry:
    entry = generator.add_entry()
    entry.id(id)
    entry.title("Title")
    entry.link(href="https://news.example.org/1")
    return entry


def plain_bytes(generator: FeedGenerator, format: Format) -> bytes:
    text: bytes = generator.rss_str() if format is Format.RSS else generator.atom_str()
    return text


def find(document: bytes, path: str) -> list[Any]:
    found: list[Any] = etree.fromstring(document).xpath(path, namespaces=NS)
    return found


def test_fault_1_atom_entry_links_keep_all_they_say() -> None:
    enclosure = {"rel": "enclosure", "type": "audio/mpeg", "length": "5", "title": "Listen"}
    enclosure["href"] = "https://news.example.org/1.mp3"
    plain = plain_feed()
    plain_entry(plain).link(dict(enclosure))
    assert find(plain.atom_str(), "//atom:entry/atom:link/@*[name() != 'href']") == []

    (link,) = find(rendered(Format.ATOM, make_entry()), "//atom:entry/atom:link")
    assert dict(link.attrib) == {
        "rel": "alternate",
        "type": "text/html",
        "href": "https://news.example.org/articles/article-1",
    }
    item, extra = atom_entry()
    item.id("urn:example:1")
    item.title("Title")
    item.content("Text", type="html")
    extra.links = [enclosure]
    extra.published = extra.updated = CHANGED
    assert [dict(link.attrib) for link in item.atom_entry().findall("link")] == [enclosure]


def test_fault_2_the_rss_channels_link_is_its_page_and_not_the_feed() -> None:
    plain = plain_feed()
    plain.link(href="https://news.example.org/feed.rss", rel="self")
    assert find(plain.rss_str(), "//channel/link/text()") == ["https://news.example.org/feed.rss"]

    document = rendered(Format.RSS, make_entry())
    assert find(document, "//channel/link/text()") == ["https://news.example.org/categories/health"]
    assert find(document, "//channel/atom:link[@rel='self']/@href") == [
        "https://news.example.org/feeds/health.rss"
    ]


@both_formats
def test_fault_4_every_date_comes_from_the_data_and_none_from_the_clock(format: Format) -> None:
    before = datetime.now(UTC)
    plain = plain_feed()
    assert before <= plain.updated() <= datetime.now(UTC)
    assert before <= plain_entry(plain).updated() <= datetime.now(UTC)

    document = rendered(format, make_entry(), updated=datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC))
    assert (
        sorted(find(document, DATES))
        == {
            Format.RSS: [
                "2026-01-21T18:13:00Z",
                "Sat, 03 Feb 2001 04:05:06 +0000",
                "Wed, 21 Jan 2026 18:13:00 +0000",
            ],
            Format.ATOM: ["2001-02-03T04:05:06Z", "2026-01-21T18:13:00Z", "2026-01-21T18:13:00Z"],
        }[format]
    )


@both_formats
def test_fault_5_entries_stand_newest_first_in_whatever_order_they_come(format: Format) -> None:
    plain = plain_feed()
    for id in ("urn:example:1", "urn:example:2", "urn:example:2"):
        plain_entry(plain, id)
    assert find(plain_bytes(plain, format), IDS[format]) == [
        "urn:example:2",
        "urn:example:2",
        "urn:example:1",
    ]

    older = make_entry(1, published=datetime(2026, 1, 20, tzinfo=UTC))
    newer = make_entry(2, published=datetime(2026, 1, 22, tzinfo=UTC))
    expected = [entry_id(2), entry_id(1)]
    assert find(rendered(format, older, newer), IDS[format]) == expected
    assert find(rendered(format, newer, older), IDS[format]) == expected


@both_formats
def test_fault_5_an_id_that_stands_twice_is_refused(format: Format) -> None:
    with pytest.raises(RenderingError, match="stands twice"):
        rendered(format, make_entry(1), make_entry(1, title="Another"))


@pytest.mark.parametrize(
    ("published", "rss", "atom"),
    [
        ((2026, 2, 3), "Tue, 03 Feb 2026 18:13:00 +0000", "2026-02-03T18:13:00Z"),
        ((2026, 3, 2), "Mon, 02 Mar 2026 18:13:00 +0000", "2026-03-02T18:13:00Z"),
        ((2026, 12, 1), "Tue, 01 Dec 2026 18:13:00 +0000", "2026-12-01T18:13:00Z"),
        ((2026, 1, 12), "Mon, 12 Jan 2026 18:13:00 +0000", "2026-01-12T18:13:00Z"),
    ],
)
def test_fault_6_day_and_month_are_never_swapped(
    published: tuple[int, int, int], rss: str, atom: str
) -> None:
    plain = plain_entry(plain_feed())
    assert plain.published("03/02/2026 18:13 +0000") == datetime(2026, 3, 2, 18, 13, tzinfo=UTC)

    entry = make_entry(published=datetime(*published, 18, 13, tzinfo=UTC))
    assert find(rendered(Format.RSS, entry), "//item/pubDate/text()") == [rss]
    assert find(rendered(Format.ATOM, entry), "//atom:entry/atom:published/text()") == [atom]


@pytest.mark.parametrize(
    ("updated", "plainly", "atom", "rss"),
    [
        (
            datetime(2026, 1, 21, 18, 13, 0, 123456, tzinfo=UTC),
            "2026-01-21T18:13:00.123456+00:00",
            "2026-01-21T18:13:00Z",
            "Wed, 21 Jan 2026 18:13:00 +0000",
        ),
        (
            datetime(2026, 1, 21, 19, 13, tzinfo=ZoneInfo("Europe/Rome")),
            "2026-01-21T19:13:00+01:00",
            "2026-01-21T18:13:00Z",
            "Wed, 21 Jan 2026 18:13:00 +0000",
        ),
        (
            datetime(1800, 1, 1, 12, 0, tzinfo=ZoneInfo("Europe/Rome")),
            "1800-01-01T12:00:00+00:49:56",
            "1800-01-01T11:10:04Z",
            "Wed, 01 Jan 1800 11:10:04 +0000",
        ),
    ],
    ids=["microseconds", "offset", "local mean time"],
)
def test_fault_7_an_instant_is_written_in_utc_and_whole_seconds(
    updated: datetime, plainly: str, atom: str, rss: str
) -> None:
    plain = plain_feed()
    plain.updated(updated)
    assert find(plain.atom_str(), "/*/atom:updated/text()") == [plainly]

    document = rendered(Format.ATOM, make_entry(), updated=updated)
    assert find(document, "/*/atom:updated/text()") == [atom]
    document = rendered(Format.RSS, make_entry(), updated=updated)
    assert find(document, "//lastBuildDate/text()") == [rss]


def test_fault_7_a_year_has_four_digits_in_both_formats() -> None:
    early = make_entry(published=datetime(1000, 1, 2, 3, 4, 5, tzinfo=UTC))

    assert find(rendered(Format.RSS, early), "//pubDate/text()") == [
        "Thu, 02 Jan 1000 03:04:05 +0000"
    ]
    assert find(rendered(Format.ATOM, early), "//atom:published/text()") == ["1000-01-02T03:04:05Z"]
    assert rfc822(datetime(999, 1, 2, 3, 4, 5, tzinfo=UTC)) == "Wed, 02 Jan 0999 03:04:05 +0000"


def test_fault_8_rendering_leaves_the_locale_of_the_process_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("setlocale was called")

    monkeypatch.setattr(locale, "setlocale", refuse)
    with pytest.raises(AssertionError, match="setlocale was called"):
        plain_feed().rss_str()

    for format in Format:
        rendered(format, make_entry())


@both_formats
@pytest.mark.parametrize("character", ["\x00", "\x0b", "\x1f", "\ud800", "\ufffe"])
@pytest.mark.parametrize("field", ["title", "author", "summary", "body"])
def test_fault_9_an_entry_that_xml_cannot_carry_is_left_out_and_the_others_stay(
    field: str, character: str, format: Format
) -> None:
    plain = plain_feed()
    plain_entry(plain, "urn:example:1")
    plain_entry(plain, "urn:example:2").title(f"a{character}b")
    with pytest.raises(ValueError, match=r"XML compatible|surrogates not allowed"):
        plain_bytes(plain, format)

    bad = make_entry(2, **{field: f"a{character}b"})
    made = render(HEALTH_FEED, [make_entry(1), bad, make_entry(3)], SITE, FULL, format, CHANGED)
    body, left_out = made.body, made.left_out
    assert find(body, IDS[format]) == [entry_id(1), entry_id(3)]
    assert [(one.entry_id, one.format) for one in left_out] == [(entry_id(2), format)]
    assert field in left_out[0].fault


@both_formats
def test_fault_9_an_entry_without_instants_is_reported_by_its_id(format: Format) -> None:
    draft = make_entry(2, state=State.DRAFT, updated=None)

    made = render(HEALTH_FEED, [make_entry(1), draft], SITE, FULL, format, CHANGED)
    body, left_out = made.body, made.left_out
    assert find(body, IDS[format]) == [entry_id(1)]
    assert [one.entry_id for one in left_out] == [entry_id(2)]


def test_fault_10_atom_content_has_a_type_that_atom_knows() -> None:
    plain = plain_feed()
    plain_entry(plain).content("<p>Text</p>", type="CDATA")
    assert find(plain.atom_str(), "//atom:content/@type") == ["CDATA"]

    assert find(rendered(Format.ATOM, make_entry()), "//atom:content/@type") == ["html"]


@both_formats
def test_fault_11_html_that_is_no_xml_is_carried(format: Format) -> None:
    plain = plain_feed()
    plain_entry(plain).content("one&nbsp;two<br>three", type="xhtml")
    with pytest.raises(etree.XMLSyntaxError):
        plain.atom_str()

    entry = make_entry(body="one&nbsp;two<br>three", sources=())
    document = rendered(format, entry)
    content = {Format.RSS: "//content:encoded/text()", Format.ATOM: "//atom:content/text()"}
    assert find(document, content[format]) == ["<p>one&nbsp;two<br>three</p>"]


def test_fault_12_summary_and_content_stand_beside_each_other() -> None:
    plain = plain_feed()
    entry = plain_entry(plain)
    entry.content("Content", type="html")
    entry.description("Summary")
    assert find(plain.atom_str(), "//atom:content/text()") == ["Summary"]

    entry = make_entry(summary="Summary", body="Content", sources=())
    rss, atom = rendered(Format.RSS, entry), rendered(Format.ATOM, entry)
    assert find(rss, "//item/description/text()") == ["Summary"]
    assert find(rss, "//item/content:encoded/text()") == ["<p>Content</p>"]
    assert find(atom, "//atom:entry/atom:summary/text()") == ["Summary"]
    assert find(atom, "//atom:entry/atom:content/text()") == ["<p>Content</p>"]


def test_fault_13_an_rss_author_needs_no_address() -> None:
    plain = plain_feed()
    plain_entry(plain).author({"name": "Ada Rossi"})
    assert find(plain.rss_str(), "//item/author | //item/dc:creator") == []

    document = rendered(Format.RSS, make_entry(1), make_entry(2, author=""))
    assert find(document, "//item/dc:creator/text()") == ["Ada Rossi", "The editors"]
    assert find(document, "//author") == []


def test_fault_14_a_guid_that_is_no_address_says_so() -> None:
    plain = plain_feed()
    entry = plain_entry(plain)
    entry.guid("https://news.example.org/1", permalink=True)
    entry.id("https://news.example.org/1")
    assert find(plain.rss_str(), "//guid/@isPermaLink") == ["false"]

    (guid,) = find(rendered(Format.RSS, make_entry()), "//guid")
    assert (guid.text, dict(guid.attrib)) == (entry_id(1), {"isPermaLink": "false"})


def test_fault_15_an_rss_item_tells_when_it_was_updated() -> None:
    plain = plain_feed()
    plain_entry(plain).updated(CHANGED)
    assert find(plain.rss_str(), "//item/atom:updated") == []

    document = rendered(Format.RSS, make_entry(updated=CHANGED))
    assert find(document, "//item/atom:updated/text()") == ["2026-01-22T09:00:00Z"]
    assert find(document, "//item/pubDate/text()") == ["Wed, 21 Jan 2026 18:13:00 +0000"]


def test_fault_20_categories_have_a_label_and_stand_once() -> None:
    plain = plain_feed()
    plain_entry(plain).category([{"term": "health", "label": " "}] * 2)
    assert find(plain.rss_str(), "//item/category/text()") == [" ", " "]
    assert find(plain.atom_str(), "//atom:category/@label") == [" ", " "]

    entry = make_entry(categories=(HEALTH, Category("blank", " "), SCIENCE, replace(HEALTH, id=7)))
    assert find(rendered(Format.RSS, entry), "//item/category/text()") == ["Health", "Science"]
    assert find(rendered(Format.ATOM, entry), "//atom:category/@term") == ["Health", "Science"]
    assert find(rendered(Format.ATOM, entry), "//atom:category/@label") == ["Health", "Science"]


def test_fault_21_atom_has_one_namespace_and_no_prefix() -> None:
    root, _ = plain_feed()._create_atom()
    etree.SubElement(root, f"{{{NS['atom']}}}link")
    assert b"ns0:" in etree.tostring(root)

    document = rendered(Format.ATOM, make_entry(1), make_entry(2), window=SUMMARY)
    elements = list(etree.fromstring(document).iter())
    assert {etree.QName(element).namespace for element in elements} == {NS["atom"]}
    assert {element.prefix for element in elements} == {None}
    assert document.count(b"xmlns") == 1


@both_formats
@pytest.mark.parametrize("title", ["", " ", "\t\n"])
def test_fault_22_an_entry_without_a_title_is_left_out_of_both_formats(
    title: str, format: Format
) -> None:
    plain = plain_feed()
    plain_entry(plain).title("")
    with pytest.raises(ValueError, match="Required fields not set"):
        plain.atom_str()

    untitled: Entry = make_entry(2, state=State.DRAFT, title=title)
    made = render(HEALTH_FEED, [make_entry(1), untitled], SITE, FULL, format, CHANGED)
    body, left_out = made.body, made.left_out
    assert find(body, IDS[format]) == [entry_id(1)]
    assert [one.entry_id for one in left_out] == [entry_id(2)]


@both_formats
def test_fault_22_every_address_is_absolute(format: Format) -> None:
    plain = plain_feed()
    plain_entry(plain).link(href="/relative")
    assert b"/relative" in plain_bytes(plain, format)

    document = rendered(format, make_entry(body="[a](/b) ![c](d.png)"))
    addresses = find(document, "//link/text() | //@href")
    assert len(addresses) >= 3
    assert all(address.startswith("https://news.example.org/") for address in addresses)
    # But for the sheet that browsers get, from wherever they got the document.
    assert b'="/' not in document.partition(b"-->")[2]
    assert b'src="d.png' not in document


def test_fault_22_markup_in_an_atom_title_is_text() -> None:
    document = rendered(Format.ATOM, make_entry(title="The <b> element & others"))

    (title,) = find(document, "//atom:entry/atom:title")
    assert title.text == "The <b> element & others"
    # Said, though it goes without saying: feedparser-rs takes it for HTML otherwise.
    assert title.get("type") == "text"
    types = find(document, "//atom:title/@type | //atom:subtitle/@type | //atom:summary/@type")
    assert types == ["text"] * 4


def test_fault_13_the_channel_and_an_unsigned_item_name_an_author_too() -> None:
    document = rendered(Format.RSS, make_entry(author=""))
    assert find(document, "/rss/channel/dc:creator/text()") == ["The editors"]
    assert find(document, "//item/dc:creator/text()") == ["The editors"]


def test_fault_20_two_categories_of_one_name_are_written_once() -> None:
    entry = make_entry(categories=(Category("a", "Same"), Category("b", "Same")))
    assert find(rendered(Format.RSS, entry), "//item/category/text()") == ["Same"]
