"""One suite for both engines: nothing is lost, nothing is corrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import inspect as look_into

from feedsvc.errors import (
    EditConflict,
    NotFound,
    SchemaOutdated,
    StorageBusy,
    StorageError,
    StorageFull,
    StorageReadOnly,
    StorageUnreachable,
)
from feedsvc.model import Category, Entry, Source, State
from feedsvc.storage import Storage, describe_url
from feedsvc.storage import engine as storage_engine
from feedsvc.storage.schema import metadata
from tests.conftest import utc

NOW = utc(2026, 1, 21, 18, 13)
ID = "urn:uuid:00000000-0000-4000-8000-000000000001"


def add_category(storage: Storage, slug: str = "health") -> Category:
    with storage.writing() as tx:
        return tx.feeds.add_category(Category(slug, slug.title(), "About it"), NOW)


def make_entry(category: Category, number: int = 1, **changes: object) -> Entry:
    entry = Entry(
        id=f"{ID[:-4]}{number:04d}",
        slug=f"article-{number}",
        title="A title – «日本» שלום",
        author="Ada",
        summary="Sum",
        body="Line\n\n- one",
        categories=(category,),
        state=State.PUBLISHED,
        sources=(Source("A name", "https://example.org/?a=1&b=2"), Source("Another")),
        published=NOW,
        updated=NOW,
        visible_at=NOW,
        wall_time="21/01/2026 19:13",
        wall_zone="Europe/Rome",
        changed_at=NOW,
    )
    return replace(entry, **changes)  # type: ignore[arg-type]


def put(storage: Storage, entry: Entry) -> None:
    with storage.writing() as tx:
        tx.entries.add(entry)
        instant = entry.visible_at or NOW
        tx.feeds.place(entry, dict.fromkeys(tx.feeds.touched_by(entry), instant), instant)


def test_an_entry_comes_back_as_it_went_in(storage: Storage) -> None:
    health, science = add_category(storage), add_category(storage, "science")
    entry = replace(make_entry(health), categories=(science, health))
    put(storage, entry)
    with storage.reading() as tx:
        assert tx.entries.get(entry.id) == entry
        assert tx.entries.by_slug("article-1") == entry


@pytest.mark.parametrize("year", [1000, 1582, 1899, 1969, 2026, 9999])
def test_instants_of_any_year_come_back_and_sort(storage: Storage, year: int) -> None:
    health = add_category(storage)
    instant = utc(year, 12, 31, 23, 59, 59)
    put(storage, make_entry(health, published=instant, updated=instant, visible_at=instant))
    with storage.reading() as tx:
        assert tx.entries.get(ID).published == instant
        assert tx.feeds.last_move(tx.feeds.feed("health")) == instant


def test_the_migrations_make_exactly_the_schema_the_code_expects(storage: Storage) -> None:
    found = look_into(storage._engine)
    for table in metadata.sorted_tables:
        assert {c["name"] for c in found.get_columns(table.name)} == set(table.columns.keys())
        indexes = {index["name"] for index in found.get_indexes(table.name)}
        assert {index.name for index in table.indexes} <= indexes
    # What FTS5 makes for itself is of SQLite alone.
    tables = {name for name in found.get_table_names() if not name.startswith("searchable_")}
    assert tables == {*metadata.tables, "alembic_version"}


def test_a_second_migration_does_nothing(storage: Storage) -> None:
    assert storage.migrate() is False
    storage.check_schema()


def test_an_empty_database_is_outdated_and_the_error_names_the_mend(tmp_path: Path) -> None:
    storage = Storage(f"sqlite:///{tmp_path}/new.db")
    with pytest.raises(SchemaOutdated, match="feedsvc migrate"):
        storage.check_schema()
    storage.close()


def test_what_raises_inside_a_transaction_leaves_nothing(storage: Storage) -> None:
    health = add_category(storage)

    def save_and_fail() -> None:
        with storage.writing() as tx:
            tx.entries.add(make_entry(health))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        save_and_fail()
    with storage.reading() as tx, pytest.raises(NotFound):
        tx.entries.get(ID)


def test_a_stale_revision_is_refused(storage: Storage) -> None:
    entry = make_entry(add_category(storage))
    put(storage, entry)
    with storage.writing() as tx:
        tx.entries.replace(replace(entry, title="First", revision=2), expected_revision=1)
    with pytest.raises(EditConflict), storage.writing() as tx:
        tx.entries.replace(replace(entry, title="Second", revision=2), expected_revision=1)
    with storage.reading() as tx:
        assert tx.entries.get(ID).title == "First"


def test_of_two_writers_at_once_one_wins_and_the_other_is_told(storage: Storage) -> None:
    entry = make_entry(add_category(storage))
    put(storage, entry)
    outcomes: list[str] = []
    gate = threading.Barrier(2)

    def save(title: str) -> None:
        gate.wait()
        try:
            with storage.writing() as tx:
                tx.entries.replace(replace(entry, title=title, revision=2), expected_revision=1)
            outcomes.append("saved")
        except EditConflict:
            outcomes.append("told")

    threads = [threading.Thread(target=save, args=(title,)) for title in ("one", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["saved", "told"]


def test_many_writers_lose_nothing(storage: Storage) -> None:
    health = add_category(storage)

    def save(first: int) -> None:
        for number in range(first, first + 10):
            put(storage, make_entry(health, number))

    threads = [threading.Thread(target=save, args=(100 * n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with storage.reading() as tx:
        assert tx.entries.count(State.PUBLISHED) == 40
        assert len(tx.entries.live_in(tx.feeds.feed("all"), limit=100)) == 40


def test_a_reader_is_not_held_up_by_a_writer(storage: Storage) -> None:
    entry = make_entry(add_category(storage))
    put(storage, entry)
    with storage.writing() as writer:
        writer.entries.replace(replace(entry, title="New", revision=2), expected_revision=1)
        begun = time.monotonic()
        with storage.reading() as tx:
            assert tx.entries.get(ID).title == entry.title
        assert time.monotonic() - begun < 2


def test_a_locked_database_is_said_to_be_busy_and_nothing_is_lost(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = make_entry(add_category(storage))
    put(storage, entry)
    monkeypatch.setattr(storage_engine, "BUSY_SECONDS", 0.2)
    impatient = Storage(storage.url)
    with storage.writing() as holder:
        holder.entries.replace(replace(entry, title="Held", revision=2), expected_revision=1)
        with pytest.raises(StorageBusy, match="try again"), impatient.writing() as tx:
            tx.entries.replace(replace(entry, title="Late", revision=2), expected_revision=1)
    impatient.close()
    with storage.reading() as tx:
        assert tx.entries.get(ID).title == "Held"


WRITE_FOREVER = """
import sys
from tests.test_storage import NOW, make_entry
from feedsvc.storage import Storage
storage = Storage(sys.argv[1])
with storage.reading() as tx:
    health = tx.feeds.category("health")
for number in range(1, 100_000):
    with storage.writing() as tx:
        tx.entries.add(make_entry(health, number))
        entered = dict.fromkeys(tx.feeds.touched_by(make_entry(health, number)), NOW)
        tx.feeds.place(make_entry(health, number), entered, NOW)
        tx.feeds.announce([1], make_entry(health).published)
    print(number, flush=True)
"""


def test_a_killed_process_loses_nothing_it_said_was_stored(
    storage: Storage, storage_url: str
) -> None:
    add_category(storage)
    with storage.writing() as tx:
        tx.feeds.clear_changes(1)
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITE_FOREVER, storage_url], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    said = [int(writer.stdout.readline()) for _ in range(25)]
    writer.send_signal(signal.SIGKILL)
    said += [int(line) for line in writer.stdout.read().split()]
    writer.stdout.close()
    writer.wait()
    assert storage.find_damage() == []
    with storage.reading() as tx:
        stored = tx.entries.count(State.PUBLISHED)
        # All it said, and perhaps one that it had no time to say; each with the
        # change that came with it.
        assert stored - len(said) in (0, 1)
        assert len(tx.entries.live_in(tx.feeds.feed("all"), limit=1000)) == stored


def test_version_numbers_grow_in_the_order_of_commits(storage: Storage) -> None:
    health = add_category(storage)
    seen = []
    for moment in range(3):
        with storage.writing() as tx:
            feed = tx.feeds.feed("health")
            tx.feeds.store_next_due(feed, utc(2027, 1, 1, 0, 0, moment))
        with storage.reading() as tx:
            seen.append(tx.feeds.version())
    assert seen == sorted(set(seen))
    assert health.id


def test_a_row_that_is_no_entry_is_left_out_and_named(storage: Storage) -> None:
    health = add_category(storage)
    put(storage, make_entry(health, 1))
    put(storage, make_entry(health, 2))
    with storage.writing() as tx:
        tx.settings._connection.exec_driver_sql(
            f"UPDATE entries SET published = NULL WHERE id = '{ID}'"  # noqa: S608
        )
    with storage.reading() as tx:
        found = tx.entries.window_of(tx.feeds.feed("health"), newest=10, visible_since=None)
    assert [entry.slug for entry in found.entries] == ["article-2"]
    assert [fault.id for fault in found.faulty] == [ID]


def test_the_window_is_the_newest_and_all_that_entered_since(storage: Storage) -> None:
    health = add_category(storage)
    for number in range(1, 8):
        day = utc(2026, 1, number)
        put(storage, make_entry(health, number, published=day, updated=day, visible_at=day))
    backdated = {"published": utc(2020, 1, 1), "updated": utc(2020, 1, 1)}
    put(storage, make_entry(health, 8, visible_at=utc(2026, 1, 8), **backdated))
    with storage.reading() as tx:
        found = tx.entries.window_of(
            tx.feeds.feed("health"), newest=2, visible_since=utc(2026, 1, 5)
        )
    assert sorted(entry.slug for entry in found.entries) == ["article-6", "article-7", "article-8"]


def test_slugs_in_use_are_not_given_again(storage: Storage) -> None:
    health = add_category(storage)
    put(storage, make_entry(health, 1, slug="same"))
    put(storage, make_entry(health, 2, slug="same-2"))
    with storage.reading() as tx:
        assert tx.entries.free_slug("same", f"{ID[:-4]}0003") == "same-3"
        assert tx.entries.free_slug("same", f"{ID[:-4]}0002") == "same-2"
        assert tx.entries.free_slug("sam", ID) == "sam"


def test_a_full_database_is_said_to_be_full(tmp_path: Path) -> None:
    storage = Storage(f"sqlite:///{tmp_path}/feedsvc.db")
    storage.migrate()
    entry = make_entry(add_category(storage))

    def save_too_much() -> None:
        with storage.writing() as tx:
            tx.settings._connection.exec_driver_sql("PRAGMA max_page_count = 1")
            tx.entries.add(replace(entry, body="x" * 1_000_000))

    with pytest.raises(StorageFull, match="free some space"):
        save_too_much()
    storage.close()
    again = Storage(storage.url)
    put(again, entry)
    with again.reading() as tx:
        assert tx.entries.get(ID) == entry
    again.close()


def test_a_database_opened_to_read_refuses_to_be_written(storage: Storage) -> None:
    reader = Storage(storage.url, read_only=True)
    with pytest.raises(StorageReadOnly, match="read-only"), reader.writing() as tx:
        tx.settings.put("name", "value")
    reader.close()


def test_a_database_that_is_not_there_is_unreachable() -> None:
    storage = Storage("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(StorageUnreachable, match="does not answer"):
        storage.check_schema()
    storage.close()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "feedsvc.db").write_text("This is not a database, " * 100)
    storage = Storage(f"sqlite:///{tmp_path}/feedsvc.db")
    with pytest.raises(StorageError):
        storage.check_schema()
    storage.close()


def test_sqlite_keeps_a_write_ahead_log_and_syncs_each_commit(tmp_path: Path) -> None:
    storage = Storage(f"sqlite:///{tmp_path}/feedsvc.db")
    with storage.reading() as tx:
        asked = tx.settings._connection.exec_driver_sql
        assert asked("PRAGMA journal_mode").scalar() == "wal"
        assert asked("PRAGMA synchronous").scalar() == 2
        assert asked("PRAGMA foreign_keys").scalar() == 1
    storage.close()


def test_a_backup_is_whole_while_others_write(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not storage.is_sqlite:
        # The server's own pg_dump: an older one refuses a newer server.
        with storage.reading() as tx:
            tools = tx.settings._connection.exec_driver_sql(
                "SELECT setting FROM pg_config WHERE name = 'BINDIR'"
            ).scalar_one()
        monkeypatch.setenv("PATH", tools, prepend=os.pathsep)
    entry = make_entry(add_category(storage))
    put(storage, entry)
    target = tmp_path / "copy"
    with storage.writing() as holder:
        holder.entries.replace(replace(entry, title="Later", revision=2), expected_revision=1)
        storage.backup(target)
    with pytest.raises(StorageError, match="there already"):
        storage.backup(target)
    if storage.is_sqlite:
        copy = Storage(f"sqlite:///{target}", read_only=True)
        copy.check_schema()
        with copy.reading() as tx:
            assert tx.entries.get(ID) == entry
        copy.close()
    else:
        listing = subprocess.run(
            ["pg_restore", "--data-only", "--file=-", target],
            capture_output=True,
            text=True,
            check=True,
        )
        assert entry.title in listing.stdout


def test_a_copy_of_a_database_server_without_its_tool_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    storage = Storage("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(StorageError, match="pg_dump is not installed"):
        storage.backup(tmp_path / "copy")
    storage.close()


def test_an_address_is_shown_without_its_password() -> None:
    shown = describe_url("postgresql://feedsvc:secret@db.example.org/feedsvc")
    assert "secret" not in shown
    assert "db.example.org" in shown


def test_one_address_chosen_twice_at_once_is_told_to_try_again(storage: Storage) -> None:
    health = add_category(storage)
    put(storage, make_entry(health, 1))
    if storage.is_sqlite:
        pytest.skip("SQLite has one writer at a time, so nobody can choose at once")

    def save_the_same() -> None:
        with storage.writing() as tx:
            tx.entries.add(make_entry(health, 2, slug="article-1"))

    with pytest.raises(StorageBusy, match="try again"):
        save_the_same()
