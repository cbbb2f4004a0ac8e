"""Entries, a feed and a site as tests want them: whole, and changed in one place."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from feedsvc.model import Category, Entry, Feed, Format, Site, Source, State, Window
from feedsvc.rendering import render

PUBLISHED = datetime(2026, 1, 21, 18, 13, tzinfo=UTC)
CHANGED = datetime(2026, 1, 22, 9, 0, tzinfo=UTC)

HEALTH = Category("health", "Health", "Medicine and care")
SCIENCE = Category("science", "Science")
SITE = Site(
    title="The Daily Example",
    url="https://news.example.org",
    language="en",
    description="News from nowhere",
    author="The editors",
)
HEALTH_FEED = Feed(id=1, urn="urn:uuid:00000000-0000-4000-8000-00000000000a", category=HEALTH)
ALL_FEED = Feed(id=2, urn="urn:uuid:00000000-0000-4000-8000-00000000000b")
FULL = Window(content="full")
SUMMARY = Window(content="summary")


def entry_id(number: int) -> str:
    """The id that ``make_entry`` gives."""
    return f"urn:uuid:00000000-0000-4000-8000-{number:012d}"


def make_entry(number: int = 1, **changes: Any) -> Entry:
    """A published entry; each number has an id and a slug of its own."""
    entry = Entry(
        id=entry_id(number),
        slug=f"article-{number}",
        title=f"Article {number}",
        author="Ada Rossi",
        summary="In short.",
        body="The first paragraph.\n\nThe second.",
        categories=(HEALTH,),
        state=State.PUBLISHED,
        sources=(Source("A journal", "https://journal.example/1"),),
        published=PUBLISHED,
        updated=PUBLISHED,
        visible_at=PUBLISHED,
        wall_time="21/01/2026 19:13",
        wall_zone="Europe/Rome",
        changed_at=PUBLISHED,
    )
    return replace(entry, **changes)


def rendered(
    format: Format,
    *entries: Entry,
    feed: Feed = HEALTH_FEED,
    site: Site = SITE,
    window: Window = FULL,
    updated: datetime = CHANGED,
    **which: Any,
) -> bytes:
    """The document of ``entries``, none of which may be left out."""
    made = render(feed, entries, site, window, format, updated, **which)
    body, left_out = made.body, made.left_out
    assert (left_out, made.cut) == ((), 0)
    return body
