"""``render(feed, entries, ...) -> bytes``: a feed as a pure function of its data.

No clock, no locale, no zone of the process: the same arguments give the same
bytes on any machine at any hour.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import product
from types import MappingProxyType
from typing import Any

from feedsvc.errors import RenderingError
from feedsvc.model import (
    Content,
    Entry,
    Feed,
    FeedDocument,
    Format,
    Site,
    Tombstone,
    Window,
)
from feedsvc.podcasts import NO_EPISODE
from feedsvc.remembering import Remembered
from feedsvc.rendering.distinction import told_apart
from feedsvc.rendering.encodings import CODINGS, IDENTITY
from feedsvc.rendering.frame import Document, feed_description, feed_title, frame
from feedsvc.rendering.items import JOINTS, dates, is_in_podcast, part_of, size
from feedsvc.rendering.prolog import with_prolog
from feedsvc.timestamps import rfc3339

# Raised whenever the bytes of an unchanged entry change, or the codings they are
# stored in: the stored documents of an older version are then rendered anew.
RENDERER_VERSION = 5
NOTHING: Mapping[str, datetime] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Rendered:
    """A document in one format.

    :param body: UTF-8.
    :param left_out: entries that could not be written in it.
    :param cut: how many more had no room in ``window.most_bytes``.
    """

    format: Format
    body: bytes
    left_out: tuple[LeftOut, ...]
    cut: int
    second: Content | None = None

    @property
    def name(self) -> str:
        """What tells it from the others of its feed."""
        return f"{self.format}.{self.second}" if self.second else self.format.value


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An entry that could not be written in a format."""

    entry_id: str
    format: Format
    fault: str


def fingerprint(
    feed: Feed,
    entries: Sequence[Entry],
    site: Site,
    window: Window,
    tombstones: Sequence[Tombstone] = (),
    entered: Mapping[str, datetime] = NOTHING,
) -> str:
    """SHA-256, in hex, of everything that the documents of ``feed`` are made from.

    Equal fingerprints mean equal bytes but for the feed's own ``updated``.
    """
    inputs = [
        RENDERER_VERSION,
        [
            feed.urn,
            feed.slug,
            feed_title(feed, site),
            feed_description(feed, site),
            *_other_language(feed, site),
            feed.archives,
            # Of a feed that is no podcast the digest is what it was before there were any.
            *([asdict(feed.podcast)] if feed.podcast else []),
        ],
        [site.title, site.url, site.language, site.author, site.rights, site.logo],
        [feed.contents(window), window.most_bytes, window.max_age_seconds],
        [_inputs(entry, site) for entry in ordered(entries)],
        [[tombstone.entry_id, rfc3339(tombstone.deleted_at)] for tombstone in tombstones],
        # It decides what is left out where there is no room for all.
        [entry.id for entry in _last_entered_first(entries, entered)],
    ]
    return _digest(_json(inputs))


def _inputs(entry: Entry, site: Site) -> str:
    """A digest of what stands in an entry's elements, made once for all its feeds."""
    return _digests.get(
        (entry, site.language),
        lambda: _digest(_json(_values(entry, site))),
        lambda _: size(entry),
    )


def _values(entry: Entry, site: Site) -> list[Any]:
    published, updated = dates(entry)
    return [
        entry.id,
        entry.slug,
        entry.title,
        entry.author,
        entry.summary,
        entry.body,
        [[source.name, source.url] for source in entry.sources],
        [[category.slug, category.name] for category in entry.categories],
        *_other_language(entry, site),
        rfc3339(published),
        rfc3339(updated),
        # Of an entry without any the digest is what it was before there were any.
        *(
            [one.url, one.media_type, one.length_bytes, one.alt, one.width, one.height]
            + ([asdict(one.episode)] if one.episode != NO_EPISODE else [])
            for one in entry.enclosures
        ),
    ]


def _other_language(said: Feed | Entry, site: Site) -> list[str]:
    """The language of a feed or an entry where it is not the site's.

    Nothing where it is: sites of one language keep the fingerprints that they had.
    """
    language = said.language(site)
    return [language] if language != site.language else []


def _json(values: list[Any]) -> str:
    # Lone surrogates in a faulty row must not stop the others.
    return json.dumps(values, ensure_ascii=True, separators=(",", ":"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def ordered(entries: Sequence[Entry]) -> list[Entry]:
    """Newest first by instant; two of one second by id, so that order is stable.

    :raises RenderingError: an id stands twice, or an entry has no ``published``.
    """
    ids = {entry.id for entry in entries}
    if len(ids) != len(entries):
        raise RenderingError("an entry stands twice in one feed")

    def newest_first(entry: Entry) -> tuple[float, str]:
        if entry.published is None:
            raise RenderingError(f"{entry.id} is not published")
        return -entry.published.timestamp(), entry.id

    return sorted(entries, key=newest_first)


def render(
    feed: Feed,
    entries: Sequence[Entry],
    site: Site,
    window: Window,
    format: Format,
    updated: datetime,
    tombstones: Sequence[Tombstone] = (),
    entered: Mapping[str, datetime] = NOTHING,
    *,
    second: Content | None = None,
    archive: int = 0,
) -> Rendered:
    """The document, and what had to be left out of it.

    :param updated: instant of the feed's last change.
    :param tombstones: what was withdrawn; RSS has no word for it.
    :param entered: id -> when it entered this feed: where there is no room for all,
        those that entered it last are kept.
    :param second: the content of a document beside the feed's main ones.
    :param archive: the number of the archive document that this is (RFC 5005 section 4).
    """
    language, is_podcast = feed.language(site), is_in_podcast(feed, format, second)
    left_out: list[LeftOut] = []
    items: list[tuple[Entry, bytes]] = []
    is_full = (second or feed.contents(window)[0]) is Content.FULL
    document = Document(feed, format, second, archive)
    for entry in ordered(entries):
        try:
            part = part_of(entry, site, is_full, format, language, is_podcast)
            items.append((entry, part))
        except Exception as error:  # whatever is wrong with one, the others go out
            left_out.append(LeftOut(entry.id, format, f"{type(error).__name__}: {error}"))
    if format is Format.ATOM:
        items = told_apart(items, [entry.id for entry in _last_entered_first(entries, entered)])
    head, end = frame(document, site, window, updated, tombstones)
    if format is not Format.JSON:
        head = with_prolog(head, feed, site, RENDERER_VERSION)
    joint = JOINTS.get(format, b"")
    room = window.most_bytes - len(head) - len(end)
    parts = [part for _, part in items]
    cut = 0
    if not archive and sum(len(part) + len(joint) for part in parts) > room:
        parts = _within(items, entered, room, joint)
        cut = len(items) - len(parts)
    body = b"".join((head, joint.join(parts), end))
    return Rendered(format, body, tuple(left_out), cut, second)


def longest_parts(
    feed: Feed, entries: Iterable[Entry], site: Site, window: Window
) -> dict[str, int]:
    """How many bytes each entry takes where it takes most, by id.

    0 where it cannot be written at all; ``render`` tells.
    """
    language = feed.language(site)
    found: dict[str, int] = {}
    for entry in entries:
        found[entry.id] = 0
        for format, content in product(Format, feed.contents(window)):
            with suppress(Exception):
                is_podcast = is_in_podcast(feed, format)
                part = part_of(entry, site, content is Content.FULL, format, language, is_podcast)
                # A fraction of a second and what stands between two entries come to it.
                found[entry.id] = max(found[entry.id], len(part) + 10)
    return found


def prepare(feed: Feed, entries: Sequence[Entry], site: Site, window: Window) -> None:
    """Make what ``render`` and ``fingerprint`` remember of entries, at leisure."""
    longest_parts(feed, entries, site, window)
    for entry in entries:
        with suppress(Exception):  # render() tells
            _inputs(entry, site)


def _within(
    items: Sequence[tuple[Entry, bytes]],
    entered: Mapping[str, datetime],
    room: int,
    joint: bytes,
) -> list[bytes]:
    """As many entries as fit, those of the last entered before the others; one at least."""
    parts = {entry.id: part for entry, part in items}
    fitting: set[str] = set()
    for entry in _last_entered_first([entry for entry, _ in items], entered):
        room -= len(parts[entry.id]) + len(joint)
        if room < 0 and fitting:
            break
        fitting.add(entry.id)
    return [part for entry, part in items if entry.id in fitting]


def _last_entered_first(entries: Sequence[Entry], entered: Mapping[str, datetime]) -> list[Entry]:
    def key(entry: Entry) -> tuple[float, str]:
        instant = entered.get(entry.id) or entry.visible_at
        return -(instant.timestamp() if instant else 0.0), entry.id

    return sorted(entries, key=key)


def documents(
    feed: Feed,
    format: Format,
    body: bytes,
    updated: datetime,
    next_due_at: datetime | None,
    second: Content | None = None,
) -> list[FeedDocument]:
    """A rendered feed in each encoding it is served in.

    The ETags are strong (RFC 9110 section 8.8.1): digests of the identity bytes,
    with the coding's name behind them where one is applied.
    """
    digest = hashlib.sha256(body).hexdigest()[:32]
    packed = {encoding: pack(body) for encoding, pack in CODINGS.items()}
    return [
        FeedDocument(
            path=feed.path(format, second),
            format=format,
            second=second,
            encoding=encoding,
            etag=etag,
            body=content,
            updated=updated,
            next_due_at=next_due_at,
        )
        for encoding, etag, content in (
            (IDENTITY, digest, body),
            *((encoding, f"{digest}-{encoding}", part) for encoding, part in packed.items()),
        )
    ]


_digests: Remembered[str] = Remembered(3_000_000)
