"""Entries and their categories."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Row,
    cast,
    delete,
    false,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from feedsvc import podcasts
from feedsvc.characters import folded
from feedsvc.errors import EditConflict, NotFound
from feedsvc.model import ID_PREFIX, Category, Entry, Feed, Source, State
from feedsvc.phrases import Phrase
from feedsvc.remembering import Remembered
from feedsvc.slugs import numbered
from feedsvc.storage import statements
from feedsvc.storage.enclosures import packed, unpacked
from feedsvc.storage.schema import (
    entries,
    entry_categories,
    entry_slugs,
    feed_entries,
    searchable,
)
from feedsvc.storage.words import words_asked, words_of

# Asked for more, the database would hold a worker for too long.
LONGEST_LIST = 1000
# Of what entered a feed lately; a bound on its bytes bites long before.
MOST_IN_WINDOW = 20_000
# To count a million would take longer than all the rest of a page.
MOST_COUNTED = 10_000
# Of those that have all the words of a title, the newest are looked at.
SAME_TITLE = 50
CHANGED_MEANWHILE = Phrase("somebody else saved this article since you opened it")


@dataclass(frozen=True, slots=True)
class FaultyEntry:
    """A stored row that is no valid entry: left out, and reported."""

    id: str
    fault: str


@dataclass(frozen=True, slots=True)
class FeedWindow:
    """What a feed holds.

    :param entries: not sorted.
    :param entered: id -> when it entered this feed, by the feed's clock.
    :param faulty: rows that are no valid entry.
    :param is_cut: whether more entered it lately than a document can hold.
    """

    entries: list[Entry]
    entered: dict[str, datetime]
    faulty: list[FaultyEntry]
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list of entries is narrowed down to.

    :param words: each of them begins a word of the title, author, summary or body.
    """

    words: str = ""
    category: Category | None = None
    authors: tuple[str, ...] = ()


ANY = Wanted()


class EntryRows:
    """Reading and writing entries inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, id: str) -> Entry:
        """The entry with that id.

        :raises NotFound: there is none.
        """
        return self._one(self._connection.execute(statements.ENTRY, {"entry_id": id}), id)

    def find(self, id: str) -> Entry | None:
        """The entry with that id, or None."""
        try:
            return self.get(id)
        except NotFound:
            return None

    def by_slug(self, slug: str) -> Entry:
        """The entry whose page has that slug now, or had it before.

        :raises NotFound: there is none.
        """
        try:
            query = select(entries).where(entries.c.slug == slug)
            return self._one(self._connection.execute(query), slug)
        except NotFound:
            former = select(entry_slugs.c.entry_id).where(entry_slugs.c.slug == slug)
            owner = self._connection.execute(former).scalar_one_or_none()
            if owner is None:
                raise
            return self.get(owner)

    def by_origin(self, origin: str) -> Entry | None:
        """The entry imported from that origin, or None."""
        query = select(entries).where(entries.c.origin == origin)
        row = self._connection.execute(query).one_or_none()
        return self._build([row])[0][0] if row else None

    def latest(
        self, state: State, wanted: Wanted = ANY, *, limit: int = 50, offset: int = 0
    ) -> list[Entry]:
        """Entries in one state, the last changed first.

        Of the scheduled the next due first, of the published the newest.
        """
        order = {
            State.SCHEDULED: (entries.c.visible_at, entries.c.id),
            State.PUBLISHED: (entries.c.published.desc(), entries.c.id),
        }.get(state, (entries.c.changed_at.desc(), entries.c.id))
        query = select(entries).where(entries.c.state == state.value, *self._matching(wanted))
        query = query.order_by(*order)
        return self.listed(query.limit(min(limit, LONGEST_LIST)).offset(offset))

    def count(self, state: State, wanted: Wanted = ANY) -> int:
        """How many entries are in that state, ``MOST_COUNTED`` at most."""
        some = select(entries.c.id).where(entries.c.state == state.value)
        some = some.where(*self._matching(wanted)).limit(MOST_COUNTED)
        return self._connection.execute(
            select(func.count()).select_from(some.subquery())
        ).scalar_one()

    def _matching(self, wanted: Wanted) -> Iterator[ColumnElement[bool]]:
        if wanted.authors:
            yield entries.c.author.in_(wanted.authors)
        if wanted.category is not None:
            of_it = select(entry_categories.c.entry_id).where(
                entry_categories.c.category_id == wanted.category.id
            )
            yield entries.c.id.in_(of_it)
        if wanted.words.strip():
            asked = words_asked(wanted.words)
            if not asked:  # signs only, which stand in no article's words
                yield false()
            else:
                found = select(searchable.c.entry_id).where(self._has_words(asked))
                yield entries.c.id.in_(found)

    def _has_words(self, asked: Sequence[str]) -> ColumnElement[bool]:
        """Whether a row of ``searchable`` has words that begin so; they have no quotes."""
        if self._connection.dialect.name == "postgresql":
            query = " & ".join(f"'{word}':*" for word in asked)
            return searchable.c.words.op("@@")(cast(literal(query), TSQUERY))
        query = " ".join(f'"{word}"*' for word in asked)
        # The table that its name in a query means is FTS5's way to be asked.
        rows = text("SELECT rowid FROM searchable_words WHERE searchable_words MATCH :words")
        return searchable.c.id.in_(rows.bindparams(words=query))

    def is_title_used(self, title: str, *, but: str) -> bool:
        """Whether readers have another entry that is called the same, whatever the case.

        :param but: the id of the one that may be.
        """
        wanted = folded(title)
        found = self.latest(State.PUBLISHED, Wanted(words=title), limit=SAME_TITLE)
        return any(folded(one.title) == wanted and one.id != but for one in found)

    def authors(self, *, limit: int) -> list[str]:
        """Who wrote the articles that were changed last, by name."""
        found: set[str] = set()
        for state in (State.DRAFT, State.PUBLISHED):  # as they are indexed
            query = select(entries.c.author).where(entries.c.state == state.value)
            query = query.order_by(entries.c.changed_at.desc()).limit(LONGEST_LIST)
            found |= set(self._connection.execute(query).scalars())
        return sorted(found - {""})[:limit]

    def live_in(self, feed: Feed, *, limit: int, offset: int = 0) -> list[Entry]:
        """What readers may see in ``feed``, newest ``published`` first."""
        query = (
            select(entries)
            .join(feed_entries, feed_entries.c.entry_id == entries.c.id)
            .where(feed_entries.c.feed_id == feed.id, feed_entries.c.is_live)
            .order_by(feed_entries.c.published.desc(), feed_entries.c.entry_id)
        )
        return self.listed(query.limit(min(limit, LONGEST_LIST)).offset(offset))

    def window_of(self, feed: Feed, *, newest: int, visible_since: datetime | None) -> FeedWindow:
        """The ``newest`` entries of a feed, and all that entered it since an instant."""
        asked = {"feed_id": feed.id, "most": newest}
        found = self._connection.execute(statements.NEWEST, asked).all()
        is_cut = False
        if visible_since is not None:
            since = {"feed_id": feed.id, "since": visible_since, "most": MOST_IN_WINDOW + 1}
            entered = self._connection.execute(statements.ENTERED_SINCE, since).all()
            is_cut = len(entered) > MOST_IN_WINDOW
            found = [*found, *entered[:MOST_IN_WINDOW]]
        return self._window(found, is_cut)

    def filed_in(self, feed: Feed, archive: int) -> FeedWindow:
        """What one of a feed's archive documents holds."""
        asked = {"feed_id": feed.id, "number": archive, "most": LONGEST_LIST}
        return self._window(self._connection.execute(statements.FILED_IN, asked).all(), False)

    def _window(self, found: Sequence[Any], is_cut: bool) -> FeedWindow:
        entered_at = {row.entry_id: row.visible_at for row in found}
        rows: list[Row[Any]] = []
        for chunk in chunks(sorted(entered_at), 500):
            rows.extend(self._connection.execute(statements.ENTRIES, {"entry_ids": chunk}))
        built, faulty = self._build(rows)
        return FeedWindow(built, entered_at, faulty, is_cut)

    def next_due(self, feed: Feed) -> datetime | None:
        """When the next scheduled entry enters ``feed``."""
        asked = {"feed_id": feed.id}
        found: datetime | None = self._connection.execute(statements.NEXT_DUE, asked).scalar_one()
        return found

    def next_due_of_all(self) -> datetime | None:
        """When the next scheduled entry is due, in whichever feed."""
        found: datetime | None = self._connection.execute(
            statements.NEXT_DUE_OF_ALL
        ).scalar_one_or_none()
        return found

    def is_any(self) -> bool:
        """Whether there is an entry at all."""
        return self._connection.execute(select(entries.c.id).limit(1)).first() is not None

    def is_any_due(self, now: datetime) -> bool:
        """Whether a scheduled entry's moment has come."""
        return self._connection.execute(statements.IS_ANY_DUE, {"now": now}).first() is not None

    def due(self, now: datetime, *, limit: int) -> list[Entry]:
        """Scheduled entries whose moment has come, the earliest first.

        Rows that are no valid entry do not stand in the way of those behind them, and
        neither do those that somebody is saving: they are locked here, before the clocks
        of their feeds, in the order in which a save locks both.
        """
        query = (
            select(entries)
            .where(entries.c.state == State.SCHEDULED.value, entries.c.visible_at <= now)
            .order_by(entries.c.visible_at, entries.c.id)
            .with_for_update(skip_locked=True)
        )
        for page in range(LONGEST_LIST):
            rows = self._connection.execute(query.limit(limit).offset(page * limit)).all()
            found, _ = self._build(rows)
            if found or len(rows) < limit:
                return found
        return []

    def free_slug(self, wanted: str, entry_id: str) -> str:
        """``wanted``, or ``wanted-2`` and so on: the first that no other entry has or had.

        Beyond twenty of one title a part of the id tells them apart: looking for the
        next number would take the longer, the more there are.
        """
        uuid = entry_id.removeprefix(ID_PREFIX)
        candidates = [*numbered(wanted), f"{wanted}-{uuid[:8]}", f"{wanted}-{uuid}"]
        taken: set[str] = set()
        asked = {"slugs": candidates, "entry_id": entry_id}
        for query in statements.SLUGS_OF_OTHERS:
            taken |= set(self._connection.execute(query, asked).scalars())
        return next(slug for slug in candidates if slug not in taken)

    def keep_former_slug(self, entry_id: str, *, former: str, current: str) -> None:
        """Let the page be found under the address it had, too."""
        self._connection.execute(delete(entry_slugs).where(entry_slugs.c.slug == current))
        self._connection.execute(insert(entry_slugs).values(slug=former, entry_id=entry_id))

    def add(self, entry: Entry, *, origin: str | None = None) -> None:
        """Store a new entry."""
        columns = {"id": entry.id, "origin": origin, **_columns(entry)}
        self._connection.execute(statements.ADD_ENTRY, columns)
        self._connection.execute(
            statements.ADD_WORDS, {"entry_id": entry.id, "words": _words(entry)}
        )
        self._put_categories(entry)

    def replace(self, entry: Entry, *, expected_revision: int, has_new_words: bool = True) -> None:
        """Store a new state of an entry.

        :param has_new_words: whether it is to be found by others than before.
        :raises EditConflict: somebody else saved it since ``expected_revision``.
        """
        changed = self._connection.execute(
            update(entries)
            .where(entries.c.id == entry.id, entries.c.revision == expected_revision)
            .values(**_columns(entry))
        )
        if changed.rowcount != 1:
            raise EditConflict(CHANGED_MEANWHILE)
        if has_new_words:
            self._put_words(entry)
        self._connection.execute(
            delete(entry_categories).where(entry_categories.c.entry_id == entry.id)
        )
        self._put_categories(entry)

    def _put_words(self, entry: Entry) -> None:
        words = _words(entry)
        asked = {"of_entry": entry.id, "words": words}
        if not self._connection.execute(statements.CHANGE_WORDS, asked).rowcount:
            # Stored by a version of this program that knew of no words.
            self._connection.execute(statements.ADD_WORDS, {"entry_id": entry.id, "words": words})

    def _put_categories(self, entry: Entry) -> None:
        if entry.categories:
            self._connection.execute(
                statements.ADD_ENTRY_CATEGORIES,
                [
                    {"entry_id": entry.id, "position": position, "category_id": category.id}
                    for position, category in enumerate(entry.categories)
                ],
            )

    def _one(self, found_rows: CursorResult[Any], name: str) -> Entry:
        row = found_rows.one_or_none()
        if row is None:
            raise NotFound(Phrase("there is no article %(name)s", name=name))
        found, faults = self._build([row])
        if faults:
            raise NotFound(f"the stored article {name} is faulty: {faults[0].fault}")
        return found[0]

    def listed(self, query: Any) -> list[Entry]:
        """The entries of a query for whole rows of them, in its order."""
        return self._build(self._connection.execute(query).all())[0]

    def _build(self, rows: Sequence[Row[Any]]) -> tuple[list[Entry], list[FaultyEntry]]:
        """Entries of rows, in their order; one faulty row never hides the others."""
        of_entry: dict[str, list[Category]] = {row.id: [] for row in rows}
        for chunk in chunks(list(of_entry), 500):
            asked = {"entry_ids": chunk}
            for row in self._connection.execute(statements.CATEGORIES_OF_ENTRIES, asked):
                of_entry[row.entry_id].append(
                    _category(
                        row.slug,
                        row.name,
                        row.description,
                        row.id,
                        row.language,
                        row.content,
                        podcasts.unpacked(row.podcast),
                    )
                )
        found: list[Entry] = []
        faults: list[FaultyEntry] = []
        for row in rows:
            try:
                found.append(_remembered(row, tuple(of_entry[row.id])))
            except (ValueError, TypeError, KeyError) as error:
                faults.append(FaultyEntry(row.id, str(error)))
        return found, faults


def chunks(ids: list[str], size: int) -> list[list[str]]:
    """The ids in parts of at most ``size``, for one query each."""
    return [ids[start : start + size] for start in range(0, len(ids), size)]


def _words(entry: Entry) -> str:
    return words_of(entry.title, entry.author, entry.summary, entry.body)


def _columns(entry: Entry) -> dict[str, Any]:
    sources = [{"name": source.name, "url": source.url} for source in entry.sources]
    return {
        "slug": entry.slug or None,
        "title": entry.title,
        "author": entry.author,
        "summary": entry.summary,
        "body": entry.body,
        "sources": json.dumps(sources, ensure_ascii=False),
        "state": entry.state.value,
        "published": entry.published,
        "updated": entry.updated,
        "visible_at": entry.visible_at,
        "wall_time": entry.wall_time,
        "wall_zone": entry.wall_zone,
        "revision": entry.revision,
        "changed_at": entry.changed_at,
        "enclosures": json.dumps(packed(entry.enclosures), ensure_ascii=False),
    }


_entries: Remembered[Entry] = Remembered(4_000_000)
_category = lru_cache(maxsize=1000)(Category)


def _remembered(row: Row[Any], categories: tuple[Category, ...]) -> Entry:
    """The entry of a row, the same one for the same row: a window is read with each publish."""
    return _entries.get(
        (tuple(row), categories),
        lambda: _entry(row, categories),
        lambda entry: len(entry.body) + len(entry.summary) + len(entry.title),
    )


def _entry(row: Row[Any], categories: tuple[Category, ...]) -> Entry:
    return Entry(
        id=row.id,
        slug=row.slug or "",
        title=row.title,
        author=row.author,
        summary=row.summary,
        body=row.body,
        categories=categories,
        state=State(row.state),
        sources=tuple(Source(one["name"], one["url"]) for one in json.loads(row.sources)),
        published=row.published,
        updated=row.updated,
        visible_at=row.visible_at,
        wall_time=row.wall_time,
        wall_zone=row.wall_zone,
        revision=row.revision,
        changed_at=row.changed_at,
        enclosures=unpacked(json.loads(row.enclosures)),
    )
