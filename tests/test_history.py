"""Every version that was saved, what is typed and not saved yet, and the desk's search."""

from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedsvc.model import State
from feedsvc.storage import Storage, Wanted
from feedsvc.storage.words import words_asked, words_of
from feedsvc.web.differences import compare
from tests.builders import make_entry
from tests.conftest import utc
from tests.service import PASSWORD, Answer, Service, form_as_browser


@pytest.fixture
def sqlite_desk(sqlite_service: Service) -> Service:
    sqlite_service.set_clock(utc(2026, 1, 21, 18, 30))
    sqlite_service.start()
    sqlite_service.sign_up()
    return sqlite_service


class Colleague:
    """Another account, in a browser of its own."""

    def __init__(self, service: Service, name: str = "grace") -> None:
        service.run("editor", "add", name, input=f"{PASSWORD}\n{PASSWORD}\n")
        self._service = service
        self._cookie = ""
        with self:
            assert service.sign_in(name).status == 303

    def __enter__(self) -> Service:
        self._hers = self._service.cookie
        self._service.cookie = self._cookie
        return self._service

    def __exit__(self, *_: object) -> None:
        self._cookie, self._service.cookie = self._service.cookie, self._hers


def shown(answer: Answer) -> list[str]:
    return [" ".join(one.text_content().split()) for one in answer.page.xpath("//table//td[1]")]


def keep(desk: Service, path: str, **fields: str) -> Answer:
    """What the form's script does every few seconds."""
    typed = form_as_browser(desk.browse(path if "entries" in path else "/editor/new"))
    hidden = desk.browse(path).page.xpath("//main//input[@name='csrf_token']/@value")
    return desk.send(f"{path}/typed", typed | fields | {"csrf_token": hidden[0]})


# Searching


def test_the_desk_finds_by_words_category_and_author(desk: Service) -> None:
    desk.write(title="Économie du café", body="Über Straßen und Ärzte.", author="Ada")
    desk.write(title="Tea", body="About coffee, too.", category="science", author="Grace")
    desk.write("save_draft", title="A draft", body="coffee", author="Ada")

    def found(state: str = "published", **asked: str) -> list[str]:
        query = "&".join(f"{name}={value}" for name, value in asked.items())
        return shown(desk.browse(f"/editor/?state={state}&{query}"))

    assert found() == ["Économie du café", "Tea"] or found() == ["Tea", "Économie du café"]
    for words in ("economie", "CAFE", "stra%C3%9Fe", "STRASSE", "arzt", "caf+eco", "%22cafe%22"):
        assert found(words=words) == ["Économie du café"], words
    assert found(words="coffee") == ["Tea"]
    assert found(words="coff+tea") == ["Tea"]
    assert found(words="coffee+economie") == []
    assert found(words="%27%22%3A*%26") == []
    assert found("draft", words="coffee") == ["A draft"]
    assert found(category="science") == ["Tea"]
    assert found(category="Science") == ["Tea"]
    assert found(category="nowhere") == []
    assert found(author="Ada") == ["Économie du café"]
    assert found(author="Ada", category="science") == []
    page = desk.browse("/editor/?state=published&words=coffee").page
    tabs = " ".join(page.xpath("//nav[@class='tabs']")[0].text_content().split())
    assert tabs == "Drafts (1) Scheduled (0) Published (1) Withdrawn (0)"
    assert page.xpath("//input[@name='words']/@value") == ["coffee"]


def test_what_is_changed_is_found_by_its_new_words_alone(desk: Service) -> None:
    path = desk.write(title="Before")
    desk.edit(path, title="Behind")
    assert shown(desk.browse("/editor/?state=published&words=before")) == []
    assert shown(desk.browse("/editor/?state=published&words=behind")) == ["Behind"]


@given(st.text(), st.text())
def test_any_word_of_a_text_is_found_by_its_beginning(before: str, after: str) -> None:
    text = f"{before} needle {after}"
    words = words_of(text).split(" ")
    assert "needle" in words
    assert all(word and "'" not in word and '"' not in word for word in words)
    for word in words_asked(text):
        assert word in words
    assert words_of(text.upper().lower()) == words_of(text.upper().lower().casefold())


def test_what_is_imported_or_was_there_is_found(storage: Storage) -> None:
    with storage.writing() as tx:
        category = tx.feeds.add_category(make_entry().categories[0], utc(2026, 1, 1))
        for number in range(3):
            entry = make_entry(number, title=f"Piece {number} 医療の話", categories=(category,))
            tx.entries.add(entry)
    with storage.reading() as tx:
        for words, count in (("piece", 3), ("piece 1", 1), ("療", 3), ("医療", 3), ("薬", 0)):
            assert tx.entries.count(State.PUBLISHED, Wanted(words)) == count, words


# What comes next


def test_the_desk_says_what_happens_next_and_when(desk: Service) -> None:
    desk.write("schedule", title="Later", publish_at="22/01/2026 20:30")
    desk.write("schedule", title="Sooner", publish_at="21/01/2026 20:45")
    page = desk.browse("/editor/").page
    said = " ".join(page.xpath("//p[@class='next']")[0].text_content().split())
    assert said == ("Next: Sooner goes out on 21/01/2026 20:45 CET (19:45 UTC), in 75 minutes.")
    page = desk.browse("/editor/?state=scheduled").page
    hints = [" ".join(one.text_content().split()) for one in page.xpath("//td/span")]
    assert hints == ["in 75 minutes", "in 25 h 00 min"]


# Versions


def test_every_save_is_a_version_and_any_can_be_restored(desk: Service) -> None:
    path = desk.write(title="First", body="The very first text.", also_in="science")
    desk.set_clock(utc(2026, 1, 21, 18, 40))
    desk.edit(path, "update", title="Second", body="The second text.", also_in="")
    colleague = Colleague(desk)
    with colleague:
        desk.edit(path, "withdraw")
        desk.edit(path, "restore")
    rows = [
        [" ".join(cell.text_content().split()) for cell in row.xpath("td")]
        for row in desk.browse(f"{path}/versions").page.xpath("//tbody/tr")
    ]
    assert [row[0] for row in rows] == [
        "4: Restored",
        "3: Withdrawn",
        "2: Corrected",
        "1: Published",
    ]
    assert [row[2] for row in rows] == ["grace", "grace", "ada", "ada"]
    assert rows[2][1] == "21/01/2026 19:40 CET (18:40 UTC)"
    assert rows[2][3] == "Title, Category, Body"
    page = desk.browse(f"{path}/versions/2").page
    body = page.xpath("//h3[text()='Body']/following-sibling::pre")[0]
    assert body.xpath("del/text()") == ["very first "]
    assert body.xpath("ins/text()") == ["second "]
    # Nothing is saved by looking, nor by taking the text into the form.
    taken = desk.browse(f"{path}?take=1")
    assert taken.field("body") == "The very first text."
    assert "Nothing is saved yet" in taken.text
    assert desk.browse(path).field("body") == "The second text."
    form = form_as_browser(taken)
    assert desk.post(path, form | {"action": "update"}, page=f"{path}?take=1").status == 303
    stored = desk.browse(path)
    assert (stored.field("title"), stored.field("body")) == ("First", "The very first text.")
    assert stored.page.xpath("//input[@name='also_in'][@checked]/@value") == ["science"]
    assert b"The very first text." in desk.get("/feeds/science.atom").body
    assert len(desk.browse(f"{path}/versions").page.xpath("//tbody/tr")) == 5


def test_what_the_clock_publishes_is_a_version_too(sqlite_desk: Service) -> None:
    path = sqlite_desk.write("schedule", title="Due", publish_at="21/01/2026 20:00")
    sqlite_desk.set_clock(utc(2026, 1, 21, 19))
    deadline = 50
    while b"Due" not in sqlite_desk.get("/feeds/health.rss").body:
        deadline -= 1
        assert deadline
        time.sleep(0.1)
    page = sqlite_desk.browse(f"{path}/versions").page
    assert page.xpath("//tbody/tr[1]/td[1]/a/text()") == ["2: Published at its time"]
    assert page.xpath("//tbody/tr[1]/td[3]/text()") == ["–"]


def test_what_was_saved_before_versions_were_kept_begins_with_the_next_save(
    desk: Service, tmp_path: object
) -> None:
    path = desk.write(body="As it was.")
    storage = Storage(desk.storage_url)
    with storage.writing() as tx:
        tx.settings._connection.exec_driver_sql("DELETE FROM versions")
    storage.close()
    desk.edit(path, body="As it is.")
    rows = desk.browse(f"{path}/versions").page.xpath("//tbody/tr/td[1]/a/text()")
    assert rows == ["2: Corrected", "1: As it was before"]
    assert "As it was." in desk.browse(f"{path}/versions/1").text


def test_what_was_imported_and_never_saved_has_a_page_of_versions(desk: Service) -> None:
    storage = Storage(desk.storage_url)
    path = desk.write(title="Imported")
    with storage.writing() as tx:
        tx.settings._connection.exec_driver_sql("DELETE FROM versions")
    storage.close()
    answer = desk.browse(f"{path}/versions")
    assert answer.status == 200
    assert "It was not saved since versions are kept" in answer.text
    for number in ("99999999999", "99999999999999999999", "-1", "0"):
        assert desk.browse(f"{path}/versions?before={number}").status == 404
        assert desk.browse(f"{path}/versions/{number}").status == 404
    assert desk.browse(f"{path}/versions?before=x").status == 200


def test_versions_of_what_is_not_there(sqlite_desk: Service) -> None:
    path = sqlite_desk.write()
    none = "/editor/entries/00000000-0000-4000-8000-000000000000"
    for address in (f"{none}/versions", f"{none}/versions/1", f"{path}/versions/7"):
        assert sqlite_desk.browse(address).status == 404
    assert sqlite_desk.browse(f"{path}?take=7").field("title") == "A title"
    assert sqlite_desk.browse(f"{path}?take=x").field("title") == "A title"
    sqlite_desk.cookie = ""
    assert sqlite_desk.browse(f"{path}/versions").status == 303


_TEXTS = st.text(alphabet=st.sampled_from("ab \n"), max_size=60)


@given(_TEXTS, _TEXTS)
def test_a_difference_leads_from_the_old_to_the_new(old: str, new: str) -> None:
    pieces = compare(old, new)
    assert "".join(text for kind, text in pieces if kind != "in") == old
    assert "".join(text for kind, text in pieces if kind != "out") == new


def test_long_texts_are_compared_in_a_moment_and_cut_where_nothing_changed() -> None:
    same = " ".join(f"word{number}" for number in range(1_000))
    pieces = compare(f"{same} old {same}", f"{same} new {same}")
    assert [kind for kind, _ in pieces] == ["same", "out", "in", "same"]
    assert len(pieces[0].text) < 200
    assert pieces[0].text.endswith("word999 ")
    one, other = ("\n".join(f"{word}{n}" for n in range(90_000)) for word in "ab")
    assert [kind for kind, _ in compare(one, other)] == ["out", "in"]


# What is typed and not saved


def test_what_was_typed_is_offered_until_it_is_saved(desk: Service) -> None:
    path = desk.write(title="Stored", body="Stored text.")
    answer = keep(desk, path, title="Typed", body="Typed text.")
    assert answer.status == 200
    assert json.loads(answer.body) == {"kept": "19:30:00", "others": []}
    # Readers and the stored article know nothing of it.
    assert b"Typed" not in desk.get("/feeds/all.atom").body
    page = desk.browse(path)
    assert page.field("title") == "Stored"
    assert "There is text of yours, kept 21/01/2026 19:30" in page.text
    listed = desk.browse("/editor/").page.xpath("//section[@id='unsaved']//a")
    assert [(one.text, one.get("href").split("&")[0]) for one in listed] == [
        ("Typed", f"{path}?take=typed")
    ]
    taken = desk.browse(f"{path}?take=typed")
    assert (taken.field("title"), taken.field("body")) == ("Typed", "Typed text.")
    form = form_as_browser(taken)
    assert desk.post(path, form | {"action": "update"}, page=f"{path}?take=typed").status == 303
    assert desk.browse(path).field("body") == "Typed text."
    assert "text of yours, kept" not in desk.browse(path).text
    assert not desk.browse("/editor/").page.xpath("//section[@id='unsaved']//a")


def test_what_one_window_saves_forgets_nothing_of_another(desk: Service) -> None:
    path = desk.write(title="Stored", body="Stored text.")
    keep(desk, path, body="Of one window.", window="one")
    keep(desk, path, body="Of another window.", window="other")
    form = form_as_browser(desk.browse(path)) | {"window": "one", "body": "Of one window, saved."}
    assert desk.post(path, form | {"action": "update"}, page=path).status == 303
    page = desk.browse(path)
    assert "the article was saved since" in page.text
    taken = desk.browse(page.page.xpath("//div[@id='typed']//a/@href")[0])
    assert taken.field("body") == "Of another window."
    # It was written on what was there before, and so it overwrites nothing.
    form = form_as_browser(taken) | {"action": "update"}
    refused = desk.send(path, form)
    assert refused.status == 409
    assert refused.page.xpath("//section[@class='rival']//div[@class='columns']//pre/text()") == [
        "Of one window, saved.",
        "Of another window.",
    ]
    # A version that is looked at hides none of it.
    assert "text of yours, kept" in desk.browse(f"{path}?take=1").text


def test_words_beside_withdraw_stay_kept(desk: Service) -> None:
    path = desk.write("schedule", title="Due", publish_at="21/01/2026 20:00")
    page = form_as_browser(desk.browse(path)) | {
        "body": "Better words.",
        "publish_at": "31/02/2026",
    }
    token = desk.browse(path).page.xpath("//main//input[@name='csrf_token']/@value")[0]
    desk.send(f"{path}/typed", page | {"csrf_token": token})
    answer = desk.send(path, page | {"csrf_token": token, "action": "withdraw"})
    assert answer.status == 200
    assert answer.page.xpath("//form[@id='article']/@data-unsaved") == [""]
    assert desk.browse(f"{path}?take=typed").field("body") == "Better words."


def test_a_new_article_that_was_never_saved_is_there_again(desk: Service) -> None:
    path = desk.browse("/editor/new").page.xpath("//main//form/@action")[0]
    keep(desk, path, title="Begun", body="Half a sent", category="science")
    page = desk.browse(path)
    assert (page.field("title"), page.field("body")) == ("Begun", "Half a sent")
    assert page.page.xpath("//option[@selected]/@value") == ["science"]
    assert "did not save" in page.text
    fields = form_as_browser(page) | {"action": "save_draft"}
    assert desk.post(path, fields, page=path).status == 303
    assert desk.browse(path).field("title") == "Begun"


def test_what_was_typed_can_be_discarded_and_equal_text_is_not_offered(desk: Service) -> None:
    path = desk.write(title="Stored")
    keep(desk, path)
    assert "text of yours, kept" not in desk.browse(path).text
    keep(desk, path, title="Typed")
    form = desk.browse(path).page.xpath("//form[@id='forget']")[0]
    assert desk.send(f"{path}/typed/forget", dict(form.form_values())).status == 303
    assert "text of yours, kept" not in desk.browse(path).text
    assert desk.browse(f"{path}?take=typed").field("title") == "Stored"


def test_who_else_is_typing_is_told_and_sees_nothing_of_it(desk: Service) -> None:
    path = desk.write(title="Shared")
    colleague = Colleague(desk)
    with colleague:
        keep(desk, path, body="Hers")
    page = desk.browse(path)
    assert "grace is writing in this article too." in page.text
    assert "Hers" not in page.text
    assert json.loads(keep(desk, path, body="Mine").body)["others"] == ["grace"]
    with colleague:
        assert "ada is writing in this article too." in desk.browse(path).text
    desk.set_clock(utc(2026, 1, 21, 18, 36))
    assert "writing in this article too" not in desk.browse(path).text
    # Whoever saves second is told who was first, and when.
    with colleague:
        desk.edit(path, body="Hers")
    page = desk.browse(f"{path}?take=typed")
    fields = form_as_browser(page)
    assert fields["revision"] == "1"
    refused = desk.post(path, fields | {"action": "update", "revision": "1"}, page=path)
    assert refused.status == 409
    assert "grace saved this article on 21/01/2026 19:36" in refused.text
    texts = refused.page.xpath("//section[@class='rival']//div[@class='columns']//pre/text()")
    assert texts == ["Hers", "Mine"]


def test_what_arrives_after_the_save_it_belongs_to_is_not_kept(desk: Service) -> None:
    path = desk.write(title="First")
    late = form_as_browser(desk.browse(path)) | {"title": "Sec"}
    token = desk.browse(path).page.xpath("//main//input[@name='csrf_token']/@value")[0]
    desk.edit(path, title="Second")
    answer = desk.send(f"{path}/typed", late | {"csrf_token": token})
    assert json.loads(answer.body)["kept"] == ""
    assert "text of yours, kept" not in desk.browse(path).text
    # From another window that goes on: kept.
    desk.set_clock(utc(2026, 1, 21, 18, 31))
    answer = desk.send(f"{path}/typed", late | {"csrf_token": token})
    assert json.loads(answer.body)["kept"] == "19:31:00"
    assert "text of yours, kept" in desk.browse(path).text


def test_nobody_keeps_anything_without_an_account(sqlite_desk: Service) -> None:
    path = sqlite_desk.write()
    token = sqlite_desk.browse(path).page.xpath("//main//input[@name='csrf_token']/@value")[0]
    assert sqlite_desk.send(f"{path}/typed", {"title": "x"}).status == 400
    sqlite_desk.cookie = ""
    assert sqlite_desk.send(f"{path}/typed", {"title": "x", "csrf_token": token}).status == 400


def test_an_account_that_is_removed_takes_what_it_typed_along(desk: Service) -> None:
    path = desk.write()
    colleague = Colleague(desk)
    with colleague:
        keep(desk, path, body="Hers")
        desk.edit(path, body="Saved by her")
        keep(desk, path, body="Hers again")
    assert desk.run("editor", "remove", "grace").returncode == 0
    assert "writing in this article too" not in desk.browse(path).text
    assert "grace" in desk.browse(f"{path}/versions").text


def test_only_so_much_is_kept_of_one_account(
    sqlite_desk: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage(sqlite_desk.storage_url)
    monkeypatch.setattr("feedsvc.storage.history.MOST_WORKING_COPIES", 3)
    for number in range(5):
        with storage.writing() as tx:
            tx.history.keep_typed(
                make_entry(number).id,
                1,
                window="w",
                revision=0,
                title=f"Copy {number}",
                fields=[("title", "x")],
                now=utc(2026, 1, 21, 18, number),
            )
    with storage.reading() as tx:
        titles = [one.title for one in tx.history.typed_by(1, limit=10)]
    storage.close()
    assert titles == ["Copy 4", "Copy 3", "Copy 2"]
    page = sqlite_desk.browse("/editor/").page
    assert len(page.xpath("//section[@id='unsaved']//li")) == 3
    assert re.search("Copy 4", page.text_content())
