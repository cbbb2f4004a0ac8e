"""What polls are answered from: stored documents, one feed and format at a time."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from feedsvc.model import Format, StoredDocument
from feedsvc.storage.feeds import is_called
from feedsvc.storage.schema import categories, documents, feeds


class ServedRows:
    """Reading documents inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def changed_since(self, version: int, *, limit: int) -> list[tuple[int, int]]:
        """Feeds that changed after ``version``, each with its own, in the order of those."""
        query = (
            select(feeds.c.id, feeds.c.version)
            .where(feeds.c.version > version)
            .order_by(feeds.c.version)
            .limit(limit)
        )
        return [(row.id, row.version) for row in self._connection.execute(query)]

    def by_slug(self, slug: str, format: Format) -> StoredDocument | None:
        """The document of the feed whose address has or had that slug, or None.

        ``all`` is the feed of everything.
        """
        wanted = feeds.c.category_id.is_(None) if slug == "all" else is_called(slug)
        return self._one(wanted, format)

    def of_feed(self, feed_id: int, format: Format) -> StoredDocument | None:
        """The document of the feed with that number, or None."""
        return self._one(feeds.c.id == feed_id, format)

    def _one(self, wanted: ColumnElement[bool], format: Format) -> StoredDocument | None:
        columns = (feeds.c.id, feeds.c.version, feeds.c.updated, feeds.c.next_due_at)
        query: Any = (
            select(*columns, documents.c.encoding, documents.c.etag, documents.c.body)
            .select_from(feeds)
            .outerjoin(categories, categories.c.id == feeds.c.category_id)
            .join(documents, documents.c.feed_id == feeds.c.id)
            .where(wanted, documents.c.format == format.value)
        )
        # As many rows as there are encodings.
        rows = self._connection.execute(query).all()
        if not rows:
            return None
        first = rows[0]
        return StoredDocument(
            feed_id=first.id,
            version=first.version,
            format=format,
            updated=first.updated,
            next_due_at=first.next_due_at,
            etags={row.encoding: row.etag for row in rows},
            bodies={row.encoding: bytes(row.body) for row in rows},
        )
