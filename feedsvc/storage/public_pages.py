"""What stands on pages for everyone: feeds in their order, and addresses of articles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from feedsvc.model import ID_PREFIX, Entry, Feed
from feedsvc.storage.entries import LONGEST_LIST, EntryRows, chunks
from feedsvc.storage.feeds import feed_of
from feedsvc.storage.schema import (
    categories,
    entries,
    entry_categories,
    feed_entries,
    feeds,
)
from feedsvc.storage.statements import whole_feeds

# Of what entered a feed lately: more than a page shows.
MOST_LATELY = 1_000
CHUNK = 500
# So many bits of an id's random part tell ranges of ids apart.
RANGE_BITS = 32


@dataclass(frozen=True, slots=True)
class Address:
    """An article's page, and what search engines want to know of it.

    :param language: of its principal category; "" means the site's.
    """

    slug: str
    title: str
    published: datetime
    updated: datetime
    language: str


class PublicPageRows:
    """Reading inside one transaction; all of it is live, by the clock that feeds go by."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def feeds(self, *, limit: int, offset: int = 0) -> list[Feed]:
        """Feeds: the one of everything, those of categories in their order, those of authors."""
        everything = select(func.min(feeds.c.id)).scalar_subquery()
        # An author of whom nothing is to be read is not named.
        is_read = (
            select(feed_entries.c.entry_id)
            .where(feed_entries.c.feed_id == feeds.c.id, feed_entries.c.is_live)
            .exists()
        )
        query = (
            whole_feeds()
            .where(feeds.c.author_id.is_(None) | is_read)
            .order_by(
                feeds.c.id != everything,
                categories.c.id.is_(None),
                categories.c.position,
                feeds.c.category_id,
                feeds.c.id,
            )
        )
        rows = self._connection.execute(query.limit(min(limit, LONGEST_LIST)).offset(offset))
        return [feed_of(row) for row in rows]

    def newest_in_window(
        self, feed: Feed, *, newest: int, visible_since: datetime | None, limit: int
    ) -> list[Entry]:
        """The first of what ``EntryRows.window_of`` finds, newest ``published`` first.

        :param limit: how many at most, however many the window holds.
        """
        place = feed_entries.c
        live = select(place.entry_id).where(place.feed_id == feed.id, place.is_live)
        parts = [live.order_by(place.published.desc(), place.entry_id).limit(min(newest, limit))]
        if visible_since is not None:
            lately = live.where(place.visible_at > visible_since)
            parts.append(lately.order_by(place.visible_at.desc()).limit(MOST_LATELY))
        found = {id for part in parts for id in self._connection.execute(part).scalars()}
        query = (
            select(entries)
            .where(entries.c.id.in_(sorted(found)))
            .order_by(entries.c.published.desc(), entries.c.id)
            .limit(limit)
        )
        return EntryRows(self._connection).listed(query)

    def nth_id(self, feed: Feed, number: int) -> str | None:
        """The id of the live entry before which ``number`` others come by their ids, or None."""
        query = (
            select(feed_entries.c.entry_id)
            .where(feed_entries.c.feed_id == feed.id, feed_entries.c.is_live)
            .order_by(feed_entries.c.entry_id)
            .offset(number)
            .limit(1)
        )
        found: str | None = self._connection.execute(query).scalar_one_or_none()
        return found

    def with_ids(
        self, feed: Feed, first: int, end: int, *, limit: int
    ) -> list[tuple[str, datetime]]:
        """Slug and ``updated`` of live entries whose ids lie in a range, in the order of ids.

        :param first: the first ``RANGE_BITS`` bits of the ids' UUIDs, from this number
        :param end: to below this one.
        """
        place = feed_entries.c
        live = select(place.entry_id).where(place.feed_id == feed.id, place.is_live)
        within = live.where(place.entry_id >= _bound(first))
        if end < 1 << RANGE_BITS:
            within = within.where(place.entry_id < _bound(end))
        query = within.order_by(place.entry_id).limit(limit)
        ids = list(self._connection.execute(query).scalars())
        found: dict[str, tuple[str, datetime]] = {}
        # By chunks: to join some thousands PostgreSQL would rather read the whole archive.
        for chunk in chunks(ids, CHUNK):
            e = entries.c
            its = select(e.id, e.slug, e.updated).where(e.id.in_(chunk))
            found |= {row.id: (row.slug, row.updated) for row in self._connection.execute(its)}
        return [found[id] for id in ids]

    def published_since(self, feed: Feed, since: datetime, *, limit: int) -> list[Address]:
        """Live entries ``published`` after an instant, the newest first."""
        place = feed_entries.c
        e = entries.c
        query = (
            select(e.slug, e.title, e.published, e.updated, categories.c.language)
            .join(feed_entries, place.entry_id == e.id)
            .outerjoin(
                entry_categories,
                (entry_categories.c.entry_id == e.id) & (entry_categories.c.position == 0),
            )
            .outerjoin(categories, categories.c.id == entry_categories.c.category_id)
            .where(place.feed_id == feed.id, place.is_live, place.published > since)
            .order_by(place.published.desc(), place.entry_id)
            .limit(min(limit, LONGEST_LIST))
        )
        return [
            Address(row.slug, row.title, row.published, row.updated, row.language or "")
            for row in self._connection.execute(query)
        ]


def _bound(number: int) -> str:
    return f"{ID_PREFIX}{number:0{RANGE_BITS // 4}x}"
