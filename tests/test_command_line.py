"""``feedsvc`` as an operator types it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from feedsvc.storage import Storage
from tests.conftest import utc
from tests.service import PASSWORD, ROOT, Service

SEED = ROOT.parent / "shared" / "seed" / "health-article.txt"
ARTICLE = """Médecine douce 21/01/2026 19:13

A headline & <more>

A sub-heading

First paragraph with *stars* and 3 < 5.

  • One bullet

  • Another bullet

Sources:

  • A journal – https://example.org/a_b

News in the same category

News Post
"""


@pytest.fixture
def idle(storage_url: str, tmp_path: Path) -> Service:
    """A service that does not run; its commands do."""
    made = Service(tmp_path, storage_url)
    made.set_clock(utc(2026, 2, 10, 12))
    return made


def test_import_stores_an_article_of_the_seeds_shape(idle: Service, tmp_path: Path) -> None:
    file = tmp_path / "article.txt"
    file.write_text(ARTICLE, "utf-8")
    done = idle.run("import", str(file))
    assert done.returncode == 0, done.stderr
    assert "stored: Médecine douce · 21/01/2026 19:13 CET (18:13 UTC)" in done.stdout
    with idle.start():
        answer = idle.get("/feeds/medecine-douce.rss")
        assert answer.headers["last-modified"].startswith("Tue, 10 Feb 2026 12:00:0")
        assert b"<pubDate>Wed, 21 Jan 2026 18:13:00 +0000</pubDate>" in answer.body
        page = idle.get("/articles/a-headline-more").page
        assert page.xpath("//h1")[0].text == "A headline & <more>"
        text = page.xpath("//div[@class='text']")[0]
        assert [one.text for one in text.xpath("h2")] == ["A sub-heading", "Sources"]
        assert text.xpath("p")[0].text == "First paragraph with *stars* and 3 < 5."
        assert [one.text for one in text.xpath("ul[1]/li")] == ["One bullet", "Another bullet"]
        assert text.xpath("ul[2]/li/a/@href") == ["https://example.org/a_b"]
        assert "News Post" not in text.text_content()
        assert "same category" not in text.text_content()


def test_importing_twice_changes_nothing(idle: Service, tmp_path: Path) -> None:
    file = tmp_path / "article.txt"
    file.write_text(ARTICLE, "utf-8")
    idle.run("import", str(file))
    with idle.start():
        before = idle.get("/feeds/all.rss")
        idle.set_clock(utc(2026, 3, 1))
        done = idle.run("import", str(file), str(file))
        assert done.returncode == 0
        assert done.stdout.count("already there") == 2
        after = idle.get("/feeds/all.rss")
        assert (after.body, after.headers["etag"]) == (before.body, before.headers["etag"])


def test_bad_files_are_named_by_line_and_the_others_go_in(idle: Service, tmp_path: Path) -> None:
    good, month, encoding, empty = (tmp_path / name for name in ("good", "month", "bytes", "empty"))
    good.write_text(ARTICLE, "utf-8")
    month.write_text(ARTICLE.replace("21/01/2026", "10/28/2026"), "utf-8")
    encoding.write_bytes(b"Health 21/01/2026 19:13\n\nHeadline\n\n\xff\xfe text\n")
    empty.write_text("\n\n")
    missing = tmp_path / "missing"
    done = idle.run("import", *map(str, (month, encoding, empty, missing, good)))
    assert done.returncode == 1
    assert f"{month}:1: “10/28/2026 10:00" not in done.stderr
    assert f"{month}:1: “10/28/2026 19:13”: there is no month 28" in done.stderr
    assert f"{encoding}:5: this is not UTF-8" in done.stderr
    assert f"{empty}: the file is empty" in done.stderr
    assert f"{missing}: cannot be read: No such file" in done.stderr
    assert "4 of 5 files refused; the others are in." in done.stderr
    assert f"{good}: stored" in done.stdout


def test_dry_run_shows_what_would_be_stored_and_stores_nothing(
    tmp_path: Path, idle: Service
) -> None:
    file = tmp_path / "article.txt"
    file.write_text(ARTICLE, "utf-8")
    done = idle.run("import", "--dry-run", str(file))
    assert done.returncode == 0, done.stderr
    assert "would be stored: Médecine douce · 21/01/2026 19:13 CET (18:13 UTC)" in done.stdout
    assert "## A sub-heading" in done.stdout
    with idle.start():
        assert idle.get("/feeds/medecine-douce.rss").status == 404


def test_dry_run_makes_no_database(tmp_path: Path) -> None:
    idle = Service(tmp_path, f"sqlite:///{tmp_path}/none/feedsvc.db")
    file = tmp_path / "article.txt"
    file.write_text(ARTICLE, "utf-8")
    assert idle.run("import", "--dry-run", str(file)).returncode == 0
    assert not (tmp_path / "none").exists()


def test_the_category_may_be_given_by_slug(idle: Service, tmp_path: Path) -> None:
    file = tmp_path / "article.txt"
    file.write_text(ARTICLE.replace("Médecine douce ", ""), "utf-8")
    refused = idle.run("import", str(file))
    assert refused.returncode == 1
    assert "use --category" in refused.stderr
    assert idle.run("import", "--category", "science", str(file)).returncode == 0
    with idle.start():
        assert b"A headline" in idle.get("/feeds/science.rss").body


def test_a_time_that_comes_twice_is_taken_and_told(idle: Service, tmp_path: Path) -> None:
    idle.set_clock(utc(2026, 12, 1))
    gap, overlap = tmp_path / "gap", tmp_path / "overlap"
    gap.write_text(ARTICLE.replace("21/01/2026 19:13", "29/03/2026 02:30"), "utf-8")
    overlap.write_text(ARTICLE.replace("21/01/2026 19:13", "25/10/2026 02:30"), "utf-8")
    done = idle.run("import", str(gap), str(overlap))
    assert done.returncode == 0
    assert f"{gap}: warning: 29/03/2026 02:30 does not exist" in done.stderr
    assert f"{overlap}: warning: 25/10/2026 02:30 comes twice" in done.stderr
    with idle.start():
        text = idle.get("/feeds/all.atom").text
        assert "<published>2026-03-29T01:30:00Z</published>" in text
        assert "<published>2026-10-25T00:30:00Z</published>" in text


def test_the_site_s_own_article_is_imported_as_it_stands(idle: Service) -> None:
    if not SEED.exists():
        pytest.skip("the site's article is kept beside the project, not in it")
    assert idle.run("import", str(SEED)).returncode == 0
    title = SEED.read_text("utf-8").splitlines()[2]
    with idle.start():
        page = idle.get("/categories/health").page
        link = page.xpath("//article//h2/a")[0]
        assert link.text == title
        article = idle.get(link.get("href")).page
        text = article.xpath("//div[@class='text']")[0]
        assert len(text.xpath("h2")) == 8  # seven sub-headings and the sources
        assert len(text.xpath("ul")) == 5
        assert len(text.xpath("ul[last()]/li")) == 3
        assert article.xpath("//time/@datetime")[0] == "2026-01-21T18:13:00Z"
        content = text.text_content()
        assert "News Post" not in content
        assert "News in the same category" not in content


def test_regenerate_rebuilds_what_changed_or_all(idle: Service) -> None:
    idle.run("migrate")
    assert idle.run("regenerate").stdout == "0 feeds changed\n"
    # Rebuilt by force, the same inputs are the same bytes: nothing changed.
    assert idle.run("regenerate", "--force").stdout == "0 feeds changed\n"
    storage = Storage(idle.storage_url)
    with storage.writing() as tx:
        spoil = "UPDATE documents SET body = substr(body, 1, 99) WHERE format = 'atom'"
        tx.settings._connection.exec_driver_sql(spoil)
    storage.close()
    assert idle.run("check").returncode == 1
    assert idle.run("regenerate", "--force", "health").stdout == "1 feeds changed\n"
    assert idle.run("regenerate", "--force").stdout == "2 feeds changed\n"
    assert idle.run("check").returncode == 0
    unknown = idle.run("regenerate", "nothing")
    assert unknown.returncode == 1
    assert "there is no feed 'nothing'" in unknown.stderr


def test_a_reader_of_the_output_that_has_enough_is_no_fault(tmp_path: Path) -> None:
    service = Service(tmp_path, f"sqlite:///{tmp_path}/feedsvc.db")
    file = tmp_path / "long.txt"
    file.write_text("Health 21/01/2026 19:13\n\nLong\n\n" + "A paragraph.\n\n" * 20_000, "utf-8")
    command = [sys.executable, "-m", "feedsvc", "--config", str(service.config), "import"]
    done = subprocess.run(  # noqa: S602 - a pipe is what is tested
        f"{shlex.join([*command, '--dry-run', str(file)])} | head -2",
        shell=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "would be stored" in done.stdout
    assert done.stderr == ""


def test_editors_are_added_listed_changed_and_removed(idle: Service) -> None:
    assert idle.run("editor", "add", "grace", input=PASSWORD + "\n").returncode == 0
    assert "already" in idle.run("editor", "add", "grace", input=PASSWORD).stderr
    assert "at least 8" in idle.run("editor", "add", "alan", input="short\n").stderr
    assert idle.run("editor", "list").stdout == "grace\n"
    assert idle.run("editor", "list", "--roles").stdout == "grace\tadministrator\n"
    with idle.start():
        assert "/editor/welcome/" not in idle.output.read_text()
        assert idle.sign_in("grace").status == 303
        assert idle.browse("/editor/").status == 200
        assert idle.run("editor", "passwd", "grace", input="another one\n").returncode == 0
        assert idle.browse("/editor/").status == 303  # the session has ended
        idle.cookie = ""
        assert idle.sign_in("grace", "another one").status == 303
        removed = idle.run("editor", "remove", "grace")
        assert (removed.returncode, "at its next start" in removed.stdout) == (0, True)
        assert idle.browse("/editor/").status == 303
    assert "there is no editor" in idle.run("editor", "remove", "grace").stderr


def test_check_finds_a_damaged_document(idle: Service) -> None:
    idle.run("migrate")
    done = idle.run("check")
    assert (done.returncode, done.stdout) == (
        0,
        "configuration, storage and stored feeds are in order\n",
    )
    from feedsvc.storage import Storage

    storage = Storage(idle.storage_url)
    with storage.writing() as tx:
        hexadecimal = "X'3C727373'" if storage.is_sqlite else "decode('3C727373', 'hex')"
        tx.settings._connection.exec_driver_sql(
            f"UPDATE documents SET body = {hexadecimal}"  # noqa: S608
            " WHERE encoding = 'identity' AND format = 'rss'"
        )
    storage.close()
    done = idle.run("check")
    assert done.returncode == 1
    assert "/feeds/health.rss: its ETag is not that of its bytes" in done.stdout
    assert "regenerate --force" in done.stdout
    assert idle.run("regenerate", "--force").returncode == 0
    assert idle.run("check").returncode == 0


def test_check_names_an_outdated_schema(tmp_path: Path) -> None:
    idle = Service(tmp_path, f"sqlite:///{tmp_path}/feedsvc.db")
    done = idle.run("check")
    assert done.returncode == 1
    assert f"there is no database at {tmp_path}/feedsvc.db" in done.stdout
    assert not (tmp_path / "feedsvc.db").exists()
    (tmp_path / "feedsvc.db").touch()
    done = idle.run("check")
    assert done.returncode == 1
    assert "run: feedsvc migrate" in done.stdout


def test_backup_while_the_service_runs_can_be_served(tmp_path: Path) -> None:
    with Service(tmp_path, f"sqlite:///{tmp_path}/feedsvc.db") as service:
        service.start()
        service.sign_up()
        service.write(title="Copied")
        done = service.run("backup", str(tmp_path / "copy.db"))
        assert done.returncode == 0, done.stderr
    folder = tmp_path / "again"
    folder.mkdir()
    with Service(folder, f"sqlite:///{tmp_path}/copy.db") as again:
        again.start()
        assert b"Copied" in again.get("/feeds/health.rss").body


def test_a_setting_in_the_environment_and_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text(f"sqlite:///{tmp_path}/elsewhere.db\n")
    service = Service(
        tmp_path,
        "sqlite:////nowhere/feedsvc.db",
        environment={"FEEDSVC_STORAGE_URL_FILE": str(secret), "FEEDSVC_SITE_TITLE": "Ünïcode"},
    )
    assert service.run("migrate").returncode == 0
    assert (tmp_path / "elsewhere.db").exists()
    with service.start():
        assert "Ünïcode" in service.get("/").text


def test_help_names_every_command() -> None:
    service = Service.__new__(Service)
    service.has_clock, service.config, service.environment = False, Path("x"), dict(os.environ)
    text = service.run("--help").stdout
    for command in ("serve", "import", "regenerate", "editor", "check", "migrate", "backup"):
        assert f"\n    {command} " in text
