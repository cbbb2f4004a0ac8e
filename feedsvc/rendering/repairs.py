"""What feedgen 1.0.0 gets wrong, mended in extensions and one subclass.

Two families, registered apart, so that the namespaces of one format do not leak
into the other. The numbers are those of docs/notes/feedgen.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from feedgen.entry import FeedEntry
from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from lxml import etree

from feedsvc.model import Tombstone
from feedsvc.timestamps import rfc3339

ATOM = "http://www.w3.org/2005/Atom"
TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"
CONTENT = "http://purl.org/rss/1.0/modules/content/"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
DC = "http://purl.org/dc/elements/1.1/"
SYNDICATION = "http://purl.org/rss/1.0/modules/syndication/"
HISTORY = "http://purl.org/syndication/history/1.0"


def rfc822(instant: datetime) -> str:
    """RFC 822 with a four-digit year, UTC as ``+0000``, whatever the locale (8)."""
    return format_datetime(instant.astimezone(UTC))


# Text that is no HTML. The description of an RSS item is HTML; that of the channel is not. Not
# in attributes, where Atom's categories have theirs: a reader knows &amp; alone there.
_PLAIN = (
    rb"title|category|summary|subtitle|rights|copyright|name"
    rb"|(?!content:)[a-z]+:(?:creator|author|title|name|description|summary)"
)
_ITEM_TEXT = re.compile(rb"<(" + _PLAIN + rb")(?: [^>]*)?>[^<]+</\1>")
_CHANNEL_TEXT = re.compile(rb"<(" + _PLAIN + rb"|description)(?: [^>]*)?>[^<]+</\1>")
# What would be one character in UTF-8, were it bytes: the validator of the W3C takes it for that.
_TWICE_ENCODED = re.compile(rb"\xc3([\x82\x83])(?=\xc2[\x80-\xbf])")


def with_references(xml: bytes, *, is_channel: bool = False) -> bytes:
    """The same XML with & and < of plain text as readers of RSS understand them best.

    The RSS Advisory Board's Best Practices Profile ("Character data"): hexadecimal references
    there, because many readers take ``&lt;`` in a title for the beginning of HTML.
    """

    def referred(text: re.Match[bytes]) -> bytes:
        return text[0].replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;")

    xml = (_CHANNEL_TEXT if is_channel else _ITEM_TEXT).sub(referred, xml)
    return _TWICE_ENCODED.sub(lambda it: b"&#x%X;" % (0x40 + it[1][0]), xml)


class Generator(FeedGenerator):  # type: ignore[misc]
    """feedgen's generator without the clock.

    It sets lastBuildDate to the moment of construction (4) and prints it under a
    process-wide ``setlocale`` (8). Taking the value away is the only way to stop
    both; the feed extensions below write the date from the data.
    """

    def __init__(self) -> None:
        super().__init__()
        self._FeedGenerator__rss_lastBuildDate = None


class RssFeed(BaseExtension):  # type: ignore[misc]
    """RSS 2.0 channel: ``lastBuildDate`` from the data (4, 8), an author (13), more links (3).

    And the syndication module as it is written (16).
    """

    updated: datetime
    creator: str
    # Relation, media type, address.
    links: Sequence[tuple[str, str, str]] = ()
    # Of an archive document (RFC 5005 section 4).
    is_archive: bool = False
    # How often it changes: a period, and how many times in it.
    rhythm: tuple[str, int] | None = None

    def extend_ns(self) -> dict[str, str]:
        """The namespaces that items need, and its own."""
        found = {"dc": DC}
        if self.rhythm:
            found["sy"] = SYNDICATION
        if self.is_archive:
            found["fh"] = HISTORY
        return found

    def extend_rss(self, feed: Any) -> Any:
        """Called by feedgen with the ``rss`` element before items are added."""
        channel = feed[0]
        etree.SubElement(channel, "lastBuildDate").text = rfc822(self.updated)
        etree.SubElement(channel, f"{{{DC}}}creator").text = self.creator
        if self.rhythm:
            period, frequency = self.rhythm
            etree.SubElement(channel, f"{{{SYNDICATION}}}updatePeriod").text = period
            etree.SubElement(channel, f"{{{SYNDICATION}}}updateFrequency").text = str(frequency)
        if self.is_archive:
            etree.SubElement(channel, f"{{{HISTORY}}}archive")
        for relation, media_type, href in self.links:
            link = {"rel": relation, "type": media_type, "href": href}
            etree.SubElement(channel, f"{{{ATOM}}}link", link)
        return feed


class RssEntry(BaseEntryExtension):  # type: ignore[misc]
    """RSS 2.0 item: dates (7, 8, 15) and an author without an address (13)."""

    published: datetime
    updated: datetime
    creators: Sequence[str] = ()
    # Where it is not the channel's.
    language: str = ""

    def extend_rss(self, item: Any) -> Any:
        """Called by feedgen with the finished ``item``."""
        if self.language:
            etree.SubElement(item, f"{{{DC}}}language").text = self.language
        for creator in self.creators:
            etree.SubElement(item, f"{{{DC}}}creator").text = creator
        etree.SubElement(item, "pubDate").text = rfc822(self.published)
        etree.SubElement(item, f"{{{ATOM}}}updated").text = rfc3339(self.updated)
        return item


class AtomFeed(BaseExtension):  # type: ignore[misc]
    """RFC 4287 section 4.1.1: ``updated`` in the form all readers take (7)."""

    updated: datetime

    def extend_atom(self, feed: Any) -> Any:
        """Called by feedgen with the ``feed`` element before entries are added."""
        # feedgen's Atom elements carry no namespace, the root has it as a plain
        # attribute (21); so do those added here.
        feed.find("updated").text = rfc3339(self.updated)
        _say_plain_text(feed)
        return feed


class BuryingAtomFeed(AtomFeed):
    """RFC 6721: what was withdrawn, each as an ``at:deleted-entry``.

    Apart, so that a feed without any does not carry the namespace.
    """

    tombstones: Sequence[Tombstone]

    def extend_ns(self) -> dict[str, str]:
        """The namespace of tombstones."""
        return {"at": TOMBSTONES}

    def extend_atom(self, feed: Any) -> Any:
        """Called by feedgen with the ``feed`` element before entries are added."""
        for tombstone in self.tombstones:
            etree.SubElement(
                feed,
                f"{{{TOMBSTONES}}}deleted-entry",
                ref=tombstone.entry_id,
                when=rfc3339(tombstone.deleted_at),
            )
        return super().extend_atom(feed)


class ArchivedAtomFeed(AtomFeed):
    """RFC 5005 section 4: an archive document says that it is one."""

    def extend_ns(self) -> dict[str, str]:
        """The namespace of feed history."""
        return {"fh": HISTORY}

    def extend_atom(self, feed: Any) -> Any:
        """Called by feedgen with the ``feed`` element before entries are added."""
        etree.SubElement(feed, f"{{{HISTORY}}}archive")
        return super().extend_atom(feed)


class AtomEntry(BaseEntryExtension):  # type: ignore[misc]
    """RFC 4287 section 4.1.2: dates (7) and links with all they say (1)."""

    published: datetime
    updated: datetime
    # Where it is not the feed's: feedgen gives one to the whole feed only.
    language: str = ""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[dict[str, str]] = []

    def extend_atom(self, entry: Any) -> Any:
        """Called by feedgen with the finished ``entry``."""
        if self.language:
            entry.set(XML_LANG, self.language)
        entry.find("updated").text = rfc3339(self.updated)
        _say_plain_text(entry)
        etree.SubElement(entry, "published").text = rfc3339(self.published)
        for broken in entry.findall("link"):
            entry.remove(broken)
        for link in self.links:
            etree.SubElement(entry, "link", **link)
        return entry


def _say_plain_text(element: Any) -> None:
    """RFC 4287 section 3.1.1: ``text`` is meant where nothing is said, but not all readers
    know; feedgen never says it (22).
    """
    for name in ("title", "subtitle", "summary"):
        for construct in element.findall(name):
            construct.set("type", "text")


def rss_entry() -> tuple[FeedEntry, RssEntry]:
    """A new item and its extension."""
    entry = FeedEntry()
    entry.register_extension("feedsvc", RssEntry, False, True)
    return entry, entry.feedsvc


def atom_entry() -> tuple[FeedEntry, AtomEntry]:
    """A new Atom entry and its extension."""
    entry = FeedEntry()
    entry.register_extension("feedsvc", AtomEntry, True, False)
    return entry, entry.feedsvc
