"""JSON Feed 1.1, item for item what the other formats say."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator
from referencing import Registry, Resource

from feedsvc.model import Format, Window
from feedsvc.rendering import entry_html, render
from tests.builders import (
    ALL_FEED,
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
from tests.test_rendering import SCHEMAS, anything


def told(*entries: Any, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(rendered(Format.JSON, *entries, **options))
    return found


def test_a_feed_says_what_it_is_and_where() -> None:
    feed = told()
    assert feed == {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Health – The Daily Example",
        "home_page_url": "https://news.example.org/categories/health",
        "feed_url": "https://news.example.org/feeds/health.json",
        "description": HEALTH.description or "Health: articles of The Daily Example",
        "icon": "https://news.example.org/static/icon-512.png",
        "favicon": "https://news.example.org/static/icon-192.png",
        "authors": [{"name": "The editors"}],
        "language": SITE.language,
        "items": [],
    }
    assert told(feed=ALL_FEED)["home_page_url"] == "https://news.example.org/"


def test_an_item_says_all_of_an_article() -> None:
    entry = make_entry(
        title="A title – «日本» שלום & more",
        summary="In short & plain.",
        categories=(HEALTH, SCIENCE),
        updated=datetime(2026, 1, 22, 10, 0, tzinfo=UTC),
    )
    (item,) = told(entry)["items"]
    assert item == {
        "id": entry_id(1),
        "url": "https://news.example.org/articles/article-1",
        "title": "A title – «日本» שלום & more",
        "content_html": entry_html(entry, SITE),
        "summary": "In short & plain.",
        "date_published": "2026-01-21T18:13:00Z",
        "date_modified": "2026-01-22T10:00:00Z",
        "authors": [{"name": "Ada Rossi"}],
        "tags": ["Health", "Science"],
        "language": SITE.language,
    }


def test_where_articles_are_not_given_in_full_the_summary_is_the_content() -> None:
    (item,) = told(make_entry(), window=SUMMARY)["items"]
    assert "content_html" not in item
    assert item["content_text"] == item["summary"] == "In short."
    # Of a text of which nothing is left for readers something still has to stand there.
    (item,) = told(make_entry(body="<script>x</script>", summary="", sources=()))["items"]
    assert item["content_text"]


@pytest.mark.parametrize("window", [FULL, SUMMARY], ids=["full", "summary"])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_feed_is_valid_by_the_schema(count: int, window: Window) -> None:
    entries = [make_entry(number, author="Ada" * (number % 2)) for number in range(1, count + 1)]
    schema().validate(told(*entries, window=window))


def schema() -> Any:
    if not (SCHEMAS / "jsonfeed-feed.json").exists():
        pytest.skip("the schema is not here: ../shared/schemas is absent")
    # It takes parts from the one of version 1, by its address.
    newest, first = (
        json.loads((SCHEMAS / name).read_text())
        for name in ("jsonfeed-feed.json", "jsonfeed-feed-1.json")
    )
    known = Resource.from_contents(first)
    registry: Any = Registry().with_resource("https://json.schemastore.org/feed-1", known)
    return Draft4Validator(newest, registry=registry)


@settings(max_examples=100)
@given(title=anything.filter(bool), body=anything, category=anything.filter(bool))
def test_whatever_is_written_no_line_breaks_within_an_item(
    title: str, body: str, category: str
) -> None:
    entry = make_entry(2, title=title, body=body, categories=(replace(HEALTH, name=category),))
    made = render(
        HEALTH_FEED, [make_entry(1), entry, make_entry(3)], SITE, FULL, Format.JSON, CHANGED
    )
    lines = made.body.split(b"\n")
    items = json.loads(made.body)["items"]
    assert [json.loads(line.removesuffix(b",")) for line in lines[1:-2]] == items
    assert [item["id"] for item in items] == [
        entry_id(number) for number in (1, 2, 3) if number != 2 or not made.left_out
    ]


@given(st.integers(1, 30))
def test_a_feed_without_room_for_all_is_whole_all_the_same(number: int) -> None:
    entries = [make_entry(one) for one in range(1, 11)]
    window = replace(FULL, most_bytes=500 * number)
    made = render(HEALTH_FEED, entries, SITE, window, Format.JSON, CHANGED)
    items = json.loads(made.body)["items"]
    assert len(items) + made.cut == 10
    assert len(items) == 1 or len(made.body) <= window.most_bytes
