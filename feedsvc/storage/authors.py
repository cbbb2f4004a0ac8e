"""Who signs articles; each has a feed from the first one on."""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy import Connection, insert, select, text

from feedsvc.characters import key_of
from feedsvc.model import ID_PREFIX, Author
from feedsvc.slugs import author_slug_of, numbered
from feedsvc.storage import statements
from feedsvc.storage.schema import authors, feed_clocks, feeds


class AuthorRows:
    """Reading and writing authors inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ensure(self, name: str) -> None:
        """Let an author be known, with a feed; names that differ only in case are one's.

        To be called after the entry is stored and before clocks are locked, which is the
        order of every save.
        """
        if not name or self._is_known(name):
            return
        if self._connection.dialect.name == "postgresql":
            # Two saves that make the same one at once: the second finds the first's.
            self._connection.execute(text("LOCK TABLE authors IN SHARE ROW EXCLUSIVE MODE"))
            if self._is_known(name):
                return
        self._add(name)

    def _is_known(self, name: str) -> bool:
        asked = {"name": key_of(name)}
        return self._connection.execute(statements.AUTHOR_NAMED, asked).first() is not None

    def _add(self, name: str) -> None:
        author_id = self._connection.execute(
            insert(authors)
            .values(slug=self._free_slug(name), name=name, name_folded=key_of(name))
            .returning(authors.c.id)
        ).scalar_one()
        feed_id = self._connection.execute(
            insert(feeds)
            .values(urn=f"{ID_PREFIX}{uuid4()}", author_id=author_id)
            .returning(feeds.c.id)
        ).scalar_one()
        self._connection.execute(insert(feed_clocks).values(feed_id=feed_id))

    def _free_slug(self, name: str) -> str:
        candidates = [*numbered(author_slug_of(name)), f"{author_slug_of(name)}-{uuid4()}"]
        query = select(authors.c.slug).where(authors.c.slug.in_(candidates))
        taken = set(self._connection.execute(query).scalars())
        return next(slug for slug in candidates if slug not in taken)

    def named(self, name: str) -> Author | None:
        """The author of that name, in any case of its letters, or None."""
        query = select(authors).where(authors.c.name_folded == key_of(name))
        row = self._connection.execute(query).one_or_none()
        return Author(row.slug, row.name, row.id) if row else None
