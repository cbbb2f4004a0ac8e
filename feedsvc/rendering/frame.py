"""What stands around the entries of a document: the feed's own elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any

from feedsvc.characters import presentable
from feedsvc.model import Content, Feed, Format, Site, Tombstone, Window
from feedsvc.rendering import jsonfeed
from feedsvc.rendering.podcast import add_podcast
from feedsvc.rendering.repairs import (
    ArchivedAtomFeed,
    AtomFeed,
    BuryingAtomFeed,
    Generator,
    RssFeed,
    with_references,
)

# Drawn by us; what stands for a site that has no logo of its own. RSS wants at most 144
# pixels, Atom a logo twice as wide as high and a square icon, JSON Feed a large square.
OUR_LOGO = "/static/feed-logo.png"
OUR_BANNER = "/static/feed-logo-wide.png"
OUR_ICON = "/static/icon-512.png"
OUR_FAVICON = "/static/icon-192.png"

_ENDS = {Format.RSS: b"</channel></rss>", Format.ATOM: b"</feed>"}
_PERIODS = (("hourly", 3_600), ("daily", 86_400))
_BESIDE = {Content.FULL: "full text", Content.SUMMARY: "summaries"}


@dataclass(frozen=True, slots=True)
class Document:
    """One of a feed's documents.

    :param second: its content, where it is one beside the feed's main ones.
    :param archive: its number among the archive documents (RFC 5005 section 4), 0 of none.
    """

    feed: Feed
    format: Format
    second: Content | None = None
    archive: int = 0

    @property
    def path(self) -> str:
        """Its address below the site's."""
        if self.archive:
            return self.feed.archive_path(self.archive, self.format, self.second)
        return self.feed.path(self.format, self.second)

    @property
    def previous(self) -> str:
        """The path of the archive document with what is older, or ""."""
        older = self.archive - 1 if self.archive else self.feed.archives
        return self.feed.archive_path(older, self.format, self.second) if older else ""

    @property
    def links(self) -> list[tuple[str, str]]:
        """How it stands to other documents of its feed: relation and path (RFC 5005)."""
        found = [("prev-archive", self.previous)] if self.previous else []
        if self.archive:
            found.append(("current", self.feed.path(self.format, self.second)))
        return found


def feed_title(feed: Feed, site: Site, second: Content | None = None) -> str:
    """What a reader's list of subscriptions shows."""
    title = f"{feed.name} – {site.title}" if feed.name else site.title
    return presentable(f"{title} ({_BESIDE[second]})" if second else title)


def feed_description(feed: Feed, site: Site) -> str:
    """What there is to read in a feed."""
    if feed.author:
        return presentable(f"Articles by {feed.name} in {site.title}")
    if feed.category:
        return presentable(feed.category.description or f"{feed.name}: articles of {site.title}")
    return presentable(site.description or f"All articles of {site.title}")


def minutes_to_live(max_age_seconds: int) -> int:
    """RSS 2.0's ``ttl``: no less than what Cache-Control allows a cache."""
    return max(1, ceil(max_age_seconds / 60))


def update_rhythm(max_age_seconds: int) -> tuple[str, int]:
    """``sy:updatePeriod`` and ``sy:updateFrequency``: as often as Cache-Control allows."""
    period, seconds = next(
        (one for one in _PERIODS if max_age_seconds <= one[1] // 2), ("daily", 86_400)
    )
    return period, max(1, seconds // max(1, max_age_seconds))


def frame(
    document: Document,
    site: Site,
    window: Window,
    updated: datetime,
    tombstones: Sequence[Tombstone],
) -> tuple[bytes, bytes]:
    """What stands before and after the entries; feedgen puts those at the very end."""
    if document.format is Format.JSON:
        return jsonfeed.frame(_json_members(document, site))
    if document.format is Format.RSS:
        text: bytes = _rss(document, site, window, updated).rss_str()
    else:
        text = _atom(document, site, updated, tombstones).atom_str()
    whole, end = with_references(text, is_channel=True), _ENDS[document.format]
    return whole.removesuffix(end), end


def _generator(document: Document, site: Site) -> Generator:
    """What RSS and Atom have alike."""
    feed = document.feed
    generator = Generator()
    generator.id(feed.urn_of(document.second))
    generator.title(feed_title(feed, site, document.second))
    generator.subtitle(feed_description(feed, site))
    generator.description(feed_description(feed, site))
    generator.language(feed.language(site))
    generator.generator("feedsvc")
    if site.rights:
        generator.rights(presentable(site.rights))
    own = site.absolute(document.path)
    generator.link(href=own, rel="self", type=document.format.media_type)
    return generator


def _rss(document: Document, site: Site, window: Window, updated: datetime) -> Generator:
    generator = _generator(document, site)
    generator.docs("https://www.rssboard.org/rss-specification")
    page = site.absolute(document.feed.page_path)
    # alternate last: feedgen makes the last link the RSS channel's (2).
    generator.link(href=page, rel="alternate", type="text/html")
    title = feed_title(document.feed, site, document.second)
    generator.image(url=logo_of(site, OUR_LOGO), title=title, link=page)
    generator.register_extension("feedsvc", RssFeed, None, False, True)
    if document.feed.podcast and document.second is None:
        add_podcast(generator, document.feed.podcast, site)
    generator.feedsvc.creator = feed_author(document.feed, site)
    generator.feedsvc.updated = updated
    generator.feedsvc.is_archive = document.archive > 0
    generator.feedsvc.links = [
        (relation, document.format.media_type, site.absolute(path))
        for relation, path in document.links
    ]
    if window.max_age_seconds and not document.archive:
        generator.ttl(str(minutes_to_live(window.max_age_seconds)))
        generator.feedsvc.rhythm = update_rhythm(window.max_age_seconds)
    return generator


def _atom(
    document: Document, site: Site, updated: datetime, tombstones: Sequence[Tombstone]
) -> Generator:
    generator = _generator(document, site)
    generator.author({"name": feed_author(document.feed, site)})
    for relation, path in document.links:
        href, media_type = site.absolute(path), document.format.media_type
        generator.link(href=href, rel=relation, type=media_type)
    page = site.absolute(document.feed.page_path)
    generator.link(href=page, rel="alternate", type="text/html")
    if not site.logo:
        generator.icon(site.absolute(OUR_FAVICON))
    generator.logo(logo_of(site, OUR_BANNER))
    extension = BuryingAtomFeed if tombstones else AtomFeed
    if document.archive:
        extension = ArchivedAtomFeed
    generator.register_extension("feedsvc", extension, None, True, False)
    generator.feedsvc.tombstones = tombstones
    generator.feedsvc.updated = updated
    # feedgen demands it, the extension writes it (7). Not in RSS: it would put
    # a second lastBuildDate there.
    generator.updated(updated)
    return generator


def _json_members(document: Document, site: Site) -> dict[str, Any]:
    feed = document.feed
    return {
        "title": feed_title(feed, site, document.second),
        "home_page_url": site.absolute(feed.page_path),
        "feed_url": site.absolute(document.path),
        "description": feed_description(feed, site),
        # What is older, by JSON Feed's own paging.
        "next_url": site.absolute(document.previous) if document.previous else "",
        # A square; a site's own logo is none.
        "icon": "" if site.logo else site.absolute(OUR_ICON),
        "favicon": "" if site.logo else site.absolute(OUR_FAVICON),
        "authors": [{"name": feed_author(feed, site)}],
        "language": feed.language(site),
    }


def feed_author(feed: Feed, site: Site) -> str:
    """Who is named where an entry names nobody."""
    return presentable(feed.author.name if feed.author else site.author or site.title)


def logo_of(site: Site, ours: str) -> str:
    """The address of the site's logo, or of a picture of ours."""
    logo = site.logo or ours
    return site.absolute(logo) if logo.startswith("/") else logo
