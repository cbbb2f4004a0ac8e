"""The one door to the database.

``with storage.writing() as tx`` is a transaction: what it wrote is durable when
the block ends, or was never there. ``with storage.reading() as tx`` sees one
consistent state. SQL stays behind this door, and every query is bounded.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, make_url, text

from feedsvc.errors import SchemaOutdated, StorageError, StorageReadOnly
from feedsvc.storage.archives import ArchiveRows
from feedsvc.storage.audit import AuditRows
from feedsvc.storage.authors import AuthorRows
from feedsvc.storage.category_order import CategoryOrder
from feedsvc.storage.editors import EditorRows
from feedsvc.storage.engine import dump_postgresql, in_our_words, notices, open_engine
from feedsvc.storage.entries import EntryRows
from feedsvc.storage.feeds import FeedRows
from feedsvc.storage.history import HistoryRows
from feedsvc.storage.left_out import LeftOutRows
from feedsvc.storage.pictures import PictureRows
from feedsvc.storage.public_pages import PublicPageRows
from feedsvc.storage.second_factors import SecondFactorRows
from feedsvc.storage.served import ServedRows
from feedsvc.storage.sessions import SessionRows
from feedsvc.storage.settings import SettingRows

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig

MIGRATIONS = Path(__file__).parent / "migrations"
# Any number will do as long as nobody else in this database locks by it.
_MIGRATION_LOCK = 0x66656564


class Transaction:
    """What can be asked and said inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self.entries = EntryRows(connection)
        self.feeds = FeedRows(connection)
        self.category_order = CategoryOrder(connection)
        self.editors = EditorRows(connection)
        self.served = ServedRows(connection)
        self.settings = SettingRows(connection)
        self.history = HistoryRows(connection)
        self.sessions = SessionRows(connection)
        self.second_factors = SecondFactorRows(connection)
        self.audit = AuditRows(connection)
        self.pictures = PictureRows(connection)
        self.authors = AuthorRows(connection)
        self.archives = ArchiveRows(connection)
        self.left_out = LeftOutRows(connection)
        self.public_pages = PublicPageRows(connection)


class Storage:
    """SQLite or PostgreSQL, by the address alone.

    Safe to share between threads; not between processes (each opens its own).

    :param url: ``sqlite:///data/feedsvc.db`` (relative to the working directory,
        four slashes for an absolute path) or ``postgresql://...``.
    :param read_only: never write, and open even where nothing can be written.
    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self.url = url
        self.read_only = read_only
        self._engine = open_engine(url, read_only=read_only)

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file of ours."""
        return self._engine.dialect.name == "sqlite"

    def close(self) -> None:
        """Give every connection back."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A transaction that only reads."""
        with in_our_words(), self._engine.connect() as connection:
            if not self.is_sqlite:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield Transaction(connection)

    @contextmanager
    def writing(self, *, waits: bool = True) -> Iterator[Transaction]:
        """A transaction that writes: all of it, durably, or nothing.

        :param waits: for another writer; what can as well be written later does not.
        :raises StorageBusy: another writer held the database for five seconds.
        :raises StorageFull: there is no room.
        :raises StorageReadOnly: nothing can be written.
        :raises StorageUnreachable: the database does not answer.
        """
        try:
            with in_our_words(), self._engine.connect() as connection:
                connection = connection.execution_options(feedsvc_writing=True, feedsvc_waits=waits)
                with connection.begin():
                    yield Transaction(connection)
        except StorageReadOnly:
            # SQLite opens what it may only read for reading, and stays with that.
            self._engine.dispose()
            raise

    def notices(self) -> Iterator[None]:
        """Yield whenever somebody changed what is served, and once to begin with.

        PostgreSQL only. What comes while nobody listens is not told later.

        :raises StorageError: the database is not heard any more.
        """
        with in_our_words():
            yield from notices(self._engine)

    def migrate(self) -> bool:
        """Bring the schema to this version's. Whether there was anything to do."""
        if self._revision() == _head():
            return False
        from alembic import command

        with in_our_words(), self._engine.connect() as connection:
            connection = connection.execution_options(feedsvc_writing=True)
            with connection.begin():
                if not self.is_sqlite:
                    connection.execute(
                        text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK}
                    )
                config = self._alembic()
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        return True

    def check_schema(self) -> None:
        """Make sure that the schema is this version's.

        :raises SchemaOutdated: it is not; ``feedsvc migrate`` mends it.
        """
        found, wanted = self._revision(), _head()
        if found != wanted:
            raise SchemaOutdated(
                f"the database has schema {found or 'none'}, this version needs {wanted};"
                " run: feedsvc migrate"
            )

    def backup(self, target: Path) -> None:
        """Copy the database consistently while others read and write it.

        A SQLite file; of PostgreSQL an archive of ``pg_dump`` for ``pg_restore``.

        :raises StorageError: ``target`` is there already, or the copy failed.
        """
        if target.exists():
            raise StorageError(f"{target} is there already; name a new file")
        # Under another name until it is whole: half a copy must not look like one.
        unfinished = target.with_name(target.name + ".unfinished")
        try:
            unfinished.touch(mode=0o600)
            if self.is_sqlite:
                self._copy_sqlite(unfinished)
            else:
                dump_postgresql(self.url, unfinished)
            unfinished.rename(target)
        except OSError as error:
            raise StorageError(f"{target} cannot be written: {error.strerror}") from error
        finally:
            unfinished.unlink(missing_ok=True)

    def _copy_sqlite(self, target: Path) -> None:
        self.check_schema()
        with in_our_words(), self._engine.connect() as connection:
            source = connection.connection.driver_connection
            if not isinstance(source, sqlite3.Connection):
                raise StorageError("the database driver is not sqlite3")
            with closing(sqlite3.connect(target)) as copy:
                source.backup(copy)

    def find_damage(self) -> list[str]:
        """What SQLite's own check says is wrong; PostgreSQL looks after itself."""
        if not self.is_sqlite:
            return []
        with in_our_words(), self._engine.connect() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check(20)").scalars().all()
        return [] if found == ["ok"] else [str(line) for line in found]

    def _revision(self) -> str | None:
        with in_our_words(), self._engine.connect() as connection, connection.begin():
            # As Alembic does it, which a worker need not load for this.
            if not inspect(connection).has_table("alembic_version"):
                return None
            query = text("SELECT version_num FROM alembic_version")
            found: str | None = connection.execute(query).scalar_one_or_none()
            return found

    def _alembic(self) -> AlembicConfig:
        from alembic.config import Config as AlembicConfig

        config = AlembicConfig()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        return config


def _head() -> str:
    """The number of this version's schema, with which the last migration's name begins."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("0*.py"))


def describe_url(url: str) -> str:
    """The address without its password, or the file, for logs and errors."""
    file = sqlite_file(url)
    return str(file) if file else make_url(url).render_as_string(hide_password=True)


def sqlite_file(url: str) -> Path | None:
    """Where the database is, absolute, if it is a file of ours."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    return Path(parsed.database or "").absolute()
