"""Render the feeds that are owed it, each in one transaction."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import product
from typing import Self

import structlog

from feedsvc.errors import NotFound, StorageError
from feedsvc.model import (
    Content,
    Entry,
    Feed,
    FeedDocument,
    Format,
    Site,
    Tombstone,
    Window,
    whole_second,
)
from feedsvc.publishing.archiving import archive_places, is_filing_due, surely_held
from feedsvc.publishing.decisions import next_updated, window_start
from feedsvc.rendering import (
    RENDERER_VERSION,
    Rendered,
    documents,
    fingerprint,
    longest_parts,
    prepare,
    render,
)
from feedsvc.storage import (
    MOST_IN_WINDOW,
    FeedWindow,
    Storage,
    Transaction,
)

log = structlog.get_logger("feedsvc.publishing")

# How many feeds, or due entries, one tick takes at a time; the loop goes on
# while there are more.
BATCH = 100
# What was withdrawn lately, in one document; its bytes are bounded long before.
MOST_TOMBSTONES = 20_000
# So many entries are filed into archives at a time.
FILED_AT_ONCE = 2_000
# So few entries are rendered while the feed is locked rather than read twice.
FEW_CHANGES = 3
# So few feeds are rendered in one transaction.
FEW_FEEDS = 5


@lru_cache(maxsize=8)
def _noted(text: str) -> tuple[Site, Window] | None:
    """The settings that were noted, or None: none yet, or another version's."""
    try:
        found = json.loads(text)
        return Site(**found["site"]), Window(**found["window"])
    except (ValueError, TypeError, KeyError):
        return None


@dataclass(frozen=True, slots=True)
class _Inputs:
    """What a feed's documents are made from, beside settings."""

    window: FeedWindow
    buried: list[Tombstone]
    next_due_at: datetime | None
    filed: list[tuple[str, int]]

    @property
    def entries(self) -> list[Entry]:
        return self.window.entries

    @property
    def tombstones(self) -> list[Tombstone]:
        return self.buried[:MOST_TOMBSTONES]


def _filed(tx: Transaction, feed: Feed, inputs: _Inputs, now: datetime) -> Feed:
    """The feed after its archives took in what was about to be in none of its documents."""
    if not inputs.filed:
        return feed
    archives = tx.archives.file(feed, inputs.filed)
    if len(inputs.filed) >= FILED_AT_ONCE:  # there may be more
        tx.feeds.announce([feed.id], whole_second(now))
    return replace(feed, archives=archives)


@dataclass(frozen=True, slots=True)
class Regenerator:
    """What turns stored entries into stored documents.

    :param site: what feeds say of their publisher.
    :param window: how far back they reach.
    :param clock: gives the instant of a feed's change, which lies later than ``now``
        where a lock had to be waited for. None: ``now`` itself.
    :param settling: how long another worker may still give out the documents that were
        there before: a feed's stamp is not of a second in which one did.
    :param observe: told how many seconds it took to render and store feeds that changed.
    :param warmed: feeds of whose entries this process remembers what it made.
    :param kept: what the database held over the configuration when these settings were put
        together, as it holds it.
    """

    storage: Storage
    site: Site
    window: Window
    clock: Callable[[], datetime] | None = None
    settling: timedelta = timedelta()
    observe: Callable[[float], object] | None = None
    warmed: set[int] = field(default_factory=set, compare=False)
    kept: str = ""

    def note_settings(self, now: datetime) -> bool:
        """Say what all feeds are made with from now on; announce them if that is new.

        :returns: False where somebody changed settings since these were put together, so
            that they do not count; nothing was stored.
        """
        with self.storage.reading() as tx:
            if tx.settings.get("site") == self._settings() and tx.settings.kept() == self.kept:
                return True
        with self.storage.writing() as tx:
            if tx.settings.lock_kept() != self.kept:
                return False
            self._note(tx, now)
        return True

    def _settings(self) -> str:
        return json.dumps(
            {
                "site": asdict(self.site),
                "window": asdict(self.window),
                "renderer": RENDERER_VERSION,
            }
        )

    def _note(self, tx: Transaction, now: datetime) -> None:
        noted = self._settings()
        if tx.settings.get("site") != noted:
            tx.settings.put("site", noted)
            tx.feeds.announce_all(whole_second(now))

    def has_noted(self) -> bool:
        """Whether it was ever said what feeds are made with."""
        with self.storage.reading() as tx:
            return tx.settings.get("site") is not None

    def as_noted(self) -> Self:
        """The same with the settings that were noted last, its own if none were.

        A command beside the service renders what the service would, whatever its
        own environment says; otherwise each would undo the other's feeds.
        """
        with self.storage.reading() as tx:
            return self._as_noted(tx)

    def _as_noted(self, tx: Transaction) -> Self:
        noted = _noted(tx.settings.get("site") or "")
        if noted is None or noted == (self.site, self.window):
            return self
        return replace(self, site=noted[0], window=noted[1])

    def owes_more_than(self, feeds: int) -> bool:
        """Whether changes of more feeds than so many were announced."""
        with self.storage.reading() as tx:
            return len(tx.feeds.changed(limit=feeds + 1)) > feeds

    def regenerate_owed(
        self,
        now: datetime,
        *,
        most: int | None = None,
        go_on: Callable[[], bool] = lambda: True,
    ) -> int:
        """Render every feed of which a change was announced.

        :param most: after so many feeds the others are left to whoever comes next.
        :param go_on: asked before each feed.
        :returns: how many feeds' documents changed.
        """
        changed = done = 0
        failed: set[int] = set()
        while True:
            with self.storage.reading() as tx:
                owed = tx.feeds.changed(limit=BATCH + len(failed))
            owed = [feed_id for feed_id in owed if feed_id not in failed]
            if not owed:
                return changed
            for feed_id in owed:
                if done == most or not go_on():
                    return changed
                done += 1
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
            wanted = [tx.feeds.feed(slug) for slug in slugs]
        if wanted:
            return sum(self.regenerate(feed.id, now, force=force) for feed in wanted)
        changed = last = 0
        while True:
            with self.storage.reading() as tx:
                feeds = tx.feeds.after(last, limit=BATCH)
            changed += sum(self.regenerate(feed.id, now, force=force) for feed in feeds)
            if len(feeds) < BATCH:
                return changed
            last = feeds[-1].id

    def regenerate(self, feed_id: int, now: datetime, *, force: bool = False) -> bool:
        """Render a feed if its inputs differ from what its documents were made of.

        One transaction: lock, clear the change rows, read, compare, render, store.

        :param force: render it in any case, and store what turns out different.
        :returns: whether its documents changed.
        """
        self._warm(feed_id)
        return self._regenerate([feed_id], now, force=force) > 0

    def _regenerate(self, feed_ids: Sequence[int], now: datetime, *, force: bool = False) -> int:
        """As ``regenerate``, for a few feeds in one transaction; how many changed."""
        begun = time.perf_counter()
        with self.storage.writing() as tx:
            feeds = [tx.feeds.lock(feed_id) for feed_id in feed_ids]
            for feed in feeds:
                tx.feeds.clear_changes(feed.id)
            # One state of the database, as of now: what commits later keeps its change row.
            # The feed too, for its category may have been renamed since it was locked.
            # The settings too: another process may have changed them a moment ago.
            with self.storage.reading() as snapshot:
                feeds = [snapshot.feeds.numbered(feed.id) for feed in feeds]
                current = self._as_noted(snapshot)
                inputs = [current._inputs(snapshot, feed) for feed in feeds]
            changed = [
                (feed, found)
                for feed, found in zip(feeds, inputs, strict=True)
                if current._store_if_changed(tx, _filed(tx, feed, found, now), found, now, force)
            ]
        if changed and self.observe:
            self.observe((time.perf_counter() - begun) / len(changed))
        for feed, found in changed:
            log.info("feed changed", feed=feed.slug, entries=len(found.entries))
        return len(changed)

    def _store_if_changed(
        self, tx: Transaction, feed: Feed, inputs: _Inputs, now: datetime, force: bool
    ) -> bool:
        self._report_inputs(feed, inputs)
        digest = fingerprint(
            feed,
            inputs.entries,
            self.site,
            self.window,
            inputs.tombstones,
            inputs.window.entered,
        )
        if digest == feed.fingerprint and feed.updated is not None:
            if inputs.next_due_at != feed.next_due_at:
                tx.feeds.store_next_due(feed, inputs.next_due_at)
            if not force:
                return False
            again, _ = self._rendered(feed, inputs, feed.updated)
            stored = tx.feeds.documents_of(feed)
            if stored == {key: (one.etag, one.body) for key, one in again.items()}:
                return False
            promised = {key: etag for key, (etag, _) in stored.items()}
            if promised == {key: one.etag for key, one in again.items()}:
                # What is stored is damaged: this is what readers were promised.
                tx.feeds.store(feed, feed.updated, digest, inputs.next_due_at, again.values())
                return True
        updated = next_updated(feed.updated, (self.clock() if self.clock else now) + self.settling)
        rendered, left_out = self._rendered(feed, inputs, updated)
        tx.left_out.put(feed, left_out)
        tx.feeds.store(feed, updated, digest, inputs.next_due_at, rendered.values())
        return True

    def _inputs(self, tx: Transaction, feed: Feed) -> _Inputs:
        moved = tx.feeds.last_move(feed)
        since = window_start(moved, self.window)
        window = tx.entries.window_of(feed, newest=self.window.items, visible_since=since)
        # Of a feed that reaches back no day, too, readers are told what they have to take back.
        told = replace(self.window, days=max(1, self.window.days))
        gone_since = window_start(moved, told)
        buried = tx.feeds.tombstones(feed, since=gone_since, limit=MOST_TOMBSTONES + 1)
        lengths = longest_parts(feed, window.entries, self.site, self.window)
        held = surely_held(lengths, window.entered, self.window.most_bytes, len(buried))
        unfiled = tx.archives.unfiled(feed, limit=FILED_AT_ONCE)
        filed: list[tuple[str, int]] = []
        if is_filing_due(unfiled, held, FILED_AT_ONCE):
            measured = tx.archives.measured(unfiled)
            filed = archive_places(measured, feed.archives, held, FILED_AT_ONCE)
        return _Inputs(window, buried, tx.entries.next_due(feed), filed)

    def newest_of(self, tx: Transaction, feed: Feed, limit: int) -> list[Entry]:
        """The newest of what stands in a feed's documents, for a page that shows it."""
        since = window_start(tx.feeds.last_move(feed), self.window)
        return tx.public_pages.newest_in_window(
            feed, newest=self.window.items, visible_since=since, limit=limit
        )

    def _rendered(
        self, feed: Feed, inputs: _Inputs, updated: datetime
    ) -> tuple[dict[tuple[str, str], FeedDocument], list[tuple[str, str, str]]]:
        """Documents by name and encoding; and what was left out, with its document's name."""
        found: dict[tuple[str, str], FeedDocument] = {}
        left_out = [("", fault.id, fault.fault) for fault in inputs.window.faulty]
        seconds: list[Content | None] = [None, *feed.contents(self.window)[1:]]
        for format, second in product(Format, seconds):
            made = render(
                feed,
                inputs.entries,
                self.site,
                self.window,
                format,
                updated,
                inputs.tombstones,
                inputs.window.entered,
                second=second,
            )
            self._report(feed, made)
            left_out += [(made.name, one.entry_id, one.fault) for one in made.left_out]
            for one in documents(feed, format, made.body, updated, inputs.next_due_at, second):
                found[made.name, one.encoding] = one
        return found, left_out

    def archived(
        self, slug: str, number: int, format: Format, second: Content | None = None
    ) -> tuple[Feed, bytes]:
        """One of a feed's archive documents (RFC 5005 section 4), and its feed.

        Rendered when it is asked for, once for each reader that looks for what is older: kept
        in every format, the archives of a million articles would be several times as large as
        those, and a category renamed would have all of them written anew.

        :param number: 1 is the oldest.
        :raises NotFound: there is no such feed, or no such document of it.
        """
        with self.storage.reading() as tx:
            feed, current = tx.feeds.feed(slug), self._as_noted(tx)
            if not 0 < number <= feed.archives:
                raise NotFound(f"the feed {slug!r} has {feed.archives} archives")
            found = tx.entries.filed_in(feed, number)
        # Nothing of an archive depends on what was published since; of an empty one it may.
        changes = [entry.updated for entry in found.entries if entry.updated]
        updated = max(changes, default=feed.updated)
        if updated is None:
            raise NotFound(f"the feed {slug!r} was not rendered yet")
        made = render(
            feed,
            found.entries,
            current.site,
            current.window,
            format,
            updated,
            second=second,
            archive=number,
        )
        current._report(feed, made)
        return feed, made.body

    def _warm(self, feed_id: int) -> None:
        """Make what is remembered of the entries, before anybody waits for the lock.

        Needless where this process did so before and few have changed since.
        """
        with self.storage.reading() as tx:
            if feed_id in self.warmed and not tx.feeds.has_more_changes(feed_id, FEW_CHANGES):
                return
            feed = tx.feeds.numbered(feed_id)
            inputs = self._inputs(tx, feed)
        self.warmed.add(feed_id)
        prepare(feed, inputs.entries, self.site, self.window)

    def _report_inputs(self, feed: Feed, inputs: _Inputs) -> None:
        for fault in inputs.window.faulty:
            log.error("entry left out", entry=fault.id, feed=feed.slug, fault=fault.fault)
        if inputs.window.is_cut:
            log.warning("feed cut short", feed=feed.slug, most_entries=MOST_IN_WINDOW)
        if len(inputs.buried) > MOST_TOMBSTONES:
            log.warning("feed cut short", feed=feed.slug, most_tombstones=MOST_TOMBSTONES)

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

    def _regenerate_quietly(self, feed_ids: Sequence[int], now: datetime) -> None:
        """The feeds of one save: the usual two at once, which is one commit less."""
        if len(feed_ids) <= FEW_FEEDS and self.warmed.issuperset(feed_ids):
            try:
                self._regenerate(feed_ids, now)
            except Exception as error:
                log.warning("feeds not regenerated at once", reason=str(error))
            else:
                return
        for feed_id in feed_ids:
            self._regenerate_one(feed_id, now)

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

    def is_owed(self, entry: Entry) -> bool:
        """Whether a feed of the entry has still to be rendered."""
        with self.storage.reading() as tx:
            return tx.feeds.is_owed(tx.feeds.of_entry(entry))
