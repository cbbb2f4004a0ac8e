"""Categories, feeds, what stands in them, what they owe, and their documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    Column,
    Connection,
    Row,
    Table,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    update,
)

from feedsvc.characters import folded, key_of
from feedsvc.errors import NotFound
from feedsvc.model import (
    ALWAYS,
    ID_PREFIX,
    Author,
    Category,
    Entry,
    Feed,
    FeedClock,
    FeedDocument,
    State,
    Tombstone,
)
from feedsvc.podcasts import packed, unpacked
from feedsvc.slugs import numbered
from feedsvc.storage import statements
from feedsvc.storage.engine import CHANNEL
from feedsvc.storage.schema import (
    categories,
    category_slugs,
    changes,
    documents,
    entry_categories,
    feed_clocks,
    feed_entries,
    feeds,
    past_places,
    tombstones,
)
from feedsvc.storage.served import stored_format
from feedsvc.storage.statements import IS_EVERYTHING, is_called, is_of_author, whole_feeds

# Asked for more, the database would hold a worker for too long.
LONGEST_LIST = 1000
_IN_FEEDS = (State.PUBLISHED, State.SCHEDULED)
_IN_ORDER = (categories.c.position, categories.c.id)


class FeedRows:
    """Reading and writing feeds inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # Categories: each has a feed from its first moment.

    def categories(self, *, limit: int = LONGEST_LIST, offset: int = 0) -> list[Category]:
        """Categories in their order."""
        query = select(categories).order_by(*_IN_ORDER)
        bounded = query.limit(min(limit, LONGEST_LIST)).offset(offset)
        return [_category(row) for row in self._connection.execute(bounded)]

    def latest_categories(self, limit: int) -> list[Category]:
        """Of more than ``limit`` categories those whose feeds changed last; in order."""
        last_changed = (
            select(feeds.c.category_id)
            .where(feeds.c.category_id.is_not(None))
            .order_by(feeds.c.version.desc(), feeds.c.id)
            .limit(min(limit, LONGEST_LIST))
        )
        query = select(categories).where(categories.c.id.in_(last_changed)).order_by(*_IN_ORDER)
        return [_category(row) for row in self._connection.execute(query)]

    def count_categories(self) -> int:
        """How many categories there are."""
        return self._connection.execute(select(func.count(categories.c.id))).scalar_one()

    def lock_categories(self) -> None:
        """Keep other writers from making or renaming one until this transaction ends."""
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(text("LOCK TABLE categories IN SHARE ROW EXCLUSIVE MODE"))

    def free_category_slug(self, wanted: str) -> str:
        """``wanted``, or ``wanted-2`` and so on: the first that no category has or had.

        Beyond twenty of one name chance tells them apart, as with articles.
        """
        return free_slug(self._connection, wanted, categories.c.slug, category_slugs.c.slug)

    def category(self, slug: str) -> Category:
        """The category that has that slug, or had it before.

        :raises NotFound: there is none.
        """
        row = self._connection.execute(select(categories).where(is_called(slug))).one_or_none()
        if row is None:
            raise NotFound(f"there is no category {slug!r}")
        return _category(row)

    def category_named(self, name: str) -> Category | None:
        """The category with that name, in any case of its letters, or None."""
        query = (
            select(categories)
            .where(categories.c.name_folded == folded(name))
            .order_by(categories.c.id)
            .limit(1)
        )
        row = self._connection.execute(query).one_or_none()
        return _category(row) if row else None

    def category_called(self, slug_or_name: str) -> Category | None:
        """The category that somebody means by its slug, present or former, or by its name."""
        try:
            return self.category(slug_or_name)
        except NotFound:
            return self.category_named(slug_or_name) if slug_or_name.strip() else None

    def add_category(self, category: Category, made_at: datetime) -> Category:
        """Store a new category behind the others, its feed, and the change that renders it."""
        last = select(func.coalesce(func.max(categories.c.position), 0) + 1).scalar_subquery()
        category_id = self._connection.execute(
            insert(categories)
            .values(**_category_columns(category), position=last)
            .returning(categories.c.id)
        ).scalar_one()
        self.announce([add_feed(self._connection, category_id=category_id)], made_at)
        return replace(category, id=category_id)

    def change_category(self, category: Category) -> None:
        """Store another slug, name, description, language or podcast of a category.

        A slug that it had stays its own: readers subscribed to it.
        """
        table = categories
        former = self._connection.execute(
            select(table.c.slug).where(table.c.id == category.id)
        ).scalar_one()
        self._connection.execute(
            update(table).where(table.c.id == category.id).values(**_category_columns(category))
        )
        if former != category.slug:
            self._connection.execute(
                delete(category_slugs).where(category_slugs.c.slug == category.slug)
            )
            self._connection.execute(
                insert(category_slugs).values(slug=former, category_id=category.id)
            )

    # Feeds

    def after(self, feed_id: int, *, limit: int) -> list[Feed]:
        """The next feeds by their numbers; the first is the one of everything."""
        query = whole_feeds().where(feeds.c.id > feed_id).order_by(feeds.c.id).limit(limit)
        return [feed_of(row) for row in self._connection.execute(query)]

    def feed(self, slug: str) -> Feed:
        """The feed whose address has or had that slug.

        ``all`` is the one of everything, ``authors/<slug>`` an author's.

        :raises NotFound: there is none.
        """
        wanted = is_called(slug)
        if slug == "all":
            wanted = IS_EVERYTHING
        elif slug.startswith("authors/"):
            wanted = is_of_author(slug.removeprefix("authors/"))
        row = self._connection.execute(whole_feeds().where(wanted)).one_or_none()
        if row is None:
            raise NotFound(f"there is no feed {slug!r}")
        return feed_of(row)

    def lock(self, feed_id: int) -> Feed:
        """The feed, kept from every other writer until this transaction ends.

        :raises NotFound: there is none.
        """
        # FOR NO KEY UPDATE: a save that announces a change to this feed (its
        # foreign key takes a key-share lock) need not wait for a rendering. In
        # SQLite the whole transaction excludes writers and nothing is written here.
        if self._connection.dialect.name == "postgresql":
            # By itself: a category that is renamed while the lock is waited for is read after.
            self._connection.execute(statements.LOCK_FEED, {"feed_id": feed_id})
        return self.numbered(feed_id)

    def numbered(self, feed_id: int) -> Feed:
        """The feed with that number in the database.

        :raises NotFound: there is none.
        """
        row = self._connection.execute(statements.FEED, {"feed_id": feed_id}).one_or_none()
        if row is None:
            raise NotFound(f"there is no feed with number {feed_id}")
        return feed_of(row)

    def of_entry(self, *states: Entry) -> list[int]:
        """The feeds that any of these states of an entry belongs in.

        In ascending order, so that two writers lock them in the same order.
        """
        category_ids = {category.id for entry in states for category in entry.categories}
        names = {key_of(name) for entry in states for name in entry.authors}
        asked = {"category_ids": list(category_ids), "author_names": list(names)}
        return sorted(self._connection.execute(statements.FEEDS_OF_ENTRY, asked).scalars())

    def places_of(self, entry_id: str) -> list[tuple[Feed, datetime]]:
        """The feeds that readers may have an entry from, and since when; everything's last."""
        query = (
            whole_feeds()
            .add_columns(feed_entries.c.visible_at)
            .join(feed_entries, feed_entries.c.feed_id == feeds.c.id)
            .where(feed_entries.c.entry_id == entry_id, feed_entries.c.is_live)
            .order_by(feeds.c.category_id.is_(None), feeds.c.author_id.is_(None), *_IN_ORDER)
        )
        return [(feed_of(row), row.visible_at) for row in self._connection.execute(query)]

    def sharing_with(self, category: Category) -> list[int]:
        """The feeds in which a category's name stands: its own, and those that share an entry."""
        its_entries = select(entry_categories.c.entry_id).where(
            entry_categories.c.category_id == category.id
        )
        query = (
            select(feeds.c.id)
            .where(
                (feeds.c.category_id == category.id)
                | IS_EVERYTHING
                | feeds.c.id.in_(
                    select(feed_entries.c.feed_id).where(feed_entries.c.entry_id.in_(its_entries))
                )
            )
            .order_by(feeds.c.id)
        )
        return list(self._connection.execute(query).scalars())

    def touched_by(self, entry: Entry) -> list[int]:
        """The feeds that a new state of an entry changes: where it stands, is to, or has a trace.

        In ascending order, so that two writers lock them in the same order.
        """
        found = set(self.of_entry(entry)) if entry.state in _IN_FEEDS else set()
        found |= set(self._feeds_with(feed_entries, entry))
        if entry.state is State.WITHDRAWN:
            found |= set(self._feeds_with(past_places, entry))
        elif entry.state in _IN_FEEDS:
            found |= set(self._feeds_with(tombstones, entry))
        return sorted(found)

    def _feeds_with(self, table: Table, entry: Entry) -> Iterable[int]:
        asked = {"entry_id": entry.id}
        return self._connection.execute(statements.FEEDS_WITH[table], asked).scalars()

    def lock_clocks(self, feed_ids: Iterable[int]) -> dict[int, FeedClock]:
        """How the clocks of these feeds stood last, kept from other writers until the end."""
        asked = {"feed_ids": list(feed_ids)}
        return {
            row.feed_id: FeedClock(row.moved_at, row.system_at)
            for row in self._connection.execute(statements.LOCK_CLOCKS, asked)
        }

    def place(self, entry: Entry, entered: Mapping[int, datetime], now: datetime) -> None:
        """Make the entry stand in the feeds of its categories, and in no other.

        Where it stands live already it keeps the instant at which it entered. A
        feed it is withdrawn from, or was moved away from before, keeps a tombstone.

        :param entered: feed -> the feed's own time, at which it enters or leaves.
        :param now: what the system's clock shows.
        """
        mine = {"entry_id": entry.id}
        live = self._connection.execute(statements.STOOD, mine)
        stood, archives = {}, {}
        for row in live:
            stood[row.feed_id], archives[row.feed_id] = row.visible_at, row.archive
        self._connection.execute(statements.TAKE_OUT, mine)
        if entry.state is State.WITHDRAWN:
            moved = {*stood, *self._feeds_with(past_places, entry)}
            self._bury(entry, moved, entered, now)
            self._set_clocks(moved, entered, now)
            return
        self._connection.execute(statements.DIG_UP, mine)
        if entry.state not in _IN_FEEDS:
            return
        is_live = entry.state is State.PUBLISHED
        places = self.of_entry(entry)
        self._connection.execute(
            statements.PUT_IN,
            [
                {
                    "feed_id": feed_id,
                    "entry_id": entry.id,
                    "is_live": is_live,
                    "published": entry.published,
                    "visible_at": stood.get(feed_id) or entered[feed_id]
                    if is_live
                    else entry.visible_at,
                    "archive": archives.get(feed_id) if is_live else None,
                }
                for feed_id in places
            ],
        )
        if is_live:
            self._remember_places(entry, stood, places)
            self._set_clocks(set(places) - set(stood), entered, now)

    def _remember_places(self, entry: Entry, stood: Iterable[int], places: Iterable[int]) -> None:
        asked = {"entry_id": entry.id, "feed_ids": list(places)}
        self._connection.execute(statements.FORGET_PLACES, asked)
        left = [{"feed_id": one, "entry_id": entry.id} for one in set(stood) - set(places)]
        if left:
            self._connection.execute(insert(past_places), left)

    def _bury(
        self,
        entry: Entry,
        feed_ids: Iterable[int],
        entered: Mapping[int, datetime],
        deleted_at: datetime,
    ) -> None:
        rows = [
            {
                "feed_id": feed_id,
                "entry_id": entry.id,
                "deleted_at": deleted_at,
                "left_at": entered[feed_id],
            }
            for feed_id in feed_ids
        ]
        if rows:
            self._connection.execute(insert(tombstones), rows)

    def _set_clocks(
        self, feed_ids: Iterable[int], entered: Mapping[int, datetime], now: datetime
    ) -> None:
        """Note the last move of each feed; what is there as if always moves no clock."""
        for feed_id in sorted(feed_ids):
            if entered[feed_id] == ALWAYS:
                continue
            asked = {"of_feed": feed_id, "at": entered[feed_id], "now": now}
            self._connection.execute(statements.SET_CLOCK, asked)

    def tombstones(self, feed: Feed, *, since: datetime | None, limit: int) -> list[Tombstone]:
        """What was withdrawn from a feed after an instant of its clock, the last first."""
        query = statements.TOMBSTONES if since is None else statements.TOMBSTONES_SINCE
        asked = {"feed_id": feed.id, "most": limit, **({"since": since} if since else {})}
        rows = self._connection.execute(query, asked)
        return [Tombstone(row.entry_id, row.deleted_at) for row in rows]

    def last_move(self, feed: Feed) -> datetime | None:
        """When an entry last entered a feed or was withdrawn from it, by the feed's clock."""
        asked = {"feed_id": feed.id}
        found: datetime | None = self._connection.execute(
            statements.LAST_MOVE, asked
        ).scalar_one_or_none()
        return found

    # Changes: what is owed

    def announce(self, feed_ids: Iterable[int], made_at: datetime) -> None:
        """Say that these feeds must be rendered again."""
        rows = [{"feed_id": feed_id, "made_at": made_at} for feed_id in feed_ids]
        if rows:
            self._connection.execute(statements.ANNOUNCE, rows)

    def announce_all(self, made_at: datetime) -> None:
        """Say that every feed must be rendered again."""
        query = select(feeds.c.id, literal(made_at, type_=changes.c.made_at.type))
        self._connection.execute(insert(changes).from_select(["feed_id", "made_at"], query))

    def changed(self, *, limit: int) -> list[int]:
        """Feeds that are owed a rendering, the longest waiting first."""
        return list(self._connection.execute(statements.CHANGED, {"most": limit}).scalars())

    def oldest_change(self) -> datetime | None:
        """When the change was announced that has waited longest, or None."""
        query = select(changes.c.made_at).order_by(changes.c.id).limit(1)
        return self._connection.execute(query).scalar_one_or_none()

    def is_owed(self, feed_ids: Iterable[int]) -> bool:
        """Whether one of these feeds waits to be rendered."""
        query = select(changes.c.id).where(changes.c.feed_id.in_(list(feed_ids))).limit(1)
        return self._connection.execute(query).first() is not None

    def has_more_changes(self, feed_id: int, than: int) -> bool:
        """Whether more changes of a feed were announced since it was rendered."""
        asked = {"feed_id": feed_id, "than": than}
        return self._connection.execute(statements.MORE_CHANGES, asked).first() is not None

    def clear_changes(self, feed_id: int) -> None:
        """Take back what was announced of a feed.

        To be called *before* the feed's inputs are read: a change that commits
        in between then keeps its row, and is drained by the next tick.
        """
        self._connection.execute(statements.CLEAR_CHANGES, {"feed_id": feed_id})

    # Documents

    def store(
        self,
        feed: Feed,
        updated: datetime,
        fingerprint: str,
        next_due_at: datetime | None,
        rendered: Iterable[FeedDocument],
    ) -> None:
        """Replace a feed's documents."""
        self._connection.execute(statements.DROP_DOCUMENTS, {"feed_id": feed.id})
        self._connection.execute(
            statements.ADD_DOCUMENTS,
            [
                {
                    "feed_id": feed.id,
                    "format": stored_format(document.format, document.second),
                    "encoding": document.encoding,
                    "etag": document.etag,
                    "body": document.body,
                }
                for document in rendered
            ],
        )
        self._put(feed, updated=updated, fingerprint=fingerprint, next_due_at=next_due_at)

    def documents_of(self, feed: Feed) -> dict[tuple[str, str], tuple[str, bytes]]:
        """Format and encoding -> ETag and bytes, as they are stored."""
        query = select(documents).where(documents.c.feed_id == feed.id)
        return {
            (row.format, row.encoding): (row.etag, bytes(row.body))
            for row in self._connection.execute(query)
        }

    def store_next_due(self, feed: Feed, next_due_at: datetime | None) -> None:
        """Set until when a feed's documents may be cached; their bytes stay."""
        self._put(feed, next_due_at=next_due_at)

    def _put(self, feed: Feed, **columns: Any) -> None:
        # The counter last: its lock is held until the commit, so that numbers
        # become visible in their order.
        self._connection.execute(statements.RAISE_VERSION)
        self._connection.execute(statements.PUT_FEED, {"of_feed": feed.id, **columns})
        self._tell()

    def say_changed(self) -> None:
        """Have every process look what counts now, where no feed tells it by itself."""
        self._connection.execute(statements.RAISE_VERSION)
        self._tell()

    def _tell(self) -> None:
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(text(f"NOTIFY {CHANNEL}"))

    def version(self) -> int:
        """A number that grows whenever a served document changes."""
        number: int = self._connection.execute(statements.VERSION).scalar_one()
        return number


def add_feed(connection: Connection, **of: int) -> int:
    """Store a feed with its clock; its number.

    :param of: ``category_id`` or ``author_id``.
    """
    feed_id: int = connection.execute(
        insert(feeds).values(urn=f"{ID_PREFIX}{uuid4()}", **of).returning(feeds.c.id)
    ).scalar_one()
    connection.execute(insert(feed_clocks).values(feed_id=feed_id))
    return feed_id


def free_slug(connection: Connection, wanted: str, *columns: Column[Any]) -> str:
    """``wanted``, or ``wanted-2`` and so on: the first that stands in none of the columns."""
    candidates = [*numbered(wanted), f"{wanted}-{uuid4()}"]
    taken: set[str] = set()
    for column in columns:
        query = select(column).where(column.in_(candidates))
        taken |= set(connection.execute(query).scalars())
    return next(slug for slug in candidates if slug not in taken)


def _category_columns(category: Category) -> dict[str, str]:
    return {
        "slug": category.slug,
        "name": category.name,
        "name_folded": folded(category.name),
        "description": category.description,
        "language": category.language,
        "content": category.content,
        "podcast": packed(category.podcast),
    }


def _category(row: Row[Any]) -> Category:
    its = row.slug, row.name, row.description, row.id, row.language, row.content
    return Category(*its, unpacked(row.podcast))


def feed_of(row: Row[Any]) -> Feed:
    """The feed of a row of ``whole_feeds``."""
    category = author = None
    if row.category_id is not None:
        its = row.slug, row.name, row.description, row.category_id, row.language, row.content
        category = Category(*its, unpacked(row.podcast))
    elif row.author_id is not None:
        author = Author(row.author_slug, row.author_name, row.author_id)
    return Feed(
        id=row.id,
        urn=row.urn,
        category=category,
        updated=row.updated,
        fingerprint=row.fingerprint,
        next_due_at=row.next_due_at,
        author=author,
        archives=row.archives,
    )
