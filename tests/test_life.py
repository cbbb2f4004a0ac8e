"""What becomes of an article after it is written: due, corrected, moved, taken back."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.conftest import utc
from tests.contract import archive_before
from tests.service import Service

ATOM = "{http://www.w3.org/2005/Atom}"
AT = "{http://purl.org/atompub/tombstones/1.0}"
ARTICLE = "Health {when}\n\n{title}\n\nA paragraph.\n"


@pytest.fixture
def signed_up(service: Service) -> Service:
    service.set_clock(utc(2026, 1, 21, 18, 30))
    service.start()
    service.sign_up()
    return service


def with_settings(tmp_path: Path, **settings: object) -> Service:
    """A service on SQLite with other settings of ``[feeds]``."""
    environment = {f"FEEDSVC_FEEDS_{name}".upper(): str(value) for name, value in settings.items()}
    return Service(tmp_path, f"sqlite:///{tmp_path}/feedsvc.db", environment=environment)


def atom(service: Service, path: str = "/feeds/health.atom") -> ElementTree.Element:
    answer = service.get(path)
    assert answer.status == 200
    return ElementTree.fromstring(answer.body)  # noqa: S314


def titles(service: Service, path: str = "/feeds/health.atom") -> list[str]:
    return [
        entry.findtext(f"{ATOM}title", "") for entry in atom(service, path).iter(f"{ATOM}entry")
    ]


def eventually(is_so: Callable[[], bool], seconds: float = 3) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def logged(service: Service, event: str) -> list[str]:
    return [line for line in service.log.read_text().splitlines() if f'event="{event}"' in line]


# Scheduling


def test_what_is_due_appears_within_a_second_in_every_worker(
    storage_url: str, tmp_path: Path
) -> None:
    environment = {"FEEDSVC_FEEDS_REGENERATE_EVERY_SECONDS": "3600"}
    arguments = ("--workers", "3")
    with Service(tmp_path, storage_url, environment=environment, arguments=arguments) as service:
        service.set_clock(utc(2026, 1, 21, 18))
        service.start()
        service.sign_up()
        service.write("schedule", title="Due", publish_at="21/01/2026 19:13")
        service.set_clock(utc(2026, 1, 21, 18, 12, 59))
        time.sleep(0.6)
        for path in ("/feeds/health.rss", "/feeds/all.atom", "/", "/categories/health"):
            assert not any(b"Due" in service.get(path).body for _ in range(12))
        assert service.get("/articles/due").status == 404
        service.set_clock(utc(2026, 1, 21, 18, 13))
        time.sleep(1)
        for path in ("/feeds/health.rss", "/feeds/all.atom", "/", "/categories/health"):
            assert all(b"Due" in service.get(path).body for _ in range(12))
        assert service.get("/articles/due").status == 200


def test_what_fell_due_while_the_service_was_down_has_its_own_time(signed_up: Service) -> None:
    """Case 7."""
    signed_up.write("schedule", title="Due", publish_at="21/01/2026 20:00")
    signed_up.stop()
    signed_up.set_clock(utc(2026, 1, 21, 19, 40))
    signed_up.start()
    answer = signed_up.get("/feeds/health.rss")
    assert b"<pubDate>Wed, 21 Jan 2026 19:00:00 +0000</pubDate>" in answer.body
    assert answer.headers["last-modified"] == "Wed, 21 Jan 2026 19:40:00 GMT"


def test_a_scheduled_article_can_be_moved_taken_back_and_published_now(signed_up: Service) -> None:
    path = signed_up.write("schedule", title="Later", publish_at="21/01/2026 20:00")
    signed_up.edit(path, "schedule", publish_at="21/01/2026 20:30")
    signed_up.set_clock(utc(2026, 1, 21, 19, 15))
    time.sleep(0.5)
    assert titles(signed_up) == []
    signed_up.edit(path, "save_draft")
    signed_up.set_clock(utc(2026, 1, 21, 19, 45))
    time.sleep(0.5)
    assert titles(signed_up) == []
    assert signed_up.edit(path, "publish", publish_at="").status == 303
    assert titles(signed_up) == ["Later"]
    published = atom(signed_up).find(f"{ATOM}entry/{ATOM}published")
    assert published is not None
    assert published.text == "2026-01-21T19:45:00Z"


def test_no_cache_outlives_the_next_due_article(sqlite_service: Service) -> None:
    sqlite_service.set_clock(utc(2026, 1, 21, 18))
    sqlite_service.start()
    sqlite_service.sign_up()
    sqlite_service.write("schedule", title="Due", publish_at="21/01/2026 19:13")
    sqlite_service.set_clock(utc(2026, 1, 21, 18, 10).replace(microsecond=900_000))
    # 179.1 seconds are left; caches count whole ones from whenever they got it.
    answer = sqlite_service.get("/feeds/health.rss")
    assert answer.headers["cache-control"] == "public, max-age=178"


def test_a_time_in_a_gap_is_refused_with_the_nearest_two_to_choose_from(
    sqlite_service: Service,
) -> None:
    sqlite_service.set_clock(utc(2026, 3, 1))
    sqlite_service.start()
    sqlite_service.sign_up()
    page = sqlite_service.browse("/editor/new").page
    path = page.xpath("//main//form/@action")[0]
    typed = {"title": "Gap", "category": "health", "body": "Text.", "action": "schedule"}
    refused = sqlite_service.post(
        path, typed | {"publish_at": "29/03/2026 02:30"}, page="/editor/new"
    )
    assert refused.status == 422
    assert refused.field("publish_at") == "29/03/2026 02:30"
    choices = refused.page.xpath("//input[@name='instead']/@value")
    assert choices == ["29/03/2026 01:59", "29/03/2026 03:00"]
    asked = {"asked_about": refused.field("asked_about"), "instead": choices[1]}
    other = typed | asked | {"publish_at": "30/03/2026 12:00", "title": "Another time"}
    another = sqlite_service.browse("/editor/new").page.xpath("//main//form/@action")[0]
    assert sqlite_service.post(another, other, page="/editor/new").status == 303
    assert sqlite_service.browse(another).field("publish_at") == "30/03/2026 12:00"
    chosen = typed | asked | {"publish_at": "29/03/2026 02:30"}
    assert sqlite_service.post(path, chosen, page="/editor/new").status == 303
    assert sqlite_service.browse(path).field("publish_at") == "29/03/2026 03:00"


# Two clocks, the window


def test_a_backdated_article_still_reaches_readers_who_poll(signed_up: Service) -> None:
    before = signed_up.get("/feeds/health.atom").headers
    signed_up.set_clock(utc(2026, 2, 10, 12))
    signed_up.write(title="Backdated", publish_at="01/12/2025 10:00")
    answer = signed_up.get("/feeds/health.atom", If_Modified_Since=before["last-modified"])
    assert answer.status == 200
    assert answer.headers["last-modified"] == "Tue, 10 Feb 2026 12:00:00 GMT"
    assert b"<published>2025-12-01T09:00:00Z</published>" in answer.body


def test_a_busy_day_pushes_nothing_out_before_its_days_are_over(tmp_path: Path) -> None:
    with with_settings(tmp_path, window_items=2, window_days=1) as service:
        service.set_clock(utc(2026, 1, 21, 8))
        service.start()
        service.sign_up()
        for number in range(5):
            service.write(title=f"Busy {number}")
        service.write(title="Backdated", publish_at="01/01/2020 10:00")
        assert len(titles(service)) == 6
        service.set_clock(utc(2026, 1, 22, 7, 59))
        service.write(title="Next day")
        assert len(titles(service)) == 7
        service.set_clock(utc(2026, 1, 22, 12))
        service.write(title="Later still")
        # Two at least, and those of the last day.
        assert sorted(titles(service)) == ["Later still", "Next day"]


def test_an_archive_floods_no_feed_unless_asked_to(tmp_path: Path) -> None:
    with with_settings(tmp_path, window_items=3) as service:
        service.set_clock(utc(2026, 1, 21, 18))
        service.start()
        service.sign_up()
        for number in range(3):
            service.write(title=f"Today {number}")
        today = service.get("/feeds/health.atom")
        files = []
        for number in range(1, 29):
            file = tmp_path / f"{number}.txt"
            file.write_text(
                ARTICLE.format(when=f"{number:02}/02/2019 10:00", title=f"Old {number}")
            )
            files.append(str(file))
        done = service.run("import", *files[:14])
        assert done.returncode == 0, done.stderr
        # No entry is new; but where the older ones are is said.
        eventually(lambda: b"prev-archive" in service.get("/feeds/health.atom").body)
        now = service.get("/feeds/health.atom").body
        for body in (today.body, now):
            assert body.count(b"<entry") == 3
        assert today.body[today.body.index(b"<entry") :] == now[now.index(b"<entry") :]
        found, body = b"", now
        while older := archive_before(body):
            found += (body := service.get(older).body)
        for number in range(1, 15):
            assert found.count(b">Old %d</title>" % number) == 1
        assert service.get("/articles/old-1").status == 200
        assert service.run("import", "--announce", *files[14:]).returncode == 0
        eventually(lambda: len(titles(service)) == 17)


def test_a_bound_on_bytes_keeps_the_newest_and_is_logged(tmp_path: Path) -> None:
    with with_settings(tmp_path, window_bytes=20_000) as service:
        service.set_clock(utc(2026, 1, 21, 18))
        service.start()
        service.sign_up()
        for number in range(4):
            service.set_clock(utc(2026, 1, 21, 18, number))
            service.write(title=f"Long {number}", body=f"{'word ' * 1500}")
        assert titles(service) == ["Long 3", "Long 2"]
        assert len(service.get("/feeds/health.rss").body) <= 20_000
        assert any(
            "level=warning" in line and "feed=health" in line and "entries_left_out=1" in line
            for line in logged(service, "feed cut short")
        )
        service.set_clock(utc(2026, 1, 21, 18, 10))
        service.write(title="Too long alone", body=f"{'word ' * 6000}")
        assert titles(service) == ["Too long alone"]


# Other addresses, other categories


def test_an_article_keeps_every_address_it_ever_had(signed_up: Service) -> None:
    path = signed_up.write(title="First name")
    (before,) = [e.findtext(f"{ATOM}id") for e in atom(signed_up).iter(f"{ATOM}entry")]
    assert signed_up.edit(path, slug="Second name!").status == 303
    signed_up.edit(path, slug="third-name")
    for slug in ("first-name", "second-name"):
        answer = signed_up.get(f"/articles/{slug}")
        assert (answer.status, answer.headers["location"]) == (301, "/articles/third-name")
    assert signed_up.get("/articles/third-name").status == 200
    (entry,) = atom(signed_up).iter(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}id") == before
    link = entry.find(f"{ATOM}link")
    assert link is not None
    assert link.get("href", "").endswith("/articles/third-name")
    other = signed_up.write(title="Other")
    refused = signed_up.edit(other, slug="first-name", body="Kept text.")
    assert refused.status == 422
    assert "is or was the address of another article" in refused.text
    assert refused.field("body") == "Kept text."
    again = signed_up.write(title="First name")
    assert signed_up.browse(again).field("slug") == "first-name-2"
    signed_up.edit(path, slug="first-name")
    assert signed_up.get("/articles/first-name").status == 200
    assert signed_up.get("/articles/third-name").headers["location"] == "/articles/first-name"
    signed_up.edit(path, "withdraw")
    assert signed_up.get("/articles/second-name").status == 410


def test_a_renamed_category_goes_on_serving_its_feed_under_the_old_address(
    signed_up: Service,
) -> None:
    signed_up.write(title="Here", category="health", also_in=["science"])
    before = atom(signed_up).findtext(f"{ATOM}id")
    page = signed_up.browse("/editor/categories")
    assert "/editor/categories/health" in page.text
    typed = {"name": "Well-being", "slug": "well-being", "description": "All of it"}
    done = signed_up.post("/editor/categories/health", typed, page="/editor/categories")
    assert done.status == 303, done.text
    new, old = signed_up.get("/feeds/well-being.atom"), signed_up.get("/feeds/health.atom")
    assert new.status == old.status == 200
    assert (new.body, new.headers["etag"]) == (old.body, old.headers["etag"])
    assert atom(signed_up).findtext(f"{ATOM}id") == before
    assert b'href="http://127.0.0.1:' in new.body
    assert b"/feeds/well-being.atom" in new.body
    assert b'label="Well-being"' in signed_up.get("/feeds/science.atom").body
    answer = signed_up.get("/categories/health")
    assert (answer.status, answer.headers["location"]) == (301, "/categories/well-being")
    signed_up.stop()
    signed_up.start()
    # config.toml still has the old slug, which is no reason to make it anew.
    assert titles(signed_up, "/feeds/health.rss".replace("rss", "atom")) == ["Here"]
    assert "Health" not in signed_up.get("/").text
    file = signed_up.folder / "article.txt"
    file.write_text(ARTICLE.format(when="21/01/2026 19:00", title="By its old name"), "utf-8")
    assert signed_up.run("import", "--category", "health", str(file)).returncode == 0
    eventually(lambda: "By its old name" in titles(signed_up, "/feeds/well-being.atom"))


def test_a_refused_category_says_why_and_keeps_what_was_typed(signed_up: Service) -> None:
    for typed, fault in (
        ({"name": "Science", "slug": ""}, "there is a category “Science” already"),
        ({"name": "", "slug": "x"}, "a category needs a name"),
        ({"name": "New", "slug": "science"}, "is or was the address of “Science”"),
    ):
        for path in ("/editor/categories", "/editor/categories/health"):
            refused = signed_up.post(path, typed, page="/editor/categories")
            assert refused.status == 422
            assert fault in refused.text
            assert typed["name"] in refused.text
    made = signed_up.post("/editor/categories", {"name": "Café & più"}, page="/editor/categories")
    assert made.status == 303
    assert signed_up.get("/feeds/cafe-piu.rss").status == 200
    assert (
        signed_up.post("/editor/categories/none", {"name": "x"}, page="/editor/categories").status
        == 404
    )


def test_an_address_that_was_typed_is_kept_through_drafts(signed_up: Service) -> None:
    path = signed_up.write("save_draft", title="Budget", slug="budget-2026")
    assert signed_up.browse(path).field("slug") == "budget-2026"
    signed_up.edit(path, "publish")
    assert signed_up.get("/articles/budget-2026").status == 200


def test_an_address_longer_than_may_be_typed_does_not_stand_in_the_way(
    signed_up: Service,
) -> None:
    title = "word " * 16
    signed_up.write(title=title)
    path = signed_up.write(title=title)
    assert signed_up.edit(path, body="Corrected.").status == 303


def test_a_form_opened_before_a_category_was_renamed_still_means_it(signed_up: Service) -> None:
    page = signed_up.browse("/editor/new").page
    path = page.xpath("//main//form/@action")[0]
    renamed = {"name": "Well-being", "slug": "well-being"}
    signed_up.post("/editor/categories/health", renamed, page="/editor/categories")
    typed = {"title": "Opened before", "body": "b", "category": "health", "action": "publish"}
    assert signed_up.post(path, typed, page="/editor/new").status == 303
    assert titles(signed_up, "/feeds/well-being.atom") == ["Opened before"]


def test_an_article_moved_long_after_is_news_to_its_new_subscribers(tmp_path: Path) -> None:
    with with_settings(tmp_path, window_items=1) as service:
        service.set_clock(utc(2026, 1, 1))
        service.start()
        service.sign_up()
        path = service.write(title="Moved")
        service.set_clock(utc(2026, 3, 1))
        service.write(title="Newer", category="science")
        service.edit(path, category="science")
        assert titles(service) == []
        assert titles(service, "/feeds/science.atom") == ["Newer", "Moved"]


# Taken back, and back again


def test_a_withdrawn_article_leaves_a_tombstone_and_comes_back_the_same(
    signed_up: Service,
) -> None:
    """Case 9."""
    path = signed_up.write(title="Mistake", publish_at="21/01/2026 19:13", also_in=["science"])
    signed_up.write(title="Other")
    (before,) = [
        ElementTree.tostring(entry)
        for entry in atom(signed_up).iter(f"{ATOM}entry")
        if entry.findtext(f"{ATOM}title") == "Mistake"
    ]
    entry_id = f"urn:uuid:{path.rsplit('/', 1)[1]}"
    signed_up.set_clock(utc(2026, 2, 11, 8))
    assert signed_up.edit(path, "withdraw").status == 303
    for feed in ("health", "science", "all"):
        answer = signed_up.get(f"/feeds/{feed}.atom")
        assert answer.headers["last-modified"] == "Wed, 11 Feb 2026 08:00:00 GMT"
        assert "Mistake" not in titles(signed_up, f"/feeds/{feed}.atom")
        (tombstone,) = atom(signed_up, f"/feeds/{feed}.atom").findall(f"{AT}deleted-entry")
        assert tombstone.attrib == {"ref": entry_id, "when": "2026-02-11T08:00:00Z"}
        assert entry_id.encode() not in signed_up.get(f"/feeds/{feed}.rss").body
    assert signed_up.get("/articles/mistake").status == 410
    assert "Mistake" not in signed_up.get("/").text
    signed_up.set_clock(utc(2026, 2, 20))
    signed_up.write(title="Nine days on")
    assert atom(signed_up).find(f"{AT}deleted-entry") is not None
    form = signed_up.browse(path)
    assert form.page.xpath("//button[@name='action']/@value") == ["restore"]
    done = signed_up.edit(path, "restore")
    assert done.status == 303
    assert atom(signed_up).find(f"{AT}deleted-entry") is None
    (after,) = [
        ElementTree.tostring(entry)
        for entry in atom(signed_up).iter(f"{ATOM}entry")
        if entry.findtext(f"{ATOM}title") == "Mistake"
    ]
    assert after == before
    assert signed_up.get("/articles/mistake").status == 200


def test_a_tombstone_goes_when_its_days_are_over(sqlite_service: Service) -> None:
    sqlite_service.set_clock(utc(2026, 1, 21, 18))
    sqlite_service.start()
    sqlite_service.sign_up()
    sqlite_service.edit(sqlite_service.write(), "withdraw")
    sqlite_service.set_clock(utc(2026, 2, 4, 18))
    sqlite_service.write(title="Fourteen days on")
    assert atom(sqlite_service).find(f"{AT}deleted-entry") is not None
    sqlite_service.set_clock(utc(2026, 2, 5, 18))
    sqlite_service.write(title="Fifteen days on")
    assert atom(sqlite_service).find(f"{AT}deleted-entry") is None


# Grace


def test_a_slip_is_taken_back_before_any_reader_saw_it(tmp_path: Path) -> None:
    with with_settings(tmp_path, grace_seconds=30) as service:
        service.set_clock(utc(2026, 1, 21, 18))
        service.start()
        service.sign_up()
        path = service.write(title="A slip")
        form = service.browse(path)
        assert "held back until 21/01/2026 19:00 CET" in " ".join(form.text.split())
        assert form.page.xpath("//*[@class='countdown']/@data-seconds") == ["30"]
        service.set_clock(utc(2026, 1, 21, 18, 0, 29))
        time.sleep(0.5)
        assert titles(service) == []
        assert service.get("/feeds/health.rss").headers["cache-control"] == "public, max-age=0"
        assert service.get("/articles/a-slip").status == 404
        assert service.edit(path, "withdraw", body="Better text.").status == 303
        service.set_clock(utc(2026, 1, 21, 18, 10))
        time.sleep(0.5)
        assert titles(service) == []
        assert atom(service).find(f"{AT}deleted-entry") is None
        form = service.browse(path)
        assert "Draft" in form.text
        assert (form.field("body"), form.field("publish_at")) == ("Better text.", "")
        assert service.edit(path, "publish").status == 303
        service.set_clock(utc(2026, 1, 21, 18, 10, 30))
        eventually(lambda: titles(service) == ["A slip"])
        published = atom(service).find(f"{ATOM}entry/{ATOM}published")
        assert published is not None
        assert published.text == "2026-01-21T18:10:00Z"


# Clocks


def test_an_hour_back_loses_nothing_and_repeats_nothing(signed_up: Service) -> None:
    path = signed_up.write(title="Before")
    signed_up.set_clock(utc(2026, 1, 21, 18, 31))
    first = signed_up.get("/feeds/health.atom")
    signed_up.set_clock(utc(2026, 1, 21, 17, 30))
    signed_up.write(title="After")
    signed_up.edit(path, told="update", body="News")
    second = signed_up.get("/feeds/health.atom")
    assert sorted(titles(signed_up)) == ["After", "Before"]
    assert "last-modified" not in second.headers
    assert second.headers["etag"] != first.headers["etag"]
    for since in (first.headers["last-modified"], "Wed, 21 Jan 2026 17:30:00 GMT"):
        assert signed_up.get("/feeds/health.atom", If_Modified_Since=since).status == 200
    changed = {e.findtext(f"{ATOM}title"): e.findtext(f"{ATOM}updated") for e in atom(signed_up)}
    assert changed["Before"] == "2026-01-21T18:30:01Z"
    signed_up.set_clock(utc(2026, 1, 21, 18, 45))
    third = signed_up.get("/feeds/health.atom")
    assert third.body == second.body
    earlier, later = (parsedate_to_datetime(one.headers["last-modified"]) for one in (first, third))
    assert earlier < later


def test_a_new_release_of_the_zone_database_moves_no_instant(tmp_path: Path) -> None:
    import tzdata

    release = tmp_path / "zoneinfo"
    shutil.copytree(Path(tzdata.__file__).parent / "zoneinfo", release)
    with Service(tmp_path, f"sqlite:///{tmp_path}/feedsvc.db") as service:
        service.set_clock(utc(2026, 1, 21, 18, 30))
        service.start()
        service.sign_up()
        service.write(title="Out", publish_at="21/01/2026 19:13")
        path = service.write("schedule", title="Due", publish_at="21/07/2026 19:13")
        before = service.get("/feeds/health.atom").body
        service.stop()
        # As if Rome had moved to another zone since.
        shutil.copy(release / "Europe" / "Athens", release / "Europe" / "Rome")
        service.environment["PYTHONTZPATH"] = str(release)
        service.start()
        assert service.get("/feeds/health.atom").body == before
        form = service.browse(path)
        assert "Scheduled for 21/07/2026 20:13 EEST (17:13 UTC)" in " ".join(form.text.split())
        assert "was typed as 21/07/2026 19:13 in Europe/Rome" in form.text
        service.set_clock(utc(2026, 7, 21, 17, 13))
        eventually(lambda: titles(service) == ["Due", "Out"])
        assert b"<published>2026-07-21T17:13:00Z</published>" in (
            service.get("/feeds/health.atom").body
        )
