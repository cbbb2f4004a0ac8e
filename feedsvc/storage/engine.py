"""Engines for SQLite and PostgreSQL that behave alike, and their errors in our words.

A reading transaction sees one consistent state; a writing one excludes other
writers where the engine cannot do better (SQLite); a commit is on disk when it
returns (``synchronous=FULL`` in SQLite; PostgreSQL's default).
"""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from feedsvc.errors import (
    StorageBusy,
    StorageError,
    StorageFull,
    StorageReadOnly,
    StorageUnreachable,
)
from feedsvc.phrases import Phrase

# Where it is used: a worker with SQLite has 20 MB less without it and Alembic.
if TYPE_CHECKING:
    import psycopg

BUSY_SECONDS = 5
# Where PostgreSQL tells that what is served has changed.
CHANNEL = "feedsvc_served"
SILENCE_SECONDS = 30
GATHER_SECONDS = 0.05


def open_engine(url: str, *, read_only: bool = False) -> Engine:
    """An engine for ``sqlite:///path`` or ``postgresql://...``."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed, read_only=read_only)
    return _open_postgresql(parsed, read_only=read_only)


def _open_sqlite(url: URL, *, read_only: bool) -> Engine:
    path = Path(url.database or "").absolute()
    if read_only:
        # immutable: SQLite then needs no -shm file, which it could not make here.
        wal = path.with_name(path.name + "-wal")
        flag = "" if wal.exists() and wal.stat().st_size else "&immutable=1"
        name = f"{path.as_uri()}?mode=ro{flag}"
    else:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{path.parent} cannot be made: {error.strerror}") from error
        # For its owner alone: it holds passwords' hashes and the key of the cookies.
        # What SQLite makes beside it gets the same mode. If it fails, opening tells.
        with suppress(OSError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
        name = path.as_uri()

    def connect() -> sqlite3.Connection:
        # Autocommit mode: the driver would otherwise begin transactions by
        # itself, late and without IMMEDIATE.
        return sqlite3.connect(
            name, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )

    engine = create_engine(
        "sqlite://",
        creator=connect,
        poolclass=QueuePool,
        pool_size=8,
        max_overflow=24,
        pool_timeout=BUSY_SECONDS,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        if not read_only:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # IMMEDIATE: a reader that turns writer half-way would be refused at
        # once, without waiting, if somebody else wrote in between.
        options = connection.get_execution_options()
        if not options.get("feedsvc_writing"):
            connection.exec_driver_sql("BEGIN")
        elif options.get("feedsvc_waits", True):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            # The driver's own timeout, which the next transaction has again.
            connection.exec_driver_sql("PRAGMA busy_timeout=0")
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            finally:
                connection.exec_driver_sql(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")

    return engine


def _open_postgresql(url: URL, *, read_only: bool) -> Engine:
    options = f"-c timezone=UTC -c lock_timeout={int(BUSY_SECONDS * 1000)}"
    options += " -c statement_timeout=60s -c idle_in_transaction_session_timeout=60s"
    if read_only:
        options += " -c default_transaction_read_only=on"
    given = url.query.get("options")
    if isinstance(given, str):
        options = f"{given} {options}"
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={"options": options, "connect_timeout": BUSY_SECONDS},
        pool_pre_ping=True,
        pool_size=8,
        max_overflow=24,
        pool_timeout=BUSY_SECONDS,
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if not connection.get_execution_options().get("feedsvc_waits", True):
            connection.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")

    return engine


def notices(engine: Engine) -> Iterator[None]:
    """Yield whenever ``CHANNEL`` is notified, and once when that is listened to.

    On a connection of its own, without a transaction.

    :raises psycopg.Error: the connection is lost.
    """
    import psycopg

    borrowed = engine.raw_connection()
    connection = borrowed.driver_connection
    borrowed.detach()
    if not isinstance(connection, psycopg.Connection):
        raise StorageError("only PostgreSQL notifies")
    with closing(connection):
        connection.autocommit = True
        connection.execute(f"LISTEN {CHANNEL}")
        yield
        while True:
            if list(connection.notifies(timeout=SILENCE_SECONDS, stop_after=1)):
                yield
                # A rebuild notifies for each feed; those that came meanwhile are one.
                list(connection.notifies(timeout=GATHER_SECONDS))
                yield
            else:
                connection.execute("SELECT 1")  # notices a connection that is dead


def dump_postgresql(url: str, target: Path) -> None:
    """Have ``pg_dump`` write an archive; the password goes by the environment.

    :raises StorageError: it is not installed, or it failed.
    """
    parsed = make_url(url)
    environment = dict(os.environ)
    if parsed.password is not None:
        environment["PGPASSWORD"] = str(parsed.password)
    address = parsed.set(drivername="postgresql", password=None).render_as_string()
    words = ["pg_dump", "--format=custom", f"--file={target}", f"--dbname={address}"]
    try:
        done = subprocess.run(  # noqa: S603
            words, env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise StorageError("pg_dump is not installed; it comes with PostgreSQL's client") from error
    if done.returncode:
        raise StorageError(f"pg_dump failed: {done.stderr.strip()}")


@contextmanager
def in_our_words() -> Iterator[None]:
    """Turn what the drivers raise into the family of ``StorageError``."""
    try:
        yield
    except (OperationalError, InterfaceError, DBAPIError) as error:
        found = _translate(error.orig)
        if found is None:
            raise
        raise found from error
    except PoolTimeout as error:
        raise StorageBusy(
            Phrase("every connection to the database is in use; try again")
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(Phrase("the disk is full; free some space and try again")) from error
        if error.errno == errno.EROFS:
            raise StorageReadOnly(Phrase("the disk is read-only; nothing can be saved")) from error
        raise
    except Exception as error:  # where a driver was called by itself
        found = _translate(error)
        if found is None:
            raise
        raise found from error


def _translate(error: Any) -> StorageError | None:
    if isinstance(error, sqlite3.Error):
        return _translate_sqlite(error)
    if type(error).__module__.partition(".")[0] == "psycopg":
        return _translate_postgresql(error)
    return None


def _translate_sqlite(error: sqlite3.Error) -> StorageError | None:
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StorageBusy(Phrase("the database is held by another writer; try again in a moment"))
    if primary == sqlite3.SQLITE_FULL:
        return StorageFull(Phrase("the disk is full; free some space and try again"))
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return StorageReadOnly(Phrase("the database is read-only; nothing can be saved"))
    if primary == sqlite3.SQLITE_CONSTRAINT:
        return StorageBusy(Phrase("somebody saved the same at the same moment; try again"))
    if primary == sqlite3.SQLITE_CANTOPEN:
        return StorageUnreachable(
            Phrase("the database file cannot be opened: %(reason)s", reason=str(error))
        )
    if primary in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StorageError(
            Phrase("the database cannot be written or read: %(reason)s", reason=str(error))
        )
    return None


def _translate_postgresql(error: psycopg.Error) -> StorageError | None:
    import psycopg

    state = error.sqlstate or ""
    if state in ("55P03", "40001", "40P01", "57014"):
        return StorageBusy(Phrase("the database is held by another writer; try again in a moment"))
    if state == "23505":
        # Two machines chose one address or name at once; the next try sees the other's.
        return StorageBusy(Phrase("somebody saved the same at the same moment; try again"))
    if state in ("53100", "53200"):
        return StorageFull(Phrase("the database server has no room left; nothing was saved"))
    if state == "25006":
        return StorageReadOnly(Phrase("the database is read-only; nothing can be saved"))
    if state[:2] in ("08", "57", "53", "28", "3D") or (
        not state and isinstance(error, psycopg.OperationalError)
    ):
        reason = str(error).strip().split("\n")[0]
        return StorageUnreachable(
            Phrase("the database does not answer (%(reason)s)", reason=reason)
        )
    return None
