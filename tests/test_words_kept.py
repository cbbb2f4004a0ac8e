"""What an editor typed or chose outlives whatever comes between two presses of a button."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from feedsvc.errors import StorageBusy
from feedsvc.publishing import Publisher
from feedsvc.storage.entries import EntryRows
from feedsvc.web import accounts
from tests.conftest import utc
from tests.contract import InProcess
from tests.service import Answer, Service, form_as_browser
from tests.test_life import ATOM, atom, titles

OTHER_PASSWORD = "another few words"
CATEGORY = "/editor/categories/health"
EXPIRED = {"csrf_token": "of an earlier session"}


@pytest.fixture
def desk(in_process: InProcess) -> InProcess:
    return in_process


def end_session(desk: InProcess) -> None:
    """As when the password is changed elsewhere."""
    with desk.workers[0].storage.writing() as tx:
        tx.editors.set_password_hash("ada", accounts.hash_password(OTHER_PASSWORD))


def sign_in_again(desk: Service, page: Answer) -> Answer:
    assert page.status == 401
    assert "What you wrote is kept" in page.text
    who = {"name": "ada", "password": OTHER_PASSWORD}
    return desk.send("/editor/sign-in", form_as_browser(page) | who)


@contextmanager
def busy(owner: type, name: str, times: int = 1000) -> Iterator[None]:
    """The database is held by another writer, so often as it is asked for this."""
    real, left = getattr(owner, name), [None] * times

    def fail(*given: Any, **named: Any) -> Any:
        if not left:
            return real(*given, **named)
        left.pop()
        raise StorageBusy("the database is held")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, fail)
        yield


def is_open(answer: Answer) -> bool:
    return not answer.page.xpath("//fieldset[@disabled]")


def buttons(answer: Answer) -> list[str]:
    return list(answer.page.xpath("//button[@name='action']/@value"))


# Withdraw


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        ({"title": "x" * 600}, "characters"),
        ({"slug": "taken"}, "the address of another article"),
        ({"title": "", "body": ""}, ""),
    ],
    ids=["a title too long", "an address that is taken", "no text"],
)
def test_withdraw_stops_what_is_scheduled_and_hands_back_what_was_typed(
    desk: InProcess, typed: dict[str, str], fault: str
) -> None:
    desk.write(title="Other", slug="taken")
    path = desk.write("schedule", title="Due", publish_at="21/01/2026 20:00")
    answer = desk.edit(path, "withdraw", summary="As I see it.", **typed)
    if fault:
        assert answer.status == 200
        assert "It is a draft again." in answer.text
        assert fault in answer.page.xpath("//div[@role='alert']")[0].text_content()
    else:
        # A draft may lack anything: it is stored as it was typed.
        assert answer.status == 303
        answer = desk.browse(path)
    for name, value in {"summary": "As I see it.", **typed}.items():
        assert answer.field(name) == value
    desk.set_clock(utc(2026, 1, 21, 19, 30))
    desk.settle()
    assert titles(desk) == ["Other"]
    mended = form_as_browser(answer) | {"title": "Mended", "slug": "", "action": "save_draft"}
    assert desk.send(path, mended).status == 303


def test_an_address_typed_beside_withdraw_is_handed_back(desk: InProcess) -> None:
    path = desk.write(title="Ours")
    answer = desk.edit(path, "withdraw", slug="a-better-address")
    assert (answer.status, answer.field("slug")) == (200, "a-better-address")
    assert (titles(desk), is_open(answer)) == ([], True)


def test_what_was_held_back_has_no_time_of_its_own_when_taken_back_beside_a_fault(
    desk: InProcess,
) -> None:
    desk.stop()
    desk.settings["FEEDSVC_FEEDS_GRACE_SECONDS"] = "600"
    desk.start()
    path = desk.write(title="Held")
    answer = desk.edit(path, "withdraw", publish_at="31/02/2026 10:00")
    assert (answer.status, answer.field("publish_at")) == (200, "31/02/2026 10:00")
    assert desk.browse(path).field("publish_at") == ""


def test_who_changed_nothing_is_told_of_nothing_that_is_not_saved(desk: InProcess) -> None:
    path = desk.write(
        title="Ours",
        summary=" two  words ",
        body="- a\n- b\n\n\n\nx  \n\ttab",
        sources="A journal - title https://example.org/x\nhttps://example.org/y\n",
        also_in=["science"],
    )
    assert desk.edit(path, "withdraw").status == 303
    assert desk.edit(path, "restore").status == 303


# A withdrawn article


def test_the_second_of_two_restores_finds_it_done(desk: InProcess) -> None:
    path = desk.write(title="Ours", body="Text that stands.")
    desk.edit(path, "withdraw")
    sent = form_as_browser(desk.browse(path)) | {"action": "restore"}
    assert "title" not in sent
    assert desk.send(path, sent).status == 303
    second = desk.send(path, sent)
    assert (second.status, second.headers["location"]) == (303, path)
    assert desk.browse(path).field("body") == "Text that stands."
    assert titles(desk) == ["Ours"]


def test_words_on_a_withdrawn_article_outlive_a_database_that_is_held(desk: InProcess) -> None:
    path = desk.write(title="Ours")
    answer = desk.edit(path, "withdraw", body="Half-written.")
    sent = form_as_browser(answer) | {"action": "restore"}
    with busy(Publisher, "save_entry"):
        refused = desk.send(path, sent)
    assert (refused.status, is_open(refused)) == (503, True)
    restored = desk.send(path, form_as_browser(refused) | {"action": "restore"})
    assert (restored.status, restored.field("body")) == (200, "Half-written.")
    assert titles(desk) == ["Ours"]


def test_words_outlive_a_session_that_ended_while_a_colleague_withdrew(desk: InProcess) -> None:
    path = desk.write(title="Ours")
    mine = form_as_browser(desk.browse(path)) | {"body": "An hour's work."}
    desk.edit(path, "withdraw")
    end_session(desk)
    resumed = sign_in_again(desk, desk.send(path, mine | {"action": "update"}))
    assert (resumed.status, is_open(resumed)) == (200, True)
    sent = form_as_browser(resumed) | {"action": "restore"}
    # It was opened before the withdrawal, so the first press tells of that.
    refused = desk.send(path, sent)
    assert (refused.status, refused.field("body")) == (409, "An hour's work.")
    restored = desk.send(path, form_as_browser(refused) | {"action": "restore"})
    assert (restored.status, restored.field("body")) == (200, "An hour's work.")


# An instant that was chosen


def scheduled_twice_shown(desk: InProcess) -> tuple[str, dict[str, Any]]:
    """An article for the first of two equal times; its form with the second chosen."""
    path = desk.write("schedule", title="Twice", publish_at="25/10/2026 02:30", fold="0")
    return path, form_as_browser(desk.browse(path)) | {"fold": "1", "action": "schedule"}


def assert_second_is_chosen(desk: InProcess, path: str, answer: Answer) -> None:
    assert answer.page.xpath("//input[@name='fold'][@checked]/@value") == ["1"]
    again = form_as_browser(answer) | {"action": "schedule"}
    assert desk.send(path, again).status == 303
    assert "Scheduled for 25/10/2026 02:30 CET (01:30 UTC)" in desk.browse(path).text


def test_which_of_two_equal_times_is_meant_outlives_the_session(desk: InProcess) -> None:
    path, sent = scheduled_twice_shown(desk)
    end_session(desk)
    assert_second_is_chosen(desk, path, sign_in_again(desk, desk.send(path, sent)))


def test_which_of_two_equal_times_is_meant_outlives_a_token(desk: InProcess) -> None:
    path, sent = scheduled_twice_shown(desk)
    refused = desk.send(path, sent | EXPIRED)
    assert refused.status == 400
    assert_second_is_chosen(desk, path, refused)


def test_which_of_two_equal_times_is_meant_outlives_a_held_database(desk: InProcess) -> None:
    path, sent = scheduled_twice_shown(desk)
    for owner, name in ((Publisher, "save_entry"), (EntryRows, "get")):
        with busy(owner, name):
            refused = desk.send(path, sent)
        assert refused.status == 503
    assert_second_is_chosen(desk, path, refused)


@pytest.mark.parametrize("times", [1, 1000], ids=["once", "all the while"])
def test_an_article_that_cannot_be_read_just_now_keeps_its_second(
    desk: InProcess, times: int
) -> None:
    desk.set_clock(utc(2026, 1, 21, 18, 30, 27))
    path = desk.write(title="Exact")
    sent = form_as_browser(desk.browse(path)) | {"body": "Corrected.", "action": "update"}
    with busy(EntryRows, "get", times):
        refused = desk.send(path, sent)
    assert (refused.status, refused.field("body")) == (503, "Corrected.")
    assert b"Corrected." not in desk.get("/feeds/health.atom").body
    if "update" not in buttons(refused):
        # It could not be known what it is. Whatever is pressed, the next page knows.
        refused = desk.send(path, form_as_browser(refused) | {"action": "publish"})
        assert (refused.status, refused.field("body")) == (422, "Corrected.")
    assert "update" in buttons(refused)
    assert desk.send(path, form_as_browser(refused) | {"action": "update"}).status == 303
    assert b"Corrected." in desk.get("/feeds/health.atom").body
    published = atom(desk).find(f"{ATOM}entry/{ATOM}published")
    assert published is not None
    assert published.text == "2026-01-21T18:30:27Z"


# The conflict page


def test_the_conflict_page_shows_every_field_that_is_stored_otherwise(desk: InProcess) -> None:
    path = desk.write(title="Ours", summary="Old summary.", author="Ada")
    mine = form_as_browser(desk.browse(path)) | {"body": "Mine.", "action": "update"}
    theirs = {
        "Title": ("title", "Theirs"),
        "Category": ("category", "science"),
        "Author": ("author", "Grace"),
        "Address": ("slug", "their-address"),
        "Summary": ("summary", "Their summary."),
        "Body": ("body", "Their text."),
        "Sources": ("sources", "Their source"),
        "Publish at": ("publish_at", "20/01/2026 10:00"),
    }
    assert desk.edit(path, **dict(theirs.values())).status == 303
    refused = desk.send(path, mine)
    assert (refused.status, refused.field("body")) == (409, "Mine.")
    (stored,) = refused.page.xpath("//section[@class='rival']")
    shown = dict(
        zip(
            stored.xpath("h3/text()"),
            (one.text for one in stored.xpath("div/div[1]/pre")),
            strict=True,
        )
    )
    assert shown == {label: value for label, (_, value) in theirs.items()}


def test_the_conflict_page_shows_nothing_that_both_say(desk: InProcess) -> None:
    path = desk.write(title="Ours", summary="Old summary.")
    opened = form_as_browser(desk.browse(path)) | {"action": "update"}
    desk.edit(path, summary="")
    refused = desk.send(path, opened | {"body": "A text."})
    (stored,) = refused.page.xpath("//section[@class='rival']")
    assert stored.xpath("h3/text()") == ["Summary"]
    assert [one.text for one in stored.xpath("div/div[1]/pre")] == ["(empty)"]
    same = desk.send(path, opened | {"summary": ""})
    assert "It says the same as yours." in same.text


# Categories


def category_form(answer: Answer) -> dict[str, Any]:
    return form_as_browser(answer, CATEGORY)


def test_a_categorys_form_outlives_the_session(desk: InProcess) -> None:
    sent = category_form(desk.browse("/editor/categories")) | {"description": "Typed with care"}
    end_session(desk)
    resumed = sign_in_again(desk, desk.send(CATEGORY, sent))
    assert resumed.status == 200
    assert category_form(resumed)["description"] == "Typed with care"
    assert desk.send(CATEGORY, category_form(resumed)).status == 303
    assert "Typed with care" in desk.get("/feeds/health.rss").text


def test_a_new_categorys_form_outlives_the_session(desk: InProcess) -> None:
    typed = {"name": "Sport", "slug": "", "description": "Typed with care"}
    sent = form_as_browser(desk.browse("/editor/categories"), "/editor/categories") | typed
    end_session(desk)
    resumed = sign_in_again(desk, desk.send("/editor/categories", sent))
    again = form_as_browser(resumed, "/editor/categories")
    assert typed.items() <= again.items()
    assert desk.send("/editor/categories", again).status == 303
    assert "Typed with care" in desk.get("/feeds/sport.rss").text


def test_a_categorys_form_outlives_its_token(desk: InProcess) -> None:
    sent = category_form(desk.browse("/editor/categories")) | {"description": "Typed with care"}
    refused = desk.send(CATEGORY, sent | EXPIRED)
    assert refused.status == 400
    assert "opened in an earlier session, so nothing was saved" in refused.text
    assert desk.send(CATEGORY, category_form(refused)).status == 303
    assert "Typed with care" in desk.get("/feeds/health.rss").text


def test_a_category_saved_after_a_held_database_undoes_no_colleagues_change(
    desk: InProcess,
) -> None:
    opened = category_form(desk.browse("/editor/categories"))
    assert desk.send(CATEGORY, opened | {"description": "Theirs"}).status == 303
    with busy(Publisher, "change_category"):
        refused = desk.send(CATEGORY, opened | {"name": "Mine"})
    assert (refused.status, category_form(refused)["name"]) == (503, "Mine")
    conflict = desk.send(CATEGORY, category_form(refused))
    assert (conflict.status, category_form(conflict)["name"]) == (409, "Mine")
    assert "Stored now" in conflict.text
    assert "Theirs" in desk.get("/feeds/health.rss").text
    # Seen what is stored, the next press is a choice.
    assert desk.send(CATEGORY, category_form(conflict)).status == 303
    assert ">Mine" in desk.get("/feeds/health.atom").text


def test_what_an_editor_had_not_changed_stays_as_a_colleague_stored_it(desk: InProcess) -> None:
    path = desk.write(title="Ours", body="Old.", also_in=["science"])
    opened = form_as_browser(desk.browse(path)) | {"action": "update"}
    desk.edit(path, title="Theirs", category="science", also_in=[])
    refused = desk.send(path, opened | {"body": "Mine."})
    assert refused.status == 409
    assert [refused.field(name) for name in ("title", "body", "category")] == [
        *("Theirs", "Mine.", "science"),
    ]
    (rival,) = refused.page.xpath("//section[@class='rival']")
    assert rival.xpath("h3/text()") == ["Title", "Category", "Body"]
    assert rival.xpath(".//h4/text()") == [
        *("Stored, and in the form now", "As you opened it"),
        *("Stored, and in the form now", "As you opened it"),
        *("Stored", "Yours"),
    ]
    again = desk.send(path, form_as_browser(refused) | {"action": "update"})
    assert again.status == 303
    page = desk.browse(path)
    assert (page.field("title"), page.field("body")) == ("Theirs", "Mine.")


def test_small_things_that_editors_stumbled_over(desk: InProcess) -> None:
    path = desk.write("schedule", title="Later on", publish_at="01/01/2030 10:00")
    first = desk.browse(path).page.xpath("//form[@id='article']//button[@name='action']")[0]
    # Enter in a field takes nothing out of its schedule, and corrects nothing for readers.
    assert first.get("value") == "preview"
    desk.write("save_draft", title="Something else")
    # A search opens where it has found something.
    found = desk.browse("/editor/?words=later")
    assert "Later on" in found.page.xpath("string(//table)")
    desk.edit(path, "save_draft")
    assert "not scheduled any more" in desk.browse(path).text
    desk.write("save_draft", title="In a new one", category="", new_category="Quite new")
    assert "The draft is saved." in desk.browse("/editor/").text
    signed_out = desk.post("/editor/sign-out", {}, page="/editor/")
    assert signed_out.status == 303
    assert "You are signed out." in desk.browse("/editor/sign-in").text
