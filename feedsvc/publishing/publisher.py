"""Save, withdraw, import; publish what is due.

Each save commits the entry together with a change row for every feed it touches,
then renders those feeds at once if it can. What it cannot, the next tick does.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import uuid4

import structlog

from feedsvc.characters import clean_line, is_language_tag
from feedsvc.errors import EditConflict, InvalidEntry, NotFound
from feedsvc.model import ID_PREFIX, Category, Entry, State, whole_second
from feedsvc.phrases import Grouped, Phrase
from feedsvc.podcasts import NO_PODCAST, Podcast
from feedsvc.publishing.decisions import (
    Action,
    Draft,
    Rules,
    decide,
    entrance,
    fall_due,
    has_changed,
)
from feedsvc.publishing.podcasts import Cover, as_kept, cover_digest, feed_url, podcast_faults
from feedsvc.publishing.regeneration import BATCH, Regenerator
from feedsvc.slugs import category_slug_of, is_reserved
from feedsvc.storage import BY_COMMAND, CHANGED_MEANWHILE, Transaction, words_of

log = structlog.get_logger("feedsvc.publishing")

# What a version is of that the clock made, and no button.
DUE = "due"
LONGEST_CATEGORY = 100
LONGEST_DESCRIPTION = 1_000
# So many feeds are rendered while an editor waits.
MOST_AT_ONCE = 20
_NAME_FAULT = Phrase(
    "a category needs a name, of at most %(longest)s characters", longest=LONGEST_CATEGORY
)


class Move(StrEnum):
    """Where a category is to stand."""

    UP = "up"
    DOWN = "down"
    FIRST = "first"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Publisher(Regenerator):
    """Everything that changes what readers get.

    :param grace: how long what was just published is held back.
    """

    grace: timedelta = timedelta()

    @property
    def _rules(self) -> Rules:
        return Rules(grace=self.grace, archive_after=timedelta(days=self.window.days))

    # Saving

    def save_entry(
        self,
        draft: Draft,
        action: Action,
        now: datetime,
        *,
        id: str,
        expected_revision: int,
        by: str = "",
    ) -> Entry:
        """Do what the editor asks for, durably, and bring it to the feeds.

        :param id: the entry to change, or the id that a new one is to have. A new
            one's form carries its id, so that a form sent twice makes one article.
        :param expected_revision: the revision the editor was shown, 0 of a new entry.
        :param by: the name of the editor's account.
        :raises InvalidEntry: names each field that is wrong; nothing was stored.
        :raises EditConflict: somebody else saved it meanwhile; nothing was stored.
        :raises NotFound: there is no entry ``id``, and it is not a new one.
        :raises StorageError: it could not be stored; nothing was.
        """
        cleaned = draft.cleaned()
        words_of(cleaned.title, cleaned.author, cleaned.summary, cleaned.body)
        with self.storage.writing() as tx:
            current = self._current(tx, id, expected_revision)
            if current and expected_revision == 0:
                # The form of a new article, sent again. decide() judges it as it
                # did the first time: equal means that it was only sent twice.
                again = decide(None, draft, action, current.changed_at or now, id, self._rules)
                if has_changed(current, replace(again, slug=current.slug)):
                    raise EditConflict(Phrase("this article was saved already, with another text"))
                return current
            if current and current.revision != expected_revision:
                # Before anything is judged by a state that the editor has not seen.
                raise EditConflict(CHANGED_MEANWHILE)
            entry = decide(current, draft, action, now, id, self._rules)
            self._check_address(tx, current, entry, draft)
            entry, touched = self._put(
                tx, current, entry, expected_revision, now, by=by, action=action.value
            )
        log.info("saved", entry=entry.id, action=action.value, state=entry.state.value)
        self._regenerate_quietly(touched, now)
        return entry

    def foresee(self, current: Entry | None, draft: Draft, action: Action, now: datetime) -> Entry:
        """The entry as ``save_entry`` would leave it; nothing is stored.

        :raises InvalidEntry: names each field that is wrong.
        """
        id = current.id if current else f"{ID_PREFIX}{uuid4()}"
        return decide(current, draft, action, now, id, self._rules)

    def _current(self, tx: Transaction, id: str, expected_revision: int) -> Entry | None:
        try:
            return tx.entries.get(id)
        except NotFound:
            if expected_revision:
                raise
            return None

    def _check_address(
        self, tx: Transaction, current: Entry | None, entry: Entry, draft: Draft
    ) -> None:
        """An address that was typed is taken as it is, or refused."""
        if not draft.slug.strip() or (current and current.slug == entry.slug):
            return
        if tx.entries.free_slug(entry.slug, entry.id) != entry.slug:
            fault = Phrase(
                "“%(slug)s” is or was the address of another article; write another",
                slug=entry.slug,
            )
            raise InvalidEntry({"slug": fault})

    def import_entry(
        self,
        draft: Draft,
        origin: str,
        now: datetime,
        *,
        announce: bool = False,
        by: str = "",
    ) -> tuple[Entry, bool]:
        """Store an article from elsewhere, unless it is here already.

        What is here stays as it is, edited or withdrawn. The feeds are rendered
        by whoever asks for ``regenerate_due`` next, once for a whole import.

        :param origin: names the article where it came from; the same each time.
        :param announce: readers get it as news, however old it is.
        :param by: the name of the editor's account.
        :returns: the entry, and whether it is new.
        """
        with self.storage.writing() as tx:
            known = tx.entries.by_origin(origin)
            if known is not None:
                return known, False
            rules = replace(self._rules, archive_after=timedelta.max) if announce else self._rules
            entry = decide(None, draft, Action.IMPORT, now, f"{ID_PREFIX}{uuid4()}", rules)
            entry, _ = self._put(tx, None, entry, 0, now, origin=origin, by=by)
        log.info("imported", entry=entry.id, state=entry.state.value)
        return entry, True

    def _put(
        self,
        tx: Transaction,
        current: Entry | None,
        entry: Entry,
        expected_revision: int,
        now: datetime,
        origin: str | None = None,
        by: str = "",
        action: str = "",
    ) -> tuple[Entry, list[int]]:
        """Store an entry and announce it to the feeds of its old and new categories."""
        if entry.slug and (current is None or current.slug != entry.slug):
            entry = replace(entry, slug=tx.entries.free_slug(entry.slug, entry.id))
        if current is None:
            tx.entries.add(entry, origin=origin)
        elif current.revision != expected_revision or has_changed(current, entry):
            tx.entries.replace(
                entry,
                expected_revision=expected_revision,
                has_new_words=_searched(current) != _searched(entry),
            )
        else:
            return current, []
        if action:
            tx.history.keep(entry, by, action, current)
        tx.audit.note(
            now,
            by=by,
            action=f"article.{action}" if action else _named("article.import", by),
            subject=entry.title,
            detail=f"version {entry.revision}",
            entry_id=entry.id,
        )
        if current and current.state is State.PUBLISHED and current.slug != entry.slug:
            tx.entries.keep_former_slug(entry.id, former=current.slug, current=entry.slug)
        if not any(_is_in_feeds(state) for state in (current, entry) if state):
            return entry, []
        if _is_in_feeds(entry):
            tx.authors.ensure(entry.author)
        touched = tx.feeds.touched_by(entry)
        clocks = tx.feeds.lock_clocks(touched)
        entered = {one: entrance(current, entry, clocks[one], now) for one in touched}
        tx.feeds.place(entry, entered, whole_second(now))
        tx.feeds.announce(touched, whole_second(now))
        return entry, touched

    def imported(self, origin: str) -> Entry | None:
        """The article named so where it came from, if it is here already."""
        with self.storage.reading() as tx:
            return tx.entries.by_origin(origin)

    def is_empty(self) -> bool:
        """Whether there is no entry at all."""
        with self.storage.reading() as tx:
            return not tx.entries.is_any()

    # Categories

    def has_category(self, name_or_slug: str) -> bool:
        """Whether ``category_called`` would find one."""
        with self.storage.reading() as tx:
            return tx.feeds.category_called(name_or_slug) is not None

    def category_called(self, name_or_slug: str, now: datetime) -> Category:
        """The category of that slug, or of that name, or a new one of that name."""
        with self.storage.reading() as tx:
            try:
                return tx.feeds.category(name_or_slug)
            except NotFound:
                pass
        return self.ensure_category(name_or_slug, now)

    def ensure_category(
        self,
        name: str,
        now: datetime,
        *,
        slug: str = "",
        description: str = "",
        language: str = "",
        content: str = "",
        by: str = "",
    ) -> Category:
        """The category of that slug or name, made if it is missing.

        :param by: the name of the editor's account.
        :raises InvalidEntry: the name is empty or too long.
        """
        name, description = clean_line(name), clean_line(description)
        if not 0 < len(name) <= LONGEST_CATEGORY:
            raise InvalidEntry({"category": _NAME_FAULT})
        with self.storage.writing() as tx:
            tx.feeds.lock_categories()
            if slug:
                try:
                    return tx.feeds.category(slug)
                except NotFound:
                    pass
            else:
                known = tx.feeds.category_named(name)
                if known:
                    return known
                slug = tx.feeds.free_category_slug(category_slug_of(name))
            wanted = Category(slug, name, description, language=language, content=content)
            made = tx.feeds.add_category(wanted, whole_second(now))
            tx.audit.note(now, by=by, action=_named("category.made", by), subject=made.name)
        log.info("category made", category=made.slug)
        return made

    def change_category(
        self,
        slug: str,
        now: datetime,
        *,
        name: str,
        new_slug: str,
        description: str,
        language: str | None = None,
        content: str | None = None,
        podcast: Podcast | None = None,
        expected: Category | None = None,
        by: str = "",
    ) -> Category:
        """Rename a category, or give it another address; the old one stays its own.

        :param new_slug: as it was typed; "" leaves it as it is.
        :param language: BCP 47 tag as it was typed, "" the site's; None leaves it as it is.
        :param content: one of ``CONTENTS``, "" the site's; None leaves it as it is.
        :param podcast: as it was typed, but for its UUID; None leaves it as it is.
        :param expected: what the editor was shown; its id does not count, nor do its
            language, content and podcast where none are given.
        :param by: the name of the editor's account.
        :raises EditConflict: it is another now; nothing was stored.
        :raises NotFound: there is no category ``slug``.
        :raises InvalidEntry: names each field that is wrong; nothing was stored.
        """
        with self.storage.writing() as tx:
            tx.feeds.lock_categories()
            current = tx.feeds.category(slug)
            if expected and language is None:
                expected = replace(expected, language=current.language)
            if expected and content is None:
                expected = replace(expected, content=current.content)
            if expected and podcast is None:
                expected = replace(expected, podcast=current.podcast)
            if expected and replace(expected, id=current.id) != current:
                raise EditConflict(
                    Phrase("somebody else changed this category since you opened it")
                )
            changed = Category(
                category_slug_of(new_slug) if new_slug.strip() else current.slug,
                clean_line(name) or "?",
                clean_line(description),
                current.id,
                current.language if language is None else clean_line(language),
                current.content if content is None else content,
            )
            changed = self._with_podcast(changed, podcast, current.podcast)
            self._check_category(tx, changed, name, new_slug)
            if changed == current:
                return current
            tx.feeds.change_category(changed)
            is_named_anew = (current.name, current.slug) != (changed.name, changed.slug)
            named = [
                name
                for name in ("description", "language", "content", "podcast")
                if getattr(current, name) != getattr(changed, name)
            ]
            if is_named_anew:
                named.insert(0, f"was {current.name}, {current.slug}")
            tx.audit.note(
                now, by=by, action="category.changed", subject=changed.name, detail="; ".join(named)
            )
            own = tx.feeds.feed(changed.slug).id
            touched = tx.feeds.sharing_with(changed)
            tx.feeds.announce(touched, whole_second(now))
        log.info("category changed", category=changed.slug, before=current.slug)
        # Its own first. Thousands may share an article with it: those can wait.
        touched.sort(key=lambda feed_id: feed_id != own)
        self._regenerate_quietly(touched[:MOST_AT_ONCE], now)
        return changed

    def new_category(
        self,
        now: datetime,
        *,
        name: str,
        slug: str = "",
        description: str = "",
        language: str = "",
        content: str = "",
        podcast: Podcast | None = None,
        by: str = "",
    ) -> Category:
        """A category that was not there before, with its feeds, behind the others.

        :param by: the name of the editor's account.
        :raises InvalidEntry: names each field that is wrong; nothing was stored.
        """
        category = Category(
            category_slug_of(slug if slug.strip() else clean_line(name)),
            clean_line(name) or "?",
            clean_line(description),
            language=clean_line(language),
            content=content,
        )
        category = self._with_podcast(category, podcast, NO_PODCAST)
        with self.storage.writing() as tx:
            tx.feeds.lock_categories()
            self._check_category(tx, category, name, slug)
            made = tx.feeds.add_category(category, whole_second(now))
            tx.audit.note(now, by=by, action="category.made", subject=made.name)
            own = tx.feeds.feed(made.slug).id
        log.info("category made", category=made.slug)
        self._regenerate_quietly([own], now)
        return made

    def move_category(
        self, slug: str, to: Move, now: datetime, *, beside: str | None = None, by: str = ""
    ) -> Category:
        """Put a category elsewhere in the order in which they are named.

        :param beside: the slug of the one that stood there when the editor looked, which it
            is to stand before (up) or behind (down). None: whichever stands there now.
        :param by: the name of the editor's account.
        :raises EditConflict: another one stands there now; nothing was stored.
        :raises NotFound: there is no category ``slug``.
        """
        with self.storage.writing() as tx:
            tx.feeds.lock_categories()
            category, order = tx.feeds.category(slug), tx.category_order
            there, opposite = order.before(category), order.after(category)
            if to in (Move.DOWN, Move.LAST):
                there, opposite = opposite, there
            if to in (Move.FIRST, Move.LAST):
                is_moved = there is not None
                if is_moved:
                    put = order.put_first if to is Move.FIRST else order.put_last
                    put(category)
            else:
                wanted = there
                if beside is not None:
                    shown = tx.feeds.category_called(beside)
                    wanted = shown.id if shown else -1
                if wanted not in (there, opposite):
                    raise EditConflict(
                        Phrase("somebody else moved categories since you opened the page")
                    )
                # On its other side it stands where it was to: the button was pressed twice.
                is_moved = there is not None and wanted == there
                if there is not None and is_moved:
                    order.exchange(category.id, there)
            if not is_moved:
                return category
            tx.audit.note(
                now, by=by, action="category.moved", subject=category.name, detail=to.value
            )
        log.info("category moved", category=category.slug, to=to.value)
        return category

    def _with_podcast(
        self, category: Category, typed: Podcast | None, current: Podcast
    ) -> Category:
        if typed is None:
            return replace(category, podcast=current)
        kept = as_kept(typed, current, feed_url(category, self.site), self.site)
        return replace(category, podcast=kept)

    def _check_category(
        self, tx: Transaction, wanted: Category, typed_name: str, typed_slug: str
    ) -> None:
        faults: dict[str, str] = {}
        named = tx.feeds.category_named(wanted.name)
        if not 0 < len(clean_line(typed_name)) <= LONGEST_CATEGORY:
            faults["name"] = _NAME_FAULT
        elif named and named.id != wanted.id:
            faults["name"] = Phrase("there is a category “%(name)s” already", name=named.name)
        try:
            owner = tx.feeds.category(wanted.slug)
        except NotFound:
            pass
        else:
            if owner.id != wanted.id:
                faults["slug"] = Phrase(
                    "“%(slug)s” is or was the address of “%(owner)s”",
                    slug=wanted.slug,
                    owner=owner.name,
                )
        if typed_slug.strip() and is_reserved(typed_slug):
            faults["slug"] = Phrase(
                "the service itself has an address of that name; write another, such as “%(slug)s”",
                slug=wanted.slug,
            )
        if len(wanted.description) > LONGEST_DESCRIPTION:
            faults["description"] = Phrase(
                "at most %(longest)s characters", longest=Grouped(LONGEST_DESCRIPTION)
            )
        if wanted.language and not is_language_tag(wanted.language):
            faults["language"] = Phrase(
                "“%(tag)s” is not a language tag (BCP 47); write for example “en”, “pt-BR” or"
                " “ar”, or nothing for the site's own",
                tag=wanted.language,
            )
        digest = cover_digest(wanted.podcast.image)
        stored = tx.pictures.find(digest) if digest else None
        cover = Cover(stored.media_type, stored.width, stored.height) if stored else None
        faults |= podcast_faults(wanted.podcast, cover)
        if faults:
            raise InvalidEntry(faults)

    # Settings

    def take_effect(
        self, now: datetime, *, instead_of: str, max_age_seconds: int, by: str = ""
    ) -> None:
        """Keep these settings in the database, and have every process go by them from now on.

        :param max_age_seconds: how long caches are told to keep feeds from now on.
        :param instead_of: what was kept when these were put together, as the database holds it.
        :param by: the name of the editor's account.
        :raises EditConflict: something else is kept now; nothing was stored.
        """
        with self.storage.writing() as tx:
            if tx.settings.lock_kept() != instead_of:
                raise EditConflict("somebody else changed settings at the same moment")
            changed = _told_apart(instead_of, self.kept)
            if not changed:
                return
            tx.settings.keep(self.kept)
            tx.settings.note_max_age(max_age_seconds, whole_second(now))
            tx.audit.note(now, by=by, action="site.changed", detail=changed)
            self._note(tx, now)
            tx.feeds.say_changed()
        log.info("settings changed")

    # What the clock brings

    def regenerate_due(self, now: datetime) -> int:
        """Publish what has fallen due, render every feed that is owed it.

        :returns: how many feeds' documents changed.
        """
        return self.publish_due(now) + self.regenerate_owed(now)

    def publish_due(self, now: datetime, after_each: Callable[[], object] = lambda: None) -> int:
        """Publish what has fallen due and render its feeds, before any other that waits.

        :param after_each: called when a feed was rendered, while others still wait.
        :returns: how many feeds' documents changed.
        """
        changed = 0
        while touched := self._publish_some(now):
            for feed_id in touched:
                changed += bool(self._regenerate_one(feed_id, now))
                after_each()
        return changed

    def _publish_some(self, now: datetime) -> list[int]:
        """Publish the next of what is due; the feeds that it belongs in."""
        with self.storage.reading() as tx:
            if not tx.entries.is_any_due(whole_second(now)):
                return []
        touched: set[int] = set()
        try:
            with self.storage.writing() as tx:
                due = tx.entries.due(whole_second(now), limit=BATCH)
                for entry in due:
                    _, feed_ids = self._put(
                        tx, entry, fall_due(entry, now), entry.revision, now, action=DUE
                    )
                    touched.update(feed_ids)
        except EditConflict:
            return []  # another machine's tick, or an editor, had them first
        for entry in due:
            log.info("published on time", entry=entry.id)
        return sorted(touched)


def _told_apart(before: str, after: str) -> str:
    """Which settings are kept otherwise, and with which value; "" in JSON is nothing kept."""
    old, new = (json.loads(one or "{}") for one in (before, after))
    return "; ".join(
        f"{name} = {new[name]!r}" if name in new else f"{name} given back"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    )


def _named(action: str, by: str) -> str:
    """What the log calls it; where nobody is signed in it is done by a command."""
    return action if by else action + BY_COMMAND


def _searched(entry: Entry) -> tuple[str, ...]:
    return entry.title, entry.author, entry.summary, entry.body


def _is_in_feeds(entry: Entry) -> bool:
    return entry.state in (State.PUBLISHED, State.SCHEDULED)
