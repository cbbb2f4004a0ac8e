"""The cases of publication timestamps, through the real service.

Every expected instant is a literal; none goes through the code under test.
"""

from __future__ import annotations

from pathlib import Path

import feedparser
import pytest

from tests.conftest import utc
from tests.service import Service

TEXT = "Health {when}\n\nA headline\n\nBackground\n\nA paragraph.\n"


@pytest.fixture
def running(service: Service) -> Service:
    service.set_clock(utc(2026, 12, 1))
    service.start()
    service.sign_up()
    return service


def dates(service: Service) -> tuple[str, str, str]:
    """RSS pubDate, Atom published and updated of the one entry, as they are written."""
    rss = feedparser.parse(service.get("/feeds/health.rss").body).entries
    atom = feedparser.parse(service.get("/feeds/health.atom").body).entries
    assert len(rss) == len(atom) == 1
    return rss[0].published, atom[0].published, atom[0].updated


def import_text(service: Service, when: str) -> str:
    file = service.folder / "article.txt"
    file.write_text(TEXT.format(when=when), "utf-8")
    done = service.run("import", str(file))
    assert done.returncode == 0, done.stderr
    return done.stderr


CASES = [
    pytest.param(
        "21/01/2026 19:13", "Wed, 21 Jan 2026 18:13:00 +0000", "2026-01-21T18:13:00Z", id="1-plain"
    ),
    pytest.param(
        "03/02/2026 19:13",
        "Tue, 03 Feb 2026 18:13:00 +0000",
        "2026-02-03T18:13:00Z",
        id="2-day-first",
    ),
    pytest.param(
        "2026-02-03T19:13", "Tue, 03 Feb 2026 18:13:00 +0000", "2026-02-03T18:13:00Z", id="2-iso"
    ),
    pytest.param(
        "21/07/2026 19:13", "Tue, 21 Jul 2026 17:13:00 +0000", "2026-07-21T17:13:00Z", id="3-summer"
    ),
]


@pytest.mark.parametrize(("typed", "rss", "atom"), CASES)
def test_a_time_typed_in_the_form_is_one_instant_in_every_feed(
    running: Service, typed: str, rss: str, atom: str
) -> None:
    running.write(publish_at=typed)
    assert dates(running) == (rss, atom, atom)


@pytest.mark.parametrize(("typed", "rss", "atom"), CASES)
def test_a_time_in_an_imported_file_is_the_same_instant(
    sqlite_service: Service, typed: str, rss: str, atom: str
) -> None:
    sqlite_service.set_clock(utc(2026, 12, 1))
    import_text(sqlite_service, typed)
    sqlite_service.start()
    assert dates(sqlite_service) == (rss, atom, atom)


@pytest.mark.parametrize(
    ("zone", "rss"),
    [
        ("Europe/Athens", "Wed, 21 Jan 2026 17:13:00 +0000"),
        ("Europe/London", "Wed, 21 Jan 2026 19:13:00 +0000"),
        ("America/New_York", "Thu, 22 Jan 2026 00:13:00 +0000"),
    ],
)
def test_the_sites_zone_decides_what_was_meant(tmp_path: Path, zone: str, rss: str) -> None:
    url = f"sqlite:///{tmp_path}/feedsvc.db"
    with Service(tmp_path, url, zone=zone, environment={"TZ": "Asia/Tokyo"}) as service:
        service.set_clock(utc(2026, 12, 1))
        service.start()
        service.sign_up()
        service.write(publish_at="21/01/2026 19:13")
        assert dates(service)[0] == rss


@pytest.mark.parametrize(
    ("typed", "place"),
    [
        ("10/28/2026 10:00", "there is no month 28"),
        ("31/02/2026 10:00", "February 2026 has no day 31"),
        ("29/03/2026 02:30", "does not exist in Europe/Rome"),
        ("21/01/26 19:13", "is not a time"),
        ("21/01/2026 25:13", "there is no hour 25"),
    ],
)
def test_a_time_that_is_none_is_refused_by_form_and_import(
    sqlite_service: Service, typed: str, place: str
) -> None:
    service = sqlite_service
    service.set_clock(utc(2026, 12, 1))
    service.start()
    service.sign_up()
    path = service.browse("/editor/new").page.xpath("//main//form/@action")[0]
    article = {"title": "T", "category": "health", "body": "B", "publish_at": typed}
    answer = service.post(path, article | {"action": "publish"}, page="/editor/new")
    assert answer.status == 422
    assert place in answer.text
    assert answer.field("publish_at") == typed
    if "exist" in place:
        assert "29/03/2026 01:59 CET (00:59 UTC)" in answer.text
        assert "29/03/2026 03:00 CEST (01:00 UTC)" in answer.text
        return
    file = service.folder / "article.txt"
    file.write_text(TEXT.format(when=typed), "utf-8")
    done = service.run("import", str(file))
    assert done.returncode == 1
    assert f"{file}:1: " in done.stderr
    assert place in done.stderr


def test_an_overlapped_time_asks_which_of_the_two_is_meant(running: Service) -> None:
    path = running.browse("/editor/new").page.xpath("//main//form/@action")[0]
    typed = {"title": "T", "category": "health", "body": "B", "publish_at": "25/10/2026 02:30"}
    answer = running.post(path, typed | {"action": "publish"}, page="/editor/new")
    assert answer.status == 422
    labels = [
        " ".join(one.text_content().split())
        for one in answer.page.xpath("//label[input/@name='fold']")
    ]
    assert labels == [
        "the first: 25/10/2026 02:30 CEST (00:30 UTC)",
        "the second: 25/10/2026 02:30 CET (01:30 UTC)",
    ]
    running.post(path, typed | {"action": "publish", "fold": "1"}, page="/editor/new")
    assert dates(running)[1] == "2026-10-25T01:30:00Z"
    # Opened again and saved as it stands, it is still the second.
    running.edit(path, body="Corrected")
    assert dates(running)[1] == "2026-10-25T01:30:00Z"


def test_a_typo_mended_moves_no_date_but_last_modified(service: Service) -> None:
    """Case 6, the correction."""
    service.set_clock(utc(2026, 1, 21, 18, 13, 30))
    service.start()
    service.sign_up()
    path = service.write(title="A tilte", publish_at="21/01/2026 19:13")
    before = service.get("/feeds/health.atom")
    was = feedparser.parse(before.body).entries[0]
    service.set_clock(utc(2026, 1, 22, 9))
    service.edit(path, title="A title")
    after = service.get("/feeds/health.atom")
    now = feedparser.parse(after.body).entries[0]
    assert now.title == "A title"
    assert (now.id, now.link) == (was.id, was.link)
    assert dates(service) == (
        "Wed, 21 Jan 2026 18:13:00 +0000",
        "2026-01-21T18:13:00Z",
        "2026-01-21T18:13:00Z",
    )
    assert after.headers["etag"] != before.headers["etag"]
    assert after.headers["last-modified"] == "Thu, 22 Jan 2026 09:00:00 GMT"
    rss = service.get("/feeds/health.rss")
    assert b"<lastBuildDate>Thu, 22 Jan 2026 09:00:00 +0000</lastBuildDate>" in rss.body
    stale = {"If_Modified_Since": "Wed, 21 Jan 2026 18:14:00 GMT"}
    assert service.get("/feeds/health.rss", **stale).status == 200


def test_news_about_an_article_moves_updated_alone(service: Service) -> None:
    """Case 6, the significant update."""
    service.set_clock(utc(2026, 1, 21, 18, 13, 30))
    service.start()
    service.sign_up()
    path = service.write(publish_at="21/01/2026 19:13")
    service.set_clock(utc(2026, 1, 22, 10))
    service.edit(path, body="More is known.", told="update", title="Another title")
    assert dates(service) == (
        "Wed, 21 Jan 2026 18:13:00 +0000",
        "2026-01-21T18:13:00Z",
        "2026-01-22T10:00:00Z",
    )


def test_nothing_changed_means_the_same_bytes_and_304(service: Service) -> None:
    """Case 8: rebuilt by force by processes in two zones, while the service runs."""
    service.set_clock(utc(2026, 1, 21, 18, 13, 30))
    service.start()
    service.sign_up()
    service.write(publish_at="21/01/2026 19:13")
    service.set_clock(utc(2026, 1, 21, 18, 14))
    before = service.get("/feeds/health.rss")
    for month in (2, 3):
        service.set_clock(utc(2026, month, 1))
        service.environment["TZ"] = ("UTC", "America/New_York")[month - 2]
        assert service.run("regenerate", "--force").stdout == "0 feeds changed\n"
        after = service.get("/feeds/health.rss")
        assert (after.body, after.headers["etag"], after.headers["last-modified"]) == (
            before.body,
            before.headers["etag"],
            before.headers["last-modified"],
        )
        etag = {"If_None_Match": before.headers["etag"]}
        assert service.get("/feeds/health.rss", **etag).status == 304
    assert b"<lastBuildDate>Wed, 21 Jan 2026 18:13:3" in before.body


def test_the_sites_zone_changes_and_no_instant_moves(tmp_path: Path) -> None:
    """Case 10."""
    with Service(tmp_path, f"sqlite:///{tmp_path}/feedsvc.db") as service:
        service.set_clock(utc(2026, 1, 21, 18, 13, 30))
        service.start()
        service.sign_up()
        path = service.write(publish_at="21/01/2026 19:13")
        before = service.get("/feeds/health.rss").body
        service.stop()
        service.write_config("Europe/Athens")
        service.set_clock(utc(2026, 1, 22, 9))
        service.start()
        assert service.get("/feeds/health.rss").body == before
        form = service.browse(path)
        assert "21/01/2026 20:13 EET (18:13 UTC)" in form.text
        assert form.field("publish_at") == "21/01/2026 20:13"
        service.edit(path, body="Corrected")
        assert dates(service)[0] == "Wed, 21 Jan 2026 18:13:00 +0000"
        service.write(title="New", category="science", publish_at="22/01/2026 09:00")
        atom = feedparser.parse(service.get("/feeds/science.atom").body).entries
        assert atom[0].published == "2026-01-22T07:00:00Z"


def test_a_form_opened_before_the_zone_changed_means_the_zone_it_showed(tmp_path: Path) -> None:
    """Case 10, with an editor in the middle of writing."""
    with Service(tmp_path, f"sqlite:///{tmp_path}/feedsvc.db") as service:
        service.set_clock(utc(2026, 1, 21, 18, 13, 30))
        service.start()
        service.sign_up()
        path = service.write(publish_at="21/01/2026 19:13")
        opened = dict(service.browse(path).page.xpath("//main//form")[0].form_values())
        service.stop()
        service.write_config("Europe/Athens")
        service.start()
        service.post(path, opened | {"body": "Corrected", "action": "update"}, page="/editor/new")
        assert dates(service)[0] == "Wed, 21 Jan 2026 18:13:00 +0000"
        typed = {"publish_at": "21/01/2026 18:00", "revision": "2", "action": "update"}
        refused = service.post(path, opened | typed | {"title": ""}, page="/editor/new")
        assert "Time in Europe/Rome" in refused.text
        service.post(path, opened | typed, page="/editor/new")
        assert dates(service)[0] == "Wed, 21 Jan 2026 17:00:00 +0000"
