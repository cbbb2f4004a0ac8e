"""Roles, sessions, and what administrators do with the accounts of others."""

from __future__ import annotations

import sqlite3
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface

from feedsvc.errors import InvalidEntry
from feedsvc.model import Role
from feedsvc.storage import LookedFor, Purpose, Storage
from feedsvc.web import accounts, categories
from feedsvc.web.sessions import browser_named
from tests.conftest import utc
from tests.contract import InProcess
from tests.service import PASSWORD, Answer, Service, form_as_browser

NOW = utc(2026, 1, 21, 18, 30)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def desk(in_process: InProcess) -> InProcess:
    return in_process


def add(desk: InProcess, name: str, role: Role = Role.EDITOR) -> int:
    with desk.workers[0].storage.writing() as tx:
        return tx.editors.add(name, accounts.hash_password(PASSWORD), NOW, role).id


def number_of(desk: InProcess, name: str) -> int:
    with desk.workers[0].storage.reading() as tx:
        found = tx.editors.named(name)
    assert found is not None
    return found.id


def as_who(desk: InProcess, name: str, password: str = PASSWORD) -> str:
    """The cookie of that one, signed in in a browser of its own."""
    kept, desk.cookie = desk.cookie, ""
    assert desk.sign_in(name, password).status == 303
    cookie, desk.cookie = desk.cookie, kept
    return cookie


def is_signed_in(desk: InProcess, cookie: str) -> bool:
    return desk.get("/editor/", Cookie=cookie).status == 200


def do(desk: InProcess, number: int, act: str, **fields: str) -> Answer:
    path = f"/editor/accounts/{number}/{act}"
    page = path if act == "remove" else f"/editor/accounts/{number}"
    return desk.post(path, fields, page=page)


def link_in(answer: Answer) -> str:
    [link] = answer.page.xpath("//code[@class='secret']/text()")
    return str(link).removeprefix("http://127.0.0.1:8000").partition("/editor/welcome/")[2]


# Roles


def test_a_command_leaves_an_administrator_and_a_line_in_the_log(desk: InProcess) -> None:
    add(desk, "grace")
    refused = Service.run(desk, "editor", "remove", "ada")
    assert refused.returncode == 1
    assert "ada is the last administrator" in refused.stderr
    assert Service.run(desk, "editor", "remove", "grace").returncode == 0
    with desk.workers[0].storage.reading() as tx:
        found, _ = tx.audit.latest(LookedFor(kind="account"), limit=1)
    assert [(one.who, one.action, one.subject) for one in found] == [
        ("", "account.removed.by-command", "grace")
    ]
    assert "account removed, from the command line" in desk.browse("/editor/log").text


def test_pages_of_administrators_are_for_them(desk: InProcess) -> None:
    number = add(desk, "grace")
    assert "Accounts" in desk.browse("/editor/").text
    desk.cookie = as_who(desk, "grace")
    assert "Accounts" not in desk.browse("/editor/").text
    for path in ("/editor/accounts", f"/editor/accounts/{number}", "/editor/log"):
        answer = desk.browse(path)
        assert (answer.status, "For administrators" in answer.text) == (403, True)
    token = desk.browse("/editor/account").page.xpath("//input[@name='csrf_token']/@value")[0]
    role = {"csrf_token": token, "role": "administrator"}
    assert desk.send(f"/editor/accounts/{number}/role", role).status == 403
    assert desk.send("/editor/accounts/invite", role).status == 403
    desk.cookie = ""
    assert desk.browse("/editor/accounts").headers["location"].endswith("next=/editor/accounts")


def test_a_form_for_administrators_comes_back_to_them_alone(
    desk: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(categories.add_category, "is_for_administrators", True, raising=False)
    add(desk, "grace")
    typed = {"name": "Typed"}
    for name, status in (("ada", 200), ("grace", 303)):
        desk.cookie = ""
        ended = form_as_browser(desk.send("/editor/categories", typed))
        answer = desk.send("/editor/sign-in", ended | {"name": name, "password": PASSWORD})
        assert answer.status == status
    refused = desk.send("/editor/categories", typed | {"csrf_token": "x"})
    assert (refused.status, "Typed" in refused.text) == (400, False)


def test_a_password_goes_into_no_page_when_the_session_has_ended(desk: InProcess) -> None:
    desk.cookie = ""
    for path in ("/editor/account/password", "/editor/account/second-factor/off"):
        token = desk.browse("/editor/sign-in").field("csrf_token")
        answer = desk.send(path, {"csrf_token": token, "password": PASSWORD, "code": "123456"})
        assert (answer.status, answer.field("next")) == (401, "/editor/")
        assert PASSWORD not in answer.text
        assert "123456" not in answer.text


# Sessions


def test_sessions_are_listed_and_end_alone(desk: InProcess) -> None:
    kept, desk.cookie = desk.cookie, ""
    page = desk.browse("/editor/sign-in").page
    token = page.xpath("//input[@name='csrf_token']/@value")[0]
    who = {"csrf_token": token, "name": "ada", "password": PASSWORD}
    desk.send("/editor/sign-in", who, User_Agent=FIREFOX)
    other, desk.cookie = desk.cookie, kept
    shown = desk.browse("/editor/account")
    listed = shown.page.xpath("//ul[@class='sessions']/li")
    assert "Firefox on Linux" in shown.text
    assert ["this one" in one.text_content() for one in listed] == [False, True]
    [path] = shown.page.xpath("//ul[@class='sessions']//form/@action")
    assert desk.post(path, {}, page="/editor/account").status == 303
    assert not is_signed_in(desk, other)
    assert is_signed_in(desk, kept)
    # Not that of another editor.
    add(desk, "grace")
    grace = as_who(desk, "grace")
    number = 1 + int(path.split("/")[-2])
    token = {"csrf_token": desk.browse("/editor/account").field("csrf_token")}
    desk.send(f"/editor/account/sessions/{number}/end", token)
    desk.send(f"/editor/account/sessions/{2**70}/end", token)
    assert is_signed_in(desk, grace)


def test_a_session_ends_where_it_is_signed_out_or_not_used(desk: InProcess) -> None:
    left = desk.cookie
    desk.post("/editor/sign-out", {}, page="/editor/")
    # Also for whoever copied the cookie.
    assert not is_signed_in(desk, left)
    desk.cookie = ""
    used, idle = as_who(desk, "ada"), as_who(desk, "ada")
    desk.set_clock(NOW + timedelta(days=13))
    assert is_signed_in(desk, used)
    desk.set_clock(NOW + timedelta(days=14))
    assert is_signed_in(desk, used)
    assert not is_signed_in(desk, idle)
    as_who(desk, "ada")
    with desk.workers[0].storage.reading() as tx:
        ask = tx.settings._connection.exec_driver_sql
        assert ask("SELECT count(*) FROM sessions").scalar_one() == 2


def test_a_page_waits_for_no_writer_and_writes_seldom(desk: InProcess) -> None:
    database = desk.folder / "feedsvc.db"

    def seen() -> str:
        with sqlite3.connect(database) as connection:
            return str(connection.execute("SELECT max(seen_at) FROM sessions").fetchone()[0])

    first = seen()
    desk.set_clock(NOW + timedelta(minutes=4))
    assert is_signed_in(desk, desk.cookie)
    assert seen() == first
    desk.set_clock(NOW + timedelta(minutes=6))
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    assert is_signed_in(desk, desk.cookie)
    assert time.monotonic() - began < 2
    assert seen() == first
    holder.execute("ROLLBACK")
    holder.close()
    desk.workers[0].storage.read_only = True
    assert is_signed_in(desk, desk.cookie)
    assert seen() == first
    desk.workers[0].storage.read_only = False
    assert is_signed_in(desk, desk.cookie)
    assert seen() == "2026-01-21T18:36:00Z"


def test_of_a_token_only_a_digest_is_stored(desk: InProcess) -> None:
    with desk.workers[0].storage.reading() as tx:
        ask = tx.settings._connection.exec_driver_sql
        digest = ask("SELECT token_digest FROM sessions").scalar_one()
        key = ask("SELECT value FROM settings WHERE name = 'cookie_key'").scalar_one()
    app = Flask("reader")
    app.secret_key = key
    reader = SecureCookieSessionInterface().get_signing_serializer(app)
    assert reader is not None
    token = reader.loads(desk.cookie.partition("=")[2])["session"]
    assert accounts.digest("session", token) == digest
    for file in desk.folder.glob("feedsvc.db*"):
        assert token.encode() not in file.read_bytes()
    # Of the kind that there was before, and one that is nobody's.
    for other in ({"editor": 1, "stamp": "x"}, {"session": "x"}, {"session": 1}):
        assert not is_signed_in(desk, f"feedsvc_session={reader.dumps(other)}")


def test_of_very_many_sessions_the_oldest_end(storage: Storage) -> None:
    with storage.writing() as tx:
        ada = tx.editors.add("ada", "hash", NOW)
        for number in range(103):
            at = NOW + timedelta(seconds=number)
            tx.sessions.begin(ada.id, f"{number}", at, address="", user_agent="x" * 999)
        found = tx.sessions.of_editor(ada.id, NOW)
        assert len(found) == 100
        assert tx.sessions.find("2", NOW - timedelta(1)) is None
        assert tx.sessions.find("3", NOW - timedelta(1)) is not None
        # The account has another password than the one that was verified.
        tx.editors.set_password_hash("ada", "another")
        assert not tx.editors.note_signed_in(ada, NOW)
        assert tx.sessions.of_editor(ada.id, NOW) == []


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
            " Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15"
            " (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        ("curl/8.5.0", "curl"),
        ("NewsClip/2.1", "NewsClip"),
        ("<script>", "an unknown browser"),
        ("", "an unknown browser"),
    ],
)
def test_browsers_have_plain_names(user_agent: str, name: str) -> None:
    assert browser_named(user_agent) == name


# What administrators do


def test_somebody_invited_chooses_a_name_once(desk: InProcess) -> None:
    answer = desk.post("/editor/accounts/invite", {"role": "editor"}, page="/editor/accounts")
    token = link_in(answer)
    for file in desk.folder.glob("feedsvc.db*"):
        assert token.encode() not in file.read_bytes()
    ada, desk.cookie = desk.cookie, ""
    path = f"/editor/welcome/{token}"
    taken = desk.post(path, {"name": "ada", "password": PASSWORD})
    assert (taken.status, "already" in taken.text) == (422, True)
    assert desk.post(path, {"name": "grace", "password": PASSWORD}).status == 303
    assert desk.browse("/editor/").status == 200
    assert desk.browse("/editor/accounts").status == 403
    assert desk.browse(path).status == 410
    desk.cookie = ada
    # What one who is an administrator no more had made is over, and so is what is a day old.
    add(desk, "zoe", Role.ADMINISTRATOR)
    tokens = []
    for name in ("zoe", "ada"):
        desk.cookie = as_who(desk, name) if name != "ada" else ada
        role = {"role": "administrator"}
        tokens.append(link_in(desk.post("/editor/accounts/invite", role, page="/editor/accounts")))
    assert do(desk, number_of(desk, "zoe"), "role", role="editor").status == 303
    paths = [f"/editor/welcome/{one}" for one in tokens]
    assert [desk.browse(one).status for one in paths] == [410, 200]
    desk.set_clock(NOW + timedelta(hours=24))
    assert desk.browse(paths[1]).status == 410


def test_an_account_is_helped_and_removed(desk: InProcess) -> None:
    number = add(desk, "grace")
    grace = as_who(desk, "grace")
    assert do(desk, number, "role", role="administrator").status == 303
    # The session goes on, with the new role.
    assert desk.get("/editor/accounts", Cookie=grace).status == 200
    assert do(desk, number, "sessions/end").status == 303
    assert not is_signed_in(desk, grace)
    grace = as_who(desk, "grace")
    path = f"/editor/welcome/{link_in(do(desk, number, 'password-link'))}"
    ada, desk.cookie = desk.cookie, ""
    assert "grace" in desk.browse(path).text
    assert desk.post(path, {"password": "short"}).status == 422
    assert is_signed_in(desk, grace)
    done = desk.post(path, {"password": "quite another one"})
    assert (done.status, done.headers["location"]) == (303, "/editor/sign-in")
    assert not is_signed_in(desk, grace)
    assert desk.browse(path).status == 410
    desk.cookie = as_who(desk, "grace", "quite another one")
    written = desk.write(title="Hers")
    desk.send(f"{written}/typed", form_as_browser(desk.browse(written)) | {"body": "More."})
    grace, desk.cookie = desk.cookie, ada
    asked = desk.browse(f"/editor/accounts/{number}/remove")
    assert "Remove the account grace?" in asked.text
    assert "1 text that was typed and not saved" in asked.text
    # A page of one whose number was given to another since.
    gone = do(desk, number, "remove", name="somebody else")
    assert gone.headers["location"] == "/editor/accounts"
    assert "removed meanwhile. Nothing was changed" in desk.browse("/editor/accounts").text
    assert do(desk, number, "remove").status == 303
    assert not is_signed_in(desk, grace)
    assert "grace" in desk.browse(f"{written}/versions").text
    assert desk.browse(f"/editor/accounts/{number}").status == 404
    assert desk.browse(f"/editor/accounts/{2**70}").status == 404


def test_the_last_administrator_stays(desk: InProcess) -> None:
    number = number_of(desk, "ada")
    add(desk, "grace")
    for act, fields in (("role", {"role": "editor"}), ("remove", {})):
        refused = do(desk, number, act, **fields)
        assert refused.status == 409
        assert "ada is the last administrator" in refused.text
    assert do(desk, number, "role", role="administrator").status == 303
    assert do(desk, number, "role", role="king").status == 400


def test_who_was_demoted_meanwhile_makes_no_link(
    desk: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, kept, made = add(desk, "grace", Role.ADMINISTRATOR), desk.cookie, accounts.new_token
    desk.cookie = as_who(desk, "grace")

    def demote() -> str:
        with desk.workers[0].storage.writing() as tx:
            grace = tx.editors.get(number)
            assert grace is not None
            tx.editors.set_role(grace, Role.EDITOR)
        return made()

    monkeypatch.setattr(accounts, "new_token", demote)
    role = {"role": "administrator"}
    refused = desk.post("/editor/accounts/invite", role, page="/editor/accounts")
    assert (refused.status, "For administrators" in refused.text) == (403, True)
    # Nor does one work that was made all the same.
    until = NOW + timedelta(hours=1)
    with desk.workers[0].storage.writing() as tx:
        for purpose in (Purpose.ONE_MORE, Purpose.PASSWORD):
            digest = accounts.token_digest(purpose.value)
            tx.editors.invite(digest, until, purpose=purpose, editor_id=number, made_by="grace")
        assert len(tx.editors.open_links(NOW)) == 2
    storage = desk.workers[0].storage
    assert desk.browse(f"/editor/welcome/{Purpose.ONE_MORE.value}").status == 410
    assert accounts.accept_invitation(storage, "one-more", "eve", PASSWORD, NOW) is None
    assert accounts.take_new_password(storage, "password", PASSWORD, NOW) is None
    # And who was signed out meanwhile makes none, either.
    desk.cookie = kept

    def sign_out() -> str:
        with storage.writing() as tx:
            tx.sessions.end_all(number_of(desk, "ada"))
        return made()

    monkeypatch.setattr(accounts, "new_token", sign_out)
    assert desk.post("/editor/accounts/invite", role, page="/editor/accounts").status == 401


def test_a_link_that_is_made_while_its_maker_is_demoted_is_over(either: InProcess) -> None:
    desk = either
    number = add(desk, "grace", Role.ADMINISTRATOR)
    token = desk.browse("/editor/account").field("csrf_token")
    ada, desk.cookie = desk.cookie, as_who(desk, "grace")
    own = desk.browse("/editor/account").field("csrf_token")
    asked = [
        (desk.cookie, "invite", own, "administrator"),
        (ada, f"{number}/role", token, "editor"),
    ]

    def post(cookie: str, act: str, token: str, role: str) -> None:
        body = f"csrf_token={token}&role={role}".encode()
        form = "application/x-www-form-urlencoded"
        desk.request("POST", f"/editor/accounts/{act}", body, Content_Type=form, Cookie=cookie)

    threads = [threading.Thread(target=post, args=one) for one in asked]
    storage = desk.workers[0].storage
    with storage.writing() as tx:
        if not storage.is_sqlite:
            tx.audit._connection.exec_driver_sql("LOCK TABLE audit IN SHARE MODE")
        for thread in threads:
            thread.start()
            time.sleep(0.3)
    for thread in threads:
        thread.join()
    with storage.reading() as tx:
        grace = tx.editors.get(number)
        assert (grace and grace.role, tx.editors.open_links(NOW)) == (Role.EDITOR, [])


def test_open_links_are_seen_and_ended(desk: InProcess) -> None:
    number = add(desk, "grace")

    def invite() -> str:
        answer = desk.post("/editor/accounts/invite", {"role": "editor"}, page="/editor/accounts")
        return f"/editor/welcome/{link_in(answer)}"

    def listed() -> list[str]:
        found = desk.browse("/editor/accounts").page.xpath("//main//ul/li")
        return [" ".join(one.text_content().split()) for one in found]

    invited, renewing = invite(), link_in(do(desk, number, "password-link"))
    shown = desk.browse("/editor/accounts")
    assert [one.partition(", works until")[0] for one in sorted(listed())] == [
        "A new account: editor Made by ada",
        "A new password of grace Made by ada",
    ]
    assert not any(token in shown.text for token in (invited[-20:], renewing))
    for _ in range(2):  # the second time there is none any more
        for link in shown.page.xpath("//input[@name='link']/@value"):
            answer = desk.post("/editor/accounts/links/end", {"link": link}, page="/editor/account")
            assert answer.status == 303
    assert listed() == []
    assert desk.browse(invited).status == 410
    with desk.workers[0].storage.reading() as tx:
        found, _ = tx.audit.latest(LookedFor(kind="account"), limit=3)
    ended = sorted((one.subject, one.detail) for one in found[:2])
    assert (ended, found[2].action) == ([("", "editor"), ("grace", "")], "account.password-link")
    # What ends an account's sessions ends the links that it made.
    again = {"password": PASSWORD, "new_password": PASSWORD, "again": PASSWORD}
    for path in ("/editor/account/password", "/editor/account/sign-out-everywhere"):
        invited = invite()
        assert desk.post(path, again, page="/editor/account").status == 303
        assert desk.browse(invited).status == 410
    invited = invite()
    assert do(desk, number_of(desk, "ada"), "sessions/end").status == 303
    assert desk.browse(invited).status == 410


INVISIBLE = ("ad\u200dmin", "\u202eadmin", "ad\u00admin", "\ufeffadmin", "admin\u3164")
ALIKE = ("admin\u00a0", "\u2003admin", "ADMIN", "\uff41dmin", "Old\u00a0name")


def test_a_name_is_told_from_others(tmp_path: Path) -> None:
    storage = Storage(f"sqlite:///{tmp_path}/feedsvc.db")
    storage.migrate()
    with storage.writing() as tx:
        tx.editors.add("admin", "hash", NOW)
        tx.editors.add("old\u200d name", "hash", NOW)
        for name in (*INVISIBLE, *ALIKE):
            with pytest.raises(InvalidEntry) as refused:
                accounts.check_free(tx, accounts.checked_name(name))
            assert list(refused.value.faults) == ["name"]
        for name in ("admins", "ad min", "Zoë Ωmega", "ada"):
            accounts.check_free(tx, accounts.checked_name(name))
    storage.close()


def test_two_who_demote_each_other_at_once_leave_one(either: InProcess) -> None:
    desk = either
    number = add(desk, "grace", Role.ADMINISTRATOR)
    pairs = [(desk.cookie, number), (as_who(desk, "grace"), number_of(desk, "ada"))]
    prepared = []
    for desk.cookie, other in pairs:
        token = desk.browse("/editor/account").field("csrf_token")
        prepared.append((desk.cookie, f"/editor/accounts/{other}/role", token))
    gate, statuses = threading.Barrier(2), []

    def demote(cookie: str, path: str, token: str) -> None:
        gate.wait()
        body = f"csrf_token={token}&role=editor".encode()
        form = "application/x-www-form-urlencoded"
        answer = desk.request("POST", path, body, Content_Type=form, Cookie=cookie)
        statuses.append(answer.status)

    threads = [threading.Thread(target=demote, args=one) for one in prepared]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with desk.workers[0].storage.reading() as tx:
        roles = sorted(one.role for one in tx.editors.all())
    assert roles == [Role.ADMINISTRATOR, Role.EDITOR]
    assert 303 in statuses
