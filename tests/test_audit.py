"""Who did what and when: written down with the act, and never changed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedsvc.errors import NotFound
from feedsvc.model import Role
from feedsvc.storage import LookedFor, Storage
from feedsvc.storage import audit as audit_rows
from feedsvc.web import accounts
from feedsvc.web.accounts import MOST_FAILURES
from tests.conftest import utc
from tests.contract import InProcess
from tests.service import PASSWORD, form_as_browser

NOW = utc(2026, 1, 21, 18, 30)


def acts(desk: InProcess) -> list[tuple[str, str, str]]:
    """Who, action and subject, the first first."""
    with desk.workers[0].storage.reading() as tx:
        found, _ = tx.audit.latest(LookedFor(), limit=500)
    return [(one.who, one.action, one.subject) for one in reversed(found)]


def test_the_database_itself_refuses_to_change_what_was_written(storage: Storage) -> None:
    with storage.writing() as tx:
        tx.audit.note(NOW, by="ada", action="site.changed", subject="Title")
    statements = ["UPDATE audit SET who = ''", "DELETE FROM audit"]
    if storage.is_sqlite:
        statements.append("REPLACE INTO audit SELECT * FROM audit")
    else:
        statements.append("TRUNCATE audit")
    for statement in statements:
        with (
            pytest.raises(Exception, match=r"only added to|at the same moment"),
            storage.writing() as tx,
        ):
            tx.audit._connection.exec_driver_sql(statement)
    with storage.reading() as tx:
        [found], further = tx.audit.latest(LookedFor(), limit=5)
    assert (found.who, found.subject, found.at, further) == ("ada", "Title", NOW, None)


def test_what_is_undone_is_not_written_down(storage: Storage) -> None:
    def act() -> None:
        with storage.writing() as tx:
            tx.audit.note(NOW, by="ada", action="account.removed", subject="nobody")
            tx.editors.remove("nobody")

    with pytest.raises(NotFound):
        act()
    with storage.reading() as tx:
        assert tx.audit.latest(LookedFor(), limit=5) == ([], None)


def test_each_act_on_an_article_is_one_line(in_process: InProcess) -> None:
    desk = in_process
    path = desk.write("save_draft", title="Begun")
    desk.edit(path, "save_draft")  # nothing is changed by it
    desk.edit(path, "schedule", publish_at="21/01/2026 20:00")
    desk.set_clock(utc(2026, 1, 21, 19, 0, 1))
    desk.settle()
    desk.edit(path, "update", body="Other.")
    desk.edit(path, "update", title="Named anew", told="update")
    desk.edit(path, "withdraw")
    desk.edit(path, "restore")
    article = desk.folder / "one.txt"
    article.write_text("Health 20/01/2026 06:00\n\nFrom a file\n\nText.\n", "utf-8")
    desk.import_file(article)
    assert [one for one in acts(desk) if one[1].startswith("article.")] == [
        ("ada", "article.save_draft", "Begun"),
        ("ada", "article.schedule", "Begun"),
        ("", "article.due", "Begun"),
        ("ada", "article.correct", "Begun"),
        ("ada", "article.update", "Named anew"),
        ("ada", "article.withdraw", "Named anew"),
        ("ada", "article.restore", "Named anew"),
        ("", "article.import.by-command", "From a file"),
    ]
    page = desk.browse("/editor/log?kind=article&words=NAMED")
    assert page.page.xpath("//tbody/tr/td[3]/a/@href") == [path] * 3
    assert "imported, from the command line" in desk.browse("/editor/log").text
    assert desk.browse("/editor/log?who=ada&kind=category").page.xpath("//tbody/tr") == []


def test_what_is_no_act_is_not_noted(in_process: InProcess) -> None:
    desk = in_process
    before = acts(desk)
    assert {one[1] for one in before if one[1].startswith("category.")} == {
        "category.made.by-command"
    }
    page = "/editor/settings"
    assert desk.post(page, form_as_browser(desk.browse(page))).status == 303
    for slug, to in (("health", "first"), ("health", "up"), ("science", "last")):
        pressed = {"csrf_token": desk.browse(page).field("csrf_token"), "to": to}
        assert desk.send(f"/editor/categories/{slug}/move", pressed).status == 303
    assert acts(desk) == before
    path = "/editor/categories/health/move"
    assert desk.post(path, {"to": "last"}, page="/editor/categories").status == 303
    assert acts(desk)[len(before) :] == [("ada", "category.moved", "Health")]


def test_signing_in_is_noted_and_nothing_secret_with_it(in_process: InProcess) -> None:
    desk = in_process
    cookie, desk.cookie = desk.cookie, ""
    secret = "typed into the wrong field"
    assert desk.sign_in(name=secret, password=PASSWORD).status == 401
    assert [desk.sign_in(password=secret).status for _ in range(8)].count(429) == 3
    desk.set_clock(utc(2026, 1, 21, 18, 50))
    assert desk.sign_in().status == 303
    desk.post("/editor/sign-out", {}, page="/editor/")
    of_sessions = [one for one in acts(desk) if one[1].startswith("session.")]
    assert of_sessions == [
        ("ada", "session.began", ""),
        ("", "session.refused", ""),
        *[("", "session.refused", "ada")] * MOST_FAILURES["pair"],
        # Three were, in one time.
        ("", "session.throttled", "ada"),
        ("ada", "session.began", ""),
        ("ada", "session.left", ""),
    ]
    desk.cookie = cookie
    shown = desk.browse("/editor/log").text
    assert "sign-in refused" in shown
    for word in (secret, PASSWORD):
        assert word not in shown
        for file in desk.folder.glob("feedsvc.db*"):
            assert word.encode() not in file.read_bytes()


def test_the_log_is_for_administrators(in_process: InProcess) -> None:
    desk = in_process
    with desk.workers[0].storage.writing() as tx:
        tx.editors.add("grace", accounts.hash_password(PASSWORD), NOW, Role.EDITOR)
    assert desk.browse("/editor/log?before=999999999999999999&who=x&words=y").status == 200
    desk.cookie = ""
    assert desk.browse("/editor/log").status == 303
    desk.sign_in("grace")
    answer = desk.browse("/editor/log")
    assert answer.status == 403
    assert "For administrators" in answer.text
    assert "/editor/log" not in desk.browse("/editor/").text


SUBJECTS = ("Rain", "Sun and rain", "Snow", "")


@pytest.fixture(scope="module")
def noted(tmp_path_factory: pytest.TempPathFactory) -> Storage:
    """Sixty acts of two accounts."""
    folder: Path = tmp_path_factory.mktemp("noted")
    storage = Storage(f"sqlite:///{folder}/feedsvc.db")
    storage.migrate()
    with storage.writing() as tx:
        for number in range(60):
            tx.audit.note(
                NOW + timedelta(seconds=number),
                by=("ada", "grace")[number % 2],
                action=("article.publish", "account.role", "site.changed")[number % 3],
                subject=SUBJECTS[number % len(SUBJECTS)],
            )
    return storage


@settings(max_examples=40)
@given(
    who=st.sampled_from(["", "ada", "nobody"]),
    kind=st.sampled_from(["", "article", "site"]),
    words=st.sampled_from(["", "RAIN", "rain sun", "hail"]),
    limit=st.integers(1, 20),
    most=st.integers(1, 25),
)
def test_its_pages_hold_each_line_that_is_looked_for_once(
    noted: Storage, who: str, kind: str, words: str, limit: int, most: int
) -> None:
    looked_for, found, before = LookedFor(who, kind, words), [], None
    with noted.reading() as tx, pytest.MonkeyPatch.context() as patch:
        every, _ = tx.audit.latest(LookedFor(), limit=100)
        patch.setattr(audit_rows, "MOST_LOOKED_THROUGH", most)
        while True:
            page, before = tx.audit.latest(looked_for, limit=limit, before=before)
            assert len(page) <= limit
            found += page
            if before is None:
                break
    assert found == [
        one
        for one in every
        if who in ("", one.who)
        and one.action.startswith(kind)
        and all(word in one.subject.lower() for word in words.lower().split())
    ]
