"""What was saved of each entry, and what is being typed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, select
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from feedsvc.model import (
    Category,
    Enclosure,
    Entry,
    Source,
    State,
    picture_of,
    recording_of,
)
from feedsvc.storage import enclosures, statements
from feedsvc.storage.schema import editors, versions, working_copies

# Of one editor; who types more begins to lose the oldest.
MOST_WORKING_COPIES = 100


@dataclass(frozen=True, slots=True)
class Version:
    """One state in which an entry was saved.

    :param editor: the name of whoever pressed the button; "" for the clock or an import.
    :param action: what the button asks for.
    :param categories: as they were called then.
    """

    revision: int
    saved_at: datetime
    editor: str
    action: str
    title: str
    author: str
    summary: str
    body: str
    slug: str
    state: State
    sources: tuple[Source, ...]
    categories: tuple[Category, ...]
    published: datetime | None
    enclosures: tuple[Enclosure, ...] = ()

    @property
    def picture(self) -> Enclosure | None:
        """The one of its enclosures that is a picture."""
        return picture_of(self.enclosures)

    @property
    def recording(self) -> Enclosure | None:
        """The one of its enclosures that is to be played."""
        return recording_of(self.enclosures)


@dataclass(frozen=True, slots=True)
class WorkingCopy:
    """What stood in an editor's form a moment ago.

    :param window: tells the editor's windows apart.
    :param revision: of the entry that the form was opened with; 0 of a new one.
    :param fields: name and value, as a browser sends them.
    """

    entry_id: str
    editor: str
    window: str
    revision: int
    kept_at: datetime
    title: str
    fields: tuple[tuple[str, str], ...]


class LastSave(NamedTuple):
    """When an entry was saved last, as which revision, and by whom."""

    revision: int
    saved_at: datetime
    editor: str


class HistoryRows:
    """Reading and writing both inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # Versions

    def keep(self, entry: Entry, editor: str, action: str, before: Entry | None) -> None:
        """Keep a state that is being saved, and the one before it if nobody did."""
        if before is not None:
            found = self._connection.execute(
                statements.HAS_VERSION, {"entry_id": before.id, "revision": before.revision}
            )
            if found.first() is None:
                self._add(before, "", "")
        self._add(entry, editor, action)

    def _add(self, entry: Entry, editor: str, action: str) -> None:
        self._connection.execute(
            statements.ADD_VERSION,
            {
                "entry_id": entry.id,
                "revision": entry.revision,
                "saved_at": entry.changed_at,
                "editor": editor,
                "action": action,
                "content": _packed(entry),
            },
        )

    def versions_of(self, entry_id: str, *, limit: int, before: int | None = None) -> list[Version]:
        """The last versions of an entry, the newest first.

        :param before: only those with a smaller revision.
        """
        query = select(versions).where(versions.c.entry_id == entry_id)
        if before is not None:
            query = query.where(versions.c.revision < before)
        query = query.order_by(versions.c.revision.desc()).limit(limit)
        return [_version(row) for row in self._connection.execute(query)]

    def last_save(self, entry_id: str) -> LastSave | None:
        """Who made the last version and when, without what it says; None where there is none."""
        query = (
            select(versions.c.revision, versions.c.saved_at, versions.c.editor)
            .where(versions.c.entry_id == entry_id)
            .order_by(versions.c.revision.desc())
            .limit(1)
        )
        row = self._connection.execute(query).one_or_none()
        return LastSave(*row) if row else None

    def version(self, entry_id: str, revision: int) -> Version | None:
        """One of them, or None."""
        query = select(versions).where(
            versions.c.entry_id == entry_id, versions.c.revision == revision
        )
        row = self._connection.execute(query).one_or_none()
        return _version(row) if row else None

    # Working copies

    def keep_typed(
        self,
        entry_id: str,
        editor_id: int,
        *,
        window: str,
        revision: int,
        title: str,
        fields: Sequence[tuple[str, str]],
        now: datetime,
    ) -> None:
        """Keep what stands in a window's form, in the place of what stood there."""
        values = {
            "revision": revision,
            "kept_at": now,
            "title": title,
            "content": json.dumps(fields),
        }
        is_sqlite = self._connection.dialect.name == "sqlite"
        inserted = (insert_sqlite if is_sqlite else insert_postgresql)(working_copies)
        # Two at once: the later one stays.
        self._connection.execute(
            inserted.values(
                entry_id=entry_id, editor_id=editor_id, window=window, **values
            ).on_conflict_do_update(index_elements=["entry_id", "editor_id", "window"], set_=values)
        )
        kept = (
            select(working_copies.c.entry_id, working_copies.c.window)
            .where(working_copies.c.editor_id == editor_id)
            .order_by(working_copies.c.kept_at.desc())
            .offset(MOST_WORKING_COPIES)
            .limit(MOST_WORKING_COPIES)
        )
        for old in self._connection.execute(kept).all():
            self.forget_typed(old.entry_id, editor_id, old.window)

    def forget_typed(self, entry_id: str, editor_id: int, window: str) -> None:
        """It was saved, or is not wanted."""
        self._connection.execute(
            delete(working_copies).where(
                working_copies.c.entry_id == entry_id,
                working_copies.c.editor_id == editor_id,
                working_copies.c.window == window,
            )
        )

    def typed(self, entry_id: str, editor_id: int, *, limit: int) -> list[WorkingCopy]:
        """What an editor has typed of an entry and not saved, the newest first."""
        query = (
            _COPIES.where(
                working_copies.c.entry_id == entry_id, working_copies.c.editor_id == editor_id
            )
            .order_by(working_copies.c.kept_at.desc(), working_copies.c.window)
            .limit(limit)
        )
        return [_copy(row) for row in self._connection.execute(query)]

    def typed_by(self, editor_id: int, *, limit: int) -> list[WorkingCopy]:
        """All that an editor has typed and not saved, the newest first."""
        query = (
            _COPIES.where(working_copies.c.editor_id == editor_id)
            .order_by(working_copies.c.kept_at.desc(), working_copies.c.entry_id)
            .limit(limit)
        )
        return [_copy(row) for row in self._connection.execute(query)]

    def typed_by_others(self, entry_id: str, editor_id: int, since: datetime) -> list[WorkingCopy]:
        """Who else has been typing in an entry's form since then, the last first."""
        query = (
            _COPIES.where(
                working_copies.c.entry_id == entry_id,
                working_copies.c.editor_id != editor_id,
                working_copies.c.kept_at >= since,
            )
            .order_by(working_copies.c.kept_at.desc())
            .limit(10)
        )
        return [_copy(row) for row in self._connection.execute(query)]


_COPIES = select(working_copies, editors.c.name.label("editor")).join(
    editors, editors.c.id == working_copies.c.editor_id
)


def _copy(row: Row[Any]) -> WorkingCopy:
    return WorkingCopy(
        entry_id=row.entry_id,
        editor=row.editor,
        window=row.window,
        revision=row.revision,
        kept_at=row.kept_at,
        title=row.title,
        fields=tuple((name, value) for name, value in json.loads(row.content)),
    )


def _packed(entry: Entry) -> str:
    return json.dumps(
        {
            "title": entry.title,
            "author": entry.author,
            "summary": entry.summary,
            "body": entry.body,
            "slug": entry.slug,
            "state": entry.state.value,
            "sources": [[source.name, source.url] for source in entry.sources],
            "categories": [[one.id, one.slug, one.name] for one in entry.categories],
            "published": entry.published.isoformat() if entry.published else None,
            "enclosures": enclosures.packed(entry.enclosures),
        },
        ensure_ascii=False,
    )


def _version(row: Row[Any]) -> Version:
    found = json.loads(row.content)
    return Version(
        revision=row.revision,
        saved_at=row.saved_at,
        editor=row.editor,
        action=row.action,
        title=found["title"],
        author=found["author"],
        summary=found["summary"],
        body=found["body"],
        slug=found["slug"],
        state=State(found["state"]),
        sources=tuple(Source(name, url) for name, url in found["sources"]),
        categories=tuple(Category(slug, name, id=id) for id, slug, name in found["categories"]),
        published=datetime.fromisoformat(found["published"]) if found["published"] else None,
        # Kept before there were any.
        enclosures=enclosures.unpacked(found.get("enclosures", [])),
    )
