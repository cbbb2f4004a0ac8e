"""More of commands, settings and accounts: what an operator types, and what it does."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from argon2 import PasswordHasher
from werkzeug.datastructures import MultiDict

from feedsvc.importing import parse_article
from feedsvc.importing.text import to_markdown
from feedsvc.model import Source
from feedsvc.publishing import Action, Draft, Publisher
from feedsvc.storage import Storage
from feedsvc.web import accounts
from feedsvc.web.forms import ArticleForm
from tests.conftest import utc
from tests.service import PASSWORD, ROOT, Service, free_port

NOW = utc(2026, 1, 21, 18)
ARTICLE = "Health 20/01/2026 06:{minute:02d}\n\n{title}\n\nThe first words.\n\nThe last words.\n"
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def idle(tmp_path: Path) -> Service:
    """A service that does not run; its commands do."""
    made = Service(tmp_path, f"sqlite:///{tmp_path}/feedsvc.db")
    made.set_clock(NOW)
    return made


def article(folder: Path, title: str, minute: int = 0) -> str:
    file = folder / f"article-{minute}"
    file.write_text(ARTICLE.format(title=title, minute=minute), "utf-8")
    return str(file)


def items(service: Service, path: str) -> list[ElementTree.Element]:
    return ElementTree.fromstring(service.get(path).body).findall("channel/item")  # noqa: S314


def signs_in(
    storage: Storage,
    password: str = PASSWORD,
    *,
    name: str = "ada",
    address: str = "203.0.113.1",
    now: datetime = NOW,
) -> bool | None:
    """Whether the sign-in succeeds; None where it is throttled."""
    try:
        return accounts.sign_in(storage, name, password, address, now) is not None
    except accounts.Throttled:
        return None


@pytest.fixture
def ada(storage: Storage) -> Storage:
    """A database with one account."""
    with storage.writing() as tx:
        tx.editors.add("ada", accounts.hash_password(PASSWORD), NOW)
    return storage


# Failed sign-ins


def test_one_address_may_not_guess_for_many_names(ada: Storage) -> None:
    assert [signs_in(ada, name=f"name {n}") for n in range(30)] == [False] * 30
    assert signs_in(ada) is None
    assert signs_in(ada, address="203.0.113.2")


def test_one_name_may_not_be_guessed_from_many_addresses(tmp_path: Path) -> None:
    storage = Storage(f"sqlite:///{tmp_path}/feedsvc.db")
    storage.migrate()
    for n in range(100):
        assert signs_in(storage, "wrong", address=f"203.0.113.{n}") is False
    assert signs_in(storage, address="198.51.100.1") is None
    storage.close()


def test_signing_in_forgets_the_failures_before_it_and_counts_as_none(ada: Storage) -> None:
    for _ in range(3):
        assert [signs_in(ada, "wrong") for _ in range(4)] == [False] * 4
        assert signs_in(ada)
    assert all(signs_in(ada) for _ in range(31 - 12))


def test_old_failures_are_not_kept(ada: Storage) -> None:
    signs_in(ada, "wrong", name="nobody", address="198.51.100.1")
    assert signs_in(ada, now=NOW + timedelta(minutes=16))
    with ada.reading() as tx:
        ask = tx.settings._connection.exec_driver_sql
        assert ask("SELECT count(*) FROM sign_in_failures").scalar_one() == 0


def test_guesses_sent_at_once_are_throttled_as_if_sent_in_turn(tmp_path: Path) -> None:
    storage = Storage(f"sqlite:///{tmp_path}/feedsvc.db")
    storage.migrate()
    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(lambda n: signs_in(storage, f"guess {n}"), range(20)))
    assert outcomes.count(False) == 5
    assert outcomes.count(None) == 15
    storage.close()


def test_a_hash_of_older_strength_is_renewed_when_its_password_is_known(storage: Storage) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=32, parallelism=1).hash(PASSWORD)
    with storage.writing() as tx:
        tx.editors.add("ada", weak, NOW)
    assert signs_in(storage)
    with storage.reading() as tx:
        stored = tx.editors.named("ada")
    assert stored is not None
    assert stored.password_hash != weak
    assert signs_in(storage)


def test_a_link_makes_the_first_account_only(ada: Storage) -> None:
    with ada.writing() as tx:
        tx.editors.invite(accounts.token_digest("token"), NOW + timedelta(hours=1))
    assert accounts.accept_invitation(ada, "token", "eve", PASSWORD, NOW) is None


# Editors


def test_editors_are_listed_by_name_and_checked_before_they_are_kept(idle: Service) -> None:
    for name, *more in (("grace",), ("ada",), ("zoe", "--administrator")):
        added = idle.run("editor", "add", f" {name} ", *more, input=PASSWORD + "\r\n")
        assert added.returncode == 0
    assert idle.run("editor", "list", "--roles").stdout == (
        "ada\teditor\ngrace\tadministrator\nzoe\tadministrator\n"
    )
    assert "use 1 to 100" in idle.run("editor", "add", "x" * 101, input=PASSWORD).stderr
    unknown = idle.run("editor", "passwd", "nobody", input="short")
    assert unknown.returncode == 1
    assert "there is no editor 'nobody'" in unknown.stderr
    with idle.start():
        assert idle.sign_in("zoe").status == 303


# Import


def test_an_article_that_is_too_long_is_refused_and_the_next_goes_in(
    idle: Service, tmp_path: Path
) -> None:
    long, good = article(tmp_path, "x" * 501, 1), article(tmp_path, "Good", 2)
    done = idle.run("import", long, good)
    assert done.returncode == 1
    assert f"{long}: title: at most 500 characters" in done.stderr
    assert "Traceback" not in done.stderr
    assert f"{good}: stored" in done.stdout


def test_after_an_import_no_feed_is_owed_anything_and_the_typed_time_is_kept(
    idle: Service, tmp_path: Path
) -> None:
    assert idle.run("import", article(tmp_path, "Kept", 7)).returncode == 0
    assert idle.run("check").returncode == 0
    storage = Storage(idle.storage_url, read_only=True)
    with storage.reading() as tx:
        entry = tx.entries.by_slug("kept")
    storage.close()
    assert (entry.wall_time, entry.wall_zone) == ("20/01/2026 06:07", "Europe/Rome")


def test_samples_are_for_an_empty_house_only(tmp_path: Path) -> None:
    samples = tmp_path / "samples"
    samples.mkdir()
    article(samples, "A sample", 1)
    (samples / "article-1").rename(samples / "one.txt")
    url = f"sqlite:///{tmp_path}/feedsvc.db"
    with Service(tmp_path, url, arguments=("--samples", str(samples))) as service:
        service.set_clock(NOW)
        service.start()
        assert [item.findtext("title") for item in items(service, "/feeds/all.rss")] == ["A sample"]
        service.stop()
        (samples / "one.txt").write_text(ARTICLE.format(title="Another", minute=2), "utf-8")
        service.start()
        assert len(items(service, "/feeds/all.rss")) == 1


def test_a_line_of_equals_signs_makes_no_heading_of_the_line_above() -> None:
    assert to_markdown(["A line.", "==="]) == "A line.\n\\==="


def test_a_short_line_with_an_address_is_no_heading() -> None:
    assert to_markdown(["See https://example.org/", "", "More."]).startswith("See <")


def test_only_the_last_list_of_sources_and_the_last_furniture_are_taken_for_such() -> None:
    lines = [
        "Health 20/01/2026 06:00",
        "Title",
        "News in the same category",
        "Sources:",
        "These words are of the text.",
        "Sources",
        "• A journal – https://example.org/",
        "News in the same category:",
        "Another article",
    ]
    read = parse_article("\n\n".join(lines).encode())
    assert "These words are of the text." in read.body
    assert read.sources == (Source("A journal", "https://example.org/"),)


def test_a_correction_that_leaves_the_time_empty_keeps_what_was_typed(
    publisher: Publisher,
) -> None:
    health = publisher.ensure_category("Health", NOW)
    draft = Draft(
        title="A title",
        categories=(health, health),
        body="A text.",
        author=" Ada\x0b  Rossi\n",
        published=NOW,
        wall_time="21/01/2026 19:00",
        wall_zone="Europe/Rome",
    )
    id = f"urn:uuid:{uuid4()}"
    made = publisher.save_entry(draft, Action.PUBLISH, NOW, id=id, expected_revision=0)
    assert (made.author, made.categories) == ("Ada Rossi", (health,))
    emptied = replace(draft, body="B", published=None, wall_time="", wall_zone="")
    saved = publisher.save_entry(emptied, Action.CORRECT, NOW, id=id, expected_revision=1)
    assert saved.published == NOW
    assert (saved.wall_time, saved.wall_zone) == ("21/01/2026 19:00", "Europe/Rome")


def test_a_time_typed_with_many_blanks_is_kept_no_longer_than_there_is_room(
    publisher: Publisher, storage: Storage
) -> None:
    health = publisher.ensure_category("Health", NOW)
    fields = {"title": "T", "category": "health", "body": "B"}
    form = ArticleForm.from_request(
        MultiDict({**fields, "publish_at": "20/01/2026" + " " * 60 + "19:13"})
    )
    draft, _ = form.to_draft([health], None, ZoneInfo("Europe/Rome"), "Europe/Rome")
    id = f"urn:uuid:{uuid4()}"
    saved = publisher.save_entry(draft, Action.PUBLISH, NOW, id=id, expected_revision=0)
    assert saved.published == utc(2026, 1, 20, 18, 13)
    assert len(saved.wall_time) <= 40


# Settings


def test_what_is_set_is_what_feeds_are_made_of(tmp_path: Path) -> None:
    environment = {
        "FEEDSVC_FEEDS_CONTENT": "summary",
        "FEEDSVC_FEEDS_WINDOW_ITEMS": "2",
        "FEEDSVC_FEEDS_WINDOW_DAYS": "0",
        "FEEDSVC_FEEDS_MAX_AGE_SECONDS": "77",
    }
    url = f"sqlite:///{tmp_path}/feedsvc.db"
    service = Service(tmp_path, url, environment=environment)
    service.set_clock(NOW)
    text = service.config.read_text().replace(
        'name = "Health"', 'name = "Health"\ndescription = "About health"'
    )
    service.config.write_text(text, "utf-8")
    for minute in (1, 2, 3):
        service.run("import", article(tmp_path, f"Article {minute}", minute))
        service.set_clock(NOW + timedelta(minutes=minute))
    with service.start():
        answer = service.get("/feeds/health.rss")
        assert answer.headers["cache-control"] == (
            "public, max-age=77, stale-while-revalidate=77, stale-if-error=86400"
        )
        assert b"The last words" not in answer.body
        channel = ElementTree.fromstring(answer.body)  # noqa: S314
        assert "About health" in (channel.findtext("channel/description") or "")
        found = [item.findtext("title") for item in items(service, "/feeds/health.rss")]
        assert found == ["Article 3", "Article 2"]
        feed = ElementTree.fromstring(service.get("/feeds/health.atom").body)  # noqa: S314
        assert feed.findtext(f".//{ATOM}author/{ATOM}name") == "The editors"
        service.stop()
        service.environment["FEEDSVC_SITE_TITLE"] = "Renamed"
        service.start()
        assert b"Renamed" in service.get("/feeds/health.rss").body


def test_the_configuration_may_be_named_after_the_command(idle: Service, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    before = ["--config", str(idle.config), "editor", "list"]
    after = ["editor", "list", "--config", str(idle.config)]
    for words in (before, after):
        done = subprocess.run(
            [sys.executable, "-m", "feedsvc", *words],
            cwd=elsewhere,
            env={**idle.environment, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert list(elsewhere.iterdir()) == []


# Serve


def children(process: int) -> list[int]:
    return [
        int(number)
        for thread in Path(f"/proc/{process}/task").iterdir()
        for number in (thread / "children").read_text().split()
    ]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="asks Linux who is whose child")
def test_it_has_as_many_workers_as_asked_for_and_replaces_one_that_dies(tmp_path: Path) -> None:
    port = free_port()
    arguments = ("--workers", "2", "--port", str(port))
    # So that only what takes over the others' changes can bring them here.
    environment = {"FEEDSVC_FEEDS_REGENERATE_EVERY_SECONDS": "3600"}
    url = f"sqlite:///{tmp_path}/feedsvc.db"
    with Service(tmp_path, url, arguments=arguments, environment=environment) as service:
        service.port = port
        service.start()
        assert service.process is not None
        service.sign_up()
        service.write(title="Everywhere")
        time.sleep(0.8)
        assert all(b"Everywhere" in service.get("/feeds/all.rss").body for _ in range(40))
        before = [one for one in children(service.process.pid) if "resource" not in _words(one)]
        assert len(before) == 2
        for one in before:
            os.kill(one, signal.SIGKILL)
        deadline = time.monotonic() + 15
        while True:
            assert time.monotonic() < deadline
            try:
                assert service.get("/healthz").status == 200
                break
            except OSError:
                time.sleep(0.1)


def _words(process: int) -> str:
    return Path(f"/proc/{process}/cmdline").read_text()


def test_a_folder_that_cannot_be_written_to_still_serves_its_feeds(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Service(tmp_path, f"sqlite:///{folder}/feedsvc.db") as service:
        service.start()
        service.sign_up()
        service.write(title="Stored")
        service.stop()
        with sqlite3.connect(folder / "feedsvc.db") as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()
        chattr = shutil.which("chattr") or "chattr"
        is_root = os.geteuid() == 0
        folder.chmod(0o555)
        if is_root and subprocess.run([chattr, "+i", folder], check=False).returncode:
            pytest.skip("root writes everything, and this file system cannot forbid it")
        try:
            service.start()
            assert b"Stored" in service.get("/feeds/health.rss").body
            assert service.get("/readyz").status == 503
        finally:
            if is_root:
                subprocess.run([chattr, "-i", folder], check=True)
            folder.chmod(0o755)


def test_what_is_served_where_is_printed(idle: Service) -> None:
    with idle.start():
        output = idle.output.read_text()
        base = f"http://127.0.0.1:{idle.port}"
        assert f"The Example is served on {base}" in output
        for path in ("/feeds/all.rss", "/feeds/health.atom", "/feeds/science.rss", "/editor/"):
            assert base + path in output
