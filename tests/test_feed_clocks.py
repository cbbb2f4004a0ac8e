"""What stands in a feed and for how long, whatever is moved: articles, or the clock."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog

from feedsvc.model import Format
from feedsvc.publishing import Action, Draft, Publisher, regeneration
from feedsvc.storage import Storage
from tests.conftest import utc
from tests.service import Service
from tests.test_life import AT, atom, logged, titles, with_settings


def buried(service: Service, slug: str) -> list[dict[str, str]]:
    return [
        one.attrib for one in atom(service, f"/feeds/{slug}.atom").findall(f"{AT}deleted-entry")
    ]


def begun(service: Service) -> Service:
    service.set_clock(utc(2026, 1, 1, 12))
    service.start()
    service.sign_up()
    return service


def test_moving_the_last_arrival_away_brings_back_nothing_that_had_left(tmp_path: Path) -> None:
    with begun(with_settings(tmp_path, window_items=1, window_days=2)) as service:
        service.write(title="Old")
        service.set_clock(utc(2026, 1, 5, 12))
        service.write(title="Newer")
        service.set_clock(utc(2026, 1, 9, 12))
        path = service.write(title="Newest")
        assert titles(service) == ["Newest"]
        service.edit(path, category="science")
        # One entry at least; the other had left when the newest came.
        assert titles(service) == ["Newer"]


def test_an_article_that_was_moved_is_taken_back_where_it_stood_too(service: Service) -> None:
    begun(service)
    path = service.write(title="Moved", category="health")
    service.edit(path, category="science")
    assert (titles(service), titles(service, "/feeds/science.atom")) == ([], ["Moved"])
    assert buried(service, "health") == []
    service.set_clock(utc(2026, 1, 2, 12))
    service.edit(path, "withdraw")
    tombstone = {
        "ref": f"urn:uuid:{path.rsplit('/', 1)[1]}",
        "when": "2026-01-02T12:00:00Z",
    }
    for slug in ("health", "science", "all"):
        assert buried(service, slug) == [tombstone]
    service.edit(path, "restore")
    for slug in ("health", "science", "all"):
        assert buried(service, slug) == []
    assert (titles(service), titles(service, "/feeds/science.atom")) == ([], ["Moved"])
    # Back where it was first, and taken back once more.
    service.edit(path, category="health")
    service.edit(path, "withdraw")
    for slug in ("health", "science", "all"):
        assert len(buried(service, slug)) == 1


def test_a_clock_that_ran_a_year_ahead_keeps_no_article_from_its_readers(tmp_path: Path) -> None:
    with begun(with_settings(tmp_path, window_items=1, window_days=2)) as service:
        service.set_clock(utc(2027, 1, 1, 12))
        service.write(title="In the wrong year", publish_at="01/01/2026 12:00")
        # Put right again: each of the next days' articles is owed for two days.
        service.set_clock(utc(2026, 1, 2, 12))
        service.write(title="Right again")
        service.set_clock(utc(2026, 1, 3, 12))
        service.write(title="A day on")
        assert titles(service) == ["A day on", "Right again", "In the wrong year"]
        service.set_clock(utc(2026, 1, 7, 12))
        service.write(title="Five days on")
        assert titles(service) == ["Five days on"]


def test_a_clock_that_ran_a_year_behind_keeps_no_article_from_its_readers(tmp_path: Path) -> None:
    with begun(with_settings(tmp_path, window_items=1, window_days=2)) as service:
        service.write(title="Before")
        service.set_clock(utc(2025, 1, 1, 12))
        service.write(title="Behind")
        service.set_clock(utc(2026, 1, 2, 12))
        service.write(title="Right again")
        assert titles(service) == ["Right again", "Before", "Behind"]


def test_what_entered_a_feed_last_is_kept_where_there_is_no_room_for_all(tmp_path: Path) -> None:
    """By when it entered that very feed, not by when it became visible first."""
    with begun(with_settings(tmp_path, window_bytes=20_000)) as service:
        path = service.write(title="Moved in late", category="science", body="a " * 3_000)
        for number in range(3):
            service.set_clock(utc(2026, 1, 2 + number, 12))
            service.write(title=f"Number {number}", body="b " * 3_000)
        service.set_clock(utc(2026, 1, 5, 12))
        service.edit(path, category="health")
        found = titles(service)
        assert "Moved in late" in found
        assert "Number 0" not in found
        assert logged(service, "feed cut short")


def test_tombstones_beyond_what_a_document_holds_are_said_to_be_left_out(
    storage: Storage, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regeneration, "MOST_TOMBSTONES", 2)
    now = utc(2026, 1, 1, 12)
    category = publisher.category_called("Health", now)
    with structlog.testing.capture_logs() as logs:
        for number in range(3):
            draft = Draft(title=f"Number {number}", categories=(category,), body="Text.")
            id = f"urn:uuid:00000000-0000-4000-8000-{number:012d}"
            done = publisher.save_entry(draft, Action.PUBLISH, now, id=id, expected_revision=0)
            publisher.save_entry(
                draft, Action.WITHDRAW, now, id=id, expected_revision=done.revision
            )
    with storage.reading() as tx:
        feed = tx.feeds.feed("health")
        assert len(tx.feeds.tombstones(feed, since=None, limit=10)) == 3
        body = tx.feeds.documents_of(feed)[Format.ATOM, "identity"][1]
    assert body.count(b"deleted-entry") == 2
    assert [one["event"] for one in logs if one.get("most_tombstones") == 2] == [
        "feed cut short"
    ] * 2
