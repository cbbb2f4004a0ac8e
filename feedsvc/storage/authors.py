"""Who signs articles; each has a feed from the first one on."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, text

from feedsvc.characters import key_of
from feedsvc.model import Author
from feedsvc.slugs import author_slug_of
from feedsvc.storage import statements
from feedsvc.storage.feeds import add_feed, free_slug
from feedsvc.storage.schema import authors


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
            .values(
                slug=free_slug(self._connection, author_slug_of(name), authors.c.slug),
                name=name,
                name_folded=key_of(name),
            )
            .returning(authors.c.id)
        ).scalar_one()
        add_feed(self._connection, author_id=author_id)

    def named(self, name: str) -> Author | None:
        """The author of that name, in any case of its letters, or None."""
        query = select(authors).where(authors.c.name_folded == key_of(name))
        row = self._connection.execute(query).one_or_none()
        return Author(row.slug, row.name, row.id) if row else None
