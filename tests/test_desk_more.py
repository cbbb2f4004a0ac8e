"""More of the desk, sign-in, pages and commands, as people and readers meet them."""

from __future__ import annotations

import http.client
import re
import sqlite3
import time
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlencode
from uuid import uuid4
from xml.etree import ElementTree

import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from feedsvc.storage import Storage
from feedsvc.timestamps import utc_now
from tests.conftest import utc
from tests.service import FORM, PASSWORD, Answer, Service, form_as_browser


@pytest.fixture
def desk(sqlite_service: Service) -> Service:
    """A running service with an editor signed in."""
    sqlite_service.set_clock(utc(2026, 1, 21, 18, 30))
    sqlite_service.start()
    sqlite_service.sign_up()
    return sqlite_service


def token(answer: Answer) -> str:
    return str(answer.page.xpath("//input[@name='csrf_token']/@value")[0])


def titles(service: Service, path: str) -> list[str]:
    root = ElementTree.fromstring(service.get(path).body)  # noqa: S314
    return [item.findtext("title") or "" for item in root.findall("channel/item")]


def links(service: Service) -> list[str]:
    return re.findall(r"(/editor/welcome/\S+)", service.output.read_text())


def write_articles(folder: Path, number: int) -> list[str]:
    """Files of articles, the first a minute after six, the next a minute later."""
    files = []
    for minute in range(1, number + 1):
        time_text = f"20/01/2026 {6 + minute // 60:02d}:{minute % 60:02d}"
        file = folder / f"article-{minute:03d}"
        file.write_text(f"Health {time_text}\n\nArticle {minute}\n\nA text.\n", "utf-8")
        files.append(str(file))
    return files


# The first account


def test_a_link_is_over_after_a_day(sqlite_service: Service) -> None:
    service = sqlite_service
    service.set_clock(utc(2026, 1, 21, 18))
    service.start()
    link = links(service)[0]
    service.set_clock(utc(2026, 1, 22, 17, 59, 59))
    form = service.browse(link)
    assert form.status == 200
    service.set_clock(utc(2026, 1, 22, 18))
    assert service.get(link).status == 410
    fields = {"csrf_token": token(form), "name": "ada", "password": PASSWORD}
    assert service.send(link, fields).status == 410
    assert service.run("editor", "list").stdout == ""


def test_a_link_is_over_when_a_newer_one_is_printed_or_an_account_was_made_otherwise(
    sqlite_service: Service,
) -> None:
    service = sqlite_service.start()
    service.stop()
    service.start()
    earlier, newer = links(service)
    assert service.get(earlier).status == 410
    form = service.browse(newer)
    assert form.status == 200
    service.run("editor", "add", "grace", input=PASSWORD)
    assert service.get(newer).status == 410
    fields = {"csrf_token": token(form), "name": "ada", "password": PASSWORD}
    assert service.send(newer, fields).status == 410
    assert service.run("editor", "list").stdout == "grace\n"


def test_a_used_link_stays_used_even_when_its_account_is_removed(desk: Service) -> None:
    assert desk.run("editor", "remove", "ada").returncode == 0
    assert desk.get(links(desk)[0]).status == 410


def test_an_account_needs_a_token_a_name_and_a_password_of_some_length(
    sqlite_service: Service,
) -> None:
    service = sqlite_service.start()
    link = links(service)[0]
    assert service.send(link, {"name": "ada", "password": PASSWORD}).status == 400
    for name, password, fault in (
        ("ada", "1234567", "use at least 8 characters"),
        ("ada", "x" * 1001, "use at least 8 characters"),
        ("a" * 101, PASSWORD, "use 1 to 100 characters"),
        (" ", PASSWORD, "use 1 to 100 characters"),
    ):
        answer = service.post(link, {"name": name, "password": password})
        assert answer.status == 422
        assert fault in answer.text
        assert answer.field("name") == name
    assert service.post(link, {"name": "a" * 100, "password": "12345678"}).status == 303


# Sign-in and sessions


def test_failures_count_by_account_and_address_and_only_a_proxy_of_ours_names_the_address(
    tmp_path: Path,
) -> None:
    def guess(service: Service, address: str, password: str = "wrong") -> int:  # noqa: S107
        service.cookie = ""
        form = service.browse("/editor/sign-in")
        fields = {"csrf_token": token(form), "name": "ada", "password": password}
        return service.send("/editor/sign-in", fields, X_Forwarded_For=address).status

    environment = {"FEEDSVC_SERVER_TRUSTED_PROXIES": "127.0.0.1,10.0.0.0/8"}
    url = f"sqlite:///{tmp_path}/feedsvc.db"
    with Service(tmp_path, url, environment=environment) as behind_proxy:
        behind_proxy.set_clock(utc(2026, 1, 21, 18))
        behind_proxy.start()
        behind_proxy.sign_up()
        # What a client writes in front of its own address is not believed.
        for number in range(5):
            assert guess(behind_proxy, f"192.0.2.{number}, 203.0.113.1, 10.0.0.1") == 401
        assert guess(behind_proxy, "203.0.113.1", PASSWORD) == 429
        assert guess(behind_proxy, "203.0.113.2", PASSWORD) == 303
    with Service(tmp_path, url) as alone:
        alone.set_clock(utc(2026, 1, 21, 19))
        alone.start()
        for number in range(5):
            assert guess(alone, f"203.0.113.{number}") == 401
        assert guess(alone, "203.0.113.9", PASSWORD) == 429


def test_who_must_wait_is_told_how_long_and_keeps_the_name_and_the_article(desk: Service) -> None:
    path = f"/editor/entries/{uuid4()}"
    desk.cookie = ""
    kept = {"kept_title": "Kept", "kept_body": "Every word", "kept_also_in": ["a", "b"]}
    for expected in [401] * 5 + [429]:
        fields = {"name": "ada", "password": "wrong", "next": path, **kept}
        answer = desk.post("/editor/sign-in", fields)
        assert answer.status == expected
        form = answer.page.xpath("//main//form")[0]
        assert form.inputs["name"].value == "ada"
        assert ("kept_body", "Every word") in form.form_values()
        assert [value for name, value in form.form_values() if name == "kept_also_in"] == ["a", "b"]
    assert answer.headers["retry-after"] == "900"
    assert "Wait 15 minutes" in answer.text


def test_a_name_with_blanks_around_it_is_the_same_name(desk: Service) -> None:
    desk.cookie = ""
    assert desk.sign_in("  ada ").status == 303


@pytest.mark.parametrize("url", ["http://news.example.org", "https://news.example.org"])
def test_the_cookie_is_for_this_site_alone_and_for_a_fortnight(tmp_path: Path, url: str) -> None:
    environment = {"FEEDSVC_SITE_URL": url}
    database = f"sqlite:///{tmp_path}/feedsvc.db"
    with Service(tmp_path, database, environment=environment) as service:
        service.start()
        service.run("editor", "add", "ada", input=PASSWORD)
        answer = service.sign_in()
        words = answer.headers["set-cookie"].split("; ")
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(words)
        assert ("Secure" in words) == url.startswith("https")
        (until,) = (word for word in words if word.startswith("Expires="))
        left = parsedate_to_datetime(until.removeprefix("Expires=")) - utc_now()
        assert timedelta(days=13, hours=23) < left < timedelta(days=14, hours=1)


def test_a_token_from_before_signing_in_is_worth_nothing_after_it(desk: Service) -> None:
    desk.cookie = ""
    before = token(desk.browse("/editor/sign-in"))
    assert desk.sign_in().status == 303
    assert desk.send("/editor/sign-out", {"csrf_token": before}).status == 400


def test_signing_out_ends_the_session_of_this_browser(desk: Service) -> None:
    assert desk.browse("/editor/").status == 200
    assert desk.post("/editor/sign-out", {}, page="/editor/").status == 303
    assert desk.browse("/editor/").status == 303


def test_nothing_of_the_editors_is_kept_by_a_cache(desk: Service) -> None:
    path = desk.write("save_draft")
    for page in ("/editor/", "/editor/new", path, "/editor/sign-in"):
        answer = desk.browse(page)
        assert (answer.status, answer.headers["cache-control"]) == (200, "no-store"), page


def test_who_is_not_signed_in_sees_and_changes_nothing(desk: Service) -> None:
    path = desk.write(title="Hers")
    desk.cookie = ""
    for page in ("/editor/", "/editor/new", path):
        answer = desk.get(page)
        assert answer.status == 303
        assert answer.headers["location"].endswith(f"?next={page}")
    fields = {"csrf_token": token(desk.browse("/editor/sign-in")), "revision": "1"}
    answer = desk.send(path, {**fields, "title": "His", "body": "x", "action": "withdraw"})
    assert answer.status == 401
    assert "What you wrote is kept" in answer.text
    assert titles(desk, "/feeds/health.rss") == ["Hers"]


def test_a_form_of_an_earlier_session_comes_back_and_can_be_pressed_again(desk: Service) -> None:
    path = desk.write(title="Hers")
    typed = {"title": "Changed", "category": "health", "body": "x", "revision": "1"}
    answer = desk.send(path, {**typed, "csrf_token": "old", "action": "update"})
    assert answer.status == 400
    assert "opened in an earlier session, so nothing was saved" in answer.text
    assert answer.field("title") == "Changed"
    again = {**typed, "csrf_token": token(answer), "action": "update"}
    assert desk.send(path, again).status == 303
    assert titles(desk, "/feeds/health.rss") == ["Changed"]


class TenDaysAgo(TimestampSigner):
    """Signs as it would have signed ten days ago."""

    def get_timestamp(self) -> int:
        return super().get_timestamp() - 10 * 24 * 3600


def test_a_form_left_open_for_days_is_not_refused(desk: Service) -> None:
    path = desk.write(title="Old")
    given = token(desk.browse(path))
    storage = Storage(desk.storage_url, read_only=True)
    with storage.reading() as tx:
        key = tx.settings.get("cookie_key") or ""
    storage.close()
    now, then = (
        URLSafeTimedSerializer(key, salt="wtf-csrf-token", signer=signer)
        for signer in (TimestampSigner, TenDaysAgo)
    )
    old = then.dumps(now.loads(given))
    typed = {"title": "New", "category": "health", "body": "x", "revision": "1"}
    assert desk.send(path, {**typed, "action": "update", "csrf_token": old}).status == 303


# The desk and the form


def test_the_desk_shows_each_state_and_opens_where_there_is_work(desk: Service) -> None:
    def shown(query: str = "") -> tuple[str, list[str]]:
        page = desk.browse(f"/editor/{query}").page
        (tab,) = page.xpath("//nav[@class='tabs']/a[@aria-current='page']/text()")
        return tab, page.xpath("//tbody/tr/td[1]/a/text()")

    assert shown() == ("Drafts (0)", [])
    gone = desk.write(title="Gone")
    assert shown() == ("Published (1)", ["Gone"])
    desk.edit(gone, "withdraw")
    assert shown() == ("Drafts (0)", [])
    assert shown("?state=withdrawn") == ("Withdrawn (1)", ["Gone"])
    desk.write("schedule", title="Later", publish_at="23/01/2026 10:00")
    desk.write("schedule", title="Sooner", publish_at="22/01/2026 10:00")
    assert shown() == ("Scheduled (2)", ["Sooner", "Later"])
    desk.write("save_draft", title="First")
    desk.set_clock(utc(2026, 1, 21, 18, 31))
    desk.write("save_draft", title="Second")
    assert shown() == ("Drafts (2)", ["Second", "First"])
    assert shown("?state=nothing") == ("Drafts (2)", ["Second", "First"])
    assert "Later" not in desk.get("/").text
    assert "Later" not in desk.get("/categories/health").text


def test_long_lists_go_on_on_further_pages(sqlite_service: Service, tmp_path: Path) -> None:
    service = sqlite_service
    service.set_clock(utc(2026, 1, 21, 18))
    assert service.run("import", *write_articles(tmp_path, 51)).returncode == 0
    service.start()
    service.sign_up()
    first = service.browse("/editor/?state=published").page
    second = service.browse(first.xpath("//a[@rel='next']/@href")[0])
    assert [len(page.xpath("//tbody/tr")) for page in (first, second.page)] == [50, 1]
    assert not second.page.xpath("//a[@rel='next']")
    previous = second.page.xpath("//a[@rel='prev']/@href")[0]
    assert len(service.browse(previous).page.xpath("//tbody/tr")) == 50
    for page in ("0", "-1", "x", "²", "9" * 30):
        shown = service.browse(f"/editor/?{urlencode({'page': page})}")
        assert len(shown.page.xpath("//tbody/tr")) == 50, page

    seen: list[str] = []
    address = "/categories/health"
    while address:
        page = service.get(address).page
        here = page.xpath("//article/h2/a/text()")
        assert len(here) <= 20
        seen += here
        address = "".join(page.xpath("//nav[@class='pages']//a[@rel='next']/@href"))
    assert seen == [f"Article {number}" for number in range(51, 0, -1)]
    for number in ("0", "4", "x", "²", "1_0", "9" * 30, "100001"):
        query = urlencode({"page": number})
        assert service.get(f"/categories/health?{query}").status == 404, number
    others = service.get("/articles/article-51").page.xpath("//aside//a//text()")
    assert others == [f"Article {number}" for number in range(50, 45, -1)]


def test_what_was_done_is_said(desk: Service) -> None:
    def said() -> str:
        return str(desk.browse(path).page.xpath("//p[@role='status']")[-1].text_content())

    path = desk.write("save_draft", also_in="science")
    assert said() == "The draft is saved. Readers do not see it."
    desk.edit(path, "schedule", publish_at="22/01/2026 10:00")
    assert said() == (
        "Scheduled: it will be in the feeds of Health and Science"
        " on 22/01/2026 10:00 CET (09:00 UTC)."
    )
    desk.edit(path, "publish", publish_at="")
    assert said() == "Published. It is in the feeds of Health and Science now."
    desk.edit(path, "update", told="update", body="News")
    assert said() == "Updated. Readers are shown that it changed."
    desk.edit(path, "update", body="Other words")
    assert said() == "Corrected. Readers are not told, but see it as it is now."
    desk.edit(path, "update")
    assert said() == "Nothing was changed, so nothing was saved."
    desk.edit(path, "update", category="science", slug="new", publish_at="20/01/2026 10:00")
    assert said() == (
        "Corrected. Readers are not told, but see it as it is now. It is in the feeds of Science."
        " Its date is 20/01/2026 10:00 CET (09:00 UTC) now. Its address is /articles/new now;"
        " the old one goes on working."
    )
    desk.edit(path, "withdraw")
    assert said() == "Withdrawn. It is in no feed and on no page any more."


def test_withdraw_asks_nothing_of_the_other_fields(desk: Service) -> None:
    path = desk.write()
    answer = desk.edit(path, "withdraw", publish_at="31/02/2026 10:00", category="gone", title="")
    # It is done; what was typed beside it comes back.
    assert (answer.status, answer.field("publish_at")) == (200, "31/02/2026 10:00")
    assert "Withdrawn." in answer.text
    assert titles(desk, "/feeds/health.rss") == []


def test_after_a_conflict_a_second_press_is_a_choice(desk: Service) -> None:
    path = desk.write(title="Shared")
    desk.edit(path, body="Hers")
    his = {"title": "Shared", "category": "health", "body": "His", "action": "update"}
    answer = desk.post(path, {**his, "revision": "1"}, page=path)
    assert answer.status == 409
    assert "Hers" in answer.page.xpath("//section[@class='rival']//pre")[0].text
    again = dict(answer.page.xpath("//main//form")[0].form_values())
    assert desk.send(path, {**again, "action": "update"}).status == 303
    assert desk.browse(path).field("body") == "His"


def test_a_form_without_a_button_does_nothing(desk: Service) -> None:
    path = desk.write(title="Stays")
    for action in ("", "import", "correct"):
        answer = desk.edit(path, action, title="Changed")
        assert answer.status == 400
        assert "which button was pressed" in answer.text
        assert answer.field("title") == "Changed"
    assert titles(desk, "/feeds/health.rss") == ["Stays"]
    # The address of a form that was refused, and so never stored.
    assert desk.browse(f"/editor/entries/{uuid4()}").field("title") == ""


def test_a_draft_is_discarded_and_taken_up_again(desk: Service) -> None:
    path = desk.write("save_draft", title="Begun by mistake", body="A text.")
    assert "Discarded" not in desk.browse("/editor/").text
    answer = desk.edit(path, "discard", title="Typed beside")
    # What was typed beside the button is not lost with it.
    assert (answer.status, answer.field("title")) == (200, "Typed beside")
    assert "not saved yet" in answer.text
    shown = desk.browse("/editor/?state=discarded")
    assert "Discarded (1)" in shown.text
    assert "Begun by mistake" in shown.text
    assert "Begun by mistake" not in desk.browse("/editor/?state=draft").page.text_content()
    assert "Draft, discarded 21/01/2026 19:30 CET" in desk.browse(path).text
    assert desk.edit(path, "publish").status == 422
    assert desk.edit(path, "restore").status == 303
    assert "It is a draft again." in desk.browse(path).text
    assert desk.browse(path).field("title") == "Begun by mistake"
    assert desk.edit(path, "publish").status == 303
    assert "Begun by mistake" in desk.get("/feeds/health.rss").text


def test_a_withdrawn_article_takes_no_change(desk: Service) -> None:
    path = desk.write()
    desk.edit(path, "withdraw")
    fields = {"title": "Back", "category": "health", "body": "x", "revision": "2"}
    fields["told"] = "update"
    for action in ("publish", "update", "save_draft", "withdraw"):
        answer = desk.post(path, {**fields, "action": action}, page=path)
        assert answer.status == 422, action
        assert "this article is withdrawn" in answer.text
    assert titles(desk, "/feeds/all.rss") == []


# Pages, health, errors


def test_every_page_tells_browsers_to_be_careful(desk: Service) -> None:
    desk.write()
    for path in ("/", "/articles/a-title", "/editor/sign-in", "/nothing", "/static/style.css"):
        headers = desk.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "strict-origin-when-cross-origin"
        for rule in ("form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
            assert rule in headers["content-security-policy"]


def test_a_request_that_cannot_be_served_says_why(desk: Service) -> None:
    refused = desk.request("POST", "/articles/x", b"")
    assert refused.status in (400, 405)
    refused = desk.request("PUT", "/", b"")
    assert refused.status == 405
    assert "GET" in refused.headers["allow"]
    assert "Not in this way" in refused.text
    connection = http.client.HTTPConnection("127.0.0.1", desk.port, timeout=30)
    connection.putrequest("POST", "/editor/sign-in")
    connection.putheader("Content-Type", FORM)
    connection.putheader("Content-Length", "14000001")
    connection.endheaders()
    with connection.getresponse() as large:
        assert large.status == 413
        assert b"A form takes at most 14 MB" in large.read()
    connection.close()


def test_pages_show_the_time_of_the_sites_zone(tmp_path: Path) -> None:
    for number, (zone, shown) in enumerate(
        (
            ("Europe/Rome", "21 January 2026, 19:30 CET"),
            ("America/Sao_Paulo", "21 January 2026, 15:30 UTC-0300"),
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        with Service(folder, f"sqlite:///{folder}/feedsvc.db", zone=zone) as service:
            service.set_clock(utc(2026, 1, 21, 18, 30))
            service.start()
            service.sign_up()
            service.write()
            for path in ("/", "/articles/a-title"):
                time_element = service.get(path).page.xpath("//time")[0]
                assert time_element.text == shown
                assert time_element.get("datetime") == "2026-01-21T18:30:00Z"


def test_readiness_is_tried_every_five_seconds_whichever_way_the_clock_goes(
    desk: Service,
) -> None:
    def ready_at(second: int) -> tuple[int, str]:
        desk.set_clock(utc(2026, 1, 21, 18, 40, second))
        answer = desk.get("/readyz")
        assert answer.headers["cache-control"] == "no-store"
        return answer.status, answer.text

    assert ready_at(20) == (200, "ok\n")
    holder = sqlite3.connect(desk.folder / "feedsvc.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert ready_at(24) == (200, "ok\n")
    status, text = ready_at(25)
    assert status == 503
    assert "held by another writer" in text
    refused = desk.sign_in()
    assert (refused.status, refused.headers["retry-after"]) == (503, "5")
    assert "Not now" in refused.text
    holder.execute("ROLLBACK")
    holder.close()
    assert ready_at(29)[0] == 503
    assert ready_at(10) == (200, "ok\n")


def test_without_documents_it_is_not_healthy(sqlite_service: Service) -> None:
    service = sqlite_service
    service.run("migrate")
    with sqlite3.connect(service.folder / "feedsvc.db") as database:
        database.execute("DELETE FROM documents")
    database.close()
    service.start()
    answer = service.get("/healthz")
    assert (answer.status, answer.text) == (503, "no feed documents yet\n")


def test_a_tick_that_fails_is_reported_once_until_it_goes_well_again(desk: Service) -> None:
    database = sqlite3.connect(desk.folder / "feedsvc.db", isolation_level=None)
    database.execute("ALTER TABLE changes RENAME TO away")
    time.sleep(1.2)
    database.execute("ALTER TABLE away RENAME TO changes")
    database.close()
    time.sleep(0.8)
    log = desk.log.read_text()
    assert log.count('event="tick not done"') + log.count("event='tick not done'") == 1, log
    assert "tick works again" in log


def test_a_held_database_delays_what_is_due_and_is_one_line_in_the_log(desk: Service) -> None:
    desk.write("schedule", title="Due", publish_at="21/01/2026 19:31")
    holder = sqlite3.connect(desk.folder / "feedsvc.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    desk.set_clock(utc(2026, 1, 21, 18, 31))
    time.sleep(6)
    holder.execute("ROLLBACK")
    holder.close()
    deadline = time.monotonic() + 5
    while titles(desk, "/feeds/health.rss") != ["Due"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    log = desk.log.read_text()
    assert log.count("tick not done") == 1
    assert "Traceback" not in log


def test_a_form_that_is_not_utf_8_is_refused_and_comes_back(sqlite_service: Service) -> None:
    service = sqlite_service.start()
    service.sign_up()
    page = service.browse("/editor/new")
    path = page.page.xpath("//main//form/@action")[0]
    fields = form_as_browser(page) | {"title": "Kept", "category": "gone", "action": "publish"}
    fields.pop("body")
    body = f"{urlencode(fields, doseq=True)}&body=%ff%c3%28 is what came".encode()
    answer = service.request("POST", path, body, Content_Type=FORM, Cookie=service.cookie)
    assert answer.status == 400
    assert "not text in UTF-8" in answer.text
    assert answer.field("title") == "Kept"
    # Of a category that is not there any more the form shows what was chosen.
    assert answer.field("category") == "gone"
    assert answer.field("body") == "%FF%C3( is what came"
    assert "Kept" not in service.get("/").text
