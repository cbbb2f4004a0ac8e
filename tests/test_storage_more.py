"""More of what both engines keep to: order, patience, copies, and what is reported."""

from __future__ import annotations

import errno
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import StatementError

from feedsvc.errors import (
    NotFound,
    SchemaOutdated,
    StorageBusy,
    StorageError,
    StorageFull,
    StorageReadOnly,
    StorageUnreachable,
)
from feedsvc.model import Category, Entry, Site, State, Window
from feedsvc.publishing import Action, Draft, Publisher, inspect
from feedsvc.publishing import publisher as publisher_module
from feedsvc.publishing import regeneration as regeneration_module
from feedsvc.storage import Storage
from feedsvc.storage import engine as storage_engine
from tests.conftest import utc
from tests.test_storage import ID, NOW, add_category, make_entry, put


@pytest.fixture
def impatient(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    """The same database for somebody who waits a fifth of a second only."""
    monkeypatch.setattr(storage_engine, "BUSY_SECONDS", 0.2)
    opened = Storage(storage.url)
    yield opened
    opened.close()


def sql(storage: Storage, statement: str) -> None:
    """What somebody did to the database by hand."""
    with storage.writing() as tx:
        tx.settings._connection.exec_driver_sql(statement)


def a_draft(*categories: Category, **changes: object) -> Draft:
    draft = Draft(title="A title", categories=categories, body="A text.")
    return replace(draft, **changes)  # type: ignore[arg-type]


def slugs(entries: list[Entry]) -> list[str]:
    return [entry.slug for entry in entries]


def scheduled(category: Category, number: int, day: int, **changes: object) -> Entry:
    due = utc(2027, 1, day)
    times = {"published": due, "updated": due, "visible_at": due}
    return make_entry(category, number, state=State.SCHEDULED, **times, **changes)


def test_the_last_changed_is_listed_first_and_a_list_goes_on_where_it_ended(
    storage: Storage,
) -> None:
    health = add_category(storage)
    for number in (1, 2, 3):
        put(
            storage,
            make_entry(
                health, number, changed_at=utc(2026, 2, number), published=utc(2026, 1, 9 - number)
            ),
        )
    for number in (4, 5, 6):
        draft = make_entry(health, number, changed_at=utc(2026, 2, number), state=State.DRAFT)
        put(storage, draft)
    with storage.reading() as tx:
        listed = tx.entries.latest(State.DRAFT, limit=2)
        rest = tx.entries.latest(State.DRAFT, limit=2, offset=2)
        published = tx.entries.latest(State.PUBLISHED)
    assert slugs(listed + rest) == ["article-6", "article-5", "article-4"]
    assert slugs(published) == ["article-1", "article-2", "article-3"]


def test_nothing_scheduled_is_in_a_feed_beside_what_has_entered(
    storage: Storage, publisher: Publisher
) -> None:
    health = add_category(storage)
    put(storage, make_entry(health, 1))
    put(storage, scheduled(health, 2, 1))
    before = utc(2026, 1, 1)
    with storage.reading() as tx:
        found = tx.entries.window_of(tx.feeds.feed("health"), newest=1, visible_since=before)
        version = tx.feeds.version()
    assert slugs(found.entries) == ["article-1"]
    publisher.regenerate_due(NOW)
    with storage.reading() as tx:
        changed = [feed_id for feed_id, _ in tx.served.changed_since(version, limit=10)]
        assert tx.served.changed_since(tx.feeds.version(), limit=10) == []
        assert changed == [tx.feeds.feed("health").id]


def test_of_the_scheduled_the_next_due_is_listed_first(storage: Storage) -> None:
    health = add_category(storage)
    for number, day in ((1, 3), (2, 1), (3, 2)):
        put(storage, scheduled(health, number, day, changed_at=utc(2026, 2, number)))
    with storage.reading() as tx:
        listed = tx.entries.latest(State.SCHEDULED)
        assert tx.entries.next_due(tx.feeds.feed("health")) == utc(2027, 1, 1)
    assert slugs(listed) == ["article-2", "article-3", "article-1"]


def test_readers_see_the_newest_first_and_nothing_that_is_still_to_come(storage: Storage) -> None:
    health = add_category(storage)
    for number in (1, 2, 3):
        day = utc(2026, 1, number)
        put(storage, make_entry(health, number, published=day, updated=day, visible_at=day))
    put(storage, scheduled(health, 4, 1))
    with storage.reading() as tx:
        feed = tx.feeds.feed("health")
        seen = [
            *tx.entries.live_in(feed, limit=2),
            *tx.entries.live_in(feed, limit=2, offset=2),
        ]
        entered = tx.feeds.last_move(feed)
    assert slugs(seen) == ["article-3", "article-2", "article-1"]
    assert entered == utc(2026, 1, 3)


def test_categories_come_as_they_were_made_and_the_feed_of_everything_first(
    storage: Storage,
) -> None:
    for slug in ("science", "art", "health"):
        add_category(storage, slug)
    with storage.reading() as tx:
        assert [one.slug for one in tx.feeds.categories()] == ["science", "art", "health"]
        assert tx.feeds.after(0, limit=1)[0].slug == "all"


def test_who_waits_longest_is_rendered_first(storage: Storage) -> None:
    with storage.writing() as tx:
        for feed in tx.feeds.after(0, limit=100):
            tx.feeds.clear_changes(feed.id)
    ids = []
    for slug in ("science", "art", "health"):
        add_category(storage, slug)
        with storage.reading() as tx:
            ids.append(tx.feeds.feed(slug).id)
    with storage.writing() as tx:
        tx.feeds.announce([ids[0]], NOW)
    with storage.reading() as tx:
        assert tx.feeds.changed(limit=10) == ids


@pytest.mark.parametrize(
    "sources", ['[{"name": "x"}]', "[1]", "not JSON", '[{"name": "", "url": ""}]']
)
def test_sources_that_cannot_be_read_make_one_entry_faulty(storage: Storage, sources: str) -> None:
    health = add_category(storage)
    put(storage, make_entry(health, 1))
    put(storage, make_entry(health, 2))
    sql(storage, f"UPDATE entries SET sources = '{sources}' WHERE id = '{ID}'")  # noqa: S608
    with storage.reading() as tx:
        assert slugs(tx.entries.latest(State.PUBLISHED)) == ["article-2"]
        with pytest.raises(NotFound, match="is faulty"):
            tx.entries.get(ID)


def test_only_utc_in_whole_seconds_is_stored(storage: Storage) -> None:
    for instant in (NOW.replace(tzinfo=None), NOW.replace(microsecond=1)):
        with pytest.raises(StatementError, match="not a UTC instant"), storage.writing() as tx:
            tx.editors.add("ada", "hash", instant)


def test_a_reader_sees_one_state_from_its_first_look_to_its_last(storage: Storage) -> None:
    entry = make_entry(add_category(storage))
    put(storage, entry)
    with storage.reading() as tx:
        assert tx.entries.count(State.PUBLISHED) == 1
        put(storage, make_entry(entry.categories[0], 2))
        assert tx.entries.count(State.PUBLISHED) == 1


def test_a_feed_is_rendered_by_one_at_a_time(storage: Storage, impatient: Storage) -> None:
    add_category(storage)
    publisher = Publisher(impatient, Site("The Example", "https://example.org", "en"), Window())
    with storage.reading() as tx:
        feed_id = tx.feeds.feed("health").id
    publisher.regenerate(feed_id, NOW)
    with storage.writing() as holder:
        holder.feeds.lock(feed_id)
        with pytest.raises(StorageBusy):
            publisher.regenerate(feed_id, NOW)


def test_a_save_does_not_wait_for_a_rendering(storage: Storage, impatient: Storage) -> None:
    if storage.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    add_category(storage)
    with storage.reading() as tx:
        feed_id = tx.feeds.feed("health").id
    with storage.writing() as rendering:
        rendering.feeds.lock(feed_id)
        rendering.feeds.clear_changes(feed_id)
        with impatient.writing() as tx:
            tx.feeds.announce([feed_id], NOW)
    with storage.reading() as tx:
        assert feed_id in tx.feeds.changed(limit=10)


def test_a_change_that_commits_while_a_feed_is_rendered_stays_owed(
    storage: Storage, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    if storage.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    add_category(storage)
    publisher.regenerate_due(NOW)
    real = regeneration_module.window_start
    with storage.reading() as tx:
        feed_id = tx.feeds.feed("health").id

    def meanwhile(*arguments: object) -> object:
        with storage.writing() as tx:
            tx.feeds.announce([feed_id], NOW)
        return real(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(regeneration_module, "window_start", meanwhile)
        publisher.regenerate(feed_id, NOW)
    with storage.reading() as tx:
        assert tx.feeds.changed(limit=10) == [feed_id]


def test_what_another_machine_is_publishing_stops_no_tick(
    storage: Storage, publisher: Publisher
) -> None:
    if storage.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    health = add_category(storage)
    for number in (1, 2):
        put(storage, scheduled(health, number, 1))
    now = utc(2027, 1, 1)
    with storage.writing() as tx:
        mine = tx.entries.by_slug("article-1")
        tx.entries.replace(publisher_module.fall_due(mine, now), expected_revision=1)
        # The tick leaves it alone, neither waits nor fails, and publishes the other.
        publisher.publish_due(now)
    publisher.publish_due(now)
    with storage.reading() as tx:
        for slug in ("article-1", "article-2"):
            entry = tx.entries.by_slug(slug)
            assert (entry.state, entry.revision) == (State.PUBLISHED, 2)


def test_every_connection_in_use_is_said_to_be_busy(storage: Storage, impatient: Storage) -> None:
    held = [impatient.reading() for _ in range(32)]
    for one in held:
        one.__enter__()
    try:
        with pytest.raises(StorageBusy, match="try again"), impatient.reading():
            pass
    finally:
        for one in held:
            one.__exit__(None, None, None)


def test_a_connection_that_the_server_ended_is_replaced(storage: Storage) -> None:
    if storage.is_sqlite:
        pytest.skip("SQLite has no server")
    with storage.reading() as tx:
        assert tx.feeds.version() == 0
    with psycopg.connect(storage.url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    with storage.reading() as tx:
        assert tx.feeds.version() == 0


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("40P01", StorageBusy),
        ("40001", StorageBusy),
        ("57014", StorageBusy),
        ("53100", StorageFull),
        ("25006", StorageReadOnly),
        ("57P01", StorageUnreachable),
        ("53300", StorageUnreachable),
    ],
)
def test_what_the_server_says_is_said_in_our_words(
    storage: Storage, state: str, error: type[StorageError]
) -> None:
    if storage.is_sqlite:
        pytest.skip("SQLite has no server")
    with pytest.raises(error) as raised:
        sql(storage, f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$")
    assert type(raised.value) is error


def test_options_given_in_the_address_are_kept(storage: Storage) -> None:
    if storage.is_sqlite:
        pytest.skip("SQLite has no server")
    opened = Storage(storage.url + "&options=-c%20search_path%3Dpublic,nowhere")
    with opened.reading() as tx:
        found = tx.settings._connection.exec_driver_sql("SHOW search_path").scalar_one()
    opened.close()
    assert found == "public,nowhere"


def test_a_disk_without_room_is_said_to_be_full() -> None:
    for number, error in ((errno.ENOSPC, StorageFull), (errno.EROFS, StorageReadOnly)):
        with pytest.raises(error), storage_engine.in_our_words():
            raise OSError(number, "x")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file/below cannot be made"):
        Storage(f"sqlite:///{tmp_path}/file/below/feedsvc.db")


def test_a_file_that_cannot_be_opened_is_unreachable(tmp_path: Path) -> None:
    storage = Storage(f"sqlite:///{tmp_path}")
    with pytest.raises(StorageUnreachable, match="cannot be opened"):
        storage.check_schema()
    storage.close()


def test_who_only_reads_sees_the_last_commit_and_leaves_no_file(tmp_path: Path) -> None:
    writer = Storage(f"sqlite:///{tmp_path}/feedsvc.db")
    writer.migrate()
    add_category(writer)
    for is_running in (True, False):
        reader = Storage(writer.url, read_only=True)
        with reader.reading() as tx:
            assert [one.slug for one in tx.feeds.categories()] == ["health"]
        reader.close()
        writer.close()
        assert is_running or [one.name for one in tmp_path.iterdir()] == ["feedsvc.db"]


def test_a_newer_schema_is_refused_too(storage: Storage) -> None:
    sql(storage, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaOutdated, match="has schema 9999"):
        storage.check_schema()


def test_many_may_start_on_an_empty_database_at_once(storage: Storage) -> None:
    if storage.is_sqlite:
        sql(storage, "DROP TABLE searchable_words")
    for name in ("working_copies", "versions", "searchable", "picture_sizes", "pictures"):
        sql(storage, f"DROP TABLE {name}")
    for name in ("sessions", "recovery_codes", "second_factors", "audit"):
        sql(storage, f"DROP TABLE {name}")
    for name in ("editors", "invitations", "sign_in_failures", "settings", "documents", "changes"):
        sql(storage, f"DROP TABLE {name}")
    for name in ("entry_slugs", "category_slugs", "tombstones", "past_places", "feed_clocks"):
        sql(storage, f"DROP TABLE {name}")
    for name in ("feed_entries", "entry_categories", "entries", "left_out", "feeds"):
        sql(storage, f"DROP TABLE {name}")
    for name in ("categories", "authors", "served_version"):
        sql(storage, f"DROP TABLE {name}")
    sql(storage, "DROP TABLE alembic_version")
    gate = threading.Barrier(4)
    failed: list[Exception] = []

    def migrate() -> None:
        opened = Storage(storage.url)
        gate.wait()
        try:
            opened.migrate()
        except Exception as error:
            failed.append(error)
        opened.close()

    threads = [threading.Thread(target=migrate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    storage.check_schema()


def test_a_copy_that_cannot_be_written_is_no_copy(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not storage.is_sqlite:
        tool = tmp_path / "pg_dump"
        tool.write_text("#!/bin/sh\necho no room >&2\nexit 1\n")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(StorageError):
        storage.backup(tmp_path / "none" / "copy")


def test_of_nothing_no_copy_is_made(tmp_path: Path) -> None:
    storage = Storage(f"sqlite:///{tmp_path}/feedsvc.db")
    with pytest.raises(SchemaOutdated):
        storage.backup(tmp_path / "copy")
    storage.close()
    assert not (tmp_path / "copy").exists()


def test_the_copying_tool_gets_the_password_where_nobody_else_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "pg_dump"
    tool.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/words\necho "$PGPASSWORD" > {tmp_path}/key\n'
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    storage = Storage("postgresql://feedsvc:s3cret@db.example.org/feedsvc")
    storage.backup(tmp_path / "copy")
    storage.close()
    words = (tmp_path / "words").read_text()
    assert f"--file={tmp_path}/copy" in words
    assert "db.example.org/feedsvc" in words
    assert "s3cret" not in words
    assert (tmp_path / "key").read_text() == "s3cret\n"


def test_damage_of_the_file_is_found_and_named(tmp_path: Path) -> None:
    storage = Storage(f"sqlite:///{tmp_path}/feedsvc.db")
    storage.migrate()
    add_category(storage)
    assert storage.find_damage() == []
    storage.close()
    with sqlite3.connect(tmp_path / "feedsvc.db") as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema"
            " WHERE name = 'entries') WHERE name = 'ix_sign_in_failures_failed_at'"
        )
    connection.close()
    damaged = Storage(storage.url)
    assert damaged.find_damage() != []
    assert any(line.startswith("storage: ") for line in inspect(damaged))
    damaged.close()


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("INSERT INTO changes (feed_id, made_at) SELECT feed_id, '2026-01-01T00:00:00Z'"
         " FROM documents WHERE format = 'rss' AND encoding = 'gzip'", "health: a change waits"),
        ("DELETE FROM documents WHERE format = 'rss'", "/feeds/health.rss: has no document"),
        ("DELETE FROM documents WHERE encoding = 'identity'", "the plain document is missing"),
        ("UPDATE documents SET etag = 'x' WHERE encoding = 'identity'", "its ETag is not"),
        ("UPDATE documents SET body = {other} WHERE encoding = 'identity'", "is not XML"),
        ("DELETE FROM documents WHERE encoding = 'gzip'", "the gzip document is not the plain one"),
        ("UPDATE documents SET body = {packed} WHERE encoding = 'gzip'", "is not the plain one"),
        ("UPDATE documents SET body = {other} WHERE encoding = 'gzip'", "cannot be unpacked"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_stored_feed_is_named(
    publisher: Publisher, storage: Storage, statement: str, fault: str
) -> None:
    add_category(storage)
    publisher.regenerate_due(NOW)
    publisher.regenerate_all(NOW, force=False)
    assert inspect(storage) == []
    # The bytes "<rss", and nothing at all packed by gzip.
    texts = {"other": "3c727373", "packed": "1f8b08000000000000ff0300000000000000000000"[:40]}
    if storage.is_sqlite:
        bytes_of = {name: f"X'{text}'" for name, text in texts.items()}
    else:
        bytes_of = {name: f"decode('{text}', 'hex')" for name, text in texts.items()}
    sql(storage, statement.format(**bytes_of))
    assert any(fault in line for line in inspect(storage)), inspect(storage)


def test_an_article_that_is_not_there_cannot_be_changed(publisher: Publisher) -> None:
    health = publisher.ensure_category("Health", NOW)
    with pytest.raises(NotFound):
        publisher.save_entry(a_draft(health), Action.PUBLISH, NOW, id=ID, expected_revision=3)


def test_two_names_of_one_address_make_two_categories(publisher: Publisher) -> None:
    made = [publisher.ensure_category(name, NOW).slug for name in ("Arts!", "Arts?", "Arts.")]
    assert made == ["arts", "arts-2", "arts-3"]


def test_a_draft_gets_an_address_that_is_free(publisher: Publisher, storage: Storage) -> None:
    health = publisher.ensure_category("Health", NOW)
    publisher.save_entry(a_draft(health), Action.PUBLISH, NOW, id=ID, expected_revision=0)
    other = f"{ID[:-4]}0002"
    publisher.save_entry(a_draft(health), Action.SAVE_DRAFT, NOW, id=other, expected_revision=0)
    saved = publisher.save_entry(
        a_draft(health), Action.PUBLISH, NOW, id=other, expected_revision=1
    )
    assert saved.slug == "a-title-2"


@pytest.mark.parametrize("action", [Action.SAVE_DRAFT, Action.SCHEDULE, Action.WITHDRAW])
def test_a_database_with_any_article_is_not_empty(publisher: Publisher, action: Action) -> None:
    health = publisher.ensure_category("Health", NOW)
    assert publisher.is_empty()
    draft = a_draft(health, published=utc(2027, 1, 1) if action is Action.SCHEDULE else None)
    first = Action.PUBLISH if action is Action.WITHDRAW else action
    publisher.save_entry(draft, first, NOW, id=ID, expected_revision=0)
    if action is Action.WITHDRAW:
        publisher.save_entry(draft, action, NOW, id=ID, expected_revision=1)
    assert not publisher.is_empty()


def test_another_window_renders_every_feed_again(publisher: Publisher, storage: Storage) -> None:
    publisher.note_settings(NOW)
    publisher.regenerate_due(NOW)
    wider = replace(publisher, window=Window(items=7))
    wider.note_settings(NOW)
    with storage.reading() as tx:
        assert len(tx.feeds.changed(limit=10)) == len(tx.feeds.after(0, limit=100))
    wider.regenerate_due(NOW)
    wider.note_settings(NOW)
    with storage.reading() as tx:
        assert tx.feeds.changed(limit=10) == []
