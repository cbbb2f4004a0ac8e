"""From what was typed to a draft, and back: nothing typed is lost, no instant moves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from werkzeug.datastructures import MultiDict

from feedsvc.model import Category, Entry, Source, State
from feedsvc.publishing import Draft
from feedsvc.web.forms import ArticleForm, is_editable

ROME = ZoneInfo("Europe/Rome")
ATHENS = ZoneInfo("Europe/Athens")
HEALTH = Category("health", "Health")
SCIENCE = Category("science", "Science")
CATEGORIES = (HEALTH, SCIENCE)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


FIRST_HALF_PAST_TWO = utc(2026, 10, 25, 0, 30)
SECOND_HALF_PAST_TWO = utc(2026, 10, 25, 1, 30)


def stored(published: datetime | None = None, **changes: object) -> Entry:
    """A draft as it is stored, since a draft may lack anything."""
    entry = Entry(
        id="urn:uuid:00000000-0000-4000-8000-000000000001",
        slug="a-title",
        title="A title",
        author="Ada Rossi",
        summary="In short.",
        body="A text.",
        categories=(HEALTH, SCIENCE),
        state=State.DRAFT,
        published=published,
        revision=7,
    )
    return replace(entry, **changes)


def typed(**fields: str) -> ArticleForm:
    return ArticleForm.from_request(MultiDict({"category": "health", **fields}))


def draft_of(
    form: ArticleForm, current: Entry | None = None, zone: ZoneInfo = ROME
) -> tuple[Draft, ArticleForm]:
    return form.to_draft(CATEGORIES, current, zone, zone.key)


def resubmitted(form: ArticleForm, **changes: str) -> ArticleForm:
    """What a browser sends back of the form it was shown, some fields changed."""
    fields = MultiDict(
        {
            "title": form.title,
            "category": form.category,
            "summary": form.summary,
            "body": form.body,
            "author": form.author,
            "publish_at": form.publish_at,
            "fold": form.fold,
            "sources": form.sources,
            "revision": str(form.revision),
            **changes,
        }
    )
    fields.setlist("also_in", list(form.also_in))
    return ArticleForm.from_request(fields)


def test_everything_typed_is_kept_as_it_was_typed() -> None:
    fields = MultiDict(
        {
            "title": "  A <b>title ",
            "category": "health",
            "summary": " short\r\n",
            "body": "\r\n  text \r\n\r\n",
            "author": " Ada ",
            "publish_at": " nonsense ",
            "fold": "1",
            "sources": " x \r\n\r\n",
            "told": "update",
            "revision": "12",
        }
    )
    fields.setlist("also_in", ["science", "culture"])
    form = ArticleForm.from_request(fields)
    assert form == ArticleForm(
        title="  A <b>title ",
        category="health",
        also_in=("science", "culture"),
        summary=" short\r\n",
        body="\r\n  text \r\n\r\n",
        author=" Ada ",
        publish_at=" nonsense ",
        fold="1",
        sources=" x \r\n\r\n",
        told="update",
        revision=12,
    )


def test_what_was_typed_stays_in_the_form_that_is_shown_again_with_faults() -> None:
    form = typed(title=" T ", body=" b ", publish_at=" 31/02/2026 10:00 ", category="gone")
    _, again = draft_of(form)
    assert set(again.faults) == {"category", "publish_at"}
    assert replace(again, faults={}) == form


def test_an_empty_request_is_an_empty_form() -> None:
    assert ArticleForm.from_request(MultiDict()) == ArticleForm()


@pytest.mark.parametrize("fold", ["2", "-1", "x", " 1", "¹"])
def test_a_fold_that_is_none_is_left_out(fold: str) -> None:
    assert typed(fold=fold).fold == ""


@pytest.mark.parametrize("revision", ["", "-1", "1.5", "x", "²", "٣", " 3"])
def test_a_revision_that_is_no_number_is_that_of_a_new_entry(revision: str) -> None:
    assert typed(revision=revision).revision == 0


@pytest.mark.parametrize("told", ["", "correction", "UPDATE", "withdraw"])
def test_readers_are_told_of_a_change_only_where_it_is_asked_for(told: str) -> None:
    assert typed(told=told).told == "correction"


def test_a_stored_entry_comes_back_from_its_form_unchanged() -> None:
    sources = (Source("A journal – a title", "https://example.org/a"), Source("An institute"))
    entry = stored(utc(2026, 1, 21, 18, 13, 42), sources=sources)
    draft, form = draft_of(resubmitted(ArticleForm.from_entry(entry, ROME)), entry)
    assert form.faults == {}
    assert form.revision == 7
    assert draft == Draft(
        title="A title",
        categories=(HEALTH, SCIENCE),
        body="A text.",
        summary="In short.",
        author="Ada Rossi",
        sources=sources,
        published=utc(2026, 1, 21, 18, 13, 42),
        # Nobody typed a time for it, and sending the form back types none.
        wall_time="",
        wall_zone="",
    )


def test_an_entry_without_a_time_has_an_empty_field_and_stays_without() -> None:
    form = ArticleForm.from_entry(stored(), ROME)
    assert (form.publish_at, form.fold, form.fold_choices) == ("", "", ())
    draft, _ = draft_of(resubmitted(form), stored())
    assert (draft.published, draft.wall_time, draft.wall_zone) == (None, "", "")


def test_emptying_the_field_takes_the_stored_time_away() -> None:
    draft, form = draft_of(typed(publish_at="  "), stored(utc(2026, 1, 21, 18, 13)))
    assert draft.published is None
    assert form.faults == {}


@pytest.mark.parametrize("field", [{"category": "gone"}, {"also_in": "gone"}])
def test_a_category_that_is_gone_is_named(field: dict[str, str]) -> None:
    draft, form = draft_of(typed(**field))
    assert "“gone”" in form.faults["category"]
    assert all(category in CATEGORIES for category in draft.categories)


def test_no_category_is_no_fault_of_the_form() -> None:
    draft, form = draft_of(typed(category=""))
    assert (draft.categories, form.faults) == ((), {})


def test_the_principal_category_comes_first() -> None:
    draft, _ = draft_of(typed(category="science", also_in="health"))
    assert draft.categories == (SCIENCE, HEALTH)


@pytest.mark.parametrize(
    "text", ["21/01/2026 19:13", " 21/1/2026  19:13 ", "2026-01-21T19:13", "2026-01-21 19:13"]
)
def test_the_unchanged_minute_keeps_the_stored_second_however_it_is_written(text: str) -> None:
    entry = stored(utc(2026, 1, 21, 18, 13, 42))
    draft, _ = draft_of(typed(publish_at=text), entry)
    assert draft.published == utc(2026, 1, 21, 18, 13, 42)


def test_another_minute_is_another_instant_of_whole_minutes() -> None:
    entry = stored(utc(2026, 1, 21, 18, 13, 42))
    draft, _ = draft_of(typed(publish_at="21/01/2026 19:14"), entry)
    assert draft.published == utc(2026, 1, 21, 18, 14)
    assert (draft.wall_time, draft.wall_zone) == ("21/01/2026 19:14", "Europe/Rome")


@pytest.mark.parametrize(
    ("instant", "fold"),
    [(utc(2026, 10, 25, 0, 30, 17), "0"), (utc(2026, 10, 25, 1, 30, 17), "1")],
)
def test_the_unchanged_field_keeps_the_instant_through_an_overlap(
    instant: datetime, fold: str
) -> None:
    form = ArticleForm.from_entry(stored(instant), ROME)
    assert (form.publish_at, form.fold) == ("25/10/2026 02:30", fold)
    assert [value for value, _ in form.fold_choices] == ["0", "1"]
    draft, again = draft_of(resubmitted(form), stored(instant))
    assert draft.published == instant
    assert again.faults == {}
    assert again.fold_choices == form.fold_choices


@pytest.mark.parametrize(
    ("instant", "fold", "chosen"),
    [
        (utc(2026, 10, 25, 1, 30, 17), "0", FIRST_HALF_PAST_TWO),
        (utc(2026, 10, 25, 0, 30, 17), "1", SECOND_HALF_PAST_TWO),
    ],
)
def test_choosing_the_other_of_two_equal_times_moves_the_instant(
    instant: datetime, fold: str, chosen: datetime
) -> None:
    form = ArticleForm.from_entry(stored(instant), ROME)
    draft, again = draft_of(resubmitted(form, fold=fold), stored(instant))
    assert draft.published == chosen
    assert again.faults == {}


def test_a_new_time_shown_twice_is_asked_about_and_then_taken_as_chosen() -> None:
    draft, form = draft_of(typed(publish_at="25/10/2026 02:30"))
    assert draft.published is None
    assert "Choose which one is meant" in form.faults["publish_at"]
    (zero, first), (one, second) = form.fold_choices
    assert (zero, one) == ("0", "1")
    assert "00:30 UTC" in first
    assert "01:30 UTC" in second
    for fold, instant in (("0", FIRST_HALF_PAST_TWO), ("1", SECOND_HALF_PAST_TWO)):
        draft, again = draft_of(typed(publish_at="25/10/2026 02:30", fold=fold))
        assert draft.published == instant
        assert again.faults == {}


def test_a_fold_left_over_from_another_time_does_no_harm() -> None:
    entry = stored(utc(2026, 10, 25, 1, 30))
    form = resubmitted(ArticleForm.from_entry(entry, ROME), publish_at="25/10/2026 12:00")
    draft, again = draft_of(form, entry)
    assert draft.published == utc(2026, 10, 25, 11, 0)
    assert again.fold_choices == ()


@pytest.mark.parametrize(
    ("instant", "shown", "fold"),
    [
        (utc(2026, 1, 21, 18, 13, 42), "21/01/2026 20:13", ""),
        # Both zones go back at the same instant, so the second is the second in both.
        (utc(2026, 10, 25, 1, 30, 17), "25/10/2026 03:30", "1"),
        (utc(2026, 10, 25, 0, 30, 17), "25/10/2026 03:30", "0"),
    ],
)
def test_the_unchanged_field_keeps_the_instant_after_the_zone_changed(
    instant: datetime, shown: str, fold: str
) -> None:
    entry = stored(instant, wall_time="as typed in Rome", wall_zone="Europe/Rome")
    form = ArticleForm.from_entry(entry, ATHENS)
    assert (form.publish_at, form.fold) == (shown, fold)
    draft, again = draft_of(resubmitted(form), entry, ATHENS)
    assert draft.published == instant
    assert again.faults == {}


def test_a_new_time_is_read_in_the_zone_that_is_set_now() -> None:
    entry = stored(utc(2026, 1, 21, 18, 13))
    draft, _ = draft_of(typed(publish_at="22/01/2026 09:00"), entry, ATHENS)
    assert draft.published == utc(2026, 1, 22, 7, 0)
    assert draft.wall_zone == "Europe/Athens"


def test_a_time_that_the_clocks_skip_is_refused_with_both_real_times_beside_it() -> None:
    draft, form = draft_of(typed(publish_at="29/03/2026 02:30"))
    assert draft.published is None
    assert (draft.wall_time, draft.wall_zone) == ("", "")
    fault = form.faults["publish_at"]
    assert "29/03/2026 02:30 does not exist in Europe/Rome" in fault
    assert "29/03/2026 01:59 CET (00:59 UTC)" in fault
    assert "29/03/2026 03:00 CEST (01:00 UTC)" in fault


@pytest.mark.parametrize("text", ["10/28/2026 10:00", "31/02/2026 10:00", "tomorrow", "24:00"])
def test_what_is_no_time_is_refused_and_its_text_kept(text: str) -> None:
    draft, form = draft_of(typed(publish_at=text), stored(utc(2026, 1, 21, 18, 13)))
    assert draft.published is None
    assert f"“{text}”" in form.faults["publish_at"]
    assert form.publish_at == text


def test_sources_are_read_line_by_line_with_and_without_addresses() -> None:
    text = (
        "• A journal – a title – https://example.org/a\r\n\r\n  An institute\r\nhttps://b.example/"
    )
    draft, form = draft_of(typed(sources=text))
    assert draft.sources == (
        Source("A journal – a title", "https://example.org/a"),
        Source("An institute"),
        Source("https://b.example/", "https://b.example/"),
    )
    assert form.sources == text


def test_faults_found_by_publishing_go_to_the_fields_of_the_form() -> None:
    form = replace(typed(), faults={"publish_at": "of the form"}).with_faults(
        {"published": "of publishing", "categories": "choose", "title": "write"}
    )
    assert form.faults == {"publish_at": "of the form", "category": "choose", "title": "write"}


def test_the_form_takes_changes_unless_the_article_is_withdrawn() -> None:
    moment = utc(2026, 1, 21, 18, 13)
    assert is_editable(None)
    assert is_editable(stored())
    published = stored(moment, state=State.PUBLISHED, updated=moment, visible_at=moment)
    assert is_editable(published)
    assert not is_editable(replace(published, state=State.WITHDRAWN))
