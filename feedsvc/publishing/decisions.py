"""What a save means: pure functions of the entry, the draft, the act and ``now``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NoReturn

from feedsvc.characters import clean_block, clean_line, names_in
from feedsvc.errors import InvalidEntry
from feedsvc.model import (
    ALWAYS,
    Category,
    Enclosure,
    Entry,
    FeedClock,
    Source,
    State,
    Window,
    whole_second,
)
from feedsvc.phrases import Grouped, Phrase
from feedsvc.publishing.podcasts import episode_faults
from feedsvc.rendering import nesting
from feedsvc.slugs import slug_of

LONGEST_TITLE = 500
LONGEST_AUTHOR = 200
MOST_AUTHORS = 10
LONGEST_SUMMARY = 2_000
LONGEST_BODY = 1_000_000
MOST_SOURCES = 200
DEEPEST_HTML = 200
LONGEST_ALT = 1_000
LONGEST_ADDRESS = 2_000


class Action(StrEnum):
    """What an editor asks for."""

    SAVE_DRAFT = "save_draft"
    PUBLISH = "publish"
    SCHEDULE = "schedule"
    # A change readers are not told of, and one they are.
    CORRECT = "correct"
    UPDATE = "update"
    WITHDRAW = "withdraw"
    # A withdrawn article, or a discarded draft, comes back as it was.
    RESTORE = "restore"
    # A draft is laid aside.
    DISCARD = "discard"
    # An article from elsewhere, which may lie in the past or the future.
    IMPORT = "import"


# Which acts each state allows; None is an entry that does not exist yet.
ALLOWED: dict[State | None, frozenset[Action]] = {
    None: frozenset({Action.SAVE_DRAFT, Action.PUBLISH, Action.SCHEDULE, Action.IMPORT}),
    State.DRAFT: frozenset({Action.SAVE_DRAFT, Action.PUBLISH, Action.SCHEDULE, Action.DISCARD}),
    # Nobody has seen it yet: to withdraw it is to have a draft again.
    State.SCHEDULED: frozenset(
        {Action.SAVE_DRAFT, Action.PUBLISH, Action.SCHEDULE, Action.WITHDRAW}
    ),
    State.PUBLISHED: frozenset({Action.CORRECT, Action.UPDATE, Action.WITHDRAW}),
    State.WITHDRAWN: frozenset({Action.RESTORE}),
    State.DISCARDED: frozenset({Action.RESTORE}),
}
# What these make of an entry, which stays as it is otherwise: by act and state.
BECOMES = {
    (Action.WITHDRAW, State.PUBLISHED): State.WITHDRAWN,
    (Action.RESTORE, State.WITHDRAWN): State.PUBLISHED,
    (Action.DISCARD, State.DRAFT): State.DISCARDED,
    (Action.RESTORE, State.DISCARDED): State.DRAFT,
}
ASIDE = frozenset(action for action, _ in BECOMES)

# Each state in words.
STATES = {
    State.DRAFT: Phrase("draft"),
    State.SCHEDULED: Phrase("scheduled"),
    State.PUBLISHED: Phrase("published"),
    State.WITHDRAWN: Phrase("withdrawn"),
    State.DISCARDED: Phrase("discarded"),
}

# Counted on to a window: a reader's poll may have been answered by a cache, and the
# clock may have been wrong by an hour.
WINDOW_SLACK = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Rules:
    """How a site publishes.

    :param grace: how long what was just published is held back from readers.
    :param archive_after: an imported article older than this brings no news: it
        stands in its feeds as if it always had.
    """

    grace: timedelta = timedelta()
    archive_after: timedelta = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Draft:
    """What was written, before anything is decided about it.

    :param categories: the first is the principal one.
    :param published: the instant given for it (UTC), or None for the moment of publishing.
    :param wall_time: that instant as it was typed.
    :param wall_zone: the IANA zone it was typed in.
    :param slug: the name of its page's address as it was typed; "" leaves it as it
        is, or makes it from the title.
    """

    title: str
    categories: tuple[Category, ...]
    body: str
    summary: str = ""
    author: str = ""
    sources: tuple[Source, ...] = ()
    published: datetime | None = None
    wall_time: str = ""
    wall_zone: str = ""
    slug: str = ""
    enclosures: tuple[Enclosure, ...] = ()

    @classmethod
    def of(cls, entry: Entry) -> Draft:
        """What a stored entry says.

        Of one that is held back without a time that was typed, none: taken back and
        published later, it is of later.
        """
        is_timeless = is_held_back(entry) and not entry.wall_time
        return cls(
            title=entry.title,
            categories=entry.categories,
            body=entry.body,
            summary=entry.summary,
            author=entry.author,
            sources=entry.sources,
            published=None if is_timeless else entry.published,
            wall_time=entry.wall_time,
            wall_zone=entry.wall_zone,
            slug=entry.slug,
            enclosures=entry.enclosures,
        )

    def cleaned(self) -> Draft:
        """The same with only characters that can be published."""
        return replace(
            self,
            title=clean_line(self.title),
            author=clean_line(self.author),
            summary=clean_line(self.summary),
            body=clean_block(self.body),
            sources=tuple(
                Source(name, clean_line(source.url) if source.url else None)
                for source in self.sources
                if (name := clean_line(source.name))
            ),
            enclosures=tuple(
                replace(one, url=clean_line(one.url), alt=clean_line(one.alt))
                for one in self.enclosures
            ),
            categories=tuple(dict.fromkeys(self.categories)),
            published=whole_second(self.published) if self.published else None,
        )


def decide(
    current: Entry | None,
    draft: Draft,
    action: Action,
    now: datetime,
    new_id: str,
    rules: Rules = Rules(),
) -> Entry:
    """The entry as it will stand.

    The id never changes, whatever else does; the slug only where another was typed.

    :param now: aware UTC.
    :param new_id: the id of an entry that does not exist yet.
    :raises InvalidEntry: names each field that is wrong.
    """
    state = current.state if current else None
    if action not in ALLOWED[state]:
        _refuse(
            "state",
            Phrase(
                "this article is %(state)s, so it cannot be %(done)s now",
                state=STATES[state] if state else state,
                done=_done(action),
            ),
        )
    now = whole_second(now)
    if current and state is State.SCHEDULED and action is Action.WITHDRAW:
        action = Action.SAVE_DRAFT
    if current and (action, current.state) in BECOMES:
        # What was typed beside the button is not published with it.
        return replace(
            current,
            state=BECOMES[action, current.state],
            revision=current.revision + 1,
            changed_at=now,
        )
    draft = draft.cleaned()
    faults = find_faults(draft, action)
    if faults:
        raise InvalidEntry(faults)
    typed_slug = draft.slug.strip()
    if typed_slug and not (current and typed_slug == current.slug):
        typed_slug = slug_of(typed_slug)
    entry = Entry(
        id=current.id if current else new_id,
        # What no reader has seen yet is called after the title it ends up with.
        slug=typed_slug or (current.slug if current and state is State.PUBLISHED else ""),
        title=draft.title,
        author=draft.author,
        summary=draft.summary,
        body=draft.body,
        categories=draft.categories,
        sources=draft.sources,
        enclosures=draft.enclosures,
        state=State.DRAFT,
        published=draft.published,
        wall_time=draft.wall_time,
        wall_zone=draft.wall_zone,
        revision=current.revision + 1 if current else 1,
        changed_at=now,
    )
    if action is Action.SAVE_DRAFT:
        return entry
    if not entry.slug:
        entry = replace(entry, slug=slug_of(entry.title))
    if action is Action.PUBLISH:
        return _held_back(_published(entry, now), rules.grace)
    if action is Action.SCHEDULE:
        return _scheduled(entry, now)
    if action is Action.IMPORT:
        return _imported(entry, now, rules.archive_after)
    if current is None:  # ALLOWED has seen to it; said again for the type
        _refuse("state", Phrase("there is no such article"))
    return _changed(current, entry, action, now)


def _published(entry: Entry, now: datetime) -> Entry:
    published = entry.published or now
    if published > now:
        _refuse(
            "published",
            Phrase(
                "this time is still to come: press Schedule to publish it then, or empty the"
                " field to publish now"
            ),
        )
    return replace(
        entry, state=State.PUBLISHED, published=published, updated=published, visible_at=now
    )


def _scheduled(entry: Entry, now: datetime) -> Entry:
    due = entry.published
    if due is None:
        _refuse("published", Phrase("give the time at which it is to be published"))
    if due <= now:
        _refuse("published", Phrase("this time has passed: press Publish, or give a time to come"))
    return replace(entry, state=State.SCHEDULED, updated=due, visible_at=due)


def _held_back(entry: Entry, grace: timedelta) -> Entry:
    """As it will enter the feeds: at once, or after the time for second thoughts."""
    if not grace or entry.visible_at is None:
        return entry
    return replace(entry, state=State.SCHEDULED, visible_at=entry.visible_at + grace)


def is_held_back(entry: Entry) -> bool:
    """Whether it was published and waits for its grace to end; not scheduled by an editor."""
    return entry.state is State.SCHEDULED and entry.visible_at != entry.published


def _imported(entry: Entry, now: datetime, archive_after: timedelta) -> Entry:
    if entry.published is not None and entry.published > now:
        return _scheduled(entry, now)
    entry = _published(entry, now)
    if entry.published and now - entry.published > archive_after:
        return replace(entry, visible_at=entry.published)
    return entry


def _changed(current: Entry, entry: Entry, action: Action, now: datetime) -> Entry:
    published = entry.published or current.published
    if published is None or current.updated is None:
        _refuse("published", Phrase("this article has no time of publication"))
    # The stored one may lie ahead, where the clock was set back.
    if published > now and published != current.published:
        _refuse("published", Phrase("it is with its readers already, so this cannot lie ahead"))
    # Where the field was emptied the time stands, with what was typed for it.
    typed = entry if entry.published else current
    updated = current.updated
    if action is Action.UPDATE:
        # Later than the last, even where the clock was set back: readers compare.
        updated = max(now, current.updated + timedelta(seconds=1))
    return replace(
        entry,
        state=State.PUBLISHED,
        published=published,
        # RFC 4287 does not forbid updated before published, but readers stumble.
        updated=max(updated, published),
        visible_at=current.visible_at,
        wall_time=typed.wall_time,
        wall_zone=typed.wall_zone,
    )


def fall_due(entry: Entry, now: datetime) -> Entry:
    """A scheduled entry whose moment has come, published with its own due time.

    ``visible_at`` stays the due instant too: what readers were promised, however
    late the service came to it. Its feeds know when it entered them.
    """
    if entry.state is not State.SCHEDULED or entry.visible_at is None or entry.visible_at > now:
        raise ValueError(f"{entry.id} is not due")
    return replace(
        entry,
        state=State.PUBLISHED,
        revision=entry.revision + 1,
        changed_at=whole_second(now),
    )


def find_faults(draft: Draft, action: Action) -> dict[str, str]:
    """Field -> what is wrong with it, for this act. Empty where nothing is.

    A draft may be unfinished; nothing may be longer than what can be kept.
    """
    faults: dict[str, str] = {}
    if action in ASIDE:
        return faults
    for name, longest in (
        ("title", LONGEST_TITLE),
        ("author", LONGEST_AUTHOR),
        ("summary", LONGEST_SUMMARY),
        ("body", LONGEST_BODY),
    ):
        length = len(getattr(draft, name))
        if length > longest:
            faults[name] = Phrase(
                "at most %(longest)s characters; these are %(length)s",
                longest=Grouped(longest),
                length=Grouped(length),
            )
    if len(names_in(draft.author)) > MOST_AUTHORS:
        faults["author"] = Phrase("at most %(most)s authors", most=MOST_AUTHORS)
    if "body" not in faults and nesting(draft.body) > DEEPEST_HTML:
        faults["body"] = Phrase(
            "HTML elements in it stand in each other more than %(deepest)s deep",
            deepest=DEEPEST_HTML,
        )
    if len(draft.sources) > MOST_SOURCES:
        faults["sources"] = Phrase(
            "at most %(most)s; these are %(number)s",
            most=MOST_SOURCES,
            number=len(draft.sources),
        )
    for enclosure in draft.enclosures:
        faults |= _faults_of(enclosure, action)
    if action is Action.SAVE_DRAFT:
        if not (draft.title or draft.body or draft.summary):
            faults["title"] = Phrase("write a title or a text first; there is nothing to keep yet")
        return faults
    if not draft.title:
        faults["title"] = Phrase("write a title")
    if not draft.body:
        faults["body"] = Phrase("write the text of the article")
    if not draft.categories:
        faults["category"] = Phrase("choose a category, so that its subscribers get it")
    return faults


def _faults_of(enclosure: Enclosure, action: Action) -> dict[str, str]:
    name = "picture" if enclosure.is_picture else "audio"
    if len(enclosure.url) > LONGEST_ADDRESS:
        return {name: Phrase("an address has at most %(most)s characters", most=LONGEST_ADDRESS)}
    if len(enclosure.alt) > LONGEST_ALT:
        return {"picture_alt": Phrase("at most %(most)s characters", most=LONGEST_ALT)}
    if not enclosure.is_known and action is not Action.SAVE_DRAFT:
        # RSS 2.0 and Atom's readers want both to be told before they fetch it.
        return {name: Phrase("its type and its length are not known yet")}
    return episode_faults(enclosure.episode)


def _refuse(field: str, fault: str) -> NoReturn:
    raise InvalidEntry({field: fault})


def _done(action: Action) -> Phrase:
    return {
        Action.SAVE_DRAFT: Phrase("kept as a draft"),
        Action.PUBLISH: Phrase("published"),
        Action.SCHEDULE: Phrase("scheduled"),
        Action.CORRECT: Phrase("corrected"),
        Action.UPDATE: Phrase("updated"),
        Action.WITHDRAW: Phrase("withdrawn"),
        Action.RESTORE: Phrase("restored"),
        Action.DISCARD: Phrase("discarded"),
        Action.IMPORT: Phrase("imported"),
    }[action]


def entrance(current: Entry | None, entry: Entry, clock: FeedClock, now: datetime) -> datetime:
    """When an entry enters a feed in which it did not stand until now, by the feed's clock.

    Moved or restored, or late after the service was down, it is news to readers who
    could not see it there before. Only an archive's, a new entry that became visible
    before ``now``, stands in it as if it always had.
    """
    now = whole_second(now)
    if current is None and entry.visible_at is not None and entry.visible_at < now:
        return ALWAYS
    return clock.at(now)


def window_start(last_move: datetime | None, window: Window) -> datetime | None:
    """The instant after which whatever entered a feed stays in it, or left it is told.

    Counted back from the last entrance or withdrawal, not from ``now``: a feed's
    content is then a function of the data, and nothing drops out of it while
    nothing happens.
    """
    if last_move is None:
        return None
    if not window.days:
        return last_move
    try:
        return last_move - timedelta(days=window.days) - WINDOW_SLACK
    except OverflowError:  # an archive of the year 1
        return None


def next_updated(previous: datetime | None, now: datetime) -> datetime:
    """The ``updated`` of a feed whose documents change at ``now``.

    Later than any before it, by a second at least: two changes within a second,
    or a clock set back, must not give two documents one Last-Modified, for a
    reader that sends only If-Modified-Since would miss the second. And the first
    whole second that is not before ``now``: in the one that has begun readers were
    given the older documents, and may send its date.
    """
    second = whole_second(now)
    now = second if second == now else second + timedelta(seconds=1)
    return now if previous is None else max(now, previous + timedelta(seconds=1))


def has_changed(before: Entry | None, after: Entry) -> bool:
    """Whether a save changes anything that is kept, beside its own bookkeeping."""
    if before is None:
        return True
    return replace(before, revision=0, changed_at=None) != replace(
        after, revision=0, changed_at=None
    )
