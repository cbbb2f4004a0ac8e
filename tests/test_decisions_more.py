"""What else a save keeps, and what it needs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedsvc.errors import InvalidEntry
from feedsvc.model import ALWAYS, Category, Entry, FeedClock, Source, State
from feedsvc.publishing import ASIDE, Action, Draft, find_faults
from feedsvc.publishing.decisions import Rules, decide, entrance, fall_due
from feedsvc.slugs import slug_of

NOW = datetime(2026, 1, 22, 9, 0, tzinfo=UTC)
ID = "urn:uuid:00000000-0000-4000-8000-000000000001"
OTHER_ID = "urn:uuid:00000000-0000-4000-8000-000000000002"
DRAFT = Draft(title="A title", categories=(Category("health", "Health"),), body="A text.")


@pytest.mark.parametrize("action", sorted(set(Action) - ASIDE - {Action.SAVE_DRAFT}))
def test_what_readers_get_needs_title_text_and_category(action: Action) -> None:
    assert find_faults(DRAFT, action) == {}
    empty = Draft(title="", categories=(), body="")
    assert set(find_faults(empty, action)) == {"title", "body", "category"}


def test_a_draft_may_be_unfinished_but_not_empty() -> None:
    empty = Draft(title="", categories=(), body="")
    assert set(find_faults(empty, Action.SAVE_DRAFT)) == {"title"}
    for field in ("title", "body", "summary"):
        assert find_faults(replace(empty, **{field: "x"}), Action.SAVE_DRAFT) == {}


@pytest.mark.parametrize("action", [Action.WITHDRAW, Action.RESTORE])
def test_nothing_is_asked_of_what_is_typed_beside(action: Action) -> None:
    assert find_faults(Draft(title="", categories=(), body=""), action) == {}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", "x" * 501),
        ("author", "x" * 201),
        ("summary", "x" * 2_001),
        ("body", "x" * 1_000_001),
        ("sources", (Source("x"),) * 201),
    ],
)
def test_one_more_than_can_be_kept_is_a_fault(field: str, value: str | tuple) -> None:
    assert set(find_faults(replace(DRAFT, **{field: value}), Action.SAVE_DRAFT)) == {field}
    assert find_faults(replace(DRAFT, **{field: value[1:]}), Action.SAVE_DRAFT) == {}


def test_falling_due_counts_as_a_save() -> None:
    due = replace(DRAFT, published=NOW + timedelta(hours=1))
    entry = decide(None, due, Action.SCHEDULE, NOW, ID)
    late = fall_due(entry, datetime(2026, 1, 22, 15, 0, 7, 999, tzinfo=UTC))
    assert (late.state, late.revision) == (State.PUBLISHED, entry.revision + 1)
    assert late.changed_at == datetime(2026, 1, 22, 15, 0, 7, tzinfo=UTC)
    for state in (State.DRAFT, State.WITHDRAWN, State.PUBLISHED):
        with pytest.raises(ValueError, match="not due"):
            fall_due(replace(entry, state=state), datetime(2027, 1, 1, tzinfo=UTC))


def test_a_published_article_cannot_be_moved_ahead_of_its_readers() -> None:
    entry = decide(None, DRAFT, Action.PUBLISH, NOW, ID)
    ahead = replace(DRAFT, published=NOW + timedelta(hours=1))
    for action in (Action.CORRECT, Action.UPDATE):
        with pytest.raises(InvalidEntry) as refusal:
            decide(entry, ahead, action, NOW, ID)
        assert set(refusal.value.faults) == {"published"}


def test_an_import_of_the_future_is_scheduled_and_one_of_the_past_is_published() -> None:
    ahead = replace(DRAFT, published=datetime(2026, 1, 22, 10, 0, tzinfo=UTC))
    assert decide(None, ahead, Action.IMPORT, NOW, ID).state is State.SCHEDULED
    past = replace(DRAFT, published=NOW - timedelta(days=14))
    entry = decide(None, past, Action.IMPORT, NOW, ID)
    assert (entry.state, entry.visible_at) == (State.PUBLISHED, NOW)


def test_an_archive_brings_no_news_unless_asked_to() -> None:
    published = NOW - timedelta(days=14, seconds=1)
    past = replace(DRAFT, published=published)
    entry = decide(None, past, Action.IMPORT, NOW, ID)
    assert (entry.state, entry.visible_at) == (State.PUBLISHED, published)
    assert entrance(None, entry, FeedClock(NOW, NOW), NOW) == ALWAYS
    news = decide(None, past, Action.IMPORT, NOW, ID, Rules(archive_after=timedelta.max))
    assert (news.state, news.visible_at) == (State.PUBLISHED, NOW)


def test_what_is_news_enters_by_the_feeds_own_clock() -> None:
    ahead = NOW + timedelta(days=365)
    clock = FeedClock(moved_at=ahead, system_at=ahead)
    entry = decide(None, DRAFT, Action.PUBLISH, NOW, ID)
    assert entrance(None, entry, FeedClock(), NOW) == NOW
    assert entrance(None, entry, clock, NOW) == ahead
    assert entrance(entry, entry, clock, NOW) == ahead


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(-(10**9), 10**9)), max_size=20))
def test_a_feeds_clock_never_goes_back_and_never_stands_still(
    steps: list[tuple[int, int]],
) -> None:
    """However the system's clock is moved between two moves of the feed."""
    clock, now = FeedClock(), NOW
    for passed, moved in steps:
        now += timedelta(seconds=passed)
        before = clock.moved_at
        shown = clock.at(now)
        assert shown >= now
        if before is not None:
            assert shown >= before
            assert clock.system_at
            if now >= clock.system_at:
                assert shown - before >= min(now - clock.system_at, now - before)
        clock = FeedClock(shown, now)
        try:
            now += timedelta(seconds=moved)
        except OverflowError:
            return


STEPS = st.tuples(
    st.sampled_from([*Action, None]), st.integers(0, 90_000), st.integers(-90_000, 90_000)
)


@given(st.lists(STEPS, max_size=15), st.lists(st.text(min_size=1, max_size=9), min_size=15))
def test_whatever_is_typed_entrance_slug_and_id_stay_once_published(
    steps: list[tuple[Action | None, int, int]], titles: list[str]
) -> None:
    entry: Entry | None = None
    now, kept = NOW, None
    for (action, seconds, away), title in zip(steps, titles, strict=False):
        now += timedelta(seconds=seconds)
        typed = now + timedelta(seconds=away) if away % 3 else None
        if action is None:
            is_due = entry and entry.state is State.SCHEDULED and entry.visible_at <= now
            if entry and is_due:
                entry = fall_due(entry, now)
            elif entry:
                with pytest.raises(ValueError, match="not due"):
                    fall_due(entry, now)
        try:
            if action is not None:
                changed = replace(DRAFT, title=title, published=typed)
                entry = decide(entry, changed, action, now, OTHER_ID if entry else ID)
        except InvalidEntry:
            continue  # refused, so nothing changed
        if entry:
            assert entry.id == ID
            if kept:
                assert (entry.visible_at, entry.slug) == kept
            if entry.state is State.PUBLISHED:
                kept = (entry.visible_at, entry.slug)
                assert entry.visible_at <= now


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Acme™ wins № 5", "acmetm-wins-no-5"),
        ("𝐀𝐋𝐋", "all-1"),
        ("❤️", "article"),
        ("I ❤️ Rome", "i-rome"),
        ("\u0301", "article"),
        ("1️⃣ first", "1-first"),
        ("Ǽ ǿ", "ae-o"),
    ],
)
def test_signs_in_a_title_leave_a_plain_address(title: str, slug: str) -> None:
    assert slug_of(title) == slug
