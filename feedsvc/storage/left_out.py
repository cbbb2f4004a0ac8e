"""Entries that could not be written in a feed's documents, kept for their editors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, select

from feedsvc.model import Feed
from feedsvc.storage import statements
from feedsvc.storage.schema import left_out

# Of one entry: as many as there are documents of its feeds, and more is nothing new.
MOST_OF_ENTRY = 100


class LeftOutRows:
    """Which entries could not be written in which documents."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, feed: Feed, found: Iterable[tuple[str, str, str]]) -> None:
        """Keep what was left out of a feed's documents, instead of what was before.

        :param found: format, entry id, fault.
        """
        self._connection.execute(statements.DROP_LEFT_OUT, {"feed_id": feed.id})
        rows: list[dict[str, Any]] = [
            {"feed_id": feed.id, "format": format, "entry_id": entry_id, "fault": fault}
            for format, entry_id, fault in found
        ]
        if rows:
            self._connection.execute(statements.ADD_LEFT_OUT, rows)

    def of_entry(self, entry_id: str) -> list[tuple[int, str, str]]:
        """The documents that an entry is missing in: feed, format, fault.

        The format is "" where the stored entry itself is faulty, so that none has it.
        """
        query = (
            select(left_out.c.feed_id, left_out.c.format, left_out.c.fault)
            .where(left_out.c.entry_id == entry_id)
            .order_by(left_out.c.id)
            .limit(MOST_OF_ENTRY)
        )
        return [(row.feed_id, row.format, row.fault) for row in self._connection.execute(query)]
