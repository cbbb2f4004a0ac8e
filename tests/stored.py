"""What is stored, all of it: for tests, whose databases are small."""

from __future__ import annotations

from feedsvc.model import Feed, Format, StoredDocument
from feedsvc.storage import Storage

MOST = 1000


def stored_feeds(storage: Storage) -> list[Feed]:
    """Every feed, the one of everything first."""
    with storage.reading() as tx:
        return tx.feeds.after(0, limit=MOST)


def stored_documents(storage: Storage) -> dict[str, StoredDocument]:
    """Every document by its path."""
    found = {}
    for feed in stored_feeds(storage):
        for format in Format:
            with storage.reading() as tx:
                stored = tx.served.of_feed(feed.id, format)
            if stored is not None:
                found[feed.path(format)] = stored
    return found
