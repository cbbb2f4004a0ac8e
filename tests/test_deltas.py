"""A document cut at its entries loses nothing, whatever stands in them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from feedsvc.model import Format, Tombstone
from feedsvc.rendering import render
from feedsvc.rendering.deltas import cut
from tests.builders import CHANGED, FULL, HEALTH_FEED, SITE, entry_id, make_entry, rendered

HOSTILE = "A <item>, an </item>, an <entry>, an </entry>, ]]> and <![CDATA[<item>]]>"


@pytest.mark.parametrize("format", list(Format))
@pytest.mark.parametrize("number", [0, 1, 3])
def test_the_pieces_are_the_document(format: Format, number: int) -> None:
    entries = [make_entry(one, title=HOSTILE, body=HOSTILE) for one in range(1, number + 1)]
    document = rendered(format, *entries)
    pieces = cut(document, format)
    assert len(pieces.entries) == number
    assert pieces.without(frozenset()) == document


@pytest.mark.parametrize("format", list(Format))
def test_only_what_is_new_or_changed_is_left(format: Format) -> None:
    earlier = cut(rendered(format, make_entry(1), make_entry(2)), format)
    now = rendered(format, make_entry(1), make_entry(2, body="Changed."), make_entry(3))
    left = cut(now, format).without(earlier.marks)
    if format is Format.JSON:
        ids = [item["id"] for item in json.loads(left)["items"]]
    else:
        root = etree.fromstring(left)
        ids = [one.text for one in root.iter("guid", "{http://www.w3.org/2005/Atom}id")]
    assert [id for id in ids if id != HEALTH_FEED.urn] == [entry_id(2), entry_id(3)]


def test_tombstones_are_always_told() -> None:
    made = render(
        HEALTH_FEED,
        [make_entry(1)],
        SITE,
        FULL,
        Format.ATOM,
        CHANGED,
        [Tombstone(entry_id(2), CHANGED)],
    )
    pieces = cut(made.body, Format.ATOM)
    assert b"deleted-entry" in pieces.without(pieces.marks)


@settings(derandomize=True, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40), max_size=4))
def test_whatever_an_article_says_it_is_cut_at_its_ends(texts: list[str]) -> None:
    entries = [
        make_entry(number, title=text.strip() or "T", body=text or "b", author=text)
        for number, text in enumerate(texts, 1)
    ]
    for format in Format:
        made = render(HEALTH_FEED, entries, SITE, FULL, format, CHANGED)
        assert len(cut(made.body, format).entries) == len(entries) - len(made.left_out)
