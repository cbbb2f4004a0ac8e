"""A feed is a pure function of its data, and readers find in it what was meant."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import brotli
import feedparser
import pytest
import zstandard
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lxml import etree

from feedsvc.characters import presentable
from feedsvc.errors import RenderingError
from feedsvc.model import Category, Entry, Feed, Format, Site, Source, State, Window
from feedsvc.rendering import documents, feed_title, fingerprint, ordered, render
from tests.builders import (
    ALL_FEED,
    CHANGED,
    FULL,
    HEALTH,
    HEALTH_FEED,
    PUBLISHED,
    SCIENCE,
    SITE,
    SUMMARY,
    entry_id,
    make_entry,
    rendered,
)

ROOT = Path(__file__).parents[1]
SCHEMAS = ROOT.parent / "shared" / "schemas"
NS = {
    "a": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
}
TITLES = {
    Format.RSS: "/rss/channel/item/title/text()",
    Format.ATOM: "/*/a:entry/a:title/text()",
    Format.JSON: "title",
}
IDS = {
    Format.RSS: "/rss/channel/item/guid/text()",
    Format.ATOM: "/*/a:entry/a:id/text()",
    Format.JSON: "id",
}

each_format = pytest.mark.parametrize("format", list(Format))
in_xml = pytest.mark.parametrize("format", [Format.RSS, Format.ATOM])


def find(document: bytes, path: str) -> list[Any]:
    """What an XPath finds in XML; of JSON Feed a member of each item."""
    if document.startswith(b"{"):
        return [item.get(path) for item in json.loads(document)["items"]]
    found: list[Any] = etree.fromstring(document).xpath(path, namespaces=NS)
    return found


# The same data, the same bytes

RENDER_IN_A_PROCESS = """
import hashlib, locale
from feedsvc.model import Format
from feedsvc.rendering import documents, fingerprint
from tests.builders import *

locale.setlocale(locale.LC_ALL, "")
entries = [make_entry(number, categories=(HEALTH, SCIENCE)) for number in (3, 1, 2)]
digest = hashlib.sha256(fingerprint(HEALTH_FEED, entries, SITE, FULL).encode())
for format in Format:
    body = rendered(format, *entries)
    for document in documents(HEALTH_FEED, format, body, CHANGED, None):
        digest.update(document.etag.encode() + document.body)
print(digest.hexdigest())
"""


def test_two_processes_with_other_zones_locales_and_hash_seeds_write_the_same_bytes() -> None:
    surroundings = [
        {"TZ": "UTC", "LC_ALL": "C", "PYTHONHASHSEED": "1"},
        {"TZ": "America/New_York", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "2"},
        {"TZ": "Asia/Kathmandu", "LC_ALL": "C", "PYTHONHASHSEED": "3"},
    ]
    digests = {
        subprocess.run(
            [sys.executable, "-c", RENDER_IN_A_PROCESS],
            cwd=ROOT,
            env={**os.environ, **surrounding},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for surrounding in surroundings
    }

    assert len(digests) == 1
    assert len(digests.pop().strip()) == 64


@each_format
def test_the_order_in_which_entries_come_does_not_matter(format: Format) -> None:
    entries = [
        make_entry(1),
        make_entry(2),
        make_entry(3, published=datetime(2026, 1, 22, tzinfo=UTC)),
    ]
    orders = list(itertools.permutations(entries))

    assert len({rendered(format, *order) for order in orders}) == 1
    assert len({fingerprint(HEALTH_FEED, order, SITE, FULL) for order in orders}) == 1


@each_format
def test_the_newest_entry_stands_first(format: Format) -> None:
    first = make_entry(1, published=datetime(2026, 1, 21, 18, 12, 59, tzinfo=UTC))
    second = make_entry(2, published=datetime(2026, 1, 21, 18, 13, 0, tzinfo=UTC))
    third = make_entry(3, published=datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC))

    document = rendered(format, first, second, third)
    assert find(document, TITLES[format]) == ["Article 2", "Article 1", "Article 3"]


def test_neither_a_later_update_nor_a_later_entrance_moves_an_entry_up() -> None:
    later = datetime(2026, 2, 1, tzinfo=UTC)
    old = make_entry(1, published=datetime(2026, 1, 1, tzinfo=UTC), updated=later, visible_at=later)

    assert ordered([old, make_entry(2)]) == [make_entry(2), old]


def test_entries_of_one_second_stand_in_the_order_of_their_ids() -> None:
    entries = [make_entry(number) for number in (3, 1, 2)]

    assert [entry.id for entry in ordered(entries)] == [entry_id(1), entry_id(2), entry_id(3)]


def test_an_entry_that_is_not_published_has_no_place_in_the_order() -> None:
    draft = make_entry(state=State.DRAFT, published=None)

    with pytest.raises(RenderingError, match="is not published"):
        ordered([draft])


# Dates


def test_case_1_is_written_exactly_so() -> None:
    entry = make_entry(published=datetime(2026, 1, 21, 18, 13, tzinfo=UTC))
    rss, atom = rendered(Format.RSS, entry), rendered(Format.ATOM, entry)

    assert b"<pubDate>Wed, 21 Jan 2026 18:13:00 +0000</pubDate>" in rss
    assert b"<published>2026-01-21T18:13:00Z</published>" in atom


def test_a_significant_update_changes_updated_and_nothing_else() -> None:
    entry = make_entry(updated=datetime(2026, 1, 22, 10, 0, tzinfo=UTC), title="New", slug="new")
    rss, atom = rendered(Format.RSS, entry), rendered(Format.ATOM, entry)

    assert find(rss, "//item/pubDate/text()") == ["Wed, 21 Jan 2026 18:13:00 +0000"]
    assert find(rss, "//item/a:updated/text()") == ["2026-01-22T10:00:00Z"]
    assert find(rss, IDS[Format.RSS]) == find(atom, IDS[Format.ATOM]) == [entry_id(1)]
    assert find(atom, "//a:entry/a:published/text()") == ["2026-01-21T18:13:00Z"]
    assert find(atom, "//a:entry/a:updated/text()") == ["2026-01-22T10:00:00Z"]


def test_the_feeds_own_date_is_the_one_given() -> None:
    updated = datetime(2026, 2, 11, 8, 0, tzinfo=UTC)
    rss = rendered(Format.RSS, make_entry(), updated=updated)
    atom = rendered(Format.ATOM, make_entry(), updated=updated)

    assert find(rss, "//lastBuildDate/text()") == ["Wed, 11 Feb 2026 08:00:00 +0000"]
    assert find(atom, "/a:feed/a:updated/text()") == ["2026-02-11T08:00:00Z"]


# What stands in a feed


def test_a_feed_without_entries_is_a_feed() -> None:
    assert find(rendered(Format.RSS), "count(/rss/channel[title][link][description])") == 1
    assert find(rendered(Format.ATOM), "count(/a:feed[a:id][a:title][a:updated])") == 1


def test_full_feeds_carry_the_content_and_the_summary() -> None:
    entry = make_entry(summary="In short & <plain>.", body="*All* of it.", sources=())
    rss, atom = rendered(Format.RSS, entry), rendered(Format.ATOM, entry)

    assert find(rss, "//item/content:encoded/text()") == ["<p><em>All</em> of it.</p>"]
    assert find(rss, "//item/description/text()") == ["In short &amp; &lt;plain&gt;."]
    assert find(atom, "//a:entry/a:content/text()") == ["<p><em>All</em> of it.</p>"]
    assert find(atom, "//a:entry/a:content/@type") == ["html"]
    assert find(atom, "//a:entry/a:summary/text()") == ["In short & <plain>."]


def test_summary_feeds_carry_the_summary_only() -> None:
    entry = make_entry(summary="In short.", body="All of it.")
    rss = rendered(Format.RSS, entry, window=SUMMARY)
    atom = rendered(Format.ATOM, entry, window=SUMMARY)

    assert find(rss, "//item/description/text()") == ["In short."]
    assert find(atom, "//a:entry/a:summary/text()") == ["In short."]
    assert find(rss, "//content:encoded") == find(atom, "//a:content") == []
    assert b"All of it" not in rss + atom


@pytest.mark.parametrize(
    ("feed", "format", "self", "alternate"),
    [
        (HEALTH_FEED, Format.RSS, "/feeds/health.rss", "/categories/health"),
        (HEALTH_FEED, Format.ATOM, "/feeds/health.atom", "/categories/health"),
        (ALL_FEED, Format.RSS, "/feeds/all.rss", "/"),
        (ALL_FEED, Format.ATOM, "/feeds/all.atom", "/"),
    ],
)
def test_a_feed_names_itself_and_its_page(
    feed: Feed, format: Format, self: str, alternate: str
) -> None:
    document = rendered(format, make_entry(), feed=feed)
    links = find(document, "/rss/channel/a:link | /a:feed/a:link")
    of_rel = {link.get("rel"): (link.get("href"), link.get("type")) for link in links}

    assert of_rel["self"] == (f"https://news.example.org{self}", f"application/{format}+xml")
    page = f"https://news.example.org{alternate}"
    if format is Format.ATOM:
        assert of_rel["alternate"] == (page, "text/html")
    else:
        assert find(document, "/rss/channel/link/text()") == [page]


def test_an_entry_links_to_its_page() -> None:
    entry = make_entry(slug="été-2026")
    page = "https://news.example.org/articles/%C3%A9t%C3%A9-2026"

    assert find(rendered(Format.RSS, entry), "//item/link/text()") == [page]
    assert find(rendered(Format.ATOM, entry), "//a:entry/a:link/@href") == [page]


def test_the_feed_tells_its_language() -> None:
    site = replace(SITE, language="it-IT")

    assert find(rendered(Format.RSS, site=site), "/rss/channel/language/text()") == ["it-IT"]
    assert find(rendered(Format.ATOM, site=site), "/a:feed/@xml:lang") == ["it-IT"]


def test_the_feed_tells_its_title_and_what_it_is_about() -> None:
    assert feed_title(HEALTH_FEED, SITE) == "Health – The Daily Example"
    assert feed_title(ALL_FEED, SITE) == "The Daily Example"
    for feed, title, about in [
        (HEALTH_FEED, "Health – The Daily Example", "Medicine and care"),
        (ALL_FEED, "The Daily Example", "News from nowhere"),
    ]:
        rss, atom = rendered(Format.RSS, feed=feed), rendered(Format.ATOM, feed=feed)
        assert find(rss, "/rss/channel/title/text()") == [title]
        assert find(rss, "/rss/channel/description/text()") == [about]
        assert find(atom, "/a:feed/a:title/text()") == [title]
        assert find(atom, "/a:feed/a:subtitle/text()") == [about]
        assert find(atom, "/a:feed/a:id/text()") == [feed.urn]


def test_an_entry_names_its_categories() -> None:
    entry = make_entry(categories=(HEALTH, SCIENCE))
    atom = rendered(Format.ATOM, entry)

    assert find(rendered(Format.RSS, entry), "//item/category/text()") == ["Health", "Science"]
    # Both alike: many readers show the term, some the label.
    assert find(atom, "//a:entry/a:category/@term") == ["Health", "Science"]
    assert find(atom, "//a:entry/a:category/@label") == ["Health", "Science"]


def test_an_entry_names_its_author_and_the_site_stands_in_for_one() -> None:
    # On the entry itself: newsboat shows no author where only the Atom feed has one.
    signed, unsigned = make_entry(1, author="Ada Rossi"), make_entry(2, author="")
    rss, atom, feed = (rendered(format, signed, unsigned) for format in Format)

    assert find(rss, "//item/dc:creator/text()") == ["Ada Rossi", "The editors"]
    assert find(atom, "//a:entry/a:author/a:name/text()") == ["Ada Rossi", "The editors"]
    assert find(atom, "/a:feed/a:author/a:name/text()") == ["The editors"]
    assert find(feed, "authors") == [[{"name": "Ada Rossi"}], [{"name": "The editors"}]]


def test_an_atom_feed_has_an_author_even_where_the_site_names_none() -> None:
    atom = rendered(Format.ATOM, make_entry(author=""), site=replace(SITE, author=""))

    assert find(atom, "/a:feed/a:author/a:name/text()") == ["The Daily Example"]


@pytest.mark.parametrize("window", [FULL, SUMMARY], ids=["full", "summary"])
@pytest.mark.parametrize("feed", [HEALTH_FEED, ALL_FEED], ids=["category", "all"])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_an_atom_feed_is_valid_by_the_grammar_of_rfc_4287(
    count: int, feed: Feed, window: Window
) -> None:
    grammar = SCHEMAS / "atom.rng"
    if not grammar.exists():
        pytest.skip("the Atom grammar is not here: ../shared/schemas/atom.rng is absent")
    entries = [make_entry(number, author="Ada" * (number % 2)) for number in range(1, count + 1)]
    document = etree.fromstring(rendered(Format.ATOM, *entries, feed=feed, window=window))

    etree.RelaxNG(etree.parse(grammar)).assertValid(document)
    # What the grammar does not say, section 4.1.1 and 4.1.2 do.
    for element in document.xpath("/a:feed | //a:entry", namespaces=NS):
        assert element.xpath("count(a:link[@rel='alternate'])", namespaces=NS) == 1
    ids = document.xpath("//a:id/text()", namespaces=NS)
    assert len(ids) == len(set(ids)) == count + 1


@in_xml
def test_a_document_is_utf_8_and_says_so(format: Format) -> None:
    document = rendered(format, make_entry(title="日本 – «שלום»"))

    assert document.startswith(b"<?xml version='1.0' encoding='UTF-8'?>")
    assert "日本 – «שלום»".encode() in document


# What a reader makes of it


@in_xml
def test_feedparser_reads_what_was_meant(format: Format) -> None:
    entry = make_entry(
        title="A title – «日本» שלום & more",
        summary="In short & plain.",
        body="Text with a [link](/about) & a *word*.",
        categories=(HEALTH, SCIENCE),
        sources=(),
        updated=datetime(2026, 1, 22, 10, 0, tzinfo=UTC),
    )
    parsed = feedparser.parse(rendered(format, entry))
    (read,) = parsed.entries

    assert not parsed.bozo
    assert parsed.feed.title == "Health – The Daily Example"
    assert parsed.feed.link == "https://news.example.org/categories/health"
    assert parsed.feed.language == "en"
    assert parsed.feed.updated_parsed[:6] == (2026, 1, 22, 9, 0, 0)
    assert read.title == "A title – «日本» שלום & more"
    assert read.id == entry_id(1)
    assert read.link == "https://news.example.org/articles/article-1"
    assert read.published_parsed[:6] == (2026, 1, 21, 18, 13, 0)
    assert read.updated_parsed[:6] == (2026, 1, 22, 10, 0, 0)
    assert read.author == "Ada Rossi"
    assert [tag.label or tag.term for tag in read.tags] == ["Health", "Science"]
    assert read.summary.replace("&amp;", "&") == "In short & plain."
    assert [content.value for content in read.content if content.type == "text/html"] == [
        '<p>Text with a <a href="https://news.example.org/about">link</a>'
        " &amp; a <em>word</em>.</p>"
    ]


# Fingerprints

FIRST = make_entry(1, sources=(Source("A journal", "https://journal.example/1"), Source("B")))

RENDERED_CHANGES: list[dict[str, Any]] = [
    {"id": entry_id(9)},
    {"slug": "another"},
    {"title": "Another"},
    {"title": "article 1"},
    {"author": "Another"},
    {"author": ""},
    {"summary": "Another"},
    {"summary": ""},
    {"body": "Another"},
    {"sources": ()},
    {"sources": (Source("B"), Source("A journal", "https://journal.example/1"))},
    {"sources": (Source("Another", "https://journal.example/1"), Source("B"))},
    {"sources": (Source("A journal", "https://journal.example/2"), Source("B"))},
    {"sources": (Source("A journal"), Source("B"))},
    {"categories": (HEALTH, SCIENCE)},
    {"categories": (replace(HEALTH, name="Another"),)},
    {"published": datetime(2026, 1, 21, 18, 13, 1, tzinfo=UTC)},
    {"updated": datetime(2026, 1, 21, 18, 13, 1, tzinfo=UTC)},
]
BOOKKEEPING_CHANGES: list[dict[str, Any]] = [
    {"revision": 2},
    {"changed_at": datetime(2026, 5, 1, tzinfo=UTC)},
    {"wall_time": "21/01/2026 20:13"},
    {"wall_zone": "Europe/Athens"},
    {"visible_at": datetime(2026, 5, 1, tzinfo=UTC)},
]


def everything(
    *entries: Entry, feed: Feed = HEALTH_FEED, site: Site = SITE, window: Window = FULL
) -> tuple[str, bytes]:
    """The fingerprint and the bytes of both formats."""
    both = b"".join(
        rendered(format, *entries, feed=feed, site=site, window=window) for format in Format
    )
    return fingerprint(feed, entries, site, window), both


@pytest.mark.parametrize("change", RENDERED_CHANGES, ids=str)
def test_the_fingerprint_changes_with_every_field_that_readers_see(change: dict[str, Any]) -> None:
    before, bytes_before = everything(FIRST, make_entry(2))
    after, bytes_after = everything(replace(FIRST, **change), make_entry(2))

    assert bytes_after != bytes_before
    assert after != before


@pytest.mark.parametrize("change", BOOKKEEPING_CHANGES, ids=str)
def test_the_fingerprint_stays_when_only_our_bookkeeping_changes(change: dict[str, Any]) -> None:
    assert everything(replace(FIRST, **change)) == everything(FIRST)


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Another"},
        {"url": "http://news.example.org"},
        {"language": "it"},
        {"description": "Another"},
        {"author": "Another"},
    ],
    ids=str,
)
def test_the_fingerprint_changes_with_what_the_site_says_of_itself(change: dict[str, str]) -> None:
    before, bytes_before = everything(FIRST, feed=ALL_FEED)
    after, bytes_after = everything(FIRST, feed=ALL_FEED, site=replace(SITE, **change))

    assert bytes_after != bytes_before
    assert after != before


@pytest.mark.parametrize(
    "change",
    [
        {"urn": entry_id(9)},
        {"category": None},
        {"category": replace(HEALTH, name="Another")},
        {"category": replace(HEALTH, slug="another")},
        {"category": replace(HEALTH, description="Another")},
    ],
    ids=str,
)
def test_the_fingerprint_changes_with_what_the_feed_says_of_itself(change: dict[str, Any]) -> None:
    before, bytes_before = everything(FIRST)
    after, bytes_after = everything(FIRST, feed=replace(HEALTH_FEED, **change))

    assert bytes_after != bytes_before
    assert after != before


def test_the_fingerprint_changes_with_an_entry_more_and_with_full_content() -> None:
    prints = [
        fingerprint(HEALTH_FEED, [], SITE, FULL),
        fingerprint(HEALTH_FEED, [FIRST], SITE, FULL),
        fingerprint(HEALTH_FEED, [FIRST, make_entry(2)], SITE, FULL),
        fingerprint(HEALTH_FEED, [FIRST], SITE, SUMMARY),
    ]

    assert len(set(prints)) == len(prints)


def test_the_fingerprint_stays_when_the_feeds_bookkeeping_changes() -> None:
    feed = replace(HEALTH_FEED, id=9, updated=CHANGED, fingerprint="x", next_due_at=CHANGED)
    window = Window(items=7, days=1)

    assert everything(FIRST, feed=feed, window=window) == everything(FIRST)


def test_a_lone_surrogate_in_one_entry_does_not_stop_the_fingerprint() -> None:
    faulty = make_entry(title="\ud800")

    assert fingerprint(HEALTH_FEED, [faulty], SITE, FULL) != fingerprint(
        HEALTH_FEED, [make_entry()], SITE, FULL
    )


short = st.sampled_from(["", "a", "b", "a,b", '","', "[]"])
few_changes = st.fixed_dictionaries(
    {
        "title": short.filter(bool),
        "author": short,
        "summary": short,
        "body": short,
        "sources": st.lists(st.builds(Source, short.filter(bool)), max_size=2).map(tuple),
        "revision": st.integers(1, 3),
    }
)


@settings(derandomize=True, deadline=None)
@given(few_changes, few_changes)
def test_equal_fingerprints_mean_equal_bytes(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, first_bytes = everything(make_entry(**one))
    second, second_bytes = everything(make_entry(**other))

    assert first != second or first_bytes == second_bytes


# Documents


@each_format
def test_a_feed_is_stored_in_each_encoding_with_an_etag_of_its_own(format: Format) -> None:
    body = rendered(format, make_entry())
    plain, *packed = made = documents(HEALTH_FEED, format, body, CHANGED, PUBLISHED)

    assert [one.encoding for one in made] == ["identity", "br", "zstd", "gzip"]
    assert plain.body == body
    unpackers = {
        "br": brotli.decompress,
        "zstd": zstandard.ZstdDecompressor().decompress,
        "gzip": gzip.decompress,
    }
    for one in packed:
        assert unpackers[one.encoding](one.body) == body
        assert one.etag == f"{plain.etag}-{one.encoding}"
    for document in made:
        assert document.path == f"/feeds/health.{format}"
        assert document.format is format
        assert (document.updated, document.next_due_at) == (CHANGED, PUBLISHED)
        assert '"' not in document.etag


def test_the_etag_depends_on_the_bytes_and_on_nothing_else() -> None:
    def etags(body: bytes, updated: datetime) -> list[str]:
        made = documents(HEALTH_FEED, Format.RSS, body, updated, None)
        return [document.etag for document in made]

    assert etags(b"<rss/>", CHANGED) == etags(b"<rss/>", PUBLISHED)
    assert set(etags(b"<rss/>", CHANGED)).isdisjoint(etags(b"<rss />", CHANGED))


def test_compressing_again_gives_the_same_bytes() -> None:
    body = rendered(Format.RSS, make_entry())

    assert documents(HEALTH_FEED, Format.RSS, body, CHANGED, None) == documents(
        HEALTH_FEED, Format.RSS, body, CHANGED, None
    )


def test_compressed_bytes_carry_no_time_of_their_making() -> None:
    packed = documents(HEALTH_FEED, Format.RSS, b"<rss/>", CHANGED, None)[-1]

    assert packed.body[4:8] == b"\0\0\0\0"  # MTIME, RFC 1952 section 2.3


# Whatever is written

any_text = st.text(alphabet=st.characters(exclude_categories=()), max_size=30)
awkward = st.sampled_from(
    [
        *["\x00", "\x0b", "\x1b", "\x7f", "\x85", "\ud800", "\udfff", "\ufffe", "\uffff", "\ufeff"],
        *["\u202e", "\u2066", "שלום", "مرحبا", "e\u0301", "👩‍👩‍👧", "\u2028", "\r\n", "\t", " "],
        *["<b>", "</b>", "<script>", "]]>", "<![CDATA[", "<!--", "-->", "&", "&amp;", "&nbsp;"],
        *["&#0;", "&#xffff;", "&#xd800;", "<?xml?>", "<div>", "</item>", "</entry>", "[a](b)"],
        *["![", "# ", "> ", "```", "<br>", "<svg>", "\\", "*", "<a href=", "'", '"'],
    ]
)
anything = st.one_of(any_text, st.lists(st.one_of(awkward, any_text), max_size=6).map("".join))


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    title=anything.filter(bool),
    author=anything,
    summary=anything,
    body=anything,
    source=anything.filter(bool),
    address=st.one_of(st.none(), anything.map("https://{}".format)),
    category=anything.filter(bool),
    window=st.sampled_from([FULL, SUMMARY]),
)
def test_any_text_gives_well_formed_feeds_with_every_other_entry(
    title: str,
    author: str,
    summary: str,
    body: str,
    source: str,
    address: str | None,
    category: str,
    window: Window,
) -> None:
    entry = make_entry(
        2,
        title=title,
        author=author,
        summary=summary,
        body=body,
        sources=(Source(source, address),),
        categories=(Category("any", category),),
    )
    for format in Format:
        made = render(
            HEALTH_FEED, [make_entry(1), entry, make_entry(3)], SITE, window, format, CHANGED
        )
        document, left_out = made.body, made.left_out
        if left_out:
            assert [one.entry_id for one in left_out] == [entry_id(2)]
            assert find(document, IDS[format]) == [entry_id(1), entry_id(3)]
        else:
            assert find(document, IDS[format]) == [entry_id(1), entry_id(2), entry_id(3)]
            expected = ["Article 1", presentable(title), "Article 3"]
            assert find(document, TITLES[format]) == expected


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=60))
def test_text_that_xml_can_carry_is_never_left_out(text: str) -> None:
    assume(text.strip())
    try:
        etree.Element("probe").text = text
    except ValueError:
        assume(False)

    entry = make_entry(title=text, author=text, summary=text, sources=(Source(text),))
    assume(presentable(text).strip())
    for format in Format:
        assert find(rendered(format, entry), TITLES[format]) == [presentable(text)]
