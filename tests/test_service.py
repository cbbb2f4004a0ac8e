"""The main job through the door a user takes: the form, the feed, the reader."""

from __future__ import annotations

import gzip
import os
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest

from tests.conftest import utc
from tests.service import PASSWORD, ROOT, Service

ATOM = "{http://www.w3.org/2005/Atom}"
DC = "{http://purl.org/dc/elements/1.1/}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}"


@pytest.fixture
def signed_up(service: Service) -> Service:
    service.set_clock(utc(2026, 1, 21, 18, 30))
    service.start()
    service.sign_up()
    return service


def items(service: Service, path: str) -> list[ElementTree.Element]:
    answer = service.get(path)
    assert answer.status == 200
    root = ElementTree.fromstring(answer.body)  # noqa: S314
    return root.findall("channel/item") or root.findall(f"{ATOM}entry")


def test_what_an_editor_publishes_every_reader_gets(signed_up: Service) -> None:
    signed_up.write(
        title="Tea & sleep <in> «winter» – 日本",
        summary="In short",
        body="## Why\n\n- one\n- [two](/categories/health)\n\n![cup](/static/icon.svg)",
        author="Zoë Müller",
        publish_at="21/01/2026 19:13",
        sources="A journal – https://example.org/a?b=1&c=2\nAn institute",
        also_in="science",
    )
    for slug in ("health", "science", "all"):
        (item,) = items(signed_up, f"/feeds/{slug}.rss")
        assert item.findtext("title") == "Tea & sleep <in> «winter» – 日本"
        assert item.findtext("pubDate") == "Wed, 21 Jan 2026 18:13:00 +0000"
        assert item.findtext(f"{DC}creator") == "Zoë Müller"
        assert [one.text for one in item.findall("category")] == ["Health", "Science"]
        content = item.findtext(f"{CONTENT}encoded") or ""
        base = f"http://127.0.0.1:{signed_up.port}"
        assert f'href="{base}/categories/health"' in content
        assert f'src="{base}/static/icon.svg"' in content
        assert 'href="https://example.org/a?b=1&amp;c=2"' in content
        (entry,) = items(signed_up, f"/feeds/{slug}.atom")
        assert entry.findtext(f"{ATOM}published") == "2026-01-21T18:13:00Z"
        assert entry.findtext(f"{ATOM}id") == item.findtext("guid")
        assert (item.findtext("guid") or "").startswith("urn:uuid:")
    page = signed_up.get((item.findtext("link") or "").removeprefix(base))
    assert page.status == 200
    assert "Tea &amp; sleep &lt;in&gt;" in page.text


def test_the_three_pages_link_their_own_feeds(signed_up: Service) -> None:
    signed_up.write(title="First")
    signed_up.write(title="Second")

    def linked(path: str) -> list[str]:
        return [
            link.get("href").removeprefix(f"http://127.0.0.1:{signed_up.port}")
            for link in signed_up.get(path).page.xpath("//link[@rel='alternate']")
        ]

    both = [f"/feeds/all.{format}" for format in ("rss", "atom", "json")]
    own = [f"/feeds/health.{format}" for format in ("rss", "atom", "json")]
    assert linked("/") == both
    assert linked("/categories/health") == own + both
    assert linked("/articles/first") == own + both
    page = signed_up.get("/articles/first").page
    same = page.xpath("//aside[h2='News in the same category']//a/@href")
    assert same == ["/articles/second"]


def test_drafts_are_seen_by_nobody_until_they_are_published(signed_up: Service) -> None:
    path = signed_up.write("save_draft", title="Not yet")
    assert items(signed_up, "/feeds/health.rss") == []
    assert "Not yet" not in signed_up.get("/").text
    answer = signed_up.edit(path, "publish")
    assert answer.status == 303
    assert len(items(signed_up, "/feeds/health.rss")) == 1
    assert "Not yet" in signed_up.get("/articles/not-yet").text


def test_a_withdrawn_article_is_gone_from_feeds_and_pages(signed_up: Service) -> None:
    path = signed_up.write(title="A mistake")
    signed_up.edit(path, "withdraw", title="typed beside the button")
    assert items(signed_up, "/feeds/health.rss") == []
    assert items(signed_up, "/feeds/all.atom") == []
    assert signed_up.get("/articles/a-mistake").status == 410
    assert "A mistake" not in signed_up.get("/categories/health").text
    form = signed_up.browse(path)
    assert "Withdrawn" in form.text
    assert form.page.xpath("//button[@name='action']/@value") == ["restore"]


def test_a_moved_article_changes_feeds_under_the_same_id(signed_up: Service) -> None:
    path = signed_up.write(title="Moved")
    (before,) = items(signed_up, "/feeds/health.rss")
    signed_up.edit(path, category="science")
    assert items(signed_up, "/feeds/health.rss") == []
    (after,) = items(signed_up, "/feeds/science.rss")
    assert after.findtext("guid") == before.findtext("guid")
    assert after.findtext("link") == before.findtext("link")


def test_a_scheduled_article_appears_at_its_moment_and_not_before(signed_up: Service) -> None:
    signed_up.write("schedule", title="Later", publish_at="21/01/2026 20:00")
    for now in (utc(2026, 1, 21, 18, 57), utc(2026, 1, 21, 18, 59, 59)):
        signed_up.set_clock(now)
        time.sleep(0.5)
        answer = signed_up.get("/feeds/health.rss")
        assert b"Later" not in answer.body
        assert signed_up.get("/articles/later").status == 404
        left = (utc(2026, 1, 21, 19) - now).total_seconds()
        fresh = min(300, int(left) - 1)
        assert answer.headers["cache-control"].split(", stale")[0] == f"public, max-age={fresh}"
    signed_up.set_clock(utc(2026, 1, 21, 19))
    deadline = time.monotonic() + 3
    while not items(signed_up, "/feeds/health.rss"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (item,) = items(signed_up, "/feeds/health.rss")
    assert item.findtext("pubDate") == "Wed, 21 Jan 2026 19:00:00 +0000"
    assert signed_up.get("/articles/later").status == 200


def test_polls_carry_validators_and_304_is_answered_to_each(signed_up: Service) -> None:
    signed_up.write(body="A text. " * 200)
    signed_up.set_clock(utc(2026, 1, 21, 19))
    for path in ("/feeds/health.rss", "/feeds/health.atom", "/feeds/all.rss"):
        plain = signed_up.get(path)
        packed = signed_up.get(path, Accept_Encoding="gzip, deflate")
        assert gzip.decompress(packed.body) == plain.body
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["etag"] != plain.headers["etag"]
        for answer in (plain, packed):
            assert re.fullmatch(r'"[^"]+"', answer.headers["etag"])
            assert answer.headers["vary"] == "Accept-Encoding"
            assert answer.headers["cache-control"] == (
                "public, max-age=300, stale-while-revalidate=300, stale-if-error=86400"
            )
            for condition in (
                {"If_None_Match": answer.headers["etag"]},
                {"If_Modified_Since": answer.headers["last-modified"]},
            ):
                fresh = signed_up.get(path, **condition)
                assert (fresh.status, fresh.body) == (304, b"")
                assert fresh.headers["vary"] == "Accept-Encoding"
        head = signed_up.request("HEAD", path)
        assert (head.status, head.body) == (200, b"")
        assert head.headers["etag"] == plain.headers["etag"]
        assert head.headers["content-length"] == str(len(plain.body))
        assert signed_up.get(path + "?utm_source=x").headers["etag"] == plain.headers["etag"]
        assert signed_up.request("POST", path, b"").status == 405


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate, zstd", "zstd"),
        ("gzip", "gzip"),
        ("br;q=0.5, gzip", "gzip"),
        ("*", "br"),
        ("identity", None),
    ],
)
def test_each_client_gets_the_smallest_that_it_takes(
    sqlite_service: Service, accept: str, coding: str | None
) -> None:
    sqlite_service.start()
    plain = sqlite_service.get("/feeds/health.rss")
    answer = sqlite_service.get("/feeds/health.rss", Accept_Encoding=accept)
    assert answer.headers.get("content-encoding") == coding
    assert (answer.body == plain.body) == (coding is None)
    tag = plain.headers["etag"].strip('"')
    assert answer.headers["etag"] == (f'"{tag}-{coding}"' if coding else f'"{tag}"')
    again = {"Accept_Encoding": accept, "If_None_Match": answer.headers["etag"]}
    assert sqlite_service.get("/feeds/health.rss", **again).status == 304


def test_an_unknown_category_is_404_and_so_is_a_format_not_served(service: Service) -> None:
    service.start()
    for path in (
        "/feeds/nothing.rss",
        "/feeds/health.pdf",
        "/categories/nothing",
        "/categories/all",
        "/articles/nothing",
        "/feeds/nothing",
    ):
        assert service.get(path).status == 404, path


def test_the_one_time_link_works_once(sqlite_service: Service) -> None:
    service = sqlite_service.start()
    link = re.findall(r"(/editor/welcome/\S+)", service.output.read_text())[-1]
    refused = service.post(link, {"name": "ada", "password": "short"})
    assert refused.status == 422
    assert "at least 8 characters" in refused.text
    assert service.post(link, {"name": "ada", "password": PASSWORD}).status == 303
    assert service.browse("/editor/").status == 200
    assert service.get(link).status == 410
    service.stop()
    service.start()
    assert service.output.read_text().count("/editor/welcome/") == 1


def test_sign_in_refuses_and_then_throttles(sqlite_service: Service) -> None:
    service = sqlite_service
    service.set_clock(utc(2026, 1, 21, 18))
    service.start()
    service.sign_up()
    service.cookie = ""
    assert service.get("/editor/").status == 303
    for name in ("ada", "nobody"):
        wrong = service.sign_in(name, "wrong password")
        assert wrong.status == 401
        assert "The user name or the password is wrong." in wrong.text
    statuses = [service.sign_in(password=f"guess {n}").status for n in range(5)]
    assert statuses[:4] == [401] * 4
    assert service.sign_in().status == 429
    service.set_clock(utc(2026, 1, 21, 18, 16))
    assert service.sign_in().status == 303
    assert service.browse("/editor/").status == 200
    assert service.post("/editor/sign-out", {}, page="/editor/").status == 303
    service.cookie = ""
    assert service.get("/editor/").status == 303


def test_after_sign_in_no_other_host_is_gone_to(sqlite_service: Service) -> None:
    service = sqlite_service.start()
    service.sign_up()
    for target in ("//evil.example", "https://evil.example/", "/editor//evil", "/\\evil"):
        service.cookie = ""
        form = {"name": "ada", "password": PASSWORD, "next": target}
        answer = service.post("/editor/sign-in", form)
        assert answer.headers["location"] == "/editor/"


def test_every_change_needs_a_token(signed_up: Service) -> None:
    path = signed_up.write()
    for target in (path, "/editor/sign-out", "/editor/sign-in"):
        answer = signed_up.request(
            "POST",
            target,
            b"title=x&action=withdraw&revision=1",
            Content_Type="application/x-www-form-urlencoded",
            Cookie=signed_up.cookie,
        )
        assert answer.status == 400
    assert len(items(signed_up, "/feeds/health.rss")) == 1


def test_a_refused_form_says_what_and_where_and_keeps_what_was_typed(signed_up: Service) -> None:
    typed = {
        "title": "Kept “title” & <more>",
        "summary": "Kept summary",
        "body": "Kept\n\n\nbody\n",
        "author": "Kept author",
        "publish_at": "31/02/2026 10:00",
        "sources": "Kept – https://example.org/",
        "category": "",
        "action": "publish",
    }
    path = signed_up.browse("/editor/new").page.xpath("//main//form/@action")[0]
    answer = signed_up.post(path, typed, page="/editor/new")
    assert answer.status == 422
    kept = {name: answer.field(name) for name in typed if name != "action"}
    assert kept == {name: value for name, value in typed.items() if name != "action"}
    summary = " ".join(answer.page.xpath("//div[@role='alert']")[0].text_content().split())
    assert "Publish at: “31/02/2026 10:00”: February 2026 has no day 31" in summary
    assert "Category: choose a category" in summary
    described = answer.page.get_element_by_id("publish_at").get("aria-describedby")
    assert "February" in answer.page.get_element_by_id(described).text_content()


def test_an_article_sent_after_the_session_ended_is_kept_through_sign_in(
    signed_up: Service,
) -> None:
    path = signed_up.browse("/editor/new").page.xpath("//main//form/@action")[0]
    signed_up.cookie = ""
    answer = signed_up.request(
        "POST",
        path,
        b"title=Kept&body=Every+word&action=publish&csrf_token=old&category=health",
        Content_Type="application/x-www-form-urlencoded",
    )
    assert answer.status == 401
    signed_up._keep_cookie(answer)
    form = answer.page.xpath("//main//form")[0]
    fields = dict(form.form_values()) | {"name": "ada", "password": PASSWORD}
    again = signed_up.request(
        "POST",
        "/editor/sign-in",
        urlencode(fields).encode(),
        Content_Type="application/x-www-form-urlencoded",
        Cookie=signed_up.cookie,
    )
    assert again.status == 200
    assert again.field("body") == "Every word"
    assert again.page.xpath("//main//form/@action") == [path]


def test_two_editors_on_one_article_overwrite_nothing_unknowingly(signed_up: Service) -> None:
    path = signed_up.write(title="Shared")
    page = signed_up.browse(path).page
    stale = dict(page.xpath("//main//form")[0].form_values())
    signed_up.edit(path, body="Hers")
    answer = signed_up.post(path, stale | {"body": "His", "action": "update"}, page=path)
    # post() sends the page's present hidden fields first; the stale revision wins.
    assert answer.status == 409
    assert "In another window you saved this article" in answer.text
    assert "Hers" in answer.text
    assert answer.field("body") == "His"
    (item,) = items(signed_up, "/feeds/health.rss")
    assert "Hers" in (item.findtext(f"{CONTENT}encoded") or "")


def test_publish_pressed_twice_makes_one_article(signed_up: Service) -> None:
    path = signed_up.browse("/editor/new").page.xpath("//main//form/@action")[0]
    typed = {
        "title": "Once",
        "category": "health",
        "body": "x",
        "action": "publish",
        "revision": "0",
    }
    for _ in range(2):
        assert signed_up.post(path, typed, page="/editor/new").status == 303
    assert len(items(signed_up, "/feeds/health.rss")) == 1


def test_hostile_text_reaches_neither_page_nor_feed(signed_up: Service) -> None:
    signed_up.write(
        title="<script>alert(1)</script>",
        body="<script>alert(2)</script><p onclick='x()'>text</p>[link](javascript:alert(3))"
        "<iframe src='https://evil.example'></iframe><style>p{}</style>\x0b",
        author="<img src=x onerror=alert(4)>",
        sources="<b>x</b> javascript:alert(5)",
    )
    for path in ("/", "/articles/script-alert-1-script", "/feeds/health.rss", "/feeds/health.atom"):
        text = signed_up.get(path).text
        assert "<script" not in text.replace("&lt;script", "")
        assert "onclick" not in text
        assert 'href="javascript' not in text
        assert "iframe" not in text
    policy = signed_up.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_a_write_is_durable_when_its_response_is_sent(service: Service) -> None:
    service.set_clock(utc(2026, 1, 21, 18, 30))
    service.start()
    service.sign_up()
    for number in range(3):
        service.write(title=f"Article {number}")
        service.kill()
        service.start()
        titles = [item.findtext("title") for item in items(service, "/feeds/health.rss")]
        assert f"Article {number}" in titles
    assert service.run("check").returncode == 0


def test_sigterm_ends_it_cleanly_within_seconds(service: Service) -> None:
    service.start()
    begun = time.monotonic()
    assert service.stop() == 0
    assert time.monotonic() - begun < 5
    assert "Traceback" not in service.log.read_text()


def test_a_second_start_keeps_the_data(service: Service) -> None:
    service.set_clock(utc(2026, 1, 21, 18, 30))
    service.start()
    service.sign_up()
    service.set_clock(utc(2026, 1, 21, 18, 31))
    service.write(title="Kept")
    before = service.get("/feeds/health.rss")
    service.stop()
    service.start()
    after = service.get("/feeds/health.rss")
    assert after.body == before.body
    assert after.headers["etag"] == before.headers["etag"]
    assert after.headers["last-modified"] == before.headers["last-modified"]


def test_every_worker_serves_a_change_within_half_a_second(
    storage_url: str, tmp_path: Path
) -> None:
    arguments = ("--workers", "3")
    with Service(tmp_path, storage_url, clock=False, arguments=arguments) as service:
        service.start()
        service.sign_up()
        service.write(title="Everywhere")
        time.sleep(0.5)
        seen = [b"Everywhere" in service.get("/feeds/health.rss").body for _ in range(40)]
        assert all(seen)


def test_a_locked_database_keeps_the_form_and_delays_no_poll(tmp_path: Path) -> None:
    with Service(tmp_path, f"sqlite:///{tmp_path}/feedsvc.db") as service:
        service.start()
        service.sign_up()
        path = service.browse("/editor/new").page.xpath("//main//form/@action")[0]
        holder = sqlite3.connect(tmp_path / "feedsvc.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        typed = {"title": "Late", "category": "health", "body": "Kept", "action": "publish"}
        with ThreadPoolExecutor() as pool:
            saving = pool.submit(service.post, path, typed, page="/editor/new")
            while not saving.done():
                begun = time.monotonic()
                assert service.get("/feeds/health.rss").status == 200
                assert time.monotonic() - begun < 1
                time.sleep(0.1)
        answer = saving.result()
        assert answer.status == 503
        assert "held by another writer" in answer.text
        assert answer.field("body") == "Kept"
        holder.execute("ROLLBACK")
        holder.close()
        assert service.post(path, typed, page="/editor/new").status == 303


def test_a_full_disk_keeps_the_form_and_readers_keep_their_feeds(tmp_path: Path) -> None:
    with Service(tmp_path, f"sqlite:///{tmp_path}/feedsvc.db") as service:
        service.start()
        service.sign_up()
        service.write(title="Before")
        service.stop()
        # A limit on the size of files is the nearest to a full disk that needs no
        # root; SIGXFSZ must not end the process that meets it.
        limit = (tmp_path / "feedsvc.db").stat().st_size + 4096
        old = resource.getrlimit(resource.RLIMIT_FSIZE)
        service.log = Path(os.devnull)
        service.output = Path(os.devnull)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, old[1]))
        try:
            service.start()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)
        path = service.browse("/editor/new").page.xpath("//main//form/@action")[0]
        typed = {"title": "Big", "category": "health", "action": "publish"}
        typed["body"] = "word " * 150_000
        answer = service.post(path, typed, page="/editor/new")
        assert answer.status == 503
        assert "Nothing was saved" in answer.text
        assert answer.field("body") == typed["body"]
        assert b"Before" in service.get("/feeds/health.rss").body


def test_a_read_only_database_still_serves_its_feeds(tmp_path: Path) -> None:
    with Service(tmp_path, f"sqlite:///{tmp_path}/feedsvc.db") as service:
        service.start()
        service.sign_up()
        service.write(title="Stored")
        service.stop()
        database = tmp_path / "feedsvc.db"
        database.chmod(0o444)
        # Root may write all the same; this is what stops it.
        chattr = shutil.which("chattr") or "chattr"
        is_root = os.geteuid() == 0
        if is_root and subprocess.run([chattr, "+i", database], check=False).returncode:
            pytest.skip("root writes everything, and this file system cannot forbid it")
        try:
            service.start()
            assert b"Stored" in service.get("/feeds/health.rss").body
            assert service.get("/readyz").status == 503
            assert service.get("/healthz").status == 200
            refused = service.sign_in()
            assert refused.status == 503
            assert "read-only" in refused.text
        finally:
            if is_root:
                subprocess.run([chattr, "-i", database], check=True)


def test_health_and_readiness(sqlite_service: Service) -> None:
    service = sqlite_service.start()
    assert service.get("/healthz").text == "ok\n"
    assert service.get("/readyz").text == "ok\n"


def test_logs_are_one_line_an_event_and_tell_no_secret(signed_up: Service) -> None:
    signed_up.write(title="Logged")
    signed_up.cookie = ""
    signed_up.sign_in(password="a secret guess")
    log = signed_up.log.read_text()
    lines = [line for line in log.splitlines() if line]
    assert all(re.match(r"timestamp=\S+ level=\w+ logger=\S+ event=", line) for line in lines), log
    assert any("event=saved" in line and "action=publish" in line for line in lines)
    token = re.findall(r"/editor/welcome/(\S+)", signed_up.output.read_text())[0]
    for secret in (PASSWORD, "a secret guess", "argon2", token):
        assert secret not in log


def test_the_same_data_gives_the_same_bytes_under_any_zone_and_locale(
    storage_url: str, tmp_path: Path
) -> None:
    seen = []
    for zone, locale in (
        ("UTC", "C"),
        ("America/New_York", "C.UTF-8"),
        ("Asia/Kathmandu", "POSIX"),
    ):
        environment = {"TZ": zone, "LC_ALL": locale, "FEEDSVC_SITE_URL": "https://example.org"}
        with Service(tmp_path, storage_url, environment=environment) as service:
            service.set_clock(utc(2026, 12, 1))
            if not seen:
                service.run("import", *map(str, sorted((ROOT / "data/samples").glob("*.txt"))))
            service.set_clock(utc(2026, 12, 2))
            # Rendered anew, by a process in this zone and locale: the very same bytes.
            assert service.run("regenerate", "--force").stdout == "0 feeds changed\n"
            service.start()
            answers = [service.get(f"/feeds/all.{extension}") for extension in ("rss", "atom")]
            seen.append([(answer.body, answer.headers["etag"]) for answer in answers])
            assert b"<lastBuildDate>Tue, 01 Dec 2026 00:00:0" in answers[0].body
    assert seen[0] == seen[1] == seen[2]
    assert len(seen[0][0][0]) > 10_000


def test_last_modified_is_never_later_than_the_response(signed_up: Service) -> None:
    path = signed_up.write()
    for number in range(4):
        signed_up.edit(path, body=f"Text {number}")
    answer = signed_up.get("/feeds/health.rss")
    # Four changes within one second of the standing clock: the stamp ran ahead.
    assert "last-modified" not in answer.headers
    stale = {"If_Modified_Since": "Wed, 21 Jan 2026 18:30:00 GMT"}
    assert signed_up.get("/feeds/health.rss", **stale).status == 200
    signed_up.set_clock(utc(2026, 1, 21, 18, 31))
    answer = signed_up.get("/feeds/health.rss")
    assert parsedate_to_datetime(answer.headers["last-modified"]) <= utc(2026, 1, 21, 18, 31)


def test_a_service_with_a_faulty_configuration_does_not_start(tmp_path: Path) -> None:
    service = Service(tmp_path, "mysql://x")
    service.config.write_text('[site]\ntitle = 3\n[storage]\nurl = "mysql://x"\n[nothing]\n')
    done = service.run("serve")
    assert done.returncode == 2
    for fault in (
        "site.timezone: is missing",
        "site.title: must be text",
        "storage.url:",
        "nothing:",
    ):
        assert fault in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_it_at_once_without_a_traceback(sqlite_service: Service) -> None:
    for _ in range(4):
        service = sqlite_service.start()
        assert service.process is not None
        # As a terminal does: to every process of the group.
        os.killpg(service.process.pid, signal.SIGINT)
        assert service.process.wait(4) in (0, 130)
        service.process = None
        text = service.log.read_text() + service.output.read_text()
        assert "Traceback" not in text
        assert "Killing" not in text
