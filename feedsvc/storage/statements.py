"""What each save, each rendering and each tick asks of the database, built once.

To build a statement takes four times as long as to execute it, and a publish has some
forty. What is asked seldom is built where it is asked.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    delete,
    func,
    insert,
    select,
    union_all,
    update,
)

from feedsvc.model import State
from feedsvc.storage.schema import (
    audit,
    authors,
    categories,
    category_slugs,
    changes,
    documents,
    entries,
    entry_categories,
    entry_slugs,
    feed_clocks,
    feed_entries,
    feeds,
    left_out,
    past_places,
    searchable,
    served_version,
    settings,
    tombstones,
    versions,
)


def _these(name: str) -> Any:
    return bindparam(name, expanding=True)


def is_called(slug: Any) -> ColumnElement[bool]:
    """Whether a category has that slug, or had it before."""
    former = select(category_slugs.c.category_id).where(category_slugs.c.slug == slug)
    found: ColumnElement[bool] = (categories.c.slug == slug) | (
        categories.c.id == former.scalar_subquery()
    )
    return found


def is_of_author(slug: Any) -> ColumnElement[bool]:
    """Whether an author has that slug."""
    found: ColumnElement[bool] = authors.c.slug == slug
    return found


# Neither a category's nor an author's.
IS_EVERYTHING = feeds.c.category_id.is_(None) & feeds.c.author_id.is_(None)


def whole_feeds() -> Select[Any]:
    """Feeds with their categories and authors."""
    its = categories.c
    named = select(
        feeds,
        its.slug,
        its.name,
        its.description,
        its.language,
        its.content,
        its.podcast,
        authors.c.slug.label("author_slug"),
        authors.c.name.label("author_name"),
    )
    return named.outerjoin(categories, its.id == feeds.c.category_id).outerjoin(
        authors, authors.c.id == feeds.c.author_id
    )


SETTING = select(settings.c.value).where(settings.c.name == bindparam("of_name"))

# Entries

ENTRY = select(entries).where(entries.c.id == bindparam("entry_id"))
ENTRIES = select(entries).where(entries.c.id.in_(_these("entry_ids")))
CATEGORIES_OF_ENTRIES = (
    select(entry_categories.c.entry_id, categories)
    .join(categories, categories.c.id == entry_categories.c.category_id)
    .where(entry_categories.c.entry_id.in_(_these("entry_ids")))
    .order_by(entry_categories.c.position)
)
ADD_ENTRY = insert(entries)
ADD_WORDS = insert(searchable)
CHANGE_WORDS = (
    update(searchable)
    .where(searchable.c.entry_id == bindparam("of_entry"))
    .values(words=bindparam("words"))
)
ADD_VERSION = insert(versions)
HAS_VERSION = select(versions.c.revision).where(
    versions.c.entry_id == bindparam("entry_id"), versions.c.revision == bindparam("revision")
)
NOTE = insert(audit)
ADD_ENTRY_CATEGORIES = insert(entry_categories)
SLUGS_OF_OTHERS = (
    select(entries.c.slug).where(
        entries.c.slug.in_(_these("slugs")), entries.c.id != bindparam("entry_id")
    ),
    select(entry_slugs.c.slug).where(
        entry_slugs.c.slug.in_(_these("slugs")), entry_slugs.c.entry_id != bindparam("entry_id")
    ),
)
IS_ANY_DUE = (
    select(entries.c.id)
    .where(entries.c.state == State.SCHEDULED.value, entries.c.visible_at <= bindparam("now"))
    .limit(1)
)
NEXT_DUE_OF_ALL = (
    select(entries.c.visible_at)
    .where(entries.c.state == State.SCHEDULED.value, entries.c.visible_at.is_not(None))
    .order_by(entries.c.visible_at)
    .limit(1)
)

# What stands in feeds

_PLACES = select(feed_entries.c.entry_id, feed_entries.c.visible_at).where(
    feed_entries.c.feed_id == bindparam("feed_id"), feed_entries.c.is_live
)
NEWEST = _PLACES.order_by(feed_entries.c.published.desc(), feed_entries.c.entry_id).limit(
    bindparam("most")
)
ENTERED_SINCE = (
    _PLACES.where(feed_entries.c.visible_at > bindparam("since"))
    .order_by(feed_entries.c.visible_at.desc(), feed_entries.c.entry_id)
    .limit(bindparam("most"))
)
NEXT_DUE = select(func.min(feed_entries.c.visible_at)).where(
    feed_entries.c.feed_id == bindparam("feed_id"), ~feed_entries.c.is_live
)
TOMBSTONES = (
    select(tombstones.c.entry_id, tombstones.c.deleted_at)
    .where(tombstones.c.feed_id == bindparam("feed_id"))
    .order_by(tombstones.c.left_at.desc(), tombstones.c.entry_id)
    .limit(bindparam("most"))
)
TOMBSTONES_SINCE = TOMBSTONES.where(tombstones.c.left_at > bindparam("since"))
# Three looks into indexes: there may be thousands of authors.
FEEDS_OF_ENTRY = union_all(
    select(feeds.c.id).where(IS_EVERYTHING),
    select(feeds.c.id).where(feeds.c.category_id.in_(_these("category_ids"))),
    select(feeds.c.id)
    .join(authors, authors.c.id == feeds.c.author_id)
    .where(authors.c.name_folded.in_(_these("author_names"))),
)
FEEDS_WITH = {
    table: select(table.c.feed_id).where(table.c.entry_id == bindparam("entry_id"))
    for table in (feed_entries, past_places, tombstones)
}
STOOD = select(feed_entries.c.feed_id, feed_entries.c.visible_at, feed_entries.c.archive).where(
    feed_entries.c.entry_id == bindparam("entry_id"), feed_entries.c.is_live
)
TAKE_OUT = delete(feed_entries).where(feed_entries.c.entry_id == bindparam("entry_id"))
PUT_IN = insert(feed_entries)
DIG_UP = delete(tombstones).where(tombstones.c.entry_id == bindparam("entry_id"))
FORGET_PLACES = delete(past_places).where(
    past_places.c.entry_id == bindparam("entry_id"), past_places.c.feed_id.in_(_these("feed_ids"))
)
LOCK_CLOCKS = (
    select(feed_clocks)
    .where(feed_clocks.c.feed_id.in_(_these("feed_ids")))
    .order_by(feed_clocks.c.feed_id)
    .with_for_update()
)
SET_CLOCK = (
    update(feed_clocks)
    .where(
        feed_clocks.c.feed_id == bindparam("of_feed"),
        feed_clocks.c.moved_at.is_(None) | (feed_clocks.c.moved_at <= bindparam("at")),
    )
    .values(moved_at=bindparam("at"), system_at=bindparam("now"))
)
LAST_MOVE = select(feed_clocks.c.moved_at).where(feed_clocks.c.feed_id == bindparam("feed_id"))

# What is owed

ANNOUNCE = insert(changes)
MORE_CHANGES = (
    select(changes.c.id)
    .where(changes.c.feed_id == bindparam("feed_id"))
    .offset(bindparam("than"))
    .limit(1)
)
CLEAR_CHANGES = delete(changes).where(changes.c.feed_id == bindparam("feed_id"))
CHANGED = (
    select(changes.c.feed_id)
    .group_by(changes.c.feed_id)
    .order_by(func.min(changes.c.id))
    .limit(bindparam("most"))
)

# Feeds and what is served of them

FEED = whole_feeds().where(feeds.c.id == bindparam("feed_id"))
LOCK_FEED = (
    select(feeds.c.id).where(feeds.c.id == bindparam("feed_id")).with_for_update(key_share=True)
)
VERSION = select(served_version.c.number)
RAISE_VERSION = update(served_version).values(number=served_version.c.number + 1)
PUT_FEED = (
    update(feeds)
    .where(feeds.c.id == bindparam("of_feed"))
    .values(version=select(served_version.c.number).scalar_subquery())
)
CHANGED_SINCE = (
    select(feeds.c.id, feeds.c.version)
    .where(feeds.c.version > bindparam("since"))
    .order_by(feeds.c.version)
    .limit(bindparam("most"))
)
DROP_LEFT_OUT = delete(left_out).where(left_out.c.feed_id == bindparam("feed_id"))
ADD_LEFT_OUT = insert(left_out)
AUTHOR_NAMED = select(authors.c.id).where(authors.c.name_folded == bindparam("name"))

# Archives

# Ordered by the whole index: PostgreSQL does not take what is null for constant.
UNFILED = (
    select(feed_entries.c.entry_id)
    .where(
        feed_entries.c.feed_id == bindparam("feed_id"),
        feed_entries.c.is_live,
        feed_entries.c.archive.is_(None),
    )
    .order_by(
        feed_entries.c.archive,
        feed_entries.c.visible_at,
        feed_entries.c.published,
        feed_entries.c.entry_id,
    )
    .limit(bindparam("most"))
)
LENGTHS = select(entries.c.id, func.length(entries.c.body).label("characters")).where(
    entries.c.id.in_(_these("entry_ids"))
)
FILE = (
    update(feed_entries)
    .where(
        feed_entries.c.feed_id == bindparam("of_feed"),
        feed_entries.c.entry_id == bindparam("of_entry"),
        feed_entries.c.archive.is_(None),
        feed_entries.c.is_live,
    )
    .values(archive=bindparam("number"))
)
FILED_IN = (
    select(feed_entries.c.entry_id, feed_entries.c.visible_at)
    .where(
        feed_entries.c.feed_id == bindparam("feed_id"),
        feed_entries.c.is_live,
        feed_entries.c.archive == bindparam("number"),
    )
    .limit(bindparam("most"))
)

DROP_DOCUMENTS = delete(documents).where(documents.c.feed_id == bindparam("feed_id"))
ADD_DOCUMENTS = insert(documents)
_DOCUMENTS = (
    select(
        feeds.c.id,
        feeds.c.version,
        feeds.c.updated,
        feeds.c.next_due_at,
        documents.c.encoding,
        documents.c.etag,
        documents.c.body,
    )
    .join_from(feeds, documents, documents.c.feed_id == feeds.c.id)
    .where(documents.c.format == bindparam("of_format"))
)
DOCUMENT = _DOCUMENTS.where(feeds.c.id == bindparam("feed_id"))
DOCUMENT_OF_EVERYTHING = _DOCUMENTS.where(IS_EVERYTHING)
DOCUMENT_OF_AUTHOR = _DOCUMENTS.join(authors, authors.c.id == feeds.c.author_id).where(
    is_of_author(bindparam("slug"))
)
DOCUMENT_CALLED = _DOCUMENTS.join(categories, categories.c.id == feeds.c.category_id).where(
    is_called(bindparam("slug"))
)
