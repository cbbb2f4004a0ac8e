"""What strangers send, and what happens beside the service, harms nobody."""

from __future__ import annotations

import socket
import stat
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from feedsvc.errors import StorageError
from feedsvc.model import Category
from feedsvc.publishing import Action, Draft, Publisher, find_faults
from feedsvc.rendering import entry_html
from feedsvc.storage import Storage
from feedsvc.web import accounts
from feedsvc.web.polls import _digests, _parsed_http_date, _remembered, negotiate
from tests.builders import SITE, make_entry
from tests.conftest import utc
from tests.service import PASSWORD, Answer, Service
from tests.test_front import ask

FORM = "application/x-www-form-urlencoded"
NOW = utc(2026, 1, 21, 18, 30)


@pytest.fixture
def desk(sqlite_service: Service) -> Service:
    sqlite_service.set_clock(NOW)
    sqlite_service.start()
    sqlite_service.sign_up()
    return sqlite_service


def send(service: Service, path: str, fields: Mapping[str, object], **headers: str) -> Answer:
    """POST exactly these fields."""
    body = urlencode(fields, doseq=True).encode()
    cookie = {"Cookie": service.cookie} if service.cookie else {}
    return service.request("POST", path, body, Content_Type=FORM, **cookie, **headers)


def token(answer: Answer) -> str:
    return str(answer.page.xpath("//input[@name='csrf_token']/@value")[0])


# Categories in any letters


@pytest.mark.parametrize(
    ("name", "other"), [("Économie", "économie"), ("Здоровье", "ЗДОРОВЬЕ"), ("Straße", "STRASSE")]
)
def test_a_name_in_other_letters_is_the_same_category(
    publisher: Publisher, name: str, other: str
) -> None:
    first = publisher.category_called(name, NOW)
    for again in (name, other, f" {name} "):
        assert publisher.category_called(again, NOW).id == first.id
    with publisher.storage.reading() as tx:
        assert len(tx.feeds.categories()) == 1


def test_many_who_make_one_category_at_once_make_one(publisher: Publisher) -> None:
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: publisher.ensure_category("New one", NOW), range(6)))
    assert {category.slug for category in made} == {"new-one"}


def test_a_thousand_articles_of_one_title_all_have_an_address(
    publisher: Publisher, storage: Storage
) -> None:
    weather = publisher.ensure_category("Weather", NOW)
    draft = Draft(title="Weather", categories=(weather,), body="Rain.")
    slugs = set()
    for number in range(30):
        entry, _ = publisher.import_entry(draft, f"text:{number}", NOW)
        slugs.add(entry.slug)
    assert len(slugs) == 30
    assert {"weather", "weather-2", "weather-20"} <= slugs


# Requests meant to harm


def test_a_form_of_a_million_fields_is_refused_before_it_is_read(desk: Service) -> None:
    for path in ("/editor/sign-in", f"/editor/entries/{uuid4()}"):
        answer = desk.request("POST", path, b"a&" * 2_000_000, Content_Type=FORM)
        assert answer.status == 413
    assert desk.request("POST", "/editor/sign-out", b"a" * 70_000, Content_Type=FORM).status == 413


def test_headers_that_strangers_choose_are_not_kept() -> None:
    before = [one.cache_info().currsize for one in (_digests, _parsed_http_date, _remembered)]
    long = "x" * 100_000
    assert ask(if_none_match=f'"{long}"').status == "200 OK"
    assert ask(if_modified_since=long).status == "200 OK"
    assert negotiate(f"gzip, {long}", ("gzip", "identity")) == "gzip"
    after = [one.cache_info().currsize for one in (_digests, _parsed_http_date, _remembered)]
    assert after == before


@pytest.mark.parametrize(
    "path",
    [
        "/?page=0000001" + "9" * 20,
        "/?page=" + "9" * 5000,
        "/?page=0",
        "/articles/%00",
        "/categories/a%00b",
        "/articles/%ff%fe",
    ],
)
def test_addresses_that_lead_nowhere_are_404(service: Service, path: str) -> None:
    service.set_clock(NOW)
    service.start()
    assert service.get(path).status == 404
    assert "Traceback" not in service.log.read_text()


def test_going_on_after_sign_in_ends_no_header(desk: Service) -> None:
    desk.cookie = ""
    for target in ("/editor/\r\nSet-Cookie: a=b", "/editor/\x00", "/editor/" + "é"):
        page = desk.browse("/editor/sign-in")
        fields = {"csrf_token": token(page), "name": "ada", "password": PASSWORD, "next": target}
        answer = send(desk, "/editor/sign-in", fields)
        assert (answer.status, answer.headers["location"]) == (303, "/editor/")


def test_another_site_lays_no_words_into_an_editors_form(desk: Service) -> None:
    path = desk.write(title="Ours")
    fields = {"title": "BUY COINS", "body": "Spam", "category": "health", "revision": "1"}
    desk.cookie = ""
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site", "Origin": "https://other.example.org"},
    ):
        answer = send(desk, path, fields, **headers)
        assert answer.status == 400
        assert "BUY COINS" not in answer.text
    own = {"Origin": f"http://127.0.0.1:{desk.port}", "Sec_Fetch_Site": "same-origin"}
    assert "BUY COINS" in send(desk, path, fields, **own).text


@pytest.mark.parametrize("address", ["http:page", "https:/page", "HTTP:\\\\page", "http:///x"])
def test_half_an_address_is_none(address: str) -> None:
    entry = make_entry(body=f'<a href="{address}">x</a> <img src="{address}">', sources=())
    html = entry_html(entry, SITE)
    assert "href" not in html
    assert "src" not in html


def test_html_nested_too_deep_is_refused_at_once() -> None:
    deep = Draft(title="t", categories=(Category("a", "A"),), body="<div>" * 40_000)
    assert "deep" in find_faults(deep, Action.PUBLISH)["body"]
    flat = Draft(title="t", categories=(Category("a", "A"),), body="<b>x</b><br><p>y" * 10_000)
    assert find_faults(flat, Action.PUBLISH) == {}


# What was typed


def test_two_tabs_after_the_session_ended_both_keep_their_text(desk: Service) -> None:
    first, second = f"/editor/entries/{uuid4()}", f"/editor/entries/{uuid4()}"
    cookie, desk.cookie = desk.cookie, ""
    tabs = [send(desk, path, {"title": f"Text of {path}"}) for path in (first, second)]
    assert [tab.status for tab in tabs] == [401, 401]
    tokens = [token(desk.browse("/editor/sign-in"))] * 2
    fields = {"name": "ada", "password": PASSWORD, "next": first, "kept_title": "Of the first"}
    assert "Of the first" in send(desk, "/editor/sign-in", {**fields, "csrf_token": tokens[0]}).text
    desk.cookie = cookie
    fields = {"name": "ada", "password": PASSWORD, "next": second, "kept_title": "Of the second"}
    resumed = send(desk, "/editor/sign-in", {**fields, "csrf_token": tokens[1]})
    assert resumed.status == 200
    assert resumed.field("title") == "Of the second"
    assert resumed.page.xpath("//main//form/@action") == [second]


@pytest.mark.parametrize(
    ("fields", "status"), [({"revision": "7", "action": "update"}, 404), ({}, 400)]
)
def test_a_form_that_can_do_nothing_comes_back_as_it_was_typed(
    desk: Service, fields: dict[str, str], status: int
) -> None:
    path = f"/editor/entries/{uuid4()}"
    page = desk.browse("/editor/new")
    typed = {"csrf_token": token(page), "title": "Kept", "body": "Words.", "category": "health"}
    answer = send(desk, path, typed | fields)
    assert answer.status == status
    assert (answer.field("title"), answer.field("body")) == ("Kept", "Words.")


def test_a_title_taken_back_before_anybody_saw_it_is_told_by_no_address(desk: Service) -> None:
    path = desk.write("schedule", title="Secret merger", publish_at="21/01/2027 19:13")
    desk.edit(path, "save_draft", title="Lunch menu", publish_at="")
    desk.edit(path, "publish")
    assert desk.get("/articles/lunch-menu").status == 200
    assert desk.get("/articles/secret-merger").status == 404


def test_a_category_is_asked_for_where_only_further_ones_are_ticked(desk: Service) -> None:
    path = desk.browse("/editor/new").page.xpath("//main//form/@action")[0]
    typed = {"title": "t", "body": "b", "category": "", "also_in": ["science"]}
    answer = desk.post(path, typed | {"action": "publish"}, page="/editor/new")
    assert answer.status == 422
    assert "choose the one it belongs to first" in answer.text


# Secrets


def test_the_database_and_its_copies_are_for_their_owner_alone(desk: Service) -> None:
    desk.write()
    assert desk.run("backup", str(desk.folder / "copy.db")).returncode == 0
    found = [*desk.folder.glob("feedsvc.db*"), desk.folder / "copy.db"]
    assert len(found) >= 2
    assert {stat.S_IMODE(file.stat().st_mode) for file in found} == {0o600}


def test_no_log_line_holds_a_one_time_link(sqlite_service: Service) -> None:
    sqlite_service.start()
    database = sqlite_service.folder / "feedsvc.db"
    away = database.with_suffix(".away")
    database.rename(away)
    database.mkdir()
    answer = sqlite_service.get("/editor/welcome/secret-token")
    assert answer.status in (410, 503)
    assert "secret-token" not in sqlite_service.log.read_text()
    database.rmdir()
    away.rename(database)


def test_one_customer_of_ipv6_is_one_guesser(storage: Storage) -> None:
    with storage.writing() as tx:
        tx.editors.add("ada", accounts.hash_password(PASSWORD), NOW)
    for number in range(5):
        accounts.sign_in(storage, "ada", "wrong", f"2001:db8::{number}", NOW)
    with pytest.raises(accounts.Throttled):
        accounts.sign_in(storage, "ada", "wrong", "2001:db8::99", NOW)
    assert accounts.sign_in(storage, "ada", PASSWORD, "2001:db8:1::99", NOW)


def test_guesses_at_one_moment_are_counted_on_either_engine(storage: Storage) -> None:
    gate = threading.Barrier(10)

    def guess(_: int) -> bool:
        gate.wait()
        try:
            accounts.sign_in(storage, "ada", "wrong", "192.0.2.1", NOW)
        except (accounts.Throttled, StorageError):
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(guess, range(10))) <= 5


# Beside the service


def test_commands_with_other_settings_rewrite_no_feed(desk: Service) -> None:
    desk.write()
    before = desk.get("/feeds/all.rss")
    desk.environment["FEEDSVC_SITE_URL"] = "https://elsewhere.example.org"
    desk.environment["FEEDSVC_SITE_TITLE"] = "Elsewhere"
    file = desk.folder / "article.txt"
    file.write_text("Health 21/01/2026 19:00\n\nImported\n\nText.\n", "utf-8")
    for words in (("editor", "list"), ("check",), ("regenerate",), ("regenerate", "--force")):
        assert desk.run(*words).returncode == 0
        assert desk.get("/feeds/all.rss").body == before.body
    done = desk.run("import", str(file))
    assert "the service was started with another setting" in done.stderr
    answer = desk.get("/feeds/all.rss")
    assert b"Imported" in answer.body
    assert b"lsewhere" not in answer.body


def test_a_second_service_on_the_same_port_does_not_start(desk: Service, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    second = Service(elsewhere, f"sqlite:///{elsewhere}/feedsvc.db")
    second.environment["FEEDSVC_SERVER_PORT"] = str(desk.port)
    done = second.run("serve")
    assert done.returncode == 1
    assert f"port {desk.port} of 127.0.0.1 is taken by another program" in done.stderr
    assert "Traceback" not in done.stderr
    assert "is served on" not in done.stdout
    assert not (elsewhere / "feedsvc.db").exists()


@pytest.mark.parametrize("host", ["999.1.1.1", "no host", "203.0.113.1"])
def test_a_host_to_listen_on_that_is_none_is_named(tmp_path: Path, host: str) -> None:
    service = Service(tmp_path, f"sqlite:///{tmp_path}/feedsvc.db")
    done = service.run("serve", "--host", host)
    assert done.returncode == 1
    assert host in done.stderr
    assert "Traceback" not in done.stderr


def test_a_host_may_have_a_name(tmp_path: Path) -> None:
    environment = {"FEEDSVC_SERVER_HOST": "localhost"}
    url = f"sqlite:///{tmp_path}/feedsvc.db"
    with Service(tmp_path, url, environment=environment) as service:
        service.start()
        assert f"http://localhost:{service.port}/" in service.output.read_text()


@pytest.mark.parametrize(
    "url", ["postgresql://u:p@h:abc/db", "sqlite:///", "postgresql:/x", "mysql://h/x"]
)
def test_an_address_of_a_database_that_is_none_is_a_fault_of_the_configuration(
    tmp_path: Path, url: str
) -> None:
    done = Service(tmp_path, url).run("check")
    assert done.returncode == 2
    assert "storage.url: " in done.stderr


def test_what_a_cluster_sets_beside_a_service_of_our_name_is_not_ours(tmp_path: Path) -> None:
    service = Service(tmp_path, f"sqlite:///{tmp_path}/feedsvc.db")
    for name in ("SERVICE_HOST", "SERVICE_PORT", "PORT", "PORT_8000_TCP_ADDR", "SERVICE_PORT_HTTP"):
        service.environment[f"FEEDSVC_{name}"] = "x"
    assert service.run("migrate").returncode == 0


def test_one_bad_file_of_a_batch_stops_no_other(idle_batch: Service) -> None:
    folder = idle_batch.folder
    texts = {
        "early.txt": "\n\nHealth 01/01/1000 00:10\n\nEarly\n\nText.\n",
        "name.txt": f"{'x' * 300} 21/01/2026 19:13\n\nLong name\n\nText.\n",
        "title.txt": f"Health 21/01/2026 19:13\n\n{'word ' * 150}\n\nText.\n",
        "good.txt": "Health 21/01/2026 19:13\n\nGood\n\nText.\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    for dry in ((), ("--dry-run",)):
        done = idle_batch.run("import", *dry, *(str(folder / name) for name in texts))
        assert done.returncode == 1
        assert f"{folder}/early.txt:3: 01/01/1000 00:10 is outside the years" in done.stderr
        assert f"{folder}/title.txt: title: at most 500 characters" in done.stderr
        assert "Good" in done.stdout
        assert "Traceback" not in done.stderr
    assert "at most 100 characters" in idle_batch.run("import", str(folder / "name.txt")).stderr


@pytest.fixture
def idle_batch(storage_url: str, tmp_path: Path) -> Service:
    made = Service(tmp_path, storage_url)
    made.set_clock(NOW)
    return made


def test_services_that_start_at_once_share_one_key(storage_url: str) -> None:
    from feedsvc import app
    from feedsvc.config import load

    environ = {"FEEDSVC_SITE_TIMEZONE": "Europe/Rome", "FEEDSVC_STORAGE_URL": storage_url}
    config = load(None, environ)
    gate = threading.Barrier(4)

    def start(_: int) -> str:
        storage = Storage(storage_url)
        gate.wait()
        app.prepare(config, storage, NOW, serving=True)
        with storage.reading() as tx:
            key = tx.settings.get("cookie_key")
        storage.close()
        return key or ""

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(start, range(4)))) == 1


def test_a_feed_changes_when_its_lock_was_had_and_not_when_it_was_asked_for(
    storage: Storage,
) -> None:
    """A reader that asked in between was answered with the old feed."""
    from feedsvc.model import Window

    publisher = Publisher(storage, SITE, Window(), clock=lambda: NOW.replace(second=5))
    health = publisher.ensure_category("Health", NOW)
    publisher.regenerate_due(NOW)
    draft = Draft(title="t", categories=(health,), body="b")
    publisher.save_entry(draft, Action.PUBLISH, NOW, id=f"urn:uuid:{uuid4()}", expected_revision=0)
    with storage.reading() as tx:
        assert tx.feeds.feed("health").updated >= NOW.replace(second=5)


def test_a_port_that_only_lingers_is_free(tmp_path: Path) -> None:
    """Connections of a service that has ended do not stop the next one."""
    with Service(tmp_path, f"sqlite:///{tmp_path}/feedsvc.db") as service:
        service.start()
        with socket.create_connection(("127.0.0.1", service.port)) as held:
            held.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            held.recv(100)
            service.stop()
        service.start()
        assert service.get("/healthz").status == 200
