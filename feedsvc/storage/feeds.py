"""Categories, feeds, what stands in them, what they owe, and their documents."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, Select, delete, func, insert, literal, select, update

from feedsvc.errors import NotFound
from feedsvc.model import ID_PREFIX, Category, Entry, Feed, FeedDocument, Format, State
from feedsvc.storage.schema import (
    categories,
    changes,
    documents,
    feed_entries,
    feeds,
    served_version,
)

LONGEST_LIST = 20_000


class FeedRows:
    """Reading and writing feeds inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # Categories: each has a feed from its first moment.

    def categories(self) -> list[Category]:
        """Every category, by name."""
        query = select(categories).order_by(categories.c.name, categories.c.id).limit(LONGEST_LIST)
        return [_category(row) for row in self._connection.execute(query)]

    def category(self, slug: str) -> Category:
        """The category with that slug.

        :raises NotFound: there is none.
        """
        row = self._connection.execute(
            select(categories).where(categories.c.slug == slug)
        ).one_or_none()
        if row is None:
            raise NotFound(f"there is no category {slug!r}")
        return _category(row)

    def category_named(self, name: str) -> Category | None:
        """The category with that name, in any case of its letters, or None."""
        query = (
            select(categories)
            .where(func.lower(categories.c.name) == name.lower())
            .order_by(categories.c.id)
            .limit(1)
        )
        row = self._connection.execute(query).one_or_none()
        return _category(row) if row else None

    def add_category(self, category: Category, made_at: datetime) -> Category:
        """Store a new category, its feed, and the change that renders it."""
        category_id = self._connection.execute(
            insert(categories)
            .values(slug=category.slug, name=category.name, description=category.description)
            .returning(categories.c.id)
        ).scalar_one()
        feed_id = self._connection.execute(
            insert(feeds)
            .values(urn=f"{ID_PREFIX}{uuid4()}", category_id=category_id)
            .returning(feeds.c.id)
        ).scalar_one()
        self.announce([feed_id], made_at)
        return Category(category.slug, category.name, category.description, id=category_id)

    # Feeds

    def all(self) -> list[Feed]:
        """Every feed: the one of everything first, then by the category's name."""
        query = _feeds().order_by(feeds.c.category_id.is_not(None), categories.c.name)
        return [_feed(row) for row in self._connection.execute(query.limit(LONGEST_LIST))]

    def feed(self, slug: str) -> Feed:
        """The feed whose address has that slug; ``all`` is the one of everything.

        :raises NotFound: there is none.
        """
        wanted = feeds.c.category_id.is_(None) if slug == "all" else categories.c.slug == slug
        row = self._connection.execute(_feeds().where(wanted)).one_or_none()
        if row is None:
            raise NotFound(f"there is no feed {slug!r}")
        return _feed(row)

    def lock(self, feed_id: int) -> Feed:
        """The feed, kept from every other writer until this transaction ends.

        :raises NotFound: there is none.
        """
        # FOR NO KEY UPDATE: a save that announces a change to this feed (its
        # foreign key takes a key-share lock) need not wait for a rendering. In
        # SQLite the whole transaction excludes writers and nothing is written here.
        locked = select(feeds.c.id).where(feeds.c.id == feed_id).with_for_update(key_share=True)
        if self._connection.execute(locked).one_or_none() is None:
            raise NotFound(f"there is no feed with number {feed_id}")
        return _feed(self._connection.execute(_feeds().where(feeds.c.id == feed_id)).one())

    def of_entry(self, *states: Entry) -> list[int]:
        """The feeds that any of these states of an entry belongs in.

        In ascending order, so that two writers lock them in the same order.
        """
        category_ids = {category.id for entry in states for category in entry.categories}
        query = select(feeds.c.id).where(
            feeds.c.category_id.is_(None) | feeds.c.category_id.in_(category_ids)
        )
        return sorted(self._connection.execute(query).scalars())

    def place(self, entry: Entry) -> None:
        """Make the entry stand in the feeds of its categories, and in no other."""
        table = feed_entries
        self._connection.execute(delete(table).where(table.c.entry_id == entry.id))
        if entry.state in (State.PUBLISHED, State.SCHEDULED):
            self._connection.execute(
                insert(table),
                [
                    {
                        "feed_id": feed_id,
                        "entry_id": entry.id,
                        "is_live": entry.state is State.PUBLISHED,
                        "published": entry.published,
                        "visible_at": entry.visible_at,
                    }
                    for feed_id in self.of_entry(entry)
                ],
            )

    # Changes: what is owed

    def announce(self, feed_ids: Iterable[int], made_at: datetime) -> None:
        """Say that these feeds must be rendered again."""
        rows = [{"feed_id": feed_id, "made_at": made_at} for feed_id in feed_ids]
        if rows:
            self._connection.execute(insert(changes), rows)

    def announce_all(self, made_at: datetime) -> None:
        """Say that every feed must be rendered again."""
        query = select(feeds.c.id, literal(made_at, type_=changes.c.made_at.type))
        self._connection.execute(insert(changes).from_select(["feed_id", "made_at"], query))

    def changed(self, *, limit: int) -> list[int]:
        """Feeds that are owed a rendering, the longest waiting first."""
        query = (
            select(changes.c.feed_id)
            .group_by(changes.c.feed_id)
            .order_by(func.min(changes.c.id))
            .limit(limit)
        )
        return list(self._connection.execute(query).scalars())

    def clear_changes(self, feed_id: int) -> None:
        """Take back what was announced of a feed.

        To be called *before* the feed's inputs are read: a change that commits
        in between then keeps its row, and is drained by the next tick.
        """
        self._connection.execute(delete(changes).where(changes.c.feed_id == feed_id))

    # Documents

    def store(
        self,
        feed: Feed,
        *,
        updated: datetime,
        fingerprint: str,
        next_due_at: datetime | None,
        rendered: Iterable[FeedDocument],
    ) -> None:
        """Replace a feed's documents."""
        self._connection.execute(delete(documents).where(documents.c.feed_id == feed.id))
        self._connection.execute(
            insert(documents),
            [
                {
                    "feed_id": feed.id,
                    "format": document.format.value,
                    "encoding": document.encoding,
                    "etag": document.etag,
                    "body": document.body,
                }
                for document in rendered
            ],
        )
        self._put(feed, updated=updated, fingerprint=fingerprint, next_due_at=next_due_at)

    def store_next_due(self, feed: Feed, next_due_at: datetime | None) -> None:
        """Set until when a feed's documents may be cached; their bytes stay."""
        self._put(feed, next_due_at=next_due_at)

    def _put(self, feed: Feed, **columns: Any) -> None:
        # The counter last: its lock is held until the commit, so that numbers
        # become visible in their order.
        table = served_version
        self._connection.execute(update(table).values(number=table.c.number + 1))
        self._connection.execute(
            update(feeds)
            .where(feeds.c.id == feed.id)
            .values(version=select(table.c.number).scalar_subquery(), **columns)
        )

    def version(self) -> int:
        """A number that grows whenever a served document changes."""
        number: int = self._connection.execute(select(served_version.c.number)).scalar_one()
        return number

    def documents_since(self, version: int) -> list[FeedDocument]:
        """Every document of the feeds that changed after ``version``."""
        query = (
            select(documents, feeds.c.updated, feeds.c.next_due_at, categories.c.slug)
            .join(feeds, feeds.c.id == documents.c.feed_id)
            .outerjoin(categories, categories.c.id == feeds.c.category_id)
            .where(feeds.c.version > version)
            .order_by(feeds.c.version)
        )
        found = []
        for row in self._connection.execute(query):
            category = Category(row.slug, row.slug) if row.slug else None
            feed = Feed(row.feed_id, "", category)
            format = Format(row.format)
            found.append(
                FeedDocument(
                    path=feed.path(format),
                    format=format,
                    encoding=row.encoding,
                    etag=row.etag,
                    body=bytes(row.body),
                    updated=row.updated,
                    next_due_at=row.next_due_at,
                )
            )
        return found


def _feeds() -> Select[Any]:
    return select(feeds, categories.c.slug, categories.c.name, categories.c.description).outerjoin(
        categories, categories.c.id == feeds.c.category_id
    )


def _category(row: Row[Any]) -> Category:
    return Category(row.slug, row.name, row.description, id=row.id)


def _feed(row: Row[Any]) -> Feed:
    category = None
    if row.category_id is not None:
        category = Category(row.slug, row.name, row.description, id=row.category_id)
    return Feed(
        id=row.id,
        urn=row.urn,
        category=category,
        updated=row.updated,
        fingerprint=row.fingerprint,
        next_due_at=row.next_due_at,
    )
