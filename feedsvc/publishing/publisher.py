"""Save, withdraw, import; publish what is due.

Each save commits the entry together with a change row for every feed it touches,
then renders those feeds at once if it can. What it cannot, the next tick does.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from feedsvc.errors import EditConflict, InvalidEntry, NotFound
from feedsvc.model import ID_PREFIX, Entry, State, whole_second
from feedsvc.phrases import Phrase
from feedsvc.publishing.categories import CategoryKeeper, named_by
from feedsvc.publishing.decisions import (
    Action,
    Draft,
    Rules,
    decide,
    entrance,
    fall_due,
    has_changed,
)
from feedsvc.publishing.regeneration import BATCH
from feedsvc.storage import CHANGED_MEANWHILE, Transaction, words_of

log = structlog.get_logger("feedsvc.publishing")

# What a version is of that the clock made, and no button.
DUE = "due"


@dataclass(frozen=True, slots=True)
class Publisher(CategoryKeeper):
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
            action=f"article.{action}" if action else named_by("article.import", by),
            subject=entry.title,
            detail=f"version {entry.revision}",
            entry_id=entry.id,
        )
        if current and current.state is State.PUBLISHED and current.slug != entry.slug:
            tx.entries.keep_former_slug(entry.id, former=current.slug, current=entry.slug)
        if not any(_is_in_feeds(state) for state in (current, entry) if state):
            return entry, []
        if entry.state is State.PUBLISHED:
            # Not before: a new name would tell what is still to come.
            for name in entry.authors:
                tx.authors.ensure(name)
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


def _searched(entry: Entry) -> tuple[str, ...]:
    return entry.title, entry.author, entry.summary, entry.body


def _is_in_feeds(entry: Entry) -> bool:
    return entry.state in (State.PUBLISHED, State.SCHEDULED)
