"""What a save means, decided without a clock or a database."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedsvc.errors import InvalidEntry
from feedsvc.model import Category, Entry, State, Window
from feedsvc.publishing import ALLOWED, Action, Draft
from feedsvc.publishing.decisions import (
    decide,
    fall_due,
    has_changed,
    next_updated,
    window_start,
)
from feedsvc.slugs import slug_of
from tests.conftest import utc

NOW = utc(2026, 1, 22, 9)
ID = "urn:uuid:00000000-0000-4000-8000-000000000001"
DRAFT = Draft(title="A title", categories=(Category("health", "Health"),), body="A text.")


def made(state: State | None) -> Entry | None:
    if state is None:
        return None
    draft = decide(None, DRAFT, Action.SAVE_DRAFT, NOW, ID)
    if state is State.DRAFT:
        return draft
    if state is State.DISCARDED:
        return decide(draft, DRAFT, Action.DISCARD, NOW, ID)
    if state is State.SCHEDULED:
        due = replace(DRAFT, published=NOW + timedelta(hours=1))
        return decide(None, due, Action.SCHEDULE, NOW, ID)
    published = decide(None, DRAFT, Action.PUBLISH, NOW, ID)
    if state is State.PUBLISHED:
        return published
    return decide(published, DRAFT, Action.WITHDRAW, NOW, ID)


@pytest.mark.parametrize("state", [None, *State])
@pytest.mark.parametrize("action", list(Action))
def test_each_state_allows_what_the_table_says(state: State | None, action: Action) -> None:
    draft = DRAFT
    if action is Action.SCHEDULE:
        draft = replace(DRAFT, published=NOW + timedelta(hours=2))
    if action in ALLOWED[state]:
        entry = decide(made(state), draft, action, NOW, ID)
        assert entry.id == ID
    else:
        with pytest.raises(InvalidEntry, match="state"):
            decide(made(state), draft, action, NOW, ID)


def test_a_backdated_article_has_two_clocks() -> None:
    entry = decide(None, replace(DRAFT, published=utc(2020, 1, 1)), Action.PUBLISH, NOW, ID)
    assert (entry.published, entry.updated, entry.visible_at) == (
        utc(2020, 1, 1),
        utc(2020, 1, 1),
        NOW,
    )


def test_publish_does_not_publish_in_the_future_and_schedule_not_in_the_past() -> None:
    later, earlier = NOW + timedelta(seconds=1), NOW
    with pytest.raises(InvalidEntry, match="press Schedule"):
        decide(None, replace(DRAFT, published=later), Action.PUBLISH, NOW, ID)
    with pytest.raises(InvalidEntry, match="has passed"):
        decide(None, replace(DRAFT, published=earlier), Action.SCHEDULE, NOW, ID)
    with pytest.raises(InvalidEntry, match="give the time"):
        decide(None, DRAFT, Action.SCHEDULE, NOW, ID)


def test_a_correction_keeps_updated_and_news_moves_it() -> None:
    entry = made(State.PUBLISHED)
    later = NOW + timedelta(days=1)
    other = replace(DRAFT, title="Another", categories=(Category("science", "Science"),))
    corrected = decide(entry, other, Action.CORRECT, later, "ignored")
    assert (corrected.id, corrected.slug, corrected.published, corrected.updated) == (
        ID,
        "a-title",
        NOW,
        NOW,
    )
    assert decide(entry, other, Action.UPDATE, later, ID).updated == later


def test_withdrawing_publishes_nothing_that_was_typed_beside() -> None:
    entry = made(State.PUBLISHED)
    gone = decide(entry, replace(DRAFT, title="", body="typed"), Action.WITHDRAW, NOW, ID)
    assert (gone.title, gone.body, gone.state) == ("A title", "A text.", State.WITHDRAWN)


def test_what_falls_due_keeps_its_due_time() -> None:
    entry = made(State.SCHEDULED)
    assert entry
    due = NOW + timedelta(hours=1)
    late = fall_due(entry, NOW + timedelta(hours=5))
    assert (late.published, late.updated, late.visible_at) == (due, due, due)
    with pytest.raises(ValueError, match="not due"):
        fall_due(entry, due - timedelta(seconds=1))


def test_too_much_is_refused_by_field() -> None:
    draft = replace(DRAFT, title="t" * 501, summary="s" * 2001, body="b" * 1_000_001)
    with pytest.raises(InvalidEntry) as refusal:
        decide(None, draft, Action.SAVE_DRAFT, NOW, ID)
    assert set(refusal.value.faults) == {"title", "summary", "body"}


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Stem cells: a *potential* breakthrough?", "stem-cells-a-potential-breakthrough"),
        ("Zoë's Straße in Łódź", "zoes-strasse-in-lodz"),
        ("متحف صغير", "متحف-صغير"),
        ("日本の記事", "日本の記事"),
        ("🐌🐌", "article"),
        ("Åse Kjærvig på Sørlund", "ase-kjaervig-pa-sorlund"),
        ("הספרייה הצפה", "הספרייה-הצפה"),
        ("All", "all-1"),
        ("Authors!", "authors-1"),
        ("x" * 200, "x" * 80),
        ("../../etc/passwd", "etc-passwd"),
        ("word " * 50, "-".join(["word"] * 16)),
    ],
)
def test_slugs(title: str, slug: str) -> None:
    assert slug_of(title) == slug


@settings(derandomize=True, deadline=None)
@given(st.text(max_size=120))
def test_a_slug_is_safe_in_an_address(title: str) -> None:
    slug = slug_of(title)
    assert slug
    assert len(slug) <= 90
    assert not set(slug) & set("/?#% \t\n&<>\"'\\")
    assert slug == unicodedata.normalize("NFC", slug)
    assert slug not in ("all", "authors")


@settings(derandomize=True, deadline=None)
@given(st.lists(st.integers(-10_000, 10_000), max_size=20))
def test_a_feeds_updated_always_grows(steps: list[int]) -> None:
    previous, now = None, NOW
    for step in steps:
        now += timedelta(milliseconds=step)
        later = next_updated(previous, now)
        assert previous is None or later > previous
        assert later.microsecond == 0
        previous = later


def test_the_window_is_counted_from_the_last_entrance() -> None:
    # Two hours more than the days: a cached answer, a clock that was wrong.
    assert window_start(NOW, Window(days=14)) == utc(2026, 1, 8, 7)
    assert window_start(NOW, Window(days=0)) == NOW
    assert window_start(None, Window()) is None
    assert window_start(utc(1, 1, 3), Window(days=14)) is None


@settings(derandomize=True, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(list(Action)), st.integers(0, 100_000)), max_size=12))
def test_no_sequence_of_acts_changes_id_or_entrance(acts: list[tuple[Action, int]]) -> None:
    entry: Entry | None = None
    now: datetime = NOW
    entered = slug = None
    for action, seconds in acts:
        now += timedelta(seconds=seconds)
        due = now + timedelta(hours=1) if action is Action.SCHEDULE else None
        if action not in ALLOWED[entry.state if entry else None]:
            continue
        entry = decide(entry, replace(DRAFT, published=due), action, now, ID)
        assert entry.id == ID
        if entry.state in (State.PUBLISHED, State.WITHDRAWN):
            assert entered in (None, entry.visible_at)
            assert slug in (None, entry.slug)
            entered, slug = entry.visible_at, entry.slug


LETTERS = st.sampled_from([*"aZ éßłØ-_/?'’.09", "日", "本", "مت", "ה", "İ", "ǆ", "🐌", "e\u0301"])


@settings(derandomize=True, deadline=None)
@given(st.lists(LETTERS, max_size=120).map("".join) | st.text(max_size=120))
def test_the_slug_of_a_slug_is_itself(title: str) -> None:
    assert slug_of(slug_of(title)) == slug_of(title)


def test_what_is_left_empty_keeps_the_time_and_what_moves_it_never_outruns_updated() -> None:
    entry = decide(None, replace(DRAFT, published=utc(2020, 1, 1)), Action.PUBLISH, NOW, ID)
    later = NOW + timedelta(days=1)
    assert decide(entry, DRAFT, Action.CORRECT, later, ID).published == utc(2020, 1, 1)
    moved = decide(entry, replace(DRAFT, published=NOW), Action.CORRECT, later, ID)
    assert (moved.published, moved.updated, moved.visible_at) == (NOW, NOW, NOW)
    earlier = decide(entry, replace(DRAFT, published=utc(2019, 1, 1)), Action.CORRECT, later, ID)
    assert (earlier.published, earlier.updated) == (utc(2019, 1, 1), utc(2020, 1, 1))


def test_the_address_follows_the_title_until_readers_know_it() -> None:
    draft = made(State.DRAFT)
    assert draft
    assert (draft.slug, draft.visible_at) == ("", None)
    due = replace(DRAFT, published=NOW + timedelta(hours=1))
    scheduled = decide(draft, due, Action.SCHEDULE, NOW, ID)
    renamed = decide(scheduled, replace(DRAFT, title="New"), Action.PUBLISH, NOW, ID)
    assert (scheduled.slug, renamed.slug) == ("a-title", "new")
    again = decide(renamed, replace(DRAFT, title="Newer"), Action.CORRECT, NOW, ID)
    assert (again.slug, again.title) == ("new", "Newer")
    typed = decide(again, replace(DRAFT, slug="Own Address"), Action.CORRECT, NOW, ID)
    assert typed.slug == "own-address"


def test_a_fraction_of_a_second_is_cut_off() -> None:
    moment = NOW.replace(microsecond=999_999)
    entry = decide(None, replace(DRAFT, published=moment), Action.PUBLISH, moment, ID)
    assert (entry.published, entry.visible_at, entry.changed_at) == (NOW, NOW, NOW)


def test_a_save_that_keeps_every_word_changes_nothing_but_its_own_bookkeeping() -> None:
    entry = made(State.PUBLISHED)
    assert entry
    later = NOW + timedelta(days=1)
    again = decide(entry, DRAFT, Action.CORRECT, later, ID)
    assert (again.revision, again.changed_at) == (2, later)
    assert not has_changed(entry, again)
    assert has_changed(entry, decide(entry, replace(DRAFT, body="x"), Action.CORRECT, later, ID))
    assert has_changed(entry, decide(entry, DRAFT, Action.UPDATE, later, ID))
    assert has_changed(None, entry)
