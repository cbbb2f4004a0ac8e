"""Save, withdraw, import; regenerate one feed, regenerate what is due.

Each save commits the entry together with a change row for every feed it touches,
then renders those feeds at once if it can. What it cannot, the next tick does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from feedsvc.characters import clean_line
from feedsvc.errors import EditConflict, InvalidEntry, NotFound, StorageError
from feedsvc.model import (
    ID_PREFIX,
    Category,
    Entry,
    Feed,
    Format,
    Site,
    State,
    Window,
    whole_second,
)
from feedsvc.publishing.decisions import (
    Action,
    Draft,
    Rules,
    decide,
    entrance,
    fall_due,
    has_changed,
    next_updated,
    slug_of,
    window_start,
)
from feedsvc.rendering import Rendered, documents, fingerprint, render
from feedsvc.storage import Storage, Transaction

log = structlog.get_logger("feedsvc.publishing")

# How many feeds, or due entries, one tick takes at a time; the loop goes on
# while there are more.
BATCH = 100
LONGEST_CATEGORY = 100
LONGEST_DESCRIPTION = 1_000


@dataclass(frozen=True, slots=True)
class Publisher:
    """Everything that changes what readers get.

    :param site: what feeds say of their publisher.
    :param window: how far back they reach.
    :param grace: how long what was just published is held back.
    """

    storage: Storage
    site: Site
    window: Window
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
    ) -> Entry:
        """Do what the editor asks for, durably, and bring it to the feeds.

        :param id: the entry to change, or the id that a new one is to have. A new
            one's form carries its id, so that a form sent twice makes one article.
        :param expected_revision: the revision the editor was shown, 0 of a new entry.
        :raises InvalidEntry: names each field that is wrong; nothing was stored.
        :raises EditConflict: somebody else saved it meanwhile; nothing was stored.
        :raises NotFound: there is no entry ``id``, and it is not a new one.
        :raises StorageError: it could not be stored; nothing was.
        """
        with self.storage.writing() as tx:
            current = self._current(tx, id, expected_revision)
            if current and expected_revision == 0:
                # The form of a new article, sent again. decide() judges it as it
                # did the first time: equal means that it was only sent twice.
                again = decide(None, draft, action, current.changed_at or now, id, self._rules)
                if has_changed(current, replace(again, slug=current.slug)):
                    raise EditConflict("this article was saved already, with another text")
                return current
            entry = decide(current, draft, action, now, id, self._rules)
            self._check_address(tx, current, entry, draft)
            entry, touched = self._put(tx, current, entry, expected_revision, now)
        log.info("saved", entry=entry.id, action=action.value, state=entry.state.value)
        self._regenerate_quietly(touched, now)
        return entry

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
            raise InvalidEntry(
                {"slug": f"“{entry.slug}” is or was the address of another article; write another"}
            )

    def import_entry(
        self, draft: Draft, origin: str, now: datetime, *, announce: bool = False
    ) -> tuple[Entry, bool]:
        """Store an article from elsewhere, unless it is here already.

        What is here stays as it is, edited or withdrawn. The feeds are rendered
        by whoever asks for ``regenerate_due`` next, once for a whole import.

        :param origin: names the article where it came from; the same each time.
        :param announce: readers get it as news, however old it is.
        :returns: the entry, and whether it is new.
        """
        with self.storage.writing() as tx:
            known = tx.entries.by_origin(origin)
            if known is not None:
                return known, False
            rules = replace(self._rules, archive_after=timedelta.max) if announce else self._rules
            entry = decide(None, draft, Action.IMPORT, now, f"{ID_PREFIX}{uuid4()}", rules)
            entry, _ = self._put(tx, None, entry, 0, now, origin=origin)
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
    ) -> tuple[Entry, list[int]]:
        """Store an entry and announce it to the feeds of its old and new categories."""
        if entry.slug and (current is None or current.slug != entry.slug):
            entry = replace(entry, slug=tx.entries.free_slug(entry.slug, entry.id))
        if current is None:
            tx.entries.add(entry, origin=origin)
        elif current.revision != expected_revision or has_changed(current, entry):
            tx.entries.replace(entry, expected_revision=expected_revision)
        else:
            return current, []
        if current and current.state is State.PUBLISHED and current.slug != entry.slug:
            tx.entries.keep_former_slug(entry.id, former=current.slug, current=entry.slug)
        states = [state for state in (current, entry) if state and _is_in_feeds(state)]
        touched = tx.feeds.of_entry(*states) if states else []
        if touched:
            tx.feeds.place(entry, entrance(current, entry, now))
            tx.feeds.announce(touched, whole_second(now))
        return entry, touched

    def imported(self, origin: str) -> Entry | None:
        """The article named so where it came from, if it is here already."""
        with self.storage.reading() as tx:
            return tx.entries.by_origin(origin)

    def is_empty(self) -> bool:
        """Whether there is no entry at all."""
        with self.storage.reading() as tx:
            return not any(tx.entries.count(state) for state in State)

    # Categories

    def has_category(self, name_or_slug: str) -> bool:
        """Whether ``category_called`` would find one."""
        with self.storage.reading() as tx:
            return name_or_slug in tx.feeds.category_slugs() or bool(
                tx.feeds.category_named(clean_line(name_or_slug))
            )

    def category_called(self, name_or_slug: str, now: datetime) -> Category:
        """The category of that slug, or of that name, or a new one of that name."""
        with self.storage.reading() as tx:
            try:
                return tx.feeds.category(name_or_slug)
            except NotFound:
                pass
        return self.ensure_category(name_or_slug, now)

    def ensure_category(
        self, name: str, now: datetime, *, slug: str = "", description: str = ""
    ) -> Category:
        """The category of that slug or name, made if it is missing.

        :raises InvalidEntry: the name is empty.
        """
        name, description = clean_line(name), clean_line(description)
        if not name:
            raise InvalidEntry({"category": "a category needs a name"})
        with self.storage.writing() as tx:
            if slug:
                try:
                    return tx.feeds.category(slug)
                except NotFound:
                    pass
            else:
                known = tx.feeds.category_named(name)
                if known:
                    return known
                slug = slug_of(name)
                taken = tx.feeds.category_slugs()
                number = 2
                while slug in taken:
                    slug, number = f"{slug_of(name)}-{number}", number + 1
            made = tx.feeds.add_category(Category(slug, name, description), whole_second(now))
        log.info("category made", category=made.slug)
        return made

    def change_category(
        self, slug: str, now: datetime, *, name: str, new_slug: str, description: str
    ) -> Category:
        """Rename a category, or give it another address; the old one stays its own.

        :param new_slug: as it was typed; "" leaves it as it is.
        :raises NotFound: there is no category ``slug``.
        :raises InvalidEntry: names each field that is wrong; nothing was stored.
        """
        with self.storage.writing() as tx:
            current = tx.feeds.category(slug)
            wanted = slug_of(new_slug) if new_slug.strip() else current.slug
            changed = Category(wanted, clean_line(name) or "?", clean_line(description), current.id)
            self._check_category(tx, changed, name)
            if changed == current:
                return current
            tx.feeds.change_category(changed)
            # Its name stands in every feed that shares an article with it.
            tx.feeds.announce_all(whole_second(now))
        log.info("category changed", category=changed.slug, before=current.slug)
        self._regenerate_owed_quietly(now)
        return changed

    def new_category(
        self, now: datetime, *, name: str, slug: str = "", description: str = ""
    ) -> Category:
        """A category that was not there before, with its feeds.

        :raises InvalidEntry: names each field that is wrong; nothing was stored.
        """
        wanted = slug_of(slug if slug.strip() else clean_line(name))
        category = Category(wanted, clean_line(name) or "?", clean_line(description))
        with self.storage.writing() as tx:
            self._check_category(tx, category, name)
            made = tx.feeds.add_category(category, whole_second(now))
        log.info("category made", category=made.slug)
        self._regenerate_owed_quietly(now)
        return made

    def _check_category(self, tx: Transaction, wanted: Category, typed_name: str) -> None:
        faults = {}
        named = tx.feeds.category_named(wanted.name)
        if not 0 < len(clean_line(typed_name)) <= LONGEST_CATEGORY:
            faults["name"] = f"a category needs a name, of at most {LONGEST_CATEGORY} characters"
        elif named and named.id != wanted.id:
            faults["name"] = f"there is a category “{named.name}” already"
        if wanted.slug in tx.feeds.category_slugs():
            owner = tx.feeds.category(wanted.slug)
            if owner.id != wanted.id:
                faults["slug"] = f"“{wanted.slug}” is or was the address of “{owner.name}”"
        if len(wanted.description) > LONGEST_DESCRIPTION:
            faults["description"] = f"at most {LONGEST_DESCRIPTION:,} characters"
        if faults:
            raise InvalidEntry(faults)

    # Regenerating

    def note_settings(self, now: datetime) -> None:
        """Say what all feeds are made with from now on; announce them if that is new."""
        noted = json.dumps({"site": asdict(self.site), "window": asdict(self.window)})
        with self.storage.reading() as tx:
            if tx.settings.get("site") == noted:
                return
        with self.storage.writing() as tx:
            tx.settings.put("site", noted)
            tx.feeds.announce_all(whole_second(now))

    def as_noted(self) -> Publisher:
        """A publisher with the settings that were noted last, its own if none were.

        A command beside the service renders what the service would, whatever its
        own environment says; otherwise each would undo the other's feeds.
        """
        with self.storage.reading() as tx:
            noted = tx.settings.get("site")
        try:
            found = json.loads(noted or "")
            return replace(self, site=Site(**found["site"]), window=Window(**found["window"]))
        except (ValueError, TypeError, KeyError):  # none yet, or of another version
            return self

    def regenerate_due(self, now: datetime) -> int:
        """Publish what has fallen due, render every feed that is owed it.

        :returns: how many feeds' documents changed.
        """
        while self._publish_due(now) == BATCH:
            pass
        changed = 0
        failed: set[int] = set()
        while True:
            with self.storage.reading() as tx:
                owed = tx.feeds.changed(limit=BATCH + len(failed))
            owed = [feed_id for feed_id in owed if feed_id not in failed]
            if not owed:
                return changed
            for feed_id in owed:
                outcome = self._regenerate_one(feed_id, now)
                if outcome is None:
                    failed.add(feed_id)
                changed += bool(outcome)

    def regenerate_all(self, now: datetime, slugs: Iterable[str] = (), *, force: bool) -> int:
        """Render feeds again even where no change is announced.

        :param slugs: only these; none means all.
        :param force: forget what they were rendered from, so that each changes.
        :returns: how many feeds' documents changed.
        :raises NotFound: there is no feed of one of the slugs.
        """
        with self.storage.reading() as tx:
            wanted = [tx.feeds.feed(slug) for slug in slugs] or tx.feeds.all()
        return sum(self.regenerate(feed.id, now, force=force) for feed in wanted)

    def regenerate(self, feed_id: int, now: datetime, *, force: bool = False) -> bool:
        """Render a feed if its inputs differ from what its documents were made of.

        One transaction: lock, clear the change rows, read, compare, render, store.

        :returns: whether its documents changed.
        """
        with self.storage.writing() as tx:
            feed = tx.feeds.lock(feed_id)
            tx.feeds.clear_changes(feed.id)
            since = window_start(tx.feeds.last_move(feed), self.window)
            entries, faulty = tx.entries.window_of(
                feed, newest=self.window.items, visible_since=since
            )
            tombstones = tx.feeds.tombstones(feed, since=since)
            next_due_at = tx.entries.next_due(feed)
            inputs = fingerprint(feed, entries, self.site, self.window, tombstones)
            for fault in faulty:
                log.error("entry left out", entry=fault.id, feed=feed.slug, fault=fault.fault)
            if inputs == feed.fingerprint and not force:
                if next_due_at != feed.next_due_at:
                    tx.feeds.store_next_due(feed, next_due_at)
                return False
            updated = next_updated(feed.updated, now)
            rendered = []
            for format in Format:
                made = render(feed, entries, self.site, self.window, format, updated, tombstones)
                self._report(feed, made)
                rendered += documents(feed, format, made.body, updated, next_due_at)
            tx.feeds.store(
                feed,
                updated=updated,
                fingerprint=inputs,
                next_due_at=next_due_at,
                rendered=rendered,
            )
        log.info("feed changed", feed=feed.slug, entries=len(entries))
        return True

    def _report(self, feed: Feed, made: Rendered) -> None:
        for one in made.left_out:
            log.error(
                "entry left out",
                entry=one.entry_id,
                feed=feed.slug,
                format=one.format.value,
                fault=one.fault,
            )
        if made.cut:
            log.warning(
                "feed cut short",
                feed=feed.slug,
                format=made.format.value,
                entries_left_out=made.cut,
                window_bytes=self.window.most_bytes,
            )

    def _publish_due(self, now: datetime) -> int:
        with self.storage.reading() as tx:
            if not tx.entries.is_any_due(whole_second(now)):
                return 0
        try:
            with self.storage.writing() as tx:
                due = tx.entries.due(whole_second(now), limit=BATCH)
                for entry in due:
                    self._put(tx, entry, fall_due(entry, now), entry.revision, now)
        except EditConflict:
            return 0  # another machine's tick, or an editor, had them first
        for entry in due:
            log.info("published on time", entry=entry.id)
        return len(due)

    def _regenerate_quietly(self, feed_ids: Iterable[int], now: datetime) -> None:
        for feed_id in feed_ids:
            self._regenerate_one(feed_id, now)

    def _regenerate_owed_quietly(self, now: datetime) -> None:
        try:
            self.regenerate_due(now)
        except StorageError as error:
            log.warning("feeds not regenerated", reason=str(error))

    def _regenerate_one(self, feed_id: int, now: datetime) -> bool | None:
        """Whether the feed changed; None where it could not be rendered now.

        Its change rows then remain, and the next tick tries again: one feed that
        fails never stops another, nor the save that touched it.
        """
        try:
            return self.regenerate(feed_id, now)
        except StorageError as error:
            log.warning("feed not regenerated", feed_id=feed_id, reason=str(error))
        except Exception:
            log.exception("feed not regenerated", feed_id=feed_id)
        return None


def _is_in_feeds(entry: Entry) -> bool:
    return entry.state in (State.PUBLISHED, State.SCHEDULED)
