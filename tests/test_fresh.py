"""A change is served everywhere at once, from a memory that is bounded; through the door."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from werkzeug.test import Client

from feedsvc import app
from feedsvc.config import load
from feedsvc.errors import StorageUnreachable
from feedsvc.publishing import Draft, Publisher
from feedsvc.storage import Storage
from feedsvc.storage.served import ServedRows
from feedsvc.timestamps import utc_now
from tests.conftest import utc
from tests.service import Service

ARTICLE = "{category} 21/01/2026 10:00\n\n{title}\n\n{body}\n"


def within(seconds: float, is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def postgresql_url(postgresql_server: str, postgresql_template: str) -> str:
    """The address of an empty database with the schema."""
    name = f"fresh_{time.monotonic_ns()}"
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE {name} TEMPLATE "{postgresql_template}"')
    return postgresql_server.replace("/postgres?", f"/{name}?")


@pytest.fixture
def two_services(postgresql_url: str, tmp_path: Path) -> Iterator[tuple[Service, Service]]:
    """Two machines on one database."""
    folders = tmp_path / "a", tmp_path / "b"
    for folder in folders:
        folder.mkdir()
    first, second = (Service(folder, postgresql_url, clock=False) for folder in folders)
    # One address for readers, whichever machine answers.
    first.environment["FEEDSVC_SITE_URL"] = second.environment["FEEDSVC_SITE_URL"] = (
        "http://news.example"
    )
    with first, second:
        first.start().sign_up()
        yield first, second.start()


def test_a_small_memory_serves_every_feed(storage_url: str, tmp_path: Path) -> None:
    environment = {"FEEDSVC_SERVER_CACHE_MEGABYTES": "1"}
    chance = random.Random(3)  # noqa: S311 - nothing secret about it
    files = []
    for number in range(40):
        file = tmp_path / f"{number}.txt"
        # Each of its two documents takes some 60 kB.
        body = chance.randbytes(15_000).hex(" ", 5)
        file.write_text(ARTICLE.format(category=f"Number {number}", title=number, body=body))
        files.append(str(file))
    with Service(tmp_path, storage_url, environment=environment) as service:
        service.set_clock(utc(2026, 1, 22, 18))
        done = service.run("import", *files)
        assert done.returncode == 0, done.stderr
        service.start()
        etags: dict[str, str] = {}
        for _ in range(2):
            for number in range(40):
                for format in ("rss", "atom"):
                    path = f"/feeds/number-{number}.{format}"
                    answer = service.get(path)
                    assert answer.status == 200
                    assert f">{number}</title>".encode() in answer.body
                    assert etags.setdefault(path, answer.headers["etag"]) == answer.headers["etag"]
                    etag = {"If_None_Match": answer.headers["etag"]}
                    assert service.get(path, **etag).status == 304
        assert service.get("/feeds/none.rss").status == 404
        assert service.get("/healthz").status == 200
        assert service.run("check").returncode == 0


def test_a_change_is_served_by_every_worker(storage_url: str, tmp_path: Path) -> None:
    arguments = ("--workers", "2")
    with Service(tmp_path, storage_url, arguments=arguments, clock=False) as service:
        service.start()
        service.sign_up()
        paths = ("/feeds/health.rss", "/feeds/all.atom")
        for number in range(3):
            assert all(service.get(path).status == 200 for path in paths for _ in range(6))
            service.write(title=f"Fresh {number}")
            time.sleep(1)
            wanted = f"Fresh {number}".encode()
            assert all(wanted in service.get(path).body for path in paths for _ in range(12))


def test_a_change_is_served_by_another_machine(two_services: tuple[Service, Service]) -> None:
    here, there = two_services
    before = there.get("/feeds/health.rss")
    here.write(title="News")
    assert b"News" in here.get("/feeds/health.rss").body
    within(1, lambda: b"News" in there.get("/feeds/health.rss").body)
    after = there.get("/feeds/health.rss", If_None_Match=before.headers["etag"])
    assert after.headers["etag"] == here.get("/feeds/health.rss").headers["etag"]


def test_a_lost_connection_delays_a_change_by_a_second_at_most(
    two_services: tuple[Service, Service], postgresql_url: str
) -> None:
    here, there = two_services
    there.get("/feeds/health.rss")
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        for number in range(3):
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND query LIKE 'LISTEN%'"
            ).fetchall()
            assert len(ended) == 2
            here.write(title=f"Not notified {number}")
            wanted = f"Not notified {number}".encode()
            within(1.2, lambda wanted=wanted: wanted in there.get("/feeds/health.rss").body)
            within(5, lambda: _listeners(connection) == 2)
    assert "tick failed" not in there.log.read_text()


def _listeners(connection: psycopg.Connection[Any]) -> int:
    query = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    )
    row = connection.execute(query).fetchone()
    return row[0] if row else 0


def test_the_database_tells_of_a_change(postgresql_url: str, publisher: Publisher) -> None:
    storage = Storage(postgresql_url)
    told = storage.notices()
    next(told)
    publisher = Publisher(storage, publisher.site, publisher.window)
    publisher.ensure_category("Health", utc_now())
    publisher.regenerate_due(utc_now())
    next(told)
    told.close()
    storage.close()


def test_what_is_due_in_a_feed_that_nobody_polls_is_published_on_time(
    storage_url: str, tmp_path: Path
) -> None:
    environment = {"FEEDSVC_FEEDS_REGENERATE_EVERY_SECONDS": "3600"}
    with Service(tmp_path, storage_url, environment=environment) as service:
        service.set_clock(utc(2026, 1, 21, 18))
        service.start()
        service.sign_up()
        service.write("schedule", title="Due", publish_at="21/01/2026 19:13", category="science")
        service.stop()
        service.start()
        time.sleep(1)
        service.set_clock(utc(2026, 1, 21, 18, 13))
        within(1.5, lambda: "published on time" in service.log.read_text())
        within(1.5, lambda: b"<title>Due</title>" in service.get("/feeds/science.rss").body)
        answer = service.get("/feeds/science.rss")
        assert answer.headers["last-modified"] == "Wed, 21 Jan 2026 18:13:00 GMT"


def test_a_silent_database_is_no_reason_to_unsubscribe(
    storage_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.toml").write_text(
        f'[site]\ntimezone = "UTC"\n[storage]\nurl = "{storage_url}"\n'
        '[[categories]]\nslug = "health"\nname = "Health"\n'
    )
    config = load(tmp_path / "config.toml", {})
    storage = Storage(config.storage_url)
    app.prepare(config, storage, utc_now(), serving=True)
    worker = app.build(config)
    client = Client(worker.front)
    assert client.get("/feeds/health.rss").status_code == 200

    def silent(*_: object) -> object:
        raise StorageUnreachable("the database does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(ServedRows, "by_slug", silent)
        assert client.get("/feeds/health.rss").status_code == 200
        refused = client.get("/feeds/health.atom")
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "60")
        assert client.get("/feeds/none.rss").status_code == 503
        assert client.get("/healthz").status_code == 503
    assert client.get("/feeds/health.atom").status_code == 200
    assert client.get("/healthz").status_code == 200
    with monkeypatch.context() as patch:
        patch.setattr(ServedRows, "by_slug", silent)
        assert client.get("/healthz").status_code == 200
    assert client.get("/feeds/none.rss").status_code == 404
    worker.storage.close()
    storage.close()


def test_more_categories_than_a_form_can_offer(storage_url: str, tmp_path: Path) -> None:
    storage = Storage(storage_url)
    publisher = Publisher(storage, app.Site("x", "http://x", "en"), app.Window())
    for number in range(230):
        publisher.ensure_category(f"Number {number:03}", utc(2026, 1, 1))
    storage.close()
    with Service(tmp_path, storage_url) as service:
        service.set_clock(utc(2026, 1, 21, 18))
        assert service.run("regenerate").returncode == 0
        service.start()
        service.sign_up()
        service.write(title="By its name", category="NUMBER 007", also_in=["", "Number 008"])
        path = service.write(title="By its address", category="number-229")
        for feed in ("number-007", "number-008", "all"):
            assert b"By its name" in service.get(f"/feeds/{feed}.rss").body
        assert b"By its address" in service.get("/feeds/number-229.atom").body
        assert service.browse(path).field("category") == "number-229"
        refused = service.edit(path, category="no such one")
        assert refused.status == 422
        assert refused.field("category") == "no such one"
        assert service.edit(path, body="Corrected.").status == 303
        front = service.get("/").page.xpath("//header//nav/a")
        assert len(front) == 200
        assert "Number 007" in [link.text for link in front]
        second = service.browse("/editor/categories?page=3").page
        assert len(second.xpath("//div[@class='category']")) == 32
        assert "… and 213 more categories" in service.output.read_text()
        done = service.run("regenerate", "--force")
        assert done.returncode == 0
        assert done.stdout == "0 feeds changed\n"


def test_a_long_rebuild_is_done_by_one_child_while_everything_goes_on(
    storage_url: str, tmp_path: Path
) -> None:
    storage = Storage(storage_url)
    publisher = Publisher(storage, app.Site("x", "http://x", "en"), app.Window())
    for number in range(60):
        publisher.ensure_category(f"Number {number:03}", utc(2026, 1, 1))
    storage.close()
    with Service(tmp_path, storage_url, arguments=("--workers", "2")) as service:
        service.set_clock(utc(2026, 1, 21, 18))
        assert service.run("regenerate").returncode == 0
        service.start()
        service.stop()
        service.environment["FEEDSVC_SITE_TITLE"] = "Renamed"
        service.start()
        service.sign_up()
        service.write(title="Meanwhile", category="number-059")
        assert b"Meanwhile" in service.get("/feeds/number-059.rss").body
        paths = [f"/feeds/number-{number:03}.atom" for number in range(60)]
        within(30, lambda: all(b"Renamed" in service.get(path).body for path in paths))
        within(5, lambda: "rebuild ended" in service.log.read_text())
        assert service.log.read_text().count("rebuild begun") == 1
        assert service.run("check").returncode == 0


def test_memory_stays_bounded(tmp_path: Path) -> None:
    """The same feeds asked for again and again, twice as many as there is room for."""
    url = f"sqlite:///{tmp_path}/feedsvc.db"
    environment = {"FEEDSVC_SERVER_CACHE_MEGABYTES": "8"}
    storage = Storage(url)
    storage.migrate()
    publisher = Publisher(storage, app.Site("x", "http://x", "en"), app.Window())
    body = random.Random(5).randbytes(15_000).hex(" ", 5)  # noqa: S311
    for number in range(150):
        category = publisher.ensure_category(f"Number {number}", utc(2026, 1, 1))
        draft = Draft(title="t", categories=(category,), body=body, published=utc(2026, 1, 2))
        publisher.import_entry(draft, f"test:{number}", utc(2026, 1, 3) + timedelta(days=1))
    storage.close()
    with Service(tmp_path, url, environment=environment) as service:
        service.set_clock(utc(2026, 1, 21, 18))
        service.run("regenerate")
        service.start()
        sizes = []
        for _ in range(4):
            for number in range(150):
                for format in ("rss", "atom"):
                    assert service.get(f"/feeds/number-{number}.{format}").status == 200
            sizes.append(_resident_bytes(service))
        # Fifteen megabytes came by each time.
        assert sizes[3] - sizes[1] < 8_000_000


def _resident_bytes(service: Service) -> int:
    """Of all its processes together."""
    assert service.process is not None
    pids = [service.process.pid]
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            pids += [int(child) for child in (task / "children").read_text().split()]
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * 4096
