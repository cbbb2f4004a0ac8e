"""Which entries of a feed are filed in which of its archive documents (RFC 5005 section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, update

from feedsvc.model import Feed
from feedsvc.storage import statements
from feedsvc.storage.entries import chunks
from feedsvc.storage.schema import feeds

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Unfiled:
    """An entry that stands in a feed and in none of its archive documents.

    :param characters: how long its text is.
    """

    entry_id: str
    characters: int


class ArchiveRows:
    """Reading and writing the places of entries in archives inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def unfiled(self, feed: Feed, *, limit: int) -> list[str]:
        """What readers may see in a feed and no archive holds, by id; what entered first, first."""
        asked = {"feed_id": feed.id, "most": limit}
        return list(self._connection.execute(statements.UNFILED, asked).scalars())

    def measured(self, entry_ids: Sequence[str]) -> list[Unfiled]:
        """The same entries with their lengths."""
        found: dict[str, int] = {}
        for chunk in chunks(list(entry_ids), CHUNK):
            rows = self._connection.execute(statements.LENGTHS, {"entry_ids": chunk})
            found |= {row.id: row.characters for row in rows}
        return [Unfiled(id, found[id]) for id in entry_ids]

    def file(self, feed: Feed, filed: Sequence[tuple[str, int]]) -> int:
        """Put entries into archive documents, each named by its number; how many there are then.

        What left the feed meanwhile stays out.
        """
        self._connection.execute(
            statements.FILE,
            [
                {"of_feed": feed.id, "of_entry": entry_id, "number": number}
                for entry_id, number in filed
            ],
        )
        archives = max(number for _, number in filed)
        query = update(feeds).where(feeds.c.id == feed.id).values(archives=archives)
        self._connection.execute(query)
        return archives
