"""Whatever the form or an import takes, each document is valid, and all three say the same."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from feedsvc.characters import presentable
from feedsvc.errors import InvalidEntry
from feedsvc.model import Category, Enclosure, Entry, Format, Source, Window
from feedsvc.publishing.decisions import Action, Draft, decide
from feedsvc.rendering import render
from tests.builders import (
    ALL_FEED,
    CHANGED,
    FULL,
    HEALTH,
    HEALTH_FEED,
    PUBLISHED,
    SITE,
    make_entry,
    rendered,
)
from tests.judge import findings, of_html
from tests.service import Service
from tests.test_html import FRAGMENTS
from tests.test_json_feed import schema
from tests.test_rendering import SCHEMAS, anything

# Made anew by `make soak`; the few of each run of the tests are always the same.
EXAMPLES = int(os.environ.get("VALIDITY_EXAMPLES", "40"))
NS = {"a": "http://www.w3.org/2005/Atom", "dc": "http://purl.org/dc/elements/1.1/"}

# Beside FRAGMENTS: what is in pages that people copy from.
MORE = [
    *["<tr>", "</tr>", "</td>", "</table>", "<tbody>", "<caption>", "<li>", "<ul>", "</ul>"],
    *["<dl>", "<dt>", "<dd>", "<b>", "</b>", "<blockquote>", "<h2>", "</h2>", "<div>", "<nav>"],
    *["</nav>", "<button>", "<aside>", "<footer>", "<dialog>", "<bdo dir=rtl>", "</bdo>"],
    *["<mi>", "</mi>", "<annotation-xml>", "<mglyph>", "<mtable>", "</math>", "<mtd>", "$a_1$"],
    *["[^1]", "\n\n[^1]: note\n\n", "$$\n\\frac{*a*}{_b_}\n$$", "<ruby>", "<q cite=/c>"],
    *["<a href='/x?utm_source=y&id=1'>", "<img src=/p.gif width=1 height=1>", "&#1;", "&#x80;"],
    *["<video poster=p src=v>", "&#xfdd0;", "\x80", "\x9f", "\ufdd0", "\ufffd", "\U0001fffe"],
    *["\x7f", "Ã©", "AT&T", "R&D2", "👩‍👩‍👧", "❤️", "مرحبا", "שלום", "e\u0301"],
]
texts = st.one_of(
    anything, st.lists(st.sampled_from(FRAGMENTS + MORE), min_size=1, max_size=12).map("".join)
)
instants = st.integers(1, 20_000).map(
    lambda hours: PUBLISHED - timedelta(hours=hours)
) | st.sampled_from([PUBLISHED, PUBLISHED + timedelta(seconds=1)])
categories = st.builds(
    lambda name, language: Category(f"c{crc32(name.encode()) % 1000}", name, language=language),
    texts.map(lambda text: presentable(text).strip() or "Name"),
    st.sampled_from(["", "", "it", "ar", "pt-BR"]),
)
pictures = st.builds(
    Enclosure,
    st.sampled_from(["/media/" + "a" * 32 + ".jpg", "https://e.example/a b.png?x=é&utm_id=1"]),
    st.sampled_from(["image/jpeg", "image/svg+xml", "image/*"]),
    st.sampled_from([0, 1, 20_000]),
    texts,
    st.integers(0, 2000),
    st.integers(0, 2000),
)
recordings = st.builds(
    Enclosure,
    st.sampled_from(["https://e.example?id=1", "http://e.example:8080/[a]|{b}.mp3"]),
    st.sampled_from(["audio/mpeg", "video/mp4", "audio/*"]),
    st.sampled_from([0, 1, 123_456_789]),
)
sources = st.builds(
    Source,
    texts.map(lambda text: text or "Source"),
    st.none() | anything.map("https://{}".format),
)


def drafts() -> st.SearchStrategy[Draft]:
    """What may be typed, most of it nonsense."""
    return st.builds(
        Draft,
        title=texts,
        categories=st.lists(categories, min_size=1, max_size=3).map(tuple),
        body=texts,
        summary=texts | st.just(""),
        author=texts | st.just(""),
        sources=st.lists(sources, max_size=2).map(tuple),
        published=instants | st.none(),
        enclosures=st.tuples(st.none() | pictures, st.none() | recordings).map(
            lambda both: tuple(one for one in both if one)
        ),
    )


def entries_of(typed: Sequence[Draft]) -> list[Entry]:
    """Those that the service takes, as it keeps them; ids count on."""
    taken = []
    for number, draft in enumerate(typed, 1):
        action = Action.IMPORT if number % 2 else Action.PUBLISH
        id = f"urn:uuid:{UUID(int=number * 999_983)}"
        try:
            taken.append(decide(None, draft, action, CHANGED, id))
        except InvalidEntry:
            continue
    return taken


@cache
def grammar() -> Any:
    """Of RFC 4287 appendix B, or None where it is not at hand."""
    path = SCHEMAS / "atom.rng"
    return etree.RelaxNG(etree.parse(path)) if path.exists() else None


@settings(derandomize=EXAMPLES < 100, deadline=None, max_examples=EXAMPLES)
@given(
    typed=st.lists(drafts(), min_size=1, max_size=4),
    window=st.sampled_from([FULL, FULL, Window(content="summary")]),
    name=texts,
)
def test_whatever_is_typed_each_document_is_valid_and_all_say_the_same(
    typed: list[Draft], window: Window, name: str
) -> None:
    entries = entries_of(typed)
    site = replace(SITE, title=presentable(name).strip() or "Name")
    told = {}
    for format in Format:
        made = render(ALL_FEED, entries, site, window, format, CHANGED)
        assert made.left_out == ()
        address = site.absolute(ALL_FEED.path(format))
        assert findings(made.body, format, address, CHANGED) == []
        told[format] = said(made.body, format)
        if format is Format.ATOM and (rules := grammar()):
            rules.assertValid(etree.fromstring(made.body))
        if format is Format.JSON and SCHEMAS.exists():
            schema().validate(json.loads(made.body))
    assert told[Format.RSS] == told[Format.ATOM] == told[Format.JSON]
    assert len(told[Format.RSS]) == len(entries)


def said(document: bytes, format: Format) -> list[tuple[Any, ...]]:
    """Id, title, instants, author and categories of each entry, as a reader takes them."""
    if format is Format.JSON:
        return [
            (
                item["id"],
                item["title"].strip(),
                datetime.fromisoformat(item["date_published"]),
                datetime.fromisoformat(item["date_modified"]),
                [author["name"].strip() for author in item["authors"]],
                item.get("tags", []),
            )
            for item in json.loads(document)["items"]
        ]
    root = etree.fromstring(document)
    if format is Format.RSS:
        return [
            (
                item.findtext("guid"),
                item.findtext("title").strip(),
                datetime.strptime(item.findtext("pubDate"), "%a, %d %b %Y %H:%M:%S %z"),
                datetime.fromisoformat(item.findtext("a:updated", namespaces=NS)),
                [one.text.strip() for one in item.findall("dc:creator", NS)],
                [one.text for one in item.findall("category")],
            )
            for item in root.iter("item")
        ]
    return [
        (
            entry.findtext("a:id", namespaces=NS),
            entry.findtext("a:title", namespaces=NS).strip(),
            datetime.fromisoformat(entry.findtext("a:published", namespaces=NS)),
            # The second is what is said; the fraction tells entries apart.
            datetime.fromisoformat(entry.findtext("a:updated", namespaces=NS)).replace(
                microsecond=0
            ),
            [one.text.strip() for one in entry.findall("a:author/a:name", NS)],
            [one.get("label") for one in entry.findall("a:category", NS)],
        )
        for entry in root.iter(f"{{{NS['a']}}}entry")
    ]


# The rules that random texts seldom meet


def updated_of(*entries: Entry) -> dict[str, str]:
    root = etree.fromstring(rendered(Format.ATOM, *entries))
    return {
        entry.findtext("a:id", namespaces=NS): entry.findtext("a:updated", namespaces=NS)
        for entry in root.iter(f"{{{NS['a']}}}entry")
    }


def test_entries_of_one_second_are_told_apart_and_the_first_stays_as_it_was() -> None:
    # The first that entered, not the first by its id.
    first, other = make_entry(9), make_entry(2, visible_at=CHANGED)
    third, later = make_entry(3, visible_at=CHANGED), make_entry(4, updated=CHANGED)
    alone = updated_of(first)
    assert alone == {first.id: "2026-01-21T18:13:00Z"}
    told = updated_of(first, other, third, later)
    assert told[first.id] == alone[first.id]
    assert told[later.id] == "2026-01-22T09:00:00Z"
    assert len(set(told.values())) == 4
    # Each has its own, whoever else is there, and all are the second that was meant.
    assert updated_of(first, third)[third.id] == told[third.id]
    assert {value[:19] for value in told.values()} == {
        "2026-01-21T18:13:00",
        "2026-01-22T09:00:00",
    }


def test_many_entries_of_one_second_are_told_apart() -> None:
    told = updated_of(*(make_entry(number) for number in range(1, 301)))
    assert len(set(told.values())) == 300


@pytest.mark.parametrize("format", [Format.RSS, Format.ATOM])
def test_signs_of_xml_in_plain_text_are_written_in_hexadecimal(format: Format) -> None:
    entry = make_entry(
        title="R&D <b> AT&T",
        author="A & B",
        summary="1 < 2 &amp; Ã©",
        categories=(replace(HEALTH, name="Food & <Drink>"),),
    )
    document = rendered(format, entry, site=replace(SITE, title="News & <Views>"))
    assert b">R&#x26;D &#x3C;b&gt; AT&#x26;T</title>" in document
    assert b"News &#x26; &#x3C;Views&gt;</title>" in document
    # In an attribute a reader knows &amp; alone.
    is_rss = format is Format.RSS
    named = b"Food &#x26; &#x3C;Drink&gt;" if is_rss else b'label="Food &amp; &lt;Drink&gt;"'
    assert named in document
    assert b"A &#x26; B</" in document
    # Not to be taken for UTF-8 that was encoded twice.
    assert "Ã©".encode() not in document
    title = "//item/title" if format is Format.RSS else "//a:entry/a:title"
    assert etree.fromstring(document).xpath(title, namespaces=NS)[0].text == "R&D <b> AT&T"


@pytest.mark.parametrize("format", Format)
def test_what_was_stored_before_it_was_refused_is_presentable(format: Format) -> None:
    text = "it\x92s \ufffd\x7f\ufdd0"
    named = replace(HEALTH, name=text, description=text)
    entry = make_entry(title=text, author=text, summary=text, body=text, categories=(named,))
    feed, site = replace(HEALTH_FEED, category=named), replace(SITE, title=text, author=text)
    document = rendered(format, entry, feed=feed, site=site)
    assert findings(document, format, site.absolute(feed.path(format))) == []
    assert said(document, format)[0][1] == "it’s ?"


def test_of_an_article_of_which_nothing_is_left_there_is_no_empty_content() -> None:
    entry = make_entry(body="<script>x</script>", summary="", sources=())
    for format in Format:
        document = rendered(format, entry, feed=ALL_FEED)
        assert findings(document, format, SITE.absolute(ALL_FEED.path(format))) == []


def test_the_documents_of_a_running_service_are_valid(live: Service) -> None:
    live.sign_up()
    for number in range(2):
        # Of one minute, as what is written from an agenda is.
        live.write(
            title=f"R&D2 <{number}> of AT&T </b>",
            summary="" if number else "1 < 2 &amp; Ã©",
            body="A note[^1], $a_1$ ![x](/x.png?utm_source=y) <nav>x</nav>\x92\ufffd\n\n[^1]: x",
            author="A & B" * number,
            publish_at="21/01/2026 19:13",
        )
    origin = f"http://127.0.0.1:{live.port}"
    for slug in ("all", "health", "science"):
        for format in Format:
            answer = live.get(f"/feeds/{slug}.{format}")
            assert answer.status == 200
            address = f"{origin}/feeds/{slug}.{format}"
            now = datetime.now(UTC)
            assert findings(answer.body, format, address, now) == []
            if format is not Format.JSON:
                assert len(
                    etree.fromstring(answer.body).xpath("//item | //a:entry", namespaces=NS)
                ) == (2 if slug != "science" else 0)


def test_the_judge_judges() -> None:
    """Each of these is a fault that one of the formats knows."""
    site = SITE.absolute(ALL_FEED.path(Format.ATOM))
    good = rendered(Format.ATOM, make_entry(1), make_entry(2, updated=CHANGED), feed=ALL_FEED)
    assert findings(good, Format.ATOM, site, CHANGED) == []
    assert findings(good, Format.ATOM, site + "?x", CHANGED) != []
    assert findings(good, Format.ATOM, site, PUBLISHED) != []
    for bad in (
        good.replace(b"2026-01-22T09:00:00Z", b"2026-01-21T18:13:00Z"),
        good.replace(b"2026-01-22T09:00:00Z", b"2026-01-22T09:00:00+00:00"),
        good.replace(b"Article 1", b"\xc2\x80"),
        good.replace(b'<title type="text">', b"<title type='html'>"),
        good.replace(b"Article 1", b" "),
        good.replace(b"<author>", b"<author></author><author>", 1),
        good.replace(b"/articles/article-1", b"/articles/\xc3\xa9"),
        good.replace(b'rel="alternate"', b'rel="related"', 1),
    ):
        assert findings(bad, Format.ATOM, site, CHANGED) != []
    for html in ("<p>a", "<p><a href='x'>b</a></p>", "<script></script>", "<b><i></b></i>", ""):
        assert of_html(html, "it") != []
