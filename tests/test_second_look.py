"""Clocks that go back, changes that meet, archives: what readers get in the end."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from threading import Event, get_ident
from typing import Any

import pytest
import structlog
from sqlalchemy import text

from feedsvc import app
from feedsvc.clocks import FURTHEST, NOTABLE, WatchedClock
from feedsvc.errors import EditConflict
from feedsvc.model import Feed, State
from feedsvc.publishing import Action, Draft, Publisher
from feedsvc.publishing.regeneration import Regenerator
from feedsvc.storage import Storage
from feedsvc.storage.feeds import FeedRows
from tests.builders import entry_id
from tests.conftest import utc
from tests.contract import InProcess
from tests.service import Answer
from tests.stored import stored_documents
from tests.test_life import ARTICLE, eventually, titles

NOON = utc(2026, 1, 21, 12)
FEED = "/feeds/health.atom"

on_sqlite = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("storage_url", ["postgresql"], indirect=True)


def at(seconds: float, minute: int = 30) -> datetime:
    return utc(2026, 1, 21, 18, minute) + timedelta(seconds=seconds)


class HandClock:
    """A clock that shows what it was set to."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


# A reader that sends the date at which it last asked


def poll_by_date(service: InProcess, since: datetime) -> Answer:
    return service.get(FEED, If_Modified_Since=format_datetime(since, usegmt=True))


def while_health_is_rendered(
    monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]
) -> None:
    """Something happens when the feed's documents are made, and not stored yet."""
    real = Regenerator._rendered

    def rendered(self: Regenerator, feed: Feed, *others: Any) -> Any:
        made = real(self, feed, *others)
        if feed.slug == "health":
            happens()
        return made

    monkeypatch.setattr(Regenerator, "_rendered", rendered)


def test_who_asked_while_a_change_was_rendered_gets_it_though_a_second_began_meanwhile(
    in_process: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Answer] = []

    def somebody_asks() -> None:
        in_process.set_clock(at(1.03))
        given.append(in_process.get(FEED))

    in_process.set_clock(at(0.95))
    while_health_is_rendered(monkeypatch, somebody_asks)
    in_process.write(title="New")
    assert b"New" not in given[0].body
    in_process.set_clock(at(0, minute=45))
    assert titles(in_process) == ["New"]
    assert poll_by_date(in_process, at(1)).status == 200


def test_who_asked_a_worker_that_had_not_heard_of_a_change_gets_it_from_the_other(
    in_process: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_process.stop()
    in_process.count = 2
    in_process.settings["FEEDSVC_SERVER_WORKERS"] = "2"
    in_process.start()
    for in_process.asked in (1, 0):
        assert titles(in_process) == []
    in_process.set_clock(at(0.55))
    while_health_is_rendered(monkeypatch, lambda: in_process.set_clock(at(0.9)))
    in_process.write(title="New")
    in_process.set_clock(at(1.05))
    in_process.asked = 1
    assert titles(in_process) == []
    in_process.set_clock(at(1.1))
    in_process.settle()
    in_process.set_clock(at(0, minute=45))
    for in_process.asked in (0, 1):
        assert titles(in_process) == ["New"]
        assert poll_by_date(in_process, at(1)).status == 200


def test_what_changes_while_an_hour_is_shown_twice_is_news_to_who_asked_in_the_first(
    in_process: InProcess,
) -> None:
    in_process.write(title="First")
    in_process.set_clock(at(0, minute=50))
    in_process.settle()
    assert titles(in_process) == ["First"]
    for moment in (utc(2026, 1, 21, 17, 55), at(0, minute=40)):
        in_process.set_clock(moment)
        in_process.settle()
    in_process.write(title="Second")
    in_process.set_clock(utc(2026, 1, 21, 19, 10))
    in_process.settle()
    assert poll_by_date(in_process, at(0, minute=50)).status == 200


def test_a_clock_that_goes_on_stamps_what_changes_with_now() -> None:
    clock = HandClock(NOON)
    watched = WatchedClock(clock)
    for second in (0, 1, 1, 3600, 24 * 3600 * 400):
        clock.now = NOON + timedelta(seconds=second)
        assert (watched.stamp(), watched.is_set_back()) == (clock.now, False)


def test_a_clock_set_back_stamps_what_changes_later_than_all_it_has_shown() -> None:
    clock = HandClock(NOON)
    watched = WatchedClock(clock)
    for back in (timedelta(microseconds=1), NOTABLE, timedelta(hours=1), FURTHEST):
        clock.now = NOON - back
        assert watched() == clock.now
        assert watched.stamp() == NOON + NOTABLE
        assert watched.is_set_back() == (back > NOTABLE)
    clock.now = NOON
    assert watched.stamp() == NOON


def test_a_date_further_ahead_than_a_day_is_forgotten() -> None:
    clock = HandClock(NOON)
    watched = WatchedClock(clock)
    clock.now = NOON - FURTHEST - timedelta(seconds=1)
    assert (watched.stamp(), watched.is_set_back()) == (clock.now, False)
    assert watched.latest == clock.now


@on_sqlite
def test_a_clock_that_was_set_back_is_known_after_a_restart(storage: Storage) -> None:
    clock = HandClock(NOON)
    before = app.watched(storage, clock)
    clock.now = NOON - timedelta(hours=1)
    app.note_latest(storage, before)
    again = app.watched(storage, clock)
    assert (again.latest, again.is_set_back()) == (NOON, True)
    assert again.stamp() == NOON + NOTABLE
    clock.now = NOON + timedelta(hours=1)
    assert app.watched(storage, clock).latest == clock.now
    # A note of a year that never was binds nobody, and gives way.
    clock.now = NOON - timedelta(days=365)
    lost = app.watched(storage, clock)
    assert lost.stamp() == clock.now
    app.note_latest(storage, lost)
    assert app.watched(storage, clock).latest == clock.now


@on_sqlite
def test_workers_that_looked_at_different_moments_do_not_overwrite_each_others_note(
    storage: Storage,
) -> None:
    clock = HandClock(NOON)
    workers = WatchedClock(clock), WatchedClock(clock)
    for number, worker in enumerate(workers):
        clock.now = NOON + timedelta(microseconds=100 * (number + 1))
        worker()
    clock.now = NOON - timedelta(hours=1)
    with structlog.testing.capture_logs() as logs:
        for _ in range(50):
            for worker in workers:
                assert worker.is_set_back()
                app.note_latest(storage, worker)
    assert len(logs) <= 2
    assert app.watched(storage, clock).latest == workers[1].latest


# Changes that meet


@on_postgresql
@pytest.mark.parametrize("number", [0, 1])
def test_a_category_renamed_while_its_feed_is_rendered_has_its_new_name(
    storage: Storage, publisher: Publisher, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    category = publisher.ensure_category("Health", NOON)
    if number:
        draft = Draft(title="One", categories=(category,), body="Text.")
        publisher.save_entry(draft, Action.PUBLISH, NOON, id=entry_id(1), expected_revision=0)
    with storage.reading() as tx:
        feed = tx.feeds.feed("health")
    real, renamed = FeedRows.clear_changes, Event()

    def clear_changes(self: FeedRows, feed_id: int) -> None:
        if feed_id == feed.id and not renamed.is_set():
            renamed.set()
            with storage.writing() as tx:
                tx.feeds.lock_categories()
                tx.feeds.change_category(replace(category, slug="well-being", name="Well-being"))
                tx.feeds.announce(tx.feeds.sharing_with(category), NOON)
        real(self, feed_id)

    monkeypatch.setattr(FeedRows, "clear_changes", clear_changes)
    publisher.regenerate(feed.id, NOON)
    publisher.regenerate_owed(NOON + timedelta(seconds=1))
    assert renamed.is_set()
    found = stored_documents(storage)
    assert "/feeds/health.atom" not in found
    assert b">Well-being" in found["/feeds/well-being.atom"].bodies["identity"]


def somebody_waits_for_a_lock(storage: Storage) -> bool:
    query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
    with storage.reading() as tx:
        asked = text(f"{query} AND wait_event_type = 'Lock'")
        return tx.settings._connection.execute(asked).first() is not None


@on_postgresql
def test_who_saves_what_falls_due_in_that_moment_neither_stops_nor_is_stopped_by_a_tick(
    storage: Storage, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = NOON + timedelta(minutes=5)
    category = publisher.ensure_category("Health", NOON)
    draft = Draft(title="Due", categories=(category,), body="Text.", published=due)
    for number in (1, 2):
        publisher.save_entry(draft, Action.SCHEDULE, NOON, id=entry_id(number), expected_revision=0)
    real, is_between, ticking = FeedRows.announce, Event(), get_ident()

    def announce(self: FeedRows, *given: Any) -> None:
        real(self, *given)
        if get_ident() == ticking and not is_between.is_set():
            # The first is published, the second is not: now the editor comes.
            is_between.set()
            eventually(lambda: somebody_waits_for_a_lock(storage), 10)

    def save() -> object:
        assert is_between.wait(10)
        changed = replace(draft, body="Corrected.")
        return publisher.save_entry(
            changed, Action.SAVE_DRAFT, due, id=entry_id(2), expected_revision=1
        )

    monkeypatch.setattr(FeedRows, "announce", announce)
    with ThreadPoolExecutor(1) as pool:
        saved = pool.submit(save)
        assert publisher.publish_due(due) > 0
        # Its time came first; the editor is told so.
        assert isinstance(saved.exception(), EditConflict)
    with storage.reading() as tx:
        states = [tx.entries.get(entry_id(number)).state for number in (1, 2)]
    assert states == [State.PUBLISHED, State.PUBLISHED]


def test_each_feed_is_served_before_the_next_that_fell_due_with_it_is_rendered(
    in_process: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_process.write("schedule", title="Due", publish_at="21/01/2026 20:00", also_in=["science"])
    paths = [f"/feeds/{slug}.atom" for slug in ("all", "health", "science")]
    served: list[int] = []
    real = Regenerator.regenerate

    def regenerate(self: Regenerator, *given: Any, **named: Any) -> bool:
        served.append(sum(titles(in_process, path) == ["Due"] for path in paths))
        return real(self, *given, **named)

    monkeypatch.setattr(Regenerator, "regenerate", regenerate)
    in_process.set_clock(utc(2026, 1, 21, 19))
    in_process.workers[0].refresh()
    assert served == [0, 1, 2]
    assert all(titles(in_process, path) == ["Due"] for path in paths)


# Archives


def import_archive(service: InProcess, folder: Path, day: str) -> None:
    for hour in range(20):
        file = folder / f"{hour}.txt"
        file.write_text(ARTICLE.format(when=f"{day} {hour:02d}:10", title=f"Old {hour}"), "utf-8")
        service.import_file(file)
    service.settle()


def test_an_archive_floods_no_feed_that_has_been_quiet_for_long(
    in_process: InProcess, tmp_path: Path
) -> None:
    for number in range(3):
        in_process.write(title=f"News {number}")
    in_process.set_clock(utc(2026, 2, 1, 18))
    import_archive(in_process, tmp_path, "20/01/2026")
    assert sorted(titles(in_process)) == ["News 0", "News 1", "News 2"]


def test_an_archive_fills_a_new_feed_with_its_newest_and_no_more(
    in_process: InProcess, tmp_path: Path
) -> None:
    import_archive(in_process, tmp_path, "20/01/2025")
    assert titles(in_process) == ["Old 19", "Old 18", "Old 17"]
