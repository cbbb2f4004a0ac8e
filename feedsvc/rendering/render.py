"""``render(feed, entries, ...) -> bytes``: a feed as a pure function of its data.

No clock, no locale, no zone of the process: the same arguments give the same
bytes on any machine at any hour.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from html import escape
from types import MappingProxyType
from typing import Any

from lxml import etree

from feedsvc.characters import is_writable, presentable
from feedsvc.errors import RenderingError
from feedsvc.model import Category, Entry, Feed, FeedDocument, Format, Site, Tombstone, Window
from feedsvc.remembering import Remembered
from feedsvc.rendering import jsonfeed
from feedsvc.rendering.distinction import told_apart
from feedsvc.rendering.enclosures import absolute_url
from feedsvc.rendering.encodings import CODINGS, IDENTITY
from feedsvc.rendering.html import entry_html, summary_text
from feedsvc.rendering.repairs import (
    ATOM,
    CONTENT,
    DC,
    AtomFeed,
    BuryingAtomFeed,
    Generator,
    RssFeed,
    atom_entry,
    rss_entry,
    with_references,
)
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
            _title(feed, site),
            _description(feed, site),
            *_other_language(feed, site),
        ],
        [site.title, site.url, site.language, site.author],
        [window.full_content, window.most_bytes],
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
        lambda _: _size(entry),
    )


def _values(entry: Entry, site: Site) -> list[Any]:
    published, updated = _dates(entry)
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


def _size(entry: Entry) -> int:
    return len(entry.body) + len(entry.summary) + len(entry.title)


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
) -> Rendered:
    """The document, and what had to be left out of it.

    :param updated: instant of the feed's last change.
    :param tombstones: what was withdrawn; RSS has no word for it.
    :param entered: id -> when it entered this feed: where there is no room for all,
        those that entered it last are kept.
    """
    left_out: list[LeftOut] = []
    items: list[tuple[Entry, bytes]] = []
    for entry in ordered(entries):
        try:
            part = _part(entry, site, window.full_content, format, feed.language(site))
            items.append((entry, part))
        except Exception as error:  # whatever is wrong with one, the others go out
            left_out.append(LeftOut(entry.id, format, f"{type(error).__name__}: {error}"))
    if format is Format.ATOM:
        items = told_apart(items, [entry.id for entry in _last_entered_first(entries, entered)])
    head, end = _frame(feed, site, format, updated, tombstones)
    joint = _JOINTS.get(format, b"")
    room = window.most_bytes - len(head) - len(end)
    parts = [part for _, part in items]
    cut = 0
    if sum(len(part) + len(joint) for part in parts) > room:
        parts = _within(items, entered, room, joint)
        cut = len(items) - len(parts)
    return Rendered(format, b"".join((head, joint.join(parts), end)), tuple(left_out), cut)


def prepare(feed: Feed, entries: Iterable[Entry], site: Site, window: Window) -> None:
    """Make what ``render`` and ``fingerprint`` remember of entries, at leisure."""
    language = feed.language(site)
    for entry in entries:
        for format in Format:
            with suppress(Exception):  # render() tells
                _inputs(entry, site)
                _part(entry, site, window.full_content, format, language)


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


def _frame(
    feed: Feed, site: Site, format: Format, updated: datetime, tombstones: Sequence[Tombstone]
) -> tuple[bytes, bytes]:
    """What stands before and after the entries; feedgen puts those at the very end."""
    if format is Format.JSON:
        return jsonfeed.frame(_json_members(feed, site))
    whole = _written(_generator(feed, site, format, updated, tombstones), format)
    end = _ENDS[format]
    return whole.removesuffix(end), end


def _written(generator: Generator, format: Format) -> bytes:
    text: bytes = generator.rss_str() if format is Format.RSS else generator.atom_str()
    return with_references(text, is_channel=True)


def _last_entered_first(entries: Sequence[Entry], entered: Mapping[str, datetime]) -> list[Entry]:
    def key(entry: Entry) -> tuple[float, str]:
        instant = entered.get(entry.id) or entry.visible_at
        return -(instant.timestamp() if instant else 0.0), entry.id

    return sorted(entries, key=key)


def _generator(
    feed: Feed, site: Site, format: Format, updated: datetime, tombstones: Sequence[Tombstone]
) -> Generator:
    """The document but for its entries."""
    generator = Generator()
    generator.id(feed.urn)
    generator.title(_title(feed, site))
    generator.subtitle(_description(feed, site))
    generator.description(_description(feed, site))
    generator.language(feed.language(site))
    generator.generator("feedsvc")
    generator.docs("https://www.rssboard.org/rss-specification")
    if format is Format.ATOM:
        generator.author({"name": presentable(site.author or site.title)})
    generator.link(href=site.absolute(feed.path(format)), rel="self", type=format.media_type)
    # alternate last: feedgen makes the last link the RSS channel's (2).
    generator.link(href=site.absolute(feed.page_path), rel="alternate", type="text/html")
    if format is Format.RSS:
        generator.register_extension("feedsvc", RssFeed, None, False, True)
        generator.feedsvc.creator = presentable(site.author or site.title)
    else:
        extension = BuryingAtomFeed if tombstones else AtomFeed
        generator.register_extension("feedsvc", extension, None, True, False)
        generator.feedsvc.tombstones = tombstones
        # feedgen demands it, the extension writes it (7). Not in RSS: it would put
        # a second lastBuildDate there.
        generator.updated(updated)
    generator.feedsvc.updated = updated
    return generator


def documents(
    feed: Feed, format: Format, body: bytes, updated: datetime, next_due_at: datetime | None
) -> list[FeedDocument]:
    """A rendered feed in each encoding it is served in.

    The ETags are strong (RFC 9110 section 8.8.1): digests of the identity bytes,
    with the coding's name behind them where one is applied.
    """
    digest = hashlib.sha256(body).hexdigest()[:32]
    packed = {encoding: pack(body) for encoding, pack in CODINGS.items()}
    return [
        FeedDocument(
            path=feed.path(format),
            format=format,
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


def feed_title(category: Category | None, site: Site) -> str:
    """What a reader's list of subscriptions shows."""
    return f"{category.name} – {site.title}" if category else site.title


def _title(feed: Feed, site: Site) -> str:
    return presentable(feed_title(feed.category, site))


def _description(feed: Feed, site: Site) -> str:
    return presentable(_described(feed, site))


def _described(feed: Feed, site: Site) -> str:
    if feed.category:
        return feed.category.description or f"{feed.category.name}: articles of {site.title}"
    return site.description or f"All articles of {site.title}"


def _check(entry: Entry) -> None:
    # An empty title makes feedgen raise in Atom only (22); refused in both alike.
    if not presentable(entry.title).strip():
        raise RenderingError("the title is empty")
    for name in ("title", "author", "summary", "body"):
        if not is_writable(getattr(entry, name)):
            raise RenderingError(f"the {name} has a character that XML cannot carry")


def _rss_item(entry: Entry, site: Site, full_content: bool, _of_feed: str) -> Any:
    _check(entry)
    item, extra = rss_entry()
    item.title(presentable(entry.title))
    item.link(href=site.absolute(entry.path), rel="alternate")
    # id(), never guid(permalink=...): a later id() would reset the flag (14).
    item.id(entry.id)
    # RSS takes descriptions for HTML, so plain text is escaped; summary before
    # content, because description() would overwrite the content (12).
    item.summary(escape(summary_text(entry), quote=False))
    if full_content and (html := entry_html(entry, site)):
        item.content(html, type="html")
    item.category([{"term": category.slug, "label": category.name} for category in _named(entry)])
    # RSS has room for one; a player needs it, a picture stands in the content as well.
    enclosure = entry.recording or entry.picture
    if enclosure is not None and enclosure.is_known:
        url, length = absolute_url(enclosure, site), str(enclosure.length_bytes)
        item.enclosure(url=url, length=length, type=enclosure.media_type)
    extra.creator = _author(entry, site)
    extra.published, extra.updated = _dates(entry)
    return item.rss_entry()


def _atom_entry(entry: Entry, site: Site, full_content: bool, of_feed: str) -> Any:
    _check(entry)
    item, extra = atom_entry()
    item.id(entry.id)
    item.title(presentable(entry.title))
    item.summary(summary_text(entry))
    # Of nothing but a script nothing is left, and an empty content says that there is none.
    if full_content and (html := entry_html(entry, site)):
        # html, not xhtml (11) and not CDATA (10): any HTML is legal in it.
        item.content(html, type="html")
    # On each entry, though the feed has one: newsboat does not look there.
    item.author({"name": _author(entry, site)})
    item.category([{"term": category.slug, "label": category.name} for category in _named(entry)])
    # feedgen demands an alternate of an entry without content; the extension
    # then writes the links itself (1).
    item.link(href=site.absolute(entry.path), rel="alternate")
    extra.links = [
        {"rel": "alternate", "type": "text/html", "href": site.absolute(entry.path)},
        *(
            {
                "rel": "enclosure",
                "type": one.media_type,
                "length": str(one.length_bytes),
                "href": absolute_url(one, site),
            }
            for one in entry.enclosures
            if one.is_known
        ),
    ]
    extra.published, extra.updated = _dates(entry)
    if (language := entry.language(site)) != of_feed:
        extra.language = language
    item.updated(extra.updated)
    return item.atom_entry()


def _json_members(feed: Feed, site: Site) -> dict[str, Any]:
    return {
        "title": _title(feed, site),
        "home_page_url": site.absolute(feed.page_path),
        "feed_url": site.absolute(feed.path(Format.JSON)),
        "description": _description(feed, site),
        "authors": [{"name": presentable(site.author or site.title)}],
        "language": feed.language(site),
    }


def _json_item(entry: Entry, site: Site, full_content: bool) -> bytes:
    _check(entry)
    published, updated = _dates(entry)
    summary = summary_text(entry)
    html = entry_html(entry, site) if full_content else ""
    return jsonfeed.item(
        {
            "id": entry.id,
            "url": site.absolute(entry.path),
            "title": presentable(entry.title),
            "content_html": html,
            # One of both there must be.
            "content_text": "" if html else summary or entry.title,
            "summary": summary,
            "date_published": rfc3339(published),
            "date_modified": rfc3339(updated),
            "authors": [{"name": _author(entry, site)}],
            "tags": [category.name for category in _named(entry)],
            "language": entry.language(site),
            "image": absolute_url(entry.picture, site) if entry.picture else "",
            "attachments": [
                {
                    "url": absolute_url(one, site),
                    "mime_type": one.media_type,
                    "size_in_bytes": one.length_bytes,
                }
                for one in entry.enclosures
                if one.is_known
            ],
        }
    )


def _author(entry: Entry, site: Site) -> str:
    names = (presentable(name).strip() for name in (entry.author, site.author, site.title))
    return next(filter(None, names), "")


def _named(entry: Entry) -> list[Category]:
    # An empty label writes an empty <category>, and doubles stay (20).
    named = [replace(one, name=presentable(one.name) or one.slug) for one in entry.categories]
    return list({one.name: one for one in named if one.name.strip()}.values())


def _dates(entry: Entry) -> tuple[datetime, datetime]:
    if entry.published is None or entry.updated is None:
        raise RenderingError("it has no published or updated instant")
    return entry.published, entry.updated


_ELEMENTS: dict[Format, Callable[[Entry, Site, bool, str], Any]] = {
    Format.RSS: _rss_item,
    Format.ATOM: _atom_entry,
}
_ENDS = {Format.RSS: b"</channel></rss>", Format.ATOM: b"</feed>"}
# What stands between two entries.
_JOINTS = {Format.JSON: jsonfeed.JOINT}
# Where an entry's namespaces are declared while it is written: on the root, as in a feed.
_ROOTS: dict[Format, Callable[[], Any]] = {
    Format.RSS: lambda: etree.Element("rss", nsmap={"dc": DC, "atom": ATOM, "content": CONTENT}),
    Format.ATOM: lambda: etree.Element("feed"),
}


def _part(entry: Entry, site: Site, full_content: bool, format: Format, of_feed: str) -> bytes:
    """An entry as it stands in a document, made once for all the feeds that hold it.

    :param of_feed: tag of the language that the feed is in.
    """
    return _parts.get(
        (entry, site, full_content, format, of_feed),
        lambda: _made_part(entry, site, full_content, format, of_feed),
        lambda part: len(part) + _size(entry),
    )


def _made_part(entry: Entry, site: Site, full_content: bool, format: Format, of_feed: str) -> bytes:
    if format is Format.JSON:
        return _json_item(entry, site, full_content)
    root = _ROOTS[format]()
    root.append(_ELEMENTS[format](entry, site, full_content, of_feed))
    text: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=False)
    # Between the root's tags, neither of which has a > in an attribute.
    return with_references(text[text.index(b">") + 1 : text.rindex(b"</")])


_parts: Remembered[bytes] = Remembered(6_000_000)
_digests: Remembered[str] = Remembered(3_000_000)
