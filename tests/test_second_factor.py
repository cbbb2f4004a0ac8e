"""A code after the password: set up, asked for, used once, lost."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pyotp
import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from hypothesis import given, settings
from hypothesis import strategies as st

from feedsvc.model import Editor, Role
from feedsvc.storage import LookedFor, SecondFactor, Storage
from feedsvc.web import accounts, codes
from feedsvc.web.accounts import MOST_FAILURES
from feedsvc.web.codes import matching_step
from tests.conftest import utc
from tests.contract import InProcess
from tests.service import PASSWORD, Answer, Service, form_as_browser

NOW = utc(2026, 1, 21, 18, 30)
CODE = "/editor/sign-in/code"
# RFC 6238, appendix B: its last six digits, as apps show them.
RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    assert matching_step(RFC_SECRET, code, datetime.fromtimestamp(seconds, UTC)) == seconds // 30


@settings(max_examples=40)
@given(seconds=st.integers(10**9, 3 * 10**9), away=st.integers(-3, 3))
def test_a_clock_may_be_one_step_away(seconds: int, away: int) -> None:
    shown = pyotp.TOTP(RFC_SECRET).generate_otp(seconds // 30 + away)
    found = matching_step(RFC_SECRET, shown, datetime.fromtimestamp(seconds, UTC))
    near = [pyotp.TOTP(RFC_SECRET).generate_otp(seconds // 30 + step) for step in (-1, 0, 1)]
    assert (found is not None) == (abs(away) <= 1 or shown in near)


def test_a_long_title_and_name_fit_into_the_picture() -> None:
    factor = SecondFactor(1, RFC_SECRET, NOW, is_on=False)
    for sign, names in (
        ("x", ("x" * 100, "x" * 180)),
        ("\U00020000", ("\U00020000" * 25, "\U00020000" * 15)),
    ):
        shown = codes.setup(factor, Editor(1, sign * 100, ""), sign * 300)
        parsed = pyotp.parse_uri(shown.address)
        assert (parsed.name, parsed.issuer) == names


def code_of(desk: InProcess, secret: str, steps: int = 0) -> str:
    """What the app shows, so many steps from now."""
    return pyotp.TOTP(secret).generate_otp(int(desk.now.timestamp()) // 30 + steps)


def pass_time(desk: InProcess, **time: float) -> None:
    desk.set_clock(desk.now + timedelta(**time))


def begin(desk: InProcess) -> tuple[Answer, str]:
    path = "/editor/account/second-factor/begin"
    assert desk.post(path, {"password": "wrong one"}, page="/editor/account").status == 422
    assert desk.post(path, {"password": PASSWORD}, page="/editor/account").status == 303
    page = desk.browse("/editor/account/second-factor")
    [secret] = page.page.xpath("//code[@class='secret']/text()")
    return page, secret.replace(" ", "")


def switch_on(desk: InProcess) -> tuple[str, list[str]]:
    """The secret and the recovery codes; the next code works at once."""
    page, secret = begin(desk)
    path = "/editor/account/second-factor"
    done = desk.send(path, form_as_browser(page) | {"code": code_of(desk, secret)})
    assert done.status == 200
    pass_time(desk, minutes=1)
    return secret, done.page.xpath("//ul[@class='codes']//code/text()")


def password(desk: InProcess, **fields: Any) -> Answer:
    """The page on which the code is asked for."""
    page = desk.browse("/editor/sign-in")
    who = {"name": "ada", "password": PASSWORD, **fields}
    return desk.send("/editor/sign-in", form_as_browser(page) | who)


def waiting(desk: InProcess) -> str:
    """The token in the browser's cookie, which waits for a code."""
    with desk.workers[0].storage.reading() as tx:
        key = tx.settings.get("cookie_key")
    app = Flask("reader")
    app.secret_key = key
    reader = SecureCookieSessionInterface().get_signing_serializer(app)
    assert reader is not None
    return str(reader.loads(desk.cookie.partition("=")[2])["pending"])


def sign_in(desk: InProcess, code: str) -> Answer:
    desk.cookie = ""
    asked = password(desk)
    assert asked.status == 200
    return desk.send(CODE, form_as_browser(asked) | {"code": code})


@pytest.fixture
def desk(in_process: InProcess) -> InProcess:
    return in_process


def test_it_counts_when_a_code_was_right(desk: InProcess) -> None:
    page, secret = begin(desk)
    assert page.page.xpath("//main//img/@src")[0].startswith("data:image/svg+xml")
    assert "img-src 'self' https: http: data:" in page.headers["content-security-policy"]
    [address] = page.page.xpath("//a[starts-with(@href, 'otpauth:')]/@href")
    assert pyotp.parse_uri(address).secret == secret
    path = "/editor/account/second-factor"
    wrong = desk.send(path, form_as_browser(page) | {"code": code_of(desk, secret, 2)})
    assert (wrong.status, secret in wrong.text.replace(" ", "")) == (422, True)
    desk.cookie, kept = "", desk.cookie
    assert desk.sign_in().status == 303  # it is not on yet
    desk.cookie = kept
    done = desk.send(path, form_as_browser(wrong) | {"code": code_of(desk, secret)})
    codes = done.page.xpath("//ul[@class='codes']//code/text()")
    assert len(set(codes)) == 10
    assert "10 recovery codes are left" in desk.browse("/editor/account").text
    # Shown once, and stored nowhere.
    assert desk.browse(path).status == 303
    for file in desk.folder.glob("feedsvc.db*"):
        assert codes[0].encode() not in file.read_bytes()


def test_no_session_before_the_code_and_each_code_once(desk: InProcess) -> None:
    secret, recovery = switch_on(desk)
    desk.cookie = ""
    asked = password(desk)
    assert "Your code" in asked.text
    assert desk.browse("/editor/").status == 303
    form = form_as_browser(asked)
    assert desk.send(CODE, form | {"code": ""}).status == 401
    assert desk.send(CODE, form | {"code": code_of(desk, secret, 2)}).status == 401
    right = code_of(desk, secret)
    # As apps show it, and as people type it.
    done = desk.send(CODE, form | {"code": f" {right[:3]} {right[3:]} "})
    assert (done.status, done.headers["location"]) == (303, "/editor/")
    assert desk.browse("/editor/").status == 200
    assert sign_in(desk, right).status == 401
    assert sign_in(desk, code_of(desk, secret, -1)).status == 401  # one that was before it
    assert sign_in(desk, code_of(desk, secret, 1)).status == 303
    assert sign_in(desk, recovery[3].upper().replace("-", " ")).status == 303
    assert "9 recovery codes are left" in desk.browse("/editor/account").text
    assert sign_in(desk, recovery[3]).status == 401
    # Set back by a day, a clock locks nobody out.
    desk.set_clock(desk.now - timedelta(days=1))
    again = code_of(desk, secret)
    assert sign_in(desk, again).status == 303
    assert sign_in(desk, again).status == 401


def test_a_code_is_no_way_around_the_password(desk: InProcess) -> None:
    secret, recovery = switch_on(desk)
    desk.cookie = ""
    page = desk.browse("/editor/sign-in")
    token = {"csrf_token": form_as_browser(page)["csrf_token"]}
    assert desk.browse(CODE).status == 303
    alone = desk.send(CODE, token | {"code": code_of(desk, secret)})
    assert (alone.status, "That took too long" in alone.text) == (401, True)
    # Whoever knows no password learns nothing of a second factor.
    plain = password(desk, name="nobody", password="x")
    wrong = password(desk, password="x")
    assert (wrong.status, plain.status) == (401, 401)
    strip = re.compile(r'(name="csrf_token"|id="name" name="name") value="[^"]*"')
    assert strip.sub("", wrong.text) == strip.sub("", plain.text)
    asked = password(desk)
    # What waits for a code is no link with which accounts are made.
    token = waiting(desk)
    assert desk.browse(f"/editor/welcome/{token}").status == 410
    pass_time(desk, minutes=5, seconds=1)
    late = desk.send(CODE, form_as_browser(asked) | {"code": code_of(desk, secret)})
    assert late.status == 401
    # A password that was right a moment ago, and is none any more.
    asked = password(desk)
    with desk.workers[0].storage.writing() as tx:
        tx.editors.set_password_hash("ada", "another")
    stale = desk.send(CODE, form_as_browser(asked) | {"code": recovery[0]})
    assert stale.status == 401


def test_codes_are_guessed_no_more_often_than_passwords(desk: InProcess) -> None:
    _, recovery = switch_on(desk)
    statuses = []
    for _ in range(MOST_FAILURES["pair"]):
        # The password, typed anew, forgets no wrong codes.
        statuses.append(sign_in(desk, "000000").status)
    assert statuses == [401] * MOST_FAILURES["pair"]
    desk.cookie = ""
    assert password(desk).status == 429
    pass_time(desk, minutes=16)
    assert sign_in(desk, recovery[0]).status == 303
    desk.cookie = ""
    asked = form_as_browser(password(desk))
    guesses = [desk.send(CODE, asked | {"code": "000000"}) for _ in range(6)]
    assert [one.status for one in guesses] == [401] * 5 + [429]
    assert guesses[-1].headers["retry-after"] == "900"


def test_what_was_typed_survives_both_steps(desk: InProcess) -> None:
    secret, _ = switch_on(desk)
    desk.cookie = ""
    path = f"/editor/entries/{uuid4()}"
    ended = desk.send(path, {"title": "Long", "body": "An hour's work.", "action": "publish"})
    asked = desk.send(
        "/editor/sign-in", form_as_browser(ended) | {"name": "ada", "password": PASSWORD}
    )
    wrong = desk.send(CODE, form_as_browser(asked) | {"code": "1"})
    assert wrong.status == 401
    # With a token of before: as in a second window.
    expired = form_as_browser(wrong) | {"csrf_token": "x", "code": code_of(desk, secret)}
    kept = desk.send(CODE, expired)
    assert kept.status == 400
    body = "x" * 900_000
    form = form_as_browser(kept) | {"code": code_of(desk, secret), "kept_body": body}
    resumed = desk.send(CODE, form)
    assert resumed.status == 200
    assert (resumed.field("title"), resumed.field("body")) == ("Long", body)
    assert resumed.page.xpath("//main//form/@action") == [path]
    # Another site's words come into no form by it.
    other = desk.send(CODE, expired, Origin="https://evil.example", Sec_Fetch_Site="cross-site")
    assert (other.status, "An hour" in other.text) == (400, False)


def test_it_goes_off_with_password_and_code(desk: InProcess) -> None:
    _, recovery = switch_on(desk)

    def off(**fields: str) -> Answer:
        return desk.post("/editor/account/second-factor/off", fields, page="/editor/account")

    assert "this is not your password" in off(password="x", code=recovery[0]).text
    assert "the code is wrong" in off(password=PASSWORD, code="123456").text
    # Other passwords and other sessions need no code.
    everywhere = "/editor/account/sign-out-everywhere"
    assert desk.post(everywhere, {"password": PASSWORD}, page="/editor/account").status == 303
    assert off(password=PASSWORD, code=recovery[0]).status == 303
    desk.cookie = ""
    assert desk.sign_in().status == 303


def test_an_administrator_resets_it_for_who_has_lost_all(desk: InProcess) -> None:
    switch_on(desk)
    with desk.workers[0].storage.reading() as tx:
        number = tx.editors.all()[0].id
    page = f"/editor/accounts/{number}"
    # A session alone is no way around one's own password and code.
    own = desk.browse(page)
    assert own.page.xpath("//main//a[@href='/editor/account']")
    for act in ("second-factor/reset", "password-link"):
        refused = desk.post(f"{page}/{act}", {}, page=page)
        assert (refused.status, "under Account" in refused.text) == (409, True)
    with desk.workers[0].storage.writing() as tx:
        assert accounts.has_second_factor(tx, tx.editors.all()[0])
        tx.editors.add("zoe", accounts.hash_password(PASSWORD), NOW, Role.ADMINISTRATOR)
    desk.cookie = ""
    assert desk.sign_in("zoe").status == 303
    assert "It is on." in desk.browse(page).text
    assert desk.post(f"{page}/second-factor/reset", {}, page=page).status == 303
    assert "It is off." in desk.browse(page).text
    desk.cookie = ""
    assert desk.sign_in().status == 303


def test_the_operator_resets_it_where_nobody_is_left(desk: InProcess) -> None:
    switch_on(desk)
    command = Service.run(desk, "editor", "reset-second-factor", "ada")
    assert "with the password alone" in command.stdout
    desk.cookie = ""
    assert desk.sign_in().status == 303
    with desk.workers[0].storage.reading() as tx:
        ask = tx.settings._connection.exec_driver_sql
        assert ask("SELECT action, who FROM audit ORDER BY id DESC").all()[1] == (
            "account.second-factor-reset.by-command",
            "",
        )


def test_a_code_that_is_sent_twice_at_once_counts_once(storage: Storage) -> None:
    with storage.writing() as tx:
        ada = tx.editors.add("ada", "hash", NOW)
    assert codes.begin(storage, ada, NOW)
    assert codes.begin(storage, ada, NOW)  # another secret, as long as none counts
    factor = codes.being_set_up(storage, ada, NOW)
    assert factor is not None
    assert codes.being_set_up(storage, ada, NOW + timedelta(hours=2)) is None
    step = int(NOW.timestamp()) // 30
    shown = [pyotp.TOTP(factor.secret).generate_otp(step + number) for number in range(2)]
    assert codes.switch_on(storage, ada, factor, "1", address="", now=NOW) is None
    recovery = codes.switch_on(storage, ada, factor, shown[0], address="", now=NOW)
    assert recovery is not None
    assert not codes.begin(storage, ada, NOW)
    assert codes.being_set_up(storage, ada, NOW) is None
    for code, what in ((shown[1], "code"), (recovery[0], "recovery code")):
        with ThreadPoolExecutor(4) as pool:
            used = pool.map(lambda _, code=code: use(storage, ada, code), range(4))
            assert sorted(used) == ["", "", "", what]
    assert use(storage, ada, shown[0]) == ""
    with storage.writing() as tx:
        assert codes.switch_off(tx, ada, by="grace", address="", now=NOW)
        assert not codes.switch_off(tx, ada, by="grace", address="", now=NOW)
    with storage.reading() as tx:
        assert tx.second_factors.count_recovery_codes(ada.id) == 0
        [latest], _ = tx.audit.latest(LookedFor(), limit=1)
    assert (latest.who, latest.action) == ("grace", "account.second-factor-reset")


def use(storage: Storage, editor: Editor, code: str) -> str:
    return codes.use(storage, editor, code, address=str(uuid4()), now=NOW)
