"""Two editors at once, and buttons pressed beside words that cannot be stored."""

from __future__ import annotations

from tests.conftest import utc
from tests.service import Service
from tests.test_life import titles


def typed_in(service: Service, path: str, **fields: str) -> dict[str, object]:
    """Every field of an article's form as it stands now, some of them changed."""
    form = service.browse(path).page.xpath("//main//form")[0]
    return dict(form.form_values()) | fields


def test_withdraw_stops_a_scheduled_article_whatever_is_wrong_beside_it(desk: Service) -> None:
    path = desk.write("schedule", title="Due", publish_at="21/01/2026 20:00")
    answer = desk.edit(path, "withdraw", body="Much better text.", publish_at="31/02/2026 10:00")
    assert answer.status == 200
    assert answer.field("body") == "Much better text."
    assert answer.field("publish_at") == "31/02/2026 10:00"
    assert "It is a draft again." in answer.text
    assert "February 2026 has no day 31" in answer.text
    desk.set_clock(utc(2026, 1, 21, 19, 30))
    assert titles(desk) == []
    # The draft kept the time it had, and the form that came back can be sent on.
    assert desk.browse(path).field("publish_at") == "21/01/2026 20:00"
    sent = dict(answer.page.xpath("//main//form")[0].form_values())
    saved = desk.post(path, sent | {"publish_at": "", "action": "save_draft"}, page=path)
    assert saved.status == 303
    assert desk.browse(path).field("body") == "Much better text."


def test_what_is_typed_while_a_colleague_withdraws_can_be_taken_up_again(desk: Service) -> None:
    path = desk.write(title="Ours", body="As published.")
    mine = typed_in(desk, path, body="What I wrote meanwhile.", action="update")
    desk.edit(path, "withdraw")
    refused = desk.post(path, mine, page=path)
    assert refused.status == 409
    assert "withdrew this article" in refused.text
    assert refused.field("body") == "What I wrote meanwhile."
    assert not refused.page.xpath("//fieldset[@disabled]")
    assert refused.page.xpath("//button[@name='action']/@value") == ["restore"]
    # Restore brings the stored one back, and hands the words on.
    sent = dict(refused.page.xpath("//main//form")[0].form_values())
    restored = desk.post(path, sent | {"action": "restore"}, page=path)
    assert restored.status == 200
    assert restored.field("body").strip() == "What I wrote meanwhile."
    assert "not saved yet" in restored.text
    assert b"As published." in desk.get("/feeds/health.atom").body
    sent = dict(restored.page.xpath("//main//form")[0].form_values())
    assert desk.post(path, sent | {"action": "update"}, page=path).status == 303
    assert b"What I wrote meanwhile." in desk.get("/feeds/health.atom").body


def test_words_typed_beside_withdraw_are_handed_back(desk: Service) -> None:
    path = desk.write(title="Ours", body="As published.")
    answer = desk.edit(path, "withdraw", body="A half-written correction.")
    assert (answer.status, titles(desk)) == (200, [])
    assert answer.field("body") == "A half-written correction."
    assert "Withdrawn." in answer.text
    assert "not saved yet" in answer.text
    assert not answer.page.xpath("//fieldset[@disabled]")


def test_a_category_form_that_was_opened_before_a_rename_undoes_nothing(desk: Service) -> None:
    page = desk.browse("/editor/categories").page
    (form,) = (one for one in page.xpath("//main//form") if one.get("action").endswith("/health"))
    stale = dict(form.form_values()) | {"description": "Mine"}
    renamed = {"name": "Well-being", "slug": "well-being", "description": "Theirs"}
    fresh = dict(form.form_values()) | renamed
    assert desk.post("/editor/categories/health", fresh, page="/editor/new").status == 303
    refused = desk.post("/editor/categories/health", stale, page="/editor/new")
    assert refused.status == 409
    assert "Somebody else changed this category" in refused.text
    (kept,) = (
        one
        for one in refused.page.xpath("//main//form")
        if one.get("action").endswith("/well-being")
    )
    assert kept.fields["name"] == "Health"
    assert kept.fields["description"] == "Mine"
    assert desk.get("/categories/well-being").status == 200
    assert "Theirs" in desk.get("/feeds/well-being.rss").text
    # Seen what is stored, the next press is a choice.
    again = desk.post("/editor/categories/well-being", dict(kept.form_values()), page="/editor/new")
    assert again.status == 303
    assert "Mine" in desk.get("/feeds/health.rss").text


def test_a_save_that_leaves_the_time_alone_leaves_what_was_typed_for_it(desk: Service) -> None:
    path = desk.write(title="Dated", publish_at="2026-01-21T19:13")
    desk.stop()
    desk.write_config("Europe/Athens")
    desk.start()
    assert desk.browse(path).field("publish_at") == "21/01/2026 20:13"
    desk.edit(path, body="Corrected in another zone.")
    from feedsvc.storage import Storage

    storage = Storage(desk.storage_url)
    with storage.reading() as tx:
        entry = tx.entries.get(f"urn:uuid:{path.rsplit('/', 1)[1]}")
    storage.close()
    assert entry.body == "Corrected in another zone."
    assert entry.published == utc(2026, 1, 21, 18, 13)
    assert (entry.wall_time, entry.wall_zone) == ("2026-01-21T19:13", "Europe/Rome")
