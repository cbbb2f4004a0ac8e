"""What polls are answered from: stored documents, one feed and format at a time."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select

from feedsvc.model import Content, Format, StoredDocument
from feedsvc.storage import statements


def stored_format(format: Format, second: Content | None) -> str:
    """How a document's format and content stand in the database."""
    return f"{format}.{second}" if second else format.value


class ServedRows:
    """Reading documents inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def changed_since(self, version: int, *, limit: int) -> list[tuple[int, int]]:
        """Feeds that changed after ``version``, each with its own, in the order of those."""
        asked = {"since": version, "most": limit}
        rows = self._connection.execute(statements.CHANGED_SINCE, asked)
        return [(row.id, row.version) for row in rows]

    def by_slug(
        self, slug: str, format: Format, second: Content | None = None
    ) -> StoredDocument | None:
        """The document of the feed whose address has or had that slug, or None.

        ``all`` is the feed of everything, ``authors/<slug>`` an author's.
        """
        if slug == "all":
            return self._one(statements.DOCUMENT_OF_EVERYTHING, format, second)
        authors, _, author = slug.partition("/")
        if author:
            if authors != "authors":
                return None
            return self._one(statements.DOCUMENT_OF_AUTHOR, format, second, slug=author)
        return self._one(statements.DOCUMENT_CALLED, format, second, slug=slug)

    def of_feed(
        self, feed_id: int, format: Format, second: Content | None = None
    ) -> StoredDocument | None:
        """The document of the feed with that number, or None."""
        return self._one(statements.DOCUMENT, format, second, feed_id=feed_id)

    def _one(
        self, query: Select[Any], format: Format, second: Content | None, **asked: Any
    ) -> StoredDocument | None:
        # As many rows as there are encodings.
        asked["of_format"] = stored_format(format, second)
        rows = self._connection.execute(query, asked).all()
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
            second=second,
        )
