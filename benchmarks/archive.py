"""An archive as the service would have written it, of any size, in a minute or two.

``python -m benchmarks.archive FOLDER ARTICLES CATEGORIES`` makes one by hand.

Its rows go into SQLite directly. The feeds of everything and of the first categories are
then rendered by the service itself, fingerprints and all; those of the others get the
document of an empty feed, because rendering ten thousand takes longer than all the rest
and no benchmark looks at them.
"""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from benchmarks.articles import CATEGORY, sentence
from benchmarks.servers import BenchmarkFault, command, write_config
from feedsvc import app
from feedsvc.config import load
from feedsvc.model import Category, Feed, Format
from feedsvc.publishing import Publisher
from feedsvc.rendering import documents, render
from feedsvc.storage import Storage
from feedsvc.timestamps import rfc3339, utc_now

# So many categories are read often: their feeds are rendered.
POPULAR = 200
SENTENCES = 5_000
BATCH = 20_000
# The newest articles are this old and come one a day, so that a window holds fifty; those
# before them came every ten minutes, twenty years long.
NEWEST_DAYS = 60
DAILY = 60
EVERY = timedelta(minutes=10)

Row = tuple[object, ...]


class Archive:
    """What is in it, made up, and the same each time but for the date.

    :param articles: how many; each in one of ``categories`` and in the feed of everything.
    """

    def __init__(self, articles: int, categories: int) -> None:
        self.articles = articles
        self.categories = categories
        self._now = utc_now().replace(microsecond=0)
        chance = random.Random(17)  # noqa: S311 - nothing secret about it
        self._sentences = [sentence(chance, 10) for _ in range(SENTENCES)]

    def category(self, number: int) -> Category:
        """The first is the one that benchmarks write in."""
        if number == 0:
            return Category(CATEGORY, "Health", id=1)
        return Category(f"category-{number:05}", f"Category {number:05}", id=number + 1)

    def entry_id(self, number: int) -> str:
        """In ascending order, as rows come fast, and spread like any other."""
        return f"urn:uuid:{UUID(int=(number << 96) // self.articles << 32 | number, version=4)}"

    def published(self, number: int) -> str:
        """Article 0 is the newest."""
        days = NEWEST_DAYS + min(number, DAILY)
        older = EVERY * max(number - DAILY, 0)
        return rfc3339(self._now - timedelta(days=days) - older)

    def entries(self) -> Iterator[Row]:
        """Rows of ``entries``."""
        pool, size = self._sentences, SENTENCES
        for number in range(self.articles):
            parts = [pool[(number * 7 + place * 613 + number // size) % size] for place in range(9)]
            instant = self.published(number)
            yield (
                self.entry_id(number),
                f"archive-{number:07}",
                f"{parts[8][:50].rstrip('.')}, part {number}",
                "",
                "",
                " ".join(parts[:4]) + "\n\n" + " ".join(parts[4:8]),
                "[]",
                "published",
                *(instant, instant, instant),
                "21/01/2026 19:13",
                "Europe/Rome",
                1,
                instant,
                f"archive:{number}",
            )


def make(folder: Path, articles: int, categories: int) -> None:
    """Make the archive as ``feedsvc.db`` in ``folder``, with a configuration beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    config = write_config(folder, 8000)
    done = subprocess.run(
        [*command(config), "migrate"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchmarkFault(f"the schema was not made:\n{done.stderr}")
    archive = Archive(articles, categories)
    with closing(sqlite3.connect(folder / "feedsvc.db")) as connection:
        _fill(connection, archive)
    storage = Storage(f"sqlite:///{folder}/feedsvc.db")
    publisher = app.publisher_of(load(config, {}), storage).as_noted()
    with storage.reading() as tx:
        popular = [feed.id for feed in tx.feeds.after(0, limit=POPULAR)]
    for feed_id in popular:
        publisher.regenerate(feed_id, utc_now())
    with closing(sqlite3.connect(folder / "feedsvc.db")) as connection:
        _stand_in(connection, archive, publisher)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    storage.close()


def _fill(connection: sqlite3.Connection, archive: Archive) -> None:
    # Nothing is lost that could not be made again. The service writes with its own settings.
    for pragma in ("synchronous=OFF", "cache_size=-400000", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    # Indexes are made faster at the end than row by row.
    indexes = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        " AND tbl_name IN ('entries', 'entry_categories', 'feed_entries')"
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    count, categories = archive.articles, archive.categories
    made = [archive.category(number) for number in range(1, categories)]
    _insert(
        connection,
        "INSERT INTO categories (id, slug, name, description, name_folded) VALUES (?, ?, ?, '', ?)",
        ((one.id, one.slug, one.name, one.name.casefold()) for one in made),
    )
    _insert(
        connection,
        "INSERT INTO feeds (id, urn, category_id, fingerprint, version) VALUES (?, ?, ?, '', 0)",
        ((one.id + 1, f"urn:uuid:{UUID(int=one.id, version=4)}", one.id) for one in made),
    )
    connection.execute("INSERT INTO feed_clocks SELECT id, NULL, NULL FROM feeds WHERE id > 2")
    columns = ", ".join("?" * 16)
    _insert(connection, f"INSERT INTO entries VALUES ({columns})", archive.entries())  # noqa: S608
    _insert(
        connection,
        "INSERT INTO entry_categories VALUES (?, 0, ?)",
        ((archive.entry_id(n), n % categories + 1) for n in range(count)),
    )
    everything = ((1, n) for n in range(count))
    by_category = ((c + 2, n) for c in range(categories) for n in range(c, count, categories))
    for places in (everything, by_category):
        _insert(
            connection,
            "INSERT INTO feed_entries VALUES (?, ?, 1, ?, ?)",
            (
                (feed_id, archive.entry_id(n), instant := archive.published(n), instant)
                for feed_id, n in places
            ),
        )
    for _, sql in indexes:
        connection.execute(sql)
    connection.execute(
        "UPDATE feed_clocks SET moved_at = (SELECT max(visible_at) FROM feed_entries"
        " WHERE feed_entries.feed_id = feed_clocks.feed_id AND is_live)"
    )
    connection.execute("UPDATE feed_clocks SET system_at = moved_at")
    connection.execute("DELETE FROM changes")
    connection.commit()


def _insert(connection: sqlite3.Connection, sql: str, rows: Iterator[Row]) -> None:
    connection.executemany(sql, rows)
    connection.commit()


def _stand_in(connection: sqlite3.Connection, archive: Archive, publisher: Publisher) -> None:
    """Documents of empty feeds where none was rendered."""
    instant = datetime.now(UTC).replace(microsecond=0)
    version = connection.execute("SELECT number FROM served_version").fetchone()[0]
    bare = connection.execute(
        "SELECT id, urn, category_id FROM feeds WHERE updated IS NULL"
    ).fetchall()
    for feed_id, urn, category_id in bare:
        version += 1
        feed = Feed(feed_id, urn, archive.category(category_id - 1))
        for format in Format:
            made = render(feed, [], publisher.site, publisher.window, format, instant)
            connection.executemany(
                "INSERT INTO documents VALUES (?, ?, ?, ?, ?)",
                [
                    (feed_id, format.value, one.encoding, one.etag, one.body)
                    for one in documents(feed, format, made.body, instant, None)
                ],
            )
        connection.execute(
            "UPDATE feeds SET updated = ?, version = ? WHERE id = ?",
            (rfc3339(instant), version, feed_id),
        )
    connection.execute("UPDATE served_version SET number = ?", (version,))
    connection.commit()


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
